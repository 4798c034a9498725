//! More work than there is room for.

use std::time::Duration;

use chorus::Limits;
use chorus_node::{Fault, Requests};

use crate::stage::{Stage, eventually};

#[tokio::test]
async fn f80_a_slow_consumer_stops_the_pages_and_nobody_else() {
    let stage = Stage::of(1).await;
    let insert = stage.prepare("INSERT INTO ks.wide (part, n, pad) VALUES (1, ?, ?)").await.idempotent(true);
    let pad = "x".repeat(1_000);
    stage.session.bulk(&insert).load((0..4_000).map(|n| (n, pad.as_str()))).await.expect("written");
    let select = stage.prepare("SELECT n, pad FROM ks.wide WHERE part = 1").await.page_size(100);
    // It delays nothing, and counts.
    let pages =
        stage.cluster.faults().add(Requests::containing("from ks.wide"), Fault::Delay(Duration::ZERO));
    let asked = || stage.cluster.faults().fired(pages).expect("it is there");
    let mut rows = stage.session.execute_iter(&select, ()).await.expect("read");
    let received = stage.session.metrics().await.expect("metrics").traffic.bytes_received;
    let first = rows.next_page().await.expect("read").expect("the first page");
    assert_eq!(first.row_count(), 100);
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        // Others are served on the same connection.
        stage.session.query("SELECT key FROM system.local", ()).await.expect("served");
    }
    eventually("the page after it is asked for", async || asked() == 2).await;
    assert_eq!(asked(), 2, "the page that is read and the one after it");
    let held = stage.session.metrics().await.expect("metrics").traffic.bytes_received - received;
    assert!(held < 4 * 100 * 1_100, "{held} bytes for a consumer that has read one page");
    let mut seen = first.row_count();
    while let Some(page) = rows.next_page().await.expect("read") {
        seen += page.row_count();
    }
    assert_eq!(seen, 4_000);
}

#[tokio::test]
async fn f83_full_queues_make_callers_wait_and_grow_no_further() {
    let limits = Limits { in_flight_per_connection: 4, queued_per_reactor: 8, ..Limits::default() };
    let stage =
        Stage::with(1, |builder| builder.limits(limits).request_timeout(Duration::from_secs(60))).await;
    let insert = stage.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await;
    stage.cluster.faults().add(Requests::containing("numbers"), Fault::Delay(Duration::from_millis(20)));
    let calls = futures::future::join_all((0..400).map(|id| stage.session.execute(&insert, (id, id))));
    let watch = async {
        let mut deepest = (0, 0);
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let metrics = stage.session.metrics().await.expect("metrics");
            let queued: u64 = metrics.actors.iter().map(|actor| actor.queue_depth).sum();
            deepest = (deepest.0.max(queued), deepest.1.max(metrics.in_flight));
        }
        deepest
    };
    let (outcomes, (queued, in_flight)) = tokio::join!(calls, watch);
    assert!(outcomes.iter().all(Result::is_ok), "everybody is served in his turn");
    // The inbox, the coordinator's waiting list behind it, and a window of the connection's queue.
    assert!((1..=400).contains(&queued) && queued < 4_096 + 8 + 8, "{queued} queued");
    assert!(
        (1..=8).contains(&in_flight),
        "{in_flight} in flight or queued on a connection with a window of 4"
    );
    let metrics = stage.session.metrics().await.expect("metrics");
    assert_eq!(
        (metrics.in_flight, metrics.actors.iter().map(|actor| actor.queue_depth).sum::<u64>()),
        (0, 0)
    );
}

use std::time::Duration;

use chorus_actors::MetricsSnapshot;
use chorus_node::{Fault, Requests};

use crate::support::*;

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn f20_the_answer_to_a_dropped_request_reaches_nobody() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    let slow = Requests::containing("cluster_name").times(1);
    let (received, held) = (cluster.watch(slow.clone()), cluster.faults().add(slow, Fault::Hold));
    {
        let dropped = query(&engine, "SELECT cluster_name FROM system.local", reads(LONG));
        tokio::select! {
            outcome = dropped => panic!("its answer is held back: {:?}", outcome.is_ok()),
            () = arrived(&received) => {}
        }
    }
    counted(&engine, "its stream id is kept", |metrics| metrics.hosts[0].orphans == 1).await;
    for round in 0..200 {
        if round == 100 {
            cluster.faults().remove(held);
        }
        let reply = query(&engine, LOCAL, reads(LONG)).await.expect("others are served meanwhile");
        let chorus_protocol::response::ResultBody::Rows(rows) = decode(&engine, reply) else {
            panic!("rows")
        };
        let columns = rows.metadata.columns.expect("a query carries its metadata");
        assert_eq!(&*columns[0].name, "key");
    }
    let freed = |metrics: &MetricsSnapshot| metrics.hosts[0].orphans == 0;
    let metrics = counted(&engine, "the late answer freed its stream id", freed).await;
    assert_eq!(metrics.traffic.late_answers, 1);
}

#[tokio::test]
async fn a_request_dropped_before_it_is_polled_is_never_sent() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    let sent = cluster.watch(Requests::containing(LOCAL));
    for _ in 0..100 {
        drop(query(&engine, LOCAL, reads(LONG)));
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(sent.count(), 0);
}

#[tokio::test]
async fn dropping_requests_at_any_moment_leaks_no_stream_id() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    for round in 0..300u64 {
        let request = query(&engine, LOCAL, reads(LONG));
        let _ = tokio::time::timeout(Duration::from_micros(round * 3), request).await;
    }
    counted(&engine, "every request ends", |metrics| metrics.in_flight == 0).await;
    query(&engine, LOCAL, reads(LONG)).await.expect("the connection still serves");
}

use std::time::{Duration, Instant};

use chorus_actors::{RequestError, RequestErrorKind};
use chorus_node::{Fault, Requests};

use crate::support::*;

const LONG: Duration = Duration::from_secs(10);

fn is_closed(error: &RequestError) -> bool {
    matches!(error.kind(), RequestErrorKind::SessionClosed)
}

#[tokio::test]
async fn what_is_in_flight_finishes_and_nothing_new_is_taken() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    let named = Requests::containing("cluster_name");
    let (received, held) = (cluster.watch(named.clone()), cluster.faults().add(named, Fault::Hold));
    let slow = tokio::spawn({
        let engine = engine.clone();
        async move { query(&engine, "SELECT cluster_name FROM system.local", reads(LONG)).await }
    });
    arrived(&received).await;
    let (report, served) = tokio::join!(engine.shutdown(LONG), async {
        // Until the engine has begun to end, others are served; those that it still knows of count too.
        let mut served = 0;
        let refused = loop {
            match query(&engine, LOCAL, reads(LONG)).await {
                Ok(_) => served += 1,
                Err(error) => break error,
            }
        };
        assert!(is_closed(&refused), "{refused}");
        cluster.faults().remove(held);
        served
    });
    assert!((1..=1 + served).contains(&report.completed), "{report:?}");
    assert_eq!((report.failed, report.abandoned), (0, 0));
    assert!(report.in_time);
    slow.await.expect("no panic").expect("it was let finish");
    let error = query(&engine, LOCAL, reads(LONG)).await.expect_err("closed");
    assert!(is_closed(&error), "{error}");
    // The node notices a moment later.
    let noticed = async {
        while cluster.connections(0) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, noticed).await.expect("every socket is closed");
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_counted_and_told() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    let named = Requests::containing("cluster_name");
    let received = cluster.watch(named.clone());
    cluster.faults().add(named, Fault::DropAnswer);
    let stuck = tokio::spawn({
        let engine = engine.clone();
        async move { query(&engine, "SELECT cluster_name FROM system.local", writes(LONG)).await }
    });
    arrived(&received).await;
    let began = Instant::now();
    let report = engine.shutdown(Duration::from_millis(200)).await;
    assert!(began.elapsed() < LONG, "not at the timeout of the request");
    assert_eq!(report.abandoned, 1);
    let error = stuck.await.expect("no panic").expect_err("its answer never came");
    assert!(error.may_have_been_applied(), "{error}");
}

#[tokio::test]
async fn dropping_the_last_handle_closes_every_connection() {
    let cluster = cluster(2);
    let engine = engine(&cluster).await;
    query(&engine, LOCAL, reads(LONG)).await.expect("served");
    drop(engine);
    let until = Instant::now() + LONG;
    while cluster.connections(0) + cluster.connections(1) > 0 {
        assert!(Instant::now() < until, "connections were left behind");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

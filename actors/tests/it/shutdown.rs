use std::time::{Duration, Instant};

use chorus_actors::RequestErrorKind;
use chorus_node::{Fault, Requests};

use crate::support::*;

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn what_is_in_flight_finishes_and_nothing_new_is_taken() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    cluster.faults().add(Requests::containing("cluster_name"), Fault::Delay(Duration::from_millis(150)));
    let slow = tokio::spawn({
        let engine = engine.clone();
        async move { query(&engine, "SELECT cluster_name FROM system.local", reads(LONG)).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let report = engine.shutdown(Duration::from_secs(5)).await;
    assert_eq!((report.completed, report.failed, report.abandoned), (1, 0, 0));
    assert!(report.in_time);
    slow.await.expect("no panic").expect("it was let finish");
    let error = query(&engine, LOCAL, reads(LONG)).await.expect_err("closed");
    assert!(matches!(error.kind(), RequestErrorKind::SessionClosed), "{error}");
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
    cluster.faults().add(Requests::containing("cluster_name"), Fault::DropAnswer);
    let stuck = tokio::spawn({
        let engine = engine.clone();
        async move { query(&engine, "SELECT cluster_name FROM system.local", writes(LONG)).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    let report = engine.shutdown(Duration::from_millis(200)).await;
    assert!(began.elapsed() < Duration::from_secs(2));
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

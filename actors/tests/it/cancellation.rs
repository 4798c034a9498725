use std::time::{Duration, Instant};

use chorus_node::{Fault, Requests};

use crate::support::*;

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn f20_the_answer_to_a_dropped_request_reaches_nobody() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    let slow = Requests::containing("cluster_name").times(1);
    cluster.faults().add(slow, Fault::Delay(Duration::from_millis(600)));
    {
        let dropped = query(&engine, "SELECT cluster_name FROM system.local", reads(LONG));
        let outcome = tokio::time::timeout(Duration::from_millis(50), dropped).await;
        assert!(outcome.is_err(), "the request was still waiting when it was dropped");
    }
    let until = Instant::now() + Duration::from_millis(1_000);
    while Instant::now() < until {
        let reply = query(&engine, LOCAL, reads(LONG)).await.expect("others are served meanwhile");
        let chorus_protocol::response::ResultBody::Rows(rows) = decode(&engine, reply) else {
            panic!("rows")
        };
        let columns = rows.metadata.columns.expect("a query carries its metadata");
        assert_eq!(&*columns[0].name, "key");
    }
    let metrics = engine.metrics().await.expect("metrics");
    assert_eq!(metrics.traffic.late_answers, 1);
    assert_eq!(metrics.hosts[0].orphans, 0, "the late answer freed its stream id");
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
    let until = Instant::now() + LONG;
    loop {
        let metrics = engine.metrics().await.expect("metrics");
        if metrics.in_flight == 0 {
            break;
        }
        assert!(Instant::now() < until, "{} requests never ended", metrics.in_flight);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    query(&engine, LOCAL, reads(LONG)).await.expect("the connection still serves");
}

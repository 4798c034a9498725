use std::time::Duration;

use chorus_actors::{Engine, RequestErrorKind};
use chorus_node::{Fault, Requests};

use crate::support::*;

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn callers_wait_when_every_queue_is_full_and_all_are_served() {
    let cluster = cluster(1);
    let mut config = config(&cluster);
    config.limits.in_flight_per_connection = 4;
    config.limits.queued_per_reactor = 8;
    let engine = Engine::connect(config).await.expect("connects");
    let all = (0..3_000).map(|_| query(&engine, LOCAL, reads(LONG)));
    for outcome in futures::future::join_all(all).await {
        outcome.expect("served in its turn");
    }
    let metrics = engine.metrics().await.expect("metrics");
    assert_eq!(metrics.in_flight, 0);
    assert!(metrics.requests_total() >= 3_000);
}

#[tokio::test]
async fn a_caller_that_will_not_wait_is_told_that_the_engine_is_full() {
    let cluster = cluster(1);
    let mut config = config(&cluster);
    config.limits.in_flight_per_connection = 1;
    config.limits.queued_per_reactor = 2;
    let engine = Engine::connect(config).await.expect("connects");
    cluster.faults().add(Requests::containing("system.local"), Fault::Delay(Duration::from_millis(200)));
    let mut sent = Vec::new();
    let mut refused = 0;
    for _ in 0..10 {
        let mut request = engine.request();
        query_frame(&engine.shape(), LOCAL, request.frame());
        request.options(reads(LONG));
        let mut pending = request.send();
        match pending.try_send() {
            Ok(()) => sent.push(pending),
            Err(error) => {
                assert!(matches!(error.kind(), RequestErrorKind::Overloaded { .. }), "{error}");
                refused += 1;
            }
        }
    }
    assert_eq!(sent.len() + refused, 10);
    assert!(refused >= 7, "only two fit into the queue before the reactor runs: {refused} were refused");
    for pending in sent {
        pending.await.expect("what was accepted is served");
    }
}

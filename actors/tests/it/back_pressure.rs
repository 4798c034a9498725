use std::time::Duration;

use chorus_actors::{Engine, RequestErrorKind, RequestOptions};
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
async fn f23_a_caller_that_will_not_wait_is_told_that_the_engine_is_full() {
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

#[tokio::test]
async fn a_request_whose_host_is_full_goes_to_the_next_of_its_plan_at_once() {
    let cluster = cluster(2);
    let mut config = config(&cluster);
    config.limits.in_flight_per_connection = 1;
    let engine = Engine::connect(config).await.expect("connects");
    let first = engine.state().host_at(cluster.address(0)).expect("it is a member").index;
    let preferring = move || RequestOptions { preferred: Some(first), ..reads(LONG) };
    let stuck_there = Requests::containing("cluster_name").on_node(0);
    cluster.faults().add(stuck_there.clone(), Fault::DropAnswer);
    let in_flight = async || {
        let metrics = engine.metrics().await.expect("metrics");
        metrics.hosts.iter().filter(|host| host.host == first).map(|host| host.in_flight).sum::<u64>()
    };
    // One on the wire, one waiting for it: more does not fit.
    let mut stuck = Vec::new();
    let received = cluster.watch(stuck_there);
    for count in 1..=2 {
        let engine = engine.clone();
        let name = "SELECT cluster_name FROM system.local";
        stuck.push(tokio::spawn(async move { query(&engine, name, preferring()).await }));
        // The second one finds the first on the wire: before that it would be the first that waits.
        while in_flight().await < count || received.count() == 0 {
            assert!(!stuck.iter().any(tokio::task::JoinHandle::is_finished), "nothing there is answered");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    for _ in 0..20 {
        let reply = query(&engine, LOCAL, preferring()).await.expect("the other host serves");
        assert_ne!(reply.host(), first);
    }
    let only = RequestOptions { host: Some(first), ..writes(Duration::from_millis(80)) };
    let error = query(&engine, LOCAL, only).await.expect_err("it may go nowhere else");
    assert!(matches!(error.kind(), RequestErrorKind::Timeout { written: false, .. }), "{error}");
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chorus_actors::RequestErrorKind;
use chorus_node::{Fault, Requests};

use crate::support::*;

const LONG: Duration = Duration::from_secs(30);

/// How long a timer takes here and now.
async fn timer(timeout: Duration) -> Duration {
    let began = Instant::now();
    tokio::time::sleep(timeout).await;
    began.elapsed()
}

#[tokio::test]
async fn a_request_without_an_answer_fails_at_its_deadline_and_says_it_was_written() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    cluster.faults().add(Requests::containing("cluster_name"), Fault::DropAnswer);
    let timeout = Duration::from_millis(50);
    let (mut took, mut late) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let began = Instant::now();
        let request = async {
            let outcome = query(&engine, "SELECT cluster_name FROM system.local", reads(timeout)).await;
            (outcome, began.elapsed())
        };
        let ((outcome, elapsed), timer) = tokio::join!(request, timer(timeout));
        let error = outcome.expect_err("F6");
        took.push(elapsed);
        late.push(elapsed.saturating_sub(timer));
        assert!(matches!(error.kind(), RequestErrorKind::Timeout { written: true, .. }), "{error}");
        assert!(error.may_have_been_applied());
    }
    took.sort();
    late.sort();
    // No earlier; and not much later than a timer beside it: how late that one is says how busy the machine is.
    assert!(took[0] >= timeout && late[2] < Duration::from_millis(60), "{took:?}, {late:?}");
    query(&engine, LOCAL, reads(Duration::from_secs(10))).await.expect("others are not affected");
    let metrics = engine.metrics().await.expect("metrics");
    assert_eq!(metrics.hosts[0].orphans, 5, "their stream ids stay reserved until their answers come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_deadlines_are_kept_while_others_are_served() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    cluster.faults().add(Requests::containing("cluster_name"), Fault::DropAnswer);
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..32)
        .map(|_| {
            let (engine, stop) = (engine.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    query(&engine, LOCAL, reads(Duration::from_secs(10))).await.expect("served");
                }
            })
        })
        .collect();
    let mut late = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        let timeout = Duration::from_millis(10);
        let request = async {
            let outcome = query(&engine, "SELECT cluster_name FROM system.local", reads(timeout)).await;
            assert!(outcome.is_err());
            began.elapsed()
        };
        let (elapsed, timer) = tokio::join!(request, timer(timeout));
        late.push(elapsed.saturating_sub(timer));
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.expect("no panic");
    }
    late.sort();
    // Behind a timer of the same task. The machine that runs the tests is shared: the median is what the engine answers for.
    assert!(late[25] < Duration::from_millis(10), "{late:?}");
}

#[tokio::test]
async fn a_request_that_waits_for_room_expires_unwritten() {
    let cluster = cluster(1);
    let mut config = config(&cluster);
    config.limits.in_flight_per_connection = 1;
    let engine = chorus_actors::Engine::connect(config).await.expect("connects");
    let named = Requests::containing("cluster_name");
    let received = cluster.watch(named.clone());
    cluster.faults().add(named, Fault::DropAnswer);
    let stuck = tokio::spawn({
        let engine = engine.clone();
        async move { query(&engine, "SELECT cluster_name FROM system.local", reads(LONG)).await }
    });
    arrived(&received).await;
    let error = query(&engine, LOCAL, writes(Duration::from_millis(80))).await.expect_err("no room");
    assert!(matches!(error.kind(), RequestErrorKind::Timeout { written: false, .. }), "{error}");
    assert!(!error.may_have_been_applied());
    stuck.abort();
}

//! The end of a session or of the runtime it lives on, with requests under way.

use std::time::{Duration, Instant};

use chorus::{ErrorKind, Placement, PreparedStatement, Session};
use chorus_node::{EmbeddedCluster, Fault, Requests};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::stage::{eventually, lay_out};

const INSERT: &str = "INSERT INTO ks.numbers (id, value) VALUES (?, ?)";

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

async fn open(cluster: &EmbeddedCluster, placement: Placement) -> (Session, PreparedStatement) {
    let session = Session::builder().contact_points(cluster.addresses()).placement(placement);
    let session = session.connect().await.expect("connects");
    let insert = session.prepare(INSERT).await.expect("prepared");
    (session, insert)
}

/// Requests whose answers will not come while anybody waits.
fn hold_answers(cluster: &EmbeddedCluster) {
    cluster.faults().add(Requests::containing("numbers"), Fault::Delay(Duration::from_secs(30)));
}

async fn gone(cluster: &EmbeddedCluster) {
    eventually("no connection is left", async || cluster.connections(0) == 0).await;
}

#[test]
fn f79_callers_of_a_runtime_that_was_shut_down_are_told() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let (home, away) = (two_workers(), one_thread());
    let (session, insert) = home.block_on(async {
        lay_out(&cluster, 1).await;
        open(&cluster, Placement::Hosted).await
    });
    hold_answers(&cluster);
    let sent = cluster.watch(Requests::containing("numbers"));
    away.block_on(async {
        let mut calls: Vec<_> = (0..100)
            .map(|id| {
                let (session, insert) = (session.clone(), insert.clone());
                tokio::spawn(async move { session.execute(&insert, (id, id)).await })
            })
            .collect();
        eventually("they are under way", async || sent.count() >= 100).await;
        let began = Instant::now();
        // Elsewhere, because a runtime must not be dropped inside another.
        std::thread::spawn(move || home.shutdown_timeout(Duration::from_secs(1))).join().expect("shut down");
        calls.push(tokio::spawn(async move { session.execute(&insert, (100, 100)).await }));
        for call in calls {
            let error = call.await.expect("no panic").expect_err("nobody is left to answer");
            assert_eq!(error.kind(), ErrorKind::SessionClosed, "{error}");
        }
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
        gone(&cluster).await;
    });
}

#[test]
fn f79_requests_of_a_session_that_ends_all_end_and_no_task_remains() {
    for (runtime, placement) in [
        (one_thread(), Placement::Local),
        (two_workers(), Placement::Hosted),
        (one_thread(), Placement::Dedicated { threads: 2 }),
        (two_workers(), Placement::Dedicated { threads: 1 }),
    ] {
        let cluster = EmbeddedCluster::start(1).expect("the node starts");
        runtime.block_on(async {
            lay_out(&cluster, 1).await;
            eventually("nothing runs", async || Handle::current().metrics().num_alive_tasks() == 0).await;
            let (session, insert) = open(&cluster, placement).await;
            hold_answers(&cluster);
            let sent = cluster.watch(Requests::containing("numbers"));
            let calls: Vec<_> = (0..100)
                .map(|id| {
                    let (session, insert) = (session.clone(), insert.clone());
                    tokio::spawn(async move { session.execute(&insert, (id, id)).await })
                })
                .collect();
            let many = session.execute_concurrent_with_args(&insert, (0..50).map(|id| (id, id)));
            let load = session.bulk(&insert).errors_allowed(50).load((0..50).map(|id| (id, id)));
            let (many, load) = (tokio::spawn(many.run_all()), tokio::spawn(load));
            eventually("they are under way", async || sent.count() >= 200).await;
            let report = session.shutdown(Duration::from_millis(20)).await;
            assert_eq!(
                (report.abandoned, report.completed, report.in_time),
                (200, 0, false),
                "{placement:?}"
            );
            assert!(report.took < Duration::from_secs(3), "{report:?}");
            for call in calls {
                let error = call.await.expect("no panic").expect_err("its answer is not waited for");
                assert!(error.may_have_been_applied(), "{error}");
            }
            let many = many.await.expect("no panic").expect("each has its own outcome");
            assert!(many.len() == 50 && many.iter().all(Result::is_err));
            let load = load.await.expect("no panic").expect("errors are allowed");
            assert_eq!((load.written, load.failed.len()), (0, 50));
            let late = session.execute(&insert, (1, 1)).await.expect_err("it has ended");
            assert_eq!(late.kind(), ErrorKind::SessionClosed);
            drop((session, insert));
            eventually("no task remains", async || Handle::current().metrics().num_alive_tasks() == 0).await;
            gone(&cluster).await;
        });
    }
}

#[test]
fn f79_a_session_that_is_dropped_with_its_callers_leaves_nothing() {
    for placement in [Placement::Auto, Placement::Dedicated { threads: 2 }] {
        let cluster = EmbeddedCluster::start(1).expect("the node starts");
        let runtime = one_thread();
        runtime.block_on(async {
            lay_out(&cluster, 1).await;
            let (session, insert) = open(&cluster, placement).await;
            hold_answers(&cluster);
            let sent = cluster.watch(Requests::containing("numbers"));
            for id in 0..50 {
                let (session, insert) = (session.clone(), insert.clone());
                tokio::spawn(async move { session.execute(&insert, (id, id)).await });
            }
            drop((session, insert));
            eventually("they are under way", async || sent.count() >= 50).await;
        });
        // The callers go with their runtime, and the last handles with them.
        drop(runtime);
        one_thread().block_on(gone(&cluster));
    }
}

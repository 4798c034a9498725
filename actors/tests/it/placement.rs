use std::time::Duration;

use chorus_actors::{Engine, Placement};

use crate::support::*;

async fn serves(placement: Placement) {
    let cluster = cluster(2);
    let mut config = config(&cluster);
    config.placement = placement;
    let engine = Engine::connect(config).await.expect("connects");
    let all = (0..200).map(|_| query(&engine, LOCAL, reads(Duration::from_secs(10))));
    for outcome in futures::future::join_all(all).await {
        assert_eq!(rows(&engine, outcome.expect("served")), 1);
    }
    let report = engine.shutdown(Duration::from_secs(2)).await;
    assert_eq!((report.failed, report.abandoned), (0, 0));
}

#[tokio::test]
async fn a_current_thread_runtime_carries_the_reactor_itself() {
    serves(Placement::Auto).await;
    serves(Placement::Local).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_multi_thread_runtime_hosts_the_reactor() {
    serves(Placement::Auto).await;
    serves(Placement::Hosted).await;
}

#[tokio::test]
async fn reactors_run_on_threads_of_their_own() {
    serves(Placement::Dedicated { threads: 1 }).await;
    serves(Placement::Dedicated { threads: 3 }).await;
}

#[test]
fn a_program_without_a_runtime_gets_a_reactor_thread() {
    let cluster = cluster(1);
    let mut config = config(&cluster);
    config.wait_for_all_hosts = false;
    futures::executor::block_on(async {
        let engine = Engine::connect(config).await.expect("connects");
        let reply = query(&engine, LOCAL, reads(Duration::from_secs(10))).await.expect("served");
        assert_eq!(rows(&engine, reply), 1);
        engine.shutdown(Duration::from_secs(1)).await;
    });
}

#[test]
fn an_actix_system_needs_no_preparation() {
    actix::System::new().block_on(serves(Placement::Auto));
}

#[test]
fn callers_of_a_runtime_that_ended_are_told() {
    let cluster = cluster(1);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let engine = runtime.block_on(engine(&cluster));
    runtime.shutdown_timeout(Duration::from_secs(1));
    let error = futures::executor::block_on(query(&engine, LOCAL, reads(Duration::from_secs(10))))
        .expect_err("F79: there is nobody to serve it");
    assert!(matches!(
        error.kind(),
        chorus_actors::RequestErrorKind::SessionClosed | chorus_actors::RequestErrorKind::EngineLost
    ));
}

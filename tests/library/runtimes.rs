//! Wherever a tokio program runs, a session works.

use std::time::Duration;

use chorus::{Placement, Session};
use chorus_node::EmbeddedCluster;

use crate::stage::{KEYSPACE, NUMBERS, disconnected};

/// Connects, writes from several tasks, reads, shuts down.
async fn use_session(cluster: &EmbeddedCluster, placement: Placement) {
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .placement(placement)
        .connect()
        .await
        .expect("connects");
    session.query(KEYSPACE.replace("KEYSPACE", "KEYSPACE IF NOT EXISTS"), ()).await.expect("created");
    session.query(NUMBERS.replace("TABLE", "TABLE IF NOT EXISTS"), ()).await.expect("created");
    let insert = session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await.expect("prepared");
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (session, insert) = (session.clone(), insert.clone());
            tokio::spawn(async move {
                for n in 0..25 {
                    session.execute(&insert, (task * 25 + n, n)).await.expect("written");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let count = session.query("SELECT count(*) FROM ks.numbers", ()).await.expect("counted");
    assert_eq!(count.single_row::<(i64,)>().expect("one row"), (200,));
    let report = session.shutdown(Duration::from_secs(5)).await;
    assert!(report.is_clean(), "{report:?}");
    disconnected(cluster).await;
}

fn placements(also: Placement) -> [Placement; 4] {
    [Placement::Auto, also, Placement::Dedicated { threads: 1 }, Placement::Dedicated { threads: 3 }]
}

#[test]
fn multi_thread_program() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        for placement in placements(Placement::Hosted) {
            use_session(&cluster, placement).await;
        }
    });
}

/// Where a runtime offers neither timers nor sockets, a session has its own.
#[test]
fn program_whose_runtime_has_no_drivers() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let report = runtime.expect("a runtime").block_on(async {
        let session = Session::builder()
            .contact_points(cluster.addresses())
            .placement(Placement::Dedicated { threads: 2 })
            .connect()
            .await
            .expect("connects");
        session.query(KEYSPACE, ()).await.expect("created");
        session.shutdown(Duration::from_secs(5)).await
    });
    assert!(report.is_clean() && report.in_time && report.connections > 0, "{report:?}");
}

/// On such a runtime itself it cannot run, and says so instead of waiting for ever.
#[test]
fn a_runtime_without_drivers_is_named_when_a_session_is_to_live_on_it() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let mut runtimes =
        [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()];
    for runtime in &mut runtimes {
        let runtime = runtime.worker_threads(1).build().expect("a runtime");
        let connect = Session::builder().contact_points(cluster.addresses()).connect();
        let error = runtime.block_on(connect).expect_err("there are no timers");
        assert!(error.to_string().contains("enable_all"), "{error}");
    }
}

#[test]
fn current_thread_program() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        for placement in placements(Placement::Local) {
            use_session(&cluster, placement).await;
        }
    });
}

#[test]
fn program_with_a_local_set() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, use_session(&cluster, Placement::Auto));
}

#[test]
fn actix_system() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    actix::System::new().block_on(async {
        for placement in placements(Placement::Local) {
            use_session(&cluster, placement).await;
        }
    });
}

#[test]
fn dropping_the_last_handle_ends_the_engine() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let session =
            Session::builder().contact_points(cluster.addresses()).connect().await.expect("connects");
        let other = session.clone();
        drop(session);
        other.query("SELECT release_version FROM system.local", ()).await.expect("a handle is left");
        drop(other);
        disconnected(&cluster).await;
    });
}

/// A program whose futures are polled by somebody who knows nothing of tokio, as async-std and smol do.
#[test]
fn another_executor() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    futures::executor::block_on(async {
        for placement in [Placement::Auto, Placement::Dedicated { threads: 2 }] {
            let builder = Session::builder().contact_points(cluster.addresses()).placement(placement);
            let session = builder.connect().await.expect("connects");
            session.query(KEYSPACE.replace("KEYSPACE", "KEYSPACE IF NOT EXISTS"), ()).await.expect("created");
            session.query(NUMBERS.replace("TABLE", "TABLE IF NOT EXISTS"), ()).await.expect("created");
            let insert =
                session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await.expect("prepared");
            let writes = (0..100).map(|id| session.execute(&insert, (id, id)));
            for written in futures::future::join_all(writes).await {
                written.expect("written");
            }
            let rows = futures::stream::iter((100..200).map(|id| (id, id)));
            assert_eq!(session.bulk(&insert).load_stream(rows).await.expect("written").written, 100);
            // What needs a clock has the engine's.
            let late = session.trace(chorus::Uuid::from_u128(7));
            let options = chorus::TraceOptions::new().limit(Duration::from_millis(30));
            drop(late);
            session.trace_with(chorus::Uuid::from_u128(7), options).await.expect_err("there is none");
            let count = session.query("SELECT count(*) FROM ks.numbers", ()).await.expect("counted");
            assert_eq!(count.single_row::<(i64,)>().expect("one row"), (200,));
            let report = session.shutdown(Duration::from_secs(5)).await;
            assert!(report.is_clean(), "{report:?}");
        }
        // An engine on the caller's runtime has none to live on.
        for placement in [Placement::Local, Placement::Hosted] {
            let builder = Session::builder().contact_points(cluster.addresses()).placement(placement);
            let error = builder.connect().await.expect_err("there is no runtime");
            assert!(
                error.to_string().contains("runtime") || format!("{error:?}").contains("runtime"),
                "{error:?}"
            );
        }
    });
}

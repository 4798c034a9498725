//! Connecting, keyspaces, schema changes, shutdown.

use std::time::Duration;

use chorus::{Cluster, ErrorKind, Placement, ProtocolVersion, Session};
use chorus_node::{EmbeddedCluster, Fault, Requests};

use crate::stage::{KEYSPACE, NUMBERS, Stage, disconnected};

#[tokio::test]
async fn session_speaks_the_highest_version_unless_told_otherwise() {
    let stage = Stage::new().await;
    assert_eq!(stage.session.protocol_version(), ProtocolVersion::V5);
    for version in ProtocolVersion::ALL {
        let stage = Stage::with(|builder| builder.protocol_version(version)).await;
        assert_eq!(stage.session.protocol_version(), version);
        stage.run(NUMBERS).await;
        stage.session.execute(&stage.insert().await, (1, 10)).await.expect("written");
        assert_eq!(stage.numbers().await, [(1, Some(10))], "{version}");
    }
}

#[tokio::test]
async fn compressed_answers_are_read_like_others() {
    for version in [ProtocolVersion::V4, ProtocolVersion::V5] {
        let stage = Stage::with(|builder| builder.protocol_version(version).compress_if_possible()).await;
        stage.run("CREATE TABLE texts (id int PRIMARY KEY, body text)").await;
        let body = "the same again and again ".repeat(2_000);
        let insert = stage.prepare("INSERT INTO texts (id, body) VALUES (?, ?)").await;
        stage.session.execute(&insert, (1, &body)).await.expect("written");
        let result = stage.session.query("SELECT body FROM texts", ()).await.expect("read");
        assert_eq!(result.single_row::<(&str,)>().expect("one row"), (body.as_str(),));
        let traffic = stage.session.metrics().await.expect("open").traffic;
        assert!(traffic.bytes_sent < body.len() as u64, "{version}: {} bytes were sent", traffic.bytes_sent);
    }
}

#[tokio::test]
async fn keyspace_of_the_builder_is_in_use_from_the_first_request() {
    let stage = Stage::with_numbers().await;
    let builder = Session::builder().contact_points(stage.cluster.addresses());
    let session = builder.clone().keyspace("ks").connect().await.expect("connects");
    assert_eq!(session.keyspace().as_deref(), Some("ks"));
    session.query("SELECT id FROM numbers", ()).await.expect("resolved in ks");

    let error = builder.keyspace("nowhere").connect().await.expect_err("there is no such keyspace");
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn use_statement_switches_the_whole_session() {
    let stage = Stage::with_numbers().await;
    stage
        .run("CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        .await;
    stage.run("USE other").await;
    assert_eq!(stage.session.keyspace().as_deref(), Some("other"));
    let error = stage.session.query("SELECT id FROM numbers", ()).await.expect_err("not in this keyspace");
    assert!(error.is_invalid_statement(), "{error}");

    let error = stage.session.use_keyspace("nowhere").await.expect_err("there is no such keyspace");
    assert_eq!(error.kind(), ErrorKind::Db, "{error}");
    assert_eq!(stage.session.keyspace().as_deref(), Some("other"), "nothing has changed");
}

#[tokio::test]
async fn schema_is_known_when_its_change_returns() {
    let stage = Stage::with_numbers().await;
    let state = stage.session.state();
    let table = state.table("ks", "numbers").expect("known at once");
    assert_eq!(table.partition_key().len(), 1);
    let result = stage.session.query("ALTER TABLE numbers ADD note text", ()).await.expect("altered");
    assert!(result.schema_agreed());
    assert_eq!(result.schema_change().map(|change| change.keyspace.as_ref()), Some("ks"));
    assert!(stage.session.state().table("ks", "numbers").is_some_and(|table| table.column("note").is_some()));
}

#[tokio::test]
async fn sessions_of_one_cluster_have_keyspaces_of_their_own() {
    let stage = Stage::with_numbers().await;
    let cluster = Cluster::builder().contact_points(stage.cluster.addresses()).build().expect("valid");
    let inside = cluster.connect_to("ks").await.expect("connects");
    let outside = cluster.connect().await.expect("connects");
    inside.query("SELECT id FROM numbers", ()).await.expect("in ks");
    outside.query("SELECT id FROM numbers", ()).await.expect_err("in no keyspace");

    // A statement of one session works in another of the same cluster.
    let insert = inside.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await.expect("prepared");
    outside.execute(&insert, (5, 50)).await.expect("written");
    assert_eq!(stage.numbers().await, [(5, Some(50))]);
}

#[tokio::test]
async fn credentials_are_checked_by_the_server() {
    let cluster = EmbeddedCluster::builder().authentication("muse", "clio").start().expect("starts");
    let builder = Session::builder().contact_points(cluster.addresses());
    builder.clone().credentials("muse", "clio").connect().await.expect("the right ones");
    let wrong = builder.clone().credentials("muse", "thalia").connect().await.expect_err("the wrong ones");
    assert_eq!(wrong.kind(), ErrorKind::Authentication, "{wrong}");
    assert!(!format!("{wrong:?}").contains("thalia"), "passwords stay out of errors");
    let none = builder.connect().await.expect_err("none at all");
    assert_eq!(none.kind(), ErrorKind::Authentication, "{none}");
}

#[tokio::test]
async fn requests_after_shutdown_fail_and_those_before_are_reported() {
    let stage = Stage::with_numbers().await;
    stage.session.execute(&stage.insert().await, (1, 1)).await.expect("written");
    stage
        .cluster
        .faults()
        .add(Requests::containing("select value"), Fault::Delay(Duration::from_millis(100)));
    let session = stage.session.clone();
    let under_way = tokio::spawn(async move { session.query("SELECT value FROM numbers", ()).await });
    while stage.session.metrics().await.expect("open").in_flight == 0 {
        tokio::task::yield_now().await;
    }
    let report = stage.session.shutdown(Duration::from_secs(5)).await;
    assert!(report.is_clean(), "{report:?}");
    assert!(under_way.await.expect("no panic").is_ok(), "it was let finish");
    let error = stage.session.query("SELECT id FROM numbers", ()).await.expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::SessionClosed, "{error}");
    disconnected(&stage.cluster).await;
}

#[tokio::test]
async fn contradictions_come_back_from_connect() {
    for builder in [
        Session::builder(),
        Session::builder().contact_point("http://db"),
        Session::builder().contact_point("db:0"),
        Session::builder().contact_point(("db", 0)),
        Session::builder().contact_point("db").keyspace(""),
        Session::builder().contact_point("db").connect_timeout(Duration::ZERO),
        Session::builder().contact_point("db").reactors(0),
        Session::builder()
            .contact_point("db")
            .protocol_version(ProtocolVersion::V5)
            .compression(Some(chorus::Compression::Snappy)),
    ] {
        let error = builder.clone().connect().await.expect_err("it cannot work");
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert_eq!(builder.build().expect_err("nor without a network").kind(), ErrorKind::Config);
    }
}

#[test]
fn dedicated_reactors_outlive_the_runtime_they_were_opened_on() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    };
    let opener = runtime();
    let stage = opener.block_on(async {
        let stage = Stage::with(|builder| builder.placement(Placement::Dedicated { threads: 2 })).await;
        stage.run(NUMBERS).await;
        stage
    });
    drop(opener);
    runtime().block_on(async {
        let insert = stage.insert().await;
        for id in 0..50 {
            stage.session.execute(&insert, (id, id)).await.expect("written");
        }
        assert_eq!(stage.numbers().await.len(), 50);
    });
}

#[tokio::test]
async fn hosts_that_do_not_answer_are_named_with_their_reasons() {
    let nobody = "127.0.0.1:1".parse::<std::net::SocketAddr>().expect("an address");
    let error = Session::builder().contact_point(nobody).connect().await.expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::NoHostAvailable, "{error}");
    let attempts: Vec<_> = error.attempts().collect();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].host(), Some(nobody));
    assert!(attempts[0].to_string().contains("refused"), "{}", attempts[0]);
}

#[test]
fn handles_can_be_shared_and_futures_moved_between_threads() {
    fn assert_send_sync<T: Send + Sync>() {}
    fn assert_send<T: Send>(_: T) {}
    assert_send_sync::<Session>();
    assert_send_sync::<Cluster>();
    assert_send_sync::<chorus::PreparedStatement>();
    assert_send_sync::<chorus::QueryResult>();
    assert_send_sync::<chorus::Error>();
    assert_eq!(size_of::<chorus::Error>(), size_of::<usize>());
    // Never called: whether it compiles is the test.
    let _ = |session: Session, statement: chorus::PreparedStatement| {
        assert_send(session.query(KEYSPACE, ("text", 1)));
        assert_send(session.prepare(KEYSPACE));
        assert_send(session.execute(&statement, (1,)));
        assert_send(session.execute_iter(&statement, (1,)));
        assert_send(session.batch(&chorus::Batch::logged()));
        assert_send(session.execute_concurrent_with_args(&statement, [(1,)]).run());
        assert_send(session.bulk(&statement).load([(1,)]));
    };
}

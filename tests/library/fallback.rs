//! Requests that no pool can take: other reactors, and the control connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus::policy::ConstantReconnection;
use chorus::{ClusterEvent, ControlConnectionFallback, DbError, ErrorKind, Session, SessionBuilder};
use chorus_node::{Fault, Requests};
use chorus_protocol::Opcode;

use crate::events::first;
use crate::schema::eventually;
use crate::stage::Stage;

const SELECT: &str = "SELECT cluster_name FROM system.local";

/// A node that lets in so many connections of a session that is opened now, and then no more.
async fn stage_for(connections: u64) -> Stage {
    let stage = Stage::with_numbers().await;
    let others = Requests::opcode(Opcode::Startup).after(connections);
    stage.cluster.faults().add(others, Fault::Close);
    stage
}

fn builder(stage: &Stage) -> SessionBuilder {
    let builder = Session::builder().contact_points(stage.cluster.addresses()).keyspace("ks");
    builder.reconnection(Arc::new(ConstantReconnection::new(Duration::from_millis(50))))
}

async fn fallen_back(stage: &Stage, configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Session {
    let builder = builder(stage).control_connection_fallback(ControlConnectionFallback::Fallback);
    configure(builder).connect().await.expect("there is a control connection")
}

#[tokio::test]
async fn a_reactor_without_a_connection_hands_requests_to_one_that_has_some() {
    // One of two reactors gets a connection beside the control connection.
    let stage = stage_for(2).await;
    let session = builder(&stage).reactors(2).connect().await.expect("one is enough");
    let insert = session.prepare("INSERT INTO numbers (id, value) VALUES (?, ?)").await.expect("prepared");
    for id in 0..20 {
        session.execute(&insert, (id, id)).await.expect("whichever reactor is asked");
    }
    let host = session.state().hosts[0].index;
    for _ in 0..4 {
        session.execute(&insert.clone().on_host(host), (1, 1)).await.expect("it is that host's connection");
    }
    let report = session.bulk(&insert).load((0..5_000).map(|id| (id, id))).await.expect("written");
    assert_eq!((report.written, report.failed.len()), (5_000, 0));
    assert_eq!(stage.numbers().await.len(), 5_000);
    // Those that are refused are there for a moment.
    eventually("two are of the session, two of the stage", || stage.cluster.connections(0) == 2 + 2).await;
    // No reactor waits for a host that is down.
    stage.cluster.stop_node(0);
    eventually("it is noticed", || session.state().route.hosts().iter().all(|host| !host.up)).await;
    let asked = Instant::now();
    for _ in 0..4 {
        let error = session.execute(&insert, (1, 1)).await.expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::NoHostAvailable, "{error}");
    }
    assert!(asked.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_request_that_waits_for_a_connection_has_its_deadline() {
    let stage = stage_for(2).await;
    let session = builder(&stage).reactors(2).request_timeout(Duration::from_millis(200));
    let session = session.connect().await.expect("one is enough");
    stage.cluster.faults().add(Requests::containing("cluster_name"), Fault::DropRequest);
    let asked = Instant::now();
    let outcomes = futures::future::join_all((0..4).map(|_| session.query(SELECT, ()))).await;
    for outcome in outcomes {
        assert_eq!(outcome.expect_err("never answered").kind(), ErrorKind::Timeout);
    }
    let took = asked.elapsed();
    assert!(took >= Duration::from_millis(190) && took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_session_without_pools_needs_to_be_told_so() {
    let stage = stage_for(1).await;
    let error = builder(&stage).connect().await.expect_err("no pool can be filled");
    assert_eq!(error.kind(), ErrorKind::NoHostAvailable, "{error}");
}

#[tokio::test]
async fn requests_fall_back_to_the_control_connection_while_there_is_no_other() {
    for reactors in [0, 2] {
        let stage = stage_for(1).await;
        let session = fallen_back(&stage, |builder| match reactors {
            0 => builder,
            count => builder.reactors(count),
        })
        .await;
        let host = session.state().hosts[0].index;
        let insert =
            session.prepare("INSERT INTO numbers (id, value) VALUES (?, ?)").await.expect("prepared");
        for id in 0..10 {
            let result = session.execute(&insert, (id, id)).await.expect("the control connection serves");
            assert_eq!(result.host(), host);
        }
        let report = session.bulk(&insert).load((0..3_000).map(|id| (id, id))).await.expect("written");
        assert_eq!((report.written, report.failed.len()), (3_000, 0));
        let result = session.query("SELECT value FROM numbers WHERE id = 7", ()).await.expect("read");
        assert_eq!((result.host(), result.single_row::<(i32,)>().expect("a row")), (host, (7,)));
        eventually("one is of the session, two of the stage", || stage.cluster.connections(0) == 1 + 2).await;
        // Those for one host are for its pool.
        let error = session.execute(&insert.clone().on_host(host), (1, 1)).await.expect_err("it has no pool");
        assert_eq!(error.kind(), ErrorKind::NoHostAvailable, "{error}");
        // A pool is used as soon as there is one.
        stage.cluster.faults().clear();
        eventually("a pool comes", || session.state().route.hosts().iter().any(|host| host.up)).await;
        session.execute(&insert.on_host(host), (1, 1)).await.expect("there it is");
    }
}

#[tokio::test]
async fn the_control_connection_is_tried_once_for_each_plan() {
    let stage = stage_for(1).await;
    let session = fallen_back(&stage, |builder| builder).await;
    let broken = Fault::Error(DbError::ServerError, "broken".to_owned());
    let rule = stage.cluster.faults().add(Requests::containing("cluster_name"), broken);
    let error = session
        .query(chorus::Statement::new(SELECT).idempotent(true), ())
        .await
        .expect_err("it was tried, and there is no other");
    assert_eq!(error.kind(), ErrorKind::NoHostAvailable, "{error}");
    assert_eq!(error.attempts().len(), 1, "{error:?}");
    assert_eq!(stage.cluster.faults().fired(rule), Some(1));
}

#[tokio::test]
async fn a_session_may_do_without_pools_altogether() {
    for reactors in [0, 2] {
        let stage = Stage::with_numbers().await;
        let builder =
            builder(&stage).control_connection_fallback(ControlConnectionFallback::SkipPoolCreation);
        let builder = if reactors == 0 { builder } else { builder.reactors(reactors) };
        let session = builder.connect().await.expect("connects");
        for _ in 0..10 {
            session.query("SELECT id FROM numbers", ()).await.expect("served");
        }
        stage.run("CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}").await;
        session.use_keyspace("other").await.expect("it exists");
        let error = session.query("SELECT id FROM numbers", ()).await.expect_err("not in that keyspace");
        assert_eq!(error.kind(), ErrorKind::Db, "{error}");
        assert_eq!(stage.cluster.connections(0), 1 + 2, "one of the session, two of the stage");
        // It is found again, and in the keyspace it was in.
        let mut events = session.events();
        stage.cluster.stop_node(0);
        first(&mut events, |event| matches!(event, ClusterEvent::ControlLost).then_some(())).await;
        stage.cluster.start_node(0).expect("its address is free");
        first(&mut events, |event| matches!(event, ClusterEvent::ControlConnected(_)).then_some(())).await;
        let asked = Instant::now();
        let created = session.query("CREATE TABLE there (id int PRIMARY KEY)", ()).await.expect("served");
        assert!(created.schema_agreed() && asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        assert!(session.state().table("other", "there").is_some(), "it was read");
        session.query("SELECT id FROM other.there", ()).await.expect("in that keyspace");
        let report = session.shutdown(Duration::from_secs(2)).await;
        assert!(report.in_time, "{report:?}");
    }
}

//! Faults that an honest server with rules can play: F1, F5 to F7, F44, F48, F49, F52, F53.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chorus::protocol::Opcode;
use chorus::{
    Batch, DbError, Error, ErrorKind, MaybeUnset, PagingState, ProtocolVersion, Session, Statement, Unset,
};
use chorus_node::{EmbeddedCluster, Fault, Requests};

use crate::session::{LONG, repeatable};

async fn stage(nodes: usize) -> (EmbeddedCluster, Session) {
    let cluster = EmbeddedCluster::start(nodes).expect("the nodes start");
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .wait_for_all_hosts(true)
        .request_timeout(LONG)
        .connect()
        .await
        .expect("the nodes are reachable");
    for cql in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE ks.t (id int PRIMARY KEY, value int)",
        "CREATE TABLE ks.pairs (a blob, b int, value blob, PRIMARY KEY ((a, b)))",
    ] {
        session.query(cql, ()).await.unwrap_or_else(|error| panic!("{cql}: {error}"));
    }
    (cluster, session)
}

async fn count(session: &Session) -> usize {
    session.query(repeatable("SELECT id FROM ks.t"), ()).await.expect("a read").row_count()
}

fn is_lost(error: &Error) -> bool {
    error.kind() == ErrorKind::ConnectionLost && error.may_have_been_applied()
}

#[tokio::test]
async fn f1_a_reset_between_frames_moves_what_may_be_repeated_to_another_node() {
    let (cluster, session) = stage(2).await;
    let rule = cluster.faults().add(Requests::containing("ks.t").times(1), Fault::Reset);
    session.query(repeatable("SELECT id FROM ks.t"), ()).await.expect("the other node answers");
    assert_eq!(cluster.faults().fired(rule), Some(1));
    assert_eq!(session.metrics().await.expect("metrics").retries_next_host, 1);
    // What may not be repeated is not.
    let rule = cluster.faults().add(Requests::containing("ks.t").times(1), Fault::Reset);
    let error =
        session.query("INSERT INTO ks.t (id) VALUES (1)", ()).await.expect_err("the connection broke");
    assert!(is_lost(&error), "{error}");
    assert_eq!(cluster.faults().fired(rule), Some(1));
    assert_eq!(session.metrics().await.expect("metrics").retries_next_host, 1);
}

#[tokio::test]
async fn f5_a_batch_whose_answer_is_lost_is_sent_again_only_when_it_may_be() {
    let (cluster, session) = stage(3).await;
    let mut batch = Batch::logged();
    batch.push("INSERT INTO ks.t (id) VALUES (1)").push("INSERT INTO ks.t (id) VALUES (2)");
    let rule = cluster.faults().add(Requests::opcode(Opcode::Batch).times(1), Fault::CloseAfter);
    let error = session.batch(&batch).await.expect_err("nobody said that it was applied");
    assert!(is_lost(&error), "{error}");
    assert_eq!(cluster.faults().fired(rule), Some(1));
    assert_eq!(count(&session).await, 2, "and it was");
    let before = session.metrics().await.expect("metrics").retries_next_host;
    let rule = cluster.faults().add(Requests::opcode(Opcode::Batch).times(1), Fault::Close);
    session.batch(&batch.clone().idempotent(true)).await.expect("sent again, to the other node");
    assert_eq!(cluster.faults().fired(rule), Some(1));
    assert_eq!(session.metrics().await.expect("metrics").retries_next_host, before + 1);
}

#[tokio::test]
async fn f6_f7_a_lost_answer_and_a_lost_request_look_the_same_and_neither_is_sent_again() {
    let (cluster, session) = stage(1).await;
    let mut errors = Vec::new();
    for (id, fault) in [(1, Fault::DropAnswer), (2, Fault::DropRequest)] {
        let rule = cluster.faults().add(Requests::containing("insert into ks.t"), fault);
        let insert = Statement::new(format!("INSERT INTO ks.t (id) VALUES ({id})"));
        let began = Instant::now();
        let error =
            session.query(insert.timeout(Duration::from_millis(200)), ()).await.expect_err("nobody answers");
        // Its own timeout, and not the session's ten seconds.
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        while cluster.faults().fired(rule) == Some(0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Long enough for whatever should not be sent.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(cluster.faults().remove(rule), Some(1), "sent once");
        errors.push((error.kind(), error.may_have_been_applied(), error.to_string()));
    }
    assert_eq!((errors[0].0, errors[0].1), (ErrorKind::Timeout, true));
    assert_eq!(
        (errors[0].0, errors[0].1, errors[0].2.replace("in_flight=1", "in_flight=2")),
        (errors[1].0, errors[1].1, errors[1].2.clone()),
        "only the number of streams in use differs, by the first that was never answered"
    );
    assert_eq!(count(&session).await, 1, "one was carried out");
}

#[tokio::test]
async fn f44_a_paging_state_that_is_none_is_the_servers_error_and_the_session_lives() {
    let (cluster, session) = stage(1).await;
    let connections = cluster.connections(0);
    for state in [&b"garbage"[..], &[0xff; 300], &[0]] {
        let statement = Statement::new("SELECT id FROM ks.t").page_size(10);
        let error = session
            .query_page(statement, (), Some(PagingState::new(state.to_vec())))
            .await
            .expect_err("no place in any result");
        assert_eq!(error.kind(), ErrorKind::Db, "{error}");
        assert_eq!(count(&session).await, 0);
    }
    // Cassandra calls it an error of the protocol; that is no reason to take the neighbours down either.
    let refused = Fault::Error(DbError::ProtocolError, "Invalid value for the paging state".into());
    cluster.faults().add(Requests::containing("from ks.t limit 7"), refused);
    let statement = Statement::new("SELECT id FROM ks.t LIMIT 7");
    let slow =
        cluster.faults().add(Requests::containing("limit 8"), Fault::Delay(Duration::from_millis(100)));
    let neighbour = session.query("SELECT id FROM ks.t LIMIT 8", ());
    let (refused, neighbour) = tokio::join!(session.query(statement, ()), neighbour);
    let error = refused.expect_err("refused");
    assert_eq!(error.db().map(|body| body.error.clone()), Some(DbError::ProtocolError));
    neighbour.expect("it was in flight on the same connection");
    assert_eq!(cluster.faults().fired(slow), Some(1));
    assert_eq!(cluster.connections(0), connections, "every connection is the same");
}

#[tokio::test]
async fn f48_a_statement_that_means_something_else_by_now_is_not_executed() {
    let (cluster, session) = stage(1).await;
    for cql in [
        "CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE other.t (id int PRIMARY KEY, value int)",
    ] {
        session.query(cql, ()).await.expect("created");
    }
    // A PREPARE of this version cannot name a keyspace.
    let older = Session::builder().contact_points(cluster.addresses()).protocol_version(ProtocolVersion::V4);
    let older = older.keyspace("ks").connect().await.expect("the node is reachable");
    let insert = older.prepare("INSERT INTO t (id) VALUES (?)").await.expect("prepared in ks");
    older.execute(&insert, (1,)).await.expect("written to ks");
    older.use_keyspace("other").await.expect("it exists");
    cluster.forget_prepared(0);
    older.execute(&insert, (2,)).await.expect("prepared in ks again");
    for (keyspace, rows) in [("ks", 2), ("other", 0)] {
        let text = format!("SELECT id FROM {keyspace}.t");
        let result = session.query(text, ()).await.expect("a read");
        assert_eq!(result.row_count(), rows, "{keyspace}");
    }
    session.query("DROP KEYSPACE ks", ()).await.expect("dropped");
    cluster.forget_prepared(0);
    let error = older.execute(&insert, (3,)).await.expect_err("t is another table now");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert!(error.to_string().contains("under another id"), "{error}");
    let result = session.query("SELECT id FROM other.t", ()).await.expect("a read");
    assert_eq!(result.row_count(), 0, "nothing was written to it");
}

#[tokio::test]
async fn f49_an_unknown_id_in_a_batch_is_a_typed_error() {
    let (cluster, session) = stage(1).await;
    let insert = session.prepare("INSERT INTO ks.t (id) VALUES (?)").await.expect("prepared");
    let mut batch = Batch::unlogged();
    batch.bind(&insert, (1,)).expect("an int").bind(&insert, (2,)).expect("an int");
    let unknown = DbError::Unprepared { id: Bytes::from_static(&[0xab; 4]) };
    let rule =
        cluster.faults().add(Requests::opcode(Opcode::Batch), Fault::Error(unknown, "what is that".into()));
    let error = session.batch(&batch.clone().idempotent(true)).await.expect_err("nobody knows that id");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert!(error.to_string().contains("abababab"), "{error}");
    assert_eq!(cluster.faults().remove(rule), Some(1), "asked once");
    session.batch(&batch).await.expect("the session lives");
    assert_eq!(count(&session).await, 2);
}

#[tokio::test]
async fn f52_what_is_too_large_is_refused_with_its_size_and_nothing_is_sent() {
    let (cluster, session) = stage(1).await;
    let insert =
        session.prepare("INSERT INTO ks.pairs (a, b, value) VALUES (?, ?, ?)").await.expect("prepared");
    let sent = cluster.watch(Requests::opcode(Opcode::Execute));
    let shown = |error: &Error| {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    };
    // Zeros that nobody touches take no memory, and these are not touched.
    let blob = vec![0u8; 1 << 31];
    let error = session.execute(&insert, (&b"a"[..], 1, &blob)).await.expect_err("2 GiB");
    assert_eq!((error.kind(), error.column()), (ErrorKind::Values, Some((2, "value"))));
    assert!(shown(&error).contains("2147483648"), "{}", shown(&error));
    drop(blob);
    let row = vec![0u8; (256 << 20) + 1];
    let error = session.execute(&insert, (&b"a"[..], 1, &row)).await.expect_err("a frame has 256 MiB");
    assert_eq!(error.kind(), ErrorKind::Values);
    assert!(shown(&error).contains("268435") && shown(&error).contains("268435456"), "{}", shown(&error));
    drop(row);
    let part = vec![0u8; 65_536];
    let error =
        session.execute(&insert, (&part, 1, &b""[..])).await.expect_err("a part of a key has a short length");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(shown(&error).contains("65536"), "{}", shown(&error));
    assert_eq!(sent.count(), 0);
    session.execute(&insert, (&part[..60_000], 1, &b""[..])).await.expect("what fits is fine");
}

#[tokio::test]
async fn f53_a_key_that_is_null_is_the_servers_error_and_an_unset_one_is_named() {
    let (cluster, session) = stage(1).await;
    let insert = session.prepare("INSERT INTO ks.t (id, value) VALUES (?, ?)").await.expect("prepared");
    assert_eq!(insert.bind((None::<i32>, 1)).expect("it fits").routing_key().expect("no error"), None);
    let error = session.execute(&insert, (None::<i32>, 1)).await.expect_err("a key is not null");
    assert_eq!(error.db().map(|body| body.error.clone()), Some(DbError::Invalid), "{error}");
    let sent = cluster.watch(Requests::opcode(Opcode::Execute));
    let error = session.execute(&insert, (Unset, 1)).await.expect_err("a key is not unset");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("\"id\""), "{error}");
    assert_eq!(sent.count(), 0);
    session.execute(&insert, (1, MaybeUnset::<i32>::Unset)).await.expect("other columns may be");
    assert_eq!(count(&session).await, 1);
}

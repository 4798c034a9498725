//! What comes with an answer besides its rows: warnings, payloads, attempts that failed before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chorus::protocol::Opcode;
use chorus::{
    AnyStatement, Batch, CustomPayload, DbError, Error, ErrorKind, ProtocolVersion, QueryResult, RequestInfo,
    RequestListener, Session, Statement,
};
use chorus_node::{EmbeddedCluster, Fault, Requests};
use futures::TryStreamExt as _;

use crate::stage::Stage;

#[tokio::test]
async fn warnings_and_payload_of_an_answer_are_on_its_result() {
    for version in [ProtocolVersion::V4, ProtocolVersion::V5] {
        let stage = Stage::with(|builder| builder.protocol_version(version).compress_if_possible()).await;
        stage.run(crate::stage::NUMBERS).await;
        let payload = CustomPayload::from_iter([("who", Bytes::from_static(b"me"))]);
        let beside = Fault::Beside(vec!["too many".into(), "too large".into()], payload);
        stage.cluster.faults().add(Requests::containing("numbers"), beside);
        let insert = stage.insert().await;
        assert_eq!(
            insert.prepared_payload().and_then(|payload| payload.get("who")).map(|who| &who[..]),
            Some(&b"me"[..])
        );
        let mut batch = Batch::unlogged();
        batch.bind(&insert, (3, 3)).expect("two ints");
        let traced = Statement::new("SELECT id FROM numbers").tracing(true);
        for result in [
            stage.session.execute(&insert, (1, 1)).await.expect("written"),
            stage.session.query("SELECT id FROM numbers", ()).await.expect("read"),
            stage.session.query(traced, ()).await.expect("read"),
            stage.session.batch(&batch).await.expect("written"),
        ] {
            assert_eq!(result.warnings(), ["too many", "too large"], "{version}");
            let who = result.custom_payload().and_then(|payload| payload.get("who"));
            assert_eq!(who.map(|who| &who[..]), Some(&b"me"[..]), "{version}");
        }
        stage.cluster.faults().clear();
        let plain = stage.session.query("SELECT id FROM numbers", ()).await.expect("read");
        assert!(plain.warnings().is_empty() && plain.custom_payload().is_none());
    }
}

/// Whether a request arrives with that entry in its payload.
async fn arrives<F>(stage: &Stage, key: &str, value: &'static str, send: impl FnOnce() -> F) -> bool
where
    F: Future<Output = Result<QueryResult, Error>>,
{
    let requests = Requests::all().with_payload(key, value);
    let rule = stage.cluster.faults().add(requests, Fault::Delay(Duration::ZERO));
    send().await.expect("served");
    stage.cluster.faults().remove(rule) == Some(1)
}

#[tokio::test]
async fn payloads_are_sent_with_every_kind_of_statement_and_the_last_value_of_a_key_wins() {
    let stage = Stage::with_numbers().await;
    let session = &stage.session;
    let text = Statement::new("SELECT id FROM numbers").custom_payload("k", "old").custom_payload("k", "new");
    assert!(arrives(&stage, "k", "new", || session.query(text.clone(), ())).await);
    assert!(!arrives(&stage, "k", "old", || session.query(text.clone(), ())).await);

    // PREPARE carries it, and so do the executions.
    let prepares = Requests::opcode(Opcode::Prepare).with_payload("k", "new");
    let rule = stage.cluster.faults().add(prepares, Fault::Delay(Duration::ZERO));
    let insert = Statement::new("INSERT INTO numbers (id, value) VALUES (?, ?)").custom_payload("k", "new");
    let insert = session.prepare(insert).await.expect("prepared");
    assert_eq!(stage.cluster.faults().remove(rule), Some(1));
    assert!(arrives(&stage, "k", "new", || async { session.execute(&insert, (1, 1)).await }).await);
    let later = insert.clone().custom_payload("k", "later");
    assert!(arrives(&stage, "k", "later", || async { session.execute(&later, (1, 1)).await }).await);

    // Those of a batch's members are merged, and the batch's own wins.
    let mut batch = Batch::unlogged();
    batch.bind(&insert, (2, 2)).expect("two ints").bind(&later, (3, 3)).expect("two ints");
    assert!(arrives(&stage, "k", "later", || session.batch(&batch)).await);
    let batch = batch.custom_payload("k", "own").custom_payload("other", "x");
    assert!(arrives(&stage, "k", "own", || session.batch(&batch)).await);
    assert!(arrives(&stage, "other", "x", || session.batch(&batch)).await);

    // To execute as another user is an entry of the payload.
    let text = Statement::new("SELECT id FROM numbers").execute_as("clio");
    assert!(arrives(&stage, "ProxyExecute", "clio", || session.query(text, ())).await);
}

#[tokio::test]
async fn more_entries_than_the_protocol_can_count_are_refused() {
    let stage = Stage::with_numbers().await;
    let statement = (0..=65535).fold(Statement::new("SELECT id FROM numbers"), |all, n| {
        all.custom_payload(n.to_string(), Bytes::new())
    });
    let sent = stage.cluster.watch(Requests::containing("from numbers"));
    let error = stage.session.query(statement, ()).await.expect_err("65536 keys");
    assert_eq!(error.kind(), ErrorKind::Values, "{error}");
    assert_eq!(sent.count(), 0);
}

#[tokio::test]
async fn a_result_tells_how_large_its_request_was_and_what_failed_before() {
    let stage = Stage::of(3).await;
    let insert = stage.insert().await.idempotent(true);
    let plain = stage.session.execute(&insert, (1, 1)).await.expect("written");
    assert_eq!(plain.attempts().len(), 0);
    let larger = stage.session.query(format!("SELECT id FROM numbers -- {}", "x".repeat(1000)), ()).await;
    let larger = larger.expect("read").request_bytes().expect("known");
    assert!(plain.request_bytes().is_some_and(|bytes| (20..200).contains(&bytes)), "{plain:?}");
    assert!((1000..1200).contains(&larger), "{larger}");

    let overloaded = Fault::Error(DbError::Overloaded, "busy".into());
    stage.cluster.faults().add(Requests::containing("numbers").times(2), overloaded);
    for result in [stage.session.execute(&insert, (1, 2)).await.expect("the third host serves"), {
        let overloaded = Fault::Error(DbError::Overloaded, "busy".into());
        stage.cluster.faults().add(Requests::containing("select").times(2), overloaded);
        let select = Statement::new("SELECT id FROM numbers").idempotent(true);
        stage.session.query(select, ()).await.expect("the third host serves")
    }] {
        let state = stage.session.state();
        let answered = state.hosts.iter().find(|host| host.index == result.host()).expect("a member");
        assert_eq!(result.attempts().len(), 2, "{result:?}");
        let tried: Vec<_> = result.attempts().map(|attempt| attempt.host().expect("a host's")).collect();
        assert!(tried[0] != tried[1] && !tried.contains(&answered.address), "{tried:?}");
        assert!(result.attempts().all(|attempt| attempt.db().is_some_and(|body| body.message == "busy")));
    }
}

#[tokio::test]
async fn every_host_of_the_plan_is_tried_once_and_its_reason_is_told() {
    let stage = Stage::of(3).await;
    let insert = stage.insert().await.idempotent(true);
    let away = stage.session.state().host_at(stage.cluster.address(2)).expect("a member").address;
    stage.cluster.stop_node(2);
    while stage.session.state().route.hosts().iter().any(|host| host.host.address == away && host.up) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stage
        .cluster
        .faults()
        .add(Requests::containing("insert"), Fault::Error(DbError::Overloaded, "busy".into()));
    let error = stage.session.execute(&insert, (1, 1)).await.expect_err("nobody serves");
    let mut tried = HashMap::<_, usize>::new();
    error.attempts().for_each(|attempt| *tried.entry(attempt.host().expect("a host's")).or_default() += 1);
    assert!(tried.values().all(|times| *times == 1), "{error:?}");
    assert!(error.is_overloaded(), "{error:?}");
    assert!(tried.len() >= 2, "{error:?}");
}

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn note(&self, entry: String) {
        self.0.lock().expect("no panics").push(entry);
    }

    fn read(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panics"))
    }
}

impl RequestListener for Diary {
    fn started(&self, request: &RequestInfo) {
        self.note(format!("start {:?} {} x{}", request.kind(), request.text(), request.statements()));
    }

    fn succeeded(&self, request: &RequestInfo, result: &QueryResult, took: Duration) {
        assert!(took < Duration::from_secs(60));
        self.note(format!("end {} rows={}", request.text(), result.row_count()));
    }

    fn failed(&self, request: &RequestInfo, error: &Error, _: Duration) {
        self.note(format!("fail {} {}", request.text(), error.kind()));
    }
}

#[tokio::test]
async fn a_listener_is_told_of_the_beginning_and_the_end_of_every_request() {
    let diary = Arc::new(Diary::default());
    let stage = Stage::with(|builder| builder.request_listener(diary.clone())).await;
    stage.run(crate::stage::NUMBERS).await;
    diary.read();
    let session = &stage.session;
    let insert = session.prepare("INSERT INTO numbers (id, value) VALUES (?, ?)").await.expect("prepared");
    assert_eq!(diary.read(), [""; 0], "PREPARE is the driver's own business");

    session.execute(&insert, (1, 1)).await.expect("written");
    let (text, read) = (insert.text(), "SELECT id FROM numbers");
    assert_eq!(diary.read(), [format!("start Write {text} x1"), format!("end {text} rows=0")]);
    drop(session.execute(&insert, (1, 1)));
    assert_eq!(diary.read(), [""; 0], "it was never sent");
    session.query(read, ()).await.expect("read");
    assert_eq!(diary.read(), [format!("start Read {read} x1"), format!("end {read} rows=1")]);
    session.query("SELEKT", ()).await.expect_err("no CQL");
    assert_eq!(diary.read(), ["start Other SELEKT x1", "fail SELEKT database"]);
    let mut batch = Batch::logged();
    batch.bind(&insert, (2, 2)).expect("two ints").push("DELETE FROM numbers WHERE id = 1");
    session.batch(&batch).await.expect("written");
    assert_eq!(diary.read(), [format!("start Batch {text} x2"), format!("end {text} rows=0")]);

    let rows = session.execute_concurrent_with_args(&insert, [(5, 5), (6, 6)]).run().await.expect("written");
    assert_eq!(rows.len(), 2);
    let told = diary.read();
    assert_eq!(told.iter().filter(|entry| entry.starts_with("start")).count(), 2, "{told:?}");
    assert_eq!(told.iter().filter(|entry| entry.starts_with("end")).count(), 2, "{told:?}");
    session.execute_concurrent([AnyStatement::from(read)]).run().await.expect("read");
    assert_eq!(diary.read().len(), 2);

    let select = session.prepare(read).await.expect("prepared").page_size(2);
    let pages = session.execute_iter(&select, ()).await.expect("read").rows::<(i32,)>().expect("ints");
    assert_eq!(pages.try_collect::<Vec<_>>().await.expect("read").len(), 3);
    assert_eq!(diary.read().len(), 4, "each page is a request");
}

#[tokio::test]
async fn listeners_come_and_go() {
    let stage = Stage::with_numbers().await;
    let (first, second) = (Arc::new(Diary::default()), Arc::new(Diary::default()));
    let as_listener = |diary: &Arc<Diary>| -> Arc<dyn RequestListener> { diary.clone() };
    stage.session.add_request_listener(&as_listener(&first));
    stage.session.add_request_listener(&as_listener(&second));
    stage.numbers().await;
    assert_eq!((first.read().len(), second.read().len()), (2, 2));
    assert!(stage.session.remove_request_listener(&as_listener(&first)));
    assert!(!stage.session.remove_request_listener(&as_listener(&first)));
    stage.numbers().await;
    assert_eq!((first.read().len(), second.read().len()), (0, 2));
    assert!(stage.session.remove_request_listener(&as_listener(&second)));
    stage.numbers().await;
    assert_eq!(second.read().len(), 0);
}

#[tokio::test]
async fn any_statement_is_run_as_its_own_verb_would() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let bound = insert.bind((1, 10)).expect("two ints");
    stage.session.run(&bound).await.expect("written");
    stage.session.run(bound).await.expect("written again");
    let mut batch = Batch::unlogged();
    batch.bind(&insert, (2, 20)).expect("two ints").bind(&insert, (3, 30)).expect("two ints");
    stage.session.run(&batch).await.expect("written");
    let read = stage.session.run("SELECT id FROM numbers").await.expect("read");
    assert_eq!(read.row_count(), 3);
    let pages = Statement::new("SELECT id FROM numbers").page_size(2);
    let first = stage.session.run_page(&pages, None).await.expect("read");
    let second = stage.session.run_page(&pages, first.paging_state()).await.expect("read");
    assert_eq!((first.row_count(), second.row_count()), (2, 1));
    let rows = stage.session.run_iter(&pages).await.expect("read").rows::<(i32,)>().expect("ints");
    assert_eq!(rows.try_collect::<Vec<_>>().await.expect("read").len(), 3);
}

#[tokio::test]
async fn types_that_are_not_there_are_named() {
    let stage = Stage::new().await;
    stage.run("CREATE TYPE place (name text)").await;
    assert_eq!(stage.session.user_type("ks", "place").expect("there").fields().count(), 1);
    let error = stage.session.user_type("ks", "time").expect_err("never made");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("\"time\""), "{error}");
    let error = stage.session.user_type("nowhere", "place").expect_err("no such keyspace");
    assert!(error.to_string().contains("keyspace \"nowhere\""), "{error}");
}

#[tokio::test]
async fn errors_of_every_stage_have_one_root_and_a_kind() {
    let stage = Stage::with_numbers().await;
    let session = &stage.session;
    let mut found = Vec::new();
    let mut note = |error: Error| {
        let root: &dyn std::error::Error = &error;
        assert!(root.downcast_ref::<Error>().is_some() && !error.to_string().is_empty());
        found.push(error.kind());
    };
    note(Session::builder().build().expect_err("no contact point"));
    note(Session::builder().contact_point("127.0.0.1:1").connect().await.expect_err("nobody listens"));
    note(Session::builder().contact_point("name.invalid").connect().await.expect_err("unresolvable"));
    let guarded = EmbeddedCluster::builder().authentication("a", "b").start().expect("starts");
    note(Session::builder().contact_points(guarded.addresses()).connect().await.expect_err("no password"));
    note(session.query("SELECT nothing FROM numbers", ()).await.expect_err("refused"));
    note(session.execute(&stage.insert().await, (1,)).await.expect_err("one value too few"));
    let read = session.query("SELECT id FROM numbers", ()).await.expect("read");
    note(read.rows::<(String,)>().expect_err("an int is no text"));
    note(read.single_row::<(i32,)>().expect_err("no row"));
    note(session.profile("absent").expect_err("never given"));
    stage.cluster.faults().add(Requests::containing("select"), Fault::DropAnswer);
    let hasty = Statement::new("SELECT id FROM numbers").timeout(Duration::from_millis(20));
    note(session.query(hasty, ()).await.expect_err("too late"));
    use ErrorKind::*;
    assert_eq!(
        found,
        [Config, NoHostAvailable, NoHostAvailable, Authentication, Db, Values, Rows, Result, Usage, Timeout]
    );
}

#[tokio::test]
async fn a_code_nobody_knows_keeps_its_number_and_message() {
    let stage = Stage::with_numbers().await;
    stage.cluster.faults().add(
        Requests::containing("select"),
        Fault::Error(DbError::Other { code: 0x7777 }, "new in this release".into()),
    );
    let error = stage.session.query("SELECT id FROM numbers", ()).await.expect_err("refused");
    let body = error.db().expect("the server's own words");
    assert_eq!((body.code, body.message.as_str()), (0x7777, "new in this release"));
    assert_eq!(body.error, DbError::Other { code: 0x7777 });
}

//! Spans for calls: which there are, and every attribute of each.

use std::sync::Arc;
use std::time::Duration;

use chorus::policy::{ConstantSpeculation, SpeculativePolicy};
use chorus::{Batch, Consistency, DbError, RequestSpans, Session, SessionBuilder, Statement};
use chorus_node::{EmbeddedCluster, Fault, Requests};
use futures::TryStreamExt as _;

use crate::recorder::{Fields, Recorder, Tape};
use crate::stage::{KEYSPACE, NUMBERS, Stage};

/// What nobody should read in a trace.
const SECRET: &str = "canary-93b0";

fn with_spans(builder: SessionBuilder) -> SessionBuilder {
    builder.request_spans(RequestSpans::new())
}

async fn stage() -> Stage {
    let stage = Stage::with(with_spans).await;
    stage.run(NUMBERS).await;
    stage.run("CREATE TABLE ks.people (name text PRIMARY KEY, age int)").await;
    stage
}

/// The fields of the only span.
fn only(tape: &Tape) -> &Fields {
    let [span] = tape.spans.as_slice() else { panic!("not one span: {:#?}", tape.spans) };
    assert_eq!((span.name, span.is_closed), ("request", true));
    for told in tape.spans.iter().chain(&tape.events) {
        assert!(!format!("{told:?}").contains(SECRET), "{told:?}");
    }
    &span.fields
}

/// What every span of a request that this stage's only node answered has.
fn answered(stage: &Stage, own: &[(&str, &str)]) -> Fields {
    let host = stage.session.state().hosts[0].clone();
    let mut fields: Fields = [
        ("otel.kind", "client".to_owned()),
        ("db.system.name", "cassandra".to_owned()),
        ("db.namespace", "ks".to_owned()),
        ("server.address", "127.0.0.1".to_owned()),
        ("server.port", host.address.port().to_string()),
        ("cassandra.coordinator.id", host.id.to_string()),
        ("cassandra.coordinator.dc", host.datacenter.to_string()),
        ("cassandra.consistency.level", "local_one".to_owned()),
        ("cassandra.page.size", "5000".to_owned()),
        ("cassandra.query.idempotent", "false".to_owned()),
        ("chorus.retries", "0".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    fields.extend(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    fields
}

#[tokio::test]
async fn a_span_of_a_prepared_read_has_every_attribute_and_nothing_else() {
    let stage = stage().await;
    let insert = stage.insert().await;
    for id in 0..3 {
        stage.session.execute(&insert, (id, id)).await.expect("written");
    }
    let select =
        stage.prepare("SELECT value FROM numbers WHERE id = ? AND value > 12345 ALLOW FILTERING").await;
    let select = select.consistency(Consistency::LocalQuorum).page_size(7).idempotent(true);
    let (recorder, _listening) = Recorder::listen();
    stage.session.execute(&select, (1,)).await.expect("read");
    let tape = recorder.take();
    let expected = answered(
        &stage,
        &[
            ("otel.name", "SELECT numbers"),
            ("db.collection.name", "numbers"),
            ("db.operation.name", "SELECT"),
            ("db.query.summary", "SELECT numbers"),
            ("db.query.text", "SELECT value FROM numbers WHERE id = ? AND value > ? ALLOW FILTERING"),
            ("db.response.returned_rows", "0"),
            ("cassandra.consistency.level", "local_quorum"),
            ("cassandra.page.size", "7"),
            ("cassandra.query.idempotent", "true"),
            ("chorus.call", "request"),
        ],
    );
    assert_eq!(*only(&tape), expected);
    assert!(tape.events.is_empty(), "{:?}", tape.events);
}

#[tokio::test]
async fn text_is_shown_without_its_literals_or_not_at_all() {
    let stage = stage().await;
    let (recorder, listening) = Recorder::listen();
    let cql = format!("INSERT INTO ks.people (name, age) VALUES ('{SECRET}', 42) -- {SECRET}");
    stage.session.query(cql.as_str(), ()).await.expect("written");
    let tape = recorder.take();
    let expected = answered(
        &stage,
        &[
            ("otel.name", "INSERT ks.people"),
            ("db.collection.name", "people"),
            ("db.operation.name", "INSERT"),
            ("db.query.summary", "INSERT ks.people"),
            ("db.query.text", "INSERT INTO ks.people (name, age) VALUES (?, ?)"),
            ("chorus.call", "request"),
        ],
    );
    assert_eq!(*only(&tape), expected);
    // Bound values go with a text that is prepared first, within the same call.
    stage.session.query("INSERT INTO people (name, age) VALUES (?, ?)", (SECRET, 1)).await.expect("written");
    assert_eq!(only(&recorder.take())["db.query.text"], "INSERT INTO people (name, age) VALUES (?, ?)");
    drop(listening);

    let without = Session::builder().contact_points(stage.cluster.addresses());
    let session =
        without.request_spans(RequestSpans::new().query_text(false)).connect().await.expect("connects");
    let (recorder, _listening) = Recorder::listen();
    session.query(cql.as_str(), ()).await.expect("written");
    let tape = recorder.take();
    assert!(!only(&tape).contains_key("db.query.text"), "{tape:?}");
    assert_eq!(only(&tape)["db.query.summary"], "INSERT ks.people");
}

#[tokio::test]
async fn a_failure_is_told_by_its_code_and_not_in_the_servers_words() {
    let stage = stage().await;
    let insert = stage.prepare("INSERT INTO people (name, age) VALUES (?, ?)").await;
    let refused = Fault::Error(DbError::Invalid, format!("cannot take '{SECRET}'"));
    stage.cluster.faults().add(Requests::containing("people").times(1), refused);
    let (recorder, _listening) = Recorder::listen();
    let error = stage.session.execute(&insert, (SECRET, 1)).await.expect_err("refused");
    assert!(error.to_string().contains(SECRET), "the error itself has the server's words");
    let tape = recorder.take();
    let expected = answered(
        &stage,
        &[
            ("otel.name", "INSERT people"),
            ("otel.status_code", "ERROR"),
            ("error.type", "8704"),
            ("db.response.status_code", "8704"),
            ("db.collection.name", "people"),
            ("db.operation.name", "INSERT"),
            ("db.query.summary", "INSERT people"),
            ("db.query.text", "INSERT INTO people (name, age) VALUES (?, ?)"),
            ("chorus.call", "request"),
        ],
    );
    assert_eq!(*only(&tape), expected);

    // A timeout has no code.
    stage.cluster.faults().add(Requests::containing("people").times(1), Fault::DropAnswer);
    let patient = insert.timeout(Duration::from_millis(30));
    stage.session.execute(&patient, (SECRET, 1)).await.expect_err("not answered");
    let tape = recorder.take();
    assert_eq!(only(&tape)["error.type"], "timeout");
    assert_eq!(only(&tape)["otel.status_code"], "ERROR");
    assert!(!only(&tape).contains_key("db.response.status_code"));
    assert_eq!(only(&tape)["server.port"], stage.cluster.address(0).port().to_string(), "who was to answer");
}

#[tokio::test]
async fn a_retry_is_an_event_with_the_host_and_the_reason() {
    let stage = Stage::of_with(2, with_spans).await;
    let insert = stage.insert().await.idempotent(true);
    let busy = Fault::Error(DbError::Overloaded, SECRET.into());
    stage.cluster.faults().add(Requests::containing("numbers").times(1), busy);
    let (recorder, _listening) = Recorder::listen();
    stage.session.execute(&insert, (1, 1)).await.expect("the other host takes it");
    let tape = recorder.take();
    let span = only(&tape);
    assert_eq!((span["chorus.retries"].as_str(), span.contains_key("otel.status_code")), ("1", false));
    let [event] = tape.events.as_slice() else { panic!("{:#?}", tape.events) };
    assert_eq!(event.fields["message"], "an attempt failed");
    assert_eq!(event.fields["error.type"], "4097");
    let of = |fields: &Fields| format!("{}:{}", fields["server.address"], fields["server.port"]);
    let nodes = [0, 1].map(|node| stage.cluster.address(node).to_string());
    assert!(nodes.contains(&of(&event.fields)) && nodes.contains(&of(span)), "{event:?} {span:?}");
    assert_ne!(of(&event.fields), of(span));
    let after: u64 = event.fields["after_us"].parse().expect("microseconds");
    assert!(after < 5_000_000);
}

#[tokio::test]
async fn speculation_is_counted_and_told() {
    let stage = Stage::of_with(2, with_spans).await;
    let policy: Arc<dyn SpeculativePolicy> = Arc::new(ConstantSpeculation::new(Duration::from_millis(5), 1));
    let first = stage.session.state().host_at(stage.cluster.address(0)).expect("a member").index;
    let select = stage.prepare("SELECT value FROM numbers WHERE id = ?").await;
    let select = select.idempotent(true).speculation(policy).prefer_host(first);
    stage.cluster.faults().add(Requests::containing("value FROM").on_node(0), Fault::Hold);
    let (recorder, _listening) = Recorder::listen();
    stage.session.execute(&select, (1,)).await.expect("the second host is fast");
    let tape = recorder.take();
    assert_eq!(only(&tape)["cassandra.speculative_execution.count"], "1");
    let [event] = tape.events.as_slice() else { panic!("{:#?}", tape.events) };
    assert_eq!((event.fields["message"].as_str(), event.fields["won"].as_str()), ("speculation", "true"));
}

#[tokio::test]
async fn a_batch_is_one_span_with_the_texts_of_its_members() {
    let stage = stage().await;
    let insert = stage.prepare("INSERT INTO people (name, age) VALUES (?, ?)").await;
    let mut batch = Batch::logged();
    batch.bind(&insert, (SECRET, 1)).expect("fits").bind(&insert, ("b", 2)).expect("fits");
    batch.push(format!("DELETE FROM ks.people WHERE name = '{SECRET}'"));
    let (recorder, _listening) = Recorder::listen();
    stage.session.batch(&batch).await.expect("applied");
    let tape = recorder.take();
    let mut expected = answered(
        &stage,
        &[
            ("otel.name", "BATCH people"),
            ("db.collection.name", "people"),
            ("db.operation.name", "BATCH"),
            ("db.operation.batch.size", "3"),
            ("db.query.summary", "BATCH people"),
            (
                "db.query.text",
                "INSERT INTO people (name, age) VALUES (?, ?); DELETE FROM ks.people WHERE name = ?",
            ),
            ("chorus.call", "request"),
        ],
    );
    expected.remove("cassandra.page.size");
    let mut found = only(&tape).clone();
    found.remove("cassandra.page.size");
    assert_eq!(found, expected);
}

#[tokio::test]
async fn all_pages_of_a_result_are_one_span() {
    let stage = stage().await;
    let insert = stage.insert().await;
    for id in 0..5 {
        stage.session.execute(&insert, (id, id)).await.expect("written");
    }
    let select = stage.prepare("SELECT id FROM numbers").await.page_size(2);
    let (recorder, _listening) = Recorder::listen();
    let mut rows =
        stage.session.execute_iter(&select, ()).await.expect("read").rows::<(i32,)>().expect("ints");
    while rows.try_next().await.expect("read").is_some() {}
    drop(rows);
    let tape = recorder.take();
    let expected = answered(
        &stage,
        &[
            ("otel.name", "SELECT numbers"),
            ("db.collection.name", "numbers"),
            ("db.operation.name", "SELECT"),
            ("db.query.summary", "SELECT numbers"),
            ("db.query.text", "SELECT id FROM numbers"),
            ("db.response.returned_rows", "5"),
            ("cassandra.page.size", "2"),
            ("chorus.call", "pages"),
            ("chorus.pages", "3"),
        ],
    );
    assert_eq!(*only(&tape), expected);
    let rows: Vec<_> = tape.events.iter().map(|event| event.fields["rows"].as_str()).collect();
    assert_eq!(rows, ["2", "2", "1"]);
}

#[tokio::test]
async fn a_job_of_many_requests_is_one_span() {
    let stage = stage().await;
    let insert = stage.prepare("INSERT INTO people (name, age) VALUES (?, ?)").await;
    let refused = Fault::Error(DbError::Unauthorized, SECRET.into());
    stage.cluster.faults().add(Requests::containing("people").after(100).times(2), refused);
    let (recorder, _listening) = Recorder::listen();
    let rows = (0..500).map(|n| (format!("{SECRET}{n}"), n));
    stage.session.bulk(&insert).errors_allowed(2).load(rows).await.expect("two may fail");
    let tape = recorder.take();
    let mut expected = answered(
        &stage,
        &[
            ("otel.name", "INSERT people"),
            ("db.collection.name", "people"),
            ("db.operation.name", "INSERT"),
            ("db.query.summary", "INSERT people"),
            ("db.query.text", "INSERT INTO people (name, age) VALUES (?, ?)"),
            ("chorus.call", "bulk"),
            ("chorus.items.succeeded", "498"),
            ("chorus.items.failed", "2"),
        ],
    );
    // There may be as many coordinators as hosts.
    for host in ["server.address", "server.port", "cassandra.coordinator.id", "cassandra.coordinator.dc"] {
        expected.remove(host);
    }
    assert_eq!(*only(&tape), expected);
    let failures: Vec<_> = tape.events.iter().map(|event| &event.fields).collect();
    assert_eq!(failures.len(), 2);
    assert!(
        failures.iter().all(|event| event["error.type"] == "8448" && event.contains_key("index")),
        "{failures:?}"
    );

    let rows = (0..100).map(|n| (format!("{SECRET}{n}"), n));
    stage.session.execute_concurrent_with_args(&insert, rows).run().await.expect("all written");
    let tape = recorder.take();
    let span = only(&tape);
    assert_eq!((span["chorus.call"].as_str(), span["otel.name"].as_str()), ("concurrent", "INSERT people"));
    assert_eq!((span["chorus.items.succeeded"].as_str(), span["chorus.items.failed"].as_str()), ("100", "0"));
    assert!(tape.events.is_empty(), "{:?}", tape.events);

    stage.session.execute_concurrent(["SELECT id FROM numbers", "no CQL"]).run_all().await.expect("run");
    let tape = recorder.take();
    let span = only(&tape);
    assert_eq!((span["otel.name"].as_str(), span.contains_key("db.query.text")), ("concurrent", false));
    assert_eq!((span["chorus.items.succeeded"].as_str(), span["chorus.items.failed"].as_str()), ("1", "1"));
}

#[tokio::test]
async fn preparing_is_a_call_of_its_own() {
    let stage = stage().await;
    let (recorder, _listening) = Recorder::listen();
    stage.prepare("SELECT age FROM ks.people WHERE name = ?").await;
    let tape = recorder.take();
    let span = only(&tape);
    assert_eq!(span["otel.name"], "PREPARE SELECT ks.people");
    assert_eq!((span["db.operation.name"].as_str(), span["chorus.call"].as_str()), ("PREPARE", "prepare"));
    assert!(!span.contains_key("otel.status_code"));

    stage.session.prepare("SELECT nothing FROM ks.people").await.expect_err("no such column");
    let tape = recorder.take();
    assert_eq!(only(&tape)["otel.status_code"], "ERROR");
    assert_eq!(only(&tape)["db.response.status_code"], "8704");
}

#[tokio::test]
async fn a_call_that_is_dropped_says_so() {
    let stage = stage().await;
    stage.cluster.faults().add(Requests::containing("numbers"), Fault::DropAnswer);
    let (recorder, _listening) = Recorder::listen();
    let call = stage.session.query("SELECT id FROM numbers", ());
    tokio::time::timeout(Duration::from_millis(20), call).await.expect_err("it is not answered");
    let tape = recorder.take();
    let span = only(&tape);
    assert_eq!((span["chorus.cancelled"].as_str(), span.contains_key("otel.status_code")), ("true", false));
}

#[tokio::test]
async fn a_span_is_a_child_of_the_programs_own_and_there_is_none_where_nobody_wants_one() {
    let stage = stage().await;
    let (recorder, listening) = Recorder::listen();
    let own = tracing::info_span!("checkout");
    let call = stage.session.query("SELECT id FROM numbers", ());
    tracing::Instrument::instrument(call, own).await.expect("read");
    {
        let tape = recorder.tape();
        let request = tape.spans.iter().find(|span| span.name == "request").expect("there is one");
        assert_eq!(tape.spans[request.within.expect("it has a parent")].name, "checkout");
    }
    recorder.take();
    drop(listening);

    // A session that was not asked for spans makes none.
    let builder = Session::builder().contact_points(stage.cluster.addresses());
    let silent = builder.connect().await.expect("connects");
    let (recorder, _listening) = Recorder::listen();
    silent.query("SELECT id FROM ks.numbers", ()).await.expect("read");
    assert!(recorder.take().spans.is_empty());
}

#[test]
fn the_blocking_session_has_spans_too() {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    let builder = with_spans(Session::builder().contact_points(cluster.addresses()));
    let session = chorus::blocking::Session::connect(builder).expect("connects");
    session.query(KEYSPACE, ()).expect("created");
    session.query(NUMBERS, ()).expect("created");
    let insert = session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").expect("prepared");
    let (recorder, _listening) = Recorder::listen();
    session.execute(&insert, (1, 1)).expect("written");
    session.query(Statement::new("SELECT id FROM ks.numbers"), ()).expect("read");
    session.bulk_insert(&insert, (0..10).map(|id| (id, id))).expect("written");
    let names: Vec<_> = recorder.take().spans.iter().map(|span| span.fields["otel.name"].clone()).collect();
    assert_eq!(names, ["INSERT ks.numbers", "SELECT ks.numbers", "INSERT ks.numbers"]);
}

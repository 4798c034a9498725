//! Text and prepared statements, values, results.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chorus::protocol::Opcode;
use chorus::{
    Batch, Consistency, CqlType, ErrorKind, ExecutionProfile, FromRow, IntoRow, ProtocolVersion, Row,
    RowView, Scalar, SerialConsistency, Session, Statement, TimestampGenerator, Unset,
};
use chorus_node::{Fault, Requests};
use futures::TryStreamExt as _;

use crate::schema::deaf;
use crate::stage::{NUMBERS, Stage};

#[tokio::test]
async fn text_with_values_is_prepared_behind_the_scenes_and_once() {
    let stage = Stage::with_numbers().await;
    for id in 0..20 {
        stage
            .session
            .query("INSERT INTO numbers (id, value) VALUES (?, ?)", (id, 2 * id))
            .await
            .expect("written");
    }
    assert_eq!(stage.cluster.prepared(0), 1);
    assert_eq!(stage.numbers().await.len(), 20);
    let named = HashMap::from([("id", 3)]);
    let result =
        stage.session.query("SELECT value FROM numbers WHERE id = :id", named).await.expect("read by name");
    assert_eq!(result.single_row::<Scalar<i32>>().expect("one row"), Scalar(6));
}

#[tokio::test]
async fn two_prepares_of_a_text_yield_one_statement() {
    let stage = Stage::with_numbers().await;
    stage.cluster.faults().add(Requests::opcode(Opcode::Prepare), Fault::Delay(Duration::from_millis(30)));
    let asked = stage.cluster.watch(Requests::opcode(Opcode::Prepare));
    let text = "SELECT value FROM numbers WHERE id = ?";
    let (first, second) = tokio::join!(stage.session.prepare(text), stage.session.prepare(text));
    let first = first.expect("prepared");
    assert_eq!(first.id(), second.expect("prepared").id());
    assert_eq!(asked.count(), 1, "the second waited for the first");
    stage.session.prepare(text).await.expect("known");
    assert_eq!(asked.count(), 1, "a known statement is not asked for again");
    drop(first);
    stage.cluster.faults().clear();
    stage.session.prepare(text).await.expect("prepared again");
    assert_eq!(asked.count(), 2, "a statement that nobody keeps is forgotten");
}

#[tokio::test]
async fn failed_prepare_is_not_remembered() {
    let stage = Stage::new().await;
    let text = "SELECT value FROM numbers WHERE id = ?";
    let error = stage.session.prepare(text).await.expect_err("there is no such table");
    assert!(error.is_invalid_statement(), "{error}");
    stage.run(NUMBERS).await;
    stage.session.prepare(text).await.expect("there is one now");
}

#[tokio::test]
async fn statement_that_a_server_has_forgotten_is_prepared_again() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage.session.execute(&insert, (1, 1)).await.expect("written");
    stage.cluster.forget_prepared(0);
    stage.session.execute(&insert, (2, 2)).await.expect("prepared again and written");
    assert_eq!(stage.numbers().await.len(), 2);
    assert_eq!(stage.session.metrics().await.expect("open").reprepares, 1);
}

#[tokio::test]
async fn prepared_statement_knows_its_markers_columns_and_key() {
    let stage = Stage::new().await;
    stage.run("CREATE TABLE pairs (a int, b text, c int, PRIMARY KEY ((a, b)))").await;
    for version in ProtocolVersion::ALL {
        let stage = Stage {
            session: Session::builder()
                .contact_points(stage.cluster.addresses())
                .protocol_version(version)
                .keyspace("ks")
                .connect()
                .await
                .expect("connects"),
            cluster: chorus_node::EmbeddedCluster::start(1).expect("starts"),
        };
        let statement = stage.prepare("SELECT c FROM pairs WHERE b = ? AND a = ?").await;
        let markers: Vec<_> = statement.bind_columns().iter().map(|column| column.name.to_string()).collect();
        assert_eq!(markers, ["b", "a"]);
        assert_eq!(statement.partition_key_indexes(), [1, 0], "{version}");
        assert_eq!(statement.result_columns().len(), 1);
        assert_eq!(statement.table(), Some(("ks", "pairs")));
    }
}

#[tokio::test]
async fn null_deletes_and_unset_leaves_alone() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage.session.execute(&insert, (1, 10)).await.expect("written");
    stage.session.execute(&insert, (1, Unset)).await.expect("written");
    assert_eq!(stage.numbers().await, [(1, Some(10))]);
    stage.session.execute(&insert, (1, None::<i32>)).await.expect("written");
    assert_eq!(stage.numbers().await, [(1, None)]);

    let error = stage.session.execute(&insert, (Unset, 1)).await.expect_err("the key needs a value");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("\"id\""), "{error}");
}

#[tokio::test]
async fn unset_is_refused_before_protocol_v4() {
    let stage = Stage::with(|builder| builder.protocol_version(ProtocolVersion::V3)).await;
    stage.run(NUMBERS).await;
    let error = stage.session.execute(&stage.insert().await, (1, Unset)).await.expect_err("it would be null");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

const AS_TEXT: &str = "CREATE TABLE numbers (id int PRIMARY KEY, value text)";

#[tokio::test]
async fn a_table_made_anew_with_other_types_is_never_written_in_the_old_ones() {
    // By somebody else, of whom this session does not hear in time.
    let stage = Stage::with(|builder| builder.event_windows(deaf())).await;
    stage.run(NUMBERS).await;
    let other = Session::builder().contact_points(stage.cluster.addresses()).keyspace("ks");
    let other = other.connect().await.expect("reachable");
    let insert = stage.insert().await;
    let bound = insert.bind((3, 33)).expect("two ints");
    stage.session.execute(&insert, (1, 11)).await.expect("written");
    other.query("DROP TABLE numbers", ()).await.expect("dropped");
    other.query(AS_TEXT, ()).await.expect("made");
    stage.cluster.forget_prepared(0);

    assert!(!insert.is_outdated());
    let error = stage.session.execute(&insert, (2, 22)).await.expect_err("an int is no text");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert!(error.to_string().contains("\"value\" was of type int, and is of type text"), "{error}");
    assert!(!error.may_have_been_applied());
    // Nor later, though the server knows the id by now; nor on any other way.
    assert!(insert.is_outdated());
    let mut batch = Batch::unlogged();
    batch.push(bound.clone());
    let errors = [
        stage.session.execute(&insert, (2, 22)).await.expect_err("outdated"),
        stage.session.run(bound).await.expect_err("outdated"),
        stage.session.batch(&batch).await.expect_err("outdated"),
        stage.session.bulk(&insert).load([(2, 22)]).await.expect_err("outdated"),
        stage.session.execute_concurrent_with_args(&insert, [(2, 22)]).run().await.expect_err("outdated"),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains("prepare it again"), "{error}");
    }
    let rows = other.query("SELECT id FROM numbers", ()).await.expect("read").row_count();
    assert_eq!(rows, 0, "nothing was written");

    let insert = stage.insert().await;
    assert_eq!(insert.bind_columns()[1].typ, CqlType::Text);
    stage.session.execute(&insert, (2, "22")).await.expect("written");
}

#[tokio::test]
async fn text_with_values_follows_a_table_made_anew() {
    for hears in [true, false] {
        let windows = if hears { chorus::EventWindows::default() } else { deaf() };
        let stage = Stage::with(|builder| builder.event_windows(windows)).await;
        stage.run(NUMBERS).await;
        let insert = "INSERT INTO numbers (id, value) VALUES (?, ?)";
        stage.session.query(insert, (1, 11)).await.expect("two ints");
        let made = async |session: &Session| {
            session.query("DROP TABLE numbers", ()).await.expect("dropped");
            session.query(AS_TEXT, ()).await.expect("made");
        };
        if hears {
            made(&stage.session).await;
        } else {
            let other = Session::builder().contact_points(stage.cluster.addresses()).keyspace("ks");
            made(&other.connect().await.expect("reachable")).await;
            stage.cluster.forget_prepared(0);
            // What was prepared as two ints is sent, refused, and prepared anew; and then a number is no text.
            let error = stage.session.query(insert, (1, 11)).await.expect_err("an int is no text");
            assert_eq!((error.kind(), error.column()), (ErrorKind::Values, Some((1, "value"))), "{error}");
        }
        stage.session.query(insert, (1, "eleven")).await.expect("an int and a text");
        let select = "SELECT value FROM numbers WHERE id = ?";
        let mut rows = stage
            .session
            .query_iter(select, (1,))
            .await
            .expect("read")
            .rows::<Scalar<String>>()
            .expect("text");
        assert_eq!(rows.try_next().await.expect("reads").expect("a row"), Scalar("eleven".to_owned()));
    }
}

#[tokio::test]
async fn a_table_made_anew_with_the_same_types_is_written_as_before() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage.session.execute(&insert, (1, 11)).await.expect("written");
    stage.run("DROP TABLE numbers").await;
    stage.run("CREATE TABLE numbers (value int, more text, id int PRIMARY KEY)").await;
    stage.cluster.forget_prepared(0);
    stage.session.execute(&insert, (2, 22)).await.expect("written");
    assert!(!insert.is_outdated());
    assert_eq!(stage.numbers().await, [(2, Some(22))]);
}

#[tokio::test]
async fn values_that_do_not_fit_name_their_column_and_nothing_is_sent() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let sent = stage.cluster.watch(Requests::opcode(Opcode::Execute));
    let error = stage.session.execute(&insert, (1, "two")).await.expect_err("no int");
    assert_eq!((error.kind(), error.column()), (ErrorKind::Values, Some((1, "value"))));
    assert!(!error.may_have_been_applied());
    let error = stage.session.execute(&insert, (1,)).await.expect_err("one value for two markers");
    assert_eq!(error.kind(), ErrorKind::Values, "{error}");
    assert_eq!(sent.count(), 0);
}

#[derive(Debug, PartialEq, FromRow, IntoRow)]
struct Number {
    id: i32,
    value: Option<i32>,
}

#[tokio::test]
async fn rows_are_tuples_structs_maps_or_anything() {
    let stage = Stage::with_numbers().await;
    stage.session.execute(&stage.insert().await, Number { id: 1, value: Some(10) }).await.expect("written");
    let result = stage.session.query("SELECT id, value FROM numbers", ()).await.expect("read");
    assert_eq!(result.single_row::<(i32, i32)>().expect("a tuple"), (1, 10));
    assert_eq!(result.single_row::<Number>().expect("a struct"), Number { id: 1, value: Some(10) });
    assert_eq!(result.single_row::<HashMap<String, i32>>().expect("a map").len(), 2);
    assert_eq!(result.single_row::<Row>().expect("anything").values.len(), 2);
    let view: RowView<'_> = result.single_row().expect("by name");
    assert_eq!((view.value::<i32>("value").expect("an int"), view.at::<i32>(0).expect("an int")), (10, 1));
    let by_another_name = view.value::<i32>("valeu").expect_err("no such column");
    assert!(by_another_name.to_string().contains("valeu"), "{by_another_name}");
    let error = result.rows::<(i32, String)>().expect_err("an int is no text");
    assert_eq!((error.kind(), error.column()), (ErrorKind::Rows, Some((1, "value"))));
}

#[tokio::test]
async fn results_say_what_they_are() {
    let stage = Stage::with_numbers().await;
    let written = stage.session.execute(&stage.insert().await, (1, 10)).await.expect("written");
    assert!(!written.is_rows() && written.columns().is_empty() && written.is_last_page());
    assert_eq!(written.rows::<Row>().expect_err("it is no query").kind(), ErrorKind::Result);

    let none = stage.session.query("SELECT id FROM numbers WHERE id = 9", ()).await.expect("read");
    assert!(none.is_rows());
    assert_eq!(none.first_row::<Row>().expect("it is a query"), None);
    assert_eq!(none.single_row::<Row>().expect_err("no row").kind(), ErrorKind::Result);

    stage.session.execute(&stage.insert().await, (2, 20)).await.expect("written");
    let two = stage.session.query("SELECT id FROM numbers", ()).await.expect("read");
    assert!(two.single_row::<Row>().expect_err("two rows").to_string().contains("2 rows"));
    let host = two.host();
    assert!(stage.session.state().hosts.iter().any(|known| known.index == host));
}

#[tokio::test]
async fn conditional_statements_say_whether_they_were_applied() {
    let stage = Stage::with_numbers().await;
    let insert = stage
        .prepare("INSERT INTO numbers (id, value) VALUES (?, ?) IF NOT EXISTS")
        .await
        .serial_consistency(SerialConsistency::LocalSerial);
    assert!(
        stage.session.execute(&insert, (1, 10)).await.expect("decided").was_applied().expect("conditional")
    );
    assert!(
        !stage.session.execute(&insert, (1, 11)).await.expect("decided").was_applied().expect("conditional")
    );
    let plain = stage.session.execute(&stage.insert().await, (2, 20)).await.expect("written");
    assert_eq!(plain.was_applied().expect_err("not conditional").kind(), ErrorKind::Result);
}

#[tokio::test]
async fn select_after_alter_reads_the_new_columns() {
    for version in [ProtocolVersion::V4, ProtocolVersion::V5] {
        let stage = Stage::with(|builder| builder.protocol_version(version)).await;
        stage.run(NUMBERS).await;
        stage.session.execute(&stage.insert().await, (1, 10)).await.expect("written");
        let select = stage.prepare("SELECT * FROM numbers WHERE id = ?").await;
        let result = stage.session.execute(&select, (1,)).await.expect("read");
        assert_eq!(result.single_row::<(i32, i32)>().expect("two columns"), (1, 10));
        stage.run("ALTER TABLE numbers ADD note text").await;
        for _ in 0..3 {
            let result = stage.session.execute(&select, (1,)).await.expect("read");
            let columns: Vec<_> = result.columns().iter().map(|column| column.name.to_string()).collect();
            assert_eq!(result.single_row::<Row>().expect("reads").values.len(), columns.len(), "{version}");
            assert!(columns.contains(&"note".to_owned()), "{version}: {columns:?}");
        }
    }
}

#[tokio::test]
async fn what_has_expired_is_decided_by_the_time_that_the_statement_names() {
    let stage = Stage::with_numbers().await;
    let written: i32 = 1_700_000_000;
    let insert = stage
        .prepare("INSERT INTO numbers (id, value) VALUES (?, ?) USING TTL 100")
        .await
        .now_in_seconds(written);
    stage.session.execute(&insert, (1, 10)).await.expect("written");
    let mut batch = Batch::logged().now_in_seconds(written);
    batch
        .bind(&insert, (2, 20))
        .expect("fits")
        .push("INSERT INTO numbers (id, value) VALUES (3, 30) USING TTL 100");
    stage.session.batch(&batch).await.expect("written");
    let select = stage.prepare("SELECT id FROM numbers").await;
    for (later, alive) in [(0, 3), (99, 3), (101, 0)] {
        let now = written + later;
        let prepared = stage.session.execute(&select.clone().now_in_seconds(now), ()).await.expect("read");
        assert_eq!(prepared.row_count(), alive, "{later} seconds later");
        let text = Statement::new("SELECT id FROM numbers").now_in_seconds(now);
        assert_eq!(stage.session.query(text, ()).await.expect("read").row_count(), alive);
        let pages = select.clone().now_in_seconds(now).page_size(1);
        let rows = stage.session.execute_iter(&pages, ()).await.expect("read").rows::<Row>().expect("rows");
        assert_eq!(rows.try_collect::<Vec<_>>().await.expect("every page").len(), alive, "of every page");
    }
    assert_eq!(
        stage.session.execute(&select, ()).await.expect("read").row_count(),
        0,
        "by the server's clock"
    );

    let stage = Stage::with(|builder| builder.protocol_version(ProtocolVersion::V4)).await;
    stage.run(NUMBERS).await;
    let select = stage.prepare("SELECT id FROM numbers").await.now_in_seconds(1);
    let error = stage.session.execute(&select, ()).await.expect_err("v4 cannot say it");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let text = Statement::new("SELECT id FROM numbers").now_in_seconds(1);
    assert_eq!(stage.session.query(text, ()).await.expect_err("nor so").kind(), ErrorKind::Unsupported);
    let batch = Batch::logged().now_in_seconds(1);
    assert_eq!(stage.session.batch(&batch).await.expect_err("nor so").kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn reads_ask_the_generator_for_no_timestamp() {
    let frozen = Arc::new(Frozen::default());
    let stage = Stage::with(|builder| builder.timestamp_generator(frozen.clone())).await;
    stage.run(NUMBERS).await;
    let (insert, select) = (stage.insert().await, stage.prepare("SELECT id FROM numbers WHERE id = ?").await);
    let taken = || frozen.0.load(Ordering::Relaxed);
    let before = taken();
    stage.session.execute(&select, (1,)).await.expect("read");
    stage.session.query("  select id FROM numbers", ()).await.expect("read");
    stage.session.execute_iter(&select, (1,)).await.expect("read");
    assert_eq!(taken(), before);
    stage.session.execute(&insert, (1, 1)).await.expect("written");
    assert_eq!(taken(), before + 1);
    stage.session.query("INSERT INTO numbers (id, value) VALUES (2, 2)", ()).await.expect("written");
    assert_eq!(taken(), before + 2);
}

/// Always the same.
#[derive(Debug, Default)]
struct Frozen(AtomicI64);

impl TimestampGenerator for Frozen {
    fn next(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed);
        1_000
    }
}

#[tokio::test]
async fn write_timestamps_come_from_the_statement_or_the_generator() {
    let frozen = Arc::new(Frozen::default());
    let stage = Stage::with(|builder| builder.timestamp_generator(frozen.clone())).await;
    stage.run(NUMBERS).await;
    let insert = stage.insert().await;
    let select = stage.prepare("SELECT value, WRITETIME(value) FROM numbers WHERE id = ?").await;
    let stored = async || {
        let result = stage.session.execute(&select, (1,)).await.expect("read");
        result.single_row::<(i32, i64)>().expect("one row")
    };
    stage.session.execute(&insert, (1, 10)).await.expect("written");
    assert_eq!(stored().await, (10, 1_000));
    stage.session.execute(&insert.clone().timestamp(2_000), (1, 20)).await.expect("written");
    assert_eq!(stored().await, (20, 2_000));
    stage.session.execute(&insert, (1, 30)).await.expect("written");
    assert_eq!(stored().await, (20, 2_000), "an older write loses");
    assert!(frozen.0.load(Ordering::Relaxed) > 0);
    let error = stage.session.execute(&insert.clone().timestamp(-1), (1, 1)).await.expect_err("negative");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
}

#[tokio::test]
async fn profile_applies_where_the_statement_says_nothing() {
    let stage = Stage::with_numbers().await;
    let held = stage.cluster.faults().add(Requests::containing("select"), Fault::Hold);
    let hasty = ExecutionProfile::new().timeout(Duration::from_millis(20)).consistency(Consistency::One);
    let hurried = Statement::new("SELECT id FROM numbers").profile(&hasty);
    let error = stage.session.query(hurried.clone(), ()).await.expect_err("too late");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    stage.cluster.faults().remove(held);
    stage.cluster.faults().add(Requests::containing("select"), Fault::Delay(Duration::from_millis(60)));
    stage.session.query(hurried.timeout(None), ()).await.expect("the statement waits");
}

#[tokio::test]
async fn statement_keyspace_needs_protocol_v5() {
    let stage = Stage::with_numbers().await;
    stage
        .run("CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        .await;
    stage.session.use_keyspace("other").await.expect("exists");
    stage
        .session
        .query(Statement::new("SELECT id FROM numbers").keyspace("ks"), ())
        .await
        .expect("resolved in the statement's keyspace");
    let select = stage
        .session
        .prepare(Statement::new("SELECT id FROM numbers").keyspace("ks"))
        .await
        .expect("prepared in the statement's keyspace");
    stage.session.execute(&select, ()).await.expect("executed");
    // A server that forgot the statement is told its keyspace again.
    stage.cluster.forget_prepared(0);
    stage.session.execute(&select, ()).await.expect("prepared again in the statement's keyspace");
    assert_eq!(stage.session.metrics().await.expect("open").reprepares, 1);

    let stage = Stage::with(|builder| builder.protocol_version(ProtocolVersion::V4)).await;
    let statement = Statement::new("SELECT id FROM numbers").keyspace("ks");
    let error = stage.session.query(statement, ()).await.expect_err("v4 cannot say it");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn values_belong_to_what_was_bound_and_not_to_the_statement() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let (first, second) = (insert.bind((1, 10)).expect("two ints"), insert.bind((2, 20)).expect("two ints"));
    stage.session.run(&second).await.expect("written");
    stage.session.run(&first).await.expect("written");
    stage.session.execute(&insert, (3, 30)).await.expect("written");
    assert_eq!(stage.numbers().await, [(1, Some(10)), (2, Some(20)), (3, Some(30))]);
}

#[tokio::test]
async fn a_list_is_bound_to_in() {
    let stage = Stage::with_numbers().await;
    for id in 0..6 {
        stage.session.execute(&stage.insert().await, (id, id)).await.expect("written");
    }
    let select = stage.prepare("SELECT id FROM numbers WHERE id IN ?").await;
    for wanted in [vec![1, 3, 5], vec![4], vec![], vec![99]] {
        let result = stage.session.execute(&select, (wanted.clone(),)).await.expect("read");
        let mut found: Vec<i32> =
            result.rows::<(i32,)>().expect("ints").map(|row| row.expect("an int").0).collect();
        found.sort_unstable();
        assert_eq!(found, wanted.into_iter().filter(|id| *id < 6).collect::<Vec<_>>());
    }
}

//! What Chorus promises, kept with a real Apache Cassandra.
//!
//! `cargo xtask test --only cassandra` starts two servers and names them in the environment: `CHORUS_CASSANDRA` asks for no
//! password, `CHORUS_CASSANDRA_AUTH` does. Without them these tests are ignored.

use std::time::Duration;

use chorus::{
    Batch, Compression, Consistency, CqlValue, DbError, ErrorKind, Placement, ProtocolVersion, Row, Session,
    SessionBuilder, Statement, Unset,
};
use futures::TryStreamExt as _;

#[path = "contention/mod.rs"]
mod contention;
#[cfg(feature = "bulk")]
#[path = "unloading/mod.rs"]
mod unloading;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn server() -> SessionBuilder {
    let address =
        std::env::var("CHORUS_CASSANDRA").expect("CHORUS_CASSANDRA is the HOST:PORT of a Cassandra");
    Session::builder().contact_point(address).request_timeout(Duration::from_secs(20))
}

fn guarded_server() -> SessionBuilder {
    let address = std::env::var("CHORUS_CASSANDRA_AUTH").expect("CHORUS_CASSANDRA_AUTH is HOST:PORT");
    Session::builder().contact_point(address)
}

/// A session with an empty keyspace of its own, so that tests can run at the same time.
async fn in_keyspace(builder: SessionBuilder, keyspace: &str) -> Result<Session, chorus::Error> {
    let session = builder.connect().await?;
    session.query(format!("DROP KEYSPACE IF EXISTS {keyspace}"), ()).await?;
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    session.query(format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}"), ()).await?;
    session.use_keyspace(keyspace).await?;
    Ok(session)
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn every_version_and_compression_writes_and_reads() -> Outcome {
    let lz4 = Some(Compression::Lz4);
    let snappy = Some(Compression::Snappy);
    let combinations = [
        (ProtocolVersion::V6, None),
        (ProtocolVersion::V6, lz4),
        (ProtocolVersion::V5, None),
        (ProtocolVersion::V5, lz4),
        (ProtocolVersion::V4, None),
        (ProtocolVersion::V4, lz4),
        (ProtocolVersion::V4, snappy),
        (ProtocolVersion::V3, None),
        (ProtocolVersion::V3, lz4),
        (ProtocolVersion::V3, snappy),
    ];
    let session = in_keyspace(server(), "real_versions").await?;
    session.query("CREATE TABLE words (id int PRIMARY KEY, word text)", ()).await?;
    for (index, (version, compression)) in combinations.into_iter().enumerate() {
        let session = server()
            .keyspace("real_versions")
            .protocol_version(version)
            .allow_beta_protocol(version.is_beta())
            .compression(compression)
            .connect()
            .await?;
        assert_eq!(session.protocol_version(), version);
        let id = i32::try_from(index)?;
        // Long enough to be worth compressing, and longer than one segment of v5.
        let word = format!("{version:?} {compression:?} ").repeat(20_000);
        let insert = session.prepare("INSERT INTO words (id, word) VALUES (?, ?)").await?;
        session.execute(&insert, (id, word.as_str())).await?;
        let read = session.query("SELECT word FROM words WHERE id = ?", (id,)).await?;
        assert_eq!(read.single_row::<(&str,)>()?.0, word, "{version:?} {compression:?}");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn real_servers_speak_the_beta_version_when_it_is_allowed() -> Outcome {
    let session = in_keyspace(server().allow_beta_protocol(true), "real_beta").await?;
    assert_eq!(session.protocol_version(), ProtocolVersion::V6);
    session.query("CREATE TABLE numbers (id int PRIMARY KEY, value int)", ()).await?;
    let insert = session.prepare("INSERT INTO numbers (id, value) VALUES (?, ?)").await?;
    session.execute_concurrent_with_args(&insert, (0..500).map(|id| (id, id * 2))).run().await?;
    let report = session.bulk(&insert).load((500..1_000).map(|id| (id, id * 2))).await?;
    assert_eq!(report.written, 500);
    let mut batch = Batch::logged();
    batch.bind(&insert, (1_000, 2_000))?.bind(&insert, (1_001, 2_002))?;
    session.batch(&batch).await?;
    let select = session.prepare("SELECT id, value FROM numbers").await?.page_size(100);
    let rows: Vec<(i32, i32)> =
        session.execute_iter(&select, ()).await?.rows::<(i32, i32)>()?.try_collect().await?;
    assert_eq!(rows.len(), 1_002);
    assert!(rows.iter().all(|(id, value)| *value == id * 2));
    session.query("ALTER TABLE numbers ADD more text", ()).await?;
    let read = session.query("SELECT * FROM numbers WHERE id = 7", ()).await?;
    assert_eq!(read.single_row::<(i32, Option<String>, i32)>()?, (7, None, 14));
    assert_eq!(server().connect().await?.protocol_version(), ProtocolVersion::V5);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn a_table_made_anew_with_other_types_is_never_written_in_the_old_ones() -> Outcome {
    let session = in_keyspace(server(), "real_anew").await?;
    session.query("CREATE TABLE numbers (id int PRIMARY KEY, value int)", ()).await?;
    let text = "INSERT INTO numbers (id, value) VALUES (?, ?)";
    let insert = session.prepare(text).await?;
    session.execute(&insert, (1, 11)).await?;
    session.query(text, (2, 22)).await?;
    session.query("DROP TABLE numbers", ()).await?;
    session.query("CREATE TABLE numbers (id int PRIMARY KEY, value text)", ()).await?;
    let error = session.execute(&insert, (3, 33)).await.expect_err("an int is no text");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert!(error.to_string().contains("was of type int, and is of type text now"), "{error}");
    session.query(text, (4, "44")).await?;
    let rows = session.query("SELECT id, value FROM numbers", ()).await?;
    assert_eq!(rows.single_row::<(i32, &str)>()?, (4, "44"));
    Ok(())
}

/// A type, and one of its values as Cassandra writes it.
const VALUES: &[(&str, &str)] = &[
    ("ascii", "'plain'"),
    ("bigint", "-9223372036854775808"),
    ("blob", "0x00ff10"),
    ("boolean", "true"),
    ("date", "'1969-12-31'"),
    ("decimal", "-12345678901234567890.5"),
    ("double", "2.5"),
    ("duration", "1mo2d3ns"),
    ("float", "-0.25"),
    ("inet", "'2001:db8::1'"),
    ("int", "-7"),
    ("smallint", "-32768"),
    ("text", "'quoted '' and ünï'"),
    ("time", "'23:59:59.000000001'"),
    ("timestamp", "'2026-11-23T21:55:03.123Z'"),
    ("timeuuid", "50554d6e-29bb-11e5-b345-feff819cdc9f"),
    ("tinyint", "-128"),
    ("uuid", "123e4567-e89b-42d3-a456-426614174000"),
    ("varint", "-170141183460469231731687303715884105729"),
    ("list<int>", "[1, 2, 3]"),
    ("set<text>", "{'a', 'b'}"),
    ("map<text, bigint>", "{'a': 1, 'b': 2}"),
    ("tuple<int, text>", "(1, null)"),
    ("vector<float, 3>", "[1.0, 2.0, 3.5]"),
    ("vector<text, 2>", "['a', 'bc']"),
    ("map<text, frozen<list<frozen<map<int, date>>>>>", "{'a': [{1: '2026-01-01'}, {}]}"),
    ("frozen<place>", "{name: 'Oslo', at: (59.9, null)}"),
    ("list<frozen<place>>", "[{name: 'a', at: null}]"),
];

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn what_the_server_wrote_is_read_and_written_back_unchanged_in_every_type() -> Outcome {
    let session = in_keyspace(server(), "real_types").await?;
    session.query("CREATE TYPE place (name text, at frozen<tuple<double, text>>)", ()).await?;
    for (index, (typ, literal)) in VALUES.iter().enumerate() {
        let table = format!("t{index}");
        session.query(format!("CREATE TABLE {table} (id int PRIMARY KEY, value {typ})"), ()).await?;
        session.query(format!("INSERT INTO {table} (id, value) VALUES (1, {literal})"), ()).await?;
        let select = session.prepare(format!("SELECT value FROM {table} WHERE id = ?")).await?;
        let by_server = session.execute(&select, (1,)).await?.single_row::<(CqlValue,)>()?.0;
        let insert = session.prepare(format!("INSERT INTO {table} (id, value) VALUES (?, ?)")).await?;
        session.execute(&insert, (2, &by_server)).await?;
        let by_us = session.execute(&select, (2,)).await?.single_row::<(CqlValue,)>()?.0;
        assert_eq!(by_us, by_server, "{typ}");
        // Our text for the value means the same to the server.
        session.query(format!("INSERT INTO {table} (id, value) VALUES (3, {by_us})"), ()).await?;
        let by_text = session.execute(&select, (3,)).await?.single_row::<(CqlValue,)>()?.0;
        assert_eq!(by_text, by_server, "{typ} {by_us}");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn null_empty_and_unset_are_three_things() -> Outcome {
    let session = in_keyspace(server(), "real_nothing").await?;
    session.query("CREATE TABLE words (id int PRIMARY KEY, word text)", ()).await?;
    let insert = session.prepare("INSERT INTO words (id, word) VALUES (?, ?)").await?;
    let select = session.prepare("SELECT word FROM words WHERE id = 1").await?;
    session.execute(&insert, (1, "there")).await?;
    session.execute(&insert, (1, Unset)).await?;
    assert_eq!(
        session.execute(&select, ()).await?.single_row::<(Option<String>,)>()?.0.as_deref(),
        Some("there")
    );
    session.execute(&insert, (1, "")).await?;
    assert_eq!(session.execute(&select, ()).await?.single_row::<(Option<String>,)>()?.0.as_deref(), Some(""));
    session.execute(&insert, (1, None::<&str>)).await?;
    assert_eq!(session.execute(&select, ()).await?.single_row::<(Option<String>,)>()?.0, None);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn many_rows_are_written_together_and_read_page_by_page() -> Outcome {
    const ROWS: i32 = 12_345;
    let session = in_keyspace(server(), "real_pages").await?;
    session.query("CREATE TABLE squares (part int, n int, square bigint, PRIMARY KEY (part, n))", ()).await?;
    let insert =
        session.prepare("INSERT INTO squares (part, n, square) VALUES (?, ?, ?)").await?.idempotent(true);
    let row = |part: i32| move |n: i32| (part, n, i64::from(n) * i64::from(n));
    let results =
        session.execute_concurrent_with_args(&insert, (0..ROWS).map(row(1))).concurrency(256).run().await?;
    assert_eq!(results.len(), usize::try_from(ROWS)?);
    let report = session.bulk(&insert).load((0..ROWS).map(row(2))).await?;
    assert_eq!(report.written, u64::try_from(ROWS)?);
    let select = session.prepare("SELECT n, square FROM squares WHERE part = ?").await?.page_size(1_000);
    for part in [1, 2] {
        let rows: Vec<(i32, i64)> =
            session.execute_iter(&select, (part,)).await?.rows::<(i32, i64)>()?.try_collect().await?;
        let expected: Vec<(i32, i64)> = (0..ROWS).map(|n| (n, i64::from(n) * i64::from(n))).collect();
        assert!(rows == expected, "part {part}: {} rows", rows.len());
    }
    let counts = session.query("SELECT count(*) FROM squares", ()).await?;
    assert_eq!(counts.single_row::<(i64,)>()?.0, i64::from(ROWS) * 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn every_placement_serves_a_multi_thread_program() -> Outcome {
    let session = in_keyspace(server(), "real_places").await?;
    session.query("CREATE TABLE words (id int PRIMARY KEY, word text)", ()).await?;
    for placement in [Placement::Auto, Placement::Hosted, Placement::Dedicated { threads: 2 }] {
        let session = server().keyspace("real_places").placement(placement).connect().await?;
        let insert = session.prepare("INSERT INTO words (id, word) VALUES (?, ?)").await?;
        let mut callers = Vec::new();
        for id in 0..64 {
            let (session, insert) = (session.clone(), insert.clone());
            callers.push(tokio::spawn(
                async move { session.execute(&insert, (id, format!("word {id}"))).await },
            ));
        }
        for caller in callers {
            caller.await??;
        }
        let report = session.shutdown(Duration::from_secs(5)).await;
        assert!(report.is_clean(), "{placement:?}: {report:?}");
        let refused = session.query("SELECT key FROM system.local", ()).await.expect_err("it is shut down");
        assert_eq!(refused.kind(), ErrorKind::SessionClosed);
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn a_statement_the_server_forgot_is_prepared_again() -> Outcome {
    let session = in_keyspace(server(), "real_forgotten").await?;
    let create = "CREATE TABLE words (id int PRIMARY KEY, word text)";
    session.query(create, ()).await?;
    let insert = session.prepare("INSERT INTO words (id, word) VALUES (?, ?)").await?;
    session.execute(&insert, (1, "one")).await?;
    // Cassandra throws a table's statements away with it.
    session.query("DROP TABLE words", ()).await?;
    session.query(create, ()).await?;
    session.execute(&insert, (2, "two")).await?;
    let rows = session.query("SELECT id FROM words", ()).await?;
    assert_eq!(rows.single_row::<(i32,)>()?.0, 2);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn a_column_that_was_added_appears_in_a_prepared_select() -> Outcome {
    let session = in_keyspace(server(), "real_altered").await?;
    session.query("CREATE TABLE words (id int PRIMARY KEY, a text)", ()).await?;
    session.query("INSERT INTO words (id, a) VALUES (1, 'x')", ()).await?;
    let select = session.prepare("SELECT * FROM words WHERE id = 1").await?;
    assert_eq!(session.execute(&select, ()).await?.single_row::<Row>()?.len(), 2);
    session.query("ALTER TABLE words ADD b text", ()).await?;
    session.query("INSERT INTO words (id, b) VALUES (1, 'y')", ()).await?;
    let after = session.execute(&select, ()).await?;
    let names: Vec<&str> = after.columns().iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["id", "a", "b"]);
    let row = after.single_row::<Row>()?;
    assert_eq!(row.get(2).and_then(CqlValue::as_str), Some("y"));
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn batches_conditions_and_counters_do_what_they_say() -> Outcome {
    let session = in_keyspace(server(), "real_kinds").await?;
    session.query("CREATE TABLE words (id int PRIMARY KEY, word text)", ()).await?;
    session.query("CREATE TABLE visits (page text PRIMARY KEY, seen counter)", ()).await?;
    let insert = session.prepare("INSERT INTO words (id, word) VALUES (?, ?)").await?;
    let mut batch = Batch::logged();
    batch.bind(&insert, (1, "one"))?.bind(&insert, (2, "two"))?;
    batch.push(Statement::new("DELETE FROM words WHERE id = 3"));
    session.batch(&batch).await?;
    assert_eq!(session.query("SELECT id FROM words", ()).await?.row_count(), 2);
    let add = "INSERT INTO words (id, word) VALUES (?, ?) IF NOT EXISTS";
    assert!(!session.query(add, (1, "again")).await?.was_applied()?);
    assert!(session.query(add, (4, "four")).await?.was_applied()?);
    let mut seen = Batch::counter();
    let visit = session.prepare("UPDATE visits SET seen = seen + ? WHERE page = ?").await?;
    seen.bind(&visit, (2_i64, "home"))?.bind(&visit, (3_i64, "home"))?;
    session.batch(&seen).await?;
    let total = session.query("SELECT seen FROM visits WHERE page = 'home'", ()).await?;
    assert_eq!(total.single_row::<(CqlValue,)>()?.0, CqlValue::Counter(5));
    let traced = session.query(Statement::new("SELECT id FROM words").tracing(true), ()).await?;
    assert!(traced.tracing_id().is_some());
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn warnings_and_traces_come_from_the_server() -> Outcome {
    let session = in_keyspace(server(), "real_traces").await?;
    session.query("CREATE TABLE words (id int PRIMARY KEY, word text)", ()).await?;
    // Aggregates over everything are warned about.
    let count = session.query("SELECT count(*) FROM words", ()).await?;
    assert!(count.warnings().iter().any(|warning| warning.contains("without partition key")), "{count:?}");
    let insert = session.prepare("INSERT INTO words (id, word) VALUES (?, ?)").await?.tracing(true);
    for statement in [
        session.execute(&insert, (1, "one")).await?,
        session.query(Statement::new("SELECT * FROM words").tracing(true), ()).await?,
    ] {
        let options = chorus::TraceOptions::new().limit(Duration::from_secs(20));
        let trace = session.trace_with(statement.tracing_id().expect("traced"), options).await?;
        assert!(trace.is_complete() && !trace.events.is_empty(), "{trace}");
        assert_eq!(trace.parameters.get("consistency_level").map(String::as_str), Some("LOCAL_ONE"));
        assert!(trace.events.is_sorted_by_key(|event| event.at), "{trace}");
        assert!(trace.events.iter().all(|event| event.source.is_some()), "{trace}");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn the_server_shows_who_is_connected_and_how_it_is_set() -> Outcome {
    let address = std::env::var("CHORUS_CASSANDRA")?;
    let cluster = chorus::Cluster::builder().contact_point(address).build()?;
    let (session, _second) = (cluster.connect().await?, cluster.connect().await?);
    // Each host knows its own clients only.
    let host = session.control_host().expect("there is one");
    let clients = Statement::new("SELECT client_options FROM system_views.clients").on_host(&host);
    let clients = session.query(clients, ()).await?;
    let mut reports = Vec::new();
    let mut connections = 0;
    for row in clients.rows::<(Option<std::collections::HashMap<String, String>>,)>()? {
        let Some(options) = row?.0 else { continue };
        if options.get("SESSION_ID") != Some(&cluster.id().to_string()) {
            continue;
        }
        connections += 1;
        reports.extend(options.get("DRIVER_CONFIG").cloned());
    }
    // Two sessions, each with a control connection and one for requests.
    assert!(connections >= 4, "{connections}");
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert!(reports[0].starts_with(r#"{"version":1,"#), "{}", reports[0]);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn what_the_server_refuses_is_told_apart() -> Outcome {
    let session = in_keyspace(server(), "real_refused").await?;
    session.query("CREATE TABLE words (id int PRIMARY KEY, word text)", ()).await?;
    let syntax = session.query("SELEKT 1", ()).await.expect_err("not CQL");
    assert_eq!(syntax.kind(), ErrorKind::Db);
    assert!(matches!(syntax.db().map(|body| &body.error), Some(DbError::SyntaxError)), "{syntax:?}");
    let exists = session.query("CREATE TABLE words (id int PRIMARY KEY)", ()).await.expect_err("it is there");
    assert!(exists.is_already_exists(), "{exists:?}");
    let unknown = session.prepare("SELECT nothing FROM words").await.expect_err("no such column");
    assert!(unknown.is_invalid_statement(), "{unknown:?}");
    let three = Statement::new("SELECT id FROM words").consistency(Consistency::Three);
    let unavailable = session.query(three, ()).await.expect_err("one replica cannot be three");
    // With no other host to ask, the answer of the one that was asked is what the user gets to read.
    assert!(unavailable.to_string().contains("THREE"), "{unavailable:?}");
    let missing = server().keyspace("real_missing").connect().await.expect_err("no such keyspace");
    assert_ne!(missing.kind(), ErrorKind::Authentication);
    // None of this has hurt the session.
    session.query("SELECT id FROM words", ()).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA_AUTH"]
async fn only_the_right_password_opens_a_session() -> Outcome {
    let session = guarded_server().credentials("cassandra", "cassandra").connect().await?;
    session.query("SELECT key FROM system.local", ()).await?;
    let wrong =
        guarded_server().credentials("cassandra", "guess").connect().await.expect_err("a wrong password");
    assert_eq!(wrong.kind(), ErrorKind::Authentication, "{wrong:?}");
    let nobody = guarded_server().connect().await.expect_err("no password at all");
    assert_eq!(nobody.kind(), ErrorKind::Authentication, "{nobody:?}");
    Ok(())
}

#[test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
fn a_program_without_a_runtime_uses_the_blocking_session() -> Outcome {
    let session = chorus::blocking::Session::connect(server())?;
    let rows = session.query("SELECT release_version FROM system.local", ())?;
    let version = rows.single_row::<(&str,)>()?.0;
    assert!(version.starts_with("5."), "{version}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn real_f112_contenders_for_one_key() -> Outcome {
    let session = in_keyspace(server(), "real_contenders").await?;
    contention::lightweight_transactions_on_one_key_happen_one_after_the_other(&session).await?;
    contention::counters_add_up_whoever_counts(&session).await
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn real_f112_ties_of_timestamps() -> Outcome {
    let session = in_keyspace(server(), "real_ties").await?;
    contention::ties_of_timestamps_have_one_outcome_in_any_order(&session).await
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn real_f113_ends_of_time() -> Outcome {
    let session = in_keyspace(server(), "real_ends_of_time").await?;
    contention::timestamps_reach_to_the_ends_of_time(&session).await?;
    contention::times_to_live_have_edges(&session).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn real_f115_changes_under_requests() -> Outcome {
    let session = in_keyspace(server(), "real_changes").await?;
    contention::the_schema_changes_while_requests_run(&session, "real_changes").await?;
    contention::a_table_dropped_under_a_scan_ends_the_scan(&session).await
}

#[cfg(feature = "bulk")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn an_unloaded_table_is_what_the_server_says_and_comes_back() -> Outcome {
    let session = in_keyspace(server(), "real_unload").await?;
    unloading::a_table_of_all_types_goes_out_and_comes_back(&session, "real_unload").await
}

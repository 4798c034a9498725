//! F112, F113, F115 with the embedded node: see `tests/contention`.

use chorus::{DbError, ErrorKind};

#[path = "../contention/mod.rs"]
mod programs;

use crate::stage::Stage;
use programs::Outcome;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f112_lightweight_transactions_on_one_key_happen_one_after_the_other() -> Outcome {
    let stage = Stage::new().await;
    programs::lightweight_transactions_on_one_key_happen_one_after_the_other(&stage.session).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f112_counters_add_up_whoever_counts() -> Outcome {
    let stage = Stage::new().await;
    programs::counters_add_up_whoever_counts(&stage.session).await
}

#[tokio::test]
async fn f112_ties_of_timestamps_have_one_outcome_in_any_order() -> Outcome {
    let stage = Stage::new().await;
    programs::ties_of_timestamps_have_one_outcome_in_any_order(&stage.session).await
}

#[tokio::test]
async fn f113_timestamps_reach_to_the_ends_of_time() -> Outcome {
    let stage = Stage::new().await;
    programs::timestamps_reach_to_the_ends_of_time(&stage.session).await
}

#[tokio::test]
async fn f113_times_to_live_have_edges() -> Outcome {
    let stage = Stage::new().await;
    programs::times_to_live_have_edges(&stage.session).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f115_the_schema_changes_while_requests_run() -> Outcome {
    let stage = Stage::new().await;
    programs::the_schema_changes_while_requests_run(&stage.session, "ks").await
}

#[tokio::test]
async fn f115_a_table_dropped_under_a_scan_ends_the_scan() -> Outcome {
    let stage = Stage::new().await;
    programs::a_table_dropped_under_a_scan_ends_the_scan(&stage.session).await
}

/// What a caller might be handed by somebody who means harm.
const HOSTILE: [&str; 8] = [
    "'; DROP TABLE ks.numbers; --",
    "\"; DROP KEYSPACE ks; --",
    "' OR '1' = '1",
    "x\" int); DROP TABLE ks.numbers; --",
    "$$; TRUNCATE ks.numbers; $$",
    "/* */ ; // :name ?",
    "nul\0and\nnewline\r\u{2028}",
    "\u{202e}\u{0}\u{feff}'\"\\",
];

#[tokio::test]
async fn f90_hostile_values_stay_values_however_they_are_bound() -> Outcome {
    let stage = Stage::with_numbers().await;
    stage.run("CREATE TABLE texts (k int PRIMARY KEY, v text, l list<text>, m map<text, text>)").await;
    let session = &stage.session;
    let insert = session.prepare("INSERT INTO texts (k, v) VALUES (?, ?)").await?;
    let named = session.prepare("INSERT INTO texts (k, v) VALUES (:k, :v)").await?;
    let rows = || HOSTILE.iter().zip(0..).map(|(text, k)| (k, *text));
    let check = async |what: &str| -> Outcome {
        for (k, text) in rows() {
            let read = session.query("SELECT v FROM texts WHERE v = ? ALLOW FILTERING", (text,)).await?;
            assert_eq!(read.row_count(), 1, "{what}: {text:?}");
            let read = session.query("SELECT v FROM texts WHERE k = ?", (k,)).await?;
            assert_eq!(read.single_row::<(&str,)>()?.0, text, "{what}");
        }
        session.query("TRUNCATE texts", ()).await?;
        assert!(session.state().keyspaces["ks"].tables.contains_key("numbers"), "{what}");
        Ok(())
    };
    for (k, text) in rows() {
        session.query("INSERT INTO texts (k, v) VALUES (?, ?)", (k, text)).await?;
    }
    check("with text").await?;
    for (k, text) in rows() {
        session.execute(&insert, (k, text)).await?;
    }
    check("prepared").await?;
    for (k, text) in rows() {
        let values = [("k", chorus::CqlValue::Int(k)), ("v", chorus::CqlValue::Text(text.into()))];
        session.execute(&named, std::collections::HashMap::from(values)).await?;
    }
    check("by name").await?;
    let mut batch = chorus::Batch::logged();
    for (k, text) in rows() {
        batch.bind(&insert, (k, text))?;
    }
    session.batch(&batch).await?;
    check("in a batch").await?;
    session.execute_concurrent_with_args(&insert, rows()).run().await?;
    check("concurrently").await?;
    session.bulk(&insert).load(rows()).await?;
    check("in bulk").await?;
    let nested = session.prepare("INSERT INTO texts (k, l, m) VALUES (0, ?, ?)").await?;
    let map: std::collections::HashMap<&str, &str> = HOSTILE.iter().map(|text| (*text, *text)).collect();
    session.execute(&nested, (HOSTILE.to_vec(), &map)).await?;
    let read = session.query("SELECT l, m FROM texts WHERE k = 0", ()).await?;
    let (list, read) = read.single_row::<(Vec<String>, std::collections::HashMap<String, String>)>()?;
    assert_eq!((list.len(), read.len()), (HOSTILE.len(), HOSTILE.len()));
    assert!(HOSTILE.iter().all(|text| read[*text] == *text));
    Ok(())
}

#[tokio::test]
async fn f90_hostile_names_stay_names_wherever_they_are_given() -> Outcome {
    let stage = Stage::with_numbers().await;
    let session = &stage.session;
    for name in HOSTILE {
        // There is nothing of such a name, and that is all that comes of asking for it.
        let error = session.use_keyspace(name).await.expect_err("there is no such keyspace");
        assert!(matches!(error.kind(), ErrorKind::Db | ErrorKind::Usage), "{name:?}: {error}");
        let builder = chorus::Session::builder().contact_points(stage.cluster.addresses()).keyspace(name);
        assert!(builder.connect().await.is_err(), "{name:?}");
        for part in [
            chorus::SchemaScope::keyspace(name),
            chorus::SchemaScope::table("ks", name),
            chorus::SchemaScope::user_types(name),
            chorus::SchemaScope::functions("ks", name),
            chorus::SchemaScope::aggregates(name, name),
        ] {
            session.refresh_schema_of(part).await?;
        }
        assert!(session.state().keyspaces["ks"].tables.contains_key("numbers"), "{name:?}");
    }
    // Columns and fields may have any name: what is described makes the same ones again.
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let names: Vec<String> =
        HOSTILE.iter().filter(|name| !name.contains('\0')).map(|name| quoted(name)).collect();
    let columns: Vec<String> = names.iter().map(|name| format!("{name} text")).collect();
    session.query(format!("CREATE TYPE ks.odd ({})", columns.join(", ")), ()).await?;
    session
        .query(format!("CREATE TABLE ks.odd (k int PRIMARY KEY, o frozen<odd>, {})", columns.join(", ")), ())
        .await?;
    let first = session.state().keyspaces["ks"].clone();
    let statements = first.create_statements();
    session.query("DROP KEYSPACE ks", ()).await?;
    for text in &statements {
        session.query(text.as_str(), ()).await.unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    let second = session.state().keyspaces["ks"].clone();
    assert_eq!(second.describe(), first.describe());
    assert!(second.tables.contains_key("numbers"));
    for name in HOSTILE.iter().filter(|name| !name.contains('\0')) {
        assert!(second.tables["odd"].column(name).is_some(), "{name:?}");
    }
    // A statement that names what is not there is refused, and its text is not taken apart.
    let error =
        session.query(format!("SELECT {} FROM ks.numbers", names[0]), ()).await.expect_err("no such column");
    assert!(matches!(error.db().map(|db| &db.error), Some(DbError::Invalid)), "{error}");
    Ok(())
}

//! Values of the wrong shape, on every way to a statement: refused before anything is sent, with an error that names the
//! statement, the column, the type it has and the type that was given.

use std::collections::BTreeMap;

use chorus::{
    Batch, CqlTime, CqlValue, Error, ErrorKind, IntoRow, MaybeUnset, PreparedStatement, ValueError,
};
use chorus_node::Requests;

use crate::stage::Stage;

const INSERT: &str = "INSERT INTO shapes (id, word, moment, near) VALUES (?, ?, ?, ?)";

/// A row of another shape than the statement's, and what its error must say.
struct Wrong {
    row: Box<dyn IntoRow + Send + Sync>,
    column: Option<&'static str>,
    says: &'static [&'static str],
}

fn wrong(
    row: impl IntoRow + Send + Sync + 'static,
    column: Option<&'static str>,
    says: &'static [&'static str],
) -> Wrong {
    Wrong { row: Box::new(row), column, says }
}

#[derive(IntoRow)]
struct Misspelt {
    id: i32,
    word: String,
    moment: CqlTime,
    nearr: Vec<f32>,
}

fn wrong_rows() -> Vec<Wrong> {
    let noon = CqlTime(43_200_000_000_000);
    let near = || vec![1.0_f32, 2.0];
    let by_name = |names: &[&'static str]| -> BTreeMap<&'static str, CqlValue> {
        names.iter().map(|name| (*name, CqlValue::Int(1))).collect()
    };
    vec![
        // Count.
        wrong((1, "a", noon), None, &["3 values", "4 columns"]),
        wrong((1, "a", noon, near(), 5), None, &["5 values", "4 columns"]),
        wrong((1,), None, &["1 values", "4 columns"]),
        wrong(vec![1; 7], None, &["7 values", "4 columns"]),
        // Name.
        wrong(by_name(&["id", "words"]), Some("word"), &["word"]),
        wrong(Misspelt { id: 1, word: String::new(), moment: noon, nearr: near() }, None, &["near"]),
        // Type.
        wrong((1_i64, "a", noon, near()), Some("id"), &["i64", "int"]),
        wrong((1, 2, noon, near()), Some("word"), &["i32", "text"]),
        wrong((1, "a", "12:00:00", near()), Some("moment"), &["str", "time"]),
        wrong((1, "a", noon, vec![1.0_f64, 2.0]), Some("near"), &["f64", "float"]),
        wrong((1, "a", noon, 1.0_f32), Some("near"), &["f32", "vector<float, 2>"]),
        wrong((CqlValue::from("a"), "a", noon, near()), Some("id"), &["str", "int"]),
        wrong((MaybeUnset::Set(Some(1_u8 as i16)), "a", noon, near()), Some("id"), &["i16", "int"]),
        // Range.
        wrong((1, "a", CqlTime(-1), near()), Some("moment"), &["out of the range of time"]),
        wrong((1, "a", CqlTime(CqlTime::MAX.0 + 1), near()), Some("moment"), &["out of the range of time"]),
        wrong((1, "a", noon, vec![1.0_f32]), Some("near"), &["1 elements", "2 are declared"]),
        wrong((1, "a", noon, vec![None::<f32>, Some(1.0)]), Some("near"), &["null", "vector"]),
    ]
}

fn check(way: &str, wrong: &Wrong, error: &Error) {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let whole = format!("{way}: {error}: {source}");
    assert_eq!(error.kind(), ErrorKind::Values, "{whole}");
    assert_eq!(error.statement(), Some(INSERT), "{whole}");
    assert!(error.to_string().contains("INSERT INTO shapes"), "{whole}");
    assert!(std::error::Error::source(error).is_some_and(|source| source.is::<ValueError>()), "{whole}");
    if let Some(column) = wrong.column {
        assert_eq!(error.column().map(|(_, name)| name), Some(column), "{whole}");
        assert!(error.to_string().contains(&format!("{column:?}")), "{whole}");
    }
    for expected in wrong.says {
        assert!(source.contains(expected), "{whole} should say {expected}");
    }
    assert!(!error.may_have_been_applied(), "{whole}");
}

/// Every way, and what it says of a row that does not fit.
async fn errors(stage: &Stage, insert: &PreparedStatement, wrong: &Wrong) -> Vec<(&'static str, Error)> {
    let (session, row) = (&stage.session, &wrong.row);
    let mut batch = Batch::unlogged();
    let in_batch = batch.bind(insert, row).map(drop).expect_err("does not fit");
    assert!(batch.is_empty(), "the batch is as it was");
    let concurrent = session.execute_concurrent_with_args(insert, [row]);
    let concurrent = concurrent.run_all().await.expect("begins").remove(0).expect_err("does not fit");
    assert_eq!(concurrent.index(), Some(0));
    let bulk = session.bulk(insert).errors_allowed(1).load([row]).await.expect("one may fail");
    assert_eq!((bulk.written, bulk.failed.len()), (0, 1));
    let mut sink = session.bulk(insert).sink().expect("opens");
    vec![
        ("query", session.query(INSERT, row).await.expect_err("does not fit")),
        ("query_page", session.query_page(INSERT, row, None).await.expect_err("does not fit")),
        ("query_iter", session.query_iter(INSERT, row).await.map(drop).expect_err("does not fit")),
        ("execute", session.execute(insert, row).await.expect_err("does not fit")),
        ("execute_page", session.execute_page(insert, row, None).await.expect_err("does not fit")),
        ("execute_iter", session.execute_iter(insert, row).await.map(drop).expect_err("does not fit")),
        ("bind", insert.bind(row).map(drop).expect_err("does not fit")),
        ("batch", in_batch),
        ("execute_concurrent_with_args", concurrent),
        ("bulk", bulk.failed.into_iter().next().expect("one")),
        ("bulk sink", sink.send(row).await.expect_err("does not fit")),
    ]
}

#[tokio::test]
async fn wrong_shapes_are_refused_on_every_way_before_anything_is_sent() {
    let stage = Stage::new().await;
    stage
        .run("CREATE TABLE shapes (id int PRIMARY KEY, word text, moment time, near vector<float, 2>)")
        .await;
    let insert = stage.prepare(INSERT).await;
    let sent = stage.cluster.watch(Requests::containing("insert into shapes"));
    for wrong in wrong_rows() {
        for (way, error) in errors(&stage, &insert, &wrong).await {
            check(way, &wrong, &error);
        }
    }
    assert_eq!(sent.count(), 0);
    assert_eq!(stage.session.query("SELECT id FROM shapes", ()).await.expect("read").row_count(), 0);
}

#[tokio::test]
async fn only_the_beginning_of_a_long_statement_is_shown() {
    let stage = Stage::with_numbers().await;
    let text = format!("INSERT INTO numbers (id, value) VALUES (?, ?) -- {}", "ü".repeat(500));
    let error = stage.session.query(&*text, (1, "two")).await.expect_err("does not fit");
    assert_eq!(error.statement(), Some(&*text));
    assert!(error.to_string().len() < 700 && error.to_string().contains("INSERT INTO numbers"), "{error}");
}

//! What can be asked of an error.

use std::time::Duration;

use chorus::{DbError, ErrorKind};
use chorus_node::{Fault, Requests};

use crate::stage::Stage;

#[tokio::test]
async fn server_errors_keep_code_message_and_detail() {
    let stage = Stage::with_numbers().await;
    let error = stage.session.query("SELEKT", ()).await.expect_err("no CQL");
    assert_eq!(error.kind(), ErrorKind::Db);
    assert_eq!(error.db().map(|body| body.code), Some(0x2000));
    assert!(error.is_invalid_statement() && !error.may_have_been_applied());

    let error = stage.session.query(crate::stage::NUMBERS, ()).await.expect_err("it exists");
    assert!(error.is_already_exists());
    match error.db().map(|body| &body.error) {
        Some(DbError::AlreadyExists { keyspace, table }) => {
            assert_eq!((keyspace.as_str(), table.as_deref()), ("ks", Some("numbers")));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn timeout_says_how_long_and_whether_the_write_may_have_happened() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await.timeout(Duration::from_millis(40));
    stage.cluster.faults().add(Requests::containing("insert"), Fault::DropAnswer);
    let error = stage.session.execute(&insert, (1, 1)).await.expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.is_timeout() && error.may_have_been_applied());
    assert!(error.to_string().contains("timeout=0.04s"), "{error}");
}

#[tokio::test]
async fn lost_connection_is_an_error_for_what_may_not_be_sent_twice() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage.cluster.faults().add(Requests::containing("insert").times(1), Fault::CloseAfter);
    let error = stage.session.execute(&insert, (1, 1)).await.expect_err("the connection broke");
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
    assert!(error.may_have_been_applied());
    while stage.session.query("SELECT id FROM numbers", ()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stage.numbers().await, [(1, Some(1))], "and so it was");
}

#[tokio::test]
async fn overload_and_unavailability_are_told_apart() {
    let stage = Stage::with_numbers().await;
    let rule = stage
        .cluster
        .faults()
        .add(Requests::containing("select"), Fault::Error(DbError::Overloaded, "too much".into()));
    let error = stage.session.query("SELECT id FROM numbers", ()).await.expect_err("overloaded");
    assert!(error.is_overloaded() && !error.is_unavailable(), "{error}");
    stage.cluster.faults().remove(rule);
    let unavailable = DbError::Unavailable { consistency: chorus::Consistency::All, required: 3, alive: 1 };
    stage.cluster.faults().add(Requests::containing("select"), Fault::Error(unavailable, "too few".into()));
    let error = stage.session.query("SELECT id FROM numbers", ()).await.expect_err("unavailable");
    assert!(error.is_unavailable() && !error.is_overloaded(), "{error}");
}

#[tokio::test]
async fn display_is_one_line_and_causes_are_sources() {
    let stage = Stage::with_numbers().await;
    let error = stage.session.execute(&stage.insert().await, (1, "two")).await.expect_err("no int");
    assert!(!error.to_string().contains('\n'));
    let source = std::error::Error::source(&error).expect("the conversion's own error");
    assert!(source.to_string().contains("int"), "{source}");
    assert!(format!("{error:?}").contains("Values"));
}

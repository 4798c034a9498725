//! Errors that servers answer with, and answers that are lost: what is asked again, what is told.

use std::sync::Arc;
use std::time::Duration;

use chorus::policy::{ConstantReconnection, DefaultRetry, RetryPolicy};
use chorus::protocol::response::{FailureReason, ReplicaFailures, WriteType};
use chorus::{
    Batch, Consistency, DbError, Error, ErrorKind, PreparedStatement, QueryResult, SessionBuilder, Statement,
};
use chorus_node::{Fault, Watch};

use crate::stage::{Stage, eventually};

/// How a request ended, and how often it reached each node that it reached, most often first.
struct Ended {
    outcome: Result<QueryResult, Error>,
    reached: Vec<u64>,
}

impl Ended {
    /// The first of `times` answers to a statement is `error`.
    async fn after(stage: &Stage, statement: &PreparedStatement, error: &DbError, times: u64) -> Self {
        let fault = Fault::Error(error.clone(), "as the test has it".into());
        stage.let_fail("numbers", times, fault);
        let watches = stage.watch("into ks.numbers");
        let outcome = stage.session.execute(statement, (1, 1)).await;
        let mut reached: Vec<u64> = watches.iter().map(Watch::count).collect();
        reached.sort_unstable_by(|left, right| right.cmp(left));
        reached.retain(|count| *count > 0);
        stage.cluster.faults().clear();
        Self { outcome, reached }
    }

    fn is_told(&self, error: &DbError, applied: bool) {
        let told = self.outcome.as_ref().expect_err("nobody asked again");
        assert_eq!(told.kind(), ErrorKind::Db, "{told}");
        assert_eq!(&told.db().expect("the server said so").error, error);
        assert_eq!(told.may_have_been_applied(), applied, "{told}");
    }
}

const INSERT: &str = "INSERT INTO ks.numbers (id, value) VALUES (?, ?)";

#[tokio::test]
async fn f57_errors_that_tell_nothing_are_asked_of_the_next_host_where_that_is_safe() {
    let stage = Stage::of(3).await;
    let insert = stage.prepare(INSERT).await;
    let reference: Arc<dyn RetryPolicy> = Arc::new(DefaultRetry::reference_compatible());
    for error in [DbError::Overloaded, DbError::IsBootstrapping, DbError::ServerError, DbError::TruncateError]
    {
        // A host that is still joining has refused before it did anything.
        let refused = error == DbError::IsBootstrapping;
        let applied = matches!(error, DbError::ServerError | DbError::TruncateError);
        for (statement, resent) in [
            (insert.clone().idempotent(true), true),
            (insert.clone().idempotent(false), refused),
            (insert.clone().idempotent(false).retry_policy(Arc::clone(&reference)), true),
        ] {
            let ended = Ended::after(&stage, &statement, &error, 1).await;
            if resent {
                ended.outcome.as_ref().unwrap_or_else(|told| panic!("{error:?}: {told}"));
                assert_eq!(ended.reached, [1, 1], "{error:?}: each of two hosts was asked once");
            } else {
                ended.is_told(&error, applied);
                assert_eq!(ended.reached, [1], "{error:?}");
            }
        }
    }
}

fn write_types() -> [WriteType; 8] {
    [
        WriteType::Simple,
        WriteType::Batch,
        WriteType::UnloggedBatch,
        WriteType::Counter,
        WriteType::BatchLog,
        WriteType::Cas,
        WriteType::View,
        WriteType::Cdc,
    ]
}

#[tokio::test]
async fn f58_timeouts_among_replicas_are_asked_again_only_where_that_may_help_and_never_twice() {
    let stage = Stage::of(3).await;
    let insert = stage.prepare(INSERT).await.idempotent(true);
    let consistency = Consistency::Quorum;
    for (received, data_present, again) in
        [(2, false, true), (2, true, false), (1, false, false), (1, true, false)]
    {
        let error = DbError::ReadTimeout { consistency, received, required: 2, data_present };
        let ended = Ended::after(&stage, &insert, &error, 1).await;
        if again {
            ended.outcome.as_ref().expect("the host asks another replica for the data now");
            assert_eq!(ended.reached, [2], "the same host");
            let ended = Ended::after(&stage, &insert, &error, 2).await;
            ended.is_told(&error, false);
            assert_eq!(ended.reached, [2], "once and no more");
        } else {
            ended.is_told(&error, false);
            assert_eq!(ended.reached, [1]);
        }
    }
    for write_type in write_types() {
        let again = write_type == WriteType::BatchLog;
        let contentions = (write_type == WriteType::Cas).then_some(3);
        let error = DbError::WriteTimeout { consistency, received: 1, required: 2, write_type, contentions };
        let ended = Ended::after(&stage, &insert, &error, 1).await;
        if again {
            ended.outcome.as_ref().expect("the host picks other replicas for the log");
            assert_eq!(ended.reached, [2], "the same host");
            let ended = Ended::after(&stage, &insert, &error, 2).await;
            ended.is_told(&error, true);
        } else {
            ended.is_told(&error, true);
            assert_eq!(ended.reached, [1], "{error:?}");
        }
    }
}

#[tokio::test]
async fn f58_unavailable_is_asked_of_one_more_host_and_failures_of_none() {
    let stage = Stage::of(3).await;
    let insert = stage.prepare(INSERT).await.idempotent(true);
    let (consistency, received, required) = (Consistency::Quorum, 1, 2);
    let unavailable = DbError::Unavailable { consistency, required, alive: 1 };
    let ended = Ended::after(&stage, &insert, &unavailable, 1).await;
    ended.outcome.as_ref().expect("the first host may have been the one cut off");
    assert_eq!(ended.reached, [1, 1]);
    let ended = Ended::after(&stage, &insert, &unavailable, 2).await;
    ended.is_told(&unavailable, false);
    assert_eq!(ended.reached, [1, 1]);
    assert!(ended.outcome.expect_err("told").is_unavailable());

    let reasons = || vec![("127.0.0.2".parse().expect("an address"), FailureReason(1))];
    let failures = || ReplicaFailures { count: 1, reasons: Some(reasons()) };
    let read =
        DbError::ReadFailure { consistency, received, required, failures: failures(), data_present: true };
    let ended = Ended::after(&stage, &insert, &read, 1).await;
    ended.is_told(&read, false);
    assert_eq!(ended.reached, [1]);
    for write_type in write_types() {
        let write =
            DbError::WriteFailure { consistency, received, required, failures: failures(), write_type };
        let ended = Ended::after(&stage, &insert, &write, 1).await;
        ended.is_told(&write, true);
        assert_eq!(ended.reached, [1], "{write:?}");
    }
}

#[tokio::test]
async fn f60_what_must_not_be_done_twice_is_not_sent_again_when_its_answer_is_lost() {
    let soon = Arc::new(ConstantReconnection::new(Duration::from_millis(50)));
    let configure =
        |builder: SessionBuilder| builder.request_timeout(Duration::from_millis(400)).reconnection(soon);
    let stage = Stage::with(3, configure).await;
    let claim = stage.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?) IF NOT EXISTS").await;
    let count = stage.prepare("UPDATE ks.counters SET n = n + ? WHERE id = ?").await;
    let append = stage.prepare("UPDATE ks.lists SET items = items + ? WHERE id = ?").await;
    for (round, lost) in
        [Fault::CloseAfter, Fault::CloseMidAnswer(5), Fault::DropAnswer].into_iter().enumerate()
    {
        let id = round as i32;
        for text in ["numbers", "counters", "lists"] {
            let rule = stage.let_fail(text, 1, lost.clone());
            let sent = stage.watch(&format!("ks.{text}"));
            let outcome = match text {
                "numbers" => stage.session.execute(&claim, (id, 7)).await,
                "counters" => stage.session.execute(&count, (5_i64, id)).await,
                _ => stage.session.execute(&append, (vec![3], id)).await,
            };
            let error = outcome.expect_err("the answer was lost");
            assert!(matches!(error.kind(), ErrorKind::ConnectionLost | ErrorKind::Timeout), "{error}");
            assert!(error.may_have_been_applied(), "{error}");
            assert_eq!(stage.cluster.faults().remove(rule), Some(1));
            assert_eq!(sent.iter().map(Watch::count).sum::<u64>(), 1);
            eventually("the connection that was lost is back", async || {
                stage.session.metrics().await.expect("metrics").connections == 3
            })
            .await;
        }
        // For whom nothing is lost there is time enough.
        let read =
            |cql: String| stage.session.query(Statement::new(cql).timeout(Duration::from_secs(30)), ());
        let claimed = read(format!("SELECT value FROM ks.numbers WHERE id = {id}")).await.expect("read");
        assert_eq!(claimed.single_row::<(i32,)>().expect("one row"), (7,));
        let counted = read(format!("SELECT n FROM ks.counters WHERE id = {id}")).await.expect("read");
        assert_eq!(counted.single_row::<(i64,)>().expect("one row"), (5,), "counted once");
        let appended = read(format!("SELECT items FROM ks.lists WHERE id = {id}")).await.expect("read");
        assert_eq!(appended.single_row::<(Vec<i32>,)>().expect("one row"), (vec![3],), "appended once");
    }
}

#[tokio::test]
async fn a_batch_survives_a_host_that_has_forgotten_every_statement_in_it() {
    let stage = Stage::of(2).await;
    let mut batch = Batch::unlogged();
    for n in 0..12 {
        let insert = stage.prepare(&format!("INSERT INTO ks.numbers (id, value) VALUES (?, {n})")).await;
        batch.bind(&insert, (n,)).expect("an int");
    }
    for _ in 0..4 {
        (0..2).for_each(|node| stage.cluster.forget_prepared(node));
        stage.session.batch(&batch).await.expect("each is prepared again");
    }
    let count = stage.session.query("SELECT count(*) FROM ks.numbers", ()).await.expect("read");
    assert_eq!(count.single_row::<(i64,)>().expect("one row"), (12,));
}

#[tokio::test]
async fn a_write_whose_answer_cannot_be_read_may_have_been_applied() {
    let stage = Stage::of(1).await;
    let insert = stage.prepare(INSERT).await;
    for length in 0..4 {
        stage.let_fail("numbers", 1, Fault::Truncate(length));
        let error = stage.session.execute(&insert, (length as i32, 1)).await.expect_err("it ends too early");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert!(error.may_have_been_applied(), "{error}");
    }
    let count = stage.session.query("SELECT count(*) FROM ks.numbers", ()).await.expect("read");
    assert_eq!(count.single_row::<(i64,)>().expect("one row"), (4,), "as it was");
}

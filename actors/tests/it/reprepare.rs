use std::time::Duration;

use chorus_actors::RequestErrorKind;
use chorus_node::{Fault, Requests};
use chorus_protocol::{Opcode, response::DbError};

use crate::support::*;

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn f47_a_statement_the_server_forgot_is_prepared_again_and_executed_once() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    let prepared = prepare(&engine, LOCAL).await;
    cluster.forget_prepared(0);
    let reply = execute(&engine, &prepared, writes(LONG)).await.expect("F47");
    assert_eq!(rows(&engine, reply), 1);
    let metrics = engine.metrics().await.expect("metrics");
    assert_eq!((metrics.reprepares, metrics.retries()), (1, 0));
}

#[tokio::test]
async fn requests_that_find_out_together_share_one_prepare() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    let prepared = prepare(&engine, LOCAL).await;
    cluster.forget_prepared(0);
    let all = (0..64).map(|_| execute(&engine, &prepared, reads(LONG)));
    for outcome in futures::future::join_all(all).await {
        assert_eq!(rows(&engine, outcome.expect("executed")), 1);
    }
    let reprepares = engine.metrics().await.expect("metrics").reprepares;
    assert!(reprepares <= 3, "{reprepares} prepares for one statement");
}

#[tokio::test]
async fn f47_a_server_that_keeps_forgetting_is_not_asked_for_ever() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    let prepared = prepare(&engine, LOCAL).await;
    let id = prepared.preparation.id.clone();
    cluster.faults().add(
        Requests::opcode(Opcode::Execute),
        Fault::Error(DbError::Unprepared { id }, "never heard of it".into()),
    );
    let error = execute(&engine, &prepared, reads(LONG)).await.expect_err("the loop ends");
    let RequestErrorKind::Database(body) = error.kind() else { panic!("{error}") };
    assert!(matches!(body.error, DbError::Unprepared { .. }));
    assert_eq!(engine.metrics().await.expect("metrics").reprepares, 2);
}

#[tokio::test]
async fn f49_an_unknown_id_is_an_error_with_the_id() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    let prepared = prepare(&engine, LOCAL).await;
    cluster.faults().add(
        Requests::opcode(Opcode::Execute),
        Fault::Error(
            DbError::Unprepared { id: bytes::Bytes::from_static(&[0xab; 4]) },
            "what is that".into(),
        ),
    );
    let error = execute(&engine, &prepared, reads(LONG)).await.expect_err("F49");
    assert!(matches!(error.kind(), RequestErrorKind::UnknownPrepared { .. }));
    assert!(error.to_string().contains("abababab"), "{error}");
}

use std::time::{Duration, Instant};

use chorus_actors::{CloseReason, RequestErrorKind};
use chorus_node::{Fault, Requests};
use chorus_protocol::response::DbError;

use crate::support::*;

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn f1_an_idempotent_request_moves_on_when_its_connection_breaks() {
    let cluster = cluster(3);
    let engine = engine(&cluster).await;
    let rule = cluster.faults().add(Requests::containing("system.local").times(1), Fault::CloseAfter);
    let reply = query(&engine, LOCAL, reads(LONG)).await.expect("F1: another host answers");
    assert_eq!(rows(&engine, reply), 1);
    assert_eq!(cluster.faults().fired(rule), Some(1));
    assert_eq!(engine.metrics().await.expect("metrics").retries_next_host, 1);
}

#[tokio::test]
async fn f4_a_request_that_may_have_been_applied_is_not_sent_again() {
    let cluster = cluster(3);
    let engine = engine(&cluster).await;
    let rule = cluster.faults().add(Requests::containing("system.local"), Fault::CloseAfter);
    let error = query(&engine, LOCAL, writes(LONG)).await.expect_err("F4: its fate is unknown");
    let RequestErrorKind::ConnectionLost { written: true, reason } = error.kind() else { panic!("{error}") };
    assert!(matches!(reason, CloseReason::Peer | CloseReason::Io(_)), "{reason}");
    assert!(error.may_have_been_applied());
    assert_eq!(cluster.faults().fired(rule), Some(1));
}

#[tokio::test]
async fn an_error_of_the_server_that_no_retry_mends_is_the_error_of_the_request() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    let rule = cluster
        .faults()
        .add(Requests::containing("cluster_name"), Fault::Error(DbError::Invalid, "no such thing".into()));
    let error =
        query(&engine, "SELECT cluster_name FROM system.local", reads(LONG)).await.expect_err("invalid");
    let RequestErrorKind::Database(body) = error.kind() else { panic!("{error}") };
    assert_eq!((body.code, body.message.as_str()), (0x2200, "no such thing"));
    assert!(error.attempts().is_empty(), "the last attempt is the error itself");
    assert_eq!(cluster.faults().fired(rule), Some(1));
}

#[tokio::test]
async fn garbage_closes_the_connection_and_the_next_one_serves() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    let garbage = b"HTTP/1.1 400 Bad Request\r\n\r\n".repeat(400);
    cluster.faults().add(Requests::containing("cluster_name").times(1), Fault::Garbage(garbage));
    let error = query(&engine, "SELECT cluster_name FROM system.local", writes(LONG)).await.expect_err("F12");
    assert!(matches!(error.kind(), RequestErrorKind::ConnectionLost { written: true, .. }), "{error}");
    let until = Instant::now() + LONG;
    while query(&engine, LOCAL, reads(LONG)).await.is_err() {
        assert!(Instant::now() < until, "the host never came back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn requests_go_round_a_host_that_is_down_and_return_to_it() {
    let cluster = cluster(3);
    let engine = engine(&cluster).await;
    cluster.stop_node(1);
    for _ in 0..200 {
        query(&engine, LOCAL, reads(LONG)).await.expect("the other hosts serve");
    }
    cluster.start_node(1).expect("the node starts again");
    let until = Instant::now() + LONG;
    loop {
        let asked = cluster.watch(Requests::containing(LOCAL).on_node(1));
        for _ in 0..30 {
            query(&engine, LOCAL, reads(LONG)).await.expect("served");
        }
        if asked.count() > 3 {
            break;
        }
        assert!(Instant::now() < until, "the host that came back is not used");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_cluster_that_was_away_is_found_again() {
    let cluster = cluster(1);
    let engine = engine(&cluster).await;
    cluster.stop_node(0);
    let error = query(&engine, LOCAL, reads(Duration::from_millis(300))).await.expect_err("nobody is there");
    assert!(
        matches!(error.kind(), RequestErrorKind::NoHostAvailable | RequestErrorKind::ConnectionLost { .. }),
        "{error}"
    );
    cluster.start_node(0).expect("the node starts again");
    let until = Instant::now() + LONG;
    while query(&engine, LOCAL, reads(LONG)).await.is_err() {
        assert!(Instant::now() < until, "F64: the cluster was not found again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

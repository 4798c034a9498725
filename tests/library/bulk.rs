//! As many rows as the servers take.

use std::time::Duration;

use chorus::{DbError, ErrorKind};
use chorus_node::{Fault, Requests};
use futures::stream;

use crate::stage::Stage;

#[tokio::test]
async fn every_row_is_written_and_counted() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    for concurrency in [1, 10, 2048] {
        let rows = (0..5_000).map(|id| (id, id));
        let report =
            stage.session.bulk(&insert).concurrency(concurrency).load(rows).await.expect("all written");
        assert_eq!((report.written, report.failed.len(), report.retries), (5_000, 0, 0));
        assert!(report.rows_per_second() > 0.0);
    }
    let count = stage.session.query("SELECT count(*) FROM numbers", ()).await.expect("counted");
    assert_eq!(count.single_row::<(i64,)>().expect("one row"), (5_000,));
}

#[tokio::test]
async fn stream_that_pauses_does_not_hold_back_the_rows_before() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let rows = stream::unfold(0, |id| async move {
        if id == 50 {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        (id < 100).then_some(((id, id), id + 1))
    });
    let load = stage.session.bulk(&insert).load_stream(rows);
    let mut load = std::pin::pin!(load);
    let early = tokio::time::timeout(Duration::from_millis(150), &mut load).await;
    assert!(early.is_err(), "the stream pauses");
    assert_eq!(stage.numbers().await.len(), 50, "what came before the pause is written");
    assert_eq!(load.await.expect("all written").written, 100);
}

#[tokio::test]
async fn first_failure_ends_the_insert_unless_some_are_allowed() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let rows = || (0..1_000).map(|id| (id, if id % 100 == 7 { Some("no int") } else { None }));
    let error = stage.session.bulk(&insert).load(rows()).await.expect_err("none is allowed");
    assert_eq!((error.kind(), error.index()), (ErrorKind::Values, Some(7)));

    let report = stage.session.bulk(&insert).errors_allowed(10).load(rows()).await.expect("ten are allowed");
    assert_eq!((report.written, report.failed.len()), (990, 10));
    let places: Vec<_> = report.failed.iter().filter_map(chorus::Error::index).collect();
    assert_eq!(places, (0..10).map(|n| 100 * n + 7).collect::<Vec<_>>());

    let error = stage.session.bulk(&insert).errors_allowed(9).load(rows()).await.expect_err("one too many");
    assert_eq!(error.index(), Some(907));
}

#[tokio::test]
async fn rows_that_the_server_refuses_are_reported_with_its_words() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let refused = Fault::Error(DbError::Unauthorized, "not this one".into());
    stage.cluster.faults().add(Requests::containing("insert").after(100).times(3), refused);
    let rows = (0..1_000).map(|id| (id, id));
    let report = stage.session.bulk(&insert).errors_allowed(3).load(rows).await.expect("three are allowed");
    assert_eq!((report.written, report.failed.len()), (997, 3));
    for error in &report.failed {
        assert!(error.to_string().contains("not this one"), "{error}");
        assert!(!error.may_have_been_applied());
    }
    assert_eq!(stage.numbers().await.len(), 997);
}

#[tokio::test]
async fn idempotent_rows_survive_a_broken_connection() {
    let stage = Stage::of(2).await;
    let insert = stage.insert().await.idempotent(true);
    stage.cluster.faults().add(Requests::containing("insert").on_node(1).nth(700), Fault::CloseAfter);
    let rows = (0..3_000).map(|id| (id, id));
    // As many as the retry budget of a session that has just begun covers.
    let report = stage.session.bulk(&insert).concurrency(64).load(rows).await.expect("sent again");
    assert_eq!(report.written, 3_000);
    assert!(report.retries > 0);
    assert_eq!(stage.numbers().await.len(), 3_000);
}

#[tokio::test]
async fn sink_waits_for_room_and_flushes_on_demand() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let mut sink = stage.session.bulk(&insert).concurrency(4).sink().expect("valid");
    for id in 0..4 {
        assert!(sink.try_send(&(id, id)).expect("fits"));
    }
    assert!(!sink.try_send(&(4, 4)).expect("no room is no error"));
    sink.send((4, 4)).await.expect("there is room in a while");
    sink.flush().await.expect("all written");
    assert_eq!((sink.under_way(), sink.report().written), (0, 5));
    assert_eq!(stage.numbers().await.len(), 5);
    assert_eq!(sink.finish().await.expect("all written").written, 5);
}

#[tokio::test]
async fn concurrency_of_zero_is_an_error() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let error = stage.session.bulk(&insert).concurrency(0).sink().expect_err("zero");
    assert_eq!(error.kind(), ErrorKind::Usage);
}

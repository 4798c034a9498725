//! As many rows as the servers take.

use std::time::Duration;

use chorus::{DbError, ErrorKind, IntoRow};
use chorus_node::{Fault, Requests};
use futures::stream;

use crate::stage::{Stage, answered, eventually};

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
    let go_on = &tokio::sync::Notify::new();
    let rows = stream::unfold(0, |id| async move {
        if id == 50 {
            go_on.notified().await;
        }
        (id < 100).then_some(((id, id), id + 1))
    });
    let load = stage.session.bulk(&insert).load_stream(rows);
    let watch = async {
        // What came before the pause is written in it.
        while stage.numbers().await.len() < 50 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(stage.numbers().await.len(), 50);
        go_on.notify_one();
    };
    let both = futures::future::join(load, watch);
    let (report, ()) =
        tokio::time::timeout(Duration::from_secs(30), both).await.expect("nothing is held back");
    assert_eq!(report.expect("all written").written, 100);
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

/// A row of a program's own.
#[derive(Clone, Debug, PartialEq, IntoRow)]
struct Number {
    id: i32,
    value: Option<i32>,
}

#[tokio::test]
async fn rows_that_fail_are_given_back_with_their_place_and_reason_in_the_order_of_the_input() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let refused = Fault::Error(DbError::Unauthorized, "not this one".into());
    stage.cluster.faults().add(Requests::containing("insert").after(100).times(3), refused);
    let rows: Vec<Number> = (0..1_000).map(|id| Number { id, value: (id % 2 == 0).then_some(id) }).collect();
    let load = stage.session.bulk(&insert).errors_allowed(3);
    let progress = load.progress();
    let outcome = load.load_returning(stream::iter(rows.clone())).await.expect("valid");
    assert!(outcome.stopped_by.is_none());
    assert_eq!((outcome.report.written, outcome.report.failed.len(), outcome.returned.len()), (997, 3, 3));
    let places: Vec<u64> = outcome.returned.iter().map(|row| row.index).collect();
    assert!(places.is_sorted());
    assert_eq!(outcome.report.failed.iter().filter_map(chorus::Error::index).collect::<Vec<_>>(), places);
    for returned in &outcome.returned {
        assert_eq!(returned.row, rows[returned.index as usize]);
        assert_eq!(returned.error.index(), Some(returned.index));
        assert!(
            returned.error.to_string().contains("not this one") && !returned.error.may_have_been_applied()
        );
    }
    assert_eq!(
        (progress.taken(), progress.written(), progress.failed(), progress.unsettled()),
        (1_000, 997, 3, 0)
    );

    // They are what is missing, and go in by themselves.
    assert_eq!(stage.numbers().await.len(), 997);
    let again = outcome.returned.into_iter().map(|returned| returned.row);
    assert_eq!(stage.session.bulk(&insert).load(again).await.expect("written").written, 3);
    assert_eq!(stage.numbers().await.len(), 1_000);
}

#[tokio::test]
async fn an_insert_that_stops_tells_what_became_of_every_row_it_took_and_leaves_the_rest() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let mut rows = stream::iter((0..10_000).map(|id| (id, if id == 500 { Some("no int") } else { None })));
    let load = stage.session.bulk(&insert).concurrency(64);
    let outcome = load.load_returning(&mut rows).await.expect("valid");
    let stopped_by = outcome.stopped_by.expect("none is allowed");
    assert_eq!((stopped_by.kind(), stopped_by.index()), (ErrorKind::Values, Some(500)));
    let [returned] = outcome.returned.as_slice() else { panic!("{:?}", outcome.returned) };
    assert_eq!((returned.index, returned.row), (500, (500, Some("no int"))));
    assert_eq!(outcome.report.written, 500, "what was under way is waited for");
    // The caller's stream goes on where it was left.
    use futures::StreamExt as _;
    assert_eq!(rows.next().await.map(|row| row.0), Some(501));
}

#[tokio::test]
async fn a_session_that_ends_under_an_insert_gives_every_row_back_that_may_not_be_written() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage.cluster.faults().add(Requests::containing("insert").after(200), Fault::DropAnswer);
    let load = stage
        .session
        .bulk(&insert)
        .concurrency(64)
        .load_returning(stream::iter((0..1_000).map(|id| (id, id))));
    let end = async {
        eventually("two hundred rows are written", async || stage.numbers().await.len() >= 200).await;
        stage.session.shutdown(Duration::ZERO).await
    };
    let (outcome, _) = futures::join!(load, end);
    let outcome = outcome.expect("valid");
    let why = outcome.stopped_by.as_ref().map(chorus::Error::kind);
    assert!(matches!(why, Some(ErrorKind::SessionClosed | ErrorKind::ConnectionLost)), "{why:?}");
    let written: u64 = outcome.report.written;
    assert!(written >= 200 && !outcome.returned.is_empty());
    // Each row that was taken is either counted or given back.
    let last = outcome.returned.last().map(|row| row.index + 1).unwrap_or_default();
    assert_eq!(written + outcome.returned.len() as u64, last.max(written));
    assert!(outcome.returned.iter().any(|row| row.error.may_have_been_applied()));
}

#[tokio::test]
async fn an_insert_that_is_dropped_leaves_word_of_how_far_it_was() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage.cluster.faults().add(Requests::containing("insert").after(100), Fault::DropAnswer);
    let sent = stage.cluster.watch(Requests::containing("insert"));
    let load = stage.session.bulk(&insert).concurrency(32);
    let progress = load.progress();
    let rows = stream::iter((0..1_000).map(|id| (id, id)));
    tokio::select! {
        _ = load.load_stream(rows) => panic!("answers are missing"),
        () = answered(&stage.session, &sent, 100) => {}
    }
    // Pieces that were not answered as a whole count as unsettled.
    assert!((90..=100).contains(&progress.written()) && progress.failed() == 0, "{progress:?}");
    // As many as may be under way, and none of the rest was taken.
    assert_eq!((progress.taken(), progress.unsettled()), (progress.written() + 32, 32));
}

#[tokio::test]
async fn a_stream_is_asked_for_no_more_than_there_is_room_for() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage.cluster.faults().add(Requests::containing("insert"), Fault::DropAnswer);
    let asked = AtomicUsize::new(0);
    let rows = stream::iter(0..100_000).map(|id| {
        asked.fetch_add(1, Ordering::Relaxed);
        (id, id)
    });
    use futures::StreamExt as _;
    let load = stage.session.bulk(&insert).concurrency(50).load_stream(rows);
    tokio::select! {
        _ = load => panic!("nobody answers"),
        () = async {
            eventually("there is room for so many", async || asked.load(Ordering::Relaxed) >= 51).await;
            // Time for more, if it were asked for.
            tokio::time::sleep(Duration::from_millis(30)).await;
        } => {}
    }
    // One more waits for room.
    assert_eq!(asked.load(Ordering::Relaxed), 51);
}

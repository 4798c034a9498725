//! Many requests with a bounded number in flight.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use chorus::{AnyStatement, Batch, DbError, ErrorKind, Scalar};
use chorus_node::{Fault, Requests};
use futures::{StreamExt, TryStreamExt};

use crate::stage::{Stage, answered};

fn refused() -> Fault {
    Fault::Error(DbError::Invalid, "refused".into())
}

/// Counts what was taken of an iterator.
fn counted<T>(items: impl Iterator<Item = T>) -> (Rc<Cell<usize>>, impl Iterator<Item = T>) {
    let taken = Rc::new(Cell::new(0));
    let counter = Rc::clone(&taken);
    (taken, items.inspect(move |_| counter.set(counter.get() + 1)))
}

#[tokio::test]
async fn statements_of_every_kind_run_concurrently() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let mut batch = Batch::unlogged();
    batch.bind(&insert, (2, 20)).expect("fits").bind(&insert, (3, 30)).expect("fits");
    let statements = [
        AnyStatement::from("INSERT INTO numbers (id, value) VALUES (0, 0)"),
        insert.bind((1, 10)).expect("fits").into(),
        batch.into(),
    ];
    let results = stage.session.execute_concurrent(statements).run().await.expect("all applied");
    assert_eq!(results.len(), 3);
    assert_eq!(stage.numbers().await.len(), 4);
}

#[tokio::test]
async fn every_row_of_values_is_executed_once_and_answered_in_its_place() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let select = stage.prepare("SELECT value FROM numbers WHERE id = ?").await;
    for concurrency in [1, 2, 7, 100, 5_000] {
        let rows = (0..1_000).map(|id| (id, id * 3));
        let written =
            stage.session.execute_concurrent_with_args(&insert, rows).concurrency(concurrency).run().await;
        assert_eq!(written.expect("all written").len(), 1_000);
        let keys = (0..1_000).rev().map(|id| (id,));
        let read = stage
            .session
            .execute_concurrent_with_args(&select, keys)
            .concurrency(concurrency)
            .run()
            .await
            .expect("all read");
        for (result, id) in read.iter().zip((0..1_000).rev()) {
            assert_eq!(result.single_row::<Scalar<i32>>().expect("one row"), Scalar(id * 3));
        }
    }
}

#[tokio::test]
async fn empty_input_gives_an_empty_result() {
    let stage = Stage::with_numbers().await;
    let none: [(i32, i32); 0] = [];
    let insert = stage.insert().await;
    assert!(
        stage.session.execute_concurrent_with_args(&insert, none).run().await.expect("nothing").is_empty()
    );
    let stream = stage.session.execute_concurrent_with_args(&insert, none).stream().expect("valid");
    assert_eq!(stream.count().await, 0);
}

#[tokio::test]
async fn concurrency_of_zero_is_an_error() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let zero = || stage.session.execute_concurrent_with_args(&insert, [(1, 1)]).concurrency(0);
    assert_eq!(zero().run().await.expect_err("zero").kind(), ErrorKind::Usage);
    assert_eq!(zero().run_all().await.expect_err("zero").kind(), ErrorKind::Usage);
    assert_eq!(zero().stream().expect_err("zero").kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn input_is_taken_only_as_far_ahead_as_the_concurrency() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage.cluster.faults().add(Requests::containing("insert"), Fault::DropAnswer);
    let (taken, rows) = counted((0..).map(|id| (id, id)));
    let mut stream = stage
        .session
        .execute_concurrent_with_args(&insert.timeout(None), rows)
        .concurrency(20)
        .stream()
        .expect("valid");
    let waited = tokio::time::timeout(Duration::from_millis(100), stream.next()).await;
    assert!(waited.is_err(), "nobody answers");
    assert_eq!(taken.get(), 20);
}

#[tokio::test]
async fn requests_in_flight_never_exceed_the_concurrency() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage.cluster.faults().add(Requests::containing("insert"), Fault::Delay(Duration::from_millis(5)));
    let session = stage.session.clone();
    let run = stage
        .session
        .execute_concurrent_with_args(&insert, (0..200).map(|id| (id, id)))
        .concurrency(10)
        .run();
    let mut run = std::pin::pin!(run);
    let mut most = 0;
    loop {
        tokio::select! {
            biased;
            done = &mut run => break assert_eq!(done.expect("all written").len(), 200),
            metrics = session.metrics() => most = most.max(metrics.expect("open").in_flight),
        }
    }
    assert!((1..=10).contains(&most), "{most} in flight");
}

#[tokio::test]
async fn first_error_to_arrive_ends_the_run_and_stops_scheduling() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage.cluster.faults().add(Requests::containing("insert").nth(50), refused());
    let (taken, rows) = counted((0..100_000).map(|id| (id, id)));
    let error = stage
        .session
        .execute_concurrent_with_args(&insert, rows)
        .concurrency(16)
        .run()
        .await
        .expect_err("one was refused");
    assert_eq!(error.kind(), ErrorKind::Db);
    let index = error.index().expect("errors know their item");
    assert!(index < 100, "{index}");
    assert!(taken.get() < 200, "{} rows were taken", taken.get());
}

#[tokio::test]
async fn run_all_has_each_error_in_its_place() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let rows = (0..100).map(|id| (id, if id % 10 == 3 { Some("no int") } else { None }));
    let outcomes =
        stage.session.execute_concurrent_with_args(&insert, rows).run_all().await.expect("a valid call");
    assert_eq!(outcomes.len(), 100);
    for (index, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(_) => assert_ne!(index % 10, 3),
            Err(error) => {
                assert_eq!(index % 10, 3);
                assert_eq!(error.index(), Some(index as u64));
                assert_eq!(error.kind(), ErrorKind::Values);
            }
        }
    }
    assert_eq!(stage.numbers().await.len(), 90);
}

#[tokio::test]
async fn ordered_stream_yields_results_before_the_failed_item_then_its_error_and_ends() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let rows = (0..100).map(|id| (id, if id == 40 { Some("no int") } else { None }));
    let mut stream =
        stage.session.execute_concurrent_with_args(&insert, rows).concurrency(8).stream().expect("valid");
    for expected in 0..40 {
        let (index, _) = stream.next().await.expect("not the end").expect("written");
        assert_eq!(index, expected);
    }
    let error = stream.next().await.expect("not the end").expect_err("no int");
    assert_eq!(error.index(), Some(40));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn stream_goes_on_after_errors_when_told_so() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let rows = (0..100).map(|id| (id, if id % 2 == 0 { Some("no int") } else { None }));
    let outcomes: Vec<_> = stage
        .session
        .execute_concurrent_with_args(&insert, rows)
        .concurrency(8)
        .stop_at_first_error(false)
        .stream()
        .expect("valid")
        .collect()
        .await;
    assert_eq!(outcomes.len(), 100);
    for (index, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok((place, _)) => assert_eq!(*place, index as u64),
            Err(error) => assert_eq!((error.index(), index % 2), (Some(index as u64), 0)),
        }
    }
}

#[tokio::test]
async fn slow_consumer_holds_back_requests_instead_of_piling_up_results() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    for ordered in [true, false] {
        let (taken, rows) = counted((0..10_000).map(|id| (id, id)));
        let mut stream = stage
            .session
            .execute_concurrent_with_args(&insert, rows)
            .concurrency(10)
            .ordered(ordered)
            .stream()
            .expect("valid");
        for _ in 0..30 {
            stream.next().await.expect("not the end").expect("written");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(taken.get() <= 30 + 10, "{} rows were taken for 30 results", taken.get());
    }
}

#[tokio::test]
async fn unordered_stream_does_not_wait_for_a_slow_item() {
    let stage = Stage::with_numbers().await;
    stage.session.execute(&stage.insert().await, (0, 0)).await.expect("written");
    let held = stage.cluster.faults().add(Requests::containing("id = 0"), Fault::Hold);
    let selects = || (0..50).map(|id| format!("SELECT value FROM numbers WHERE id = {id}"));
    let stream = stage.session.execute_concurrent(selects()).concurrency(8).ordered(false).stream();
    let mut arriving = stream.expect("valid").map_ok(|(index, _)| index);
    let mut arrivals = Vec::new();
    while let Some(index) = arriving.try_next().await.expect("read") {
        arrivals.push(index);
        stage.cluster.faults().remove(held);
    }
    assert_eq!(arrivals.len(), 50);
    assert!(arrivals[0] != 0, "others came before the slow one");
    stage.cluster.faults().add(Requests::containing("id = 0"), Fault::Delay(Duration::from_millis(50)));
    let ordered: Vec<u64> = stage
        .session
        .execute_concurrent(selects())
        .concurrency(8)
        .stream()
        .expect("valid")
        .map_ok(|(index, _)| index)
        .try_collect()
        .await
        .expect("all read");
    assert_eq!(ordered, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn each_request_has_the_timeout_of_its_statement() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await.timeout(Duration::from_millis(50));
    stage.cluster.faults().add(Requests::containing("insert"), Fault::DropAnswer);
    let started = Instant::now();
    let outcomes = stage
        .session
        .execute_concurrent_with_args(&insert, (0..5).map(|id| (id, id)))
        .run_all()
        .await
        .expect("a valid call");
    assert!(started.elapsed() < Duration::from_secs(5));
    for outcome in outcomes {
        let error = outcome.expect_err("nobody answers");
        assert!(error.is_timeout() && error.may_have_been_applied(), "{error}");
    }
}

#[tokio::test]
async fn items_that_fail_before_they_are_sent_neither_recurse_nor_stall() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let rows = (0..100_000).map(|id| (id, "no int"));
    let outcomes = stage
        .session
        .execute_concurrent_with_args(&insert, rows)
        .concurrency(3)
        .run_all()
        .await
        .expect("a valid call");
    assert_eq!(outcomes.len(), 100_000);
    assert!(outcomes.iter().all(Result::is_err));
}

#[tokio::test]
async fn paged_results_have_their_first_page_and_the_way_to_the_next() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage
        .session
        .execute_concurrent_with_args(&insert, (0..30).map(|id| (id, id)))
        .run()
        .await
        .expect("written");
    let select = stage.prepare("SELECT id FROM numbers").await.page_size(10);
    let results = stage.session.execute_concurrent_with_args(&select, [(), ()]).run().await.expect("read");
    for first in results {
        assert_eq!(first.row_count(), 10);
        let next =
            stage.session.execute_page(&select, (), first.paging_state()).await.expect("the next page");
        assert_eq!(next.row_count(), 10);
    }
}

#[tokio::test]
async fn dropping_the_stream_stops_scheduling() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let (taken, rows) = counted((0..).map(|id| (id, id)));
    let mut stream =
        stage.session.execute_concurrent_with_args(&insert, rows).concurrency(10).stream().expect("valid");
    for _ in 0..20 {
        stream.next().await.expect("endless").expect("written");
    }
    drop(stream);
    let after = taken.get();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(taken.get(), after);
    // The session is as good as before, whatever was under way.
    stage.session.execute(&insert, (-1, 1)).await.expect("written");
    assert!(stage.numbers().await.len() <= after + 1);
}

#[tokio::test]
async fn schema_changes_among_concurrent_work_are_known_when_they_return() {
    let stage = Stage::new().await;
    let tables = (0..3).map(|n| format!("CREATE TABLE t{n} (id int PRIMARY KEY)"));
    let results = stage.session.execute_concurrent(tables).concurrency(2).run().await.expect("created");
    assert!(results.iter().all(chorus::QueryResult::schema_agreed));
    let state = stage.session.state();
    assert!((0..3).all(|n| state.table("ks", &format!("t{n}")).is_some()));
}

#[tokio::test]
async fn results_keep_their_places_when_some_come_late_and_servers_refuse_others() {
    let stage = Stage::with_numbers().await;
    let faults = stage.cluster.faults();
    faults.add(Requests::containing("id = 5 "), Fault::Delay(Duration::from_millis(150)));
    faults.add(Requests::containing("id = 7 "), refused());
    faults.add(Requests::containing("id = 30 "), refused());
    let selects = || (0..60).map(|id| format!("SELECT value FROM numbers WHERE id = {id} LIMIT 1"));
    let outcomes =
        stage.session.execute_concurrent(selects()).concurrency(4).run_all().await.expect("a valid call");
    let failed: Vec<usize> = (0..60).filter(|place| outcomes[*place].is_err()).collect();
    assert_eq!((outcomes.len(), failed.as_slice()), (60, &[7, 30][..]));
    for place in failed {
        assert_eq!(
            outcomes[place].as_ref().map(drop).map_err(|error| error.index()),
            Err(Some(place as u64))
        );
    }
    // The failure of 7 comes long before the result of 5, and is yielded behind it.
    let mut stream = stage.session.execute_concurrent(selects()).concurrency(16).stream().expect("valid");
    let mut yielded = Vec::new();
    let error = loop {
        match stream.next().await.expect("not the end") {
            Ok((index, _)) => yielded.push(index),
            Err(error) => break error,
        }
    };
    assert_eq!((yielded, error.index()), ((0..7).collect(), Some(7)));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_session_that_ends_in_the_middle_gives_every_item_that_was_taken_an_outcome_in_its_place() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage.cluster.faults().add(Requests::containing("insert").after(100), Fault::DropAnswer);
    let sent = stage.cluster.watch(Requests::containing("insert"));
    let (taken, rows) = counted((0..10_000).map(|id| (id, id)));
    let run = stage.session.execute_concurrent_with_args(&insert, rows).concurrency(32).run_all();
    let end = async {
        answered(&stage.session, &sent, 100).await;
        stage.session.shutdown(Duration::ZERO).await;
    };
    let (outcomes, ()) = futures::join!(run, end);
    let outcomes = outcomes.expect("a valid call");
    assert_eq!(outcomes.len(), taken.get());
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 100);
    for (place, outcome) in outcomes.iter().enumerate() {
        if let Err(error) = outcome {
            assert!(matches!(error.kind(), ErrorKind::SessionClosed | ErrorKind::ConnectionLost), "{error}");
            assert_eq!(error.index(), Some(place as u64));
        }
    }
}

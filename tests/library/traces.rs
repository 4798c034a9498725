//! What servers did for a request.

use std::time::Duration;

use chorus::{Batch, Consistency, ErrorKind, Statement, TraceOptions, Uuid};
use chorus_node::{Fault, Requests};
use futures::TryStreamExt as _;

use crate::stage::Stage;

#[tokio::test]
async fn traced_requests_of_every_kind_have_a_trace_with_its_events() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await.tracing(true);
    let written = stage.session.execute(&insert, (1, 10)).await.expect("written");
    let select = Statement::new("SELECT value FROM numbers").tracing(true);
    let read = stage.session.query(select, ()).await.expect("read");
    let mut batch = Batch::logged().tracing(true);
    batch.bind(&insert, (2, 20)).expect("two ints");
    let both = stage.session.batch(&batch).await.expect("written");
    for (result, request) in [
        (&written, "Execute CQL3 prepared query"),
        (&read, "Execute CQL3 query"),
        (&both, "Execute batch of CQL3 queries"),
    ] {
        let trace = result.trace(&stage.session).await.expect("it is there");
        assert_eq!(Some(trace.id), result.tracing_id());
        assert_eq!(trace.request.as_deref(), Some(request));
        assert!(trace.is_complete() && trace.duration.is_some_and(|took| took < Duration::from_secs(5)));
        assert_eq!(trace.coordinator, Some(stage.cluster.address(0).ip()));
        assert_eq!(trace.client, Some([127, 0, 0, 1].into()));
        assert_eq!(trace.events.len(), 1, "{trace}");
        assert_eq!(trace.events[0].source, trace.coordinator);
        assert!(trace.events[0].source_elapsed.is_some() && !trace.events[0].description.is_empty());
        // The clocks are one and the same.
        let started = trace.started_at.expect("complete").0;
        assert!((trace.events[0].unix_micros() / 1000 - started).abs() < 60_000);
    }
    let trace = read.trace(&stage.session).await.expect("it is there");
    assert!(trace.parameters["query"].contains("SELECT value"), "{:?}", trace.parameters);
}

#[tokio::test]
async fn what_was_not_traced_has_no_trace() {
    let stage = Stage::with_numbers().await;
    let read = stage.session.query("SELECT value FROM numbers", ()).await.expect("read");
    let error = read.trace(&stage.session).await.expect_err("nobody asked for it");
    assert_eq!(error.kind(), ErrorKind::Result, "{error}");
}

#[tokio::test]
async fn a_trace_that_does_not_come_is_given_up_in_time() {
    let stage = Stage::with(|builder| builder.trace_timeout(Duration::from_millis(80))).await;
    let began = std::time::Instant::now();
    let error = stage.session.trace(Uuid::from_u128(7)).await.expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.to_string().contains(&Uuid::from_u128(7).to_string()), "{error}");
    assert!((80..2_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());

    // Tables that do not answer are no different.
    stage.cluster.faults().add(Requests::containing("system_traces"), Fault::DropAnswer);
    let options = TraceOptions::new().limit(Duration::from_millis(60));
    let error = stage.session.trace_with(Uuid::from_u128(7), options).await.expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn a_trace_is_waited_for_while_servers_write_it_down() {
    let late = Duration::from_millis(120);
    let stage = Stage::with_numbers().await;
    stage.cluster.write_traces_after(late);
    let select = Statement::new("SELECT value FROM numbers").tracing(true);
    let asked = std::time::Instant::now();
    let read = stage.session.query(select, ()).await.expect("read");
    let id = read.tracing_id().expect("traced");
    // What there is at first is had by those who ask for no more.
    let beginning = stage
        .session
        .trace_with(id, TraceOptions::new().allow_partial(true).consistency(Consistency::One))
        .await
        .expect("a part");
    assert!(!beginning.is_complete() || asked.elapsed() > late, "{beginning}");
    let trace = stage.session.trace(id).await.expect("it is waited for");
    assert!(trace.is_complete() && trace.events.len() == 1, "{trace}");
    assert!(asked.elapsed() >= late, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_overloaded_server_is_passed_by_for_a_trace() {
    let stage = Stage::of(2).await;
    let select = Statement::new("SELECT value FROM numbers").tracing(true);
    let read = stage.session.query(select, ()).await.expect("read");
    let looks = Requests::containing("system_traces.sessions").times(1);
    let rule = stage.cluster.faults().add(looks, Fault::Error(chorus::DbError::Overloaded, "busy".into()));
    let trace = read.trace(&stage.session).await;
    assert_eq!(stage.cluster.faults().fired(rule), Some(1));
    assert!(trace.expect("it is there").is_complete());
}

#[tokio::test]
async fn each_page_has_a_trace_of_its_own() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    for id in 0..5 {
        stage.session.execute(&insert, (id, id)).await.expect("written");
    }
    let select = stage.prepare("SELECT id FROM numbers").await.tracing(true).page_size(2);
    let mut rows =
        stage.session.execute_iter(&select, ()).await.expect("read").rows::<(i32,)>().expect("ints");
    while rows.try_next().await.expect("read").is_some() {}
    let ids = rows.tracing_ids().to_vec();
    assert_eq!(ids.len(), 3);
    for id in ids {
        stage.session.trace(id).await.expect("every page was traced");
    }
}

//! What a session counts.

use std::time::{Duration, Instant};

use chorus::Session;
use chorus::metrics::{FailureReason, MetricsSnapshot, RequestKind, RequestOutcome, StageTimes};
use chorus::policy::RoutingQuality;
use chorus_node::{Fault, Requests};

#[cfg(feature = "prometheus")]
use crate::endpoint::get;
use crate::stage::Stage;

async fn metrics(session: &Session) -> MetricsSnapshot {
    session.metrics().await.expect("open")
}

#[tokio::test]
async fn requests_are_counted_by_kind_and_outcome() {
    let stage = Stage::with_numbers().await;
    let before = stage.session.metrics().await.expect("open");
    let insert = stage.insert().await;
    for id in 0..30 {
        stage.session.execute(&insert, (id, id)).await.expect("written");
    }
    stage.session.query("SELECT id FROM numbers", ()).await.expect("read");
    stage.session.query("SELECT nothing FROM numbers", ()).await.expect_err("no such column");
    let after = stage.session.metrics().await.expect("open");
    let of = |kind: RequestKind, outcome: RequestOutcome| {
        let (kind, outcome) = (kind as usize, outcome as usize);
        after.requests[kind][outcome] - before.requests[kind][outcome]
    };
    assert_eq!(of(RequestKind::Write, RequestOutcome::Ok), 30);
    assert_eq!(of(RequestKind::Read, RequestOutcome::Ok), 1);
    assert_eq!(of(RequestKind::Read, RequestOutcome::Error), 1);
    assert_eq!(after.routed(RoutingQuality::Replica) - before.routed(RoutingQuality::Replica), 30);
    assert!(after.latency.count() >= before.latency.count() + 32);
    assert_eq!(after.hosts.len(), 1);
    assert_eq!((after.connections, after.in_flight, after.stale_reactors), (1, 0, 0));
}

#[tokio::test]
async fn requests_that_are_made_together_leave_in_few_writes() {
    for version in [chorus::ProtocolVersion::V4, chorus::ProtocolVersion::V5] {
        let stage = Stage::with(|builder| builder.protocol_version(version)).await;
        stage.run(crate::stage::NUMBERS).await;
        let insert = stage.insert().await;
        let before = stage.session.metrics().await.expect("open").traffic;
        let requests = (0..64).map(|id| stage.session.execute(&insert, (id, id)));
        futures::future::try_join_all(requests).await.expect("written");
        let after = stage.session.metrics().await.expect("open").traffic;
        assert_eq!(after.attempts - before.attempts, 64);
        let writes = after.writes - before.writes;
        assert!(writes <= 8, "{version}: {writes} writes for 64 requests");
    }
}

/// Within five percent of each other.
fn agree(one: f64, other: f64) -> bool {
    (one - other).abs() <= 0.05 * one.max(other)
}

#[tokio::test]
async fn requests_in_flight_are_their_rate_times_their_mean_latency() {
    const CALLERS: u32 = 32;
    const ANSWERED_AFTER: Duration = Duration::from_millis(100);
    // No part of that: callers that a busy machine has brought into step are not looked at each time they have just been answered.
    const LOOK_AFTER: Duration = Duration::from_millis(7);
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage
        .cluster
        .faults()
        .add(Requests::opcode(chorus::protocol::Opcode::Execute), Fault::Delay(ANSWERED_AFTER));
    let (session, over) = (&stage.session, &std::sync::atomic::AtomicBool::new(false));
    let callers = (0..CALLERS).map(|caller| {
        let insert = &insert;
        async move {
            // One after the other, so that no beginning or end of a look has all of them on one side, and no look finds them all
            // between two requests.
            tokio::time::sleep(ANSWERED_AFTER * caller / CALLERS).await;
            let id = caller as i32;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                session.execute(insert, (id, id)).await.expect("written");
            }
        }
    });
    // Requests in flight as they are seen, and by their rate and latency.
    let measured = async || {
        let (before, began) = (metrics(session).await, Instant::now());
        // What was seen lasts until something else is seen: a machine that stands still for a moment looks less often.
        let (mut last_look, mut in_flight, mut seen) = (began, before.in_flight, 0.0);
        while began.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep(LOOK_AFTER).await;
            let now = metrics(session).await.in_flight;
            seen += in_flight as f64 * last_look.elapsed().as_secs_f64();
            (last_look, in_flight) = (Instant::now(), now);
        }
        let (after, took) = (metrics(session).await, began.elapsed());
        let recent = after.latency.since(&before.latency);
        let rate = recent.count() as f64 / took.as_secs_f64();
        (seen / (last_look - began).as_secs_f64(), rate * recent.mean_us() / 1e6)
    };
    let holds = |(seen, by_law): (f64, f64)| agree(seen, by_law) && agree(by_law, f64::from(CALLERS));
    let watcher = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut all = vec![measured().await];
        // Requests that a machine standing still had under way at either end of the time count with all of theirs.
        while !all.iter().copied().any(holds) && all.len() < 3 {
            all.push(measured().await);
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(
            all.iter().copied().any(holds),
            "{CALLERS} callers; in flight as seen, by rate and latency: {all:?}"
        );
    };
    futures::future::join(futures::future::join_all(callers), watcher).await;
}

#[tokio::test]
async fn stages_add_up_to_the_whole_also_with_retries_timeouts_and_rows_of_a_job() {
    let stage = Stage::of(2).await;
    let insert = stage.insert().await.idempotent(true);
    let faults = stage.cluster.faults();
    faults.add(
        Requests::opcode(chorus::protocol::Opcode::Execute).times(20),
        Fault::Delay(Duration::from_millis(30)),
    );
    faults.add(
        Requests::opcode(chorus::protocol::Opcode::Execute).times(40),
        Fault::Error(chorus::DbError::Overloaded, "too much".into()),
    );
    let requests = (0..200).map(|id| stage.session.execute(&insert, (id, id)));
    futures::future::join_all(requests).await;
    let rows = (0..5_000).map(|id| (id, id));
    stage.session.execute_concurrent_with_args(&insert, rows).concurrency(256).run().await.expect("written");
    let slow = faults.add(Requests::containing("nowhere"), Fault::DropAnswer);
    let text = chorus::Statement::new("SELECT id FROM nowhere").timeout(Duration::from_millis(60));
    stage.session.query(text, ()).await.expect_err("nobody answers");
    assert_eq!(faults.fired(slow), Some(1));
    let after = metrics(&stage.session).await;
    let stages = after.stages;
    assert!(after.retries() > 0 && after.timeouts[0] == 1, "{:?}, {:?}", after.retries(), after.timeouts);
    assert!(
        agree(stages.total_us() as f64, after.latency.sum_us() as f64),
        "{stages:?}, {}",
        after.latency.sum_us()
    );
    assert!(stages.service_us > 60_000, "{stages:?}");
    assert_eq!(stages.all().len(), StageTimes::NAMES.len());
}

#[tokio::test]
async fn what_servers_answer_is_counted_by_kind_before_anything_is_decided() {
    let stage = Stage::of(2).await;
    let read = || chorus::Statement::new("SELECT id FROM numbers").idempotent(true);
    let fault = |error| Fault::Error(error, "so it is".into());
    let unavailable =
        chorus::DbError::Unavailable { consistency: chorus::Consistency::One, required: 1, alive: 0 };
    for error in [unavailable, chorus::DbError::ServerError, chorus::DbError::IsBootstrapping] {
        stage.cluster.faults().add(Requests::containing("numbers").times(1), fault(error));
        let _ = stage.session.query(read(), ()).await;
    }
    let after = metrics(&stage.session).await;
    for reason in [FailureReason::Unavailable, FailureReason::ServerError, FailureReason::Bootstrapping] {
        assert_eq!(after.server_errors(reason), 1, "{}", reason.name());
    }
    assert_eq!(after.server_errors(FailureReason::ReadTimeout), 0);
    let decided = |counts: [u64; 13]| counts.iter().sum::<u64>();
    let retried: u64 = after.retries_by_reason.into_iter().map(decided).sum();
    assert_eq!(retried, after.retries());
    assert_eq!(retried + decided(after.given_up_by_reason), 3, "each was decided about once");
    assert_eq!(after.traffic.server_errors, 3);
    // A connection that breaks is counted as such.
    stage.cluster.faults().add(Requests::containing("numbers").times(1), Fault::Reset);
    stage.session.query(read(), ()).await.expect("the other node answers");
    let lost = metrics(&stage.session).await;
    assert!(lost.connection_errors() >= 1);
    assert_eq!(lost.retries_by_reason[1][FailureReason::ConnectionLost as usize], 1);
}

#[cfg(feature = "prometheus")]
#[tokio::test]
async fn a_host_that_is_killed_shows_in_the_right_places() {
    let stage = Stage::of(3).await;
    let address = "127.0.0.1:0".parse().expect("an address");
    let endpoint = chorus::metrics::PrometheusEndpoint::start(address, &stage.session).expect("it listens");
    let insert = stage.insert().await;
    for id in 0..60 {
        stage.session.execute(&insert, (id, id)).await.expect("written");
    }
    let node = stage.cluster.address(1);
    stage.cluster.stop_node(1);
    let page = loop {
        let page = get(endpoint.address(), "/metrics", "").await;
        if page.contains(&format!("chorus_node_up{{node=\"{node}\"}} 0")) {
            break page;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    for line in [
        "chorus_nodes{state=\"up\"} 2".to_owned(),
        "chorus_nodes{state=\"down\"} 1".to_owned(),
        "chorus_nodes_connected 2".to_owned(),
        format!("chorus_connections{{node=\"{node}\"}} 0"),
        format!("chorus_node_status_changes_total{{node=\"{node}\",to=\"down\"}} 1"),
        format!("chorus_connections_target{{node=\"{node}\"}} 1"),
    ] {
        assert!(page.contains(&line), "{line} is missing in\n{page}");
    }
    // What it had answered is still counted.
    let answered = format!("chorus_node_attempts_total{{node=\"{node}\",outcome=\"ok\"}} ");
    let answered = page.lines().find_map(|line| line.strip_prefix(&answered)).expect("it is there");
    assert!(answered.parse::<u64>().expect("a number") >= 10, "{answered}");
}

#[cfg(feature = "prometheus")]
#[tokio::test]
async fn endpoint_serves_the_sessions_and_the_programs_numbers() {
    let stage = Stage::with_numbers().await;
    stage.session.execute(&stage.insert().await, (1, 1)).await.expect("written");
    // Where nobody but this test listens.
    let free = "127.0.98.1:0".parse().expect("an address");
    let endpoint = chorus::metrics::PrometheusEndpoint::start_with(free, &stage.session, || {
        metrics::counter!("shop_orders_total").absolute(3);
    })
    .expect("the port is free");
    let taken = endpoint.address();
    assert!(
        chorus::metrics::PrometheusEndpoint::start(taken, &stage.session).is_err(),
        "a port that is taken is an error"
    );
    let page = loop {
        let page = get(endpoint.address(), "/metrics", "").await;
        if page.contains("shop_orders_total") {
            break page;
        }
    };
    assert!(page.contains("chorus_requests_total{kind=\"write\",outcome=\"ok\"} 1"), "{page}");
    assert!(page.contains("# TYPE chorus_request_duration_seconds histogram"), "{page}");
    assert!(page.contains("shop_orders_total 3"), "{page}");
    drop(endpoint);
    assert!(tokio::net::TcpStream::connect(taken).await.is_err(), "nothing listens any more");
}

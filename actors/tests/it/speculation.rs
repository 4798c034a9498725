use std::{sync::Arc, time::Duration};

use chorus_actors::{Engine, MetricsSnapshot, RequestErrorKind, RequestOptions};
use chorus_node::{EmbeddedCluster, Fault, Requests, RuleId};
use chorus_protocol::response::DbError;
use chorus_topology::{
    Conditions, ConstantSpeculation, PercentileSpeculation, RetryBudget, SpeculativePolicy,
};
use tokio::time::Instant;

use crate::support::*;

const LONG: Duration = Duration::from_secs(10);
const NAME: &str = "SELECT cluster_name FROM system.local";

/// What the tests with a speculative policy begin with: requests go to node 0 when it is to be the late one.
async fn speculating(cluster: &EmbeddedCluster, policy: impl SpeculativePolicy + 'static) -> Engine {
    let mut config = config(cluster);
    config.speculative = Some(Arc::new(policy));
    Engine::connect(config).await.expect("the engine connects")
}

fn after_20_ms() -> ConstantSpeculation {
    ConstantSpeculation::new(Duration::from_millis(20), 1)
}

async fn metrics(engine: &Engine) -> MetricsSnapshot {
    engine.metrics().await.expect("the engine runs")
}

/// Every request that carries `cluster_name` is late on the first hosts it reaches, and on no other.
fn first_one_is_late(cluster: &EmbeddedCluster, times: u64, delay: Duration) {
    cluster.faults().add(Requests::containing("cluster_name").times(times), Fault::Delay(delay));
}

/// The same, and it is not answered there before the rule is gone.
fn first_one_is_held(cluster: &EmbeddedCluster, times: u64) -> RuleId {
    cluster.faults().add(Requests::containing("cluster_name").times(times), Fault::Hold)
}

#[tokio::test]
async fn a_late_request_is_answered_by_another_host() {
    let cluster = cluster(3);
    let engine = speculating(&cluster, after_20_ms()).await;
    first_one_is_held(&cluster, 1);
    let began = Instant::now();
    let reply = query(&engine, NAME, reads(LONG)).await.expect("another host answers");
    assert_eq!(rows(&engine, reply), 1);
    assert!(began.elapsed() >= Duration::from_millis(20), "{:?}", began.elapsed());
    let metrics = metrics(&engine).await;
    assert_eq!((metrics.speculative_sent, metrics.speculative_won), (1, 1));
    assert_eq!(metrics.requests[0], [1, 0, 0, 0], "one request, however many attempts");
    assert_eq!(metrics.retries(), 0);
}

#[tokio::test]
async fn f62_the_late_answer_of_a_loser_is_dropped_and_frees_its_stream() {
    let cluster = cluster(2);
    let engine = speculating(&cluster, after_20_ms()).await;
    let before = metrics(&engine).await.latency;
    let held = first_one_is_held(&cluster, 1);
    let began = Instant::now();
    query(&engine, NAME, reads(LONG)).await.expect("another host answers");
    let longest = began.elapsed().as_micros();
    let latency = metrics(&engine).await.latency;
    let took = u128::from(latency.sum_us() - before.sum_us());
    assert!((20_000..=longest).contains(&took), "the time until the answer: {took} us");
    // First an orphan, so that it does not count as work; then free.
    let orphans = |metrics: &MetricsSnapshot| metrics.hosts.iter().map(|host| host.orphans).sum::<u64>();
    counted(&engine, "the loser is an orphan", |metrics| orphans(metrics) == 1).await;
    cluster.faults().remove(held);
    let metrics =
        counted(&engine, "the late answer frees its stream", |metrics| metrics.in_flight == 0).await;
    assert_eq!((metrics.traffic.orphaned, metrics.traffic.late_answers), (1, 1));
    assert_eq!(metrics.requests[0], [1, 0, 0, 0], "neither failed nor cancelled");
    assert_eq!(metrics.latency.count(), before.count() + 1, "it counts once");
}

#[tokio::test]
async fn f61_a_request_that_is_not_idempotent_is_not_speculated() {
    let cluster = cluster(2);
    let engine = speculating(&cluster, after_20_ms()).await;
    let lwt = RequestOptions { lwt: true, ..reads(LONG) };
    for options in [writes(LONG), lwt] {
        first_one_is_late(&cluster, 1, Duration::from_millis(150));
        query(&engine, NAME, options).await.expect("the first host answers");
    }
    assert_eq!(metrics(&engine).await.speculative_sent, 0);
}

#[tokio::test]
async fn a_request_for_one_host_and_a_request_in_time_are_not_speculated() {
    let cluster = cluster(2);
    let engine = speculating(&cluster, ConstantSpeculation::new(LONG / 2, 1)).await;
    for _ in 0..50 {
        query(&engine, LOCAL, reads(LONG)).await.expect("in time");
    }
    assert_eq!(metrics(&engine).await.speculative_sent, 0);

    let engine = speculating(&cluster, after_20_ms()).await;
    first_one_is_late(&cluster, 1, Duration::from_millis(150));
    let host = engine.state().hosts[0].index;
    let targeted = RequestOptions { host: Some(host), ..reads(LONG) };
    let reply = query(&engine, NAME, targeted).await.expect("that host answers");
    assert_eq!(reply.host(), host);
    assert_eq!(metrics(&engine).await.speculative_sent, 0);
}

#[tokio::test]
async fn nobody_is_left_to_speculate_with_in_a_cluster_of_one() {
    let cluster = cluster(1);
    let engine = speculating(&cluster, after_20_ms()).await;
    first_one_is_late(&cluster, 1, Duration::from_millis(150));
    query(&engine, NAME, reads(LONG))
        .await
        .expect("the one host answers, without an error for want of another");
    assert_eq!(metrics(&engine).await.speculative_sent, 0);
}

#[tokio::test]
async fn attempts_follow_each_other_until_the_policy_says_no_more() {
    let cluster = cluster(4);
    let engine = speculating(&cluster, ConstantSpeculation::new(Duration::from_millis(20), 2)).await;
    let held = first_one_is_held(&cluster, 3);
    let (answer, ()) = tokio::join!(query(&engine, NAME, reads(LONG)), async {
        counted(&engine, "two more are sent", |metrics| metrics.speculative_sent == 2).await;
        // Time enough for a fourth, if it were sent.
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(cluster.faults().remove(held), Some(3));
    });
    answer.expect("one of them answers");
    assert_eq!(metrics(&engine).await.speculative_sent, 2, "the fourth host was not asked");
}

#[tokio::test]
async fn the_timeout_of_a_request_ends_all_its_attempts() {
    let cluster = cluster(2);
    let engine = speculating(&cluster, after_20_ms()).await;
    cluster.faults().add(Requests::containing("cluster_name"), Fault::DropAnswer);
    let (outcome, ()) = tokio::join!(query(&engine, NAME, reads(LONG)), async {
        counted(&engine, "the second attempt is sent", |metrics| metrics.speculative_sent == 1).await;
        tokio::time::pause();
        tokio::time::advance(LONG).await;
        tokio::time::resume();
    });
    let error = outcome.expect_err("nobody answers");
    assert!(matches!(error.kind(), RequestErrorKind::Timeout { written: true, .. }), "{error}");
    let metrics = metrics(&engine).await;
    assert_eq!((metrics.speculative_sent, metrics.requests[0]), (1, [0, 0, 1, 0]), "it timed out once");
    query(&engine, LOCAL, reads(LONG)).await.expect("others are not affected");
}

#[tokio::test]
async fn a_timeout_that_comes_first_wins_over_a_speculative_attempt_that_is_due() {
    let cluster = cluster(2);
    let engine = speculating(&cluster, after_20_ms()).await;
    cluster.faults().add(Requests::containing("cluster_name"), Fault::DropAnswer);
    query(&engine, NAME, reads(Duration::from_millis(10))).await.expect_err("nobody answers");
    assert_eq!(metrics(&engine).await.speculative_sent, 0);
}

#[tokio::test]
async fn an_attempt_that_fails_leaves_the_request_to_the_other() {
    let cluster = cluster(2);
    let engine = speculating(&cluster, after_20_ms()).await;
    let held = first_one_is_held(&cluster, 1);
    let unwilling = Fault::Error(DbError::TruncateError, "not now".into());
    let rule = cluster.faults().add(Requests::containing("cluster_name"), unwilling);
    let (answer, ()) = tokio::join!(query(&engine, NAME, reads(LONG)), async {
        counted(&engine, "the second host says no", |metrics| metrics.traffic.server_errors == 1).await;
        cluster.faults().remove(held);
    });
    answer.expect("the late one answers after all");
    assert_eq!(cluster.faults().fired(rule), Some(1));
    let metrics = metrics(&engine).await;
    assert_eq!((metrics.speculative_sent, metrics.speculative_won), (1, 0));
}

#[tokio::test]
async fn when_every_attempt_fails_the_error_lists_them_all() {
    let cluster = cluster(2);
    let engine = speculating(&cluster, after_20_ms()).await;
    let faults = cluster.faults();
    // The first host closes the connection late, the second says no at once.
    faults.add(Requests::containing("cluster_name").times(1), Fault::DropAnswer);
    faults.add(Requests::containing("cluster_name"), Fault::Error(DbError::ServerError, "no".into()));
    let pending = tokio::spawn({
        let engine = engine.clone();
        async move { query(&engine, NAME, reads(LONG)).await }
    });
    // Not before the second has said so: a host that is stopped may take its answer with it.
    counted(&engine, "the second host says no", |metrics| metrics.traffic.server_errors == 1).await;
    (0..2).for_each(|node| cluster.stop_node(node));
    let error = pending.await.expect("no panic").expect_err("both are gone");
    let text = error.to_string();
    assert!(text.contains("no (code 0x0000)"), "{text}");
    assert!(error.attempts().len() >= 2, "{text}");
    assert_eq!(metrics(&engine).await.requests[0], [0, 1, 0, 0]);
}

#[tokio::test]
async fn an_error_of_the_statement_does_not_wait_for_the_late_attempt() {
    let cluster = cluster(2);
    let engine = speculating(&cluster, after_20_ms()).await;
    first_one_is_held(&cluster, 1);
    cluster
        .faults()
        .add(Requests::containing("cluster_name"), Fault::Error(DbError::Invalid, "no such thing".into()));
    let error = query(&engine, NAME, reads(LONG)).await.expect_err("it is wrong everywhere");
    assert!(matches!(error.kind(), RequestErrorKind::Database(body) if body.code == 0x2200), "{error}");
}

#[tokio::test]
async fn a_caller_that_leaves_takes_every_attempt_with_it() {
    let cluster = cluster(2);
    let engine = speculating(&cluster, after_20_ms()).await;
    cluster.faults().add(Requests::containing("cluster_name"), Fault::DropAnswer);
    let pending = tokio::spawn({
        let engine = engine.clone();
        async move { query(&engine, NAME, reads(LONG)).await }
    });
    counted(&engine, "the second attempt is sent", |metrics| metrics.speculative_sent == 1).await;
    pending.abort();
    let left = |metrics: &MetricsSnapshot| metrics.traffic.orphaned == 2;
    let metrics = counted(&engine, "its attempts are work no more", left).await;
    assert_eq!(metrics.requests[0], [0, 0, 0, 1], "one request was cancelled");
}

#[tokio::test]
async fn speculative_attempts_are_paid_from_the_retry_budget() {
    let cluster = cluster(2);
    let mut config = config(&cluster);
    config.speculative = Some(Arc::new(after_20_ms().when_overloaded(true)));
    config.retry_budget = RetryBudget::new(1, 0);
    let engine = Engine::connect(config).await.expect("the engine connects");
    first_one_is_held(&cluster, 1);
    query(&engine, NAME, reads(LONG)).await.expect("answered by the other host");
    let held = first_one_is_held(&cluster, 1);
    let (answer, ()) = tokio::join!(query(&engine, NAME, reads(LONG)), async {
        counted(&engine, "there is no second attempt", |metrics| metrics.budget_refusals == 1).await;
        cluster.faults().remove(held);
    });
    answer.expect("answered by the late one");
    let metrics = metrics(&engine).await;
    assert_eq!((metrics.speculative_sent, metrics.budget_refusals), (1, 1));
}

#[tokio::test]
async fn speculation_pauses_while_servers_say_that_they_have_too_much_to_do() {
    let cluster = cluster(2);
    let engine = speculating(&cluster, after_20_ms()).await;
    let busy = Fault::Error(DbError::Overloaded, "busy".into());
    let rule = cluster.faults().add(Requests::containing("system.local"), busy);
    for _ in 0..20 {
        query(&engine, LOCAL, writes(LONG)).await.expect_err("busy");
    }
    cluster.faults().remove(rule);
    // The pressure is measured ten times a second, while requests are under way.
    first_one_is_late(&cluster, 1, Duration::from_millis(400));
    query(&engine, NAME, RequestOptions { idempotent: false, ..reads(LONG) }).await.expect("answered");
    first_one_is_late(&cluster, 1, Duration::from_millis(200));
    let began = Instant::now();
    query(&engine, NAME, reads(LONG)).await.expect("answered by the late one");
    assert!(began.elapsed() >= Duration::from_millis(190));
    assert_eq!(metrics(&engine).await.speculative_sent, 0);
}

#[tokio::test]
async fn percentile_speculation_learns_from_the_requests_before() {
    let cluster = cluster(2);
    let engine = speculating(&cluster, PercentileSpeculation::new(90.0).expect("valid")).await;
    for _ in 0..300 {
        query(&engine, LOCAL, reads(LONG)).await.expect("answered");
    }
    // The delay is worked out once a second.
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    query(&engine, LOCAL, reads(LONG)).await.expect("answered");
    let until = Instant::now() + LONG;
    while metrics(&engine).await.speculative_won == 0 {
        first_one_is_late(&cluster, 1, Duration::from_millis(300));
        query(&engine, NAME, reads(LONG)).await.expect("answered");
        assert!(Instant::now() < until, "nothing was learned");
    }
}

/// Asks for what it is told about, never for another attempt.
#[derive(Debug, Default)]
struct Curious(std::sync::Mutex<Vec<u32>>);

impl SpeculativePolicy for Curious {
    fn delay(&self, sent: u32, _: &Conditions<'_>) -> Option<Duration> {
        self.0.lock().expect("not poisoned").push(sent);
        None
    }
}

#[tokio::test]
async fn a_policy_of_ones_own_is_asked_and_obeyed() {
    let cluster = cluster(2);
    let policy = Arc::new(Curious::default());
    let engine = speculating(&cluster, Arc::clone(&policy)).await;
    first_one_is_late(&cluster, 1, Duration::from_millis(100));
    query(&engine, NAME, reads(LONG)).await.expect("answered");
    assert_eq!(metrics(&engine).await.speculative_sent, 0);
    let asked = policy.0.lock().expect("not poisoned");
    assert!(!asked.is_empty() && asked.iter().all(|sent| *sent == 1), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_gets_its_own_answer_while_one_host_is_always_late() {
    let cluster = cluster(3);
    let engine = speculating(&cluster, ConstantSpeculation::new(Duration::from_millis(2), 2)).await;
    let slow = Requests::containing("system.local").on_node(1);
    cluster.faults().add(slow, Fault::Delay(Duration::from_millis(15)));
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for number in 0..60 {
                    let cql = if number % 2 == 0 { LOCAL } else { NAME };
                    let reply = query(&engine, cql, reads(LONG)).await.expect("answered");
                    let body = reply.into_bytes();
                    let text = String::from_utf8_lossy(&body).into_owned();
                    assert_eq!(text.contains("cluster_name"), cql == NAME, "the answer to another question");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("no panic");
    }
    let metrics = metrics(&engine).await;
    assert_eq!(metrics.requests[0], [960, 0, 0, 0]);
    assert!(metrics.speculative_won > 0 && metrics.speculative_won <= metrics.speculative_sent);
    let report = engine.shutdown(LONG).await;
    assert!(report.is_clean(), "{report:?}");
}

#[tokio::test]
async fn a_session_without_a_policy_speculates_for_those_requests_that_bring_one() {
    let cluster = cluster(2);
    let engine = engine(&cluster).await;
    let mut policies = chorus_actors::ExecutionPolicies::clone(engine.policies());
    policies.speculative = Some(Arc::new(after_20_ms()));
    let options = RequestOptions { policies: Some(Arc::new(policies)), ..reads(LONG) };
    first_one_is_held(&cluster, 1);
    query(&engine, NAME, options).await.expect("the second host answers");
    assert_eq!(metrics(&engine).await.speculative_won, 1);
}

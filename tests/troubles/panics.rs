//! Policies that panic inside the driver's actors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chorus::policy::{
    ConstantReconnection, DefaultRetry, Distance, Failure, Host, HostIndex, Load, LoadBalancingPolicy,
    ReconnectionPolicy, ReconnectionSchedule, RetryDecision, RetryPolicy, Rng, RoundRobin, RouteHost,
    RoutingQuery, Target, View,
};
use chorus::{DbError, ErrorKind};
use chorus_node::Fault;

use crate::stage::{Stage, eventually};

/// Panics as often as it is told to.
#[derive(Clone, Debug, Default)]
struct Charge(Arc<AtomicU32>);

impl Charge {
    fn load(&self, panics: u32) {
        self.0.store(panics, Ordering::Relaxed);
    }

    fn pull(&self) {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert!(left.is_err(), "as the test has it");
    }
}

#[derive(Debug)]
struct Explosive<P>(P, Charge);

impl LoadBalancingPolicy for Explosive<RoundRobin> {
    fn distance(&self, host: &Host) -> Distance {
        self.0.distance(host)
    }

    fn assign(&self, hosts: &mut [RouteHost]) {
        self.0.assign(hosts);
    }

    fn next(
        &self,
        query: &RoutingQuery,
        view: View<'_>,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target> {
        self.1.pull();
        self.0.next(query, view, load, tried, rng)
    }
}

impl RetryPolicy for Explosive<DefaultRetry> {
    fn decide(&self, failure: &Failure<'_>, rng: &mut Rng) -> RetryDecision {
        self.1.pull();
        self.0.decide(failure, rng)
    }
}

impl ReconnectionPolicy for Explosive<ConstantReconnection> {
    fn schedule(&self) -> Box<dyn ReconnectionSchedule + Send> {
        self.1.pull();
        self.0.schedule()
    }
}

const INSERT: &str = "INSERT INTO ks.numbers (id, value) VALUES (?, ?)";

#[tokio::test]
async fn f82_a_load_balancing_policy_that_panics_costs_the_request_in_hand_and_is_counted() {
    let charge = Charge::default();
    let policy = Arc::new(Explosive(RoundRobin::new(), charge.clone()));
    let stage = Stage::with(2, |builder| builder.load_balancing(policy)).await;
    let insert = stage.prepare(INSERT).await.idempotent(true);
    for round in 1..=5 {
        charge.load(1);
        let error = stage.session.execute(&insert, (1, 1)).await.expect_err("it was in hand");
        assert_eq!(error.kind(), ErrorKind::SessionClosed, "{error}");
        for id in 0..50 {
            stage.session.execute(&insert, (id, id)).await.expect("the coordinator goes on");
        }
        let report = stage.session.bulk(&insert).load((0..500).map(|id| (id, id))).await.expect("written");
        assert_eq!(report.written, 500);
        assert_eq!(stage.session.metrics().await.expect("metrics").panics, round);
    }
    let metrics = stage.session.metrics().await.expect("metrics");
    assert_eq!(metrics.in_flight, 0);
    assert!(metrics.disconnects.is_empty(), "{:?}", metrics.disconnects);
}

#[tokio::test]
async fn f82_a_retry_policy_that_panics_over_a_row_costs_that_row_and_no_other() {
    let charge = Charge::default();
    let policy = Arc::new(Explosive(DefaultRetry::new(), charge.clone()));
    let stage = Stage::with(2, |builder| builder.retry_policy(policy)).await;
    let insert = stage.prepare(INSERT).await.idempotent(true);
    charge.load(2);
    let busy = Fault::Error(DbError::Overloaded, "as the test has it".into());
    stage.let_fail("numbers", 5, busy.clone());
    let load = stage.session.bulk(&insert).errors_allowed(10).load((0..300).map(|id| (id, id)));
    let report =
        tokio::time::timeout(Duration::from_secs(10), load).await.expect("no row is waited for in vain");
    let report = report.expect("errors are allowed");
    assert_eq!((report.written, report.failed.len()), (298, 2), "three were sent again, two were lost");
    assert!(report.failed.iter().all(|error| error.may_have_been_applied()), "nobody knows");

    charge.load(1);
    stage.let_fail("numbers", 1, busy);
    let error = stage.session.execute(&insert, (1, 1)).await.expect_err("it was in hand");
    assert_eq!(error.kind(), ErrorKind::SessionClosed, "{error}");
    stage.session.execute(&insert, (1, 1)).await.expect("the next is served");
    assert_eq!(stage.session.metrics().await.expect("metrics").panics, 3);
}

#[tokio::test]
async fn f82_a_reconnection_policy_that_panics_does_not_keep_a_host_away() {
    let charge = Charge::default();
    let policy = Arc::new(Explosive(ConstantReconnection::new(Duration::from_millis(50)), charge.clone()));
    let stage = Stage::with(2, |builder| builder.reconnection(policy)).await;
    charge.load(1);
    stage.cluster.stop_node(1);
    eventually("the policy was asked", async || stage.session.metrics().await.expect("metrics").panics == 1)
        .await;
    stage.session.query("SELECT key FROM system.local", ()).await.expect("the other host serves");
    stage.cluster.start_node(1).expect("it starts");
    let began = Instant::now();
    eventually("the host is back", async || stage.session.metrics().await.expect("metrics").hosts.len() == 2)
        .await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chorus_actors::{Engine, ExecutionPolicies, RequestErrorKind, RequestOptions, config::PoolSize};
use chorus_node::{EmbeddedCluster, Fault, Requests};
use chorus_protocol::response::DbError;
use chorus_topology::{
    DcAwareRoundRobin, Ec2MultiRegion, ExponentialBackoffRetry, FixedAddresses, HostIndex,
    LoadBalancingPolicy, NameService, SimpleConviction,
};
use tokio::time::Instant;

use crate::support::*;

const LONG: Duration = Duration::from_secs(10);

/// The number of a node's host.
fn host(engine: &Engine, cluster: &EmbeddedCluster, node: usize) -> HostIndex {
    let state = engine.state();
    state.host_at(cluster.address(node)).expect("it is a member").index
}

/// How many hosts are up.
fn up(engine: &Engine) -> usize {
    engine.route().hosts().iter().filter(|host| host.up && host.member).count()
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < until, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn two_datacenters() -> EmbeddedCluster {
    let builder = EmbeddedCluster::builder().datacenter("east", 2).datacenter("west", 1);
    builder.start().expect("an embedded cluster starts")
}

/// Options that obey this policy.
fn obeying(engine: &Engine, policy: &Arc<dyn LoadBalancingPolicy>) -> RequestOptions {
    let policies = ExecutionPolicies {
        load_balancing: Arc::clone(policy),
        view: engine.views().of(policy),
        ..ExecutionPolicies::clone(engine.policies())
    };
    RequestOptions { policies: Some(Arc::new(policies)), ..reads(LONG) }
}

#[tokio::test]
async fn a_policy_of_some_requests_reaches_hosts_that_the_sessions_own_ignores() {
    let cluster = two_datacenters();
    let mut config = config(&cluster);
    config.contact_points = vec![cluster.address(0).into()];
    config.load_balancing = Arc::new(DcAwareRoundRobin::preferring("east"));
    let engine = Engine::connect(config).await.expect("the engine connects");
    let west = host(&engine, &cluster, 2);
    assert_eq!(cluster.connections(2), 0, "nobody wants it yet");

    let policy: Arc<dyn LoadBalancingPolicy> = Arc::new(DcAwareRoundRobin::preferring("west"));
    engine.connect_for(&policy).await;
    for _ in 0..20 {
        let reply = query(&engine, LOCAL, obeying(&engine, &policy)).await.expect("served in the west");
        assert_eq!(reply.host(), west);
        let reply = query(&engine, LOCAL, reads(LONG)).await.expect("served in the east");
        assert_ne!(reply.host(), west);
    }
}

#[tokio::test]
async fn a_policy_that_just_joined_is_served_by_the_sessions_hosts_until_its_own_are_connected() {
    let cluster = two_datacenters();
    let mut config = config(&cluster);
    config.contact_points = vec![cluster.address(0).into()];
    config.load_balancing = Arc::new(DcAwareRoundRobin::preferring("east"));
    let engine = Engine::connect(config).await.expect("the engine connects");
    let west = host(&engine, &cluster, 2);
    let policy: Arc<dyn LoadBalancingPolicy> = Arc::new(DcAwareRoundRobin::preferring("west"));
    let until = Instant::now() + LONG;
    loop {
        // None of them fails for want of a connection.
        match query(&engine, LOCAL, obeying(&engine, &policy)).await {
            Ok(reply) if reply.host() == west => break,
            Ok(_) => {}
            Err(error) => {
                assert!(matches!(error.kind(), RequestErrorKind::NoHostAvailable), "{error}");
            }
        }
        assert!(Instant::now() < until, "the west is not used");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_for_one_host_goes_there_and_nowhere_else() {
    let cluster = cluster(3);
    let engine = engine(&cluster).await;
    for node in 0..3 {
        let host = host(&engine, &cluster, node);
        for _ in 0..10 {
            let options = RequestOptions { host: Some(host), ..reads(LONG) };
            assert_eq!(query(&engine, LOCAL, options).await.expect("served").host(), host);
        }
    }
    let target = host(&engine, &cluster, 1);
    let targeted = || RequestOptions { host: Some(target), ..reads(LONG) };
    // An error that every policy would take elsewhere.
    let busy = Fault::Error(DbError::Overloaded, "busy".into());
    let rule = cluster.faults().add(Requests::containing(LOCAL).on_node(1), busy);
    let error = query(&engine, LOCAL, targeted()).await.expect_err("it is the one host's answer");
    assert!(matches!(error.kind(), RequestErrorKind::Database(body) if body.code == 0x1001), "{error}");
    assert_eq!(cluster.faults().remove(rule), Some(1));

    cluster.stop_node(1);
    eventually("it is down", || up(&engine) == 2).await;
    let error = query(&engine, LOCAL, targeted()).await.expect_err("nobody else is asked");
    assert!(matches!(error.kind(), RequestErrorKind::NoHostAvailable), "{error}");
    assert_eq!(error.attempts()[0].host, cluster.address(1));
    let unknown = RequestOptions { host: Some(HostIndex(99)), ..reads(LONG) };
    let error = query(&engine, LOCAL, unknown).await.expect_err("there is no such host");
    assert!(matches!(error.kind(), RequestErrorKind::NoHostAvailable), "{error}");
}

#[tokio::test]
async fn a_preferred_host_comes_first_and_the_others_step_in_for_it() {
    let cluster = cluster(3);
    let engine = engine(&cluster).await;
    let favourite = host(&engine, &cluster, 2);
    let options = || RequestOptions { preferred: Some(favourite), ..reads(LONG) };
    for _ in 0..20 {
        assert_eq!(query(&engine, LOCAL, options()).await.expect("served").host(), favourite);
    }
    cluster.stop_node(2);
    for _ in 0..20 {
        assert_ne!(query(&engine, LOCAL, options()).await.expect("served").host(), favourite);
    }
}

#[tokio::test]
async fn f57_an_overloaded_host_is_left_for_the_next_and_asked_again_after_a_pause() {
    let cluster = cluster(2);
    let mut config = config(&cluster);
    let pause = Duration::from_millis(40);
    let retry = ExponentialBackoffRetry::between(3, pause, pause).expect("valid");
    config.retry = Arc::new(retry);
    let engine = Engine::connect(config).await.expect("the engine connects");
    let busy = || Fault::Error(DbError::Overloaded, "busy".into());
    cluster.faults().add(Requests::containing(LOCAL).times(2), busy());
    let began = Instant::now();
    query(&engine, LOCAL, reads(LONG)).await.expect("the third attempt is answered");
    // Two pauses of 40 ms, give or take 20 ms each.
    assert!(began.elapsed() >= Duration::from_millis(40), "{:?}", began.elapsed());
    let metrics = engine.metrics().await.expect("metrics");
    assert_eq!((metrics.retries_next_host, metrics.requests[0]), (2, [1, 0, 0, 0]));

    // Where a pause is longer than what is left, the error is told at once.
    let mut config = self::config(&cluster);
    config.retry = Arc::new(ExponentialBackoffRetry::between(3, 8 * LONG, 8 * LONG).expect("valid"));
    let engine = Engine::connect(config).await.expect("the engine connects");
    cluster.faults().add(Requests::containing(LOCAL), busy());
    let began = Instant::now();
    let error = query(&engine, LOCAL, reads(LONG)).await.expect_err("busy");
    assert!(matches!(error.kind(), RequestErrorKind::Database(_)), "no time for a pause: {error}");
    assert!(began.elapsed() < LONG);
}

#[tokio::test]
async fn a_host_that_is_much_slower_than_the_others_is_passed_over() {
    let cluster = cluster(3);
    let engine = engine(&cluster).await;
    let slow = Requests::containing("system.local").on_node(1);
    cluster.faults().add(slow.clone(), Fault::Delay(Duration::from_millis(60)));
    // One request at a time: nothing but the time of its answers tells the slow host from the others.
    let ask = async |requests: usize| {
        let asked = cluster.watch(slow.clone());
        for _ in 0..requests {
            query(&engine, LOCAL, reads(LONG)).await.expect("served");
        }
        asked.count()
    };
    let until = Instant::now() + 3 * LONG;
    while ask(30).await > 0 {
        assert!(Instant::now() < until, "the slow host is still asked");
    }
    assert_eq!(ask(60).await, 0);
    cluster.stop_node(0);
    cluster.stop_node(2);
    eventually("only the slow one is left", || up(&engine) == 1).await;
    assert!(ask(5).await >= 5, "better slow than not at all");
}

/// Two connections to the one node, one of which breaks.
async fn one_of_two_connections_breaks(convicts: bool) -> (EmbeddedCluster, Engine) {
    let cluster = cluster(2);
    let mut config = config(&cluster);
    config.pool_size = PoolSize::PerHost(NonZeroU16::new(2).expect("not zero"));
    if convicts {
        config.conviction = Arc::new(SimpleConviction);
    }
    let engine = Engine::connect(config).await.expect("the engine connects");
    let until = Instant::now() + LONG;
    while engine.metrics().await.expect("metrics").connections < 4 {
        assert!(Instant::now() < until, "the pools are not filled");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let target = host(&engine, &cluster, 1);
    cluster.faults().add(Requests::containing("cluster_name").times(1), Fault::Close);
    let options = RequestOptions { host: Some(target), ..writes(LONG) };
    query(&engine, "SELECT cluster_name FROM system.local", options).await.expect_err("closed");
    (cluster, engine)
}

#[tokio::test]
async fn a_host_that_loses_one_of_its_connections_stays_up_by_default() {
    let (cluster, engine) = one_of_two_connections_breaks(false).await;
    let target = host(&engine, &cluster, 1);
    for _ in 0..50 {
        let options = RequestOptions { host: Some(target), ..reads(LONG) };
        query(&engine, LOCAL, options).await.expect("the other connection serves");
        assert_eq!(up(&engine), 2);
    }
}

#[tokio::test]
async fn a_strict_policy_takes_a_host_down_with_one_connection_and_it_comes_back() {
    let (cluster, engine) = one_of_two_connections_breaks(true).await;
    eventually("it is down although a connection works", || up(&engine) == 1).await;
    let target = host(&engine, &cluster, 1);
    let options = RequestOptions { host: Some(target), ..reads(LONG) };
    let error = query(&engine, LOCAL, options).await.expect_err("it is not used");
    assert!(matches!(error.kind(), RequestErrorKind::NoHostAvailable), "{error}");
    eventually("it is up again", || up(&engine) == 2).await;
    eventually("with new connections only", || {
        cluster.connections(0) + cluster.connections(1) == 5 && cluster.accepted(1) >= 4
    })
    .await;
}

#[tokio::test]
async fn addresses_that_the_cluster_tells_are_translated_and_contact_points_are_not() {
    let (told, real) = (cluster(2), cluster(1));
    let table = FixedAddresses::new()
        .address(told.address(1), real.address(0))
        .address(told.address(0), "127.0.0.1:1".parse().expect("an address where nobody listens"));
    let mut config = config(&told);
    config.contact_points = vec![told.address(0).into()];
    config.address_translator = Some(Arc::new(table));
    let engine = Engine::connect(config).await.expect("the contact point is taken as it is");
    eventually("the other host is reached elsewhere", || up(&engine) == 2 && real.connections(0) > 0).await;
    assert_eq!(told.connections(1), 0);
    assert!(engine.state().host_at(real.address(0)).is_some());
}

/// One address has a name, and names take their time.
#[derive(Debug)]
struct Directory {
    told: SocketAddr,
    real: IpAddr,
    takes: Takes,
}

/// How long a name takes.
#[derive(Debug)]
enum Takes {
    Time(Duration),
    /// Until the runtime has gone round so many times more.
    Turns(Arc<AtomicU64>, u64),
}

impl Takes {
    fn pass(&self) {
        match self {
            Self::Time(time) => std::thread::sleep(*time),
            Self::Turns(turns, more) => {
                let (began, before) = (Instant::now(), turns.load(Ordering::Relaxed));
                while turns.load(Ordering::Relaxed) < before + more {
                    assert!(began.elapsed() < LONG, "the runtime stands still");
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }
}

impl NameService for Directory {
    fn name_of(&self, address: IpAddr) -> Option<String> {
        self.takes.pass();
        (address == self.told.ip()).then(|| "a-host".to_owned())
    }

    fn addresses_of(&self, name: &str) -> Vec<IpAddr> {
        if name == "a-host" { vec![self.real] } else { Vec::new() }
    }
}

#[tokio::test]
async fn names_are_looked_up_without_holding_up_the_reactor() {
    let cluster = cluster(2);
    let told = cluster.address(1);
    // Another loopback address: the embedded node of the same port listens on its own only, so it is not reached there.
    let real = IpAddr::from([127, 0, 0, 77]);
    let mut config = config(&cluster);
    config.contact_points = vec![cluster.address(0).into()];
    config.wait_for_all_hosts = false;
    config.connect_timeout = LONG;
    let turns = Arc::new(AtomicU64::new(0));
    let names = Directory { told, real, takes: Takes::Turns(Arc::clone(&turns), 50) };
    config.address_translator = Some(Arc::new(Ec2MultiRegion::new(names)));
    let connecting = tokio::spawn(Engine::connect(config));
    while !connecting.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
        turns.fetch_add(1, Ordering::Relaxed);
    }
    let engine = connecting.await.expect("no panic").expect("the contact point serves");
    assert!(engine.state().host_at(SocketAddr::new(real, told.port())).is_some());
}

#[tokio::test]
async fn a_name_service_that_hangs_does_not_keep_the_cluster_from_being_known() {
    let cluster = cluster(2);
    let told = cluster.address(1);
    let mut config = config(&cluster);
    config.contact_points = vec![cluster.address(0).into()];
    config.connect_timeout = Duration::from_millis(300);
    let names =
        Directory { told, real: IpAddr::from([127, 0, 0, 77]), takes: Takes::Time(Duration::from_secs(2)) };
    config.address_translator = Some(Arc::new(Ec2MultiRegion::new(names)));
    let engine = Engine::connect(config).await.expect("addresses are taken as they are told");
    eventually("both are up", || up(&engine) == 2).await;
}

//! Many hosts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use chorus_actors::{Engine, EngineConfig};
use chorus_node::EmbeddedCluster;
use chorus_topology::{
    Distance, Host, HostIndex, Load, LoadBalancingPolicy, Rng, RouteHost, RoutingQuality, RoutingQuery,
    SchemaScope, Target, TokenAware, UpHosts, View, ViewId,
};

use crate::embedded::{config, query};
use crate::support::{eventually, up};

#[tokio::test]
async fn f73_two_hundred_hosts_in_two_datacenters_are_connected_within_three_seconds() {
    let builder = EmbeddedCluster::builder().tokens(16);
    let cluster = builder.datacenter("dc1", 100).datacenter("dc2", 100).start().unwrap();
    let mut config = config(&cluster);
    config.wait_for_all_hosts = true;
    // Once in three times at least, because the machine has other things to do as well.
    let mut tries = Vec::new();
    let engine = loop {
        let began = Instant::now();
        let engine = Engine::connect(config.clone()).await.unwrap();
        tries.push(began.elapsed());
        if tries.last() < Some(&Duration::from_secs(3)) {
            break engine;
        }
        assert!(tries.len() < 3, "{tries:?}");
        engine.shutdown(Duration::from_secs(1)).await;
    };
    assert_eq!(engine.state().hosts.len(), 200);
    eventually("every host is up", || up(&engine) == 200).await;
    query(&engine, "SELECT release_version FROM system.local").await.unwrap();

    let replication = "{'class': 'NetworkTopologyStrategy', 'dc1': 3, 'dc2': 3}";
    query(&engine, &format!("CREATE KEYSPACE ks WITH replication = {replication}")).await.unwrap();
    query(&engine, "CREATE TABLE ks.t (k int PRIMARY KEY)").await.unwrap();
    engine.refresh_schema(SchemaScope::All).await.unwrap();
    let route = engine.route();
    assert_eq!(route.ring().len(), 200 * 16);
    let (policy, mut rng) = (TokenAware::default(), Rng::seeded(3));
    engine.state().hosts.iter().take(1).for_each(|host| policy.contacted(host));
    let mut plan = |query: &RoutingQuery| {
        let mut tried = Vec::new();
        while let Some(target) =
            policy.next(query, route.view(ViewId::SESSION), &UpHosts(&route), &tried, &mut rng)
        {
            tried.push(target.host);
        }
        tried.len()
    };
    // A whole plan, to the last host; the quickest of some runs, because others compute too.
    let quickest = (0..50_i64)
        .map(|n| {
            let token = Some(chorus_protocol::Token(n.wrapping_mul(i64::MAX / 25)));
            let query = RoutingQuery { table: route.table_id("ks", "t"), token, ..RoutingQuery::default() };
            let began = Instant::now();
            let first =
                policy.next(&query, route.view(ViewId::SESSION), &UpHosts(&route), &[], &mut Rng::seeded(1));
            let took = began.elapsed();
            assert!(first.is_some_and(|target| target.quality == RoutingQuality::Replica));
            took
        })
        .min();
    assert!(quickest.is_some_and(|took| took < Duration::from_micros(50)), "{quickest:?} for a plan");
    let query = RoutingQuery { table: route.table_id("ks", "t"), ..RoutingQuery::default() };
    assert!(plan(&query) >= 100, "every host of the datacenter is in it");
    engine.shutdown(Duration::from_secs(1)).await;
}

/// Looks at the hosts of a large cluster when it is allowed to, and at all others at once.
#[derive(Debug)]
struct Gated {
    child: TokenAware,
    closed: Arc<AtomicBool>,
    /// Told when it begins to look.
    begun: mpsc::Sender<()>,
    gate: Mutex<mpsc::Receiver<()>>,
}

/// The test's end of a [`Gated`] policy.
struct Gate {
    closed: Arc<AtomicBool>,
    begins: mpsc::Receiver<()>,
    open: mpsc::Sender<()>,
}

impl Gate {
    /// Puts a policy that can be held up into the configuration.
    fn into(config: &mut EngineConfig) -> Self {
        let (begun, begins) = mpsc::channel();
        let (open, gate) = mpsc::channel();
        let closed = Arc::new(AtomicBool::new(false));
        config.load_balancing = Arc::new(Gated {
            child: TokenAware::default(),
            closed: Arc::clone(&closed),
            begun,
            gate: Mutex::new(gate),
        });
        Self { closed, begins, open }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Waits until rows are being digested and held up.
    async fn holds(&self) {
        eventually("rows are being digested", || self.begins.try_recv().is_ok()).await;
    }

    /// Lets what is held up go on, and all that comes later.
    fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
        self.open.send(()).unwrap();
    }
}

impl LoadBalancingPolicy for Gated {
    fn distance(&self, host: &Host) -> Distance {
        self.child.distance(host)
    }

    fn assign(&self, hosts: &mut [RouteHost]) {
        let elsewhere = std::thread::current().name() == Some("chorus-topology");
        if elsewhere && self.closed.load(Ordering::SeqCst) {
            self.begun.send(()).expect("the test listens");
            let gate = self.gate.lock().expect("one at a time");
            gate.recv_timeout(Duration::from_secs(60))
                .expect("the test opens it: nothing on the reactor waits");
        }
        self.child.assign(hosts);
    }

    fn contacted(&self, contact: &Host) {
        self.child.contacted(contact);
    }

    fn next(
        &self,
        query: &RoutingQuery,
        view: View<'_>,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target> {
        self.child.next(query, view, load, tried, rng)
    }
}

#[tokio::test]
async fn while_a_large_cluster_is_read_again_requests_are_answered_and_changes_are_kept_for_later() {
    // More tokens than are digested on a reactor.
    let cluster = EmbeddedCluster::builder().nodes(70).tokens(256).start().unwrap();
    let mut config = config(&cluster);
    config.wait_for_all_hosts = true;
    let gate = Gate::into(&mut config);
    let engine = Engine::connect(config).await.unwrap();
    assert_eq!(engine.state().hosts.len(), 70);
    eventually("every host is up", || up(&engine) == 70).await;

    gate.close();
    let refresh = tokio::spawn({
        let engine = engine.clone();
        async move { engine.refresh_topology().await }
    });
    gate.holds().await;
    cluster.stop_node(69);
    for _ in 0..1_000 {
        query(&engine, "SELECT release_version FROM system.local").await.unwrap();
    }
    let gone = async || {
        let hosts = engine.metrics().await.unwrap().hosts;
        hosts.iter().filter(|host| host.connections > 0).count() == 69
    };
    while !gone().await {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(!refresh.is_finished());
    assert_eq!(up(&engine), 70, "the state stays what it was meanwhile");
    // Further reads go through, whatever causes them.
    gate.open();
    refresh.await.unwrap().unwrap();
    eventually("the host is known to be down", || up(&engine) == 69).await;
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn while_a_large_schema_is_read_again_requests_are_answered() {
    let cluster = EmbeddedCluster::builder().start().unwrap();
    let mut config = config(&cluster);
    let gate = Gate::into(&mut config);
    let engine = Engine::connect(config).await.unwrap();
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    query(&engine, &format!("CREATE KEYSPACE ks WITH replication = {replication}")).await.unwrap();
    // More columns than are digested on a reactor.
    let columns: Vec<String> = (0..100).map(|n| format!("c{n} int")).collect();
    for table in 0..50 {
        let create = format!("CREATE TABLE ks.t{table} (k int PRIMARY KEY, {})", columns.join(", "));
        query(&engine, &create).await.unwrap();
    }
    engine.refresh_schema(SchemaScope::All).await.unwrap();
    assert!(engine.route().table_id("ks", "t49").is_some());
    // News of the tables have been acted upon, so that the next read is the one that is asked for.
    tokio::time::sleep(Duration::from_millis(200)).await;

    gate.close();
    let refresh = tokio::spawn({
        let engine = engine.clone();
        async move { engine.refresh_schema(SchemaScope::All).await }
    });
    gate.holds().await;
    for _ in 0..1_000 {
        query(&engine, "SELECT release_version FROM system.local").await.unwrap();
    }
    assert!(!refresh.is_finished());
    gate.open();
    refresh.await.unwrap().unwrap();
    engine.shutdown(Duration::from_secs(1)).await;
}

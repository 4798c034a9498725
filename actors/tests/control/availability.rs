//! Hosts that go and come back, and the control connection that follows them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::embedded::{config, query};
use crate::support::{PATIENCE, eventually, eventually_async, up};
use chorus_actors::Engine;
use chorus_actors::config::Heartbeat;
use chorus_node::{EmbeddedCluster, Fault, Requests};
use chorus_protocol::Opcode;
use chorus_protocol::response::{
    Event, SchemaChange, SchemaChangeKind, SchemaTarget, StatusChangeKind, TopologyChangeKind,
};
use chorus_topology::{ReconnectionPolicy, ReconnectionSchedule, Rng, SchemaScope};

const LOCAL: &str = "SELECT release_version FROM system.local";

#[tokio::test]
async fn a_host_that_stops_is_routed_around_and_comes_back() {
    let cluster = EmbeddedCluster::start(3).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    eventually("all up", || up(&engine) == 3).await;
    cluster.stop_node(2);
    eventually("one down", || up(&engine) == 2).await;
    for _ in 0..50 {
        query(&engine, LOCAL).await.unwrap();
    }
    cluster.start_node(2).unwrap();
    eventually("all up again", || up(&engine) == 3).await;
}

/// Soon at first, and then not while anybody waits.
#[derive(Debug)]
struct SoonOrNever;

impl ReconnectionPolicy for SoonOrNever {
    fn schedule(&self) -> Box<dyn ReconnectionSchedule + Send> {
        Box::new(Waits([50, 100].map(Duration::from_millis).into_iter()))
    }
}

struct Waits(std::array::IntoIter<Duration, 2>);

impl ReconnectionSchedule for Waits {
    fn next_delay(&mut self, _: &mut Rng) -> Option<Duration> {
        Some(self.0.next().unwrap_or(Duration::from_secs(3600)))
    }
}

#[tokio::test]
async fn f64_all_hosts_gone_and_back_need_no_restart() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let mut config = config(&cluster);
    config.reconnection = Arc::new(SoonOrNever);
    let engine = Engine::connect(config).await.unwrap();
    eventually("all up", || up(&engine) == 2).await;
    cluster.stop_node(0);
    cluster.stop_node(1);
    eventually("none up", || up(&engine) == 0).await;
    assert!(query(&engine, LOCAL).await.is_err());
    // Long enough for every schedule to have come to its hour: from then on the first delay is what counts.
    tokio::time::sleep(Duration::from_millis(700)).await;
    cluster.start_node(0).unwrap();
    cluster.start_node(1).unwrap();
    eventually_async("requests are served again", || async { query(&engine, LOCAL).await.is_ok() }).await;
    eventually("all up", || up(&engine) == 2).await;
    eventually_async("the control connection is back", || async { engine.refresh_topology().await.is_ok() })
        .await;
}

#[tokio::test]
async fn f67_the_control_connection_moves_to_another_host() {
    let cluster = EmbeddedCluster::start(3).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    eventually("all up", || up(&engine) == 3).await;
    cluster.stop_node(0);
    eventually("one down", || up(&engine) == 2).await;
    eventually_async("another host serves it", || async {
        engine.refresh_schema(SchemaScope::All).await.is_ok()
    })
    .await;
    let controlled = (1..3).filter(|&node| cluster.connections(node) == 2).count();
    assert_eq!(controlled, 1);
}

#[tokio::test]
async fn f11_a_host_that_accepts_and_closes_is_not_dialled_in_a_storm() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    eventually("all up", || up(&engine) == 2).await;
    let address = cluster.address(1);
    cluster.stop_node(1);
    eventually("one down", || up(&engine) == 1).await;
    // Somebody who accepts and closes at once takes its place.
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let accepted = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            drop(socket);
        }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let accepted = accepted.load(Ordering::Relaxed);
    assert!((1..20).contains(&accepted), "{accepted} connections in two seconds");
    query(&engine, LOCAL).await.unwrap();
}

#[tokio::test]
async fn f69_a_false_report_of_a_host_being_down_changes_nothing() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let mut config = config(&cluster);
    config.event_windows.status = Some(Duration::ZERO);
    let engine = Engine::connect(config).await.unwrap();
    eventually("all up", || up(&engine) == 2).await;
    let asked = cluster.watch(Requests::opcode(Opcode::Options).on_node(1));
    cluster.send_event(Event::StatusChange { kind: StatusChangeKind::Down, address: cluster.address(1) });
    eventually("it is asked whether it lives", || asked.count() > 0).await;
    cluster.send_event(Event::StatusChange {
        kind: StatusChangeKind::Up,
        address: "127.9.9.9:9".parse().unwrap(),
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(up(&engine), 2);
    assert_eq!(engine.state().hosts.len(), 2);
}

#[tokio::test]
async fn f68_a_burst_of_events_costs_a_refresh_or_two() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut config = config(&cluster);
    config.event_windows.topology = Some(Duration::from_millis(200));
    let engine = Engine::connect(config).await.unwrap();
    let reads = cluster.watch(Requests::containing("select * from system.peers"));
    for _ in 0..10_000 {
        let address = cluster.address(0);
        cluster.send_event(Event::TopologyChange { kind: TopologyChangeKind::NewNode, address });
    }
    eventually("the members are read again", || reads.count() > 0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let reads = reads.count();
    assert!(reads < 20, "{reads} reads for one burst");
    query(&engine, LOCAL).await.unwrap();
}

#[tokio::test]
async fn f63_a_flapping_host_costs_no_request_and_no_storm() {
    let cluster = EmbeddedCluster::start(3).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    eventually("all up", || up(&engine) == 3).await;
    let (before, until) = (cluster.accepted(2), Instant::now() + Duration::from_secs(3));
    let (mut sent, mut failed) = (0, 0);
    while Instant::now() < until {
        for _ in 0..6 {
            // Down for 150 ms, up for 150 ms.
            for _ in 0..25 {
                sent += 1;
                failed += u32::from(query(&engine, LOCAL).await.is_err());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        if cluster.is_up(2) { cluster.stop_node(2) } else { cluster.start_node(2).unwrap() }
    }
    assert_eq!(failed, 0, "of {sent}");
    let dialled = cluster.accepted(2) - before;
    assert!(dialled <= 12, "{dialled} connections to the flapping host in three seconds");
}

#[tokio::test]
async fn f8_a_silent_host_is_noticed_by_its_heartbeats() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let mut config = config(&cluster);
    config.connect_timeout = Duration::from_millis(200);
    config.heartbeat = Heartbeat { interval: Duration::from_millis(50), timeout: Duration::from_millis(100) };
    let engine = Engine::connect(config).await.unwrap();
    eventually("all up", || up(&engine) == 2).await;
    let silence = cluster.faults().add(Requests::all().on_node(1), Fault::DropRequest);
    let silent = engine.state().host_at(cluster.address(1)).unwrap().index;
    let is_down = || engine.route().hosts().iter().any(|host| host.host.index == silent && !host.up);
    eventually("the silent host is down", is_down).await;
    // Whoever needs a tenth of a second to answer because the machine is busy is down for a moment too.
    eventually_async("the other one serves", || async { query(&engine, LOCAL).await.is_ok() }).await;
    assert!(is_down());
    cluster.faults().remove(silence);
    eventually("it is back", || up(&engine) == 2).await;
}

#[tokio::test]
async fn a_request_that_times_out_does_not_take_its_host_down() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    cluster.faults().add(Requests::containing("cluster_name").times(1), Fault::DropAnswer);
    let accepted = cluster.accepted(0);
    let slow = query(&engine, "SELECT cluster_name FROM system.local");
    assert!(tokio::time::timeout(Duration::from_millis(100), slow).await.is_err());
    query(&engine, LOCAL).await.unwrap();
    assert_eq!(up(&engine), 1);
    assert_eq!(cluster.accepted(0), accepted);
}

#[tokio::test]
async fn f67_what_was_being_read_when_the_control_connection_broke_is_read_on_another_host() {
    let cluster = EmbeddedCluster::start(3).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    eventually("all up", || up(&engine) == 3).await;
    // It breaks in the middle of every read on that host.
    cluster.faults().add(Requests::containing("system_schema.columns").on_node(0), Fault::Close);
    query(
        &engine,
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    )
    .await
    .unwrap();
    let reads = (0..20).map(|_| engine.refresh_schema(SchemaScope::All));
    let outcomes = tokio::time::timeout(PATIENCE, futures::future::join_all(reads)).await;
    assert!(outcomes.expect("nobody waits for ever").iter().all(Result::is_ok));
    assert!(engine.state().keyspace("ks").is_some());
    let host = engine.control_host().expect("there is one");
    assert_ne!(host.address, cluster.address(0));
    eventually("all up", || up(&engine) == 3).await;
}

#[tokio::test]
async fn f68_a_burst_of_events_during_a_stalled_read_ends_in_one_more_read() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut config = config(&cluster);
    config.event_windows.schema = Some(Duration::ZERO);
    let engine = Engine::connect(config).await.unwrap();
    let stall = cluster
        .faults()
        .add(Requests::containing("system_schema.tables").times(1), Fault::Delay(Duration::from_millis(500)));
    let refresh = engine.refresh_schema(SchemaScope::All);
    let burst = async {
        eventually("the read has stalled", || cluster.faults().fired(stall) == Some(1)).await;
        let asked = cluster.watch(Requests::containing("system_schema"));
        for number in 0..10_000 {
            let target = SchemaTarget::Table(format!("t{}", number % 100));
            let (kind, keyspace) = (SchemaChangeKind::Updated, format!("ks{}", number % 7));
            cluster.send_event(Event::SchemaChange(SchemaChange { kind, keyspace, target }));
        }
        asked
    };
    let (outcome, asked) = tokio::join!(refresh, burst);
    outcome.unwrap();
    // Whatever came meanwhile is read at once, and as the whole schema: it is too much for single reads.
    engine.refresh_schema(SchemaScope::All).await.unwrap();
    let asked = asked.count();
    assert!(asked < 100, "{asked} requests for ten thousand events");
    query(&engine, LOCAL).await.unwrap();
}

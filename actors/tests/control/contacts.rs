//! Names of contact points: what they stand for, and that they are asked again.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chorus_actors::config::{Resolver, SystemResolver};
use chorus_actors::{ConnectError, Engine, EngineConfig};
use chorus_node::EmbeddedCluster;
use chorus_topology::ExponentialReconnection;

use crate::embedded::query;
use crate::scripted::{Member, Script, ScriptedHost};
use crate::support::{eventually, nobody, up};

/// Names as a test has them, which it may change.
#[derive(Debug, Clone, Default)]
struct Names(Arc<Mutex<BTreeMap<String, Vec<SocketAddr>>>>);

impl Names {
    fn set(&self, name: &str, addresses: &[SocketAddr]) {
        self.0.lock().unwrap().insert(name.to_owned(), addresses.to_vec());
    }
}

impl Resolver for Names {
    fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if name == "hanging" {
            std::thread::sleep(Duration::from_secs(30));
        }
        match self.0.lock().unwrap().get(name) {
            Some(addresses) => Ok(addresses.clone()),
            None if name == "localhost" => SystemResolver.resolve(name, port),
            None => Err(io::Error::other(format!("nobody knows {name}"))),
        }
    }
}

fn config(points: &[&str], names: &Names) -> EngineConfig {
    let points = points.iter().map(|point| point.parse::<chorus_actors::ContactPoint>().unwrap());
    let mut config = EngineConfig::new(points);
    config.resolver = Arc::new(names.clone());
    config.reconnection =
        Arc::new(ExponentialReconnection::new(Duration::from_millis(100), Duration::from_secs(1)).unwrap());
    config
}

#[tokio::test]
async fn f65_a_cluster_that_moved_as_a_whole_is_found_behind_its_name_and_keeps_its_identities() {
    let names = Names::default();
    let script = |number: u8, other: u8, at: [u8; 2]| Script {
        local: Some(Member { address: Some([127, 0, at[0], number].into()), ..Member::new(number) }),
        peers: vec![Member { address: Some([127, 0, at[1], other].into()), ..Member::new(other) }],
        ..Script::new()
    };
    let first = ScriptedHost::start_at("127.0.50.1:0".parse().unwrap(), script(1, 2, [50, 50])).await;
    let port = first.address.port();
    let at = |network: u8, number: u8| SocketAddr::from(([127, 0, network, number], port));
    let second = ScriptedHost::start_at(at(50, 2), script(2, 1, [50, 50])).await;
    names.set("db", &[at(50, 1), at(50, 2)]);
    let mut config = config(&["db"], &names);
    config.port = port;
    let engine = Engine::connect(config).await.unwrap();
    eventually("both are up", || up(&engine) == 2).await;
    let ids = || engine.state().hosts.iter().map(|host| host.id).collect::<std::collections::BTreeSet<_>>();
    let before = ids();

    drop((first, second));
    eventually("both are down", || up(&engine) == 0).await;
    let _first = ScriptedHost::start_at(at(51, 1), script(1, 2, [51, 51])).await;
    let _second = ScriptedHost::start_at(at(51, 2), script(2, 1, [51, 51])).await;
    names.set("db", &[at(51, 1), at(51, 2)]);
    eventually("both are up at their new addresses", || up(&engine) == 2).await;
    assert_eq!(ids(), before);
    let mut addresses: Vec<_> = engine.state().hosts.iter().map(|host| host.address).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, [at(51, 1), at(51, 2)]);
    assert_eq!(engine.route().hosts().len(), 2, "they kept their numbers");
}

#[tokio::test]
async fn f66_the_session_starts_on_whatever_address_of_whatever_name_works() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let names = Names::default();
    names.set("db", &[nobody(), cluster.address(0)]);
    let mut config = config(&["unknown", "hanging", "db"], &names);
    config.connect_timeout = Duration::from_secs(20);
    let began = Instant::now();
    let engine = Engine::connect(config).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    query(&engine, "SELECT release_version FROM system.local").await.unwrap();
}

#[tokio::test]
async fn f66_nothing_resolved_is_told_name_by_name() {
    let mut config = config(&["unknown", "hanging"], &Names::default());
    config.connect_timeout = Duration::from_millis(300);
    let began = Instant::now();
    let error = Engine::connect(config).await.err().unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let told: Vec<String> = error.attempts().iter().map(|attempt| attempt.error.to_string()).collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].contains("nobody knows unknown") && told[1].contains("hanging"), "{told:?}");
    assert!(error.attempts().iter().all(|attempt| matches!(attempt.error, ConnectError::Resolve { .. })));
}

//! Many hosts.

use std::time::{Duration, Instant};

use chorus_actors::Engine;
use chorus_node::EmbeddedCluster;

use crate::embedded::{config, query};
use crate::support::{eventually, up};

#[tokio::test]
async fn f73_two_hundred_hosts_in_two_datacenters_are_connected_within_three_seconds() {
    let cluster = EmbeddedCluster::builder().datacenter("dc1", 100).datacenter("dc2", 100).start().unwrap();
    let mut config = config(&cluster);
    config.wait_for_all_hosts = true;
    let began = Instant::now();
    let engine = Engine::connect(config).await.unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(engine.state().hosts.len(), 200);
    eventually("every host is up", || up(&engine) == 200).await;
    query(&engine, "SELECT release_version FROM system.local").await.unwrap();
    engine.shutdown(Duration::from_secs(1)).await;
}

//! Connections to the shards of a host.

use std::time::Duration;

use chorus_actors::config::{PoolSize, ShardAwareness};
use chorus_actors::{Engine, EngineConfig, Placement};
use chorus_protocol::ProtocolVersion;

use crate::scripted::{Script, ScriptedHost, Shards};
use crate::support::eventually;

fn sharded(shards: Shards) -> Script {
    Script { shards: Some(shards), ..Script::new() }
}

fn config(host: &ScriptedHost) -> EngineConfig {
    let mut config = EngineConfig::new([host.address]);
    // Without negotiation every connection counts.
    config.protocol_version = Some(ProtocolVersion::V4);
    config
}

#[tokio::test]
async fn every_shard_gets_a_connection_through_the_shard_aware_port() {
    let host = ScriptedHost::start(sharded(Shards::new(8))).await;
    let engine = Engine::connect(config(&host)).await.unwrap();
    // The control connection came first and so is on shard 0, the pool's first one on shard 1.
    eventually("all shards are connected", || host.shards() == [0, 0, 1, 2, 3, 4, 5, 6, 7]).await;
    assert_eq!(host.through_shard_port(), 7);
    assert_eq!(host.accepted(), 9, "no connection was made in vain");
    let sharding = engine.route().hosts()[0].sharding.unwrap();
    assert_eq!((sharding.nr_shards, sharding.ignore_msb), (8, 12));
}

#[tokio::test]
async fn two_connections_a_shard_are_as_many_as_asked_for() {
    let host = ScriptedHost::start(sharded(Shards::new(3))).await;
    let mut config = config(&host);
    config.pool_size = PoolSize::PerShard(2.try_into().unwrap());
    let _engine = Engine::connect(config).await.unwrap();
    eventually("all shards are connected twice", || host.shards() == [0, 0, 0, 1, 1, 2, 2]).await;
}

#[tokio::test]
async fn without_the_port_connections_are_made_until_every_shard_has_one_and_the_others_are_closed() {
    let host = ScriptedHost::start(sharded(Shards::new(4))).await;
    let mut config = config(&host);
    config.shard_awareness = ShardAwareness::NoPort;
    let _engine = Engine::connect(config).await.unwrap();
    eventually("all shards are connected", || host.shards() == [0, 0, 1, 2, 3]).await;
    assert_eq!(host.through_shard_port(), 0);
}

#[tokio::test]
async fn shards_are_ignored_when_told_to() {
    let host = ScriptedHost::start(sharded(Shards::new(4))).await;
    let mut config = config(&host);
    config.shard_awareness = ShardAwareness::Off;
    let engine = Engine::connect(config).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(host.accepted(), 2);
    assert_eq!(engine.route().hosts()[0].sharding, None);
}

#[tokio::test]
async fn f56_a_dead_shard_aware_port_is_replaced_by_the_ordinary_one() {
    let shards = Shards { port_is_dead: true, ..Shards::new(3) };
    let host = ScriptedHost::start(sharded(shards)).await;
    let _engine = Engine::connect(config(&host)).await.unwrap();
    eventually("all shards are connected", || host.shards() == [0, 0, 1, 2]).await;
    assert!(host.accepted() < 12, "{} connections", host.accepted());
}

#[tokio::test]
async fn f56_translated_source_ports_lead_to_the_ordinary_port_and_no_loop() {
    let shards = Shards { translation: 1, ..Shards::new(3) };
    let host = ScriptedHost::start(sharded(shards)).await;
    let _engine = Engine::connect(config(&host)).await.unwrap();
    eventually("all shards are connected", || host.shards() == [0, 0, 1, 2]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(host.accepted() < 12, "{} connections", host.accepted());
    assert_eq!(host.shards(), [0, 0, 1, 2]);
}

#[tokio::test]
async fn f55_garbage_about_shards_means_that_there_are_none() {
    for (key, lie) in [
        ("SCYLLA_NR_SHARDS", "0"),
        ("SCYLLA_SHARD", "9"),
        ("SCYLLA_SHARDING_IGNORE_MSB", "200"),
        ("SCYLLA_SHARDING_ALGORITHM", "dice"),
    ] {
        let shards = Shards { lies: vec![(key, lie.to_owned())], ..Shards::new(3) };
        let host = ScriptedHost::start(sharded(shards)).await;
        let engine = Engine::connect(config(&host)).await.unwrap();
        assert_eq!(engine.route().hosts()[0].sharding, None, "{key} = {lie}");
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(host.accepted(), 2, "{key} = {lie}");
    }
}

#[tokio::test]
async fn f55_a_port_that_is_none_leaves_the_ordinary_one() {
    let shards = Shards { lies: vec![("SCYLLA_SHARD_AWARE_PORT", "70000".to_owned())], ..Shards::new(3) };
    let host = ScriptedHost::start(sharded(shards)).await;
    let _engine = Engine::connect(config(&host)).await.unwrap();
    eventually("all shards are connected", || host.shards() == [0, 0, 1, 2]).await;
}

#[tokio::test]
async fn reactors_share_the_shards_of_a_host() {
    let host = ScriptedHost::start(sharded(Shards::new(6))).await;
    let mut config = config(&host);
    config.placement = Placement::Dedicated { threads: 2 };
    let engine = Engine::connect(config).await.unwrap();
    eventually("all shards are connected", || {
        let mut shards = host.shards();
        shards.dedup();
        shards == [0, 1, 2, 3, 4, 5]
    })
    .await;
    // A reactor whose first connection was to the other's shard keeps it until it has one of its own.
    assert!(host.shards().len() <= 6 + 1 + 2, "{:?}", host.shards());
    engine.shutdown(Duration::from_secs(1)).await;
    eventually("everything is closed", || host.shards().is_empty()).await;
}

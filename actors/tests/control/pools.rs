//! What a pool does with its connections, against embedded hosts with shards.

use std::time::Duration;

use chorus_actors::config::{Heartbeat, Limits};
use chorus_actors::{Engine, EngineConfig, MetricsSnapshot};
use chorus_node::{EmbeddedCluster, Fault, Requests};
use chorus_protocol::{Opcode, ProtocolVersion, Response, ResultBody};
use futures::future::join_all;

use crate::embedded::{config, query};
use crate::support::{eventually, eventually_async};

const READ: &str = "SELECT key FROM system.local";
/// A statement that rules can tell from all others.
const MARKED: &str = "SELECT cluster_name FROM system.local";

/// A host of two shards, and an engine with a connection to each.
async fn two_shards(configure: impl FnOnce(&mut EngineConfig)) -> (EmbeddedCluster, Engine) {
    let cluster = EmbeddedCluster::builder().shards(2).start().unwrap();
    let mut config = config(&cluster);
    // Without negotiation the control connection is the first one, on shard 0, and the pool's first one on shard 1.
    config.protocol_version = Some(ProtocolVersion::V4);
    configure(&mut config);
    let engine = Engine::connect(config).await.unwrap();
    // One for control, and one for each shard.
    eventually("both shards are connected", || connected(&cluster) == 3).await;
    eventually_async("they are in service", || async { metrics(&engine).await.connections == 2 }).await;
    (cluster, engine)
}

fn connected(cluster: &EmbeddedCluster) -> usize {
    cluster.shard_connections(0).iter().sum()
}

async fn metrics(engine: &Engine) -> MetricsSnapshot {
    engine.metrics().await.unwrap()
}

fn is_rows(response: &Response) -> bool {
    matches!(response, Response::Result(ResultBody::Rows(_)))
}

#[tokio::test]
async fn f21_a_connection_with_too_many_orphans_serves_until_its_replacement_is_there() {
    let limits = Limits { orphans_per_connection: 4, ..Limits::default() };
    let (cluster, engine) = two_shards(|config| config.limits = limits).await;
    let lost = cluster.faults().add(Requests::containing("cluster_name").on_shard(1), Fault::DropRequest);
    // Orphans are made by callers that leave; those on shard 0 are answered.
    join_all((0..40).map(|_| tokio::time::timeout(Duration::from_millis(50), query(&engine, MARKED)))).await;
    eventually_async("answers are outstanding", || async { metrics(&engine).await.hosts[0].orphans > 4 })
        .await;
    cluster.faults().remove(lost);
    // The replacement takes its time: nothing may fail meanwhile, on either shard.
    let held = cluster.faults().add(Requests::opcode(Opcode::Startup), Fault::Hold);
    let before = cluster.accepted(0);
    eventually_async("a replacement is dialled", || async {
        assert!(is_rows(&query(&engine, READ).await.unwrap()));
        cluster.accepted(0) > before
    })
    .await;
    assert_eq!((connected(&cluster), metrics(&engine).await.connections), (4, 2), "the old one still serves");
    cluster.faults().remove(held);
    eventually_async("the old one has left", || async {
        assert!(is_rows(&query(&engine, READ).await.unwrap()));
        metrics(&engine).await.hosts[0].orphans == 0
    })
    .await;
    eventually("and is closed", || connected(&cluster) == 3).await;
    assert_eq!(cluster.accepted(0), before + 1);
    let disconnects = metrics(&engine).await.disconnects;
    assert_eq!(disconnects, [("shutdown", 1)], "it was drained, not broken");
}

#[tokio::test]
async fn a_connection_that_is_drained_answers_what_it_has_first() {
    let limits = Limits { orphans_per_connection: 1, ..Limits::default() };
    let (cluster, engine) = two_shards(|config| config.limits = limits).await;
    cluster.faults().add(Requests::containing("cluster_name").on_shard(1), Fault::DropRequest);
    join_all((0..40).map(|_| tokio::time::timeout(Duration::from_millis(50), query(&engine, MARKED)))).await;
    // Slow ones on every connection, the one about to be replaced included.
    cluster.faults().clear();
    let held = cluster.faults().add(Requests::containing("cluster_name"), Fault::Hold);
    let replacement = cluster.watch(Requests::opcode(Opcode::Startup));
    let slow = join_all((0..20).map(|_| query(&engine, MARKED)));
    let (answers, ()) = tokio::join!(slow, async {
        eventually("a replacement was dialled", || replacement.count() > 0).await;
        // Time for it to take over.
        tokio::time::sleep(Duration::from_millis(100)).await;
        cluster.faults().remove(held);
    });
    assert!(answers.into_iter().all(|answer| is_rows(&answer.unwrap())));
    eventually("the old one is closed", || connected(&cluster) == 3).await;
}

#[tokio::test]
async fn f8_a_shard_that_falls_silent_is_found_by_its_heartbeat_and_dialled_again() {
    let heartbeat = Heartbeat { interval: Duration::from_millis(100), timeout: Duration::from_millis(200) };
    let (cluster, engine) = two_shards(|config| config.heartbeat = heartbeat).await;
    let accepted = cluster.accepted(0);
    let silent = cluster.faults().add(Requests::opcode(Opcode::Options).on_connection(2), Fault::DropRequest);
    eventually("it is dialled again", || cluster.accepted(0) > accepted).await;
    assert!(cluster.faults().remove(silent).is_some_and(|fired| fired > 0));
    eventually("both shards are connected", || connected(&cluster) == 3).await;
    let disconnects = metrics(&engine).await.disconnects;
    // Others that were slow for a fifth of a second may be among them.
    assert!(disconnects.iter().any(|(reason, _)| *reason == "heartbeat"), "{disconnects:?}");
    assert!(is_rows(&query(&engine, READ).await.unwrap()));
}

#[tokio::test]
async fn every_connection_of_every_shard_uses_the_keyspace_replacements_included() {
    let (cluster, engine) = two_shards(|_| {}).await;
    let create =
        "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}";
    query(&engine, create).await.unwrap();
    query(&engine, "CREATE TABLE ks.t (k int PRIMARY KEY)").await.unwrap();
    engine.use_keyspace("ks").await.unwrap();
    let in_keyspace = || async {
        let answers = join_all((0..20).map(|_| query(&engine, "SELECT k FROM t"))).await;
        answers.into_iter().all(|answer| answer.is_ok_and(|answer| is_rows(&answer)))
    };
    assert!(in_keyspace().await);
    for connection in [1, 2] {
        cluster
            .faults()
            .add(Requests::containing("cluster_name").on_connection(connection + 1).times(1), Fault::Reset);
    }
    let accepted = cluster.accepted(0);
    eventually_async("both were lost and dialled again", || async {
        let _ = query(&engine, MARKED).await;
        cluster.accepted(0) >= accepted + 2
    })
    .await;
    eventually("both shards are connected", || connected(&cluster) == 3).await;
    assert!(in_keyspace().await);
}

#[tokio::test]
async fn no_more_requests_are_on_the_wire_than_the_window_allows_and_the_rest_waits() {
    let limits = Limits { in_flight_per_connection: 5, ..Limits::default() };
    let (cluster, engine) = two_shards(|config| config.limits = limits).await;
    let marked = Requests::containing("cluster_name");
    let (sent, held) = (cluster.watch(marked.clone()), cluster.faults().add(marked, Fault::Hold));
    let all = join_all((0..100).map(|_| query(&engine, MARKED)));
    let (answers, ()) = tokio::join!(all, async {
        eventually("both windows are full", || sent.count() >= 10).await;
        // Time for more, if it were sent.
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(sent.count(), 10, "requests were sent at once over two connections");
        cluster.faults().remove(held);
    });
    assert!(answers.into_iter().all(|answer| is_rows(&answer.unwrap())));
}

#[tokio::test]
async fn shutdown_closes_every_connection_parked_ones_included() {
    let shards = chorus_node::Shards::new(4).port(chorus_node::ShardPort::Absent);
    let cluster = EmbeddedCluster::builder().shards(shards).start().unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    engine.shutdown(Duration::from_secs(2)).await;
    eventually("nothing is connected", || cluster.connections(0) == 0).await;
    let accepted = cluster.accepted(0);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(cluster.accepted(0), accepted, "nothing is dialled afterwards");
}

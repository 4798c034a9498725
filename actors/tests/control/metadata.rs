//! What the session knows of the cluster, and how it keeps up.

use std::time::Duration;

use crate::embedded::{config, query};
use crate::support::{eventually, up};
use chorus_actors::{Engine, UseKeyspaceError};
use chorus_node::EmbeddedCluster;
use chorus_topology::SchemaScope;

const CREATE_KEYSPACE: &str =
    "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
const CREATE_TABLE: &str = "CREATE TABLE shop.orders (id int PRIMARY KEY, total int)";

#[tokio::test]
async fn a_schema_change_is_known_after_a_refresh() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    query(&engine, CREATE_KEYSPACE).await.unwrap();
    query(&engine, CREATE_TABLE).await.unwrap();
    let version = engine.await_schema_agreement(Duration::from_secs(2)).await.unwrap();
    assert!(version.is_some());
    engine.refresh_schema(SchemaScope::All).await.unwrap();
    assert!(engine.state().table("shop", "orders").is_some());
    assert!(engine.route().table_id("shop", "orders").is_some());
}

#[tokio::test]
async fn a_schema_change_by_somebody_else_is_noticed() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let mut noticing = config(&cluster);
    noticing.event_windows.schema = Some(Duration::from_millis(20));
    let engine = Engine::connect(noticing).await.unwrap();
    let other = Engine::connect(config(&cluster)).await.unwrap();
    query(&other, CREATE_KEYSPACE).await.unwrap();
    query(&other, CREATE_TABLE).await.unwrap();
    eventually("the table is known", || engine.state().table("shop", "orders").is_some()).await;
}

#[tokio::test]
async fn one_keyspace_is_read_again_without_the_others_and_forgotten_when_it_is_gone() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut deaf = config(&cluster);
    deaf.event_windows.schema = None;
    let engine = Engine::connect(deaf).await.unwrap();
    query(&engine, CREATE_KEYSPACE).await.unwrap();
    query(&engine, &CREATE_KEYSPACE.replace("shop", "attic")).await.unwrap();
    query(&engine, CREATE_TABLE).await.unwrap();
    engine.refresh_schema(SchemaScope::keyspace("shop")).await.unwrap();
    assert!(engine.state().table("shop", "orders").is_some());
    assert!(engine.state().keyspace("attic").is_none());
    assert!(engine.state().keyspace("system").is_some());
    query(&engine, "DROP KEYSPACE shop").await.unwrap();
    engine.refresh_schema(SchemaScope::keyspace("shop")).await.unwrap();
    assert!(engine.state().keyspace("shop").is_none());
}

#[tokio::test]
async fn a_keyspace_is_used_on_every_connection_and_after_reconnecting() {
    let cluster = EmbeddedCluster::start(3).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    eventually("all up", || up(&engine) == 3).await;
    query(&engine, CREATE_KEYSPACE).await.unwrap();
    query(&engine, CREATE_TABLE).await.unwrap();
    engine.use_keyspace("shop").await.unwrap();
    for _ in 0..30 {
        query(&engine, "SELECT total FROM orders WHERE id = 1").await.unwrap();
    }
    cluster.stop_node(1);
    eventually("one down", || up(&engine) == 2).await;
    cluster.start_node(1).unwrap();
    eventually("all up", || up(&engine) == 3).await;
    for _ in 0..30 {
        query(&engine, "SELECT total FROM orders WHERE id = 1").await.unwrap();
    }
}

#[tokio::test]
async fn a_keyspace_that_does_not_exist_is_refused_and_costs_no_connection() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    let accepted = cluster.accepted(0);
    let error = engine.use_keyspace("nowhere").await.unwrap_err();
    assert!(matches!(error, UseKeyspaceError::Refused { .. }), "{error:?}");
    query(&engine, "SELECT release_version FROM system.local").await.unwrap();
    assert_eq!(cluster.accepted(0), accepted);
}

#[tokio::test]
async fn members_and_agreement_can_be_asked_for_at_any_time() {
    let cluster = EmbeddedCluster::start(3).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    let (topology, schema, agreement) = tokio::join!(
        engine.refresh_topology(),
        engine.refresh_schema(SchemaScope::All),
        engine.await_schema_agreement(Duration::from_secs(2)),
    );
    topology.unwrap();
    schema.unwrap();
    assert!(agreement.unwrap().is_some());
}

#[tokio::test]
async fn after_shutdown_every_question_is_answered_with_an_error() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    engine.shutdown(Duration::from_secs(1)).await;
    assert!(engine.refresh_topology().await.is_err());
    assert!(engine.await_schema_agreement(Duration::from_secs(1)).await.is_err());
    assert!(engine.use_keyspace("system").await.is_err());
    assert!(query(&engine, "SELECT release_version FROM system.local").await.is_err());
}

#[tokio::test]
async fn the_schema_is_not_read_unless_wanted_and_read_when_asked_for() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut config = config(&cluster);
    config.fetch_schema = false;
    config.event_windows.schema = Some(Duration::ZERO);
    let engine = Engine::connect(config).await.unwrap();
    assert!(engine.state().keyspaces.is_empty());
    query(&engine, CREATE_KEYSPACE).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(engine.state().keyspaces.is_empty(), "events do not make it read");
    engine.refresh_schema(SchemaScope::All).await.unwrap();
    assert!(engine.state().keyspace("shop").is_some());
}

#[tokio::test]
async fn a_schema_that_takes_many_pages_is_read_to_the_end() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut config = config(&cluster);
    config.schema_page_size = 3;
    let engine = Engine::connect(config).await.unwrap();
    let state = engine.state();
    let columns = &state.table("system", "local").unwrap().columns;
    assert!(columns.len() > 6, "{}", columns.len());
    assert!(cluster.requests(0) > 50, "{} requests are too few for pages of three rows", cluster.requests(0));
}

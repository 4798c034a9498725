//! Apache Cassandra itself, when `CHORUS_CASSANDRA` names one.

use std::time::Duration;

use chorus_actors::{ContactPoint, Engine, EngineConfig};
use chorus_protocol::{ProtocolVersion, Response, ResultBody};

use crate::embedded::query;

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn the_real_thing_is_connected_read_and_left() {
    let server = std::env::var("CHORUS_CASSANDRA").expect("CHORUS_CASSANDRA is host:port");
    for version in [None, Some(ProtocolVersion::V4), Some(ProtocolVersion::V3)] {
        let contact: ContactPoint = server.parse().unwrap();
        let mut config = EngineConfig::new([contact]);
        config.protocol_version = version;
        let engine = Engine::connect(config).await.unwrap();
        assert_eq!(engine.shape().version, version.unwrap_or(ProtocolVersion::V5));
        let state = engine.state();
        assert!(!state.hosts.is_empty());
        assert!(state.hosts.iter().all(|host| !host.tokens.is_empty()));
        assert!(state.keyspace("system_schema").is_some());
        assert!(state.table("system", "peers_v2").is_some());
        assert!(state.keyspace("system_views").is_some(), "virtual keyspaces are known");
        let answer = query(&engine, "SELECT key FROM system.local").await.unwrap();
        assert!(matches!(answer, Response::Result(ResultBody::Rows(_))), "{answer:?}");
        assert!(engine.await_schema_agreement(Duration::from_secs(5)).await.unwrap().is_some());
        engine.use_keyspace("system").await.unwrap();
        query(&engine, "SELECT key FROM local").await.unwrap();
        assert!(engine.use_keyspace("no such keyspace").await.is_err());
        query(&engine, "SELECT key FROM local").await.unwrap();
        let report = engine.shutdown(Duration::from_secs(2)).await;
        assert!(report.is_clean() && report.connections >= 1, "{report:?}");
    }
}

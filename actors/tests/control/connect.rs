//! Connecting: what works, what is refused, and how it is told.

use std::time::{Duration, Instant};

use crate::embedded::{config, query};
use crate::support::{eventually, nobody, up};
use chorus_actors::{
    CompressionChoice, ConnectError, ContactPoint, Credentials, Engine, EngineConfig, Phase, Placement,
};
use chorus_node::{EmbeddedCluster, Fault, Requests};
use chorus_protocol::{Compression, ProtocolVersion, Response, ResultBody};

const LOCAL: &str = "SELECT release_version FROM system.local";

#[tokio::test]
async fn one_contact_point_is_enough_to_know_and_reach_every_host() {
    let cluster = EmbeddedCluster::start(3).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    assert_eq!(engine.state().hosts.len(), 3);
    assert_eq!(engine.shape().version, ProtocolVersion::V5);
    assert!(engine.state().keyspace("system").is_some());
    eventually("every host is up", || up(&engine) == 3).await;
    for node in 0..3 {
        // One of the pool; the first node has the control connection as well.
        assert_eq!(cluster.connections(node), 1 + usize::from(node == 0), "node {node}");
    }
    assert!(matches!(query(&engine, LOCAL).await.unwrap(), Response::Result(ResultBody::Rows(_))));
}

async fn answers_with(placement: Placement) {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let mut config = config(&cluster);
    config.placement = placement;
    let engine = Engine::connect(config).await.unwrap();
    for _ in 0..20 {
        query(&engine, LOCAL).await.unwrap();
    }
    let report = engine.shutdown(Duration::from_secs(2)).await;
    assert!(report.is_clean() && report.in_time, "{report:?}");
    eventually("the server sees every connection closed", || {
        cluster.connections(0) + cluster.connections(1) == 0
    })
    .await;
}

#[tokio::test]
async fn actors_run_on_the_callers_own_thread() {
    answers_with(Placement::Local).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actors_run_as_a_task_of_a_multi_thread_runtime() {
    answers_with(Placement::Hosted).await;
}

#[tokio::test]
async fn actors_run_on_threads_of_their_own() {
    answers_with(Placement::Dedicated { threads: 2 }).await;
}

#[tokio::test]
async fn older_versions_are_spoken_when_asked_for() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    for version in [ProtocolVersion::V3, ProtocolVersion::V4] {
        let mut config = config(&cluster);
        config.protocol_version = Some(version);
        let engine = Engine::connect(config).await.unwrap();
        assert_eq!(engine.shape().version, version);
        query(&engine, LOCAL).await.unwrap();
    }
}

#[tokio::test]
async fn a_dead_contact_point_is_passed_over_for_a_live_one() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut config = config(&cluster);
    config.contact_points.insert(0, ContactPoint::from(nobody()));
    config.contact_points.insert(0, "no-such-host.invalid".parse().unwrap());
    config.connect_timeout = Duration::from_secs(2);
    let engine = Engine::connect(config).await.unwrap();
    query(&engine, LOCAL).await.unwrap();
}

#[tokio::test]
async fn f10_nobody_listening_is_told_at_once_with_every_address() {
    let (first, second) = (nobody(), nobody());
    let began = Instant::now();
    let error = Engine::connect(EngineConfig::new([first, second])).await.err().unwrap();
    // Not after the five seconds that connecting may take.
    assert!(began.elapsed() < Duration::from_secs(4));
    let tried: Vec<_> = error
        .attempts()
        .iter()
        .map(|attempt| attempt.endpoint.as_ref().and_then(|way| way.address()))
        .collect();
    assert_eq!(tried, [Some(first), Some(second)]);
    assert!(error.to_string().contains(&first.to_string()), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_an_authentication_error() {
    let cluster = EmbeddedCluster::builder().authentication("cassandra", "right").start().unwrap();
    let mut config = config(&cluster);
    config.auth = Some(std::sync::Arc::new(Credentials::new("cassandra", "wrong")));
    let error = Engine::connect(config.clone()).await.err().unwrap();
    assert!(error.is_authentication(), "{error:?}");

    config.auth = None;
    let error = Engine::connect(config.clone()).await.err().unwrap();
    assert!(error.is_authentication(), "{error:?}");

    config.auth = Some(std::sync::Arc::new(Credentials::new("cassandra", "right")));
    let engine = Engine::connect(config).await.unwrap();
    query(&engine, LOCAL).await.unwrap();
}

#[tokio::test]
async fn f31_a_web_server_is_recognised() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut socket, b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
        }
    });
    let error = Engine::connect(EngineConfig::new([address])).await.err().unwrap();
    assert!(matches!(error.attempts()[0].error, ConnectError::NotCql(_)), "{error:?}");
    assert!(error.to_string().contains("HTTP"), "{error}");
}

#[tokio::test]
async fn a_keyspace_that_does_not_exist_fails_connecting_by_name() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut config = config(&cluster);
    config.keyspace = Some("nowhere".into());
    let error = Engine::connect(config).await.err().unwrap();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn dropping_the_engine_closes_every_connection() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let engine = Engine::connect(config(&cluster)).await.unwrap();
    query(&engine, LOCAL).await.unwrap();
    drop(engine);
    eventually("connections are closed", || cluster.connections(0) + cluster.connections(1) == 0).await;
}

#[tokio::test]
async fn giving_up_connecting_leaves_nothing_behind() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = EngineConfig::new([listener.local_addr().unwrap()]);
    let given_up = tokio::time::timeout(Duration::from_millis(100), Engine::connect(silent)).await;
    assert!(given_up.is_err());
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut rest);
    tokio::time::timeout(Duration::from_secs(2), closed).await.expect("the socket is closed").unwrap();
}

#[tokio::test]
async fn a_system_table_that_is_not_answered_costs_the_control_timeout() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    cluster.faults().add(Requests::containing("system.local"), Fault::DropAnswer);
    let mut config = config(&cluster);
    config.control_timeout = Duration::from_millis(100);
    let began = Instant::now();
    let error = Engine::connect(config).await.err().unwrap();
    // Not that of two seconds which it has by default.
    assert!(began.elapsed() < Duration::from_secs(2));
    let cause = &error.attempts()[0].error;
    assert!(matches!(cause, ConnectError::Timeout { during: Phase::Metadata, .. }), "{cause:?}");
}

#[tokio::test]
async fn a_host_that_fails_while_it_is_read_gives_way_to_the_next_contact_point() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    cluster.faults().add(Requests::containing("system_schema").on_node(0), Fault::Close);
    let mut config = config(&cluster);
    config.contact_points = cluster.addresses().into_iter().map(ContactPoint::from).collect();
    let engine = Engine::connect(config).await.unwrap();
    let control = engine.control_host().map(|host| host.address);
    assert_eq!(control, Some(cluster.address(1)), "the control connection is to the second node");
    query(&engine, LOCAL).await.unwrap();
}

#[tokio::test]
async fn compression_is_agreed_on_with_a_server_that_offers_it() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    for (version, choice) in [
        (ProtocolVersion::V5, CompressionChoice::Best),
        (ProtocolVersion::V4, CompressionChoice::Only(Compression::Lz4)),
        (ProtocolVersion::V4, CompressionChoice::Only(Compression::Snappy)),
    ] {
        let mut config = config(&cluster);
        (config.protocol_version, config.compression) = (Some(version), choice);
        let engine = Engine::connect(config).await.unwrap();
        // In segments compression is no matter of whoever reads an answer.
        assert_eq!(engine.agreement().compression.is_some(), version < ProtocolVersion::V5, "{choice:?}");
        assert!(engine.state().table("system", "local").is_some());
    }
}

#[tokio::test]
async fn hosts_of_other_datacenters_get_no_connection_when_told_so() {
    let cluster = EmbeddedCluster::builder().datacenter("near", 2).datacenter("far", 2).start().unwrap();
    let mut config = config(&cluster);
    config.connect_to_remote_hosts = false;
    config.wait_for_all_hosts = true;
    let engine = Engine::connect(config).await.unwrap();
    assert_eq!(engine.state().hosts.len(), 4);
    query(&engine, LOCAL).await.unwrap();
    assert_eq!(cluster.accepted(2) + cluster.accepted(3), 0);
}

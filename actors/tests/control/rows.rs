//! What servers say about the members, right and wrong.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chorus_actors::{ConnectError, Engine, EngineConfig, Placement};
use chorus_protocol::ProtocolVersion;
use chorus_topology::ExponentialReconnection;
use uuid::Uuid;

use crate::embedded::query;
use crate::scripted::{Member, Script, ScriptedHost};
use crate::support::{eventually, eventually_async, up};

fn config(host: &ScriptedHost) -> EngineConfig {
    let mut config = EngineConfig::new([host.address]);
    config.port = host.address.port();
    config.reconnection =
        Arc::new(ExponentialReconnection::new(Duration::from_millis(50), Duration::from_secs(1)).unwrap());
    config
}

#[tokio::test]
async fn f71_an_empty_system_local_is_a_clear_error() {
    let host = ScriptedHost::start(Script { local: None, ..Script::new() }).await;
    let error = Engine::connect(config(&host)).await.err().unwrap();
    assert!(matches!(error.attempts()[0].error, ConnectError::Metadata { .. }), "{error:?}");
    assert!(error.to_string().contains("system.local"), "{error}");
}

#[tokio::test]
async fn f71_a_host_without_identity_is_a_clear_error() {
    let local = Member { id: None, ..Member::new(1) };
    let host = ScriptedHost::start(Script { local: Some(local), ..Script::new() }).await;
    let error = Engine::connect(config(&host)).await.err().unwrap();
    assert!(matches!(error, ConnectError::Metadata { .. }), "{error:?}");
}

/// Both servers have hosts that only coordinate.
#[tokio::test]
async fn f71_a_host_without_tokens_serves_and_owns_nothing() {
    let local = Member { tokens: Vec::new(), ..Member::new(1) };
    let host = ScriptedHost::start(Script { local: Some(local), ..Script::new() }).await;
    let engine = Engine::connect(config(&host)).await.unwrap();
    assert_eq!(up(&engine), 1);
    assert!(engine.state().hosts[0].tokens.is_empty());
    query(&engine, "SELECT release_version FROM system.local").await.unwrap();
}

#[tokio::test]
async fn f70_unusable_rows_are_skipped_and_the_session_works() {
    let peers = vec![
        Member { id: None, ..Member::new(2) },
        Member { address: None, ..Member::new(3) },
        Member { datacenter: None, ..Member::new(4) },
        // The identity of the local host once more, at another address.
        Member { id: Some(Uuid::from_u128(1)), ..Member::new(5) },
        // The address of the local host once more, with another identity.
        Member { address: Some(IpAddr::from([127, 0, 0, 1])), ..Member::new(6) },
        Member { address: Some(IpAddr::from([0, 0, 0, 0])), ..Member::new(7) },
    ];
    let host = ScriptedHost::start(Script { peers, ..Script::new() }).await;
    let engine = Engine::connect(config(&host)).await.unwrap();
    let ids: Vec<u128> = engine.state().hosts.iter().map(|host| host.id.as_u128()).collect();
    assert_eq!(ids, [1]);
    assert_eq!(up(&engine), 1);
}

#[tokio::test]
async fn f30_the_oldest_member_decides_the_version_for_all() {
    let old = Member { release: "2.1.22", ..Member::new(2) };
    let script = Script { peers: vec![old], ..Script::new() };
    let host = ScriptedHost::start(script).await;
    let engine = Engine::connect(config(&host)).await.unwrap();
    assert_eq!(engine.shape().version, ProtocolVersion::V3);
    // Version 5 was refused before STARTUP; 4 was spoken until the members were known, and 3 ever since.
    assert_eq!(host.versions(), [4, 3, 3]);
}

#[tokio::test]
async fn a_member_that_joins_gets_connections_and_one_that_leaves_loses_them() {
    let first = ScriptedHost::start(Script::new()).await;
    let engine = Engine::connect(config(&first)).await.unwrap();
    let port = first.address.port();
    let second = ScriptedHost::start_at(
        format!("127.0.0.2:{port}").parse().unwrap(),
        Script { local: Some(Member::new(2)), peers: vec![Member::new(1)], ..Script::new() },
    )
    .await;
    first.change(|script| script.peers.push(Member::new(2)));
    engine.refresh_topology().await.unwrap();
    eventually("both are up", || up(&engine) == 2).await;
    assert_eq!(second.shards().len(), 1);
    first.change(|script| script.peers.clear());
    engine.refresh_topology().await.unwrap();
    eventually("its connections are closed", || second.shards().is_empty()).await;
    assert_eq!(up(&engine), 1);
    assert_eq!(engine.state().hosts.len(), 1);
}

#[tokio::test]
async fn f65_a_host_that_changed_its_address_stays_one_host() {
    let first = ScriptedHost::start(Script::new()).await;
    let port = first.address.port();
    let engine = {
        let mut config = config(&first);
        // The name that leads elsewhere after the move.
        config.contact_points.push(format!("127.0.0.3:{port}").parse().unwrap());
        Engine::connect(config).await.unwrap()
    };
    eventually("it is up", || up(&engine) == 1).await;
    drop(first);
    eventually("it is down", || up(&engine) == 0).await;
    let moved = ScriptedHost::start_at(
        format!("127.0.0.3:{port}").parse().unwrap(),
        Script {
            local: Some(Member { address: Some([127, 0, 0, 3].into()), ..Member::new(1) }),
            ..Script::new()
        },
    )
    .await;
    eventually("it is up again", || up(&engine) == 1).await;
    let state = engine.state();
    assert_eq!(state.hosts.len(), 1);
    assert_eq!(state.hosts[0].address, moved.address);
}

#[tokio::test]
async fn f72_disagreement_ends_the_wait_without_an_error() {
    let peers = vec![Member { schema: 2, ..Member::new(1) }];
    let host = ScriptedHost::start(Script { peers, ..Script::new() }).await;
    let mut config = config(&host);
    config.schema_agreement_interval = Duration::from_millis(10);
    let engine = Engine::connect(config).await.unwrap();
    let agreed = engine.await_schema_agreement(Duration::from_millis(100)).await.unwrap();
    assert_eq!(agreed, None);
    host.change(|script| script.peers[0].schema = 1);
    eventually_async("agreement is noticed", || async {
        engine.await_schema_agreement(Duration::from_millis(100)).await.unwrap() == Some(Uuid::from_u128(1))
    })
    .await;
}

#[tokio::test]
async fn every_actor_is_counted_while_it_lives() {
    let host = ScriptedHost::start(Script { peers: vec![Member::new(9)], ..Script::new() }).await;
    let mut config = config(&host);
    config.placement = Placement::Dedicated { threads: 2 };
    let engine = Engine::connect(config).await.unwrap();
    let snapshot = engine.metrics().await.unwrap();
    let alive =
        |kind| snapshot.actors.iter().find(|actor| actor.actor == kind).map_or(0, |actor| actor.alive);
    assert_eq!((alive("cluster"), alive("control"), alive("host"), alive("pool")), (1, 1, 2, 4));
    let hosts = snapshot.actors.iter().find(|actor| actor.actor == "host").unwrap();
    assert!(hosts.messages >= 4, "{hosts:?}");
    host.change(|script| script.peers.clear());
    engine.refresh_topology().await.unwrap();
    eventually_async("the host that left is not counted any more", || async {
        let snapshot = engine.metrics().await.unwrap();
        snapshot.actors.iter().any(|actor| actor.actor == "pool" && actor.alive == 2)
    })
    .await;
}

/// An EVENT of v4 with this body.
fn event_frame(body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x84, 0, 0xff, 0xff, 0x0c];
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(body);
    frame
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

#[tokio::test]
async fn f69_events_that_make_no_sense_are_ignored_and_those_after_them_heard() {
    let first = ScriptedHost::start(Script::new()).await;
    let mut config = config(&first);
    (config.event_windows.status, config.event_windows.topology) =
        (Some(Duration::ZERO), Some(Duration::ZERO));
    let engine = Engine::connect(config).await.unwrap();
    let port = first.address.port();
    let accepted = first.accepted();
    let status =
        |change: &str, inet: &[u8]| event_frame(&[&text("STATUS_CHANGE")[..], &text(change), inet].concat());
    for odd in [
        // A negative port, one of four thousand million, an address of five bytes, of none, no address at all.
        status("UP", &[4, 127, 0, 0, 9, 255, 255, 255, 255]),
        status("DOWN", &[4, 127, 0, 0, 1, 127, 255, 255, 255]),
        status("UP", &[5, 127, 0, 0, 1, 0, 0, 0, 0, 1]),
        status("UP", &[0, 0, 0, 0, 1]),
        status("UP", &[]),
        status("SIDEWAYS", &[4, 127, 0, 0, 1, 0, 0, 0, 1]),
        event_frame(&text("WEATHER_CHANGE")),
        event_frame(&[255, 255, b'x']),
        event_frame(&[]),
        // Sensible, and wrong: nobody is there, and nobody says that somebody should be.
        status("UP", &[4, 127, 0, 0, 77, 0, 0, 1, 1]),
    ] {
        first.send_unasked(&odd);
    }
    // A host that is a member, by the tables as well as by the event.
    let second = ScriptedHost::start_at(
        format!("127.0.0.2:{port}").parse().unwrap(),
        Script { local: Some(Member::new(2)), peers: vec![Member::new(1)], ..Script::new() },
    )
    .await;
    first.change(|script| script.peers.push(Member::new(2)));
    let [high, low] = port.to_be_bytes();
    first.send_unasked(&status("UP", &[4, 127, 0, 0, 2, 0, 0, high, low]));
    eventually("the stranger turns out to be a member", || up(&engine) == 2).await;
    assert_eq!(engine.state().hosts.len(), 2);
    assert_eq!(first.accepted(), accepted, "no event cost a connection");
    assert_eq!(second.shards().len(), 1);
}

//! News of the cluster.

use std::time::Duration;

use chorus::{ClusterEvent, ClusterEvents, EventWindows, Session};
use chorus_node::EmbeddedCluster;

use crate::schema::eventually;

/// A session that reacts to events at once.
pub(crate) async fn attentive(cluster: &EmbeddedCluster) -> Session {
    let mut windows = EventWindows::default();
    (windows.schema, windows.topology, windows.status) =
        (Some(Duration::ZERO), Some(Duration::ZERO), Some(Duration::ZERO));
    let builder = Session::builder().contact_points(cluster.addresses()).event_windows(windows);
    builder.wait_for_all_hosts(true).connect().await.expect("the nodes are reachable")
}

/// The first event that `wanted` takes, of those that come within thirty seconds.
pub(crate) async fn first<T>(
    events: &mut ClusterEvents,
    mut wanted: impl FnMut(ClusterEvent) -> Option<T>,
) -> T {
    let search = async {
        loop {
            let event = events.next().await.expect("the session lives");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), search).await.expect("it is told within thirty seconds")
}

#[tokio::test]
async fn hosts_that_go_and_come_back_are_told_when_the_state_knows_it() {
    let cluster = EmbeddedCluster::start(3).expect("starts");
    let session = attentive(&cluster).await;
    let mut events = session.events();
    cluster.stop_node(2);
    let down = first(&mut events, |event| match event {
        ClusterEvent::HostDown(host) => Some(host),
        _ => None,
    })
    .await;
    assert_eq!(down.address, cluster.address(2));
    assert!(!session.state().is_up(&down));
    cluster.start_node(2).expect("starts again");
    let up = first(&mut events, |event| match event {
        ClusterEvent::HostUp(host) => Some(host),
        _ => None,
    })
    .await;
    assert_eq!(up.id, down.id);
    assert!(session.state().is_up(&up));
}

#[tokio::test]
async fn hosts_that_join_and_leave_are_told_to_every_listener() {
    let cluster = EmbeddedCluster::start(2).expect("starts");
    let session = attentive(&cluster).await;
    let (mut events, mut others) = (session.events(), session.events());
    let joined = cluster.add_node("datacenter1").expect("joins");
    for events in [&mut events, &mut others] {
        let host = first(events, |event| match event {
            ClusterEvent::HostAdded(host) => Some(host),
            _ => None,
        })
        .await;
        assert_eq!(host.address, cluster.address(joined));
    }
    assert_eq!(session.state().hosts.len(), 3);
    let gone = cluster.address(joined);
    cluster.remove_node(joined);
    let removed = first(&mut events, |event| match event {
        ClusterEvent::HostRemoved(host) => Some(host),
        _ => None,
    })
    .await;
    assert_eq!(removed.address, gone);
    assert_eq!(session.state().hosts.len(), 2);
}

#[tokio::test]
async fn a_host_whose_row_is_half_written_is_found_without_being_announced() {
    let cluster = EmbeddedCluster::start(3).expect("starts");
    cluster.set_half_known(2, true).expect("a member");
    let session = attentive(&cluster).await;
    assert_eq!(session.state().hosts.len(), 2, "what the row lacks cannot be made up");
    let mut events = session.events();
    cluster.set_half_known(2, false).expect("a member");
    let added = first(&mut events, |event| match event {
        ClusterEvent::HostAdded(host) => Some(host),
        _ => None,
    })
    .await;
    assert_eq!((added.address, &*added.rack), (cluster.address(2), "rack1"));
    assert!(!added.tokens.is_empty());
    eventually("it is connected to", || session.state().is_up(&added)).await;
}

#[tokio::test]
async fn a_schema_change_is_told_as_what_is_different() {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    let (session, other) = (attentive(&cluster).await, attentive(&cluster).await);
    let mut events = session.events();
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    let mut differences = Vec::new();
    for (text, expected) in [
        (format!("CREATE KEYSPACE ks WITH replication = {replication}"), "keyspace ks was created"),
        ("CREATE TABLE ks.t (k int PRIMARY KEY)".to_owned(), "table ks.t was created"),
        ("ALTER TABLE ks.t ADD v int".to_owned(), "table ks.t was changed"),
        ("CREATE TYPE ks.u (a int)".to_owned(), "type ks.u was created"),
        ("DROP TYPE ks.u".to_owned(), "type ks.u was dropped"),
        ("DROP KEYSPACE ks".to_owned(), "keyspace ks was dropped"),
    ] {
        other.query(text, ()).await.expect("carried out");
        let told = first(&mut events, |event| match event {
            ClusterEvent::Schema(difference) => Some(difference),
            _ => None,
        })
        .await;
        assert_eq!(told.to_string(), expected);
        differences.push(told.kind);
    }
    assert_eq!(differences.len(), 6);
}

#[tokio::test]
async fn the_control_host_is_known_and_its_moves_are_told() {
    let cluster = EmbeddedCluster::start(2).expect("starts");
    let session = attentive(&cluster).await;
    eventually("it is known", || session.control_host().is_some()).await;
    let at = session.control_host().expect("known").address;
    let mut events = session.events();
    let node = (0..2).find(|node| cluster.address(*node) == at).expect("a node of the cluster");
    cluster.stop_node(node);
    let moved = first(&mut events, |event| match event {
        ClusterEvent::ControlConnected(address) => Some(address),
        _ => None,
    })
    .await;
    assert_eq!(moved, cluster.address(1 - node));
    assert_eq!(session.control_host().map(|host| host.address), Some(moved));
}

#[tokio::test]
async fn news_end_with_the_session() {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    let session = attentive(&cluster).await;
    let mut events = session.events();
    session.shutdown(Duration::from_secs(1)).await;
    let end = async { while events.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(5), end).await.expect("the stream ends");
    assert_eq!(session.events().next().await, None, "and one that is asked for afterwards has ended");
}

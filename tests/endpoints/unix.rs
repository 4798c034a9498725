//! Sockets in the file system.

use std::time::Duration;

use chorus::{ClusterEvent, Endpoint, EndpointFactory, ErrorKind, Host, Session};
use chorus_node::EmbeddedCluster;
use uuid::Uuid;

use crate::forwarder::until;

/// The sockets of a cluster's nodes, by their identity.
#[derive(Debug)]
struct Sockets(Vec<(Uuid, std::path::PathBuf)>);

impl EndpointFactory for Sockets {
    fn endpoint(&self, host: &Host) -> Endpoint {
        let socket = self.0.iter().find(|(id, _)| *id == host.id);
        socket.map_or(host.endpoint.clone(), |(_, path)| Endpoint::unix(path))
    }
}

#[tokio::test]
async fn a_session_over_a_socket_of_this_machine_opens_no_tcp_connection() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = EmbeddedCluster::builder().unix_sockets(folder.path()).start().unwrap();
    let path = cluster.unix_socket(0).unwrap();
    // Whoever connects by TCP is refused.
    let session = Session::builder().contact_point(path.clone()).connect().await.unwrap();
    let rows = session.query("SELECT cluster_name FROM system.local", ()).await.unwrap();
    assert_eq!(rows.single_row::<(&str,)>().unwrap(), ("embedded",));
    let hosts = &session.state().hosts;
    assert_eq!(hosts.len(), 1);
    assert_eq!(hosts[0].endpoint, Endpoint::unix(&path));
    assert_eq!(hosts[0].address, cluster.address(0), "it is known by the address it tells");
    assert!(cluster.connections(0) >= 2, "one for control, one for requests");
    // The same as text.
    let text = format!("unix:{}", path.display());
    Session::builder().contact_point(text).connect().await.unwrap();
    session.shutdown(Duration::from_secs(5)).await;
    drop(cluster);
    assert!(!path.exists(), "the socket goes with the node");
}

#[tokio::test]
async fn a_node_that_starts_again_is_found_on_its_socket_again() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = EmbeddedCluster::builder().nodes(2).unix_sockets(folder.path()).start().unwrap();
    let sockets = (0..2).map(|node| (cluster.host_id(node), cluster.unix_socket(node).unwrap())).collect();
    let session = Session::builder()
        .contact_point(cluster.unix_socket(0).unwrap())
        .endpoint_factory(Sockets(sockets))
        .wait_for_all_hosts(true)
        .connect()
        .await
        .unwrap();
    assert!(session.state().hosts.iter().all(|host| matches!(host.endpoint, Endpoint::Unix(_))));
    assert!((0..2).all(|node| cluster.connections(node) > 0));
    let mut events = session.events();
    cluster.stop_node(1);
    let up = || session.state().hosts.iter().filter(|host| session.state().is_up(host)).count();
    until("the node is down", || up() == 1).await;
    cluster.start_node(1).unwrap();
    let up = async {
        while let Some(event) = events.next().await {
            if matches!(&event, ClusterEvent::HostUp(host) if host.id == cluster.host_id(1)) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), up).await.expect("the node is up again");
    session.query("SELECT key FROM system.local", ()).await.unwrap();
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_told_by_its_path() {
    let error = Session::builder().contact_point("unix:/nowhere/db.sock").connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoHostAvailable);
    assert!(error.to_string().contains("unix:/nowhere/db.sock"), "{error}");
    let attempt = error.attempts().next().unwrap();
    assert_eq!(attempt.endpoint(), Some(&Endpoint::unix("/nowhere/db.sock")));
    assert_eq!(attempt.host(), None);
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn tls_and_a_socket_of_this_machine_exclude_each_other() {
    let tls = chorus::TlsConfig::builder().danger_accept_invalid_certificates(true).build().unwrap();
    let error = Session::builder().contact_point("unix:/run/db.sock").tls(tls).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("over which there is no TLS"), "{error}");
}

#[tokio::test]
async fn a_password_is_asked_for_on_a_socket_too() {
    let folder = tempfile::tempdir().unwrap();
    let builder = EmbeddedCluster::builder().unix_sockets(folder.path());
    let cluster = builder.authentication("ann", "s3cret").start().unwrap();
    let connect = |password: &'static str| {
        let builder = Session::builder().contact_point(cluster.unix_socket(0).unwrap());
        builder.credentials("ann", password).connect()
    };
    connect("s3cret").await.unwrap();
    assert_eq!(connect("wrong").await.unwrap_err().kind(), ErrorKind::Authentication);
}

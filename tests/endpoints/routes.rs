//! Hosts that are reached by the routes of `system.client_routes`.

use std::time::Duration;

use chorus::{ClientRouteProxy, ClientRoutes, Endpoint, ErrorKind, ProtocolVersion, Session, SessionBuilder};
use chorus_node::{ClientRoute, EmbeddedCluster, Shards};

use crate::forwarder::{Forwarder, until};

const OURS: &str = "vpce-ours";

/// Nodes with a table of routes; one shard, so that each has one connection.
fn nodes(count: usize) -> EmbeddedCluster {
    EmbeddedCluster::builder().nodes(count).shards(Shards::new(1)).start().unwrap()
}

fn by_routes(cluster: &EmbeddedCluster) -> SessionBuilder {
    let routes = ClientRoutes::new([ClientRouteProxy::new(OURS)]);
    // Where there are no ports in the table of peers, theirs is the usual one.
    let builder = Session::builder().contact_point(cluster.address(0)).port(cluster.address(0).port());
    builder.client_routes(routes).wait_for_all_hosts(true)
}

fn to(forwarder: &Forwarder) -> ClientRoute {
    ClientRoute::to("localhost", forwarder.address.port())
}

async fn ask(session: &Session) {
    session.query("SELECT key FROM system.local", ()).await.unwrap();
}

#[tokio::test]
async fn a_host_is_reached_by_its_route_and_by_its_address_without_one() {
    let cluster = nodes(3);
    let (first, second) = (Forwarder::to(cluster.address(0)).await, Forwarder::to(cluster.address(1)).await);
    cluster.set_client_route(OURS, 0, to(&first));
    cluster.set_client_route(OURS, 1, to(&second));
    // Of somebody else, and leading nowhere.
    cluster.set_client_route("vpce-theirs", 2, ClientRoute::to("127.0.0.1", 1));
    let session = by_routes(&cluster).connect().await.unwrap();
    assert!(first.passed() > 0 && second.passed() > 0);
    assert!((0..3).all(|node| cluster.connections(node) > 0), "the third one by the address it tells");
    assert!(session.state().hosts.iter().all(|host| matches!(host.endpoint, Endpoint::Route(_))));
    ask(&session).await;
}

#[tokio::test]
async fn a_route_that_changes_is_followed_by_the_next_connection_without_waiting_for_anybody() {
    let cluster = nodes(2);
    let (old, new) = (Forwarder::to(cluster.address(1)).await, Forwarder::to(cluster.address(1)).await);
    cluster.set_client_route(OURS, 1, to(&old));
    // Once tried in vain, a host would not be tried again for ten minutes.
    let never = chorus::policy::ConstantReconnection::new(Duration::from_secs(600));
    let session = by_routes(&cluster).reconnection(std::sync::Arc::new(never)).connect().await.unwrap();
    assert_eq!((old.passed(), new.passed()), (1, 0));
    drop(old);
    let up =
        |session: &Session| session.state().hosts.iter().filter(|host| session.state().is_up(host)).count();
    until("the way is cut", || up(&session) == 1).await;
    cluster.set_client_route(OURS, 1, to(&new));
    until("the new way is taken", || up(&session) == 2).await;
    assert_eq!(new.passed(), 1);
    ask(&session).await;
}

#[tokio::test]
async fn a_host_whose_route_is_taken_away_is_reached_by_its_address_again() {
    let cluster = nodes(2);
    let way = Forwarder::to(cluster.address(1)).await;
    cluster.set_client_route(OURS, 1, to(&way));
    let session = by_routes(&cluster).connect().await.unwrap();
    cluster.set_client_route(OURS, 1, None);
    let accepted = cluster.accepted(1);
    drop(way);
    until("it was dialled again", || cluster.accepted(1) > accepted && cluster.connections(1) > 0).await;
    ask(&session).await;
}

#[tokio::test]
async fn the_addresses_of_connections_are_contact_points_and_replace_those_of_routes() {
    let cluster = nodes(1);
    let way = Forwarder::to(cluster.address(0)).await;
    cluster.set_client_route(OURS, 0, ClientRoute::to("no.such.name.invalid", way.address.port()));
    let routes = ClientRoutes::new([ClientRouteProxy::new(OURS).address("127.0.0.1")]);
    let session = Session::builder().port(way.address.port()).client_routes(routes).connect().await.unwrap();
    // One to begin with, one by the route, whose own address has no such name.
    assert!(way.passed() >= 2, "{}", way.passed());
    ask(&session).await;
}

#[tokio::test]
async fn a_route_whose_name_is_none_fails_the_dial_by_that_name() {
    let cluster = nodes(1);
    cluster.set_client_route(OURS, 0, ClientRoute::to("no.such.name.invalid", 9042));
    let error = by_routes(&cluster).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoHostAvailable);
    assert!(error.to_string().contains("cannot resolve no.such.name.invalid"), "{error}");
}

#[tokio::test]
async fn rows_that_cannot_be_used_leave_the_routes_as_they_were() {
    let cluster = nodes(2);
    let way = Forwarder::to(cluster.address(1)).await;
    cluster.set_client_route(OURS, 1, to(&way));
    let session = by_routes(&cluster).connect().await.unwrap();
    let broken = ClientRoute { port: None, tls_port: None, ..to(&way) };
    cluster.set_client_route(OURS, 1, broken);
    // What the event asked for has been read once this has.
    session.refresh_topology().await.unwrap();
    let passed = way.passed();
    cluster.stop_node(1);
    cluster.start_node(1).unwrap();
    until("it is reached by its route again", || way.passed() > passed && cluster.connections(1) > 0).await;
}

#[tokio::test]
async fn a_server_without_such_a_table_is_told_by_name() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let error = by_routes(&cluster).connect().await.unwrap_err();
    assert!(error.to_string().contains("client_routes"), "{error}");
}

#[tokio::test]
async fn the_shard_aware_port_is_used_through_routes_only_when_they_keep_the_source_port() {
    let cluster = EmbeddedCluster::builder().shards(Shards::new(3)).start().unwrap();
    for keeps in [false, true] {
        let way = Forwarder::to(cluster.address(0)).await;
        cluster.set_client_route(OURS, 0, ClientRoute::to("127.0.0.1", way.address.port()));
        let routes = ClientRoutes::new([ClientRouteProxy::new(OURS)]).advanced_shard_awareness(keeps);
        let before = cluster.accepted(0);
        let builder = Session::builder().contact_point(cluster.address(0)).client_routes(routes);
        // The version is known: the control connection takes one attempt.
        let session = builder.protocol_version(ProtocolVersion::V4).connect().await.unwrap();
        until("every shard has a connection", || !cluster.shard_connections(0).contains(&0)).await;
        ask(&session).await;
        // The control connection goes to the contact point. All others pass the forwarder, but for those to the other port.
        let beside = || (cluster.accepted(0) - before - 1) as i64 - way.passed() as i64;
        match keeps {
            true => assert!(beside() > 0, "nobody took the shard-aware port"),
            false => until("all of them pass", || beside() == 0).await,
        }
        session.shutdown(Duration::from_secs(5)).await;
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn over_tls_the_port_for_it_is_taken_and_a_name_must_be_chosen() {
    use crate::authority::Authority;
    let authority = Authority::new("ours");
    let tls = authority.issue(&["cluster.example"]).node();
    let cluster = EmbeddedCluster::builder().shards(Shards::new(1)).tls(tls).start().unwrap();
    let way = Forwarder::to(cluster.address(0)).await;
    let route = ClientRoute { port: Some(1), ..to(&way) };
    cluster.set_client_route(OURS, 0, route);
    let refused = by_routes(&cluster).tls(authority.trusted().build().unwrap()).connect().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.to_string().contains("which server_name to insist on"), "{refused}");
    let tls = authority.trusted().server_name("cluster.example").build().unwrap();
    let session = by_routes(&cluster).tls(tls).connect().await.unwrap();
    assert!(way.passed() > 0);
    ask(&session).await;
    let unchecked = authority.trusted().verify_hostname(false).build().unwrap();
    ask(&by_routes(&cluster).tls(unchecked).connect().await.unwrap()).await;
}

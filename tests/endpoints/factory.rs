//! A program that decides how each host is reached.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use chorus::{ClientRouteProxy, ClientRoutes, Endpoint, EndpointFactory, ErrorKind, Host, Session, SniProxy};
use chorus_node::EmbeddedCluster;

use crate::forwarder::Forwarder;

/// Other addresses for some hosts, by the addresses they tell.
#[derive(Debug)]
struct Elsewhere(BTreeMap<SocketAddr, SocketAddr>);

impl EndpointFactory for Elsewhere {
    fn endpoint(&self, host: &Host) -> Endpoint {
        self.0.get(&host.address).map_or(host.endpoint.clone(), |address| Endpoint::from(*address))
    }
}

#[tokio::test]
async fn every_host_is_reached_as_the_factory_says_and_known_by_what_it_tells() {
    let cluster = EmbeddedCluster::start(3).unwrap();
    let mut forwarders = Vec::new();
    for address in cluster.addresses() {
        forwarders.push(Forwarder::to(address).await);
    }
    let ways = cluster.addresses().into_iter().zip(forwarders.iter().map(|forwarder| forwarder.address));
    let session = Session::builder()
        .contact_point(cluster.address(0))
        .endpoint_factory(Elsewhere(ways.collect()))
        .wait_for_all_hosts(true)
        .connect()
        .await
        .unwrap();
    assert!(forwarders.iter().all(|forwarder| forwarder.passed() > 0), "each host has a pool");
    let state = session.state();
    let known: Vec<SocketAddr> = state.hosts.iter().map(|host| host.address).collect();
    assert!(cluster.addresses().iter().all(|address| known.contains(address)), "{known:?}");
    assert!(state.hosts.iter().all(|host| forwarders.iter().any(|way| host.endpoint == way.address.into())));
    for _ in 0..9 {
        session.query("SELECT key FROM system.local", ()).await.unwrap();
    }
    assert_eq!(session.control_host().unwrap().address, cluster.address(0));
}

#[tokio::test]
async fn routes_and_a_factory_exclude_each_other_and_a_proxy_by_name_needs_tls() {
    let refused = async |builder: chorus::SessionBuilder, reason: &str| {
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(reason), "{error}");
    };
    let builder = || Session::builder().contact_point("127.0.0.1");
    let routes = || ClientRoutes::new([ClientRouteProxy::new("a")]);
    let both = builder().client_routes(routes()).endpoint_factory(SniProxy::new("proxy", 29042));
    refused(both, "leave one of them out").await;
    refused(builder().client_routes(ClientRoutes::new([])), "at least one connection").await;
    for (id, address, reason) in [
        ("", None, "the id is empty"),
        ("a", Some("db.example:9042"), "the address has a port"),
        ("a", Some("no name"), "neither a host name nor an IP address"),
    ] {
        let mut proxy = ClientRouteProxy::new(id);
        proxy.address = address.map(str::to_owned);
        refused(builder().client_routes(ClientRoutes::new([proxy])), reason).await;
    }
    // Without contact points the addresses of routes are asked, and there are none here.
    refused(Session::builder().client_routes(routes()), "no contact point").await;
    let behind = Session::builder().contact_point(Endpoint::sni("proxy", 29042, "somebody"));
    refused(behind, "TLS is not configured").await;
}

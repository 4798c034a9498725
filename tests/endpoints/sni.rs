//! Hosts behind a proxy that goes by the server name of TLS.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use chorus::{Endpoint, ErrorKind, Resolver, Session, SessionBuilder, SniProxy, TlsProblem};
use chorus_node::EmbeddedCluster;

use crate::authority::{Authority, ask};
use crate::forwarder::until;

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Three nodes that show certificates for `names`, and a proxy before them.
fn behind_a_proxy(authority: &Authority, names: &[&str]) -> (EmbeddedCluster, chorus_node::SniProxy) {
    let tls = authority.issue(names).node();
    let cluster = EmbeddedCluster::builder().nodes(3).tls(tls).start().unwrap();
    let proxy = cluster.sni_proxy(ANYWHERE).unwrap();
    (cluster, proxy)
}

fn session(cluster: &EmbeddedCluster, way: &SniProxy) -> SessionBuilder {
    Session::builder()
        .contact_point(way.host(cluster.host_id(0)))
        .endpoint_factory(way.clone())
        .wait_for_all_hosts(true)
}

#[tokio::test]
async fn hosts_behind_a_proxy_are_asked_for_by_identity_and_show_the_proxys_name() {
    let authority = Authority::new("ours");
    // For the proxy alone, as cloud services have it: host ids are in no certificate.
    let (cluster, proxy) = behind_a_proxy(&authority, &["localhost"]);
    let tls = || authority.trusted().or_server_name("localhost");
    let way = SniProxy::new("localhost", proxy.address().port());
    let connected = session(&cluster, &way).tls(tls().build().unwrap()).connect().await.unwrap();
    let asked = proxy.asked();
    for node in 0..3 {
        let name = cluster.host_id(node).to_string();
        assert!(asked.get(&name).is_some_and(|count| *count > 0), "{name} in {asked:?}");
    }
    assert!(connected.state().hosts.iter().all(|host| host.endpoint == way.host(host.id)));
    for _ in 0..9 {
        ask(&connected).await.unwrap();
    }
    // The certificate is neither for the host id nor for this name.
    for wrong in [authority.trusted(), authority.trusted().or_server_name("elsewhere.example")] {
        let error = session(&cluster, &way).tls(wrong.build().unwrap()).connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        assert!(matches!(error.tls(), Some(TlsProblem::WrongName { .. })), "{error}");
    }
    // A stopped host is found behind the proxy again.
    cluster.stop_node(2);
    let up = || connected.state().hosts.iter().filter(|host| connected.state().is_up(host)).count();
    until("the host is down", || up() == 2).await;
    cluster.start_node(2).unwrap();
    until("the host is up", || up() == 3).await;
}

#[tokio::test]
async fn a_domain_follows_the_identity_and_certificates_may_be_for_it() {
    let authority = Authority::new("ours");
    let (cluster, proxy) = behind_a_proxy(&authority, &["*.db.example"]);
    let way = SniProxy::new("127.0.0.1", proxy.address().port()).domain("db.example");
    let tls = authority.trusted().build().unwrap();
    let connected = session(&cluster, &way).tls(tls).connect().await.unwrap();
    assert!(proxy.asked().contains_key(&format!("{}.db.example", cluster.host_id(1))));
    ask(&connected).await.unwrap();
}

#[tokio::test]
async fn a_name_that_the_proxy_does_not_know_is_a_connection_that_ends() {
    let authority = Authority::new("ours");
    let (_cluster, proxy) = behind_a_proxy(&authority, &["localhost"]);
    let stranger = Endpoint::sni("localhost", proxy.address().port(), "stranger.example");
    let tls = authority.trusted().build().unwrap();
    let error = Session::builder().contact_point(stranger.clone()).tls(tls).connect().await.unwrap_err();
    assert_eq!(error.attempts().next().unwrap().endpoint(), Some(&stranger));
    assert!(error.to_string().contains("closed the connection"), "{error}");
}

/// A name that stands for an address where nobody listens, and one where somebody does.
#[derive(Debug)]
struct TwoAddresses;

impl Resolver for TwoAddresses {
    fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        assert_eq!(name, "proxy.example");
        Ok(vec![([127, 255, 255, 254], port).into(), ([127, 0, 0, 1], port).into()])
    }
}

#[tokio::test]
async fn a_proxy_with_several_addresses_is_reached_by_whichever_answers() {
    let authority = Authority::new("ours");
    let (cluster, proxy) = behind_a_proxy(&authority, &["proxy.example"]);
    let way = SniProxy::new("proxy.example", proxy.address().port());
    let tls = authority.trusted().or_server_name("proxy.example").build().unwrap();
    let connected = session(&cluster, &way).resolver(TwoAddresses).tls(tls).connect().await.unwrap();
    ask(&connected).await.unwrap();
}

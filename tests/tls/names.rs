//! Which name a server's certificate must be for.

use chorus::{Session, TlsProblem};
use chorus_node::EmbeddedCluster;

use crate::authority::{Authority, ask, node};

#[tokio::test]
async fn a_contact_point_given_by_name_must_show_that_name_on_every_connection() {
    let authority = Authority::new("ours");
    // For the name alone: the address would not do, neither for the control connection nor for the pool's.
    let cluster = node(authority.issue(&["localhost"]).node());
    let tls = authority.trusted().build().unwrap();
    let port = cluster.address(0).port();
    let builder = Session::builder().contact_point(("localhost", port)).tls(tls.clone());
    let session = builder.wait_for_all_hosts(true).connect().await.unwrap();
    ask(&session).await.unwrap();

    let by_address = Session::builder().contact_points(cluster.addresses()).tls(tls).connect().await;
    let error = by_address.expect_err("the certificate is for the name");
    assert!(matches!(error.tls(), Some(TlsProblem::WrongName { .. })), "{error}");
}

#[tokio::test]
async fn one_name_for_all_hosts_replaces_their_addresses() {
    let authority = Authority::new("ours");
    let tls = authority.issue(&["cluster.example"]).node();
    let cluster = EmbeddedCluster::builder().nodes(3).tls(tls).start().unwrap();
    let tls = authority.trusted().server_name("cluster.example").build().unwrap();
    let builder = Session::builder().contact_point(cluster.address(0)).tls(tls).wait_for_all_hosts(true);
    let session = builder.connect().await.unwrap();
    assert!((0..cluster.addresses().len()).all(|node| cluster.connections(node) > 0));
    ask(&session).await.unwrap();
}

#[tokio::test]
async fn each_host_may_have_a_name_of_its_own() {
    let authority = Authority::new("ours");
    let cluster = EmbeddedCluster::start(2).unwrap();
    let names = ["one.example", "two.example"];
    for (node, name) in names.iter().enumerate() {
        cluster.set_tls(node, authority.issue(&[name]).node());
    }
    let addresses = [cluster.address(0), cluster.address(1)];
    let connect = async |swapped: bool| {
        let tls = authority.trusted().server_names(move |peer| {
            let node = addresses.iter().position(|address| *address == peer.address)?;
            Some(names[if swapped { 1 - node } else { node }].to_owned())
        });
        let builder = Session::builder().contact_points(addresses).tls(tls.build().unwrap());
        builder.wait_for_all_hosts(true).connect().await
    };
    let session = connect(false).await.unwrap();
    assert!((0..cluster.addresses().len()).all(|node| cluster.connections(node) > 0));
    ask(&session).await.unwrap();
    // A good certificate, of the other host.
    let error = connect(true).await.unwrap_err();
    assert!(error.to_string().contains("not for two.example but for one.example"), "{error}");
}

#[tokio::test]
async fn a_name_that_is_none_fails_the_dial_and_says_so() {
    let authority = Authority::new("ours");
    let cluster = node(authority.issue(&["127.0.0.1"]).node());
    let tls = authority.trusted().server_names(|_| Some("not a name".to_owned())).build().unwrap();
    let error = Session::builder().contact_points(cluster.addresses()).tls(tls).connect().await.unwrap_err();
    assert!(error.to_string().contains("\"not a name\" is neither a host name nor an address"), "{error}");
}

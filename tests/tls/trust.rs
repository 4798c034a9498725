//! Who is connected to and who is not, and what is said about it.

use std::io::{Read, Write};
use std::net::TcpListener;

use chorus::{ErrorKind, Session, TlsProblem};
use chorus_node::EmbeddedCluster;

use crate::authority::{Authority, Identity, ask, connect, node, refusal};

#[tokio::test]
async fn f87_each_certificate_that_must_not_be_trusted_is_refused_by_its_reason() {
    let authority = Authority::new("ours");
    let here = &["127.0.0.1"][..];

    let (problem, said) = refusal(&node(authority.issue(&["db.example"]).node()), authority.trusted()).await;
    assert!(matches!(problem, TlsProblem::WrongName { .. }), "{problem:?}");
    assert!(said.contains("not for 127.0.0.1 but for db.example"), "{said}");

    let (problem, said) = refusal(&node(authority.issue(&["127.0.0.77"]).node()), authority.trusted()).await;
    assert!(matches!(problem, TlsProblem::WrongName { .. }), "{problem:?}");
    assert!(said.contains("not for 127.0.0.1 but for 127.0.0.77"), "{said}");

    let named = authority.trusted().server_name("db.example");
    let (_, said) = refusal(&node(authority.issue(here).node()), named).await;
    assert!(said.contains("not for db.example but for 127.0.0.1"), "{said}");

    let old = node(authority.issue_between(here, 2001, 2002).node());
    let (problem, said) = refusal(&old, authority.trusted()).await;
    assert!(matches!(problem, TlsProblem::Expired { .. }), "{problem:?}");
    assert!(said.contains("expired") && said.contains("days ago"), "{said}");

    let early = node(authority.issue_between(here, 2080, 2081).node());
    let (problem, said) = refusal(&early, authority.trusted()).await;
    assert!(matches!(problem, TlsProblem::NotYetValid { .. }), "{problem:?}");
    assert!(said.contains("are both clocks right?"), "{said}");

    let strange = node(Authority::new("theirs").issue(here).node());
    let (problem, said) = refusal(&strange, authority.trusted()).await;
    assert_eq!(problem, TlsProblem::UnknownIssuer);
    assert!(said.contains("not among the trusted ones"), "{said}");

    let own = node(Identity::self_signed(here).node());
    let (problem, said) = refusal(&own, authority.trusted()).await;
    assert_eq!(problem, TlsProblem::SelfSigned);
    assert!(said.contains("self-signed"), "{said}");
    // Without being told otherwise, the operating system's authorities are those that are trusted.
    let (problem, _) = refusal(&own, chorus::TlsConfig::builder().system_roots()).await;
    assert_eq!(problem, TlsProblem::SelfSigned);
    // It may be trusted by itself.
    let identity = Identity::self_signed(here);
    let trusting = chorus::TlsConfig::builder().roots_pem(&identity.certificate);
    connect(&node(identity.node()), trusting).await.unwrap();
}

#[tokio::test]
async fn f87_a_server_that_speaks_only_old_versions_is_refused_as_that() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut tcp, _)) = listener.accept() {
            // The alert protocol_version, in a record of TLS 1.0.
            let _ = tcp.write_all(&[21, 3, 1, 0, 2, 2, 70]);
            let _ = tcp.read_to_end(&mut Vec::new());
        }
    });
    let tls = Authority::new("ours").trusted().build().unwrap();
    let error = Session::builder().contact_point(address).tls(tls).connect().await.unwrap_err();
    assert_eq!(error.tls(), Some(&TlsProblem::Version), "{error}");
    assert!(error.to_string().contains("neither TLS 1.2 nor TLS 1.3"), "{error}");
}

#[tokio::test]
async fn f88_tls_to_a_plain_server_and_plain_to_a_tls_server_are_told_apart() {
    let authority = Authority::new("ours");
    let plain = EmbeddedCluster::start(1).unwrap();
    let (problem, said) = refusal(&plain, authority.trusted()).await;
    assert_eq!(problem, TlsProblem::PlaintextServer);
    assert!(said.contains("speaks CQL without TLS on this port"), "{said}");

    let secured = node(authority.issue(&["127.0.0.1"]).node());
    let plainly = Session::builder().contact_points(secured.addresses()).connect().await;
    let error = plainly.expect_err("it wants TLS");
    assert!(error.to_string().contains("the peer wants TLS"), "{error}");
    assert_eq!(error.kind(), ErrorKind::NoHostAvailable);
}

#[tokio::test]
async fn checks_are_left_out_only_when_they_were_turned_off_by_name() {
    let authority = Authority::new("ours");
    let elsewhere = node(authority.issue(&["elsewhere.example"]).node());
    connect(&elsewhere, authority.trusted().verify_hostname(false)).await.unwrap();
    // The chain still counts.
    let strange = node(Authority::new("theirs").issue(&["127.0.0.1"]).node());
    let (problem, _) = refusal(&strange, authority.trusted().verify_hostname(false)).await;
    assert_eq!(problem, TlsProblem::UnknownIssuer);
    // And now nothing does.
    let expired = node(Authority::new("theirs").issue_between(&["elsewhere"], 2001, 2002).node());
    let anything = authority.trusted().danger_accept_invalid_certificates(true);
    connect(&expired, anything).await.unwrap();
}

#[tokio::test]
async fn a_peer_with_a_wrong_certificate_is_left_out_and_the_others_serve() {
    let authority = Authority::new("ours");
    let cluster =
        EmbeddedCluster::builder().nodes(2).tls(authority.issue(&["127.0.0.1"]).node()).start().unwrap();
    assert_ne!(cluster.address(0).ip(), cluster.address(1).ip(), "nodes have addresses of their own");
    let tls = authority.trusted().build().unwrap();
    let builder = Session::builder().contact_point(cluster.address(0)).tls(tls).wait_for_all_hosts(true);
    let session = builder.connect().await.unwrap();
    for _ in 0..20 {
        ask(&session).await.unwrap();
    }
    // It was tried, and hung up on.
    let left = async {
        while cluster.connections(1) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), left).await.unwrap();
    assert_eq!(cluster.requests(1), 0);
}

//! TLS: a server that shows a certificate, and a client that shows one too.
//!
//! `cargo run --example tls`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use chorus::{ErrorKind, Session, TlsConfig};
use chorus_node::{EmbeddedCluster, NodeTls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An authority, a certificate for the server's address and one for us. A program would have them in files, and say
    // `roots_file("ca.pem")` and `client_certificate_files("us.pem", "us.key")`.
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let trusted = authority.self_signed(&key)?.pem();
    let issuer = Issuer::new(authority, key);
    let issue = |address: Option<&str>| -> Result<(String, String), Box<dyn std::error::Error>> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.subject_alt_names =
            address.map(|address| address.parse().map(SanType::IpAddress)).transpose()?.into_iter().collect();
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &issuer)?.pem(), key.serialize_pem()))
    };
    let (server, server_key) = issue(Some("127.0.0.1"))?;
    let (ours, our_key) = issue(None)?;
    let node = NodeTls::from_pem_for_clients_of(server, server_key, &trusted)?;
    let cluster = EmbeddedCluster::builder().tls(node).start()?;
    let builder = || Session::builder().contact_points(cluster.addresses());

    let tls = TlsConfig::builder().roots_pem(&trusted).client_certificate_pem(ours, our_key).build()?;
    let session = builder().tls(tls).connect().await?;
    session.query("SELECT key FROM system.local", ()).await?;
    println!("encrypted, and both sides know each other");

    // Without a certificate of ours the server turns us away; without the authority we turn it away.
    for (whose, tls) in [
        ("ours", TlsConfig::builder().roots_pem(&trusted).build()?),
        ("the server's", TlsConfig::builder().build()?),
    ] {
        let error = builder().tls(tls).connect().await.expect_err("it must not work");
        assert_eq!(error.kind(), ErrorKind::Tls);
        println!("without {whose}: {error}");
    }
    Ok(())
}

//! Reach hosts through a proxy that goes by the server name of TLS, as database services in the cloud have them. With a secure
//! connect bundle all of this is `SecureBundle::open("bundle.zip")?.builder().await?` (feature `cloud`).
//!
//! `cargo run --example sni_proxy`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use chorus::{Session, SniProxy, TlsConfig};
use chorus_node::{EmbeddedCluster, NodeTls};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One certificate for the name of the proxy, which trusts itself: an authority would have issued it.
    let key = rcgen::KeyPair::generate()?;
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()])?;
    let certificate = params.self_signed(&key)?.pem();
    let tls = NodeTls::from_pem(&certificate, key.serialize_pem())?;
    let cluster = EmbeddedCluster::builder().nodes(3).tls(tls).start()?;
    let proxy = cluster.sni_proxy("127.0.0.1:0".parse()?)?;

    // Hosts go by their identity; what they show is for the proxy's name.
    let way = SniProxy::new("localhost", proxy.address().port());
    let tls = TlsConfig::builder().roots_pem(&certificate).or_server_name("localhost").build()?;
    let session = Session::builder()
        .contact_point(way.host(cluster.host_id(0)))
        .endpoint_factory(way)
        .tls(tls)
        .wait_for_all_hosts(true)
        .connect()
        .await?;
    for host in session.state().hosts.iter() {
        println!("host {} is reached by {}", host.address, host.endpoint);
    }
    session.query("SELECT key FROM system.local", ()).await?;

    session.shutdown(std::time::Duration::from_secs(5)).await;
    Ok(())
}

//! Reach hosts by the routes that ScyllaDB keeps in `system.client_routes`, as over a private link: the addresses that hosts
//! tell of themselves are not reachable, and each connection of the link has an id.
//!
//! `cargo run --example client_routes`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use chorus::{ClientRouteProxy, ClientRoutes, Session};
use chorus_node::{ClientRoute, EmbeddedCluster};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::builder().nodes(2).shards(1).start()?;
    for node in 0..2 {
        // The far end of the link: a port for each node.
        let port = forward(cluster.address(node)).await?;
        cluster.set_client_route("link-1", node, ClientRoute::to("localhost", port));
    }

    // The id is what the provider of the link tells. Routes are read again whenever they change.
    let routes = ClientRoutes::new([ClientRouteProxy::new("link-1")]);
    let session = Session::builder()
        .contact_point(cluster.address(0))
        .port(cluster.address(0).port())
        .client_routes(routes)
        .wait_for_all_hosts(true)
        .connect()
        .await?;
    for host in session.state().hosts.iter() {
        println!("host {} is reached by {}", host.id, host.endpoint);
    }
    session.query("SELECT key FROM system.local", ()).await?;

    session.shutdown(std::time::Duration::from_secs(5)).await;
    Ok(())
}

/// Passes connections at some port of this machine on to `target`.
async fn forward(target: std::net::SocketAddr) -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(target).await {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    Ok(port)
}

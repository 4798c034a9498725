//! Talk to a server on this machine through a socket in the file system: no network, no TLS, and only users who may open the
//! file get in.
//!
//! `cargo run --example unix_socket`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

#[cfg(unix)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use chorus::Session;
    use chorus_node::EmbeddedCluster;

    let folder = tempfile::tempdir()?;
    let cluster = EmbeddedCluster::builder().unix_sockets(folder.path()).start()?;
    let socket = cluster.unix_socket(0).ok_or("the node has no socket")?;

    // As text it is `unix:/path/of/the/socket`, on command lines too: `chorus load --host unix:/run/db.sock ...`.
    let session = Session::builder().contact_point(socket).connect().await?;
    let result = session.query("SELECT cluster_name FROM system.local", ()).await?;
    let (name,) = result.single_row::<(String,)>()?;
    for host in session.state().hosts.iter() {
        println!("{name}: host {} is reached by {}", host.address, host.endpoint);
    }

    session.shutdown(std::time::Duration::from_secs(5)).await;
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    println!("this operating system has no sockets in the file system");
}

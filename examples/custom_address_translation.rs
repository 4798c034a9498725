//! An address translator of one's own: hosts behind a tunnel whose port tells them apart.
//!
//! `cargo run --example custom_address_translation`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use chorus::Session;
use chorus::policy::AddressTranslator;
use chorus_node::EmbeddedCluster;
use tokio::net::{TcpListener, TcpStream};

/// The host that calls itself `127.0.0.N` is reached at `127.0.0.1`, port `first + N`.
#[derive(Debug)]
struct Tunnel {
    first: u16,
}

impl AddressTranslator for Tunnel {
    fn translate(&self, address: SocketAddr) -> SocketAddr {
        let SocketAddr::V4(told) = address else { return address };
        let [.., last] = told.ip().octets();
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.first + u16::from(last)))
    }
}

/// Stands for the tunnel: passes bytes on to a host.
async fn forward(listener: TcpListener, host: SocketAddr) {
    while let Ok((mut here, _)) = listener.accept().await {
        if let Ok(mut there) = TcpStream::connect(host).await {
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut here, &mut there).await });
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::start(3)?;
    let hosts = cluster.addresses();
    // The entrances of the tunnel: free ports that follow each other.
    let (first, listeners) = entrances(hosts.len()).await?;
    for (listener, host) in listeners.into_iter().zip(&hosts) {
        println!("{} is reached at {}", host, listener.local_addr()?);
        tokio::spawn(forward(listener, *host));
    }

    let translator = Tunnel { first };
    let entrance = translator.translate(hosts[0]);
    let session = Session::builder()
        .contact_point(entrance)
        .address_translator(translator)
        .wait_for_all_hosts(true)
        .connect()
        .await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    for host in session.state().hosts.iter() {
        println!("connected to {}", host.address);
    }
    Ok(())
}

async fn entrances(count: usize) -> Result<(u16, Vec<TcpListener>), Box<dyn std::error::Error>> {
    'search: loop {
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let first = probe.local_addr()?.port();
        drop(probe);
        let mut listeners = Vec::new();
        for number in 1..=count as u16 {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, first.saturating_add(number))).await {
                Ok(listener) => listeners.push(listener),
                Err(_) => continue 'search,
            }
        }
        return Ok((first, listeners));
    }
}

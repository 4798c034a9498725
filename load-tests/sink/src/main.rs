//! A CQL server that does nothing but answer, far cheaper than any client asks.
//!
//! It speaks native protocol v3 and v4 and knows enough of the system tables for drivers to connect and route. Writes into its few
//! tables are answered with VOID, or for one table never; reads with canned rows. Nothing is stored.
//!
//! * [`tables`]: the tables it pretends to have.
//! * [`catalog`]: what the system tables say about them and about the hosts.
//! * [`answers`]: the bodies of answers that are made when asked for; [`rows`]: of those made once.
//! * [`host`]: accepts connections; knows its shards.
//! * [`connection`]: the loop that turns requests into answers, one thread a connection.
//! * [`wire`]: where answers go: at once, late, or encrypted ([`tls`]); and how requests are waited for; [`following`]: on which core.
//! * [`lz4`]: compressed bodies.

mod answers;
mod catalog;
mod connection;
mod encode;
mod following;
mod host;
mod lz4;
mod rows;
mod tables;
mod tls;
mod wire;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::host::Settings;

#[derive(Parser)]
#[command(about = "A CQL server that answers as cheaply as a server can")]
struct Arguments {
    /// Where the first host listens; the others follow on the next addresses
    #[arg(long, default_value = "127.0.0.1:9042")]
    listen: SocketAddr,
    /// How many hosts to be
    #[arg(long, default_value_t = 1)]
    hosts: u8,
    /// How many shards each host says it has; with none it is a Cassandra
    #[arg(long, default_value_t = 0)]
    shards: u16,
    /// Where a host with shards listens besides, for clients that choose theirs by their source port
    #[arg(long, default_value_t = 19042)]
    shard_aware_port: u16,
    /// Hold every answer back for this long
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Look for requests for this long before sleeping, as a reactor of ScyllaDB does (its default: 200)
    #[arg(long, default_value_t = 0, conflicts_with_all = ["delay_ms", "tls_certificate"])]
    idle_poll_us: u64,
    /// Serve each connection on the core that its client's bytes come from, as a server of one thread a core does
    #[arg(long, conflicts_with_all = ["delay_ms", "idle_poll_us", "tls_certificate"])]
    follow: bool,
    /// Offer LZ4
    #[arg(long)]
    lz4: bool,
    /// Speak TLS, with a certificate made now and written to this file
    #[arg(long, value_name = "FILE", conflicts_with = "delay_ms")]
    tls_certificate: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let IpAddr::V4(first) = arguments.listen.ip() else {
        return Err("hosts follow each other on IPv4 addresses".into());
    };
    let addresses: Vec<Ipv4Addr> = (0..u32::from(arguments.hosts.max(1)))
        .map(|index| Ipv4Addr::from_bits(first.to_bits() + index))
        .collect();
    let tls = arguments.tls_certificate.as_deref().map(|path| tls::server(&addresses, path)).transpose()?;
    let settings = Settings {
        port: arguments.listen.port(),
        shards: arguments.shards,
        shard_aware_port: arguments.shard_aware_port,
        delay: Duration::from_millis(arguments.delay_ms),
        poll: Duration::from_micros(arguments.idle_poll_us),
        follow: arguments.follow,
        lz4: arguments.lz4,
        tls,
    };
    let hosts = host::start(&addresses, &settings)?;
    // Whoever started us waits for this line.
    println!("listening on {} and {} more", arguments.listen, addresses.len() - 1);
    for host in hosts {
        host.join().map_err(|_| "a host panicked")??;
    }
    Ok(())
}

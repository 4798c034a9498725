//! A CQL server that does nothing but answer, far cheaper than any client asks.
//!
//! It speaks native protocol v3 and v4, knows one table `bench.kv (id bigint PRIMARY KEY, payload blob)` and enough of the system tables for
//! drivers to connect and route, answers every write with VOID and every read with canned rows. Nothing is stored.
//!
//! * [`answers`]: the bytes of every answer, most of them made once.
//! * [`catalog`]: what the system tables say.
//! * [`connection`]: the loop that turns requests into answers, one thread a connection.

mod answers;
mod catalog;
mod connection;
mod encode;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;

use crate::catalog::Catalog;

#[derive(Parser)]
#[command(about = "A CQL server that answers as cheaply as a server can")]
struct Arguments {
    /// Where the first host listens; the others follow on the next addresses
    #[arg(long, default_value = "127.0.0.1:9042")]
    listen: SocketAddr,
    /// How many hosts to be
    #[arg(long, default_value_t = 1)]
    hosts: u8,
    /// Hold every answer back for this long
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Run on this core only
    #[arg(long)]
    core: Option<usize>,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    if let Some(core) = arguments.core {
        let mut cores = rustix::thread::CpuSet::new();
        cores.set(core);
        rustix::thread::sched_setaffinity(None, &cores)?;
    }
    let IpAddr::V4(first) = arguments.listen.ip() else {
        return Err(io::Error::other("hosts follow each other on IPv4 addresses"));
    };
    let addresses: Vec<Ipv4Addr> = (0..u32::from(arguments.hosts.max(1)))
        .map(|index| Ipv4Addr::from_bits(first.to_bits() + index))
        .collect();
    let delay = Duration::from_millis(arguments.delay_ms);
    let mut listeners = Vec::new();
    for address in &addresses {
        listeners.push(TcpListener::bind((*address, arguments.listen.port()))?);
    }
    let mut hosts = Vec::new();
    for (index, listener) in listeners.into_iter().enumerate() {
        let catalog = Arc::new(Catalog::new(&addresses, index, arguments.listen.port()));
        hosts.push(std::thread::spawn(move || serve(&listener, &catalog, delay)));
    }
    // Whoever started us waits for this line.
    println!("listening on {} and {} more", arguments.listen, arguments.hosts.max(1) - 1);
    for host in hosts {
        host.join().map_err(|_| io::Error::other("a host panicked"))??;
    }
    Ok(())
}

fn serve(listener: &TcpListener, catalog: &Arc<Catalog>, delay: Duration) -> io::Result<()> {
    loop {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        let catalog = Arc::clone(catalog);
        std::thread::spawn(move || {
            // A client that goes away in the middle of something is not our concern.
            let _ = connection::run(socket, &catalog, delay);
        });
    }
}

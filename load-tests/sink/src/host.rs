//! A host: its listeners, and what its connections are told about it.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::catalog::Catalog;
use crate::connection;
use crate::following::Following;
use crate::wire::{Delayed, Direct, Polling};

/// What all hosts have in common.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    /// None makes it a Cassandra.
    pub(crate) shards: u16,
    pub(crate) shard_aware_port: u16,
    pub(crate) delay: Duration,
    /// How long a connection looks for requests before it sleeps.
    pub(crate) poll: Duration,
    /// Whether connections are served on the cores of their clients.
    pub(crate) follow: bool,
    /// Whether compression is offered.
    pub(crate) lz4: bool,
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// One host.
pub(crate) struct Host {
    pub(crate) catalog: Catalog,
    pub(crate) settings: Settings,
    /// Connections that had no say in their shard take them in turn.
    next_shard: AtomicUsize,
}

/// Listens on every port of every host. The threads that come back accept until their socket fails.
pub(crate) fn start(
    addresses: &[Ipv4Addr],
    settings: &Settings,
) -> io::Result<Vec<JoinHandle<io::Result<()>>>> {
    let mut listeners = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        let host = Arc::new(Host::new(addresses, index, settings.clone()));
        listeners.push((TcpListener::bind((*address, settings.port))?, Arc::clone(&host), false));
        if settings.shards > 0 {
            listeners.push((TcpListener::bind((*address, settings.shard_aware_port))?, host, true));
        }
    }
    let serve =
        |(listener, host, shard_aware)| std::thread::spawn(move || serve(&listener, &host, shard_aware));
    Ok(listeners.into_iter().map(serve).collect())
}

fn serve(listener: &TcpListener, host: &Arc<Host>, shard_aware: bool) -> io::Result<()> {
    loop {
        let (socket, client) = listener.accept()?;
        socket.set_nodelay(true)?;
        let shard = host.shard(shard_aware.then_some(client.port()));
        let host = Arc::clone(host);
        std::thread::spawn(move || {
            // A client that goes away in the middle of something is not our concern.
            let _ = talk(socket, &host, shard);
        });
    }
}

fn talk(socket: TcpStream, host: &Host, shard: u16) -> io::Result<()> {
    if let Some(config) = &host.settings.tls {
        let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        return connection::run(Direct(StreamOwned::new(session, socket)), host, shard);
    }
    let Settings { delay, poll, follow, .. } = host.settings;
    match (delay.is_zero(), poll.is_zero()) {
        (false, _) => connection::run(Delayed::new(socket, delay)?, host, shard),
        (true, false) => connection::run(Polling::new(socket, poll), host, shard),
        (true, true) if follow => connection::run(Following::new(socket), host, shard),
        (true, true) => connection::run(Direct(socket), host, shard),
    }
}

impl Host {
    pub(crate) fn new(addresses: &[Ipv4Addr], index: usize, settings: Settings) -> Host {
        let catalog = Catalog::new(addresses, index, settings.port);
        Host { catalog, settings, next_shard: AtomicUsize::new(0) }
    }

    /// The shard of a new connection: by its source port if that is how it came, else the next.
    fn shard(&self, source_port: Option<u16>) -> u16 {
        match (source_port, self.settings.shards) {
            (_, 0) => 0,
            (Some(port), shards) => port % shards,
            (None, shards) => (self.next_shard.fetch_add(1, Ordering::Relaxed) % usize::from(shards)) as u16,
        }
    }
}

/// For tests: one host that is nobody's neighbour.
#[cfg(test)]
pub(crate) fn test_host(shards: u16, lz4: bool) -> Host {
    let settings = Settings {
        port: 9042,
        shards,
        shard_aware_port: 19042,
        delay: Duration::ZERO,
        poll: Duration::ZERO,
        follow: false,
        lz4,
        tls: None,
    };
    Host::new(&[Ipv4Addr::LOCALHOST], 0, settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_port_chooses_its_shard_and_others_take_turns() {
        let host = test_host(3, false);
        assert_eq!(host.shard(Some(50_001)), 0);
        assert_eq!(host.shard(Some(50_003)), 2);
        assert_eq!([host.shard(None), host.shard(None), host.shard(None), host.shard(None)], [0, 1, 2, 0]);
    }
}

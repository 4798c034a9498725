//! Accepting connections.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::connection;
use super::node::{Admission, TaskGuard};
use super::socket::Accepted;
use crate::cluster::{Door, WorkersHandle};

/// Where a node waits for clients, registered with no runtime.
pub(crate) enum Entrance {
    Tcp(StdListener),
    #[cfg(unix)]
    Unix(super::unix::UnixSocket),
}

/// Accepts at one of a node's doors until the node is stopped. Runs on a worker; connections are spread over all of them.
pub(crate) async fn listen(entrance: Entrance, guard: TaskGuard, door: Door, workers: WorkersHandle) {
    let node = Arc::clone(guard.node());
    let mut stopped = node.stopped.subscribe();
    let listener = match Listener::open(entrance) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, node = node.index, "cannot listen");
            return;
        }
    };
    loop {
        node.thawed().await;
        let mut frozen = node.frozen.subscribe();
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => break,
            // Clients get as far as the kernel's queue while the node is frozen.
            _ = frozen.wait_for(|frozen| *frozen) => continue,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: connections that end will free some.
                tracing::warn!(%error, node = node.index, "cannot accept");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let Some(admission) = Admission::request(&node, door, peer.port()) else {
            tracing::debug!(%peer, node = node.index, "too many connections, closing this one");
            continue;
        };
        workers.run(Box::new(move || {
            tokio::task::spawn_local(connection::serve(socket, peer, admission));
        }));
    }
    drop(listener);
    drop(guard);
}

enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        listener: tokio::net::UnixListener,
        /// Goes with the listener.
        _file: super::unix::SocketFile,
    },
}

impl Listener {
    fn open(entrance: Entrance) -> io::Result<Self> {
        match entrance {
            Entrance::Tcp(listener) => TcpListener::from_std(listener).map(Self::Tcp),
            #[cfg(unix)]
            Entrance::Unix(socket) => {
                let (listener, _file) = socket.into_parts();
                let listener = tokio::net::UnixListener::from_std(listener)?;
                Ok(Self::Unix { listener, _file })
            }
        }
    }

    /// The next client. A socket is registered with the runtime that made it: it changes threads as a plain one.
    async fn accept(&self) -> io::Result<(Accepted, SocketAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (socket, peer) = listener.accept().await?;
                // One that the client has reset already is found out when it is read from.
                let _ = socket.set_nodelay(true);
                Ok((Accepted::Tcp(socket.into_std()?), peer))
            }
            #[cfg(unix)]
            Self::Unix { listener, .. } => {
                let (socket, _) = listener.accept().await?;
                // It is on this machine, which is all that is known of it.
                Ok((Accepted::Unix(socket.into_std()?), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
            }
        }
    }
}

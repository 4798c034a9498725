//! Accepting connections.

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::connection;
use super::node::{Admission, TaskGuard};
use crate::cluster::{Door, WorkersHandle};

/// Accepts at one of a node's doors until the node is stopped. Runs on a worker; connections are spread over all of them.
pub(crate) async fn listen(listener: StdListener, guard: TaskGuard, door: Door, workers: WorkersHandle) {
    let node = Arc::clone(guard.node());
    let mut stopped = node.stopped.subscribe();
    let listener = match TcpListener::from_std(listener) {
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
        // A socket is registered with the runtime that made it: it changes threads as a plain one.
        match socket.set_nodelay(true).and_then(|()| socket.into_std()) {
            Ok(socket) => {
                workers.run(Box::new(move || {
                    tokio::task::spawn_local(connection::serve(socket, peer, admission));
                }));
            }
            Err(error) => tracing::debug!(%error, %peer, "cannot serve a connection"),
        }
    }
    drop(listener);
    drop(guard);
}

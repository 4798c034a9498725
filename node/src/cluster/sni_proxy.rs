//! A proxy in front of a cluster's nodes.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use super::{EmbeddedCluster, StartError};
use crate::server::{Asked, Passage, pass};

/// A proxy that passes TLS connections on to the node whose host id is the server name they ask for (or the first label of
/// it), as cloud services have it. It decrypts nothing: nodes show their own certificates. Stops when it is dropped, and
/// with its cluster.
#[derive(Debug)]
pub struct SniProxy {
    address: SocketAddr,
    asked: Asked,
    stopped: watch::Sender<bool>,
}

impl SniProxy {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections asked for each name that a node goes by.
    pub fn asked(&self) -> BTreeMap<String, u64> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for SniProxy {
    fn drop(&mut self) {
        self.stopped.send_replace(true);
    }
}

impl EmbeddedCluster {
    /// Starts a proxy in front of the nodes. Port 0 is a free one.
    ///
    /// # Errors
    ///
    /// When the address is not loopback, or cannot be listened on.
    pub fn sni_proxy(&self, address: SocketAddr) -> Result<SniProxy, StartError> {
        if !address.ip().is_loopback() {
            return Err(StartError::Public(address));
        }
        let listening = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(listening)?;
        listener.set_nonblocking(true).map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let asked = Asked::default();
        let passage = Passage { roster: Arc::clone(&self.shared.roster), asked: Arc::clone(&asked) };
        let (stopped, stop) = watch::channel(false);
        let started = self.workers.handle().run(Box::new(move || {
            tokio::task::spawn_local(pass(listener, passage, stop));
        }));
        match started {
            true => Ok(SniProxy { address, asked, stopped }),
            false => Err(StartError::Threads(io::Error::other("the cluster has been stopped"))),
        }
    }
}

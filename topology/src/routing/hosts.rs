//! Hosts as the request path sees them.

use std::sync::Arc;

use crate::host::{Distance, Host, HostIndex, Sharding};

/// A host as the request path sees it.
#[derive(Debug, Clone)]
pub struct RouteHost {
    /// The host itself.
    pub host: Arc<Host>,
    /// Its shards, copied here to save a pointer.
    pub sharding: Option<Sharding>,
    /// False when the driver knows it to be unreachable.
    pub up: bool,
    /// How near it is to the policy that has it nearest, which decides about connections; departed hosts are ignored. A
    /// policy asks its [`View`](super::View) instead.
    pub distance: Distance,
    /// False when it left the cluster; its number is kept in case it returns.
    pub member: bool,
    /// The number of its datacenter, see [`Route::datacenters`](super::Route::datacenters).
    pub dc: u16,
    /// The number of its rack.
    pub rack: u16,
}

impl RouteHost {
    pub(super) fn new(host: Arc<Host>) -> RouteHost {
        let sharding = host.sharding;
        RouteHost { host, sharding, up: true, distance: Distance::Ignored, member: true, dc: 0, rack: 0 }
    }

    /// Takes what is newly told about the host; the same `Arc` when nothing is new.
    pub(super) fn rejoin(&mut self, mut host: Host) -> Arc<Host> {
        host.sharding = host.sharding.or(self.sharding);
        if host.tokens == self.host.tokens {
            // Told again: whoever compares sees at once that they are the same.
            host.tokens = Arc::clone(&self.host.tokens);
        }
        let moved = host.address != self.host.address;
        if !moved {
            // Of itself a host tells more than others tell of it.
            host.remember_addresses(&self.host);
        }
        if !self.member || moved {
            self.up = true;
        }
        self.member = true;
        self.sharding = host.sharding;
        if *self.host != host {
            self.host = Arc::new(host);
        }
        self.host.clone()
    }

    pub(super) fn leave(&mut self) -> HostIndex {
        self.member = false;
        self.up = false;
        self.distance = Distance::Ignored;
        self.host.index
    }
}

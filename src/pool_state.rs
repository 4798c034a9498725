//! How the connections of a session stand, for those who want to look at them one by one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use chorus_actors::ConnectionSnapshot;
use chorus_topology::{Distance, Host, Sharding};

use crate::Session;
use crate::error::Error;

/// The connections to one host at one moment, those of all reactors together; see [`Session::pool_state`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolState {
    /// The host.
    pub host: Arc<Host>,
    /// No connection is kept: every load balancing policy of the session ignores the host.
    pub is_shut_down: bool,
    /// The connections in service, in the order of their shards. Those being made, and those that only finish what is in
    /// flight on them before they are closed, are not among them.
    pub connections: Vec<ConnectionSnapshot>,
}

impl PoolState {
    /// How many connections are in service.
    pub fn open_count(&self) -> usize {
        self.connections.len()
    }

    /// Requests in flight or queued on all of them, orphans included.
    pub fn in_flight(&self) -> u64 {
        self.connections.iter().map(|connection| u64::from(connection.in_flight)).sum()
    }

    /// Answers outstanding on all of them that nobody waits for.
    pub fn orphans(&self) -> u64 {
        self.connections.iter().map(|connection| u64::from(connection.orphans)).sum()
    }
}

/// How many of a host's shards have a connection; see [`Session::shard_stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardStats {
    /// How many shards the host has.
    pub shards: u16,
    /// How many of them have at least one connection in service.
    pub connected: u16,
}

impl Session {
    /// How the connections to each host stand, also to hosts without any; in the order of [`ClusterState::hosts`].
    ///
    /// [`ClusterState::hosts`]: crate::ClusterState::hosts
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionClosed`](crate::ErrorKind::SessionClosed) when the engine has ended: there are no pools then.
    pub async fn pool_state(&self) -> Result<Vec<PoolState>, Error> {
        let mut metrics = self.metrics().await?;
        let state = self.state();
        let pool = |host: &Arc<Host>| {
            let mut connections: Vec<ConnectionSnapshot> =
                (metrics.hosts.iter_mut().filter(|counted| counted.host == host.index))
                    .flat_map(|counted| std::mem::take(&mut counted.pool))
                    .collect();
            connections.sort_by_key(|connection| connection.shard);
            let distance = state.route.host(host.index).map(|entry| entry.distance);
            let is_shut_down = distance.is_none_or(|distance| distance == Distance::Ignored);
            PoolState { host: Arc::clone(host), is_shut_down, connections }
        };
        Ok(state.hosts.iter().map(pool).collect())
    }

    /// Whether any host has told that it has shards, as those of ScyllaDB do. Requests then go to the shard of their
    /// partition.
    pub fn is_shard_aware(&self) -> bool {
        self.state().hosts.iter().any(|host| host.sharding.is_some())
    }

    /// Of each host that has shards, by its address, how many there are and how many have a connection. Empty when the
    /// session is not [shard aware](Self::is_shard_aware).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionClosed`](crate::ErrorKind::SessionClosed) when the engine has ended.
    pub async fn shard_stats(&self) -> Result<BTreeMap<SocketAddr, ShardStats>, Error> {
        let pools = self.pool_state().await?;
        let stats = |pool: &PoolState| {
            let Sharding { nr_shards: shards, .. } = pool.host.sharding?;
            let mut connected: Vec<u16> =
                pool.connections.iter().filter_map(|connection| connection.shard).collect();
            connected.dedup();
            // Right after a restart with fewer shards there may be connections from before.
            connected.retain(|shard| *shard < shards);
            Some((pool.host.address, ShardStats { shards, connected: connected.len() as u16 }))
        };
        Ok(pools.iter().filter_map(stats).collect())
    }
}

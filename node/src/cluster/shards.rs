//! Nodes that are divided into shards, as those of ScyllaDB are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use chorus_protocol::token::{Token, shard_of};
use tokio::net::TcpSocket;

/// How nodes are divided into shards. A cluster that has them looks like ScyllaDB to its clients, see
/// [`EmbeddedClusterBuilder::shards`](super::EmbeddedClusterBuilder::shards).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Shards {
    pub(crate) count: u16,
    pub(crate) ignore_msb: u8,
    pub(crate) port: ShardPort,
    pub(crate) tablets_v2: bool,
    pub(crate) metadata_ids: bool,
}

/// What becomes of connections to the shard-aware port, where a client chooses its shard by the port it comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardPort {
    /// The shard is the source port modulo the number of shards.
    #[default]
    Works,
    /// There is no such port, and clients are not told of one.
    Absent,
    /// Clients are told of one, and connections to it are refused.
    Dead,
    /// Connections come from other ports than their clients believe, as behind address translation: every one lands on the
    /// shard after the one that was asked for.
    Translated,
}

impl Shards {
    /// That many shards (at least 1), 12 ignored bits, and a shard-aware port that works.
    pub fn new(count: u16) -> Self {
        Self {
            count: count.max(1),
            ignore_msb: 12,
            port: ShardPort::Works,
            tablets_v2: false,
            metadata_ids: true,
        }
    }

    /// How many of a token's highest bits do not matter for its shard. Defaults to 12; at most 63.
    pub fn ignore_msb(mut self, bits: u8) -> Self {
        self.ignore_msb = bits.min(63);
        self
    }

    /// Whether clients may have tablets told with their versions, by an extension that is still an experiment
    /// (`TABLETS_ROUTING_V2_EXPERIMENTAL`). Defaults to false.
    pub fn tablets_v2(mut self, offered: bool) -> Self {
        self.tablets_v2 = offered;
        self
    }

    /// Whether clients are offered ids of result metadata on version 4, which older releases do not have. Defaults to true.
    pub fn metadata_ids(mut self, offered: bool) -> Self {
        self.metadata_ids = offered;
        self
    }

    /// What becomes of connections to the shard-aware port. Defaults to [`ShardPort::Works`].
    pub fn port(mut self, port: ShardPort) -> Self {
        self.port = port;
        self
    }
}

impl From<u16> for Shards {
    fn from(count: u16) -> Self {
        Self::new(count)
    }
}

/// Which of a node's ports a connection was made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// The node chooses the shard.
    Ordinary,
    /// The client does, by its source port.
    ShardAware,
}

/// The shards of one node while it runs, and what is on each.
#[derive(Debug)]
pub(crate) struct Division {
    pub(crate) shards: Shards,
    /// The shard-aware port as clients are told.
    pub(crate) port: Option<u16>,
    loads: Box<[Load]>,
    /// Holds a dead port, so that nobody else listens there.
    _held: Option<TcpSocket>,
}

#[derive(Debug, Default)]
struct Load {
    connections: AtomicU32,
    requests: AtomicU64,
}

impl Division {
    pub(crate) fn new(shards: Shards, port: Option<u16>, held: Option<TcpSocket>) -> Self {
        let loads = (0..shards.count).map(|_| Load::default()).collect();
        Self { shards, port, loads, _held: held }
    }

    /// The shard that has the partition at `token`.
    #[inline]
    pub(crate) fn shard_of(&self, token: i64) -> u16 {
        shard_of(Token(token), self.shards.count, self.shards.ignore_msb) as u16
    }

    /// Connections on each shard.
    pub(crate) fn connections(&self) -> Vec<usize> {
        self.loads.iter().map(|load| load.connections.load(Ordering::Relaxed) as usize).collect()
    }

    /// Requests that each shard has received.
    pub(crate) fn requests(&self) -> Vec<u64> {
        self.loads.iter().map(|load| load.requests.load(Ordering::Relaxed)).collect()
    }

    /// The shard of a connection that comes through `door` from `port`.
    fn choose(&self, door: Door, port: u16) -> u16 {
        match (door, self.shards.port) {
            (Door::ShardAware, ShardPort::Translated) => port.wrapping_add(1) % self.shards.count,
            (Door::ShardAware, _) => port % self.shards.count,
            // The one with the fewest connections, as ScyllaDB does it.
            (Door::Ordinary, _) => {
                let load = |shard: &usize| self.loads[*shard].connections.load(Ordering::Relaxed);
                (0..self.loads.len()).min_by_key(load).unwrap_or_default() as u16
            }
        }
    }
}

/// A connection's place on a shard, for as long as the connection lasts.
#[derive(Debug)]
pub(crate) struct Place {
    division: Arc<Division>,
    shard: u16,
}

impl Place {
    pub(crate) fn take(division: &Arc<Division>, door: Door, port: u16) -> Self {
        let shard = division.choose(door, port);
        division.loads[usize::from(shard)].connections.fetch_add(1, Ordering::Relaxed);
        Self { division: Arc::clone(division), shard }
    }

    pub(crate) fn division(&self) -> &Arc<Division> {
        &self.division
    }

    pub(crate) fn shard(&self) -> u16 {
        self.shard
    }

    /// A request came.
    #[inline]
    pub(crate) fn count_request(&self) {
        self.division.loads[usize::from(self.shard)].requests.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.division.loads[usize::from(self.shard)].connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn division(shards: Shards) -> Arc<Division> {
        Arc::new(Division::new(shards, Some(19042), None))
    }

    #[test]
    fn the_ordinary_port_leads_to_the_shard_with_the_fewest_connections() {
        let division = division(Shards::new(3));
        let mut places: Vec<Place> =
            (0..3).map(|port| Place::take(&division, Door::Ordinary, port * 3)).collect();
        assert_eq!(places.iter().map(Place::shard).collect::<Vec<_>>(), [0, 1, 2]);
        places.remove(1);
        assert_eq!(Place::take(&division, Door::Ordinary, 0).shard(), 1);
        assert_eq!(division.connections(), [1, 0, 1]);
    }

    #[test]
    fn the_shard_aware_port_leads_where_the_source_port_says() {
        let straight = division(Shards::new(4));
        let translated = division(Shards::new(4).port(ShardPort::Translated));
        for port in [0, 1, 50_002, 65_535] {
            assert_eq!(Place::take(&straight, Door::ShardAware, port).shard(), port % 4);
            assert_eq!(Place::take(&translated, Door::ShardAware, port).shard(), port.wrapping_add(1) % 4);
        }
    }

    #[test]
    fn there_is_always_a_shard() {
        assert_eq!(Shards::new(0), Shards::new(1));
        assert_eq!(division(Shards::new(0)).shard_of(i64::MIN), 0);
        assert_eq!(division(Shards::new(5).ignore_msb(200)).shard_of(-1), 2, "bits 0 of 64 decide");
    }
}

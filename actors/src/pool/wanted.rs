//! Which of a host's places belong to which reactor.

use chorus_topology::{HostIndex, Sharding};

use super::slots::Shard;
use crate::config::PoolSize;

/// The reactor that owns the connections to `shard` of `host`; any shard counts as the first.
///
/// Spreading by host as well keeps a cluster of many small hosts from landing on one reactor.
pub(crate) fn owner(host: HostIndex, shard: Shard, reactors: usize) -> usize {
    (host.as_usize() + usize::from(shard.unwrap_or(0))) % reactors.max(1)
}

/// A pool's share of the connections to its host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) size: PoolSize,
    pub(crate) host: u32,
    pub(crate) reactor: usize,
    pub(crate) reactors: usize,
}

impl Wanted {
    /// Whether places are shards.
    pub(crate) fn by_shard(&self, sharding: Option<Sharding>) -> bool {
        matches!((self.size, sharding), (PoolSize::PerShard(_), Some(_)))
    }

    /// Each place of this pool with the number of connections it should have.
    ///
    /// Where places are shards, a reactor has those it owns; one that owns none (more reactors than shards) has one
    /// connection to any shard, so that every reactor reaches every host. Where they are not, the host's connections
    /// are dealt out evenly, again at least one to each reactor.
    pub(crate) fn places(&self, sharding: Option<Sharding>) -> Vec<(Shard, u16)> {
        match (self.size, sharding) {
            (PoolSize::PerShard(each), Some(Sharding { nr_shards, .. })) => {
                let owned: Vec<(Shard, u16)> = (0..nr_shards)
                    .filter(|&shard| owner(HostIndex(self.host), Some(shard), self.reactors) == self.reactor)
                    .map(|shard| (Some(shard), each.get()))
                    .collect();
                if owned.is_empty() { vec![(Some(self.reactor as u16 % nr_shards.max(1)), 1)] } else { owned }
            }
            (PoolSize::PerShard(count) | PoolSize::PerHost(count), _) => {
                let (count, reactors) = (usize::from(count.get()), self.reactors.max(1));
                let dealt = count / reactors + usize::from(self.reactor < count % reactors);
                vec![(None, dealt.max(1) as u16)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU16;

    fn wanted(size: PoolSize, reactor: usize, reactors: usize) -> Wanted {
        Wanted { size, host: 1, reactor, reactors }
    }

    fn per_shard(count: u16) -> PoolSize {
        PoolSize::PerShard(NonZeroU16::new(count).unwrap())
    }

    const FIVE: Option<Sharding> = Some(Sharding { nr_shards: 5, ignore_msb: 12 });

    #[test]
    fn every_shard_has_exactly_one_owner() {
        let mut seen = Vec::new();
        for reactor in 0..3 {
            for (shard, count) in wanted(per_shard(2), reactor, 3).places(FIVE) {
                assert_eq!(count, 2);
                assert_eq!(owner(HostIndex(1), shard, 3), reactor);
                seen.push(shard.unwrap());
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_reactor_without_shards_of_its_own_still_gets_a_connection() {
        let one_shard = Some(Sharding { nr_shards: 1, ignore_msb: 0 });
        for reactor in 0..4 {
            assert_eq!(wanted(per_shard(1), reactor, 4).places(one_shard), [(Some(0), 1)]);
        }
    }

    #[test]
    fn connections_to_a_host_without_shards_are_dealt_out() {
        let size = PoolSize::PerHost(NonZeroU16::new(5).unwrap());
        let dealt: Vec<u16> = (0..3).map(|reactor| wanted(size, reactor, 3).places(None)[0].1).collect();
        assert_eq!(dealt, [2, 2, 1]);
        assert_eq!(wanted(per_shard(1), 3, 4).places(None), [(None, 1)]);
    }
}

//! Drawing one of several replicas.

use std::cmp::Ordering;

use super::{Load, RoutingQuality, Target};
use crate::host::{Distance, HostIndex};
use crate::rng::Rng;
use crate::routing::Replica;

/// In which order replicas are chosen; less is earlier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u8);

impl Rank {
    pub(super) const REMOTE: Rank = Rank(4);
    /// Never chosen.
    pub(super) const NONE: Rank = Rank(5);

    /// A slow host of the preferred rack comes after the others of the datacenter; far ones are slow anyway.
    #[inline]
    pub(super) fn of(distance: Distance, slow: bool) -> Rank {
        match distance {
            Distance::LocalRack => Rank(2 * u8::from(slow)),
            Distance::Local => Rank(1 + 2 * u8::from(slow)),
            Distance::Remote => Rank::REMOTE,
            Distance::Ignored => Rank::NONE,
        }
    }

    #[inline]
    pub(super) fn target(self, replica: Replica) -> Target {
        let quality = match replica.shard {
            _ if self == Rank::REMOTE => RoutingQuality::RemoteDatacenter,
            Some(_) => RoutingQuality::ReplicaShard,
            None => RoutingQuality::Replica,
        };
        Target { host: replica.host, shard: replica.shard, quality }
    }
}

/// Two replicas drawn at random from those of the first rank, in one pass and without knowing how many there will be.
pub(super) struct Draw {
    /// False: the first of the first rank is taken.
    pub(super) shuffle: bool,
    pub(super) rank: Rank,
    /// How many of that rank came by.
    seen: u32,
    drawn: [Option<Drawn>; 2],
}

#[derive(Clone, Copy)]
pub(super) struct Drawn {
    /// Its place among the replicas.
    pub(super) place: usize,
    pub(super) host: HostIndex,
}

impl Draw {
    pub(super) fn new(shuffle: bool) -> Draw {
        Draw { shuffle, rank: Rank::NONE, seen: 0, drawn: [None; 2] }
    }

    /// Whether a host of this rank may still be drawn.
    #[inline]
    pub(super) fn wants(&self, rank: Rank) -> bool {
        rank < self.rank || (rank == self.rank && self.seen > 0 && self.shuffle)
    }

    #[inline]
    pub(super) fn put(&mut self, candidate: Drawn, rank: Rank, rng: &mut Rng) {
        if rank < self.rank {
            self.rank = rank;
            self.drawn = [Some(candidate), None];
            self.seen = 1;
            return;
        }
        self.seen += 1;
        // Each of the n so far is among the two drawn with probability 2/n.
        let slot = if self.seen == 2 { 1 } else { rng.below(self.seen) };
        if let Some(slot) = self.drawn.get_mut(slot as usize) {
            *slot = Some(candidate);
        }
    }

    #[inline]
    pub(super) fn winner(&self, load: &dyn Load, rng: &mut Rng) -> Option<Drawn> {
        let [first, second] = self.drawn;
        let (first, Some(second)) = (first?, second) else { return first };
        match load.in_flight(first.host).cmp(&load.in_flight(second.host)) {
            Ordering::Less => Some(first),
            Ordering::Greater => Some(second),
            Ordering::Equal if rng.coin() => Some(first),
            Ordering::Equal => Some(second),
        }
    }
}

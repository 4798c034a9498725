//! The members of a cluster as its system tables tell them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use uuid::Uuid;

use super::ring::{self, Sequence};
use super::shards::Shards;

/// What a node is. A change makes another one with the same number and host id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its number in the cluster, the first being 0.
    pub(crate) index: usize,
    /// Where clients reach it.
    pub(crate) address: SocketAddr,
    pub(crate) host_id: Uuid,
    pub(crate) datacenter: String,
    pub(crate) rack: String,
    /// Sorted.
    pub(crate) tokens: Vec<i64>,
    /// How it is divided; `None` when it is not.
    pub(crate) shards: Option<Shards>,
    /// Others have heard of it and not yet where it stands and what it owns.
    pub(crate) half_known: bool,
}

impl Member {
    fn new(index: usize, seat: Seat, host_id: Uuid, tokens: Vec<i64>) -> Self {
        let Seat { address, datacenter, rack, shards } = seat;
        Self { index, address, host_id, datacenter, rack, tokens, shards, half_known: false }
    }

    /// How many shards it has, one that is not divided having one.
    pub(crate) fn shard_count(&self) -> u16 {
        self.shards.as_ref().map_or(1, |shards| shards.count)
    }
}

/// Everybody in the cluster at some moment, up or down.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    pub(crate) name: String,
    pub(crate) members: Vec<Arc<Member>>,
}

/// Who is in the cluster now.
#[derive(Debug)]
pub(crate) struct Roster {
    current: RwLock<Arc<Membership>>,
    /// Rises with every change, after it was made.
    epoch: AtomicU64,
}

impl Roster {
    pub(crate) fn new(membership: Membership) -> Self {
        Self { current: RwLock::new(Arc::new(membership)), epoch: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> Arc<Membership> {
        Arc::clone(&self.current.read().expect("no code panics with the lock held"))
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Membership)) {
        let mut current = self.current.write().expect("no code panics with the lock held");
        change(Arc::make_mut(&mut current));
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// How often it has changed.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}

/// A place in a cluster that a node will take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) address: SocketAddr,
    pub(crate) datacenter: String,
    pub(crate) rack: String,
    pub(crate) shards: Option<Shards>,
}

impl Membership {
    /// Draws host ids and tokens from the seed. Each datacenter is a ring of its own in which all its nodes own the same
    /// share, as replication by datacenter wants it.
    pub(crate) fn new(name: String, seats: Vec<Seat>, tokens_per_node: usize, seed: u64) -> Self {
        let mut sequence = Sequence::new(seed);
        let host_ids: Vec<Uuid> = seats.iter().map(|_| sequence.next_uuid()).collect();
        let mut tokens = vec![Vec::new(); seats.len()];
        let mut done: Vec<&str> = Vec::new();
        for seat in &seats {
            if done.contains(&seat.datacenter.as_str()) {
                continue;
            }
            done.push(&seat.datacenter);
            let residents: Vec<usize> =
                (0..seats.len()).filter(|&other| seats[other].datacenter == seat.datacenter).collect();
            let owned = ring::tokens(residents.len(), tokens_per_node, &mut sequence);
            for (resident, owned) in residents.into_iter().zip(owned) {
                tokens[resident] = owned;
            }
        }
        let members = seats
            .into_iter()
            .zip(host_ids.into_iter().zip(tokens))
            .enumerate()
            .map(|(index, (seat, (host_id, tokens)))| Arc::new(Member::new(index, seat, host_id, tokens)))
            .collect();
        Self { name, members }
    }

    /// Lets one more node in, with tokens anywhere, as a node that bootstraps has them.
    pub(crate) fn join(
        &mut self,
        index: usize,
        seat: Seat,
        tokens_per_node: usize,
        seed: u64,
    ) -> Arc<Member> {
        // Drawn apart from those who were there from the start, and from others who join.
        let mut sequence = Sequence::new(seed ^ (index as u64) << 32);
        let host_id = sequence.next_uuid();
        let tokens = ring::scattered_tokens(tokens_per_node, &mut sequence);
        let member = Arc::new(Member::new(index, seat, host_id, tokens));
        self.members.push(Arc::clone(&member));
        member
    }

    /// Puts another node in the place of the one with its number, if that is still there.
    pub(crate) fn replace(&mut self, member: &Arc<Member>) {
        if let Some(place) = self.members.iter_mut().find(|known| known.index == member.index) {
            *place = Arc::clone(member);
        }
    }

    pub(crate) fn leave(&mut self, index: usize) {
        self.members.retain(|member| member.index != index);
    }

    /// The member of that number, unless it has left.
    pub(crate) fn member(&self, index: usize) -> Option<&Member> {
        self.members.iter().find(|member| member.index == index).map(|member| &**member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(last: u8, datacenter: &str) -> Seat {
        let address = SocketAddr::from(([127, 0, 0, last], 9042));
        Seat { address, datacenter: datacenter.to_owned(), rack: "rack1".to_owned(), shards: None }
    }

    #[test]
    fn every_datacenter_is_a_whole_ring() {
        let seats = vec![seat(1, "a"), seat(2, "b"), seat(3, "a"), seat(4, "a")];
        let membership = Membership::new("test".to_owned(), seats, 8, 5);
        for (datacenter, size) in [("a", 3), ("b", 1)] {
            let mut tokens: Vec<i64> = membership
                .members
                .iter()
                .filter(|member| member.datacenter == datacenter)
                .flat_map(|member| member.tokens.iter().copied())
                .collect();
            tokens.sort_unstable();
            tokens.dedup();
            assert_eq!(tokens.len(), 8 * size);
            // Pieces of equal size, one token in each: no gap is wider than two of them.
            let piece = (1u128 << 64) / tokens.len() as u128;
            for pair in tokens.windows(2) {
                assert!(u128::from((pair[1] as u64).wrapping_sub(pair[0] as u64)) < 2 * piece);
            }
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_cluster() {
        let make =
            |seed| Membership::new("test".to_owned(), vec![seat(1, "a"), seat(2, "a")], 4, seed).members;
        assert_eq!(make(1), make(1));
        assert_ne!(make(1)[0].host_id, make(2)[0].host_id);
    }
}

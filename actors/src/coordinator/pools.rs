//! The connections of one reactor, by host and shard, as the coordinator chooses among them.

use std::rc::Rc;

use chorus_topology::{HostIndex, HostLatency, Load, Rng, Route, SlowHosts};

use crate::connection::ConnectionHandle;

/// The connections to one host.
#[derive(Default)]
pub(super) struct HostPool {
    connections: Vec<ConnectionHandle>,
    /// Connections there should be.
    target: u32,
    /// Whether the cluster believes the host is up.
    up: bool,
    latency: HostLatency,
    /// The same as a plain number, microseconds; zero when it is not known.
    latency_us: u32,
    /// Requests it refused for what it is at, whatever they were, since it was last measured.
    refused: u32,
    /// Refusals were all it answered when it was last measured, which counts until then; zero when they were not.
    refuses_until_us: u64,
}

/// Refusals in one period that say something about the host.
const FEWEST_REFUSALS: u32 = 8;
/// How long a host that did nothing but refuse, and is spared, is taken to do so. Then it gets its next chance.
const REFUSES_US: u64 = 10_000_000;

impl HostPool {
    pub(super) fn connections(&self) -> &[ConnectionHandle] {
        &self.connections
    }

    /// Notes answers that came since the last time.
    pub(super) fn note_latency(&mut self, answers: u64, sum_us: u64, now_us: u64) {
        let refused = std::mem::take(&mut self.refused);
        // Counted a moment after the answers, so that the two need not be equal.
        if refused >= FEWEST_REFUSALS && u64::from(refused) * 8 >= answers * 7 {
            self.refuses_until_us = now_us.saturating_add(REFUSES_US);
        } else if answers > 0 || now_us >= self.refuses_until_us {
            self.refuses_until_us = 0;
        }
        if self.refuses() {
            // Nothing is as fast as a refusal: by it the host would be the best of all.
            return;
        }
        self.latency.record(answers, sum_us, now_us);
        self.latency_us = self.latency.current_us(now_us).unwrap_or(0);
    }

    fn refuses(&self) -> bool {
        self.refuses_until_us > 0
    }

    /// How long it takes as far as choosing it is concerned: a host that only refuses is the slowest there is.
    fn seems_us(&self) -> u32 {
        if self.refuses() { u32::MAX } else { self.latency_us }
    }
}

/// What picking a connection came to.
pub(super) enum Pick<'p> {
    /// This one has room.
    Connection(&'p ConnectionHandle),
    /// There are connections, all of them full.
    Full,
    /// There is none.
    None,
}

impl Pick<'_> {
    /// The connection, to be kept, if there is one with room.
    pub(super) fn connection(&self) -> Option<ConnectionHandle> {
        match self {
            Self::Connection(connection) => Some(Rc::clone(connection)),
            Self::Full | Self::None => None,
        }
    }
}

/// All connections of the reactor, indexed by host.
#[derive(Default)]
pub(super) struct Pools {
    hosts: Vec<HostPool>,
    /// The shortest and the longest of all latencies that are known, microseconds.
    latencies_us: Option<(u32, u32)>,
}

impl Pools {
    fn host_mut(&mut self, host: HostIndex) -> &mut HostPool {
        let index = host.0 as usize;
        if self.hosts.len() <= index {
            self.hosts.resize_with(index + 1, HostPool::default);
        }
        &mut self.hosts[index]
    }

    pub(super) fn add(&mut self, connection: ConnectionHandle) {
        self.host_mut(connection.host).connections.push(connection);
    }

    pub(super) fn remove(&mut self, host: HostIndex, id: u64) {
        if let Some(pool) = self.hosts.get_mut(host.0 as usize) {
            pool.connections.retain(|connection| connection.id != id);
        }
    }

    /// Notes how many connections there should be to a host.
    pub(super) fn set_target(&mut self, host: HostIndex, target: u32) {
        self.host_mut(host).target = target;
    }

    /// How many connections there should be to a host.
    pub(super) fn target(&self, host: HostIndex) -> u32 {
        self.hosts.get(host.0 as usize).map_or(0, |pool| pool.target)
    }

    pub(super) fn set_route(&mut self, route: &Route) {
        for host in route.hosts() {
            self.host_mut(host.host.index).up = host.up;
        }
    }

    /// Chooses a connection to a host: one to the shard if there is one with room, else the less busy of two.
    #[inline(always)]
    pub(super) fn pick(&self, host: HostIndex, shard: Option<u16>, rng: &mut Rng) -> Pick<'_> {
        let Some(pool) = self.hosts.get(host.0 as usize) else { return Pick::None };
        let connections = &pool.connections;
        if let [only] = connections.as_slice() {
            return match only {
                only if only.has_room() => Pick::Connection(only),
                only if only.is_open() => Pick::Full,
                _ => Pick::None,
            };
        }
        if shard.is_some() {
            let to_shard = connections.iter().filter(|one| one.shard == shard && one.has_room());
            if let Some(best) = to_shard.min_by_key(|one| one.in_flight()) {
                return Pick::Connection(best);
            }
        }
        if connections.is_empty() {
            return Pick::None;
        }
        let first = &connections[rng.below(connections.len() as u32) as usize];
        let second = &connections[rng.below(connections.len() as u32) as usize];
        let (light, heavy) =
            if first.in_flight() <= second.in_flight() { (first, second) } else { (second, first) };
        if let Some(chosen) = [light, heavy].into_iter().find(|one| one.has_room()) {
            return Pick::Connection(chosen);
        }
        match connections.iter().find(|one| one.has_room()) {
            Some(any) => Pick::Connection(any),
            None if connections.iter().any(|one| one.is_open()) => Pick::Full,
            None => Pick::None,
        }
    }

    /// Has each host note how long it takes.
    pub(super) fn measure_each(&mut self, mut measure: impl FnMut(&mut HostPool)) {
        self.latencies_us = None;
        for pool in &mut self.hosts {
            measure(pool);
            let seems_us = pool.seems_us();
            if seems_us > 0 {
                let (shortest, longest) = self.latencies_us.unwrap_or((seems_us, seems_us));
                self.latencies_us = Some((shortest.min(seems_us), longest.max(seems_us)));
            }
        }
    }

    /// A host refused a request for what it is at, whatever the request was.
    pub(super) fn note_refusal(&mut self, host: HostIndex) {
        if let Some(pool) = self.hosts.get_mut(host.0 as usize) {
            pool.refused = pool.refused.saturating_add(1);
        }
    }

    /// Whether a host has lately answered nothing but refusals.
    pub(super) fn refuses(&self, host: HostIndex) -> bool {
        self.hosts.get(host.0 as usize).is_some_and(HostPool::refuses)
    }

    /// How long a host takes to answer, microseconds, when that is known.
    pub(super) fn answers_in_us(&self, host: HostIndex) -> Option<u32> {
        self.hosts.get(host.0 as usize).map(|pool| pool.latency_us).filter(|latency| *latency > 0)
    }

    /// Every connection.
    pub(super) fn connections(&self) -> impl Iterator<Item = &ConnectionHandle> {
        self.hosts.iter().flat_map(|pool| &pool.connections)
    }
}

impl Load for Pools {
    fn in_flight(&self, host: HostIndex) -> u32 {
        match self.hosts.get(host.0 as usize) {
            Some(pool) => pool.connections.iter().map(|connection| connection.in_flight()).sum(),
            None => 0,
        }
    }

    fn usable(&self, host: HostIndex) -> bool {
        self.hosts
            .get(host.0 as usize)
            .is_some_and(|pool| pool.connections.iter().any(|connection| connection.is_open()))
    }

    fn latency_us(&self, host: HostIndex) -> Option<u32> {
        self.hosts.get(host.0 as usize).map(HostPool::seems_us).filter(|latency| *latency > 0)
    }

    // The limit grows with the best: where none is beyond that of the fastest of all, none is among any of them.
    #[inline]
    fn may_be_slow(&self, slow: SlowHosts) -> bool {
        self.latencies_us.is_some_and(|(shortest, longest)| longest > slow.limit_us(shortest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pools of hosts that take so long, microseconds.
    fn measured(latencies: &[u64]) -> Pools {
        let mut pools = Pools::default();
        pools.host_mut(HostIndex(latencies.len() as u32));
        let mut next = latencies.iter();
        pools.measure_each(|pool| {
            if let Some(latency) = next.next() {
                pool.note_latency(100, 100 * latency, 1);
            }
        });
        pools
    }

    #[test]
    fn a_host_that_only_refuses_is_the_slowest_until_it_does_not_or_for_ten_seconds() {
        let host = HostIndex(0);
        let period = |pools: &mut Pools, refused: u32, answers: u64, now_us| {
            (0..refused).for_each(|_| pools.note_refusal(host));
            pools.measure_each(|pool| pool.note_latency(answers, answers * 500, now_us));
            pools.latency_us(host)
        };
        let mut pools = measured(&[500]);
        assert_eq!(period(&mut pools, FEWEST_REFUSALS - 1, 7, 2), Some(500), "too few to tell");
        assert_eq!(period(&mut pools, 50, 100, 3), Some(500), "it does other things as well");
        assert_eq!(period(&mut pools, 50, 50, 4), Some(u32::MAX));
        assert!(pools.refuses(host));
        assert_eq!(pools.answers_in_us(host), Some(500), "refusals are no answers");
        assert_eq!(period(&mut pools, 0, 0, 5), Some(u32::MAX), "nothing is news");
        assert_eq!(period(&mut pools, 1, 20, 6), Some(500), "it serves again");
        period(&mut pools, 50, 50, 7);
        assert_eq!(period(&mut pools, 0, 0, 6 + REFUSES_US), Some(u32::MAX));
        assert_ne!(period(&mut pools, 0, 0, 7 + REFUSES_US), Some(u32::MAX), "its next chance");
    }

    #[test]
    fn hosts_need_not_be_compared_unless_one_is_slow_beside_the_fastest() {
        let slow = SlowHosts::default();
        assert!(!Pools::default().may_be_slow(slow), "nothing is known");
        assert!(!measured(&[9_000_000]).may_be_slow(slow), "a host is not slow beside itself");
        assert!(!measured(&[500, 700, 2_500]).may_be_slow(slow));
        assert!(measured(&[700, 2_501, 500]).may_be_slow(slow), "more than two milliseconds longer");
        let mut recovered = measured(&[500, 90_000]);
        let mut next = [500_u64, 500].into_iter();
        recovered.measure_each(|pool| pool.note_latency(10_000, 10_000 * next.next().unwrap_or(500), 2));
        assert!(!recovered.may_be_slow(slow), "what was measured before is forgotten");
    }
}

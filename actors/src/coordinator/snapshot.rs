//! A copy of everything counted on one reactor, and of how its connections stand.

use chorus_topology::HostIndex;
use rustc_hash::FxHashMap;

use super::{CoordinatorActor, port::CoordinatorPort};
use crate::metrics::{
    Collected, ConnectionSnapshot, HOSTS_IN_FULL, HostSnapshot, MetricsSnapshot, ReactorSnapshot,
};

impl CoordinatorActor {
    /// A copy of everything counted on this reactor.
    pub(super) fn collect(&mut self) -> Collected {
        let mut collected = self.port.collect();
        let waiting = (self.inbox.len() + self.held()) as u64;
        collected.waiting = waiting;
        collected.reactor.waiting = waiting;
        collected.reactor.index = self.index;
        collected.admission = self.admission.snapshot();
        collected.totals.budget_left = self.budget.left().into();
        collected
    }
}

impl CoordinatorPort {
    fn collect(&self) -> Collected {
        let (mut stats, tablets) = (self.stats.borrow_mut(), self.tablets());
        let stats = &mut *stats;
        let panics = self.panics.borrow();
        let pulse = self.pulse();
        let mut totals = MetricsSnapshot {
            requests: stats.requests,
            latency: stats.latency.snapshot(),
            stages: stats.stages.times(),
            timeouts: stats.timeouts,
            routing: stats.routing,
            retries_same_host: stats.retries_same_host,
            retries_next_host: stats.retries_next_host,
            retries_by_reason: stats.retries,
            ignored_errors: stats.ignored.iter().sum(),
            ignored_by_reason: stats.ignored,
            given_up_by_reason: stats.given_up,
            reprepares: stats.reprepares,
            budget_refusals: stats.budget_refusals,
            panics: panics.iter().map(|(_, count)| count).sum(),
            speculative_sent: stats.speculative_sent,
            speculative_won: stats.speculative_won,
            speculative_wasted: stats.speculative_wasted,
            next_pages: stats.next_pages,
            tablets_told: tablets.taken.get(),
            tablets_refused: tablets.refused.get(),
            connects: stats.connects.clone(),
            disconnects: stats.disconnects.clone(),
            traffic: stats.retired.clone(),
            ..MetricsSnapshot::default()
        };
        let mut collected = Collected {
            polls: stats.polls,
            restarts: panics.clone(),
            hosts: self.known_hosts(stats),
            reactor: ReactorSnapshot {
                ticks: pulse.ticks(),
                stalls: pulse.stalls(),
                requests: totals.requests_total(),
                ..ReactorSnapshot::default()
            },
            ..Collected::default()
        };
        let in_full = collected.hosts.len() <= HOSTS_IN_FULL;
        let mut places: FxHashMap<HostIndex, usize> =
            collected.hosts.iter().enumerate().map(|(place, host)| (host.host, place)).collect();
        for connection in self.pools.borrow().connections() {
            collected.reactor.connections += 1;
            collected.connection_queue += u64::from(connection.queue_depth());
            collected.deepest_connection_queue =
                collected.deepest_connection_queue.max(u64::from(connection.queue_depth()));
            let place = *places.entry(connection.host).or_insert_with(|| {
                collected.hosts.push(HostSnapshot::new(connection.host, connection.address));
                collected.hosts.len() - 1
            });
            let host = &mut collected.hosts[place];
            let (in_flight, orphans) = (connection.in_flight(), connection.orphans());
            host.connections += 1;
            host.in_flight += u64::from(in_flight);
            host.orphans += u64::from(orphans);
            host.pool.push(ConnectionSnapshot { shard: connection.shard, in_flight, orphans });
            collected.reactor.in_flight += u64::from(in_flight);
            let counted = &mut connection.stats.borrow_mut();
            counted.add_to(&mut totals.traffic, Some((&mut host.traffic, in_full)));
        }
        collected.totals = totals;
        collected
    }

    /// The hosts of the route with what ended connections to them counted. What is known of others is forgotten.
    fn known_hosts(&self, stats: &mut super::stats::CoordinatorStats) -> Vec<HostSnapshot> {
        let route = self.route.borrow();
        let Some(route) = route.as_ref() else { return Vec::new() };
        stats.retired_hosts.retain(|host, _| route.host(*host).is_some());
        let pools = self.pools.borrow();
        let hosts = route.hosts().iter().filter_map(|known| {
            let index = known.host.index;
            let target = pools.target(index);
            let retired = stats.retired_hosts.get(&index);
            if target == 0 && retired.is_none() {
                return None;
            }
            let mut host = retired.cloned().unwrap_or_else(|| HostSnapshot::new(index, known.host.address));
            host.target = target.into();
            // What it counted under another address is its own all the same.
            host.address = known.host.address;
            Some(host)
        });
        hosts.collect()
    }
}

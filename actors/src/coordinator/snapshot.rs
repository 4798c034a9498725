//! A copy of everything counted on one reactor, and of how its connections stand.

use super::port::CoordinatorPort;
use crate::metrics::{ConnectionSnapshot, HostSnapshot, ReactorSnapshot, TrafficSnapshot};

impl CoordinatorPort {
    /// A copy of everything counted on this reactor.
    pub(super) fn snapshot(&self, inbox_depth: usize, waiting: usize) -> ReactorSnapshot {
        let (mut stats, tablets) = (self.stats.borrow_mut(), self.tablets());
        let mut snapshot = ReactorSnapshot {
            requests: stats.requests,
            latency: stats.latency.snapshot(),
            routing: stats.routing,
            retries_same_host: stats.retries_same_host,
            retries_next_host: stats.retries_next_host,
            ignored_errors: stats.ignored_errors,
            reprepares: stats.reprepares,
            budget_refusals: stats.budget_refusals,
            panics: self.panics.get(),
            speculative_sent: stats.speculative_sent,
            speculative_won: stats.speculative_won,
            tablets_told: tablets.taken.get(),
            tablets_refused: tablets.refused.get(),
            disconnects: stats.disconnects.clone(),
            inbox_depth: inbox_depth as u64,
            waiting: waiting as u64,
            polls: stats.polls,
            traffic: stats.retired.clone(),
            ..ReactorSnapshot::default()
        };
        for connection in self.pools.borrow().connections() {
            let traffic = connection.stats.borrow_mut().snapshot();
            snapshot.connections += 1;
            snapshot.connection_queue += u64::from(connection.queue_depth());
            snapshot.deepest_connection_queue =
                snapshot.deepest_connection_queue.max(u64::from(connection.queue_depth()));
            snapshot.traffic.merge(&traffic);
            let host = match snapshot.hosts.iter_mut().find(|host| host.host == connection.host) {
                Some(host) => host,
                None => {
                    snapshot.hosts.push(HostSnapshot {
                        host: connection.host,
                        address: connection.address,
                        connections: 0,
                        in_flight: 0,
                        orphans: 0,
                        pool: Vec::new(),
                        traffic: TrafficSnapshot::default(),
                    });
                    snapshot.hosts.last_mut().expect("just pushed")
                }
            };
            let (in_flight, orphans) = (connection.in_flight(), connection.orphans());
            host.connections += 1;
            host.in_flight += u64::from(in_flight);
            host.orphans += u64::from(orphans);
            host.pool.push(ConnectionSnapshot { shard: connection.shard, in_flight, orphans });
            host.traffic.merge(&traffic);
        }
        snapshot
    }
}

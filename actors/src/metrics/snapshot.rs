//! What the metrics page, `session.metrics()` and the tests read: plain data, copied between two ticks.

use std::net::SocketAddr;

use chorus_topology::{HostIndex, RoutingQuality};

use super::{LatencySnapshot, SmallHistogram};
use crate::coordinator::RequestCounts;

/// The state of one kind of actor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActorSnapshot {
    /// `coordinator`, `connection`, `pool`, `host`, `control`, `cluster` or `metrics`.
    pub actor: &'static str,
    /// How many are alive.
    pub alive: u64,
    /// Requests in their queues, all together.
    pub queue_depth: u64,
    /// Requests in the deepest single queue.
    pub queue_depth_max: u64,
    /// How often they were polled or handled a message.
    pub messages: u64,
}

/// One host as the engine sees it.
#[derive(Clone, Debug)]
pub struct HostSnapshot {
    /// The host.
    pub host: HostIndex,
    /// Its address.
    pub address: SocketAddr,
    /// Connections in service.
    pub connections: u64,
    /// Requests in flight or queued on them, orphans included.
    pub in_flight: u64,
    /// Answers outstanding that nobody waits for.
    pub orphans: u64,
    /// Each connection in service.
    pub pool: Vec<ConnectionSnapshot>,
    /// Counters of the connections in service; what ended connections counted is in the session's totals only.
    pub traffic: TrafficSnapshot,
}

/// One connection in service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionSnapshot {
    /// The shard the server put it on; `None` where there are no shards.
    pub shard: Option<u16>,
    /// Requests in flight or queued on it, orphans included.
    pub in_flight: u32,
    /// Answers outstanding that nobody waits for; their stream ids are not used meanwhile.
    pub orphans: u32,
}

/// What went over connections.
#[derive(Clone, Debug, Default)]
pub struct TrafficSnapshot {
    /// Attempts written.
    pub attempts: u64,
    /// Answers received.
    pub answers: u64,
    /// Answers that were errors.
    pub server_errors: u64,
    /// Attempts whose deadline passed.
    pub timeouts: u64,
    /// Stream ids that became orphans.
    pub orphaned: u64,
    /// Answers to orphans.
    pub late_answers: u64,
    /// Answers on streams nothing was sent on.
    pub unknown_streams: u64,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Bytes read.
    pub bytes_received: u64,
    /// System calls that wrote.
    pub writes: u64,
    /// System calls that read.
    pub reads: u64,
    /// Heartbeats sent.
    pub heartbeats: u64,
    /// Frames that left with one write.
    pub frames_per_write: SmallHistogram,
    /// From the write buffer to the answer.
    pub service: LatencySnapshot,
    /// From the coordinator to the write buffer.
    pub queue_wait: LatencySnapshot,
}

impl TrafficSnapshot {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.answers += other.answers;
        self.server_errors += other.server_errors;
        self.timeouts += other.timeouts;
        self.orphaned += other.orphaned;
        self.late_answers += other.late_answers;
        self.unknown_streams += other.unknown_streams;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.writes += other.writes;
        self.reads += other.reads;
        self.heartbeats += other.heartbeats;
        self.frames_per_write.absorb(&other.frames_per_write);
        self.service.merge(&other.service);
        self.queue_wait.merge(&other.queue_wait);
    }
}

/// The counters of one reactor.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReactorSnapshot {
    pub(crate) requests: RequestCounts,
    pub(crate) latency: LatencySnapshot,
    pub(crate) routing: [u64; 6],
    pub(crate) retries_same_host: u64,
    pub(crate) retries_next_host: u64,
    pub(crate) ignored_errors: u64,
    pub(crate) reprepares: u64,
    pub(crate) budget_refusals: u64,
    pub(crate) panics: u64,
    pub(crate) speculative_sent: u64,
    pub(crate) speculative_won: u64,
    pub(crate) tablets_told: u64,
    pub(crate) tablets_refused: u64,
    pub(crate) disconnects: Vec<(&'static str, u64)>,
    pub(crate) inbox_depth: u64,
    pub(crate) waiting: u64,
    pub(crate) polls: u64,
    pub(crate) traffic: TrafficSnapshot,
    pub(crate) hosts: Vec<HostSnapshot>,
    pub(crate) connections: u64,
    pub(crate) deepest_connection_queue: u64,
    pub(crate) connection_queue: u64,
}

/// Everything a session has counted since it was made, and how it stands now.
#[derive(Clone, Debug, Default)]
pub struct MetricsSnapshot {
    /// Finished requests, `[kind][outcome]` in the order of `RequestKind::ALL` and `RequestOutcome::ALL`.
    pub requests: RequestCounts,
    /// From the coordinator taking a request to its end, retries included.
    pub latency: LatencySnapshot,
    /// First attempts by routing quality, in the order of [`RoutingQuality::ALL`].
    pub routing: [u64; 6],
    /// Requests sent again to the same host.
    pub retries_same_host: u64,
    /// Requests sent again to another host.
    pub retries_next_host: u64,
    /// Errors a retry policy told to ignore.
    pub ignored_errors: u64,
    /// Statements prepared again because a server had forgotten them.
    pub reprepares: u64,
    /// Retries and speculative attempts refused because the retry budget was spent.
    pub budget_refusals: u64,
    /// Panics caught in actors: those of policies and other code that is not the driver's, as a rule.
    pub panics: u64,
    /// Requests sent to one more host because the first had not answered yet.
    pub speculative_sent: u64,
    /// Those of them that answered first.
    pub speculative_won: u64,
    /// Answers that told where a tablet is, because their request had gone elsewhere.
    pub tablets_told: u64,
    /// Answers that told something about a tablet that makes no sense.
    pub tablets_refused: u64,
    /// Connections that ended, by reason.
    pub disconnects: Vec<(&'static str, u64)>,
    /// Connections in service.
    pub connections: u64,
    /// Requests in flight, orphans included.
    pub in_flight: u64,
    /// Everything that went over connections, ended ones included.
    pub traffic: TrafficSnapshot,
    /// Hosts with a connection.
    pub hosts: Vec<HostSnapshot>,
    /// By kind of actor.
    pub actors: Vec<ActorSnapshot>,
    /// Reactors that did not answer in time; their counters are missing.
    pub stale_reactors: u64,
}

impl MetricsSnapshot {
    /// Finished requests of all kinds and outcomes.
    pub fn requests_total(&self) -> u64 {
        self.requests.iter().flatten().sum()
    }

    /// Requests sent again.
    pub fn retries(&self) -> u64 {
        self.retries_same_host + self.retries_next_host
    }

    /// First attempts of one routing quality.
    pub fn routed(&self, quality: RoutingQuality) -> u64 {
        self.routing[quality as usize]
    }

    pub(crate) fn add(&mut self, reactor: ReactorSnapshot) {
        for (mine, theirs) in self.requests.iter_mut().flatten().zip(reactor.requests.iter().flatten()) {
            *mine += theirs;
        }
        for (mine, theirs) in self.routing.iter_mut().zip(reactor.routing) {
            *mine += theirs;
        }
        self.latency.merge(&reactor.latency);
        self.retries_same_host += reactor.retries_same_host;
        self.retries_next_host += reactor.retries_next_host;
        self.ignored_errors += reactor.ignored_errors;
        self.reprepares += reactor.reprepares;
        self.budget_refusals += reactor.budget_refusals;
        self.panics += reactor.panics;
        self.speculative_sent += reactor.speculative_sent;
        self.speculative_won += reactor.speculative_won;
        self.tablets_told += reactor.tablets_told;
        self.tablets_refused += reactor.tablets_refused;
        for (reason, count) in reactor.disconnects {
            match self.disconnects.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, total)) => *total += count,
                None => self.disconnects.push((reason, count)),
            }
        }
        self.connections += reactor.connections;
        self.traffic.merge(&reactor.traffic);
        for host in reactor.hosts {
            self.in_flight += host.in_flight;
            match self.hosts.iter_mut().find(|known| known.host == host.host) {
                Some(known) => {
                    known.connections += host.connections;
                    known.in_flight += host.in_flight;
                    known.orphans += host.orphans;
                    known.pool.extend(host.pool);
                    known.traffic.merge(&host.traffic);
                }
                None => self.hosts.push(host),
            }
        }
        self.actor("coordinator", |actor| {
            actor.alive += 1;
            actor.queue_depth += reactor.inbox_depth + reactor.waiting;
            actor.queue_depth_max = actor.queue_depth_max.max(reactor.inbox_depth + reactor.waiting);
            actor.messages += reactor.polls;
        });
        self.actor("connection", |actor| {
            actor.alive += reactor.connections;
            actor.queue_depth += reactor.connection_queue;
            actor.queue_depth_max = actor.queue_depth_max.max(reactor.deepest_connection_queue);
            actor.messages += reactor.traffic.reads + reactor.traffic.writes;
        });
    }

    pub(crate) fn actor(&mut self, name: &'static str, change: impl FnOnce(&mut ActorSnapshot)) {
        if !self.actors.iter().any(|actor| actor.actor == name) {
            self.actors.push(ActorSnapshot { actor: name, ..ActorSnapshot::default() });
        }
        if let Some(actor) = self.actors.iter_mut().find(|actor| actor.actor == name) {
            change(actor);
        }
    }
}

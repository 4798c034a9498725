//! What the metrics page, `session.metrics()` and the tests read: plain data, copied between two ticks.

use std::{net::SocketAddr, sync::LazyLock, time::Instant};

use chorus_topology::{HostIndex, RoutingQuality};
#[cfg(feature = "json")]
use serde::{Deserialize, Serialize};

#[cfg(feature = "json")]
use super::json;
use super::{BucketHistogram, FailureReason, LatencySnapshot, StageTimes, TrafficSnapshot};
use crate::coordinator::RequestCounts;

/// When this process took its first snapshot: what moments are told by where there are no `Instant`s.
pub(super) static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The moment of a snapshot, which is never before [`BEGINNING`].
pub(super) fn now() -> Instant {
    let beginning = *BEGINNING;
    Instant::now().max(beginning)
}

/// How often something happened for each [`FailureReason`], in their order.
pub type ByReason = [u64; FailureReason::ALL.len()];

/// Clusters of at most so many hosts have distributions by host.
pub const HOSTS_IN_FULL: usize = 32;

/// A value of a label. Not spelled out where serde would take it for something to borrow from what it reads.
type Label = &'static str;

/// The state of one kind of actor.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "json", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "json", serde(default))]
pub struct ActorSnapshot {
    /// `coordinator`, `connection`, `pool`, `host`, `control`, `cluster` or `metrics`.
    #[cfg_attr(feature = "json", serde(deserialize_with = "json::actor"))]
    pub actor: Label,
    /// How many are alive.
    pub alive: u64,
    /// What waits in their queues, all together: requests for coordinators and connections, messages for others.
    pub queue_depth: u64,
    /// What waits in the deepest single queue.
    pub queue_depth_max: u64,
    /// How often they were polled or handled a message.
    pub messages: u64,
    /// How long messages, or requests, waited in their queues.
    pub queue_wait: LatencySnapshot,
    /// Messages whose handling took longer than ten milliseconds; coordinators and connections are part of their reactor's
    /// [`stalls`](ReactorSnapshot::stalls).
    pub stalls: u64,
    /// Panics after which an actor went on, or was replaced.
    pub restarts: u64,
}

/// One host as the engine sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "json", derive(Serialize, Deserialize))]
pub struct HostSnapshot {
    /// The host.
    #[cfg_attr(feature = "json", serde(with = "json::host_index"))]
    pub host: HostIndex,
    /// Its address.
    pub address: SocketAddr,
    /// Connections in service.
    #[cfg_attr(feature = "json", serde(default))]
    pub connections: u64,
    /// Connections there should be.
    #[cfg_attr(feature = "json", serde(default))]
    pub target: u64,
    /// Requests in flight or queued on them, orphans included.
    #[cfg_attr(feature = "json", serde(default))]
    pub in_flight: u64,
    /// Answers outstanding that nobody waits for.
    #[cfg_attr(feature = "json", serde(default))]
    pub orphans: u64,
    /// Each connection in service.
    #[cfg_attr(feature = "json", serde(default))]
    pub pool: Vec<ConnectionSnapshot>,
    /// What went over connections to it, ended ones included. In clusters of more than [`HOSTS_IN_FULL`] hosts there
    /// are no distributions.
    #[cfg_attr(feature = "json", serde(default, serialize_with = "json::traffic"))]
    pub traffic: TrafficSnapshot,
    /// How often it came up and went down again.
    #[cfg_attr(feature = "json", serde(default))]
    pub ups: u64,
    /// See [`ups`](Self::ups).
    #[cfg_attr(feature = "json", serde(default))]
    pub downs: u64,
}

impl HostSnapshot {
    /// A host of which nothing was counted yet.
    pub fn new(host: HostIndex, address: SocketAddr) -> Self {
        Self {
            host,
            address,
            connections: 0,
            target: 0,
            in_flight: 0,
            orphans: 0,
            pool: Vec::new(),
            traffic: TrafficSnapshot::default(),
            ups: 0,
            downs: 0,
        }
    }

    /// How many different shards there are connections to.
    pub fn shards_connected(&self) -> u64 {
        let mut shards: Vec<u16> = self.pool.iter().filter_map(|connection| connection.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        shards.len() as u64
    }

    fn merge(&mut self, other: Self) {
        self.connections += other.connections;
        self.target += other.target;
        self.in_flight += other.in_flight;
        self.orphans += other.orphans;
        self.pool.extend(other.pool);
        self.traffic.merge(&other.traffic);
        self.ups += other.ups;
        self.downs += other.downs;
    }
}

/// One connection in service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "json", derive(Serialize, Deserialize))]
pub struct ConnectionSnapshot {
    /// The shard the server put it on; `None` where there are no shards.
    pub shard: Option<u16>,
    /// Requests in flight or queued on it, orphans included.
    pub in_flight: u32,
    /// Answers outstanding that nobody waits for; their stream ids are not used meanwhile.
    pub orphans: u32,
}

/// One reactor.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "json", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "json", serde(default))]
pub struct ReactorSnapshot {
    /// Its number, from zero.
    pub index: usize,
    /// How long it worked at a time.
    #[cfg_attr(feature = "json", serde(rename = "tick_times"))]
    pub ticks: BucketHistogram,
    /// Ticks of more than ten milliseconds.
    pub stalls: u64,
    /// Requests that ended on it.
    pub requests: u64,
    /// Requests that wait in front of it and at its coordinator.
    pub waiting: u64,
    /// Requests in flight or queued on its connections, orphans included.
    pub in_flight: u64,
    /// Its connections in service.
    pub connections: u64,
}

/// The control plane: the control connection, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "json", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "json", serde(default))]
pub struct ControlSnapshot {
    /// Whether there is a control connection.
    pub connected: bool,
    /// How often one was established.
    pub established: u64,
    /// Events that came: of topology, status, schema and client routes.
    #[cfg_attr(feature = "json", serde(with = "json::events"))]
    pub events: [u64; 4],
    /// Reads of the system tables that succeeded and failed.
    #[cfg_attr(feature = "json", serde(with = "json::refreshes"))]
    pub refreshes: [u64; 2],
}

impl ControlSnapshot {
    /// The kinds of events, as the values of the label.
    pub const EVENTS: [&'static str; 4] = ["topology", "status", "schema", "routes"];
}

/// The counters of one reactor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collected {
    pub(crate) totals: MetricsSnapshot,
    pub(crate) reactor: ReactorSnapshot,
    /// Of those in service, and of those that were.
    pub(crate) hosts: Vec<HostSnapshot>,
    pub(crate) waiting: u64,
    pub(crate) polls: u64,
    pub(crate) admission: LatencySnapshot,
    pub(crate) deepest_connection_queue: u64,
    pub(crate) connection_queue: u64,
    pub(crate) restarts: Vec<(&'static str, u64)>,
}

/// Everything a session has counted since it was made, and how it stands now.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "json", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "json", serde(default, remote = "Self"))]
pub struct MetricsSnapshot {
    /// When it was taken; rates are differences over this.
    #[cfg_attr(feature = "json", serde(rename = "taken_us", with = "json::taken"))]
    pub taken: Option<Instant>,
    /// Finished requests, `[kind][outcome]` in the order of `RequestKind::ALL` and `RequestOutcome::ALL`.
    #[cfg_attr(feature = "json", serde(with = "json::requests"))]
    pub requests: RequestCounts,
    /// From the caller handing a request over to its end, waits and retries included.
    pub latency: LatencySnapshot,
    /// Where that time went.
    #[cfg_attr(feature = "json", serde(rename = "stages_us"))]
    pub stages: StageTimes,
    /// Requests that timed out: that were written, and that never were.
    #[cfg_attr(feature = "json", serde(with = "json::timeouts"))]
    pub timeouts: [u64; 2],
    /// First attempts by routing quality, in the order of [`RoutingQuality::ALL`].
    #[cfg_attr(feature = "json", serde(with = "json::routing"))]
    pub routing: [u64; 6],
    /// Requests sent again to the same host.
    pub retries_same_host: u64,
    /// Requests sent again to another host.
    pub retries_next_host: u64,
    /// Both by reason: to the same host, to another one.
    #[cfg_attr(feature = "json", serde(rename = "retries", with = "json::retries"))]
    pub retries_by_reason: [ByReason; 2],
    /// Errors a retry policy told to ignore.
    pub ignored_errors: u64,
    /// The same by reason.
    #[cfg_attr(feature = "json", serde(rename = "ignored", with = "json::reasons"))]
    pub ignored_by_reason: ByReason,
    /// Errors a retry policy was asked about and let pass, by reason.
    #[cfg_attr(feature = "json", serde(rename = "given_up", with = "json::reasons"))]
    pub given_up_by_reason: ByReason,
    /// Statements prepared again because a server had forgotten them.
    pub reprepares: u64,
    /// Retries and speculative attempts refused because the retry budget was spent.
    pub budget_refusals: u64,
    /// Retries that the budgets of all reactors allow now.
    pub budget_left: u64,
    /// Panics caught in actors: those of policies and other code that is not the driver's, as a rule.
    pub panics: u64,
    /// Requests sent to one more host because the first had not answered yet.
    pub speculative_sent: u64,
    /// Those of them that answered first.
    pub speculative_won: u64,
    /// Those of them that ended otherwise.
    pub speculative_wasted: u64,
    /// Pages fetched after the first of their result.
    pub next_pages: u64,
    /// Answers that told where a tablet is, because their request had gone elsewhere.
    pub tablets_told: u64,
    /// Answers that told something about a tablet that makes no sense.
    pub tablets_refused: u64,
    /// Dials by what came of them.
    #[cfg_attr(feature = "json", serde(with = "json::connects"))]
    pub connects: Vec<(&'static str, u64)>,
    /// Connections that ended, by reason.
    #[cfg_attr(feature = "json", serde(with = "json::disconnects"))]
    pub disconnects: Vec<(&'static str, u64)>,
    /// Connections in service.
    pub connections: u64,
    /// Requests in flight, orphans included.
    pub in_flight: u64,
    /// Statements that the session has prepared and somebody holds.
    pub prepared_statements: u64,
    /// Everything that went over connections, ended ones included.
    #[cfg_attr(feature = "json", serde(serialize_with = "json::traffic"))]
    pub traffic: TrafficSnapshot,
    /// Hosts with a connection.
    pub hosts: Vec<HostSnapshot>,
    /// Hosts without one that had one before, or should have.
    #[cfg_attr(feature = "json", serde(skip))]
    pub absent_hosts: Vec<HostSnapshot>,
    /// The control plane.
    pub control: ControlSnapshot,
    /// By reactor, in order; those that did not answer in time are missing.
    #[cfg_attr(feature = "json", serde(serialize_with = "json::reactors"))]
    pub reactors: Vec<ReactorSnapshot>,
    /// By kind of actor.
    pub actors: Vec<ActorSnapshot>,
    /// Reactors that did not answer in time; their counters are missing.
    pub stale_reactors: u64,
}

impl MetricsSnapshot {
    /// What a retry policy decides for a request that is sent again, as the values of the label.
    pub const DECISIONS: [&'static str; 2] = ["same_host", "next_host"];

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

    /// Answers of servers that were errors of this kind, each counted before anything was decided about it.
    pub fn server_errors(&self, reason: FailureReason) -> u64 {
        self.traffic.errors[reason as usize]
    }

    /// Attempts that failed because their connection did, before or after they were written.
    pub fn connection_errors(&self) -> u64 {
        self.traffic.aborted + self.traffic.unsent
    }

    /// Every host that there is something to say about, those without a connection last.
    pub fn all_hosts(&self) -> impl Iterator<Item = &HostSnapshot> {
        self.hosts.iter().chain(&self.absent_hosts)
    }

    pub(crate) fn add(&mut self, collected: Collected) {
        let Collected {
            totals,
            reactor,
            hosts,
            waiting,
            polls,
            admission,
            deepest_connection_queue,
            connection_queue,
            restarts,
        } = collected;
        for (mine, theirs) in self.requests.iter_mut().flatten().zip(totals.requests.iter().flatten()) {
            *mine += theirs;
        }
        add(&mut self.routing, &totals.routing);
        add(&mut self.timeouts, &totals.timeouts);
        add(&mut self.ignored_by_reason, &totals.ignored_by_reason);
        add(&mut self.given_up_by_reason, &totals.given_up_by_reason);
        for (mine, theirs) in self.retries_by_reason.iter_mut().zip(&totals.retries_by_reason) {
            add(mine, theirs);
        }
        self.latency.merge(&totals.latency);
        self.stages.merge(&totals.stages);
        self.retries_same_host += totals.retries_same_host;
        self.retries_next_host += totals.retries_next_host;
        self.ignored_errors += totals.ignored_errors;
        self.reprepares += totals.reprepares;
        self.budget_refusals += totals.budget_refusals;
        self.budget_left += totals.budget_left;
        self.panics += totals.panics;
        self.speculative_sent += totals.speculative_sent;
        self.speculative_won += totals.speculative_won;
        self.speculative_wasted += totals.speculative_wasted;
        self.next_pages += totals.next_pages;
        self.tablets_told += totals.tablets_told;
        self.tablets_refused += totals.tablets_refused;
        for (name, count) in totals.connects {
            count_named(&mut self.connects, name, count);
        }
        for (name, count) in totals.disconnects {
            count_named(&mut self.disconnects, name, count);
        }
        self.connections += reactor.connections;
        self.traffic.merge(&totals.traffic);
        for host in hosts {
            self.in_flight += host.in_flight;
            match self.hosts.iter_mut().find(|known| known.host == host.host) {
                Some(known) => known.merge(host),
                None => self.hosts.push(host),
            }
        }
        self.actor("coordinator", |actor| {
            actor.alive += 1;
            actor.queue_depth += waiting;
            actor.queue_depth_max = actor.queue_depth_max.max(waiting);
            actor.messages += polls;
            actor.queue_wait.merge(&admission);
        });
        self.actor("connection", |actor| {
            actor.alive += reactor.connections;
            actor.queue_depth += connection_queue;
            actor.queue_depth_max = actor.queue_depth_max.max(deepest_connection_queue);
            actor.messages += totals.traffic.reads + totals.traffic.writes;
            actor.queue_wait.merge(&totals.traffic.queue_wait);
        });
        for (kind, count) in restarts {
            self.actor(kind, |actor| actor.restarts += count);
        }
        self.reactors.push(reactor);
    }

    /// To be called when every reactor was added: tells hosts that serve from those that do not.
    pub(crate) fn sort_hosts(&mut self) {
        let (hosts, absent) =
            std::mem::take(&mut self.hosts).into_iter().partition(|host: &HostSnapshot| host.connections > 0);
        self.hosts = hosts;
        self.absent_hosts = absent;
        self.reactors.sort_by_key(|reactor| reactor.index);
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

fn add<const N: usize>(mine: &mut [u64; N], theirs: &[u64; N]) {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine += theirs;
    }
}

/// Counts something of this name `by` times more.
pub(crate) fn count_named(counts: &mut Vec<(&'static str, u64)>, name: &'static str, by: u64) {
    match counts.iter_mut().find(|(known, _)| *known == name) {
        Some((_, count)) => *count += by,
        None => counts.push((name, by)),
    }
}

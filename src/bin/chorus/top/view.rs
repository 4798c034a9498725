//! What happened between two reports: every number that is shown, whoever shows it.
//!
//! Counters tell what was since a session began; here are their differences, by the second of the program's own clock, and the
//! percentiles of what was recorded in between. What cannot be said (the percentile of nothing) is `None`, not zero.

use std::net::SocketAddr;

use chorus::metrics::{
    BucketHistogram, HostSnapshot, LATENCY_BOUNDS_US, LatencySnapshot, Member, MetricsSnapshot,
    SessionReport, StageTimes,
};
use chorus::policy::RoutingQuality;
use serde::Serialize;

use super::bulk::BulkView;
use super::text::harmless;

/// Names are not shown wider than this.
const WIDEST_NAME: usize = 40;

/// What happened in one interval.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct View {
    pub(crate) session: Option<String>,
    pub(crate) cluster: String,
    pub(crate) version: String,
    /// The time between the two reports.
    pub(crate) seconds: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_us: Option<u64>,
    pub(crate) p99_us: Option<u64>,
    /// Requests that ended with an error or a timeout, of all that ended.
    pub(crate) error_share: Option<f64>,
    pub(crate) retries_per_second: f64,
    pub(crate) in_flight: u64,
    /// First attempts that went where they should: to the replica's shard, or its host in a cluster without shards.
    pub(crate) hit_share: Option<f64>,
    /// Whether that is about shards.
    pub(crate) sharded: bool,
    /// Where the time of the requests went: the mean of each stage.
    pub(crate) stages: Vec<Stage>,
    pub(crate) bytes_sent_per_second: f64,
    pub(crate) bytes_received_per_second: f64,
    /// Cores that the program kept busy.
    pub(crate) cores: f64,
    pub(crate) resident_bytes: u64,
    pub(crate) stale_reactors: u64,
    pub(crate) hosts: Vec<HostView>,
    pub(crate) reactors: Vec<ReactorView>,
    pub(crate) actors: Vec<ActorView>,
    pub(crate) bulk: Option<BulkView>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stage {
    pub(crate) stage: &'static str,
    pub(crate) mean_us: f64,
}

/// How the driver takes a host to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Up,
    Down,
    /// The load balancing policy never uses it.
    Ignored,
    /// It is no member any more.
    Left,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct HostView {
    pub(crate) address: SocketAddr,
    pub(crate) datacenter: String,
    pub(crate) rack: String,
    pub(crate) version: Option<String>,
    pub(crate) state: State,
    pub(crate) connections: u64,
    pub(crate) target: u64,
    /// Shards that a connection leads to; `None` where there are no shards.
    pub(crate) shards_connected: Option<u64>,
    pub(crate) shards: Option<u16>,
    pub(crate) in_flight: u64,
    pub(crate) orphans: u64,
    pub(crate) attempts_per_second: f64,
    /// Of the service time; there are none in clusters of more than 32 hosts.
    pub(crate) p50_us: Option<u64>,
    pub(crate) p99_us: Option<u64>,
    pub(crate) mean_us: Option<f64>,
    /// Attempts that did not end well, of all that ended.
    pub(crate) error_share: Option<f64>,
    pub(crate) bytes_sent_per_second: f64,
    pub(crate) bytes_received_per_second: f64,
    /// How often it went down since the session began.
    pub(crate) downs: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReactorView {
    pub(crate) reactor: usize,
    /// The share of its time that it worked.
    pub(crate) busy: f64,
    pub(crate) ticks_per_second: f64,
    /// The bound that 99 of 100 ticks did not exceed.
    pub(crate) tick_p99_us: Option<u64>,
    /// Since the session began.
    pub(crate) stalls: u64,
    pub(crate) requests_per_second: f64,
    pub(crate) waiting: u64,
    pub(crate) in_flight: u64,
    pub(crate) connections: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ActorView {
    pub(crate) actor: &'static str,
    pub(crate) alive: u64,
    pub(crate) messages_per_second: f64,
    pub(crate) queue_depth: u64,
    pub(crate) queue_depth_max: u64,
    pub(crate) wait_p50_us: Option<u64>,
    pub(crate) wait_p99_us: Option<u64>,
    /// Since the session began, as are restarts.
    pub(crate) stalls: u64,
    pub(crate) restarts: u64,
}

impl View {
    /// What happened since `before`, a report of the same counters. Nobody may take time to have passed where none has.
    pub(crate) fn between(before: &SessionReport, now: &SessionReport) -> Self {
        let rates = now.metrics.rates_since(&before.metrics);
        let over = Over(rates.over.as_secs_f64());
        let (metrics, earlier) = (&now.metrics, &before.metrics);
        let ended = requests_since(metrics, earlier);
        let (hit_share, sharded) = hits(metrics, earlier);
        let stages = metrics.stages.all().into_iter().zip(earlier.stages.all());
        let finished = rates.latency.count();
        Self {
            session: now.session.as_ref().map(|name| harmless(name, WIDEST_NAME)),
            cluster: harmless(&now.cluster, WIDEST_NAME),
            version: harmless(&now.version, WIDEST_NAME),
            seconds: over.0,
            requests_per_second: rates.requests,
            p50_us: percentile(&rates.latency, 50.0),
            p99_us: percentile(&rates.latency, 99.0),
            error_share: share(rates.failures * over.0, ended as f64),
            retries_per_second: rates.retries,
            in_flight: metrics.in_flight,
            hit_share,
            sharded,
            stages: StageTimes::NAMES
                .into_iter()
                .zip(stages)
                .filter(|_| finished > 0)
                .map(|(stage, (now, before))| Stage {
                    stage,
                    mean_us: more(now, before) as f64 / finished as f64,
                })
                .collect(),
            bytes_sent_per_second: rates.bytes_sent,
            bytes_received_per_second: rates.bytes_received,
            cores: over.rate(now.process.cpu_us, before.process.cpu_us) / 1e6,
            resident_bytes: now.process.resident_bytes,
            stale_reactors: metrics.stale_reactors,
            hosts: hosts(before, now, over),
            reactors: reactors(metrics, earlier, over),
            actors: actors(metrics, earlier, over),
            bulk: BulkView::between(&before.program, &now.program, over.0),
        }
    }
}

/// The time between two reports, seconds.
#[derive(Clone, Copy)]
struct Over(f64);

impl Over {
    fn rate(self, now: u64, before: u64) -> f64 {
        if self.0 > 0.0 { more(now, before) as f64 / self.0 } else { 0.0 }
    }
}

/// What a counter counted since; one that began anew counts from there.
fn more(now: u64, before: u64) -> u64 {
    if now >= before { now - before } else { now }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn percentile(latency: &LatencySnapshot, percent: f64) -> Option<u64> {
    (latency.count() > 0).then(|| latency.percentile_us(percent))
}

fn requests_since(now: &MetricsSnapshot, before: &MetricsSnapshot) -> u64 {
    now.requests_total().saturating_sub(before.requests_total())
}

/// The share of first attempts that went to the replica's shard, or to a replica where nobody has shards.
fn hits(now: &MetricsSnapshot, before: &MetricsSnapshot) -> (Option<f64>, bool) {
    let since = |quality: RoutingQuality| more(now.routed(quality), before.routed(quality)) as f64;
    let all: f64 = RoutingQuality::ALL.into_iter().map(since).sum();
    let shard = since(RoutingQuality::ReplicaShard);
    let sharded =
        now.routed(RoutingQuality::ReplicaShard) + now.routed(RoutingQuality::ReplicaOtherShard) > 0;
    let well = if sharded { shard } else { since(RoutingQuality::Replica) };
    (share(well, all), sharded)
}

/// Members first, in the order of their addresses; then those that left and still count.
fn hosts(before: &SessionReport, now: &SessionReport, over: Over) -> Vec<HostView> {
    let mut members: Vec<&Member> = now.members.iter().collect();
    members.sort_by_key(|member| member.address);
    let mut hosts: Vec<HostView> = members
        .iter()
        .map(|member| {
            let state = match member {
                Member { ignored: true, .. } => State::Ignored,
                Member { up: true, .. } => State::Up,
                _ => State::Down,
            };
            let now = counted(now, member.host);
            let mut host = host(member.address, state, now, counted(before, member.host), over);
            host.datacenter = harmless(&member.datacenter, WIDEST_NAME);
            host.rack = harmless(&member.rack, WIDEST_NAME);
            host.version = member.version.as_ref().map(|version| harmless(version, WIDEST_NAME));
            host.shards = member.shards;
            host.shards_connected = member.shards.map(|_| now.map_or(0, HostSnapshot::shards_connected));
            host
        })
        .collect();
    // Those that left and still answer are worth a line; those of which only old counters are left are not.
    let left = now.metrics.all_hosts().filter(|counted| {
        counted.connections > 0 && !members.iter().any(|member| member.host == counted.host.0)
    });
    hosts
        .extend(left.map(|now| host(now.address, State::Left, Some(now), counted(before, now.host.0), over)));
    hosts
}

/// What a report tells of the host with this number.
fn counted(report: &SessionReport, host: u32) -> Option<&HostSnapshot> {
    report.metrics.all_hosts().find(|counted| counted.host.0 == host)
}

fn host(
    address: SocketAddr,
    state: State,
    now: Option<&HostSnapshot>,
    before: Option<&HostSnapshot>,
    over: Over,
) -> HostView {
    let none = HostSnapshot::new(chorus::HostIndex(0), address);
    let (now, before) = (now.unwrap_or(&none), before.unwrap_or(&none));
    let (traffic, earlier) = (&now.traffic, &before.traffic);
    let ended = traffic.outcomes().into_iter().zip(earlier.outcomes());
    let ended: Vec<(&str, u64)> = ended.map(|((name, now), (_, before))| (name, more(now, before))).collect();
    let all: u64 = ended.iter().map(|(_, attempts)| attempts).sum();
    let well: u64 = ended
        .iter()
        .filter(|(name, _)| matches!(*name, "ok" | "cancelled"))
        .map(|(_, attempts)| attempts)
        .sum();
    let answers = more(traffic.answers, earlier.answers) as f64;
    let service = traffic.service.since(&earlier.service);
    HostView {
        address,
        datacenter: String::new(),
        rack: String::new(),
        version: None,
        state,
        connections: now.connections,
        target: now.target,
        shards_connected: None,
        shards: None,
        in_flight: now.in_flight,
        orphans: now.orphans,
        attempts_per_second: over.rate(traffic.attempts, earlier.attempts),
        p50_us: percentile(&service, 50.0),
        p99_us: percentile(&service, 99.0),
        mean_us: share(more(traffic.service_us, earlier.service_us) as f64, answers),
        error_share: share((all - well) as f64, all as f64),
        bytes_sent_per_second: over.rate(traffic.bytes_sent, earlier.bytes_sent),
        bytes_received_per_second: over.rate(traffic.bytes_received, earlier.bytes_received),
        downs: now.downs,
    }
}

fn reactors(now: &MetricsSnapshot, before: &MetricsSnapshot, over: Over) -> Vec<ReactorView> {
    let none = chorus::metrics::ReactorSnapshot::default();
    now.reactors
        .iter()
        .map(|reactor| {
            let earlier = before.reactors.iter().find(|known| known.index == reactor.index).unwrap_or(&none);
            ReactorView {
                reactor: reactor.index,
                busy: over.rate(reactor.ticks.sum_us, earlier.ticks.sum_us) / 1e6,
                ticks_per_second: over.rate(reactor.ticks.count(), earlier.ticks.count()),
                tick_p99_us: tick_bound(&reactor.ticks, &earlier.ticks),
                stalls: reactor.stalls,
                requests_per_second: over.rate(reactor.requests, earlier.requests),
                waiting: reactor.waiting,
                in_flight: reactor.in_flight,
                connections: reactor.connections,
            }
        })
        .collect()
}

/// The bound that 99 of 100 ticks did not exceed; ticks longer than the last bound are as long as that.
fn tick_bound(now: &BucketHistogram, before: &BucketHistogram) -> Option<u64> {
    let since: Vec<f64> =
        now.buckets.iter().zip(before.buckets).map(|(now, before)| more(*now, before) as f64).collect();
    let all: f64 = since.iter().sum();
    let mut so_far = 0.0;
    let place = since.iter().position(|ticks| {
        so_far += ticks;
        all > 0.0 && so_far >= all * 0.99
    })?;
    LATENCY_BOUNDS_US.get(place).or(LATENCY_BOUNDS_US.last()).copied()
}

fn actors(now: &MetricsSnapshot, before: &MetricsSnapshot, over: Over) -> Vec<ActorView> {
    let none = chorus::metrics::ActorSnapshot::default();
    now.actors
        .iter()
        .map(|actor| {
            let earlier = before.actors.iter().find(|known| known.actor == actor.actor).unwrap_or(&none);
            let wait = actor.queue_wait.since(&earlier.queue_wait);
            ActorView {
                actor: actor.actor,
                alive: actor.alive,
                messages_per_second: over.rate(actor.messages, earlier.messages),
                queue_depth: actor.queue_depth,
                queue_depth_max: actor.queue_depth_max,
                wait_p50_us: percentile(&wait, 50.0),
                wait_p99_us: percentile(&wait, 99.0),
                stalls: actor.stalls,
                restarts: actor.restarts,
            }
        })
        .collect()
}

//! From a snapshot to samples: everything that is about the session as a whole.

use chorus_actors::catalog::{self, Metric};
use chorus_actors::{FailureReason, MetricsSnapshot, RequestKind, RequestOutcome};
use chorus_topology::{ClusterState, Distance};

use super::process::Process;
use super::sample::{Buckets, Samples};

/// Adds everything that is not about single hosts.
pub(super) fn add(
    samples: &mut Samples,
    snapshot: &MetricsSnapshot,
    state: &ClusterState,
    process: &Process,
) {
    requests(samples, snapshot);
    decisions(samples, snapshot);
    traffic(samples, snapshot);
    cluster(samples, snapshot, state);
    engine(samples, snapshot);
    samples.number(&catalog::PROCESS_CPU, &[], process.cpu.as_secs_f64());
    samples.count(&catalog::PROCESS_MEMORY, &[], process.resident_bytes);
    samples.count(&catalog::BUILD_INFO, &[("version", env!("CARGO_PKG_VERSION"))], 1);
}

fn requests(samples: &mut Samples, snapshot: &MetricsSnapshot) {
    for (kind, outcomes) in RequestKind::ALL.into_iter().zip(&snapshot.requests) {
        for (outcome, requests) in RequestOutcome::ALL.into_iter().zip(outcomes) {
            let labels = [("kind", kind.name()), ("outcome", outcome.name())];
            samples.count(&catalog::REQUESTS, &labels, *requests);
        }
    }
    samples.latencies(&catalog::REQUEST_DURATION, &[], &snapshot.latency);
    for (stage, micros) in chorus_actors::StageTimes::NAMES.into_iter().zip(snapshot.stages.all()) {
        samples.number(&catalog::REQUEST_STAGES, &[("stage", stage)], micros as f64 / 1e6);
    }
    samples.counts(&catalog::REQUEST_TIMEOUTS, &snapshot.timeouts);
    samples.counts(&catalog::ROUTING, &snapshot.routing);
    samples.counts(&catalog::TABLET_HINTS, &[snapshot.tablets_told, snapshot.tablets_refused]);
}

fn decisions(samples: &mut Samples, snapshot: &MetricsSnapshot) {
    for (decision, by_reason) in MetricsSnapshot::DECISIONS.into_iter().zip(&snapshot.retries_by_reason) {
        for reason in FailureReason::ALL {
            let labels = [("reason", reason.name()), ("decision", decision)];
            samples.count(&catalog::RETRIES, &labels, by_reason[reason as usize]);
        }
    }
    samples.counts(&catalog::GIVEN_UP, &snapshot.given_up_by_reason);
    samples.counts(&catalog::IGNORED_ERRORS, &snapshot.ignored_by_reason);
}

fn traffic(samples: &mut Samples, snapshot: &MetricsSnapshot) {
    let traffic = &snapshot.traffic;
    samples.counts(&catalog::SERVER_ERRORS, &traffic.errors);
    for (outcome, attempts) in traffic.outcomes() {
        samples.count(&catalog::ATTEMPT_OUTCOMES, &[("outcome", outcome)], attempts);
    }
    samples.latencies(&catalog::ATTEMPT_DURATION, &[], &traffic.service);
    samples.buckets(&catalog::FRAMES_PER_WRITE, &[], Buckets::of_counts(&traffic.frames_per_write));
    samples.buckets(&catalog::FRAMES_PER_READ, &[], Buckets::of_counts(&traffic.frames_per_read));
    named(samples, &catalog::CONNECTS, &snapshot.connects);
    named(samples, &catalog::DISCONNECTS, &snapshot.disconnects);
    let totals: [(&'static Metric, u64); 21] = [
        (&catalog::REQUESTS_IN_FLIGHT, snapshot.in_flight),
        (&catalog::NEXT_PAGES, snapshot.next_pages),
        (&catalog::RETRIES_REFUSED, snapshot.budget_refusals),
        (&catalog::RETRY_BUDGET, snapshot.budget_left),
        (&catalog::SPECULATIVE, snapshot.speculative_sent),
        (&catalog::SPECULATIVE_WINS, snapshot.speculative_won),
        (&catalog::SPECULATIVE_WASTED, snapshot.speculative_wasted),
        (&catalog::PREPARED, snapshot.prepared_statements),
        (&catalog::REPREPARES, snapshot.reprepares),
        (&catalog::ATTEMPTS, traffic.attempts),
        (&catalog::RESPONSES, traffic.answers),
        (&catalog::ORPHANS, traffic.orphaned),
        (&catalog::LATE_RESPONSES, traffic.late_answers),
        (&catalog::UNKNOWN_STREAMS, traffic.unknown_streams),
        (&catalog::SENT_BYTES, traffic.bytes_sent),
        (&catalog::RECEIVED_BYTES, traffic.bytes_received),
        (&catalog::WRITES, traffic.writes),
        (&catalog::READS, traffic.reads),
        (&catalog::HEARTBEATS, traffic.heartbeats),
        (&catalog::STALE_REACTORS, snapshot.stale_reactors),
        (&catalog::NODES_CONNECTED, snapshot.hosts.len() as u64),
    ];
    for (metric, total) in totals {
        samples.count(metric, &[], total);
    }
}

fn cluster(samples: &mut Samples, snapshot: &MetricsSnapshot, state: &ClusterState) {
    let mut members = [0; 3];
    for host in state.hosts.iter() {
        let known = state.route.host(host.index);
        let up = known.is_some_and(|known| known.up);
        let ignored = known.is_some_and(|known| known.distance == Distance::Ignored);
        members[if ignored { 2 } else { usize::from(!up) }] += 1;
    }
    samples.counts(&catalog::NODES, &members);
    samples.count(&catalog::TABLETS, &[], state.route.tablet_count() as u64);
    let control = &snapshot.control;
    samples.count(&catalog::CONTROL_UP, &[], control.connected.into());
    samples.count(&catalog::CONTROL_ESTABLISHED, &[], control.established);
    samples.counts(&catalog::EVENTS, &control.events);
    samples.counts(&catalog::REFRESHES, &control.refreshes);
}

fn engine(samples: &mut Samples, snapshot: &MetricsSnapshot) {
    let mut ticks = chorus_actors::BucketHistogram::default();
    for reactor in &snapshot.reactors {
        let index = reactor.index.to_string();
        let labels = [("reactor", &*index)];
        ticks.merge(&reactor.ticks);
        samples.number(&catalog::REACTOR_BUSY, &labels, reactor.ticks.sum_us as f64 / 1e6);
        samples.count(&catalog::REACTOR_TICKS, &labels, reactor.ticks.count());
        samples.count(&catalog::REACTOR_STALLS, &labels, reactor.stalls);
    }
    samples.buckets(&catalog::REACTOR_TICK, &[], Buckets::of_ticks(&ticks));
    for kind in catalog::ACTORS.labels[0].values {
        let none = chorus_actors::ActorSnapshot::default();
        let actor = snapshot.actors.iter().find(|actor| actor.actor == *kind).unwrap_or(&none);
        let labels = [("actor", *kind)];
        samples.count(&catalog::ACTORS, &labels, actor.alive);
        samples.count(&catalog::ACTOR_QUEUE_DEPTH, &labels, actor.queue_depth);
        samples.count(&catalog::ACTOR_QUEUE_DEPTH_MAX, &labels, actor.queue_depth_max);
        samples.latencies(&catalog::ACTOR_QUEUE_WAIT, &labels, &actor.queue_wait);
        samples.count(&catalog::ACTOR_MESSAGES, &labels, actor.messages);
        samples.count(&catalog::ACTOR_STALLS, &labels, actor.stalls);
        samples.count(&catalog::ACTOR_RESTARTS, &labels, actor.restarts);
    }
}

/// One number for each value of the label that the catalogue knows; those never counted are zero.
fn named(samples: &mut Samples, metric: &'static Metric, counted: &[(&'static str, u64)]) {
    let label = metric.labels[0];
    for value in label.values {
        let count = counted.iter().find(|(name, _)| name == value).map_or(0, |(_, count)| *count);
        samples.count(metric, &[(label.name, value)], count);
    }
}

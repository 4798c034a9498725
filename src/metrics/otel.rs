//! The names of OpenTelemetry's conventions for database clients, and the numbers that go under them.
//!
//! The conventions are those of version 1.44; `db.system.name` is `cassandra` for ScyllaDB too, which has no value of its own.
//! Connections here are shared by many requests at a time: one counts as used while anything is in flight on it. What only makes
//! sense for connections that are lent out one by one (`idle.max`, `idle.min`, `use_time`) is left out.

use chorus_actors::MetricsSnapshot;
use chorus_actors::catalog::{Detail, LATENCY_BUCKETS, Label, Metric, MetricKind, Owner, Unit};
use chorus_topology::ClusterState;

use super::sample::Samples;

const SYSTEM: Label = Label { name: "db.system.name", values: &["cassandra"] };
const POOL: Label = Label { name: "db.client.connection.pool.name", values: &[] };
const STATE: Label = Label { name: "db.client.connection.state", values: &["idle", "used"] };

const fn metric(
    name: &'static str,
    kind: MetricKind,
    unit: Unit,
    labels: &'static [Label],
    owner: Owner,
    help: &'static str,
) -> Metric {
    Metric { name, kind, unit, labels, help, owner, detail: Detail::Always }
}

use MetricKind::{Counter, Gauge, Histogram};

static DURATION: Metric = metric(
    "db.client.operation.duration",
    Histogram(LATENCY_BUCKETS),
    Unit::Seconds,
    &[SYSTEM],
    Owner::Coordinator,
    "Duration of database client operations.",
);
static CONNECTIONS: Metric = metric(
    "db.client.connection.count",
    Gauge,
    Unit::Count,
    &[POOL, STATE],
    Owner::Coordinator,
    "The number of connections that are currently in state described by the state attribute.",
);
static MOST: Metric = metric(
    "db.client.connection.max",
    Gauge,
    Unit::Count,
    &[POOL],
    Owner::Pool,
    "The maximum number of open connections allowed.",
);
static PENDING: Metric = metric(
    "db.client.connection.pending_requests",
    Gauge,
    Unit::Count,
    &[POOL],
    Owner::Coordinator,
    "The number of current pending requests for an open connection.",
);
static WAIT: Metric = metric(
    "db.client.connection.wait_time",
    Histogram(LATENCY_BUCKETS),
    Unit::Seconds,
    &[POOL],
    Owner::Connection,
    "The time it took to obtain an open connection from the pool.",
);
static TIMEOUTS: Metric = metric(
    "db.client.connection.timeouts",
    Counter,
    Unit::Count,
    &[POOL],
    Owner::Coordinator,
    "The number of connection timeouts that have occurred trying to obtain a connection from the pool.",
);

/// Everything the conventions have a name for.
pub(super) const CONVENTIONS: [&Metric; 6] = [&DURATION, &CONNECTIONS, &MOST, &PENDING, &WAIT, &TIMEOUTS];

/// Adds what the conventions have a name for. A pool is what leads to one host; waits and timeouts are of all of them together,
/// under the name of the cluster.
pub(super) fn add(samples: &mut Samples, snapshot: &MetricsSnapshot, state: &ClusterState) {
    let cluster = [(POOL.name, &*state.name)];
    samples.latencies(&DURATION, &[(SYSTEM.name, SYSTEM.values[0])], &snapshot.latency);
    for host in snapshot.all_hosts() {
        let address = host.address.to_string();
        let used = host.pool.iter().filter(|connection| connection.in_flight > 0).count() as u64;
        let idle = host.connections.saturating_sub(used);
        for (state, connections) in STATE.values.iter().zip([idle, used]) {
            samples.count(&CONNECTIONS, &[(POOL.name, &address), (STATE.name, state)], connections);
        }
        samples.count(&MOST, &[(POOL.name, &address)], host.target);
    }
    let waiting = snapshot.actors.iter().filter(|actor| matches!(actor.actor, "coordinator" | "connection"));
    samples.count(&PENDING, &cluster, waiting.map(|actor| actor.queue_depth).sum());
    samples.latencies(&WAIT, &cluster, &snapshot.traffic.queue_wait);
    samples.count(&TIMEOUTS, &cluster, snapshot.timeouts[1]);
}

/// The name of one of Chorus's own metrics where names are made of words and dots: its unit is told beside it.
pub(super) fn dotted(name: &str) -> String {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let name = name.strip_suffix("_seconds").or_else(|| name.strip_suffix("_bytes")).unwrap_or(name);
    name.replacen('_', ".", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_with_a_dot_behind_the_first() {
        assert_eq!(dotted("chorus_request_duration_seconds"), "chorus.request_duration");
        assert_eq!(dotted("chorus_requests_total"), "chorus.requests");
        assert_eq!(dotted("chorus_sent_bytes_total"), "chorus.sent");
        assert_eq!(dotted("chorus_process_resident_memory_bytes"), "chorus.process_resident_memory");
    }

    #[test]
    fn dotted_names_are_still_unique() {
        let mut names: Vec<String> =
            chorus_actors::catalog::CATALOG.iter().map(|metric| dotted(metric.name)).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}

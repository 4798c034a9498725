//! Every metric there is: the one place its name, type, unit, labels and meaning are written down.
//!
//! Whoever records or exposes a metric takes it from here; `docs/metrics.md` is generated from this table, and dashboards
//! are checked against it. Names follow Prometheus: base units, `_total` for counters, labels that may be summed over.
//! Labels are closed sets, except `node` and what describes a node; shards and connections are never labels.

use std::fmt::Write;

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: MetricKind,
    /// What it counts in.
    pub unit: Unit,
    /// Its labels; every sample has all of them.
    pub labels: &'static [Label],
    /// What it tells, in one sentence.
    pub help: &'static str,
    /// The actor (or other part) that keeps it.
    pub owner: Owner,
}

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricKind {
    /// Only grows, from the session's start.
    Counter,
    /// A state that goes up and down.
    Gauge,
    /// A distribution, as cumulative buckets with these upper bounds, a count and a sum.
    Histogram(&'static [f64]),
}

/// What a metric counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Nothing: a constant 1 whose labels tell something.
    Info,
}

/// A label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// The values it may have; empty when they depend on the cluster or the program.
    pub values: &'static [&'static str],
}

/// Who keeps a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// `CoordinatorActor`, one a reactor.
    Coordinator,
    /// `ConnectionActor`, one a socket; what ended connections counted is kept by their coordinator.
    Connection,
    /// `ClusterActor`, one a session.
    Cluster,
    /// `MetricsActor`, one a session.
    Metrics,
    /// A bulk load.
    Bulk,
}

/// Buckets of latencies, in seconds.
pub const LATENCY_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Buckets of small counts.
pub const SMALL_COUNT_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

const KIND: Label = Label { name: "kind", values: &["read", "write", "batch", "other"] };
const OUTCOME: Label = Label { name: "outcome", values: &["ok", "error", "timeout", "cancelled"] };
const DECISION: Label = Label { name: "decision", values: &["same_host", "next_host"] };
const HIT: Label = Label {
    name: "hit",
    values: &["replica_shard", "replica_other_shard", "replica", "non_replica", "remote_dc", "unrouted"],
};
const REASON: Label = Label {
    name: "reason",
    values: &["peer", "io", "heartbeat", "orphan_limit", "protocol", "shutdown", "lost"],
};
const ACTOR: Label = Label {
    name: "actor",
    values: &["coordinator", "connection", "pool", "host", "control", "cluster", "metrics"],
};
const STATE: Label = Label { name: "state", values: &["up", "down", "ignored"] };
const STAGE: Label = Label { name: "stage", values: &["read", "written", "rejected", "retried"] };
const HINT: Label = Label { name: "hint", values: &["taken", "malformed"] };
const NODE: Label = Label { name: "node", values: &[] };

macro_rules! catalog {
    ($($id:ident = $name:literal, $kind:expr, $unit:ident, $labels:expr, $owner:ident, $help:literal;)+) => {
        $(
            #[doc = concat!("`", $name, "`: ", $help)]
            pub const $id: Metric = Metric {
                name: $name,
                kind: $kind,
                unit: Unit::$unit,
                labels: &$labels,
                help: $help,
                owner: Owner::$owner,
            };
        )+

        /// Every metric, in the order of `docs/metrics.md`.
        pub const CATALOG: &[Metric] = &[$($id),+];
    };
}

use MetricKind::{Counter, Gauge, Histogram};

catalog! {
    REQUESTS = "chorus_requests_total", Counter, Count, [KIND, OUTCOME], Coordinator,
        "Requests that ended, each once however many attempts it took; rows of bulk jobs included.";
    REQUEST_DURATION = "chorus_request_duration_seconds", Histogram(LATENCY_BUCKETS), Seconds, [], Coordinator,
        "From the coordinator taking a request to its end, waits and retries included.";
    REQUESTS_IN_FLIGHT = "chorus_requests_in_flight", Gauge, Count, [], Coordinator,
        "Requests handed to a connection whose answer has not come, abandoned ones included.";
    RETRIES = "chorus_retries_total", Counter, Count, [DECISION], Coordinator,
        "Requests sent again because a retry policy said so.";
    RETRIES_REFUSED = "chorus_retries_refused_total", Counter, Count, [], Coordinator,
        "Retries and speculative attempts a policy wanted and the retry budget did not allow.";
    SPECULATIVE = "chorus_speculative_attempts_total", Counter, Count, [], Coordinator,
        "Requests sent to one more host because the first had not answered yet.";
    SPECULATIVE_WINS = "chorus_speculative_wins_total", Counter, Count, [], Coordinator,
        "Speculative attempts that answered first.";
    IGNORED_ERRORS = "chorus_ignored_errors_total", Counter, Count, [], Coordinator,
        "Errors a retry policy turned into empty results.";
    ROUTING = "chorus_routing_total", Counter, Count, [HIT], Coordinator,
        "First attempts by how well they were routed, from the replica's own shard to any host.";
    REPREPARES = "chorus_reprepares_total", Counter, Count, [], Coordinator,
        "Statements prepared again because a server had forgotten them.";
    TABLET_HINTS = "chorus_tablet_hints_total", Counter, Count, [HINT], Coordinator,
        "Answers that told where a tablet is, because their request had gone elsewhere; malformed ones are ignored.";
    ATTEMPTS = "chorus_attempts_total", Counter, Count, [], Connection,
        "Requests written to a socket, retries included.";
    ATTEMPT_DURATION = "chorus_attempt_duration_seconds", Histogram(LATENCY_BUCKETS), Seconds, [], Connection,
        "Service time: from the write buffer to the answer of the server.";
    QUEUE_WAIT = "chorus_connection_queue_wait_seconds", Histogram(LATENCY_BUCKETS), Seconds, [], Connection,
        "From the coordinator choosing a connection to the request being in its write buffer.";
    RESPONSES = "chorus_responses_total", Counter, Count, [], Connection,
        "Answers received, errors included.";
    SERVER_ERRORS = "chorus_server_errors_total", Counter, Count, [], Connection,
        "Answers that were errors.";
    ATTEMPT_TIMEOUTS = "chorus_attempt_timeouts_total", Counter, Count, [], Connection,
        "Attempts whose deadline passed before the answer came.";
    ORPHANS = "chorus_orphans_total", Counter, Count, [], Connection,
        "Stream ids left behind by callers that no longer waited.";
    LATE_RESPONSES = "chorus_late_responses_total", Counter, Count, [], Connection,
        "Answers that came for such stream ids.";
    SENT_BYTES = "chorus_sent_bytes_total", Counter, Bytes, [], Connection,
        "Bytes written to sockets, after compression.";
    RECEIVED_BYTES = "chorus_received_bytes_total", Counter, Bytes, [], Connection,
        "Bytes read from sockets, before decompression.";
    WRITES = "chorus_socket_writes_total", Counter, Count, [], Connection,
        "System calls that wrote to a socket.";
    READS = "chorus_socket_reads_total", Counter, Count, [], Connection,
        "System calls that read from a socket.";
    FRAMES_PER_WRITE = "chorus_frames_per_write", Histogram(SMALL_COUNT_BUCKETS), Count, [], Connection,
        "Frames that left with one system call: how well requests share writes.";
    HEARTBEATS = "chorus_heartbeats_total", Counter, Count, [], Connection,
        "Probes sent on connections that were silent.";
    DISCONNECTS = "chorus_disconnects_total", Counter, Count, [REASON], Coordinator,
        "Connections that ended.";
    CONNECTIONS = "chorus_connections", Gauge, Count, [NODE], Coordinator,
        "Connections in service.";
    NODE_IN_FLIGHT = "chorus_node_in_flight", Gauge, Count, [NODE], Coordinator,
        "Requests in flight or queued on the connections to a node, abandoned ones included.";
    ORPHANED_STREAMS = "chorus_orphaned_streams", Gauge, Count, [NODE], Coordinator,
        "Answers outstanding that nobody waits for.";
    NODE_INFO = "chorus_node_info", Gauge, Info,
        [NODE, Label { name: "host_id", values: &[] }, Label { name: "dc", values: &[] },
         Label { name: "rack", values: &[] }, Label { name: "version", values: &[] },
         Label { name: "shards", values: &[] }],
        Cluster, "Always 1; joins a node's address with where it stands and what it runs.";
    NODE_UP = "chorus_node_up", Gauge, Count, [NODE], Cluster,
        "1 when the driver takes the node to be reachable, else 0.";
    NODES = "chorus_nodes", Gauge, Count, [STATE], Cluster,
        "Members of the cluster; ignored ones are out of reach of the load balancing policy.";
    TABLETS = "chorus_tablets", Gauge, Count, [], Cluster,
        "Tablets learned from the servers.";
    ACTORS = "chorus_actors", Gauge, Count, [ACTOR], Metrics,
        "Actors alive.";
    ACTOR_QUEUE_DEPTH = "chorus_actor_queue_depth", Gauge, Count, [ACTOR], Metrics,
        "What waits in the queues of all actors of a kind: requests for coordinators and connections, messages in mailboxes for others.";
    ACTOR_QUEUE_DEPTH_MAX = "chorus_actor_queue_depth_max", Gauge, Count, [ACTOR], Metrics,
        "What waits in the deepest queue of one actor of a kind.";
    ACTOR_MESSAGES = "chorus_actor_messages_total", Counter, Count, [ACTOR], Metrics,
        "Messages handled, or for coordinators and connections how often they worked.";
    ACTOR_PANICS = "chorus_actor_panics_total", Counter, Count, [], Metrics,
        "Panics caught in actors, those of policies as a rule; what was in hand failed, and the actor went on or was replaced.";
    STALE_REACTORS = "chorus_stale_reactors", Gauge, Count, [], Metrics,
        "Reactors that did not answer the last collection in time; their numbers are missing from it.";
    BULK_ROWS = "chorus_bulk_rows_total", Counter, Count, [STAGE], Bulk,
        "Rows of bulk loads by what became of them; read is the number of records, retried counts rows sent again.";
    BULK_IN_FLIGHT = "chorus_bulk_in_flight", Gauge, Count, [], Bulk,
        "Rows read whose outcome is not known yet.";
    BULK_SOURCE_BYTES = "chorus_bulk_source_bytes_total", Counter, Bytes, [], Bulk,
        "Bytes read of the source, as it lies on disk.";
    BULK_SOURCE_SIZE = "chorus_bulk_source_size_bytes", Gauge, Bytes, [], Bulk,
        "Size of the source; 0 when unknown.";
    BUILD_INFO = "chorus_build_info", Gauge, Info, [Label { name: "version", values: &[] }], Metrics,
        "Always 1; tells the version of the driver.";
}

/// The metric of this name.
pub fn find(name: &str) -> Option<&'static Metric> {
    CATALOG.iter().find(|metric| metric.name == name)
}

impl MetricKind {
    /// The word of the exposition format.
    pub const fn name(self) -> &'static str {
        match self {
            Counter => "counter",
            Gauge => "gauge",
            Histogram(_) => "histogram",
        }
    }
}

impl Owner {
    /// The name on the metrics page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Connection => "connection",
            Self::Cluster => "cluster",
            Self::Metrics => "metrics",
            Self::Bulk => "bulk load",
        }
    }
}

impl Unit {
    /// The name on the metrics page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count | Self::Info => "",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
        }
    }
}

/// The text of `docs/metrics.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         Generated from `actors/src/metrics/catalog.rs`; a test compares the two. To change this page, change that file and\n\
         run `CHORUS_WRITE_DOCS=1 cargo test -p chorus-actors metrics_page`.\n\n\
         Counters count from the start of the session. Totals include connections that have ended, so they never go down.\n\
         `node` is a host's address; shards and connections are never labels.\n\n\
         | metric | type | unit | labels | owner | meaning |\n|---|---|---|---|---|---|\n",
    );
    for Metric { name, kind, unit, labels, help, owner } in CATALOG {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{}`", label.name)).collect();
        let (kind, unit, labels, owner) = (kind.name(), unit.name(), labels.join(", "), owner.name());
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{name}` | {kind} | {unit} | {labels} | {owner} | {help} |");
    }
    page.push_str("\n## Label values\n\n| label | values |\n|---|---|\n");
    for label in [KIND, OUTCOME, DECISION, HIT, HINT, REASON, ACTOR, STATE, STAGE] {
        let values: Vec<String> = label.values.iter().map(|value| format!("`{value}`")).collect();
        let _ = writeln!(page, "| `{}` | {} |", label.name, values.join(", "));
    }
    page.push_str("\n## Buckets\n\n");
    let bounds = |bounds: &[f64]| bounds.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let _ = writeln!(page, "* seconds: {}", bounds(LATENCY_BUCKETS));
    let _ = writeln!(page, "* counts: {}", bounds(SMALL_COUNT_BUCKETS));
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RequestKind, RequestOutcome, SMALL_BOUNDS};
    use chorus_topology::RoutingQuality;
    use std::collections::BTreeSet;

    #[test]
    fn metrics_page_is_what_the_catalogue_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
        if std::env::var_os("CHORUS_WRITE_DOCS").is_some() {
            std::fs::write(path, markdown()).expect("docs/metrics.md is writable");
        }
        let committed = std::fs::read_to_string(path).expect("docs/metrics.md exists");
        assert_eq!(
            committed,
            markdown(),
            "docs/metrics.md is out of date, its first lines say how to write it"
        );
    }

    #[test]
    fn names_are_unique_and_follow_the_rules_of_prometheus() {
        let names: BTreeSet<&str> = CATALOG.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), CATALOG.len());
        for metric in CATALOG {
            let name = metric.name;
            assert!(name.starts_with("chorus_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Counter, "{name}");
            assert_eq!(name.ends_with("_info"), metric.unit == Unit::Info, "{name}");
            let stem = name.trim_end_matches("_total");
            assert_eq!(stem.ends_with("_seconds"), metric.unit == Unit::Seconds, "{name}");
            assert_eq!(stem.ends_with("_bytes"), metric.unit == Unit::Bytes, "{name}");
            assert!(metric.help.ends_with('.') && !metric.help.contains('|'), "{name}");
            assert_eq!(find(name), Some(metric));
        }
    }

    #[test]
    fn labels_are_unique_within_a_metric_and_never_name_a_shard_or_connection() {
        for metric in CATALOG {
            let labels: BTreeSet<&str> = metric.labels.iter().map(|label| label.name).collect();
            assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
            assert!(!labels.contains("shard") && !labels.contains("connection"), "{}", metric.name);
            for label in metric.labels {
                let values: BTreeSet<&str> = label.values.iter().copied().collect();
                assert_eq!(values.len(), label.values.len(), "{} of {}", label.name, metric.name);
            }
        }
    }

    #[test]
    fn labels_have_every_value_the_engine_counts_by() {
        assert_eq!(HIT.values, RoutingQuality::ALL.map(RoutingQuality::name));
        assert_eq!(KIND.values, RequestKind::ALL.map(RequestKind::name));
        assert_eq!(OUTCOME.values, RequestOutcome::ALL.map(RequestOutcome::name));
        assert_eq!(SMALL_COUNT_BUCKETS, SMALL_BOUNDS.map(|bound| bound as f64));
    }

    #[test]
    fn buckets_grow_and_hold_what_dashboards_ask_for() {
        for bounds in [LATENCY_BUCKETS, SMALL_COUNT_BUCKETS] {
            assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
        }
        for bound in [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0] {
            assert!(LATENCY_BUCKETS.contains(&bound), "{bound} s");
        }
    }
}

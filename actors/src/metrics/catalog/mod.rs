//! Every metric there is: the one place its name, type, unit, labels and meaning are written down, with the panels that
//! show it and the alerts that watch it.
//!
//! Whoever records or exposes a metric takes it from here. Generated from it, and compared by tests: `docs/metrics.md` and
//! `docs/runbooks.md` (here, `CHORUS_WRITE_DOCS=1 cargo test -p chorus-actors pages_are`), everything in `dashboards/`
//! (`CHORUS_WRITE_DOCS=1 cargo test -p chorus-cql --test library dashboards`), and the page that is served beside the metrics,
//! which draws the same [`DASHBOARDS`] and evaluates the same [`Query`]s.
//!
//! Names follow Prometheus: base units, `_total` for counters, labels that may be summed over. Labels are closed sets, except
//! `node` and what describes a node, and `reactor`; shards, connections, keyspaces and statements are never labels.

mod alerts;
mod labels;
mod pages;
mod panels;
mod query;
mod table;

pub use alerts::{ALERTS, Alert, RECORDINGS, Recording, Severity, TestSeries};
pub use labels::Label;
pub use pages::{metrics_page, runbooks_page};
pub use panels::{DASHBOARDS, Dashboard, Feed, Form, Panel, PanelUnit, Row, Series};
pub use query::{Match, Query};
pub use table::*;

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
    /// Whether clusters of every size have it.
    pub detail: Detail,
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

/// Who keeps a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// `CoordinatorActor`, one a reactor.
    Coordinator,
    /// `ConnectionActor`, one a socket; what ended connections counted is kept by their coordinator.
    Connection,
    /// `PoolActor`, one a host and reactor.
    Pool,
    /// `ControlActor`, one a session.
    Control,
    /// `ClusterActor`, one a session.
    Cluster,
    /// `MetricsActor`, one a session.
    Metrics,
    /// A reactor, which holds the other actors.
    Reactor,
    /// A bulk load.
    Bulk,
    /// Whoever publishes the metrics.
    Publisher,
}

/// How much of a metric there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// It is about the session or the process: always there.
    Always,
    /// It is about a host, or about a rack where there are too many hosts.
    Host,
    /// It is about a host, and not there where racks take the place of hosts.
    OneByOne,
    /// It is about a host, and only there while hosts are few.
    FewHosts,
}

/// Buckets of latencies, in seconds.
pub const LATENCY_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
];

/// Buckets of small counts.
pub const SMALL_COUNT_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// The metric of this name.
pub fn find(name: &str) -> Option<&'static Metric> {
    CATALOG.iter().find(|metric| metric.name == name)
}

impl Metric {
    /// How many series it has at most, in a session with so many hosts (or racks) and reactors; hosts are those shown one by one.
    pub fn series(&self, hosts: usize, reactors: usize) -> usize {
        let combinations: usize = self
            .labels
            .iter()
            .map(|label| match label.name {
                "node" => hosts,
                "reactor" => reactors,
                // What else has no fixed values describes a node, or the program.
                _ => label.values.len().max(1),
            })
            .product();
        let each = match self.kind {
            // The buckets, one without a bound, the sum and the count.
            MetricKind::Histogram(bounds) => bounds.len() + 3,
            _ => 1,
        };
        combinations * each
    }
}

impl MetricKind {
    /// The word of the exposition format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

impl Owner {
    /// The name on the metrics page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Connection => "connection",
            Self::Pool => "pool",
            Self::Control => "control",
            Self::Cluster => "cluster",
            Self::Metrics => "metrics",
            Self::Reactor => "reactor",
            Self::Bulk => "bulk load",
            Self::Publisher => "publisher",
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::MetricKind::Counter;
    use super::*;
    use crate::metrics::{ControlSnapshot, FailureReason, LATENCY_BOUNDS_US, SMALL_BOUNDS, StageTimes};
    use crate::{RequestKind, RequestOutcome};
    use chorus_topology::RoutingQuality;

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
            for label in ["shard", "connection", "keyspace", "table", "statement"] {
                assert!(!labels.contains(label), "{}", metric.name);
            }
            for label in metric.labels {
                let values: BTreeSet<&str> = label.values.iter().copied().collect();
                assert_eq!(values.len(), label.values.len(), "{} of {}", label.name, metric.name);
            }
            assert_eq!(labels.contains("node"), metric.detail != Detail::Always, "{}", metric.name);
        }
    }

    #[test]
    fn labels_have_every_value_the_engine_counts_by() {
        assert_eq!(labels::HIT.values, RoutingQuality::ALL.map(RoutingQuality::name));
        assert_eq!(labels::KIND.values, RequestKind::ALL.map(RequestKind::name));
        assert_eq!(labels::OUTCOME.values, RequestOutcome::ALL.map(RequestOutcome::name));
        assert_eq!(labels::STAGE.values, StageTimes::NAMES);
        assert_eq!(labels::EVENT.values, ControlSnapshot::EVENTS);
        assert_eq!(labels::RETRY_REASON.values, FailureReason::ALL.map(FailureReason::name));
        assert_eq!(labels::SERVER_ERROR.values, &labels::RETRY_REASON.values[..12]);
        let outcomes = crate::TrafficSnapshot::default().outcomes().map(|(name, _)| name);
        assert_eq!(labels::ATTEMPT_OUTCOME.values, outcomes);
        assert_eq!(SMALL_COUNT_BUCKETS, SMALL_BOUNDS.map(|bound| bound as f64));
        assert_eq!(LATENCY_BUCKETS, LATENCY_BOUNDS_US.map(|bound| bound as f64 / 1e6));
    }

    #[test]
    fn buckets_grow_and_hold_what_dashboards_ask_for() {
        for bounds in [LATENCY_BUCKETS, SMALL_COUNT_BUCKETS] {
            assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
        }
        // Those of the OpenTelemetry conventions among them.
        for bound in [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0] {
            assert!(LATENCY_BUCKETS.contains(&bound), "{bound} s");
        }
    }

    #[test]
    fn every_metric_is_shown_by_a_panel_and_panels_show_what_there_is() {
        let mut shown = BTreeSet::new();
        let mut titles = BTreeSet::new();
        for dashboard in DASHBOARDS {
            for panel in dashboard.panels() {
                assert!(titles.insert((dashboard.uid, panel.title)), "{} twice", panel.title);
                assert!(!panel.series.is_empty(), "{}", panel.title);
                for series in panel.series {
                    series.query.check().unwrap_or_else(|what| panic!("{}: {what}", panel.title));
                    series.query.metrics(&mut |metric| _ = shown.insert(metric.name));
                }
            }
        }
        let hidden: Vec<_> =
            CATALOG.iter().map(|metric| metric.name).filter(|name| !shown.contains(name)).collect();
        assert_eq!(hidden, Vec::<&str>::new());
    }

    #[test]
    fn alerts_and_recordings_are_made_of_metrics_there_are() {
        let recorded: BTreeSet<&str> = RECORDINGS.iter().map(|recording| recording.name).collect();
        let texts = ALERTS.iter().map(|alert| alert.expression);
        for text in texts.chain(RECORDINGS.iter().map(|recording| recording.expression)) {
            let words = text.split(|at: char| !(at.is_ascii_alphanumeric() || at == '_' || at == ':'));
            let mut names = words.filter(|word| word.starts_with("chorus")).peekable();
            assert!(names.peek().is_some(), "{text}");
            for name in names {
                let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
                let known = find(name).or_else(|| stem.and_then(find)).is_some() || recorded.contains(name);
                assert!(known, "{name} in {text}");
            }
        }
        let names: BTreeSet<&str> = ALERTS.iter().map(|alert| alert.name).collect();
        assert_eq!(names.len(), ALERTS.len());
        for alert in ALERTS {
            assert!(!alert.fires.is_empty() && !alert.quiet.is_empty(), "{} has no tests", alert.name);
        }
    }
}

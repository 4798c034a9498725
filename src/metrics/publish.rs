//! From a snapshot to the `metrics` facade, where any recorder picks it up.

use std::collections::BTreeMap;

use chorus_actors::catalog::{self, CATALOG, Metric, MetricKind};
use chorus_actors::{
    LatencySnapshot, MetricsSnapshot, RequestKind, RequestOutcome, SMALL_BOUNDS, SmallHistogram,
};
use chorus_topology::{ClusterState, Distance, Host, RoutingQuality};
use metrics::{Unit, counter, gauge, histogram};

use crate::Session;
use crate::error::Error;

/// Hands a session's metrics to whatever recorder the `metrics` facade has, again and again.
///
/// The session counts by itself; this copies the counts. Counters are set to their totals, gauges to their values, and
/// histograms are given what was recorded since the last time, so publish from one place only. Where there is a
/// recorder already, publish every few seconds; where there is none, the feature `prometheus` has an endpoint that does.
///
/// ```no_run
/// # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
/// let mut publisher = chorus::metrics::Publisher::new(session);
/// let mut ticks = tokio::time::interval(std::time::Duration::from_secs(5));
/// loop {
///     ticks.tick().await;
///     publisher.publish().await?;
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Publisher {
    session: Session,
    published: Published,
}

impl Publisher {
    /// A publisher that has published nothing. It keeps the session alive.
    pub fn new(session: Session) -> Self {
        Self { session, published: Published::default() }
    }

    /// Gathers the metrics and hands them to the global recorder.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionClosed`](crate::ErrorKind::SessionClosed) when the engine has ended.
    pub async fn publish(&mut self) -> Result<(), Error> {
        let snapshot = self.session.metrics().await?;
        self.published.record(&snapshot, &self.session.state());
        Ok(())
    }

    /// The same for a recorder that is not the global one.
    ///
    /// # Errors
    ///
    /// Those of [`publish`](Self::publish).
    pub async fn publish_to(&mut self, recorder: &(dyn metrics::Recorder + Sync)) -> Result<(), Error> {
        let snapshot = self.session.metrics().await?;
        metrics::with_local_recorder(recorder, || self.published.record(&snapshot, &self.session.state()));
        Ok(())
    }
}

/// What the recorder has been told.
#[derive(Debug, Default)]
struct Published {
    described: bool,
    request: LatencySnapshot,
    attempt: LatencySnapshot,
    queue_wait: LatencySnapshot,
    frames_per_write: SmallHistogram,
    /// The labels of each node's information, by its address.
    nodes: BTreeMap<String, Vec<(&'static str, String)>>,
}

impl Published {
    fn record(&mut self, snapshot: &MetricsSnapshot, state: &ClusterState) {
        if !self.described {
            CATALOG.iter().for_each(describe);
            self.described = true;
        }
        record_totals(snapshot);
        self.record_distributions(snapshot);
        self.record_nodes(snapshot, state);
    }

    fn record_distributions(&mut self, snapshot: &MetricsSnapshot) {
        let traffic = &snapshot.traffic;
        record_latencies(&catalog::REQUEST_DURATION, &snapshot.latency, &mut self.request);
        record_latencies(&catalog::ATTEMPT_DURATION, &traffic.service, &mut self.attempt);
        record_latencies(&catalog::QUEUE_WAIT, &traffic.queue_wait, &mut self.queue_wait);
        let frames = histogram!(catalog::FRAMES_PER_WRITE.name);
        for (value, times) in small_values(&traffic.frames_per_write, &self.frames_per_write) {
            frames.record_many(value, times);
        }
        self.frames_per_write = traffic.frames_per_write.clone();
    }

    fn record_nodes(&mut self, snapshot: &MetricsSnapshot, state: &ClusterState) {
        let mut states = [0u32; 3];
        let mut gone = std::mem::take(&mut self.nodes);
        for host in state.hosts.iter() {
            let known = state.route.host(host.index);
            let up = known.is_some_and(|known| known.up);
            let ignored = known.is_some_and(|known| known.distance == Distance::Ignored);
            states[if ignored { 2 } else { usize::from(!up) }] += 1;
            let node = host.address.to_string();
            let traffic = snapshot.hosts.iter().find(|counted| counted.host == host.index);
            let count =
                |of: fn(&chorus_actors::HostSnapshot) -> u64| traffic.map_or(0.0, |host| of(host) as f64);
            gauge!(catalog::NODE_UP.name, "node" => node.clone()).set(f64::from(u8::from(up)));
            gauge!(catalog::CONNECTIONS.name, "node" => node.clone()).set(count(|host| host.connections));
            gauge!(catalog::NODE_IN_FLIGHT.name, "node" => node.clone()).set(count(|host| host.in_flight));
            gauge!(catalog::ORPHANED_STREAMS.name, "node" => node.clone()).set(count(|host| host.orphans));
            let information = information(host, &node);
            gauge!(catalog::NODE_INFO.name, &information).set(1.0);
            // A node that was upgraded leaves its old description behind.
            if let Some(before) = gone.remove(&node).filter(|before| *before != information) {
                gauge!(catalog::NODE_INFO.name, &before).set(0.0);
            }
            self.nodes.insert(node, information);
        }
        for (node, information) in gone {
            for metric in
                [catalog::NODE_UP, catalog::CONNECTIONS, catalog::NODE_IN_FLIGHT, catalog::ORPHANED_STREAMS]
            {
                gauge!(metric.name, "node" => node.clone()).set(0.0);
            }
            gauge!(catalog::NODE_INFO.name, &information).set(0.0);
        }
        for (label, count) in ["up", "down", "ignored"].into_iter().zip(states) {
            gauge!(catalog::NODES.name, "state" => label).set(f64::from(count));
        }
        gauge!(catalog::TABLETS.name).set(state.route.tablet_count() as f64);
    }
}

fn describe(metric: &Metric) {
    let unit = match metric.unit {
        catalog::Unit::Count | catalog::Unit::Info => Unit::Count,
        catalog::Unit::Seconds => Unit::Seconds,
        catalog::Unit::Bytes => Unit::Bytes,
    };
    match metric.kind {
        MetricKind::Counter => metrics::describe_counter!(metric.name, unit, metric.help),
        MetricKind::Gauge => metrics::describe_gauge!(metric.name, unit, metric.help),
        MetricKind::Histogram(_) => metrics::describe_histogram!(metric.name, unit, metric.help),
    }
}

/// Whatever has one number for each combination of labels.
fn record_totals(snapshot: &MetricsSnapshot) {
    for (kind, outcomes) in RequestKind::ALL.into_iter().zip(&snapshot.requests) {
        for (outcome, requests) in RequestOutcome::ALL.into_iter().zip(outcomes) {
            counter!(catalog::REQUESTS.name, "kind" => kind.name(), "outcome" => outcome.name())
                .absolute(*requests);
        }
    }
    gauge!(catalog::REQUESTS_IN_FLIGHT.name).set(snapshot.in_flight as f64);
    counter!(catalog::RETRIES.name, "decision" => "same_host").absolute(snapshot.retries_same_host);
    counter!(catalog::RETRIES.name, "decision" => "next_host").absolute(snapshot.retries_next_host);
    for quality in RoutingQuality::ALL {
        counter!(catalog::ROUTING.name, "hit" => quality.name()).absolute(snapshot.routed(quality));
    }
    counter!(catalog::TABLET_HINTS.name, "hint" => "taken").absolute(snapshot.tablets_told);
    counter!(catalog::TABLET_HINTS.name, "hint" => "malformed").absolute(snapshot.tablets_refused);
    for (reason, connections) in &snapshot.disconnects {
        counter!(catalog::DISCONNECTS.name, "reason" => *reason).absolute(*connections);
    }
    for actor in &snapshot.actors {
        gauge!(catalog::ACTORS.name, "actor" => actor.actor).set(actor.alive as f64);
        gauge!(catalog::ACTOR_QUEUE_DEPTH.name, "actor" => actor.actor).set(actor.queue_depth as f64);
        gauge!(catalog::ACTOR_QUEUE_DEPTH_MAX.name, "actor" => actor.actor).set(actor.queue_depth_max as f64);
        counter!(catalog::ACTOR_MESSAGES.name, "actor" => actor.actor).absolute(actor.messages);
    }
    let traffic = &snapshot.traffic;
    for (metric, total) in [
        (catalog::RETRIES_REFUSED, snapshot.budget_refusals),
        (catalog::ACTOR_PANICS, snapshot.panics),
        (catalog::SPECULATIVE, snapshot.speculative_sent),
        (catalog::SPECULATIVE_WINS, snapshot.speculative_won),
        (catalog::IGNORED_ERRORS, snapshot.ignored_errors),
        (catalog::REPREPARES, snapshot.reprepares),
        (catalog::ATTEMPTS, traffic.attempts),
        (catalog::RESPONSES, traffic.answers),
        (catalog::SERVER_ERRORS, traffic.server_errors),
        (catalog::ATTEMPT_TIMEOUTS, traffic.timeouts),
        (catalog::ORPHANS, traffic.orphaned),
        (catalog::LATE_RESPONSES, traffic.late_answers),
        (catalog::SENT_BYTES, traffic.bytes_sent),
        (catalog::RECEIVED_BYTES, traffic.bytes_received),
        (catalog::WRITES, traffic.writes),
        (catalog::READS, traffic.reads),
        (catalog::HEARTBEATS, traffic.heartbeats),
    ] {
        counter!(metric.name).absolute(total);
    }
    gauge!(catalog::STALE_REACTORS.name).set(snapshot.stale_reactors as f64);
    gauge!(catalog::BUILD_INFO.name, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Records the latencies that are in `now` and were not in `before`, in seconds, and makes `before` the same as `now`.
fn record_latencies(metric: &Metric, now: &LatencySnapshot, before: &mut LatencySnapshot) {
    let recorder = histogram!(metric.name);
    for bucket in now.histogram().iter_recorded() {
        let micros = bucket.value_iterated_to();
        let new = bucket.count_at_value().saturating_sub(before.histogram().count_at(micros));
        if new > 0 {
            recorder.record_many(micros as f64 / 1e6, usize::try_from(new).unwrap_or(usize::MAX));
        }
    }
    before.clone_from(now);
}

/// The values that are in `now` and were not in `before`. Only their buckets and their sum are known: within its bucket,
/// each is placed so that the sum comes out right.
fn small_values(now: &SmallHistogram, before: &SmallHistogram) -> Vec<(f64, usize)> {
    let new: Vec<u64> =
        now.buckets.iter().zip(&before.buckets).map(|(now, before)| now.saturating_sub(*before)).collect();
    let largest = SMALL_BOUNDS[SMALL_BOUNDS.len() - 1];
    let limits = |bucket: usize| {
        let low = if bucket == 0 { 0 } else { SMALL_BOUNDS[bucket - 1] + 1 };
        let high = SMALL_BOUNDS.get(bucket).copied().unwrap_or(2 * largest);
        (low as f64, high as f64)
    };
    let sum_with = |place: f64| -> f64 {
        new.iter()
            .enumerate()
            .map(|(bucket, times)| {
                let (low, high) = limits(bucket);
                (low + place * (high - low)) * *times as f64
            })
            .sum()
    };
    let (least, most) = (sum_with(0.0), sum_with(1.0));
    let sum = now.sum.saturating_sub(before.sum) as f64;
    let place = if most > least { ((sum - least) / (most - least)).clamp(0.0, 1.0) } else { 1.0 };
    new.iter()
        .enumerate()
        .filter(|(_, times)| **times > 0)
        .map(|(bucket, times)| {
            let (low, high) = limits(bucket);
            (low + place * (high - low), usize::try_from(*times).unwrap_or(usize::MAX))
        })
        .collect()
}

fn information(host: &Host, node: &str) -> Vec<(&'static str, String)> {
    let shards = host.sharding.map_or(0, |sharding| sharding.nr_shards);
    vec![
        ("node", node.to_owned()),
        ("host_id", host.id.to_string()),
        ("dc", host.datacenter.to_string()),
        ("rack", host.rack.to_string()),
        ("version", host.release_version.as_deref().unwrap_or_default().to_owned()),
        ("shards", shards.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString};

    use super::*;

    /// Keeps the name of everything that is registered, and every value of a histogram.
    #[derive(Default)]
    struct Notes {
        names: Mutex<Vec<(String, Vec<String>)>>,
        described: Mutex<Vec<String>>,
    }

    impl Notes {
        fn note(&self, key: &Key) {
            let labels = key.labels().map(|label| label.key().to_owned()).collect();
            self.names.lock().expect("no panic").push((key.name().to_owned(), labels));
        }
    }

    impl Recorder for Notes {
        fn describe_counter(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
            self.described.lock().expect("no panic").push(key.as_str().to_owned());
        }
        fn describe_gauge(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
            self.described.lock().expect("no panic").push(key.as_str().to_owned());
        }
        fn describe_histogram(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
            self.described.lock().expect("no panic").push(key.as_str().to_owned());
        }
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.note(key);
            Counter::noop()
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            self.note(key);
            Gauge::noop()
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            self.note(key);
            Histogram::from_arc(Arc::new(Ignored))
        }
    }

    struct Ignored;

    impl HistogramFn for Ignored {
        fn record(&self, _: f64) {}
    }

    #[test]
    fn everything_published_is_in_the_catalogue_with_its_labels() {
        let notes = Notes::default();
        let mut snapshot = MetricsSnapshot::default();
        snapshot.disconnects.push(("peer", 1));
        metrics::with_local_recorder(&notes, || {
            Published::default().record(&snapshot, &ClusterState::default());
        });
        let names = notes.names.into_inner().expect("no panic");
        assert!(names.len() > 30, "{names:?}");
        for (name, labels) in names {
            let metric = catalog::find(&name).unwrap_or_else(|| panic!("{name} is not in the catalogue"));
            let known: Vec<&str> = metric.labels.iter().map(|label| label.name).collect();
            assert_eq!(labels, known, "{name}");
        }
        let described = notes.described.into_inner().expect("no panic");
        assert_eq!(described.len(), CATALOG.len());
    }

    #[test]
    fn only_what_is_new_is_recorded_and_its_sum_is_kept() {
        let mut before = SmallHistogram::default();
        before.buckets[0] = 5;
        before.sum = 5;
        let mut now = before.clone();
        // 3 and 4, 100 and 120: buckets up to 4 and up to 128.
        now.buckets[2] += 2;
        now.buckets[7] += 2;
        now.sum += 3 + 4 + 100 + 120;
        let values = small_values(&now, &before);
        assert_eq!(values.len(), 2);
        assert!(values[0].0 > 2.0 && values[0].0 <= 4.0, "{values:?}");
        assert!(values[1].0 > 64.0 && values[1].0 <= 128.0, "{values:?}");
        let sum: f64 = values.iter().map(|(value, times)| value * *times as f64).sum();
        assert!((sum - 227.0).abs() < 1e-6, "{values:?}");
        assert!(small_values(&now, &now).is_empty());
    }
}

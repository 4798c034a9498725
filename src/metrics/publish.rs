//! From samples to the `metrics` facade, where any recorder picks them up.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

use chorus_actors::LatencySnapshot;
use chorus_actors::catalog::{self, CATALOG, Metric, MetricKind};
use metrics::{Histogram, Unit, counter, gauge, histogram};

use super::Sampler;
use super::hosts::SeriesLimits;
use super::otel;
use super::sample::{Buckets, Labels, Sample, Value};
use crate::Session;
use crate::error::Error;

/// Hands a session's metrics to whatever recorder the `metrics` facade has, again and again.
///
/// The session counts by itself; this copies the counts. Counters are set to their totals, gauges to their values, and
/// histograms are given what was recorded since the last time, so publish from one place only. The facade's counters are whole
/// numbers: counters of seconds travel as gauges. A host that left cannot be taken out of a recorder; its gauges are set to
/// zero once. Where there is a recorder already, publish every few seconds; where there is none, the feature `prometheus` has an
/// endpoint that does without the facade.
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
    sampler: Sampler,
    names: Names,
    published: Published,
}

/// Under which names a [`Publisher`] publishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Names {
    /// Those of the catalogue: `chorus_requests_total`.
    #[default]
    Prometheus,
    /// Those of OpenTelemetry's conventions for database clients where they have any (`db.client.operation.duration`), and
    /// dotted ones without units for the rest (`chorus.requests`).
    OpenTelemetry,
}

impl Publisher {
    /// A publisher that has published nothing. It keeps the session alive.
    pub fn new(session: Session) -> Self {
        Self::with_limits(session, SeriesLimits::default())
    }

    /// The same with other limits on the number of series.
    pub fn with_limits(session: Session, limits: SeriesLimits) -> Self {
        Self {
            session,
            sampler: Sampler::new(limits),
            names: Names::default(),
            published: Published::default(),
        }
    }

    /// Publishes under other names. Defaults to those of the catalogue.
    #[must_use]
    pub fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// Gathers the metrics and hands them to the global recorder.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionClosed`](crate::ErrorKind::SessionClosed) when the engine has ended.
    pub async fn publish(&mut self) -> Result<(), Error> {
        let samples = self.samples().await?;
        self.published.record(&samples, self.names);
        Ok(())
    }

    /// The same for a recorder that is not the global one.
    ///
    /// # Errors
    ///
    /// Those of [`publish`](Self::publish).
    pub async fn publish_to(&mut self, recorder: &(dyn metrics::Recorder + Sync)) -> Result<(), Error> {
        let samples = self.samples().await?;
        metrics::with_local_recorder(recorder, || self.published.record(&samples, self.names));
        Ok(())
    }

    async fn samples(&mut self) -> Result<Vec<Sample>, Error> {
        let snapshot = self.session.metrics().await?;
        let state = self.session.state();
        let mut samples = self.sampler.take(&snapshot, &state, Instant::now());
        if self.names == Names::OpenTelemetry {
            samples.extend(self.sampler.take_conventional(&snapshot, &state));
        }
        Ok(samples)
    }
}

/// A metric and its labels.
type Key = (&'static str, Labels);

/// What the recorder has been told.
#[derive(Debug, Default)]
struct Published {
    described: bool,
    /// Histograms as they were the last time.
    latencies: HashMap<Key, LatencySnapshot>,
    buckets: HashMap<Key, Buckets>,
    /// Gauges of the last time.
    gauges: HashSet<Key>,
}

impl Published {
    fn record(&mut self, samples: &[Sample], names: Names) {
        if !self.described {
            CATALOG.iter().for_each(|metric| describe_as(name_of(metric, names), metric));
            if names == Names::OpenTelemetry {
                otel::CONVENTIONS.into_iter().for_each(|metric| describe_as(name_of(metric, names), metric));
            }
            self.described = true;
        }
        let mut gone = std::mem::take(&mut self.gauges);
        for Sample { metric, labels, value } in samples {
            let key = || (metric.name, labels.clone());
            let name = name_of(metric, names);
            match value {
                Value::Number(number) if is_whole(metric) => {
                    counter!(name, labels).absolute(*number as u64);
                }
                Value::Number(number) => {
                    gauge!(name, labels).set(*number);
                    gone.remove(&key());
                    self.gauges.insert(key());
                }
                Value::Latencies(now) => {
                    let before = self.latencies.entry(key()).or_default();
                    record_latencies(&histogram!(name, labels), now, before);
                }
                Value::Buckets(now) => {
                    let recorder = histogram!(name, labels);
                    let before = self.buckets.insert(key(), now.clone());
                    for (value, times) in new_values(metric, now, before.as_ref()) {
                        recorder.record_many(value, usize::try_from(times).unwrap_or(usize::MAX));
                    }
                }
            }
        }
        for (name, labels) in gone {
            let name = catalog::find(name).map_or(Cow::Borrowed(name), |metric| name_of(metric, names));
            gauge!(name, &labels).set(0.0);
        }
    }
}

/// Whether it is a counter that the facade can count: of whole numbers.
fn is_whole(metric: &Metric) -> bool {
    metric.kind == MetricKind::Counter && metric.unit != catalog::Unit::Seconds
}

/// What a metric is called.
fn name_of(metric: &Metric, names: Names) -> Cow<'static, str> {
    match names {
        Names::OpenTelemetry if metric.name.starts_with("chorus_") => Cow::Owned(otel::dotted(metric.name)),
        _ => Cow::Borrowed(metric.name),
    }
}

/// Tells the recorder what a metric is about.
#[cfg_attr(not(feature = "bulk"), expect(dead_code, reason = "bulk loads describe theirs"))]
pub(crate) fn describe(metric: &Metric) {
    describe_as(Cow::Borrowed(metric.name), metric);
}

fn describe_as(name: Cow<'static, str>, metric: &Metric) {
    let unit = match metric.unit {
        catalog::Unit::Count | catalog::Unit::Info => Unit::Count,
        catalog::Unit::Seconds => Unit::Seconds,
        catalog::Unit::Bytes => Unit::Bytes,
    };
    match metric.kind {
        MetricKind::Histogram(_) => metrics::describe_histogram!(name, unit, metric.help),
        _ if is_whole(metric) => metrics::describe_counter!(name, unit, metric.help),
        _ => metrics::describe_gauge!(name, unit, metric.help),
    }
}

/// Records the latencies that are in `now` and were not in `before`, in seconds, and makes `before` the same as `now`.
fn record_latencies(recorder: &Histogram, now: &LatencySnapshot, before: &mut LatencySnapshot) {
    let histogram = now.histogram();
    for bucket in histogram.iter_recorded() {
        let micros = bucket.value_iterated_to();
        let new = bucket.count_at_value().saturating_sub(before.histogram().count_at(micros));
        if new > 0 {
            // The middle of the values that are one to the histogram, so that sums come out right.
            let middle = histogram.median_equivalent(micros) as f64 / 1e6;
            recorder.record_many(middle, usize::try_from(new).unwrap_or(usize::MAX));
        }
    }
    before.clone_from(now);
}

/// The values that are in `now` and were not in `before`, each with how often. Only their buckets and their sum are known:
/// within its bucket, each is placed so that the sum comes out right.
fn new_values(metric: &Metric, now: &Buckets, before: Option<&Buckets>) -> Vec<(f64, u64)> {
    let MetricKind::Histogram(bounds) = metric.kind else { return Vec::new() };
    let known = |place: usize| before.and_then(|before| before.counts.get(place)).copied().unwrap_or(0);
    let new: Vec<u64> =
        now.counts.iter().enumerate().map(|(place, count)| count.saturating_sub(known(place))).collect();
    let largest = bounds.last().copied().unwrap_or(0.0);
    let limits = |place: usize| {
        let low = if place == 0 { 0.0 } else { bounds[place - 1] };
        (low, bounds.get(place).copied().unwrap_or(2.0 * largest))
    };
    let at = |place: usize, share: f64| {
        let (low, high) = limits(place);
        // A little above the lower bound: that belongs to the bucket before.
        low + share.max(1e-6) * (high - low)
    };
    let sum_with = |share: f64| -> f64 {
        new.iter().enumerate().map(|(place, times)| at(place, share) * *times as f64).sum()
    };
    let (least, most) = (sum_with(0.0), sum_with(1.0));
    let sum = now.sum - before.map_or(0.0, |before| before.sum);
    let share = if most > least { ((sum - least) / (most - least)).clamp(0.0, 1.0) } else { 1.0 };
    new.iter()
        .enumerate()
        .filter(|(_, times)| **times > 0)
        .map(|(place, times)| (at(place, share), *times))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use chorus_actors::MetricsSnapshot;
    use chorus_topology::ClusterState;
    use metrics::{Counter, Gauge, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString};

    use super::*;

    /// Keeps the name and labels of everything that is registered.
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
        let samples =
            Sampler::default().take(&MetricsSnapshot::default(), &ClusterState::default(), Instant::now());
        metrics::with_local_recorder(&notes, || Published::default().record(&samples, Names::Prometheus));
        let names = notes.names.into_inner().expect("no panic");
        assert!(names.len() > 200, "{}", names.len());
        for (name, labels) in names {
            let metric = catalog::find(&name).unwrap_or_else(|| panic!("{name} is not in the catalogue"));
            let known: Vec<&str> = metric.labels.iter().map(|label| label.name).collect();
            assert_eq!(labels, known, "{name}");
        }
        let described = notes.described.into_inner().expect("no panic");
        assert_eq!(described.len(), CATALOG.len());
    }

    #[test]
    fn conventions_of_opentelemetry_are_published_under_their_names() {
        let notes = Notes::default();
        let (snapshot, state) = (MetricsSnapshot::default(), ClusterState::default());
        let mut sampler = Sampler::default();
        let mut samples = sampler.take(&snapshot, &state, Instant::now());
        samples.extend(sampler.take_conventional(&snapshot, &state));
        metrics::with_local_recorder(&notes, || {
            Published::default().record(&samples, Names::OpenTelemetry);
        });
        let names = notes.names.into_inner().expect("no panic");
        for name in
            ["db.client.operation.duration", "db.client.connection.pending_requests", "chorus.requests"]
        {
            assert!(names.iter().any(|(known, _)| known == name), "{name}");
        }
        assert!(names.iter().all(|(name, _)| !name.starts_with("chorus_")));
    }

    #[test]
    fn only_what_is_new_is_recorded_and_its_sum_is_kept() {
        let mut before = Buckets { counts: vec![0; 12], sum: 5.0 };
        before.counts[0] = 5;
        let mut now = before.clone();
        // 3 and 4, 100 and 120: buckets up to 4 and up to 128.
        now.counts[2] += 2;
        now.counts[7] += 2;
        now.sum += 3.0 + 4.0 + 100.0 + 120.0;
        let values = new_values(&catalog::FRAMES_PER_WRITE, &now, Some(&before));
        assert_eq!(values.len(), 2);
        assert!(values[0].0 > 2.0 && values[0].0 <= 4.0, "{values:?}");
        assert!(values[1].0 > 64.0 && values[1].0 <= 128.0, "{values:?}");
        let sum: f64 = values.iter().map(|(value, times)| value * *times as f64).sum();
        assert!((sum - 227.0).abs() < 1e-3, "{values:?}");
        assert!(new_values(&catalog::FRAMES_PER_WRITE, &now, Some(&now)).is_empty());
    }
}

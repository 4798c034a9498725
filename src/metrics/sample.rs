//! One number, or one distribution, with its labels: what every way out of the metrics is made of.

#[cfg(any(test, feature = "prometheus"))]
use std::borrow::Cow;
use std::collections::HashMap;

#[cfg(any(test, feature = "prometheus"))]
use chorus_actors::LATENCY_BOUNDS_US;
use chorus_actors::catalog::{CATALOG, Metric};
use chorus_actors::{BucketHistogram, LatencySnapshot, SmallHistogram};

/// Labels and their values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A metric with one combination of labels, and its value at one moment.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) metric: &'static Metric,
    pub(super) labels: Labels,
    pub(super) value: Value,
}

/// What a sample says.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A counter or gauge.
    Number(f64),
    /// A histogram of no more than what is exported.
    Buckets(Buckets),
    /// A histogram that knows more.
    Latencies(LatencySnapshot),
}

#[cfg(any(test, feature = "prometheus"))]
impl Value {
    /// The buckets, if it is a histogram.
    pub(super) fn to_buckets(&self) -> Option<Cow<'_, Buckets>> {
        match self {
            Self::Number(_) => None,
            Self::Buckets(buckets) => Some(Cow::Borrowed(buckets)),
            Self::Latencies(latencies) => Some(Cow::Owned(Buckets::of_latencies(latencies))),
        }
    }
}

/// A histogram: how many values are in each bucket and not in the one before, the last without a bound; and their sum.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Buckets {
    pub(super) counts: Vec<u64>,
    pub(super) sum: f64,
}

impl Buckets {
    /// Latencies, in seconds.
    #[cfg(any(test, feature = "prometheus"))]
    pub(super) fn of_latencies(latencies: &LatencySnapshot) -> Self {
        let mut before = 0;
        let bounds = LATENCY_BOUNDS_US.iter().map(|bound| latencies.count_at_most(*bound));
        let mut counts: Vec<u64> = bounds
            .map(|up_to| {
                let here = up_to.saturating_sub(before);
                before = before.max(up_to);
                here
            })
            .collect();
        counts.push(latencies.count().saturating_sub(before));
        Self { counts, sum: latencies.sum_us() as f64 / 1e6 }
    }

    /// The same.
    pub(super) fn of_ticks(ticks: &BucketHistogram) -> Self {
        Self { counts: ticks.buckets.to_vec(), sum: ticks.sum_us as f64 / 1e6 }
    }

    /// Small counts.
    pub(super) fn of_counts(counts: &SmallHistogram) -> Self {
        Self { counts: counts.buckets.to_vec(), sum: counts.sum as f64 }
    }

    /// How many values there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Samples of one moment, metric by metric.
#[derive(Debug, Default)]
pub(super) struct Samples {
    pub(super) all: Vec<Sample>,
    /// Labels that every sample has.
    pub(super) common: Labels,
}

impl Samples {
    /// Adds a number.
    pub(super) fn number(&mut self, metric: &'static Metric, labels: &[(&'static str, &str)], value: f64) {
        self.add(metric, labels, Value::Number(value));
    }

    /// Adds a whole number.
    pub(super) fn count(&mut self, metric: &'static Metric, labels: &[(&'static str, &str)], value: u64) {
        self.number(metric, labels, value as f64);
    }

    /// Adds one whole number for each value of a label that the catalogue knows, in that order. Numbers of what the catalogue
    /// does not know are left out, which a test would notice.
    pub(super) fn counts(&mut self, metric: &'static Metric, values: &[u64]) {
        let label = metric.labels[0];
        for (name, value) in label.values.iter().zip(values) {
            self.count(metric, &[(label.name, name)], *value);
        }
    }

    /// Adds a histogram.
    pub(super) fn buckets(
        &mut self,
        metric: &'static Metric,
        labels: &[(&'static str, &str)],
        value: Buckets,
    ) {
        self.add(metric, labels, Value::Buckets(value));
    }

    /// The same.
    pub(super) fn latencies(
        &mut self,
        metric: &'static Metric,
        labels: &[(&'static str, &str)],
        value: &LatencySnapshot,
    ) {
        self.add(metric, labels, Value::Latencies(value.clone()));
    }

    fn add(&mut self, metric: &'static Metric, labels: &[(&'static str, &str)], value: Value) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let labels = labels.chain(self.common.iter().cloned()).collect();
        self.all.push(Sample { metric, labels, value });
    }

    /// Brings samples of one metric together.
    pub(super) fn in_order(mut self) -> Vec<Sample> {
        let places: HashMap<&str, usize> =
            CATALOG.iter().enumerate().map(|(place, metric)| (metric.name, place)).collect();
        self.all.sort_by_key(|sample| places.get(sample.metric.name).copied());
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_keeps_its_count_and_sum_in_buckets() {
        let none = Buckets::of_latencies(&LatencySnapshot::default());
        assert_eq!((none.count(), none.counts.len(), none.sum), (0, 18, 0.0));
        let mut small = SmallHistogram::default();
        small.buckets[3] = 4;
        small.sum = 30;
        assert_eq!((Buckets::of_counts(&small).count(), Buckets::of_counts(&small).sum), (4, 30.0));
    }
}

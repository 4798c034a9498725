//! Latency histograms: percentiles for those who read, buckets for those who compute.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::super::{LatencyRecorder, LatencySnapshot};

/// More values than this were never counted: a total that makes no sense would overflow sums.
const MOST: u64 = 1 << 60;

#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Distribution {
    count: u64,
    sum_us: u64,
    min_us: u64,
    mean_us: f64,
    deviation_us: f64,
    p50_us: u64,
    p75_us: u64,
    p95_us: u64,
    p98_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
    /// Every bucket that is not empty: its largest value, and how many.
    buckets: Vec<(u64, u64)>,
}

impl Serialize for LatencySnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let percentile = |percent| self.percentile_us(percent);
        let recorded = self.histogram().iter_recorded();
        Distribution {
            count: self.count(),
            sum_us: self.sum_us(),
            min_us: self.min_us(),
            mean_us: self.mean_us(),
            deviation_us: self.deviation_us(),
            p50_us: percentile(50.0),
            p75_us: percentile(75.0),
            p95_us: percentile(95.0),
            p98_us: percentile(98.0),
            p99_us: percentile(99.0),
            p999_us: percentile(99.9),
            max_us: self.max_us(),
            buckets: recorded.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value())).collect(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LatencySnapshot {
    /// From the buckets and the sum; the rest follows from them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Distribution { sum_us, buckets, .. } = Distribution::deserialize(deserializer)?;
        let mut snapshot = Self::default();
        if buckets.is_empty() {
            return Ok(snapshot);
        }
        let (mut histogram, mut total) = (LatencyRecorder::histogram(), 0u64);
        for (micros, count) in buckets {
            total = total.saturating_add(count);
            if total > MOST {
                return Err(D::Error::custom("a histogram of more values than can have been counted"));
            }
            histogram.saturating_record_n(micros.max(1), count);
        }
        snapshot.add(&histogram, sum_us);
        Ok(snapshot)
    }
}

//! Histograms that one actor owns.

use std::sync::LazyLock;

use hdrhistogram::Histogram;

/// Latencies in microseconds, two significant digits, from 1 µs to 60 s; longer ones count as 60 s.
///
/// Answers that arrive in one read share a time, so equal values in a row are recorded once with their number.
pub(crate) struct LatencyRecorder {
    histogram: Histogram<u64>,
    last: u64,
    run: u64,
    sum_us: u64,
}

const LONGEST_US: u64 = 60_000_000;

impl Default for LatencyRecorder {
    fn default() -> Self {
        Self { histogram: Self::histogram(), last: 0, run: 0, sum_us: 0 }
    }
}

impl LatencyRecorder {
    /// An empty histogram of these bounds.
    pub(super) fn histogram() -> Histogram<u64> {
        Histogram::new_with_bounds(1, LONGEST_US, 2).expect("constant bounds are valid")
    }

    /// How many values were recorded, and their sum in microseconds.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.histogram.len() + self.run, self.sum_us + self.last * self.run)
    }

    /// Counts one value.
    #[inline]
    pub(crate) fn record(&mut self, micros: u64) {
        self.record_many(micros, 1);
    }

    /// Counts a value `times` times.
    #[inline]
    pub(crate) fn record_many(&mut self, micros: u64, times: u64) {
        if micros == self.last {
            self.run += times;
        } else {
            self.settle();
            self.last = micros;
            self.run = times;
        }
    }

    fn settle(&mut self) {
        if self.run > 0 {
            self.histogram.saturating_record_n(self.last.max(1), self.run);
            self.sum_us += self.last * self.run;
            self.run = 0;
        }
    }

    /// Everything recorded so far.
    pub(crate) fn snapshot(&mut self) -> LatencySnapshot {
        let mut snapshot = LatencySnapshot::default();
        self.add_to(&mut snapshot);
        snapshot
    }

    /// Adds everything recorded so far to a snapshot.
    pub(crate) fn add_to(&mut self, snapshot: &mut LatencySnapshot) {
        self.settle();
        if !self.histogram.is_empty() {
            snapshot.add(&self.histogram, self.sum_us);
        }
    }
}

/// A copy of a latency histogram. One without values takes no memory to speak of.
#[derive(Clone, Debug, Default)]
pub struct LatencySnapshot {
    histogram: Option<Box<Histogram<u64>>>,
    sum_us: u64,
}

static EMPTY: LazyLock<Histogram<u64>> = LazyLock::new(LatencyRecorder::histogram);

impl LatencySnapshot {
    /// Adds what a histogram of these bounds holds.
    pub(super) fn add(&mut self, histogram: &Histogram<u64>, sum_us: u64) {
        match &mut self.histogram {
            Some(mine) => mine.add(histogram).expect("the bounds are the same"),
            none => *none = Some(Box::new(histogram.clone())),
        }
        self.sum_us += sum_us;
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.histogram().len()
    }

    /// Their sum in microseconds.
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// The mean in microseconds; zero when nothing was recorded.
    pub fn mean_us(&self) -> f64 {
        if self.count() == 0 { 0.0 } else { self.sum_us as f64 / self.count() as f64 }
    }

    /// The standard deviation in microseconds, of all values and not of a sample; zero when nothing was recorded.
    pub fn deviation_us(&self) -> f64 {
        if self.count() == 0 { 0.0 } else { self.histogram().stdev() }
    }

    /// The value in microseconds below which `percent` of the values lie, within one percent of itself; zero when nothing was
    /// recorded.
    pub fn percentile_us(&self, percent: f64) -> u64 {
        self.histogram().value_at_percentile(percent)
    }

    /// The smallest value in microseconds; zero when nothing was recorded.
    pub fn min_us(&self) -> u64 {
        if self.count() == 0 { 0 } else { self.histogram().min() }
    }

    /// The largest value in microseconds; zero when nothing was recorded.
    pub fn max_us(&self) -> u64 {
        self.histogram().max()
    }

    /// How many values are at most `micros`, as a cumulative bucket of an exposition counts them.
    pub fn count_at_most(&self, micros: u64) -> u64 {
        self.histogram().count_between(0, micros)
    }

    /// The whole histogram.
    pub fn histogram(&self) -> &Histogram<u64> {
        self.histogram.as_deref().unwrap_or(&EMPTY)
    }

    /// Adds another snapshot.
    pub fn merge(&mut self, other: &Self) {
        if let Some(histogram) = &other.histogram {
            self.add(histogram, other.sum_us);
        }
    }

    /// What is in this snapshot and was not in an `earlier` one of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut rest = self.clone();
        if let (Some(mine), Some(theirs)) = (&mut rest.histogram, &earlier.histogram)
            && mine.subtract(&**theirs).is_err()
        {
            // Not of the same histogram: there is nothing to take away from.
            return self.clone();
        }
        rest.sum_us = rest.sum_us.saturating_sub(earlier.sum_us);
        rest
    }
}

/// Upper bounds of a [`SmallHistogram`]: powers of two up to 1024.
pub const SMALL_BOUNDS: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// A histogram of small counts, such as frames in one write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct SmallHistogram {
    /// Values at most the bound of the same place and above the one before; the last counts the rest.
    pub buckets: [u64; 12],
    /// The sum of all values.
    pub sum: u64,
}

impl SmallHistogram {
    #[inline]
    pub(crate) fn record(&mut self, value: u64) {
        let bucket = if value <= 1 { 0 } else { (64 - (value - 1).leading_zeros()).min(11) as usize };
        self.buckets[bucket] += 1;
        self.sum += value;
    }

    /// Adds another.
    pub fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine += theirs;
        }
        self.sum += other.sum;
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_in_a_row_are_all_counted() {
        let mut recorder = LatencyRecorder::default();
        for value in [5, 5, 5, 700, 5] {
            recorder.record(value);
        }
        let snapshot = recorder.snapshot();
        assert_eq!((snapshot.count(), snapshot.sum_us()), (5, 720));
        assert_eq!(recorder.totals(), (5, 720));
        recorder.record(700);
        assert_eq!(recorder.totals(), (6, 1_420), "also what was not put into the histogram yet");
        assert_eq!(snapshot.percentile_us(50.0), 5);
        assert_eq!(snapshot.count_at_most(100), 4);
    }

    #[test]
    fn small_values_fall_into_the_bucket_of_their_bound() {
        let mut histogram = SmallHistogram::default();
        for value in [0, 1, 2, 3, 4, 5, 1024, 1025, 9_999] {
            histogram.record(value);
        }
        assert_eq!(histogram.buckets, [2, 1, 2, 1, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(histogram.count(), 9);
    }
}

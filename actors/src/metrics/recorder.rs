//! Histograms that one actor owns.

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
        self.settle();
        LatencySnapshot { histogram: self.histogram.clone(), sum_us: self.sum_us }
    }
}

/// A copy of a latency histogram.
#[derive(Clone, Debug)]
pub struct LatencySnapshot {
    histogram: Histogram<u64>,
    sum_us: u64,
}

impl Default for LatencySnapshot {
    fn default() -> Self {
        LatencyRecorder::default().snapshot()
    }
}

impl LatencySnapshot {
    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Their sum in microseconds.
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// The mean in microseconds; zero when nothing was recorded.
    pub fn mean_us(&self) -> f64 {
        if self.count() == 0 { 0.0 } else { self.sum_us as f64 / self.count() as f64 }
    }

    /// The value in microseconds below which `percent` of the values lie, within one percent of itself.
    pub fn percentile_us(&self, percent: f64) -> u64 {
        self.histogram.value_at_percentile(percent)
    }

    /// The largest value in microseconds.
    pub fn max_us(&self) -> u64 {
        self.histogram.max()
    }

    /// How many values are at most `micros`, as a cumulative bucket of an exposition counts them.
    pub fn count_at_most(&self, micros: u64) -> u64 {
        self.histogram.count_between(0, micros)
    }

    /// The whole histogram.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// Adds another snapshot.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("the bounds are the same");
        self.sum_us += other.sum_us;
    }
}

/// Upper bounds of a [`SmallHistogram`]: powers of two up to 1024.
pub const SMALL_BOUNDS: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// A histogram of small counts, such as frames in one write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

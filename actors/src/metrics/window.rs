//! Latencies of the last few seconds.

use std::time::Duration;

use chorus_topology::Latencies;
use hdrhistogram::Histogram;

use super::recorder::LatencyRecorder;

/// Half of what is remembered.
const HALF_US: u64 = 10_000_000;

/// Latencies of the last ten to twenty seconds, in microseconds: two histograms that take turns.
pub(crate) struct LatencyWindow {
    current: Histogram<u64>,
    previous: Histogram<u64>,
    since_us: u64,
}

impl Default for LatencyWindow {
    fn default() -> Self {
        let empty = LatencyRecorder::histogram();
        Self { current: empty.clone(), previous: empty, since_us: 0 }
    }
}

impl LatencyWindow {
    /// Counts one value.
    #[inline]
    pub(crate) fn record(&mut self, micros: u64) {
        self.current.saturating_record(micros.max(1));
    }

    /// Forgets what is too old, and shows the rest.
    pub(crate) fn recent(&mut self, now_us: u64) -> RecentLatencies {
        let age_us = now_us.saturating_sub(self.since_us);
        if age_us >= HALF_US {
            std::mem::swap(&mut self.current, &mut self.previous);
            self.current.reset();
            if age_us >= 2 * HALF_US {
                self.previous.reset();
            }
            self.since_us = now_us;
        }
        let mut histogram = self.previous.clone();
        histogram.add(&self.current).expect("the bounds are the same");
        RecentLatencies(histogram)
    }
}

/// What a [`LatencyWindow`] held at one moment.
pub(crate) struct RecentLatencies(Histogram<u64>);

impl Default for RecentLatencies {
    fn default() -> Self {
        Self(LatencyRecorder::histogram())
    }
}

impl Latencies for RecentLatencies {
    fn count(&self) -> u64 {
        self.0.len()
    }

    fn percentile(&self, percent: f64) -> Duration {
        Duration::from_micros(self.0.value_at_percentile(percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_remembered_for_ten_seconds_at_least_and_twenty_at_most() {
        let mut window = LatencyWindow::default();
        (1..=100).for_each(|millis| window.record(millis * 1_000));
        let seconds = |count: u64| count * 1_000_000;
        let recent = window.recent(seconds(9));
        assert_eq!(recent.count(), 100);
        let median = recent.percentile(50.0).as_millis();
        assert!((49..=51).contains(&median), "{median} ms");
        assert_eq!(window.recent(seconds(10)).count(), 100, "the first half is full, the values stay");
        window.record(5_000_000);
        assert_eq!(window.recent(seconds(19)).count(), 101);
        assert_eq!(window.recent(seconds(20)).count(), 1);
        assert_eq!(window.recent(seconds(45)).count(), 0, "after a pause all are too old");
    }

    #[test]
    fn f76_a_clock_that_stands_still_or_goes_back_keeps_the_window_usable() {
        let mut window = LatencyWindow::default();
        assert_eq!(window.recent(30_000_000).count(), 0);
        window.record(7);
        assert_eq!(window.recent(30_000_000).count(), 1);
        assert_eq!(window.recent(5).count(), 1);
    }
}

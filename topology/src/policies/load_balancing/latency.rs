//! How fast hosts answer, and which of them are too slow to be chosen.
//!
//! Requests in flight tell a slow host from a fast one only under load: with one request at a time, both have none. So the
//! engine also keeps how long each host takes, from totals its connections count anyway, and policies pass over hosts that
//! are much slower than the best.

use std::time::Duration;

/// When a host counts as slow: it takes several times as long as the best one, and noticeably longer.
///
/// Defaults to twice as long and at least two milliseconds longer. A smaller difference is what racks and caches make of
/// healthy hosts; spreading requests then does more for the cluster than saving that time does for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowHosts {
    /// The factor in 256ths.
    factor: u32,
    margin_us: u32,
}

impl SlowHosts {
    /// Slow is what takes more than `factor` times as long as the best host (1 at least), and `margin` longer.
    pub fn new(factor: f64, margin: Duration) -> SlowHosts {
        // A float that is out of range, or no number at all, is cast to the nearest bound.
        let factor = (factor * 256.0).clamp(256.0, f64::from(u32::MAX)) as u32;
        SlowHosts { factor: factor.max(256), margin_us: micros(margin) }
    }

    /// The longest a host may take that is not slow beside one that takes `best_us`, both in microseconds.
    #[inline]
    pub fn limit_us(&self, best_us: u32) -> u32 {
        let several = (u64::from(best_us) * u64::from(self.factor)) >> 8;
        let longer = u64::from(best_us) + u64::from(self.margin_us);
        several.max(longer).min(u64::from(u32::MAX)) as u32
    }
}

impl Default for SlowHosts {
    fn default() -> Self {
        SlowHosts::new(2.0, Duration::from_millis(2))
    }
}

fn micros(time: Duration) -> u32 {
    time.as_micros().min(u128::from(u32::MAX)) as u32
}

/// Answers that must have come before a host is judged by them.
const FEWEST_ANSWERS: u64 = 50;
/// One answer moves the average by this part of the difference, so that it takes a good many to change the picture.
const ANSWERS_OF_AN_AVERAGE: f64 = 64.0;
/// After this long without an answer nothing is known: the host is tried again, and judged by what it does then.
const STALE_US: u64 = 10_000_000;

/// The time one host takes to answer: a moving average over its last hundred answers or so, forgotten when none came for 10
/// seconds.
///
/// Made from totals: how many answers came since the last look and how long they took together. So it costs nothing on the
/// way of an answer. Answers that never came belong into the totals too, with the time they were waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HostLatency {
    average_us: f64,
    answers: u64,
    latest_us: u64,
}

impl HostLatency {
    /// Notes answers that came since the last look: how many, the sum of their times in microseconds, and the time now.
    pub fn record(&mut self, answers: u64, sum_us: u64, now_us: u64) {
        if answers == 0 {
            return;
        }
        if self.is_stale(now_us) {
            *self = HostLatency::default();
        }
        let mean = sum_us as f64 / answers as f64;
        let all = self.answers + answers;
        // The plain mean as long as there are few, then the weight that so many single steps would have had.
        let plain = answers as f64 / all as f64;
        let moving = 1.0 - (1.0 - 1.0 / ANSWERS_OF_AN_AVERAGE).powf(answers as f64);
        self.average_us += (mean - self.average_us) * plain.max(moving);
        self.answers = all;
        // A clock that stands still or goes back makes an average no older than it is.
        self.latest_us = self.latest_us.max(now_us);
    }

    /// What it takes now, in microseconds; `None` when too few answers came, or none for a while.
    pub fn current_us(&self, now_us: u64) -> Option<u32> {
        let known = self.answers >= FEWEST_ANSWERS && !self.is_stale(now_us);
        known.then(|| self.average_us.clamp(1.0, f64::from(u32::MAX)) as u32)
    }

    fn is_stale(&self, now_us: u64) -> bool {
        now_us.saturating_sub(self.latest_us) >= STALE_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_is_twice_as_long_and_two_milliseconds_longer() {
        let slow = SlowHosts::default();
        for (best, limit) in [(0, 2_000), (500, 2_500), (2_000, 4_000), (10_000, 20_000)] {
            assert_eq!(slow.limit_us(best), limit, "best {best} us");
        }
        assert_eq!(slow.limit_us(u32::MAX), u32::MAX);
        assert_eq!(SlowHosts::new(1.5, Duration::ZERO).limit_us(1_000), 1_500);
    }

    #[test]
    fn a_factor_below_one_or_no_number_is_one() {
        for factor in [0.0, -3.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(SlowHosts::new(factor, Duration::ZERO).limit_us(1_000), 1_000, "{factor}");
        }
        assert_eq!(SlowHosts::new(f64::INFINITY, Duration::MAX).limit_us(1_000), u32::MAX);
    }

    #[test]
    fn a_host_is_not_judged_by_a_few_answers() {
        let mut host = HostLatency::default();
        host.record(49, 49 * 800, 1_000);
        assert_eq!(host.current_us(1_000), None);
        host.record(1, 800, 2_000);
        assert_eq!(host.current_us(2_000), Some(800));
    }

    #[test]
    fn one_late_answer_among_many_does_not_make_a_host_slow() {
        let mut host = HostLatency::default();
        host.record(1_000, 1_000_000, 0);
        host.record(1, 50_000, 1_000);
        let now = host.current_us(1_000).unwrap();
        assert!((1_700..1_800).contains(&now), "{now} us: a 64th of the difference");
        assert!(now < SlowHosts::default().limit_us(1_000));
    }

    #[test]
    fn answers_weigh_the_same_whether_they_are_told_together_or_one_by_one() {
        let (mut together, mut singly) = (HostLatency::default(), HostLatency::default());
        together.record(200, 200 * 1_000, 0);
        singly.record(200, 200 * 1_000, 0);
        together.record(30, 30 * 9_000, 5);
        (0..30).for_each(|_| singly.record(1, 9_000, 5));
        let (together, singly) = (together.current_us(5).unwrap(), singly.current_us(5).unwrap());
        assert!(together.abs_diff(singly) <= 1, "{together} and {singly}");
    }

    #[test]
    fn a_host_that_became_slow_is_seen_after_a_few_dozen_answers_and_so_is_its_recovery() {
        let mut host = HostLatency::default();
        host.record(500, 500 * 1_000, 0);
        host.record(64, 64 * 40_000, 1_000);
        assert!(host.current_us(1_000).unwrap() > 20_000);
        host.record(256, 256 * 1_000, 2_000);
        assert!(host.current_us(2_000).unwrap() < 2_000);
    }

    #[test]
    fn after_ten_seconds_without_an_answer_nothing_is_known_and_the_next_ones_begin_anew() {
        let mut host = HostLatency::default();
        host.record(100, 100 * 90_000, 1_000_000);
        assert_eq!(host.current_us(10_999_999), Some(90_000));
        assert_eq!(host.current_us(11_000_000), None);
        host.record(60, 60 * 1_000, 12_000_000);
        assert_eq!(host.current_us(12_000_000), Some(1_000));
    }

    #[test]
    fn f76_a_clock_that_goes_back_or_stands_still_changes_no_average() {
        let mut host = HostLatency::default();
        host.record(100, 100 * 700, 5_000_000);
        assert_eq!(host.current_us(0), Some(700), "before the latest answer");
        host.record(100, 100 * 700, 1_000_000);
        assert_eq!(host.current_us(14_999_999), Some(700));
        assert_eq!(host.current_us(3_605_000_000), None, "an hour later it is simply old");
        host.record(0, 0, u64::MAX);
        assert_eq!(host.current_us(5_000_001), Some(700), "nothing came, so nothing is new");
    }
}

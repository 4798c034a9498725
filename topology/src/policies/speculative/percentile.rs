//! When a request takes longer than nearly all do.

use std::time::Duration;

use super::{Conditions, SpeculativePolicy};

/// Requests beyond the percentile that must have been seen before it means anything.
const FEWEST_BEYOND: f64 = 10.0;
/// Sooner than this nothing is gained: the tick that looks is not finer, and servers schedule no faster.
const SHORTEST: Duration = Duration::from_millis(1);

/// Another attempt for requests that take longer than a given share of them did lately.
///
/// The time comes from the engine's own histogram of the last seconds, so it follows the cluster: of all requests, one in a
/// hundred is sent twice at the 99th percentile, whatever the latencies are. It pauses while the cluster is
/// [overloaded](Conditions::overloaded), when all requests are late and sending more of them makes them later; and it begins
/// only when enough requests were seen to know the percentile (1,000 for the 99th).
#[derive(Debug, Clone, PartialEq)]
pub struct PercentileSpeculation {
    percentile: f64,
    attempts: u32,
}

impl PercentileSpeculation {
    /// One more attempt beyond `percentile`, such as 99.0.
    ///
    /// # Errors
    /// When it is not at least 50 and below 100: lower ones would repeat most requests.
    pub fn new(percentile: f64) -> Result<PercentileSpeculation, InvalidPercentile> {
        if !(50.0..100.0).contains(&percentile) {
            return Err(InvalidPercentile(percentile));
        }
        Ok(PercentileSpeculation { percentile, attempts: 1 })
    }

    /// Up to this many further attempts, each after the same time again. Defaults to 1.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }
}

impl SpeculativePolicy for PercentileSpeculation {
    fn delay(&self, sent: u32, conditions: &Conditions<'_>) -> Option<Duration> {
        if sent > self.attempts || conditions.overloaded {
            return None;
        }
        let beyond = conditions.latencies.count() as f64 * (100.0 - self.percentile) / 100.0;
        // The count is a whole number of requests, the percentage a rounded one.
        if beyond.round() < FEWEST_BEYOND {
            return None;
        }
        Some(conditions.latencies.percentile(self.percentile).max(SHORTEST))
    }
}

/// A percentile that cannot be speculated at.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the percentile to speculate at is at least 50 and below 100, not {0}")]
pub struct InvalidPercentile(pub f64);

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn at(percentile: f64) -> PercentileSpeculation {
        PercentileSpeculation::new(percentile).unwrap()
    }

    #[test]
    fn the_delay_is_the_percentile_of_what_requests_took_lately() {
        let latencies = Milliseconds(2_000);
        assert_eq!(at(99.0).delay(1, &calm(&latencies)), Some(Duration::from_millis(1_980)));
        assert_eq!(at(50.0).delay(1, &calm(&latencies)), Some(Duration::from_millis(1_000)));
    }

    #[test]
    fn it_gives_one_attempt_unless_told_otherwise() {
        let latencies = Milliseconds(2_000);
        assert_eq!(at(99.0).delay(2, &calm(&latencies)), None);
        let policy = at(99.0).attempts(3);
        let given: Vec<bool> = (1..6).map(|sent| policy.delay(sent, &calm(&latencies)).is_some()).collect();
        assert_eq!(given, [true, true, true, false, false]);
    }

    #[test]
    fn a_percentile_is_not_believed_before_ten_requests_lie_beyond_it() {
        for (percentile, count, known) in [
            (99.0, 949, false),
            (99.0, 1_000, true),
            (99.9, 9_000, false),
            (99.9, 10_000, true),
            (50.0, 18, false),
            (50.0, 20, true),
        ] {
            let latencies = Milliseconds(count);
            let delay = at(percentile).delay(1, &calm(&latencies));
            assert_eq!(delay.is_some(), known, "{percentile} of {count}");
        }
    }

    #[test]
    fn percentile_speculation_pauses_while_the_cluster_is_overloaded() {
        let latencies = Milliseconds(2_000);
        assert_eq!(at(99.0).delay(1, &overloaded(&latencies)), None);
    }

    struct Instant;

    impl super::super::Latencies for Instant {
        fn count(&self) -> u64 {
            1 << 20
        }

        fn percentile(&self, _: f64) -> Duration {
            Duration::from_micros(90)
        }
    }

    #[test]
    fn no_attempt_is_made_within_the_first_millisecond() {
        let conditions = Conditions { latencies: &Instant, overloaded: false };
        assert_eq!(at(99.0).delay(1, &conditions), Some(Duration::from_millis(1)));
    }

    #[test]
    fn percentiles_that_would_repeat_most_requests_or_none_are_refused() {
        for percentile in [49.9, 100.0, -1.0, f64::INFINITY] {
            assert_eq!(PercentileSpeculation::new(percentile), Err(InvalidPercentile(percentile)));
        }
        assert!(PercentileSpeculation::new(f64::NAN).is_err());
    }
}

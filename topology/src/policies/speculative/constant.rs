//! After a fixed time.

use std::time::Duration;

use super::{Conditions, SpeculativePolicy};

/// Another attempt each time this long went by without an answer, a limited number of times.
///
/// For services that know their latencies. A time that most requests exceed doubles the load: take one beyond the 99th
/// percentile, or let [`PercentileSpeculation`](super::PercentileSpeculation) find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstantSpeculation {
    delay: Duration,
    attempts: u32,
    when_overloaded: bool,
}

impl ConstantSpeculation {
    /// Up to `attempts` further ones, `delay` after each other.
    pub fn new(delay: Duration, attempts: u32) -> ConstantSpeculation {
        ConstantSpeculation { delay, attempts, when_overloaded: false }
    }

    /// Whether to speculate also while the cluster has too much to do. Defaults to false.
    #[must_use]
    pub fn when_overloaded(mut self, speculate: bool) -> Self {
        self.when_overloaded = speculate;
        self
    }
}

impl SpeculativePolicy for ConstantSpeculation {
    fn delay(&self, sent: u32, conditions: &Conditions<'_>) -> Option<Duration> {
        let pause = conditions.overloaded && !self.when_overloaded;
        (sent <= self.attempts && !pause).then_some(self.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn delays(policy: &ConstantSpeculation, conditions: &Conditions<'_>) -> Vec<Option<u64>> {
        (1..5).map(|sent| policy.delay(sent, conditions).map(|delay| delay.as_secs())).collect()
    }

    #[test]
    fn the_delay_is_given_so_many_times_and_then_no_more() {
        let latencies = Milliseconds(0);
        let policy = ConstantSpeculation::new(Duration::from_secs(2), 2);
        assert_eq!(delays(&policy, &calm(&latencies)), [Some(2), Some(2), None, None]);
        let none = ConstantSpeculation::new(Duration::from_secs(2), 0);
        assert_eq!(delays(&none, &calm(&latencies)), [None; 4]);
    }

    #[test]
    fn constant_speculation_pauses_under_overload_unless_told_otherwise() {
        let latencies = Milliseconds(0);
        let policy = ConstantSpeculation::new(Duration::from_secs(2), 1);
        assert_eq!(delays(&policy, &overloaded(&latencies)), [None; 4]);
        let stubborn = policy.when_overloaded(true);
        assert_eq!(delays(&stubborn, &overloaded(&latencies)), [Some(2), None, None, None]);
    }
}

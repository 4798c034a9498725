//! The same wait every time.

use std::time::Duration;

use super::{ReconnectionPolicy, ReconnectionSchedule};
use crate::rng::Rng;

/// Waits as long before each attempt as before the first. For tests, and for clusters whose hosts are down briefly and never
/// together: clients that lost a host at the same moment come back at the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstantReconnection {
    delay: Duration,
    attempts: Option<u32>,
}

impl ConstantReconnection {
    /// Waits `delay` before each attempt, for ever.
    pub fn new(delay: Duration) -> ConstantReconnection {
        ConstantReconnection { delay, attempts: None }
    }

    /// Gives up after this many attempts; 0 never does. Defaults to never.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts).filter(|attempts| *attempts > 0);
        self
    }
}

impl ReconnectionPolicy for ConstantReconnection {
    fn schedule(&self) -> Box<dyn ReconnectionSchedule + Send> {
        Box::new(Repeating { delay: self.delay, left: self.attempts })
    }
}

struct Repeating {
    delay: Duration,
    /// Attempts left; `None` for any number.
    left: Option<u32>,
}

impl ReconnectionSchedule for Repeating {
    fn next_delay(&mut self, _: &mut Rng) -> Option<Duration> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        Some(self.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(policy: &ConstantReconnection, count: usize) -> Vec<Option<u64>> {
        let (mut schedule, mut rng) = (policy.schedule(), Rng::seeded(1));
        (0..count).map(|_| schedule.next_delay(&mut rng).map(|delay| delay.as_secs())).collect()
    }

    #[test]
    fn the_delay_is_the_same_every_time_and_for_ever() {
        let policy = ConstantReconnection::new(Duration::from_secs(3));
        assert_eq!(delays(&policy, 1_000), vec![Some(3); 1_000]);
    }

    #[test]
    fn a_constant_schedule_ends_after_its_attempts_and_each_schedule_has_all_of_them() {
        let policy = ConstantReconnection::new(Duration::from_secs(3)).max_attempts(2);
        assert_eq!(delays(&policy, 4), [Some(3), Some(3), None, None]);
        assert_eq!(delays(&policy, 2), [Some(3), Some(3)]);
    }

    #[test]
    fn no_attempts_at_all_means_any_number() {
        let policy = ConstantReconnection::new(Duration::ZERO).max_attempts(0);
        assert_eq!(delays(&policy, 100), vec![Some(0); 100]);
    }
}

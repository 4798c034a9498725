//! Waits that double, so that a host that is down for long costs little and one that restarts is found soon.

use std::time::Duration;

use super::{ReconnectionPolicy, ReconnectionSchedule};
use crate::rng::Rng;

/// Waits that double up to a cap, each varied by 15 % either way so that clients which lost a host together do not come
/// back together.
///
/// `delay = min(base * 2^attempt, cap) * 85..115 %`, never below `base` nor above `cap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExponentialReconnection {
    base: Duration,
    cap: Duration,
    attempts: Option<u32>,
}

impl ExponentialReconnection {
    /// Waits from `base` doubling to `cap`, for ever. Refused when `cap` is below `base`.
    pub fn new(base: Duration, cap: Duration) -> Result<Self, InvalidReconnection> {
        if cap < base {
            return Err(InvalidReconnection { base, cap });
        }
        Ok(ExponentialReconnection { base, cap, attempts: None })
    }

    /// Gives up after this many attempts. Defaults to never.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }
}

/// From 1 s to 600 s, for ever.
impl Default for ExponentialReconnection {
    fn default() -> Self {
        ExponentialReconnection {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(600),
            attempts: None,
        }
    }
}

impl ReconnectionPolicy for ExponentialReconnection {
    fn schedule(&self) -> Box<dyn ReconnectionSchedule + Send> {
        Box::new(Doubling { policy: self.clone(), attempt: 0 })
    }
}

struct Doubling {
    policy: ExponentialReconnection,
    attempt: u32,
}

impl ReconnectionSchedule for Doubling {
    fn next_delay(&mut self, rng: &mut Rng) -> Option<Duration> {
        let ExponentialReconnection { base, cap, attempts } = self.policy;
        if attempts.is_some_and(|most| self.attempt >= most) {
            return None;
        }
        let factor = 1u32.checked_shl(self.attempt);
        let doubled = factor.and_then(|factor| base.checked_mul(factor)).unwrap_or(cap).min(cap);
        self.attempt = self.attempt.saturating_add(1);
        let nanos = doubled.as_nanos() * u128::from(rng.between(850, 1150)) / 1000;
        let varied = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Some(varied.clamp(base, cap))
    }
}

/// A cap below the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the longest reconnection delay ({cap:?}) is below the first ({base:?})")]
pub struct InvalidReconnection {
    /// The first delay.
    pub base: Duration,
    /// The longest delay.
    pub cap: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(policy: &dyn ReconnectionPolicy, count: usize, seed: u64) -> Vec<Option<Duration>> {
        let (mut schedule, mut rng) = (policy.schedule(), Rng::seeded(seed));
        (0..count).map(|_| schedule.next_delay(&mut rng)).collect()
    }

    #[test]
    fn delays_double_from_base_to_cap_within_fifteen_percent() {
        let policy = ExponentialReconnection::default();
        for seed in 0..50 {
            for (attempt, delay) in delays(&policy, 200, seed).into_iter().enumerate() {
                let millis = delay.unwrap().as_millis();
                let plain = 1000u128.checked_shl(attempt as u32).map_or(600_000, |plain| plain.min(600_000));
                let plain = if attempt > 20 { 600_000 } else { plain };
                assert!(millis >= (plain * 85 / 100).max(1000), "attempt {attempt}: {millis} ms");
                assert!(millis <= (plain * 115 / 100).min(600_000), "attempt {attempt}: {millis} ms");
            }
        }
    }

    #[test]
    fn clients_do_not_come_back_together() {
        let policy = ExponentialReconnection::default();
        assert_ne!(delays(&policy, 5, 1), delays(&policy, 5, 2));
    }

    #[test]
    fn a_new_schedule_begins_at_the_base_again() {
        let policy = ExponentialReconnection::default();
        delays(&policy, 9, 1);
        assert!(delays(&policy, 1, 1)[0] <= Some(Duration::from_millis(1150)));
    }

    #[test]
    fn attempts_are_limited_when_asked() {
        let policy = ExponentialReconnection::default().max_attempts(2);
        let given: Vec<bool> = delays(&policy, 4, 1).iter().map(Option::is_some).collect();
        assert_eq!(given, [true, true, false, false]);
    }

    #[test]
    fn a_cap_below_the_base_is_refused_and_huge_delays_do_not_overflow() {
        let second = Duration::from_secs(1);
        let refused = ExponentialReconnection::new(2 * second, second);
        assert_eq!(refused, Err(InvalidReconnection { base: 2 * second, cap: second }));
        let huge = ExponentialReconnection::new(second, Duration::MAX).unwrap();
        assert!(delays(&huge, 100, 1).iter().all(|delay| *delay >= Some(second)));
        let none = ExponentialReconnection::new(Duration::ZERO, Duration::ZERO).unwrap();
        assert_eq!(delays(&none, 2, 1), [Some(Duration::ZERO); 2]);
    }
}

//! Again, but not at once.

use std::time::Duration;

use chorus_protocol::{DbError, WriteType};

use super::{DefaultRetry, Failure, FailureCause, RetryDecision, RetryPolicy};
use crate::rng::Rng;

/// Retries what [`DefaultRetry`] retries, several times and with pauses that double, each varied so that clients which
/// failed together do not come back together.
///
/// | failure | decision, while fewer than `max_retries` went before |
/// |---|---|
/// | read timeout, enough replicas answered but none with the data | the same host after a pause |
/// | write timeout of a batch log | the same host after a pause |
/// | unavailable | the next host after a pause |
/// | overloaded, bootstrapping, truncate or server error, connection lost | the next host after a pause, if that is safe |
/// | anything else | the caller |
///
/// When every host was tried, the next after a pause is the first again: a pause is there to let them recover. The pause before retry `n` (from 0) is `min * 2^n`, at most `max`, give or take half of `min`, and never shorter than what
/// an overloaded host [needs](Failure::retry_after). A pause that would outlast the request's timeout is not begun. Safe
/// means the same as for [`DefaultRetry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExponentialBackoffRetry {
    max_retries: u32,
    min: Duration,
    max: Duration,
    errors: DefaultRetry,
}

impl ExponentialBackoffRetry {
    /// At most this many retries, with pauses from 100 ms to 10 s.
    pub fn new(max_retries: u32) -> ExponentialBackoffRetry {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(10));
        ExponentialBackoffRetry { max_retries, min, max, errors: DefaultRetry::new() }
    }

    /// At most this many retries, with pauses from `min` to `max`.
    ///
    /// # Errors
    /// When `max` is below `min`.
    pub fn between(max_retries: u32, min: Duration, max: Duration) -> Result<Self, InvalidBackoff> {
        if max < min {
            return Err(InvalidBackoff { min, max });
        }
        Ok(ExponentialBackoffRetry { min, max, ..ExponentialBackoffRetry::new(max_retries) })
    }

    /// Also retries errors of the request when a statement that is not idempotent may already have been executed, as
    /// [`DefaultRetry::reference_compatible`] does. Defaults to false.
    #[must_use]
    pub fn repeats_unsafely(mut self, repeats: bool) -> Self {
        self.errors = if repeats { DefaultRetry::reference_compatible() } else { DefaultRetry::new() };
        self
    }

    /// The pause before retry `number`, the first being 0.
    fn pause(&self, number: u32, rng: &mut Rng) -> Duration {
        let doubled = 1u32.checked_shl(number).and_then(|factor| self.min.checked_mul(factor));
        let pause = doubled.map_or(self.max, |doubled| doubled.min(self.max));
        let spread = u64::try_from(self.min.as_nanos()).unwrap_or(u64::MAX);
        let varied = pause.saturating_add(Duration::from_nanos(rng.between(0, spread)));
        varied.saturating_sub(Duration::from_nanos(spread / 2))
    }

    pub(super) fn after_pause(&self, same_host: bool, failure: &Failure<'_>, rng: &mut Rng) -> RetryDecision {
        if failure.retry_count >= self.max_retries {
            return RetryDecision::Rethrow;
        }
        let needed = failure.retry_after.unwrap_or_default();
        let delay = self.pause(failure.retry_count, rng).max(needed);
        RetryDecision::After { delay, same_host, consistency: None }
    }
}

impl RetryPolicy for ExponentialBackoffRetry {
    fn decide(&self, failure: &Failure<'_>, rng: &mut Rng) -> RetryDecision {
        match failure.cause {
            FailureCause::Database(DbError::ReadTimeout { received, required, data_present, .. }) => {
                if received >= required && !data_present {
                    self.after_pause(true, failure, rng)
                } else {
                    RetryDecision::Rethrow
                }
            }
            FailureCause::Database(DbError::WriteTimeout { write_type: WriteType::BatchLog, .. }) => {
                self.after_pause(true, failure, rng)
            }
            FailureCause::Database(DbError::Unavailable { .. }) => self.after_pause(false, failure, rng),
            FailureCause::ConnectionLost
            | FailureCause::Database(
                DbError::Overloaded
                | DbError::IsBootstrapping
                | DbError::TruncateError
                | DbError::ServerError,
            ) if self.errors.after_request_error(failure) != RetryDecision::Rethrow => {
                self.after_pause(false, failure, rng)
            }
            _ => RetryDecision::Rethrow,
        }
    }
}

/// A longest pause below the shortest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the longest pause before a retry ({max:?}) is below the shortest ({min:?})")]
pub struct InvalidBackoff {
    /// The pause before the first retry.
    pub min: Duration,
    /// The longest pause.
    pub max: Duration,
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn three() -> ExponentialBackoffRetry {
        ExponentialBackoffRetry::new(3)
    }

    /// Whether to the same host, or `None` for the caller.
    fn same_host(failure: &Failure<'_>) -> Option<bool> {
        match decide(&three(), failure) {
            RetryDecision::After { same_host, consistency: None, delay } => {
                assert!(delay >= Duration::from_millis(50), "{delay:?}");
                Some(same_host)
            }
            RetryDecision::Rethrow => None,
            other => panic!("{other:?}"),
        }
    }

    /// The decision before each retry that is allowed, and none after.
    fn check(error: &DbError, expected: Option<bool>) {
        for retry_count in 0..3 {
            assert_eq!(
                same_host(&Failure { retry_count, ..first(error) }),
                expected,
                "{error:?} {retry_count}"
            );
        }
        for retry_count in [3, 4, u32::MAX] {
            assert_eq!(same_host(&Failure { retry_count, ..first(error) }), None, "{error:?} {retry_count}");
        }
    }

    #[test]
    fn failures_are_retried_after_a_pause_until_the_retries_are_used_up() {
        check(&read_timeout(2, 2, false), Some(true));
        check(&read_timeout(2, 2, true), None);
        check(&read_timeout(1, 2, false), None);
        check(&write_timeout(WriteType::BatchLog), Some(true));
        for write_type in [WriteType::Simple, WriteType::UnloggedBatch, WriteType::Counter, WriteType::Cas] {
            check(&write_timeout(write_type), None);
        }
        check(&unavailable(), Some(false));
        for error in request_errors() {
            check(&error, Some(false));
        }
        assert_eq!(same_host(&lost()), Some(false));
        assert_eq!(same_host(&Failure { retry_count: 3, ..lost() }), None);
    }

    #[test]
    fn what_may_have_been_executed_is_only_retried_when_that_is_asked_for() {
        let lost = Failure { idempotent: false, ..lost() };
        assert_eq!(same_host(&lost), None);
        assert_eq!(same_host(&Failure { written: false, ..lost }), Some(false));
        let unsafely = three().repeats_unsafely(true);
        assert!(matches!(decide(&unsafely, &lost), RetryDecision::After { same_host: false, .. }));
    }

    fn pauses(policy: &ExponentialBackoffRetry, number: u32) -> Vec<u128> {
        let mut rng = Rng::seeded(5);
        (0..1_000).map(|_| policy.pause(number, &mut rng).as_millis()).collect()
    }

    #[test]
    fn pauses_double_from_the_shortest_to_the_longest_give_or_take_half_of_the_shortest() {
        for (number, plain) in
            [(0, 100), (1, 200), (2, 400), (6, 6_400), (7, 10_000), (31, 10_000), (99, 10_000)]
        {
            let pauses = pauses(&three(), number);
            let (least, most) = (*pauses.iter().min().unwrap(), *pauses.iter().max().unwrap());
            assert!((plain - 50..plain - 45).contains(&least), "retry {number}: {least} ms");
            assert!((plain + 45..=plain + 50).contains(&most), "retry {number}: {most} ms");
        }
    }

    #[test]
    fn an_overloaded_host_is_not_asked_before_it_can_answer() {
        let error = DbError::Overloaded;
        let needs = |retry_after| match decide(&three(), &Failure { retry_after, ..first(&error) }) {
            RetryDecision::After { delay, .. } => delay,
            other => panic!("{other:?}"),
        };
        assert_eq!(needs(Some(Duration::from_secs(2))), Duration::from_secs(2));
        assert_eq!(needs(Some(Duration::from_millis(1))), needs(None));
    }

    #[test]
    fn extreme_pauses_neither_overflow_nor_become_negative() {
        let endless = ExponentialBackoffRetry::between(9, Duration::from_secs(1), Duration::MAX).unwrap();
        assert!(endless.pause(200, &mut Rng::seeded(1)) >= Duration::from_secs(1 << 31));
        let none = ExponentialBackoffRetry::between(9, Duration::ZERO, Duration::ZERO).unwrap();
        assert_eq!(none.pause(5, &mut Rng::seeded(1)), Duration::ZERO);
        let second = Duration::from_secs(1);
        let refused = ExponentialBackoffRetry::between(9, 2 * second, second);
        assert_eq!(refused, Err(InvalidBackoff { min: 2 * second, max: second }));
    }
}

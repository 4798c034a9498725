//! Contended requests: once their outcome is open nobody may guess, and until then they had better stay where they are.

use std::time::Duration;

use chorus_protocol::DbError;

use super::{DefaultRetry, ExponentialBackoffRetry, Failure, FailureCause, RetryDecision, RetryPolicy};
use crate::rng::Rng;

/// Lightweight transactions and serial reads by rules of their own, everything else as another policy says.
///
/// Contenders meet at one replica, because the driver keeps their order. A retry on another host would put a second
/// coordinator into the same contest, and each makes the other's ballots fail; so these wait a moment and ask the same host
/// again. And a conditional statement is never idempotent: sent again, it finds its own first outcome and reports "not
/// applied" for what was.
///
/// | failure of a contended request | decision |
/// |---|---|
/// | read timeout of a serial read | the same host after a pause |
/// | overloaded, reads only | the same host after a pause |
/// | unavailable, bootstrapping, not written | as the other policy says: nothing was proposed |
/// | connection lost, truncate or server error, reads only | as the other policy says |
/// | write timeout, and everything else for conditional writes | the caller: its outcome is not known |
#[derive(Debug, Clone)]
pub struct LwtRetry<C = DefaultRetry> {
    others: C,
    pauses: ExponentialBackoffRetry,
}

impl<C: RetryPolicy> LwtRetry<C> {
    /// Contended requests at most twice again, with pauses of some 20 and 40 ms; others as `others` says.
    pub fn new(others: C) -> LwtRetry<C> {
        let (min, max) = (Duration::from_millis(20), Duration::from_secs(1));
        let pauses = ExponentialBackoffRetry::between(2, min, max).expect("20 ms is less than a second");
        LwtRetry { others, pauses }
    }

    /// Takes number and pauses of retries of contended requests from `pauses`.
    #[must_use]
    pub fn pauses(mut self, pauses: ExponentialBackoffRetry) -> Self {
        self.pauses = pauses;
        self
    }
}

/// [`DefaultRetry`] for what is not contended.
impl Default for LwtRetry {
    fn default() -> Self {
        LwtRetry::new(DefaultRetry::new())
    }
}

impl<C: RetryPolicy> RetryPolicy for LwtRetry<C> {
    fn decide(&self, failure: &Failure<'_>, rng: &mut Rng) -> RetryDecision {
        if !failure.is_contended() || !failure.written {
            return self.others.decide(failure, rng);
        }
        // Whatever the statement's author says: whether it was applied is what the author wants to know.
        let reads = failure.is_read && !failure.is_lwt;
        let honest = Failure { idempotent: reads, ..*failure };
        match failure.cause {
            FailureCause::Database(DbError::ReadTimeout { .. } | DbError::Overloaded) if reads => {
                self.pauses.after_pause(true, &honest, rng)
            }
            FailureCause::Database(DbError::Unavailable { .. } | DbError::IsBootstrapping) => {
                self.others.decide(&honest, rng)
            }
            _ if reads => self.others.decide(&honest, rng),
            _ => RetryDecision::Rethrow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use chorus_protocol::{Consistency, WriteType};

    fn conditional(error: &DbError) -> Failure<'_> {
        Failure { is_lwt: true, ..first(error) }
    }

    fn serial_read(error: &DbError) -> Failure<'_> {
        Failure { consistency: Consistency::Serial, is_read: true, ..first(error) }
    }

    #[test]
    fn f60_a_conditional_write_with_an_open_outcome_is_never_sent_again() {
        let policy = LwtRetry::new(DefaultRetry::reference_compatible());
        let mut open = vec![DbError::Overloaded, DbError::TruncateError, DbError::ServerError];
        open.extend([WriteType::Cas, WriteType::Simple, WriteType::BatchLog].map(write_timeout));
        open.push(read_timeout(2, 2, false));
        for error in &open {
            for idempotent in [true, false] {
                let failure = Failure { idempotent, ..conditional(error) };
                assert_eq!(decide(&policy, &failure), RetryDecision::Rethrow, "{error:?}");
            }
        }
        let lost = Failure { is_lwt: true, ..lost() };
        assert_eq!(decide(&policy, &lost), RetryDecision::Rethrow);
        let unwritten = Failure { written: false, ..lost };
        assert_eq!(decide(&policy, &unwritten), RetryDecision::NextHost(None), "it never left");
    }

    #[test]
    fn a_conditional_write_that_was_refused_before_anything_was_proposed_moves_on() {
        for error in [unavailable(), DbError::IsBootstrapping] {
            assert_eq!(decide(&LwtRetry::default(), &conditional(&error)), RetryDecision::NextHost(None));
        }
    }

    #[test]
    fn serial_reads_wait_and_ask_the_same_host_again() {
        for error in [read_timeout(1, 2, false), read_timeout(2, 2, true), DbError::Overloaded] {
            for (retry_count, least, most) in [(0, 10, 30), (1, 30, 50)] {
                let failure = Failure { retry_count, ..serial_read(&error) };
                let RetryDecision::After { delay, same_host: true, consistency: None } =
                    decide(&LwtRetry::default(), &failure)
                else {
                    panic!("{error:?}")
                };
                assert!((least..=most).contains(&delay.as_millis()), "{delay:?}");
            }
            let used_up = Failure { retry_count: 2, ..serial_read(&error) };
            assert_eq!(decide(&LwtRetry::default(), &used_up), RetryDecision::Rethrow);
        }
        let error = DbError::ServerError;
        let decision = decide(&LwtRetry::default(), &serial_read(&error));
        assert_eq!(decision, RetryDecision::NextHost(None), "a read does no harm elsewhere");
    }

    #[test]
    fn what_is_not_contended_is_decided_by_the_other_policy() {
        let policy = LwtRetry::new(super::super::FallthroughRetry);
        for error in request_errors() {
            assert_eq!(decide(&policy, &first(&error)), RetryDecision::Rethrow);
            let default = decide(&LwtRetry::default(), &first(&error));
            assert_eq!(default, decide(&DefaultRetry::new(), &first(&error)));
        }
    }
}

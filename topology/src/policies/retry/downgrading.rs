//! Rather a weaker answer than none.

use chorus_protocol::{Consistency, DbError, WriteType};

use super::{DefaultRetry, Failure, FailureCause, RetryDecision, RetryPolicy};
use crate::rng::Rng;

/// Asks again at a lower consistency, once, when too few replicas answered: **gives up the consistency that was asked for**.
///
/// | failure | decision |
/// |---|---|
/// | read timeout, too few replicas answered | the same host, at what they can satisfy |
/// | read timeout, enough answered but none with the data | the same host |
/// | write timeout, single, batch or counter | as if it had succeeded, if any replica has it |
/// | write timeout, unlogged batch | the same host, at what answered, if idempotent |
/// | write timeout, batch log | the same host |
/// | unavailable | the same host, at what is alive; the next one for serial requests |
/// | anything else, or a second time | as [`DefaultRetry`] |
///
/// What can be satisfied is THREE, TWO or ONE. Requests at a serial consistency are never downgraded. Reads after such a
/// write may not see it, and a counter may have been counted on one replica only. Prefer to ask for the consistency that is
/// really needed: other drivers have deprecated this policy, and it is here for programs that were built upon it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DowngradingConsistencyRetry;

/// The same host at what `replicas` can satisfy.
fn at_what_is_left(replicas: i32) -> RetryDecision {
    let consistency = match replicas {
        ..=0 => return RetryDecision::Rethrow,
        1 => Consistency::One,
        2 => Consistency::Two,
        3.. => Consistency::Three,
    };
    RetryDecision::SameHost(Some(consistency))
}

impl RetryPolicy for DowngradingConsistencyRetry {
    fn decide(&self, failure: &Failure<'_>, rng: &mut Rng) -> RetryDecision {
        let serial = failure.consistency.is_serial();
        let FailureCause::Database(error) = failure.cause else {
            return DefaultRetry::new().decide(failure, rng);
        };
        match error {
            DbError::ReadTimeout { .. } | DbError::WriteTimeout { .. } | DbError::Unavailable { .. }
                if failure.retry_count > 0 =>
            {
                RetryDecision::Rethrow
            }
            DbError::ReadTimeout { .. } if serial => RetryDecision::Rethrow,
            DbError::ReadTimeout { received, required, .. } if received < required => {
                at_what_is_left(*received)
            }
            DbError::ReadTimeout { data_present: false, .. } => RetryDecision::SameHost(None),
            DbError::ReadTimeout { .. } => RetryDecision::Rethrow,
            DbError::WriteTimeout { received, write_type, .. } => match write_type {
                WriteType::Simple | WriteType::Batch | WriteType::Counter if *received > 0 => {
                    RetryDecision::Ignore
                }
                // Its parts may be applied already, so sending it again is a repetition.
                WriteType::UnloggedBatch if failure.is_safe_to_repeat() => at_what_is_left(*received),
                WriteType::BatchLog => RetryDecision::SameHost(None),
                _ => RetryDecision::Rethrow,
            },
            DbError::Unavailable { .. } if serial => RetryDecision::NextHost(None),
            DbError::Unavailable { alive, .. } => at_what_is_left(*alive),
            _ => DefaultRetry::new().decide(failure, rng),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use Consistency::{One, Three, Two};
    use RetryDecision::{Ignore, NextHost, Rethrow, SameHost};

    fn decide(failure: &Failure<'_>) -> RetryDecision {
        super::super::testing::decide(&DowngradingConsistencyRetry, failure)
    }

    /// As it is decided the first time, the second time, and at a serial consistency.
    fn check(error: &DbError, [once, again, serial]: [RetryDecision; 3]) {
        assert_eq!(decide(&first(error)), once, "{error:?}");
        assert_eq!(decide(&Failure { retry_count: 1, ..first(error) }), again, "{error:?} again");
        for consistency in [Consistency::Serial, Consistency::LocalSerial] {
            assert_eq!(decide(&Failure { consistency, ..first(error) }), serial, "{error:?} {consistency:?}");
        }
    }

    #[test]
    fn read_timeouts_are_downgraded_to_what_answered() {
        for (received, required, data_present, once) in [
            (0, 3, false, Rethrow),
            (1, 3, true, SameHost(Some(One))),
            (2, 3, true, SameHost(Some(Two))),
            (3, 5, false, SameHost(Some(Three))),
            (4, 5, false, SameHost(Some(Three))),
            (2, 2, false, SameHost(None)),
            (2, 2, true, Rethrow),
            (-1, 2, true, Rethrow),
        ] {
            check(&read_timeout(received, required, data_present), [once, Rethrow, Rethrow]);
        }
    }

    fn write(write_type: WriteType, received: i32) -> DbError {
        let consistency = Consistency::Quorum;
        DbError::WriteTimeout { consistency, received, required: 3, write_type, contentions: None }
    }

    #[test]
    fn write_timeouts_are_ignored_when_any_replica_has_the_write() {
        for write_type in [WriteType::Simple, WriteType::Batch, WriteType::Counter] {
            check(&write(write_type.clone(), 1), [Ignore, Rethrow, Ignore]);
            check(&write(write_type, 0), [Rethrow, Rethrow, Rethrow]);
        }
        let kept = SameHost(Some(Two));
        check(&write(WriteType::UnloggedBatch, 2), [kept, Rethrow, kept]);
        check(&write(WriteType::UnloggedBatch, 0), [Rethrow, Rethrow, Rethrow]);
        check(&write(WriteType::BatchLog, 0), [SameHost(None), Rethrow, SameHost(None)]);
        for write_type in [WriteType::Cas, WriteType::View, WriteType::Cdc] {
            check(&write(write_type, 2), [Rethrow, Rethrow, Rethrow]);
        }
    }

    #[test]
    fn an_unlogged_batch_that_is_not_idempotent_is_not_sent_again() {
        let error = write(WriteType::UnloggedBatch, 2);
        assert_eq!(decide(&Failure { idempotent: false, ..first(&error) }), Rethrow);
    }

    #[test]
    fn unavailable_is_downgraded_to_what_is_alive() {
        for (alive, once) in [
            (0, Rethrow),
            (1, SameHost(Some(One))),
            (2, SameHost(Some(Two))),
            (3, SameHost(Some(Three))),
            (9, SameHost(Some(Three))),
        ] {
            let error = DbError::Unavailable { consistency: Consistency::All, required: 10, alive };
            check(&error, [once, Rethrow, NextHost(None)]);
        }
    }

    #[test]
    fn request_errors_are_decided_as_by_default() {
        for error in request_errors() {
            check(&error, [NextHost(None); 3]);
            let unsafe_to_repeat = Failure { idempotent: false, ..first(&error) };
            let default = super::super::testing::decide(&DefaultRetry::new(), &unsafe_to_repeat);
            assert_eq!(decide(&unsafe_to_repeat), default);
        }
        assert_eq!(decide(&lost()), NextHost(None));
    }
}

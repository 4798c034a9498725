//! Retry where another attempt is likely to succeed and cannot do harm.

use chorus_protocol::{DbError, WriteType};

use super::{Failure, FailureCause, RetryDecision, RetryPolicy};
use crate::rng::Rng;

/// Retries where another attempt is likely to succeed:
///
/// | failure | decision |
/// |---|---|
/// | read timeout, enough replicas answered but none with the data | the same host, once |
/// | write timeout of a batch log | the same host, once |
/// | unavailable | the next host, once |
/// | bootstrapping, or overloaded as it is shutting down | the next host |
/// | overloaded, truncate or server error, connection lost | the next host, if that is safe |
/// | anything else | the caller |
///
/// Safe means that the statement is idempotent, or that no byte of it left. Other drivers move on after the errors of the
/// last kind whether that is safe or not, and so may apply an increment twice; [`DefaultRetry::reference_compatible`]
/// does as they do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefaultRetry {
    /// Whether statements that are not idempotent are sent again after they may have been executed.
    repeats_unsafely: bool,
}

impl DefaultRetry {
    /// The policy above.
    pub fn new() -> DefaultRetry {
        DefaultRetry::default()
    }

    /// The policy above, but moving on to the next host after errors of the request even when a statement that is not
    /// idempotent may already have been executed.
    pub fn reference_compatible() -> DefaultRetry {
        DefaultRetry { repeats_unsafely: true }
    }

    /// After an error that tells nothing about what the server did.
    pub(super) fn after_request_error(&self, failure: &Failure<'_>) -> RetryDecision {
        // A host that is still joining refuses before it does anything.
        let refused = matches!(failure.cause, FailureCause::Database(DbError::IsBootstrapping));
        if refused || self.repeats_unsafely || failure.is_safe_to_repeat() {
            RetryDecision::NextHost(None)
        } else {
            RetryDecision::Rethrow
        }
    }
}

impl RetryPolicy for DefaultRetry {
    fn decide(&self, failure: &Failure<'_>, _: &mut Rng) -> RetryDecision {
        let first = failure.retry_count == 0;
        let FailureCause::Database(error) = failure.cause else { return self.after_request_error(failure) };
        match error {
            // Digests came but the replica asked for the data did not answer; by now the host knows that and asks another.
            DbError::ReadTimeout { received, required, data_present, .. }
                if first && received >= required && !data_present =>
            {
                RetryDecision::SameHost(None)
            }
            // The batch is not applied before its log is written, and the host picks other replicas for the log.
            DbError::WriteTimeout { write_type: WriteType::BatchLog, .. } if first => {
                RetryDecision::SameHost(None)
            }
            // The host may be the one cut off.
            DbError::Unavailable { .. } if first => RetryDecision::NextHost(None),
            DbError::Overloaded
            | DbError::IsBootstrapping
            | DbError::TruncateError
            | DbError::ServerError => self.after_request_error(failure),
            _ => RetryDecision::Rethrow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, *};
    use super::*;
    use RetryDecision::{NextHost, Rethrow, SameHost};

    fn decide(failure: &Failure<'_>) -> RetryDecision {
        testing::decide(&DefaultRetry::new(), failure)
    }

    fn reference(failure: &Failure<'_>) -> RetryDecision {
        testing::decide(&DefaultRetry::reference_compatible(), failure)
    }

    #[test]
    fn read_timeouts_are_retried_once_when_only_the_data_was_missing() {
        for (received, required, data_present, expected) in [
            (2, 2, false, SameHost(None)),
            (3, 2, false, SameHost(None)),
            (2, 2, true, Rethrow),
            (1, 2, false, Rethrow),
            (1, 2, true, Rethrow),
        ] {
            let error = read_timeout(received, required, data_present);
            assert_eq!(decide(&first(&error)), expected, "{error:?}");
            assert_eq!(decide(&Failure { retry_count: 1, ..first(&error) }), Rethrow, "{error:?}");
        }
    }

    #[test]
    fn write_timeouts_are_retried_once_when_the_batch_log_timed_out() {
        for (write_type, expected) in [
            (WriteType::Simple, Rethrow),
            (WriteType::Batch, Rethrow),
            (WriteType::UnloggedBatch, Rethrow),
            (WriteType::Counter, Rethrow),
            (WriteType::BatchLog, SameHost(None)),
            (WriteType::Cas, Rethrow),
            (WriteType::View, Rethrow),
            (WriteType::Cdc, Rethrow),
        ] {
            let error = write_timeout(write_type);
            assert_eq!(decide(&first(&error)), expected, "{error:?}");
            assert_eq!(decide(&Failure { retry_count: 1, ..first(&error) }), Rethrow, "{error:?}");
        }
    }

    #[test]
    fn unavailable_moves_to_the_next_host_once() {
        let error = unavailable();
        assert_eq!(decide(&first(&error)), NextHost(None));
        assert_eq!(decide(&Failure { idempotent: false, ..first(&error) }), NextHost(None));
        assert_eq!(decide(&Failure { retry_count: 1, ..first(&error) }), Rethrow);
    }

    #[test]
    fn request_errors_move_to_the_next_host_whatever_the_retry_number() {
        for error in request_errors() {
            for retry_count in [0, 1, 7] {
                assert_eq!(decide(&Failure { retry_count, ..first(&error) }), NextHost(None), "{error:?}");
            }
        }
        let lost = Failure { retry_count: 3, ..lost() };
        assert_eq!(decide(&lost), NextHost(None));
    }

    #[test]
    fn a_statement_that_is_not_idempotent_is_not_repeated_once_it_may_have_been_executed() {
        for error in request_errors() {
            let failure = Failure { idempotent: false, ..first(&error) };
            let refused = error == DbError::IsBootstrapping;
            assert_eq!(decide(&failure), if refused { NextHost(None) } else { Rethrow }, "{error:?}");
            assert_eq!(reference(&failure), NextHost(None), "{error:?}");
        }
        let lost = Failure { idempotent: false, ..lost() };
        assert_eq!(decide(&lost), Rethrow);
        assert_eq!(decide(&Failure { written: false, ..lost }), NextHost(None));
        assert_eq!(reference(&lost), NextHost(None));
    }

    #[test]
    fn other_errors_go_to_the_caller() {
        for error in [DbError::Invalid, DbError::SyntaxError, DbError::Unauthorized, DbError::CdcWriteFailure]
        {
            assert_eq!(decide(&first(&error)), Rethrow, "{error:?}");
            assert_eq!(reference(&first(&error)), Rethrow, "{error:?}");
        }
    }
}

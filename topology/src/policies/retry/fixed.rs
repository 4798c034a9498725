//! Policies that decide without looking.

use chorus_protocol::DbError;

use super::{DefaultRetry, Failure, FailureCause, RetryDecision, RetryPolicy};
use crate::rng::Rng;

/// Gives every error to the caller, who decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FallthroughRetry;

impl RetryPolicy for FallthroughRetry {
    fn decide(&self, _: &Failure<'_>, _: &mut Rng) -> RetryDecision {
        RetryDecision::Rethrow
    }
}

/// Never repeats what a server tried and failed to do: timeouts and unavailable go to the caller. Errors of the request
/// itself (overloaded, connection lost and the like) still move it to the next host, as [`DefaultRetry`] does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NeverRetry;

impl RetryPolicy for NeverRetry {
    fn decide(&self, failure: &Failure<'_>, rng: &mut Rng) -> RetryDecision {
        match failure.cause {
            FailureCause::Database(
                DbError::ReadTimeout { .. } | DbError::WriteTimeout { .. } | DbError::Unavailable { .. },
            ) => RetryDecision::Rethrow,
            _ => DefaultRetry::new().decide(failure, rng),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use chorus_protocol::WriteType;

    fn all() -> Vec<DbError> {
        let mut errors = vec![read_timeout(2, 2, false), write_timeout(WriteType::BatchLog), unavailable()];
        errors.extend(request_errors());
        errors
    }

    #[test]
    fn fallthrough_gives_everything_to_the_caller() {
        for error in all() {
            assert_eq!(decide(&FallthroughRetry, &first(&error)), RetryDecision::Rethrow, "{error:?}");
        }
        assert_eq!(decide(&FallthroughRetry, &lost()), RetryDecision::Rethrow);
    }

    #[test]
    fn never_retry_moves_on_only_after_errors_of_the_request() {
        for (number, error) in all().iter().enumerate() {
            let expected = if number < 3 { RetryDecision::Rethrow } else { RetryDecision::NextHost(None) };
            assert_eq!(decide(&NeverRetry, &first(error)), expected, "{error:?}");
        }
        assert_eq!(decide(&NeverRetry, &lost()), RetryDecision::NextHost(None));
    }
}

//! An attempt failed: again, elsewhere, or give up?
//!
//! The coordinator asks only after a failure, and only when there is [something to decide](is_for_policy): invalid
//! statements, failures of replicas, rate limits and the caller's own deadline end a request without a question, and an
//! unprepared statement is prepared again. Whatever a policy says, retries spend from a [`RetryBudget`], and none replaces a
//! serial consistency by another kind.

mod backoff;
mod budget;
mod default;
mod downgrading;
mod fixed;
mod lwt;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use chorus_protocol::{Consistency, DbError};

pub use backoff::{ExponentialBackoffRetry, InvalidBackoff};
pub use budget::RetryBudget;
pub use default::DefaultRetry;
pub use downgrading::DowngradingConsistencyRetry;
pub use fixed::{FallthroughRetry, NeverRetry};
pub use lwt::LwtRetry;

use crate::rng::Rng;

/// Decides what follows a failed attempt. Asked for failures only, never on the way of a success.
///
/// A policy answers for what it has sent twice: a statement that is not idempotent and was written may have been executed,
/// see [`Failure::is_safe_to_repeat`].
pub trait RetryPolicy: Send + Sync + Debug {
    /// What to do now. `rng` is there for delays that should differ between clients.
    fn decide(&self, failure: &Failure<'_>, rng: &mut Rng) -> RetryDecision;
}

/// A policy shared with others is a policy: so combinations can be made of policies that are only known at run time.
impl<P: RetryPolicy + ?Sized> RetryPolicy for Arc<P> {
    fn decide(&self, failure: &Failure<'_>, rng: &mut Rng) -> RetryDecision {
        (**self).decide(failure, rng)
    }
}

/// Whether an error of the server leaves anything to decide: timeouts of replicas, too few of them, and errors that tell
/// nothing about the statement. All others would be the same again, or must not be repeated.
pub fn is_for_policy(error: &DbError) -> bool {
    matches!(
        error,
        DbError::ReadTimeout { .. }
            | DbError::WriteTimeout { .. }
            | DbError::Unavailable { .. }
            | DbError::Overloaded
            | DbError::IsBootstrapping
            | DbError::TruncateError
            | DbError::ServerError
    )
}

/// What a policy may know of a failed attempt.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'f> {
    /// What went wrong.
    pub cause: FailureCause<'f>,
    /// The consistency the attempt asked for.
    pub consistency: Consistency,
    /// How many retries went before; 0 when the first attempt failed.
    pub retry_count: u32,
    /// Whether the statement may be executed twice with the effect of once, as its author says.
    pub idempotent: bool,
    /// Whether the server may have begun to execute it. Not when no byte of it left, nor when the server joins or
    /// [leaves](chorus_protocol::ErrorBody::is_out_of_service).
    pub written: bool,
    /// Whether the statement only reads.
    pub is_read: bool,
    /// Whether it is a lightweight transaction, as far as the driver knows: ScyllaDB marks them.
    pub is_lwt: bool,
    /// For a host that said it has too much to do: how long what it already has will keep it busy, by the time its answers
    /// take now. Asking again earlier finds it as busy as it was.
    pub retry_after: Option<Duration>,
}

impl Failure<'_> {
    /// Whether another attempt cannot execute the statement a second time to its author's surprise.
    pub fn is_safe_to_repeat(&self) -> bool {
        self.idempotent || !self.written
    }

    /// Whether contenders have to agree on it: a lightweight transaction, or a read at a serial consistency.
    pub fn is_contended(&self) -> bool {
        self.is_lwt || self.consistency.is_serial()
    }
}

/// What went wrong.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum FailureCause<'f> {
    /// The server answered with an error.
    Database(&'f DbError),
    /// The connection was lost, or none could take the request.
    ConnectionLost,
}

/// What to do after a failed attempt. `None` as a consistency keeps the one it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryDecision {
    /// Send it again to the same host.
    SameHost(Option<Consistency>),
    /// Send it to the next host of the plan.
    NextHost(Option<Consistency>),
    /// Wait, then send it again.
    After {
        /// How long to wait.
        delay: Duration,
        /// Whether to the same host.
        same_host: bool,
        /// At which consistency.
        consistency: Option<Consistency>,
    },
    /// Give the error to the caller.
    Rethrow,
    /// Tell the caller it succeeded, with an empty result.
    Ignore,
}

#[cfg(test)]
pub(crate) mod testing {
    //! One error of each kind that reaches a retry policy, and short ways to ask about it.

    use super::*;
    use chorus_protocol::WriteType;

    pub(crate) fn read_timeout(received: i32, required: i32, data_present: bool) -> DbError {
        DbError::ReadTimeout { consistency: Consistency::Quorum, received, required, data_present }
    }

    pub(crate) fn write_timeout(write_type: WriteType) -> DbError {
        DbError::WriteTimeout {
            consistency: Consistency::Quorum,
            received: 1,
            required: 2,
            write_type,
            contentions: None,
        }
    }

    pub(crate) fn unavailable() -> DbError {
        DbError::Unavailable { consistency: Consistency::Quorum, required: 2, alive: 1 }
    }

    pub(crate) fn request_errors() -> [DbError; 4] {
        [DbError::Overloaded, DbError::IsBootstrapping, DbError::TruncateError, DbError::ServerError]
    }

    /// The first failure of an idempotent statement.
    pub(crate) fn first(error: &DbError) -> Failure<'_> {
        Failure {
            cause: FailureCause::Database(error),
            consistency: Consistency::Quorum,
            retry_count: 0,
            idempotent: true,
            written: true,
            is_read: false,
            is_lwt: false,
            retry_after: None,
        }
    }

    pub(crate) fn decide(policy: &dyn RetryPolicy, failure: &Failure<'_>) -> RetryDecision {
        policy.decide(failure, &mut Rng::seeded(1))
    }

    pub(crate) fn lost() -> Failure<'static> {
        Failure { cause: FailureCause::ConnectionLost, ..first(&DbError::ServerError) }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;
    use chorus_protocol::WriteType;
    use chorus_protocol::response::{OperationKind, ReplicaFailures};

    #[test]
    fn only_errors_that_another_attempt_may_mend_reach_a_policy() {
        let mut decidable = vec![read_timeout(1, 2, false), write_timeout(WriteType::Cas), unavailable()];
        decidable.extend(request_errors());
        assert!(decidable.iter().all(is_for_policy));

        let failures = || ReplicaFailures { count: 1, reasons: None };
        let consistency = Consistency::Quorum;
        for error in [
            DbError::ReadFailure {
                consistency,
                received: 1,
                required: 2,
                failures: failures(),
                data_present: true,
            },
            DbError::WriteFailure {
                consistency,
                received: 1,
                required: 2,
                failures: failures(),
                write_type: WriteType::Simple,
            },
            DbError::FunctionFailure { keyspace: "k".into(), function: "f".into(), argument_types: vec![] },
            DbError::CasWriteUnknown { consistency, received: 1, required: 2 },
            DbError::RateLimitReached { operation: OperationKind::Write, rejected_by_coordinator: true },
            DbError::AlreadyExists { keyspace: "k".into(), table: None },
            DbError::SyntaxError,
            DbError::Invalid,
            DbError::Unauthorized,
            DbError::ConfigError,
            DbError::CdcWriteFailure,
            DbError::Other { code: 0x1234 },
        ] {
            assert!(!is_for_policy(&error), "{error:?}");
        }
    }

    #[test]
    fn what_left_and_is_not_idempotent_is_not_safe_to_repeat() {
        let error = DbError::ServerError;
        for (idempotent, written, safe) in
            [(true, true, true), (true, false, true), (false, false, true), (false, true, false)]
        {
            assert_eq!(Failure { idempotent, written, ..first(&error) }.is_safe_to_repeat(), safe);
        }
    }
}

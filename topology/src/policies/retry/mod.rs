//! An attempt failed: again, elsewhere, or give up?
//!
//! The coordinator asks only after a failure, and only when there is something to decide: invalid statements, failures
//! of replicas, rate limits and the caller's own deadline end a request without a question, and an unprepared statement
//! is prepared again. Whatever a policy says, retries spend from a [`RetryBudget`].

mod budget;
mod default;
mod fixed;

use std::fmt::Debug;
use std::time::Duration;

use chorus_protocol::{Consistency, DbError};

pub use budget::RetryBudget;
pub use default::DefaultRetry;
pub use fixed::{FallthroughRetry, NeverRetry};

/// Decides what follows a failed attempt.
pub trait RetryPolicy: Send + Sync + Debug {
    /// What to do now.
    fn decide(&self, failure: &Failure<'_>) -> RetryDecision;
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
    /// Whether any byte of it may have reached the server: if not, it was certainly not executed.
    pub written: bool,
}

impl Failure<'_> {
    /// Whether another attempt cannot execute the statement a second time to its author's surprise.
    pub fn is_safe_to_repeat(&self) -> bool {
        self.idempotent || !self.written
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
    //! One error of each kind that reaches a retry policy.

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
        }
    }
}

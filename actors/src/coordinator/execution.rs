//! What happens after an attempt failed: pure, events in, effects out.
//!
//! ```text
//!  attempt ──ok──> done
//!     │
//!     ├─ the server forgot the statement ──> prepare it there, same host again (at most twice)
//!     ├─ the deadline passed ──> failed
//!     ├─ fate unknown and not idempotent ──> failed
//!     └─ the retry policy decides ──> same host / next host / after a pause / failed / ignored
//! ```

use std::time::Duration;

use chorus_protocol::{Consistency, response::DbError};
use chorus_topology::{Failure, FailureCause, RetryBudget, RetryDecision, RetryPolicy};

use super::port::Cause;
use crate::request::{AttemptError, Request, RequestErrorKind};

/// How often a statement is prepared again for one request before the server is taken at its word.
const MOST_REPREPARES: u8 = 2;

/// What the coordinator must do now.
#[derive(Debug)]
pub(super) enum Effect {
    /// End the request with this error.
    Fail(RequestErrorKind),
    /// End the request as if it had succeeded with nothing to say.
    Ignore,
    /// Prepare the statement with this id on the host that answered, then send the request there again.
    Reprepare(bytes::Bytes),
    /// Send it again.
    Resend {
        /// To the same host, or the next of the plan.
        same_host: bool,
        /// With another consistency.
        consistency: Option<Consistency>,
        /// Not before this has passed.
        after: Option<Duration>,
    },
}

/// Judges a failed attempt.
pub(super) fn judge(
    request: &Request,
    cause: Cause,
    in_flight: u32,
    policy: &dyn RetryPolicy,
    budget: &mut RetryBudget,
    budget_refusals: &mut u64,
) -> Effect {
    let written = match &cause {
        Cause::Timeout { written } => {
            let after = request.options.timeout.unwrap_or_default();
            return Effect::Fail(RequestErrorKind::Timeout { after, written: *written, in_flight });
        }
        Cause::Database(body) => {
            if let DbError::Unprepared { id } = &body.error {
                if request.options.prepared.find(id).is_none() {
                    return Effect::Fail(RequestErrorKind::UnknownPrepared { id: id.to_vec() });
                }
                if request.progress.reprepares < MOST_REPREPARES {
                    return Effect::Reprepare(id.clone());
                }
            }
            true
        }
        Cause::ConnectionLost { written, .. } => *written,
    };
    let decision = {
        let failure = Failure {
            cause: match &cause {
                Cause::Database(body) => FailureCause::Database(&body.error),
                _ => FailureCause::ConnectionLost,
            },
            consistency: request.options.consistency,
            retry_count: request.progress.retries,
            idempotent: request.options.idempotent,
            written,
        };
        policy.decide(&failure)
    };
    let resend = |same_host, consistency: Option<Consistency>, after| {
        // A serial consistency is never traded for another kind.
        let consistency =
            consistency.filter(|wanted| wanted.is_serial() == request.options.consistency.is_serial());
        Effect::Resend { same_host, consistency, after }
    };
    let effect = match decision {
        RetryDecision::SameHost(consistency) => resend(true, consistency, None),
        RetryDecision::NextHost(consistency) => resend(false, consistency, None),
        RetryDecision::After { delay, same_host, consistency } => resend(same_host, consistency, Some(delay)),
        RetryDecision::Rethrow => return Effect::Fail(error_kind(cause)),
        RetryDecision::Ignore => return Effect::Ignore,
        _ => return Effect::Fail(error_kind(cause)),
    };
    // The budget is there so that retries cannot multiply load. A request that never left, and the first move of one whose
    // connection broke, cannot: they are as many as were in flight there, once.
    let moves_house = matches!(cause, Cause::ConnectionLost { .. }) && request.progress.retries == 0;
    if written && !moves_house && !budget.try_spend() {
        *budget_refusals += 1;
        return Effect::Fail(error_kind(cause));
    }
    effect
}

/// The attempt as the final error lists it.
pub(super) fn attempt_error(cause: &Cause) -> Option<AttemptError> {
    match cause {
        Cause::Database(body) => Some(AttemptError::Database(body.clone())),
        Cause::ConnectionLost { reason, written } => {
            Some(AttemptError::ConnectionLost { reason: reason.clone(), written: *written })
        }
        Cause::Timeout { .. } => None,
    }
}

/// The cause as the final error.
pub(super) fn error_kind(cause: Cause) -> RequestErrorKind {
    match cause {
        Cause::Database(body) => RequestErrorKind::Database(body),
        Cause::ConnectionLost { reason, written } => RequestErrorKind::ConnectionLost { reason, written },
        Cause::Timeout { written } => {
            RequestErrorKind::Timeout { after: Duration::ZERO, written, in_flight: 0 }
        }
    }
}

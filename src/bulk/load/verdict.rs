//! What a failed row means for the row and for the load.

use chorus_actors::{AttemptError, RequestError, RequestErrorKind};
use chorus_protocol::response::DbError;

/// What to do about a row that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The row itself is refused, and would be again.
    Reject,
    /// The cluster has too much to do: fewer rows at a time, and this one again.
    Overload,
    /// The cluster, or the part of it that has the row, cannot be reached: wait, and again.
    Unreachable,
    /// No row can be written, for a reason that does not go away.
    Refused,
}

/// The engine has retried what its policy allows before an error comes here.
pub(super) fn judge(error: &RequestError) -> Verdict {
    match error.kind() {
        RequestErrorKind::Database(body) => judge_answer(&body.error),
        // Every host was asked, and the last one may have said more than that it could not be reached.
        RequestErrorKind::NoHostAvailable => match error.attempts().last().map(|attempt| &attempt.error) {
            Some(AttemptError::Database(body)) => judge_answer(&body.error),
            Some(AttemptError::Busy) => Verdict::Overload,
            _ => Verdict::Unreachable,
        },
        RequestErrorKind::Timeout { .. } | RequestErrorKind::Overloaded { .. } => Verdict::Overload,
        RequestErrorKind::ConnectionLost { .. } => Verdict::Unreachable,
        RequestErrorKind::TooLarge { .. } => Verdict::Reject,
        _ => Verdict::Refused,
    }
}

fn judge_answer(error: &DbError) -> Verdict {
    match error {
        DbError::Invalid | DbError::FunctionFailure { .. } => Verdict::Reject,
        DbError::Overloaded
        | DbError::WriteTimeout { .. }
        | DbError::ReadTimeout { .. }
        | DbError::RateLimitReached { .. } => Verdict::Overload,
        DbError::SyntaxError
        | DbError::Unauthorized
        | DbError::ConfigError
        | DbError::ProtocolError
        | DbError::BadCredentials => Verdict::Refused,
        // Whatever else a server says is about its own state, and may be over in a moment.
        _ => Verdict::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use chorus_protocol::response::ErrorBody;

    use super::*;

    fn db(error: DbError) -> Verdict {
        judge(&RequestErrorKind::Database(ErrorBody::new(error, "")).into())
    }

    #[test]
    fn only_what_the_row_is_to_blame_for_rejects_it() {
        assert_eq!(db(DbError::Invalid), Verdict::Reject);
        assert_eq!(judge(&RequestErrorKind::TooLarge { size: 2, limit: 1 }.into()), Verdict::Reject);
        assert_eq!(db(DbError::Overloaded), Verdict::Overload);
        assert_eq!(db(DbError::ServerError), Verdict::Unreachable);
        assert_eq!(db(DbError::IsBootstrapping), Verdict::Unreachable);
        assert_eq!(db(DbError::Unauthorized), Verdict::Refused);
        assert_eq!(judge(&RequestErrorKind::NoHostAvailable.into()), Verdict::Unreachable);
        assert_eq!(judge(&RequestErrorKind::SessionClosed.into()), Verdict::Refused);
    }
}

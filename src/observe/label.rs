//! Failures in a word or two, without what a server says in full: its words may quote the values of a statement.

use chorus_actors::{Attempt, AttemptError};

use crate::error::{Error, ErrorKind};

/// What kind of failure it is: the code of a server that answered, else the error's kind.
pub(super) fn of_error(error: &Error) -> String {
    match (error.kind(), error.db()) {
        (ErrorKind::Db, Some(body)) => body.code.to_string(),
        (kind, _) => kind.to_string().to_ascii_lowercase().replace(' ', "_"),
    }
}

/// The same for an attempt that was made up for.
pub(super) fn of_attempt(attempt: &Attempt) -> String {
    match &attempt.error {
        AttemptError::Database(body) => body.code.to_string(),
        AttemptError::ConnectionLost { .. } => "connection_lost".to_owned(),
        AttemptError::NotConnected => "not_connected".to_owned(),
        AttemptError::Busy => "busy".to_owned(),
        _ => "other".to_owned(),
    }
}

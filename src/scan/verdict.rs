//! Which failures of a page may pass.

use chorus_protocol::DbError;

use crate::{Error, ErrorKind};

/// A failure that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It took too long, or reading so much at once was too much: less of it may do.
    Slow,
    /// Servers are gone or have too much to do: later it may do.
    Away,
}

impl Trouble {
    /// `None` for what will be the same however often it is tried.
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::Timeout => Some(Self::Slow),
            ErrorKind::ConnectionLost | ErrorKind::NoHostAvailable | ErrorKind::Overloaded => {
                // The last host may be the only one that was asked at all.
                Some(if error.is_timeout() { Self::Slow } else { Self::Away })
            }
            ErrorKind::Db => of_server(&error.db()?.error),
            _ => None,
        }
    }
}

fn of_server(error: &DbError) -> Option<Trouble> {
    match error {
        DbError::ReadTimeout { .. } | DbError::ReadFailure { .. } => Some(Trouble::Slow),
        DbError::Unavailable { .. }
        | DbError::Overloaded
        | DbError::IsBootstrapping
        | DbError::RateLimitReached { .. }
        | DbError::ServerError => Some(Trouble::Away),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chorus_protocol::Consistency;

    use super::*;

    #[test]
    fn servers_that_have_too_much_to_do_are_asked_again_and_those_that_say_no_are_not() {
        let consistency = Consistency::LocalOne;
        let timeout = DbError::ReadTimeout { consistency, received: 0, required: 1, data_present: false };
        assert_eq!(of_server(&timeout), Some(Trouble::Slow));
        let unavailable = DbError::Unavailable { consistency, required: 1, alive: 0 };
        for error in [unavailable, DbError::Overloaded, DbError::IsBootstrapping, DbError::ServerError] {
            assert_eq!(of_server(&error), Some(Trouble::Away), "{error:?}");
        }
        for error in [DbError::Invalid, DbError::SyntaxError, DbError::Unauthorized, DbError::ConfigError] {
            assert_eq!(of_server(&error), None, "{error:?}");
        }
    }
}

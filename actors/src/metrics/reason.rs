//! Why an attempt failed, as a label: the same words for answers of servers and for retries.

use chorus_protocol::DbError;

use crate::coordinator::Cause;

/// Why an attempt failed. A closed set, so that every value can be shown before it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureReason {
    /// Too few replicas were alive.
    Unavailable,
    /// Replicas did not answer the coordinating server in time, on a read.
    ReadTimeout,
    /// The same on a write.
    WriteTimeout,
    /// A replica failed on a read.
    ReadFailure,
    /// A replica failed on a write.
    WriteFailure,
    /// The server has too much to do.
    Overloaded,
    /// The server is starting.
    Bootstrapping,
    /// A truncation failed.
    Truncate,
    /// The server failed otherwise.
    ServerError,
    /// More requests to a partition than its table allows.
    RateLimited,
    /// The server had forgotten the statement.
    Unprepared,
    /// The request is one that the server does not carry out: syntax, permissions, values, schema.
    Refused,
    /// The connection broke.
    ConnectionLost,
}

impl FailureReason {
    /// Every reason; those that are answers of servers come first.
    pub const ALL: [Self; 13] = [
        Self::Unavailable,
        Self::ReadTimeout,
        Self::WriteTimeout,
        Self::ReadFailure,
        Self::WriteFailure,
        Self::Overloaded,
        Self::Bootstrapping,
        Self::Truncate,
        Self::ServerError,
        Self::RateLimited,
        Self::Unprepared,
        Self::Refused,
        Self::ConnectionLost,
    ];

    /// Their names, in the same order.
    pub const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].name();
            at += 1;
        }
        names
    };

    /// The value of the label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::ReadTimeout => "read_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::ReadFailure => "read_failure",
            Self::WriteFailure => "write_failure",
            Self::Overloaded => "overloaded",
            Self::Bootstrapping => "bootstrapping",
            Self::Truncate => "truncate",
            Self::ServerError => "server_error",
            Self::RateLimited => "rate_limited",
            Self::Unprepared => "unprepared",
            Self::Refused => "refused",
            Self::ConnectionLost => "connection_lost",
        }
    }

    /// What a server's error amounts to.
    pub fn of(error: &DbError) -> Self {
        match error {
            DbError::Unavailable { .. } => Self::Unavailable,
            DbError::ReadTimeout { .. } => Self::ReadTimeout,
            DbError::WriteTimeout { .. } | DbError::CasWriteUnknown { .. } => Self::WriteTimeout,
            DbError::ReadFailure { .. } => Self::ReadFailure,
            DbError::WriteFailure { .. } | DbError::CdcWriteFailure | DbError::ClientWriteFailure => {
                Self::WriteFailure
            }
            DbError::Overloaded => Self::Overloaded,
            DbError::IsBootstrapping => Self::Bootstrapping,
            DbError::TruncateError => Self::Truncate,
            DbError::RateLimitReached { .. } => Self::RateLimited,
            DbError::Unprepared { .. } => Self::Unprepared,
            DbError::FunctionFailure { .. }
            | DbError::BadCredentials
            | DbError::SyntaxError
            | DbError::Unauthorized
            | DbError::Invalid
            | DbError::ConfigError
            | DbError::AlreadyExists { .. } => Self::Refused,
            _ => Self::ServerError,
        }
    }

    /// What the failure of an attempt amounts to; `None` for one that a retry policy is not asked about.
    pub(crate) fn of_cause(cause: &Cause) -> Option<Self> {
        match cause {
            Cause::Database(body) => Some(Self::of(&body.error)),
            Cause::ConnectionLost { .. } => Some(Self::ConnectionLost),
            Cause::Timeout { .. } | Cause::Returned => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_the_order_of_their_numbers() {
        for (place, reason) in FailureReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{}", reason.name());
        }
    }
}

//! Kinds of failures.

use std::fmt;

/// What kind of failure an [`Error`](crate::Error) is: what a program branches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The settings contradict each other. Nothing was sent.
    Config,
    /// The session could not be opened: addresses that answer are no CQL servers, or speak another version.
    Connect,
    /// The server refused the credentials, or wants some and none were given.
    Authentication,
    /// No connection could be secured: a certificate that must not be trusted, a client certificate that is missing or refused,
    /// a server without TLS. [`tls`](crate::Error::tls) says which.
    Tls,
    /// No host could take the request or the connection; [`attempts`](crate::Error::attempts) says why each one could not.
    NoHostAvailable,
    /// The server answered with an error; see [`db`](crate::Error::db).
    Db,
    /// No answer within the time allowed.
    Timeout,
    /// The connection broke while the request was under way, and it could not or must not be sent again.
    ConnectionLost,
    /// A queue of the driver is full.
    Overloaded,
    /// The session was shut down, or the runtime its engine lived on has ended.
    SessionClosed,
    /// Values do not fit the statement: number, type, null or unset where they cannot be.
    Values,
    /// Rows do not fit the Rust type they are read as.
    Rows,
    /// The result is not of the form that was asked for: no rows, more than one row.
    Result,
    /// The protocol version or the server has no such feature.
    Unsupported,
    /// A call that cannot work whatever the server says, such as a concurrency of zero.
    Usage,
    /// The peer broke the protocol.
    Protocol,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::Config => "configuration",
            ErrorKind::Connect => "connect",
            ErrorKind::Authentication => "authentication",
            ErrorKind::Tls => "TLS",
            ErrorKind::NoHostAvailable => "no host available",
            ErrorKind::Db => "database",
            ErrorKind::Timeout => "timeout",
            ErrorKind::ConnectionLost => "connection lost",
            ErrorKind::Overloaded => "overloaded",
            ErrorKind::SessionClosed => "session closed",
            ErrorKind::Values => "values",
            ErrorKind::Rows => "rows",
            ErrorKind::Result => "result",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Usage => "usage",
            ErrorKind::Protocol => "protocol",
        })
    }
}

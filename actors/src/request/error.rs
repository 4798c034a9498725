//! Why a request failed, and what was tried.

use std::{fmt, net::SocketAddr, time::Duration};

use chorus_protocol::CqlType;
use chorus_protocol::response::{DbError, ErrorBody};

use super::Effort;
use crate::TlsProblem;

/// A request that failed for good: the reason, and every attempt before it.
#[derive(Clone, Debug)]
pub struct RequestError {
    inner: Box<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    kind: RequestErrorKind,
    attempts: Vec<Attempt>,
    effort: Effort,
}

/// Why a request failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RequestErrorKind {
    /// The server answered with an error and the retry policy gave up.
    Database(ErrorBody),
    /// The deadline passed.
    Timeout {
        /// The whole time allowed.
        after: Duration,
        /// Whether the request was on the wire: if so, a write may have been applied.
        written: bool,
        /// Requests in flight on the connection that had it, answers nobody waits for included.
        in_flight: u32,
    },
    /// The connection broke and the request could not, or must not, be sent again.
    ConnectionLost {
        /// Why it broke.
        reason: CloseReason,
        /// Whether the request was on the wire: if so, a write may have been applied.
        written: bool,
    },
    /// No host could take the request; [`RequestError::attempts`] says why each one could not.
    NoHostAvailable,
    /// Every queue on the way is full.
    Overloaded {
        /// Requests queued in front of this one.
        queued: usize,
    },
    /// The server forgot a prepared statement and prepared it again under another id, so the text means something
    /// else there now (another keyspace, or a changed schema).
    PreparedIdChanged {
        /// The statement.
        cql: String,
    },
    /// The server forgot a prepared statement and prepared it again, and a marker is of another type now: the table was made
    /// anew. The values, which were encoded as the old type, were not sent.
    MarkerChanged {
        /// The statement.
        cql: String,
        /// The marker's name.
        marker: String,
        /// Its type when the statement was prepared.
        was: CqlType,
        /// Its type now; `None` where there is no such marker any more.
        is: Option<CqlType>,
    },
    /// The server does not know a prepared statement that the request does not carry either.
    UnknownPrepared {
        /// The id it named.
        id: Vec<u8>,
    },
    /// The answer could not be understood.
    Protocol(String),
    /// The request is larger than a frame may be.
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The most a frame may have.
        limit: usize,
    },
    /// The session was shut down.
    SessionClosed,
    /// The reactor that held the request ended: its runtime was shut down, or an actor panicked.
    EngineLost,
}

/// One attempt that failed.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The host.
    pub host: SocketAddr,
    /// What happened there.
    pub error: AttemptError,
    /// When that was known, counted from when the engine took the request.
    pub after: Duration,
}

/// What happened to one attempt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AttemptError {
    /// The server answered with an error.
    Database(ErrorBody),
    /// The connection broke.
    ConnectionLost {
        /// Why.
        reason: CloseReason,
        /// Whether the request was on the wire.
        written: bool,
    },
    /// There was no connection to the host.
    NotConnected,
    /// All connections to the host were full.
    Busy,
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer closed it.
    Peer,
    /// The socket failed.
    Io(std::io::ErrorKind),
    /// What secured the socket failed.
    Tls(TlsProblem),
    /// The peer did not answer a heartbeat.
    Heartbeat,
    /// Too many answers that nobody waits for were outstanding.
    Orphans,
    /// The peer broke the protocol.
    Protocol(String),
    /// We closed it.
    Shutdown,
    /// The actor that held it ended.
    Lost,
}

impl CloseReason {
    /// Why a socket failed.
    pub(crate) fn of(error: &std::io::Error) -> Self {
        match TlsProblem::behind(error) {
            Some(problem) => Self::Tls(problem.clone()),
            None => Self::Io(error.kind()),
        }
    }

    /// The value of the `reason` label of metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Io(_) => "io",
            Self::Tls(_) => "tls",
            Self::Heartbeat => "heartbeat",
            Self::Orphans => "orphan_limit",
            Self::Protocol(_) => "protocol",
            Self::Shutdown => "shutdown",
            Self::Lost => "lost",
        }
    }
}

impl RequestErrorKind {
    /// Whether other attempts at the same request would end the same way: there is no use in waiting for them.
    pub(crate) fn is_that_of_every_attempt(&self) -> bool {
        match self {
            Self::Database(body) => matches!(
                body.error,
                DbError::SyntaxError
                    | DbError::Unauthorized
                    | DbError::Invalid
                    | DbError::ConfigError
                    | DbError::AlreadyExists { .. }
                    | DbError::FunctionFailure { .. }
            ),
            Self::Timeout { .. } | Self::TooLarge { .. } | Self::SessionClosed => true,
            _ => false,
        }
    }
}

impl RequestError {
    pub(crate) fn new(kind: RequestErrorKind, attempts: Vec<Attempt>) -> Self {
        Self { inner: Box::new(Inner { kind, attempts, effort: Effort::default() }) }
    }

    pub(crate) fn after(mut self, effort: Effort) -> Self {
        self.inner.effort = effort;
        self
    }

    /// What was done for it all the same.
    pub fn effort(&self) -> Effort {
        self.inner.effort
    }

    /// Why it failed.
    pub fn kind(&self) -> &RequestErrorKind {
        &self.inner.kind
    }

    /// The attempts that failed before, oldest first.
    pub fn attempts(&self) -> &[Attempt] {
        &self.inner.attempts
    }

    /// Takes the error apart.
    pub fn into_parts(self) -> (RequestErrorKind, Vec<Attempt>) {
        (self.inner.kind, self.inner.attempts)
    }

    /// Whether the server may have applied the request although it failed.
    pub fn may_have_been_applied(&self) -> bool {
        let last = match &self.inner.kind {
            RequestErrorKind::Timeout { written, .. } | RequestErrorKind::ConnectionLost { written, .. } => {
                *written
            }
            RequestErrorKind::Database(body) => leaves_open(&body.error),
            RequestErrorKind::EngineLost => true,
            _ => false,
        };
        last || self.inner.attempts.iter().any(|attempt| match &attempt.error {
            AttemptError::Database(body) => leaves_open(&body.error),
            AttemptError::ConnectionLost { written, .. } => *written,
            _ => false,
        })
    }
}

/// Whether an error of the server leaves open if a write took effect.
fn leaves_open(error: &DbError) -> bool {
    matches!(
        error,
        DbError::ServerError
            | DbError::WriteTimeout { .. }
            | DbError::WriteFailure { .. }
            | DbError::CasWriteUnknown { .. }
            | DbError::TruncateError
            | DbError::CdcWriteFailure
            | DbError::ClientWriteFailure
            | DbError::Other { .. }
    )
}

/// An error of the server in one line: its name, its code, its words.
fn describe(f: &mut fmt::Formatter<'_>, body: &ErrorBody) -> fmt::Result {
    write!(f, "{} (code {:#06x})", body.message, body.code)
}

impl From<RequestErrorKind> for RequestError {
    fn from(kind: RequestErrorKind) -> Self {
        Self::new(kind, Vec::new())
    }
}

impl std::error::Error for RequestError {}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner.kind)?;
        let earlier = &self.inner.attempts;
        if !earlier.is_empty() {
            write!(f, " (attempts: ")?;
            for (index, attempt) in earlier.iter().enumerate() {
                let separator = if index == 0 { "" } else { "; " };
                write!(f, "{separator}{}: {}", attempt.host, attempt.error)?;
            }
            write!(f, ")")?;
        }
        Ok(())
    }
}

impl fmt::Display for RequestErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(body) => describe(f, body),
            Self::Timeout { after, written, in_flight } => write!(
                f,
                "no answer in time (timeout={}s, in_flight={in_flight}); the request was {}",
                after.as_secs_f64(),
                if *written { "sent, so a write may have been applied" } else { "not sent" },
            ),
            Self::ConnectionLost { reason, written } => write!(
                f,
                "the connection was lost: {reason}; the request was {}",
                if *written { "sent, so a write may have been applied" } else { "not sent" },
            ),
            Self::NoHostAvailable => write!(f, "no host could take the request"),
            Self::Overloaded { queued } => {
                write!(f, "the driver is overloaded: {queued} requests are queued")
            }
            Self::PreparedIdChanged { cql } => write!(
                f,
                "the server prepared `{cql}` again under another id: its keyspace or schema changed; prepare it again"
            ),
            Self::MarkerChanged { cql, marker, was, is } => {
                write!(
                    f,
                    "the server prepared `{cql}` again: its marker \"{marker}\" was of type {was}, and "
                )?;
                match is {
                    Some(is) => write!(f, "is of type {is} now")?,
                    None => write!(f, "is not there any more")?,
                }
                write!(f, "; prepare it again and bind values of that type")
            }
            Self::UnknownPrepared { id } => {
                write!(f, "the server does not know the prepared statement ")?;
                id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Protocol(what) => write!(f, "the server's answer could not be understood: {what}"),
            Self::TooLarge { size, limit } => {
                write!(f, "the request has {size} bytes and a frame may have {limit}")
            }
            Self::SessionClosed => write!(f, "the session was shut down"),
            Self::EngineLost => write!(f, "the reactor that held the request ended"),
        }
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(body) => describe(f, body),
            Self::ConnectionLost { reason, .. } => write!(f, "connection lost: {reason}"),
            Self::NotConnected => write!(f, "not connected"),
            Self::Busy => write!(f, "all connections are full"),
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer => write!(f, "the peer closed it"),
            Self::Io(kind) => write!(f, "{kind}"),
            Self::Tls(problem) => write!(f, "TLS: {problem}"),
            Self::Heartbeat => write!(f, "the peer did not answer a heartbeat"),
            Self::Orphans => write!(f, "too many unanswered requests"),
            Self::Protocol(what) => write!(f, "protocol violation: {what}"),
            Self::Shutdown => write!(f, "it was shut down"),
            Self::Lost => write!(f, "its actor ended"),
        }
    }
}

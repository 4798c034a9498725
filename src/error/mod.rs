//! The one error of the crate.

mod attempt;
mod cause;
mod kind;

use std::fmt;
use std::sync::Arc;

use chorus_actors::config::ConfigError;
use chorus_actors::{
    Attempt as RequestAttempt, AttemptError, ConnectAttempt, ConnectError, ControlError, Effort,
    RequestError, RequestErrorKind, TlsProblem, UseKeyspaceError,
};
use chorus_protocol::response::{DbError, ErrorBody};
use chorus_protocol::{DecodeError, EncodeError, ValueError};

pub use attempt::Attempt;
pub(crate) use attempt::Attempts;
pub(crate) use cause::Cause;
pub use cause::{ConfigProblem, ResultProblem, UsageProblem};
pub use kind::ErrorKind;

/// Anything that went wrong.
///
/// One pointer wide and cheap to clone. [`kind`](Self::kind) says what to do about it, [`db`](Self::db) has the server's
/// own words, [`attempts`](Self::attempts) which hosts were tried before. `Display` is one line about this error alone;
/// its cause is in [`source`](std::error::Error::source).
///
/// ```
/// fn is_worth_another_try(error: &chorus::Error) -> bool {
///     (error.is_timeout() || error.is_overloaded()) && !error.may_have_been_applied()
/// }
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    cause: Cause,
    /// The place in the input of `execute_concurrent` and of bulk inserts.
    index: Option<u64>,
}

impl Error {
    #[cold]
    pub(crate) fn new(cause: Cause) -> Self {
        Self(Arc::new(Inner { cause, index: None }))
    }

    /// The same error, knowing which of many inputs it belongs to. An index already known stays.
    #[cold]
    pub(crate) fn at(self, index: u64) -> Self {
        if self.0.index.is_some() {
            return self;
        }
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self(Arc::new(Inner { index: Some(index), ..inner })),
            Err(shared) => Self(Arc::new(Inner { cause: Cause::Shared(Self(shared)), index: Some(index) })),
        }
    }

    /// What happened in the end, wherever: what questions about the error are answered by.
    fn cause(&self) -> &Cause {
        match &self.0.cause {
            Cause::Shared(error) => error.cause(),
            Cause::Scan(failure) => failure.error.cause(),
            cause => cause,
        }
    }

    /// The same as it was met on the outside: what is shown.
    fn outermost(&self) -> &Cause {
        match &self.0.cause {
            Cause::Shared(error) => error.outermost(),
            cause => cause,
        }
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// What the server said, when the failure is the server's answer: a code, a message and typed details.
    pub fn db(&self) -> Option<&ErrorBody> {
        match self.cause() {
            Cause::Connect(error) => error.db(),
            Cause::Request(error) => match error.kind() {
                RequestErrorKind::Database(body) => Some(body),
                _ => None,
            },
            _ => None,
        }
    }

    /// The hosts that were tried and what happened at each, oldest first. Includes the last one only when the failure is
    /// not that host's own answer.
    pub fn attempts(&self) -> impl ExactSizeIterator<Item = Attempt<'_>> {
        self.attempts_made()
    }

    pub(crate) fn attempts_made(&self) -> Attempts<'_> {
        let (connect, request): (&[ConnectAttempt], &[RequestAttempt]) = match self.cause() {
            Cause::Connect(error) => (error.attempts(), &[]),
            Cause::Request(error) => (&[], error.attempts()),
            _ => (&[], &[]),
        };
        Attempts { connect: connect.iter(), request: request.iter() }
    }

    /// What the engine did for a request that failed.
    pub(crate) fn effort(&self) -> Option<Effort> {
        match self.cause() {
            Cause::Request(error) => Some(error.effort()),
            _ => None,
        }
    }

    /// Why no connection could be secured, when it is that; of several hosts, at the first where it was.
    pub fn tls(&self) -> Option<&TlsProblem> {
        match self.cause() {
            Cause::Connect(error) => error.tls(),
            _ => None,
        }
    }

    /// What a server said last: its answer to this request, or to the last attempt when no other host could take it.
    fn last_answer(&self) -> Option<&DbError> {
        let body = match (self.db(), self.cause()) {
            (Some(body), _) => Some(body),
            (None, Cause::Request(error)) => match error.attempts().last().map(|attempt| &attempt.error) {
                Some(AttemptError::Database(body)) => Some(body),
                _ => None,
            },
            _ => None,
        };
        body.map(|body| &body.error)
    }

    /// The place of the failed item in the input of [`execute_concurrent`](crate::Session::execute_concurrent) or of a
    /// bulk insert, from zero.
    pub fn index(&self) -> Option<u64> {
        self.0.index
    }

    /// The text of the statement whose values do not fit.
    pub fn statement(&self) -> Option<&str> {
        match self.cause() {
            Cause::Values(_, statement) => statement.as_deref(),
            _ => None,
        }
    }

    /// The column whose value is at fault, by position and name, when a value could not be written or read.
    pub fn column(&self) -> Option<(usize, &str)> {
        match self.cause() {
            Cause::Values(error, _) | Cause::Rows(error) => error.column(),
            #[cfg(feature = "encryption")]
            Cause::Encryption { position, column, .. } => Some((*position, column)),
            _ => None,
        }
    }
}

/// Questions that callers ask.
impl Error {
    /// Whether a prepared statement was refused because its text means something else by now. Nothing was written then.
    pub(crate) fn is_of_outdated_statement(&self) -> bool {
        self.cause().is_of_outdated_statement()
    }

    /// Whether time ran out, here or among the replicas.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
            || matches!(
                self.last_answer(),
                Some(
                    DbError::ReadTimeout { .. }
                        | DbError::WriteTimeout { .. }
                        | DbError::CasWriteUnknown { .. }
                )
            )
    }

    /// Whether the driver or the server has too much to do; slowing down helps.
    pub fn is_overloaded(&self) -> bool {
        self.kind() == ErrorKind::Overloaded
            || matches!(self.last_answer(), Some(DbError::Overloaded | DbError::RateLimitReached { .. }))
    }

    /// Whether too few replicas were alive to try.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.last_answer(), Some(DbError::Unavailable { .. }))
    }

    /// Whether the statement itself is wrong (syntax, unknown names, types, values), so that trying again is useless.
    pub fn is_invalid_statement(&self) -> bool {
        matches!(self.kind(), ErrorKind::Values | ErrorKind::Usage)
            || matches!(
                self.last_answer(),
                Some(
                    DbError::SyntaxError
                        | DbError::Invalid
                        | DbError::ConfigError
                        | DbError::AlreadyExists { .. }
                )
            )
    }

    /// Whether a keyspace or table was to be created that exists already.
    pub fn is_already_exists(&self) -> bool {
        matches!(self.last_answer(), Some(DbError::AlreadyExists { .. }))
    }

    /// Whether the request, although it failed here, may have taken effect on the server: its bytes were sent and no
    /// answer denies it. False means that it certainly did not.
    pub fn may_have_been_applied(&self) -> bool {
        match self.cause() {
            Cause::Request(error) => error.may_have_been_applied(),
            // There was an answer, and nobody knows what it said.
            Cause::Decode(_) | Cause::Rows(_) => true,
            Cause::Result(problem) => problem.is_of_the_answer(),
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.0.index {
            write!(f, "item {index}: ")?;
        }
        self.outermost().fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.kind()).field("message", &self.to_string());
        if self.attempts().len() > 0 {
            debug.field("attempts", &self.attempts().map(|attempt| attempt.to_string()).collect::<Vec<_>>());
        }
        if let Some(source) = std::error::Error::source(self) {
            debug.field("source", &source);
        }
        debug.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.outermost().source()
    }
}

impl From<RequestError> for Error {
    #[cold]
    fn from(error: RequestError) -> Self {
        Self::new(Cause::Request(error))
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::new(Cause::Connect(error))
    }
}

impl From<ControlError> for Error {
    fn from(error: ControlError) -> Self {
        Self::new(Cause::Control(error))
    }
}

impl From<UseKeyspaceError> for Error {
    fn from(error: UseKeyspaceError) -> Self {
        Self::new(Cause::Keyspace(error))
    }
}

impl From<ConfigProblem> for Error {
    fn from(problem: ConfigProblem) -> Self {
        Self::new(Cause::Config(problem))
    }
}

#[cfg(feature = "cloud")]
impl From<crate::cloud::BundleProblem> for Error {
    fn from(problem: crate::cloud::BundleProblem) -> Self {
        Self::new(Cause::Bundle(problem))
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        ConfigProblem::from(error).into()
    }
}

impl From<ResultProblem> for Error {
    #[cold]
    fn from(problem: ResultProblem) -> Self {
        Self::new(Cause::Result(problem))
    }
}

impl From<UsageProblem> for Error {
    #[cold]
    fn from(problem: UsageProblem) -> Self {
        Self::new(Cause::Usage(problem))
    }
}

impl From<EncodeError> for Error {
    #[cold]
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::Value(error) => Self::new(Cause::Values(error, None)),
            error => Self::new(Cause::Encode(error)),
        }
    }
}

impl From<DecodeError> for Error {
    #[cold]
    fn from(error: DecodeError) -> Self {
        Self::new(Cause::Decode(error))
    }
}

impl Error {
    /// A bind value that cannot be written.
    #[cold]
    pub(crate) fn values(error: ValueError, statement: &Arc<str>) -> Self {
        Self::new(Cause::Values(error, Some(Arc::clone(statement))))
    }

    /// A cell that cannot be read.
    #[cold]
    pub(crate) fn rows(error: ValueError) -> Self {
        Self::new(Cause::Rows(error))
    }
}

//! What happened at each host.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use chorus_actors::{Attempt as RequestAttempt, AttemptError, ConnectAttempt};
use chorus_protocol::response::ErrorBody;
use chorus_topology::Endpoint;

/// One host that was tried, and how that ended. `Display` is `address: reason`.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a>(Stage<'a>);

#[derive(Clone, Copy, Debug)]
enum Stage<'a> {
    Connect(&'a ConnectAttempt),
    Request(&'a RequestAttempt),
}

impl<'a> Attempt<'a> {
    /// The host's address; `None` for a name that could not be resolved, and for a host that is reached otherwise than by
    /// its address.
    pub fn host(&self) -> Option<SocketAddr> {
        match self.0 {
            Stage::Connect(attempt) => attempt.endpoint.as_ref()?.address(),
            Stage::Request(attempt) => Some(attempt.host),
        }
    }

    /// How the host was to be reached, when that is what failed.
    pub fn endpoint(&self) -> Option<&'a Endpoint> {
        match self.0 {
            Stage::Connect(attempt) => attempt.endpoint.as_ref(),
            Stage::Request(_) => None,
        }
    }

    /// When that was known, counted from when the engine took the request; `None` for an attempt to connect.
    pub fn after(&self) -> Option<Duration> {
        self.of_request().map(|(_, after)| after)
    }

    /// The attempt at a request that it is.
    pub(crate) fn of_request(&self) -> Option<(&'a RequestAttempt, Duration)> {
        match self.0 {
            Stage::Connect(_) => None,
            Stage::Request(attempt) => Some((attempt, attempt.after)),
        }
    }

    /// What the host said, when it was the host that refused.
    pub fn db(&self) -> Option<&'a ErrorBody> {
        match self.0 {
            Stage::Connect(attempt) => attempt.error.db(),
            Stage::Request(attempt) => match &attempt.error {
                AttemptError::Database(body) => Some(body),
                _ => None,
            },
        }
    }
}

impl fmt::Display for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Stage::Connect(attempt) => attempt.fmt(f),
            Stage::Request(attempt) => write!(f, "{}: {}", attempt.host, attempt.error),
        }
    }
}

/// The attempts of an error, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct Attempts<'a> {
    pub(super) connect: std::slice::Iter<'a, ConnectAttempt>,
    pub(super) request: std::slice::Iter<'a, RequestAttempt>,
}

impl<'a> Attempts<'a> {
    /// Those of a request.
    pub(crate) fn of_request(attempts: &'a [RequestAttempt]) -> Self {
        Self { connect: [].iter(), request: attempts.iter() }
    }
}

impl<'a> Iterator for Attempts<'a> {
    type Item = Attempt<'a>;

    fn next(&mut self) -> Option<Attempt<'a>> {
        let connect = self.connect.next().map(Stage::Connect);
        connect.or_else(|| self.request.next().map(Stage::Request)).map(Attempt)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let length = self.connect.len() + self.request.len();
        (length, Some(length))
    }
}

impl ExactSizeIterator for Attempts<'_> {}

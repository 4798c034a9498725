//! Why a connection, or the whole session, did not come about.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chorus_protocol::{Compression, DbError, ErrorBody, ProtocolVersion};
use chorus_topology::Endpoint;
use thiserror::Error;

use super::banner::Banner;
use super::tls_problem::TlsProblem;
use crate::config::ConfigError;

/// Why connecting failed: for one address, or, as [`ConnectError::NoHostAvailable`], for all of them.
///
/// Cheap to clone, because the same failure is told to whoever waits and kept as the host's last error.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The configuration contradicts itself; nothing was tried.
    #[error("the configuration cannot work: {0}")]
    Config(#[from] ConfigError),
    /// A reactor cannot run where it should: there is no runtime around the call, or no thread to be had.
    #[error("a reactor could not be started: {0}")]
    Reactor(Arc<std::io::Error>),
    /// None of the addresses led to a usable cluster.
    #[error("{}", NoHost(.attempts))]
    NoHostAvailable {
        /// What was tried, in order, and how each ended.
        attempts: Arc<[ConnectAttempt]>,
    },
    /// A contact point's name could not be resolved.
    #[error("cannot resolve {name}: {reason}")]
    Resolve {
        /// The contact point.
        name: Arc<str>,
        /// What the resolver said.
        reason: Arc<str>,
    },
    /// The operating system refused or broke the connection.
    #[error("{during}: {source}")]
    Io {
        /// What was being done.
        during: Phase,
        /// The system's error.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The peer did not get the connection ready in time.
    #[error("no connection within {limit:?}: {during}")]
    Timeout {
        /// What was being waited for.
        during: Phase,
        /// The whole time allowed.
        limit: Duration,
    },
    /// The peer closed the connection.
    #[error("the server closed the connection: {during}{}", Perhaps(*.during))]
    Closed {
        /// What was being waited for.
        during: Phase,
    },
    /// Something listens there, but it does not speak CQL.
    #[error("{0}")]
    NotCql(Banner),
    /// The connection could not be secured, or must not be trusted.
    #[error("no TLS connection: {0}")]
    Tls(#[from] TlsProblem),
    /// The server speaks none of the versions we may use.
    #[error("the server does not support protocol {offered}: {message}")]
    UnsupportedVersion {
        /// The last version offered.
        offered: ProtocolVersion,
        /// What the server said.
        message: Arc<str>,
        /// The version in the header of the server's answer, a hint at what it supports.
        answered_in: u8,
    },
    /// The peer broke the protocol during the handshake.
    #[error("the server broke the protocol: {during}: {message}")]
    Protocol {
        /// What was being waited for.
        during: Phase,
        /// What was wrong with the answer.
        message: Arc<str>,
    },
    /// The compression asked for by name is not offered by the server.
    #[error("the server does not offer {wanted:?} compression, it offers: {offered}")]
    Compression {
        /// What was asked for.
        wanted: Compression,
        /// What SUPPORTED listed.
        offered: Arc<str>,
    },
    /// The server asks who we are and nobody said.
    #[error("the server wants credentials ({authenticator}) and none were given")]
    CredentialsMissing {
        /// The server's authenticator class.
        authenticator: Arc<str>,
    },
    /// The authenticator is not one the credentials may be sent to; nothing secret was sent.
    #[error("credentials are not sent to the authenticator {authenticator}, it is not on the allow-list")]
    AuthenticatorNotAllowed {
        /// The server's authenticator class.
        authenticator: Arc<str>,
    },
    /// The server refused the credentials.
    #[error("authentication failed: {message}")]
    BadCredentials {
        /// What the server said.
        message: Arc<str>,
    },
    /// The server kept asking.
    #[error("authentication did not end after {rounds} challenges")]
    TooManyChallenges {
        /// Challenges answered.
        rounds: u8,
    },
    /// The default keyspace cannot be used.
    #[error("cannot use keyspace {keyspace:?}: {}", .error.message)]
    Keyspace {
        /// The keyspace asked for.
        keyspace: Arc<str>,
        /// What the server said.
        error: Arc<ErrorBody>,
    },
    /// The server answered the handshake with an error, for example because it is starting.
    #[error("the server refused the connection: {}", .0.message)]
    Server(Arc<ErrorBody>),
    /// The cluster's own description of itself is unusable.
    #[error("the cluster's system tables are unusable: {reason}")]
    Metadata {
        /// What is missing or wrong.
        reason: Arc<str>,
    },
    /// The session was shut down meanwhile.
    #[error("the session was shut down")]
    ShutDown,
}

impl ConnectError {
    /// Whether trying again can only help after somebody changed credentials, configuration or the server.
    ///
    /// Such failures are retried slowly, so that a wrong password does not lock its account.
    pub fn is_authentication(&self) -> bool {
        match self {
            Self::CredentialsMissing { .. }
            | Self::AuthenticatorNotAllowed { .. }
            | Self::BadCredentials { .. }
            | Self::TooManyChallenges { .. } => true,
            Self::NoHostAvailable { attempts } => {
                !attempts.is_empty() && attempts.iter().all(|attempt| attempt.error.is_authentication())
            }
            _ => false,
        }
    }

    /// The value of the `result` label of metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::ConnectionRefused => "refused",
            Self::Io { .. } | Self::Closed { .. } | Self::Resolve { .. } => "io",
            Self::Timeout { .. } => "timeout",
            Self::Tls(_) => "tls",
            Self::NotCql(_)
            | Self::UnsupportedVersion { .. }
            | Self::Protocol { .. }
            | Self::Compression { .. }
            | Self::Metadata { .. } => "protocol",
            error if error.is_authentication() => "auth",
            Self::Server(_) | Self::Keyspace { .. } => "server",
            _ => "other",
        }
    }

    /// Whether the peer is something that will never be a CQL server of ours, however often it is asked.
    pub fn is_mismatch(&self) -> bool {
        matches!(
            self,
            Self::NotCql(_)
                | Self::Tls(_)
                | Self::UnsupportedVersion { .. }
                | Self::Compression { .. }
                | Self::Config(_)
        )
    }

    /// Whether no connection could be secured, at any host.
    pub fn is_tls(&self) -> bool {
        match self {
            Self::Tls(_) => true,
            Self::NoHostAvailable { attempts } => {
                !attempts.is_empty() && attempts.iter().all(|attempt| attempt.error.is_tls())
            }
            _ => false,
        }
    }

    /// Why TLS came to nothing, if that is it; of several hosts, at the first where it was.
    pub fn tls(&self) -> Option<&TlsProblem> {
        match self {
            Self::Tls(problem) => Some(problem),
            Self::NoHostAvailable { attempts } => attempts.iter().find_map(|attempt| attempt.error.tls()),
            _ => None,
        }
    }

    /// What the server said, where it was the server that refused.
    pub fn db(&self) -> Option<&ErrorBody> {
        match self {
            Self::Server(error) | Self::Keyspace { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Each address that was tried with its own error; empty unless all failed.
    pub fn attempts(&self) -> &[ConnectAttempt] {
        match self {
            Self::NoHostAvailable { attempts } => attempts,
            _ => &[],
        }
    }

    pub(crate) fn reactor(source: std::io::Error) -> Self {
        Self::Reactor(Arc::new(source))
    }

    pub(crate) fn io(during: Phase, source: std::io::Error) -> Self {
        Self::Io { during, source: Arc::new(source) }
    }

    pub(crate) fn protocol(during: Phase, message: impl Into<Arc<str>>) -> Self {
        Self::Protocol { during, message: message.into() }
    }

    /// The error for an ERROR answer that no step of the handshake has a better name for.
    pub(crate) fn server(error: ErrorBody) -> Self {
        match error.error {
            DbError::BadCredentials => Self::BadCredentials { message: error.message.into() },
            _ => Self::Server(Arc::new(error)),
        }
    }
}

/// One way that was tried, and how it ended.
#[derive(Debug, Clone)]
pub struct ConnectAttempt {
    /// The way; absent when a name could not be resolved to an address.
    pub endpoint: Option<Endpoint>,
    /// How it ended.
    pub error: ConnectError,
}

impl fmt::Display for ConnectAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Some(endpoint) => write!(f, "{endpoint}: {}", self.error),
            None => write!(f, "{}", self.error),
        }
    }
}

/// The text of [`ConnectError::NoHostAvailable`]: the first attempts in full, the rest as a number.
struct NoHost<'a>(&'a [ConnectAttempt]);

impl fmt::Display for NoHost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        if self.0.is_empty() {
            return f.write_str("no host to connect to");
        }
        f.write_str("no host is available: ")?;
        for (i, attempt) in self.0.iter().take(SHOWN).enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{attempt}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// What a connection was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Opening the TCP connection, or a socket of this machine.
    Tcp,
    /// Shaking hands over TLS.
    Tls,
    /// Waiting for SUPPORTED.
    Options,
    /// Waiting for READY or AUTHENTICATE.
    Startup,
    /// Waiting for the authenticator's answer.
    Authentication,
    /// Waiting for the keyspace to be set.
    Keyspace,
    /// Asking a host that served nobody before whether it does now.
    Probe,
    /// Telling the host the statements of the session.
    Statements,
    /// Registering for events.
    Register,
    /// Reading the system tables.
    Metadata,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "opening the TCP connection",
            Self::Tls => "shaking hands over TLS",
            Self::Options => "waiting for SUPPORTED",
            Self::Startup => "waiting for READY",
            Self::Authentication => "waiting for the authenticator",
            Self::Keyspace => "waiting for the keyspace to be set",
            Self::Probe => "asking whether it serves again",
            Self::Statements => "preparing the statements of the session",
            Self::Register => "registering for events",
            Self::Metadata => "reading the system tables",
        })
    }
}

/// What a server may have missed that closes without a word.
struct Perhaps(Phase);

impl fmt::Display for Perhaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Phase::Tls => " (perhaps it does not speak TLS on this port)",
            Phase::Options => " (perhaps it wants TLS, or a client certificate)",
            _ => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(port: u16) -> ConnectAttempt {
        ConnectAttempt {
            endpoint: Some(std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()),
            error: ConnectError::io(Phase::Tcp, std::io::ErrorKind::ConnectionRefused.into()),
        }
    }

    #[test]
    fn all_attempts_are_told_but_only_a_few_in_full() {
        let error = ConnectError::NoHostAvailable { attempts: (1..=7).map(refused).collect() };
        let text = error.to_string();
        assert!(
            text.starts_with(
                "no host is available: 127.0.0.1:1: opening the TCP connection: connection refused"
            ),
            "{text}"
        );
        assert!(text.ends_with("; and 2 more"), "{text}");
        assert_eq!(error.attempts().len(), 7);
    }

    #[test]
    fn a_failure_of_all_hosts_is_about_credentials_only_when_every_one_is() {
        let bad =
            ConnectAttempt { endpoint: None, error: ConnectError::BadCredentials { message: "no".into() } };
        let all = ConnectError::NoHostAvailable { attempts: Arc::from([bad.clone(), bad.clone()]) };
        assert!(all.is_authentication());
        let some = ConnectError::NoHostAvailable { attempts: Arc::from([bad, refused(9)]) };
        assert!(!some.is_authentication());
    }
}

//! Who we are to a server that asks.
//!
//! An [`AuthProvider`] is asked once for each connection whose server wants to know, and makes an [`Authenticator`] for the
//! conversation. [`Credentials`] is the provider for a user and a password; [`SaslProvider`] one for any other mechanism.
//! Conversations are part of the handshake: they end with it, at the latest with the connect timeout, and whatever goes
//! wrong is an error of that one connection.

mod plain;
mod sasl;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::zeroize::Zeroizing;
use thiserror::Error;

pub use plain::{Credentials, KNOWN_AUTHENTICATORS};
pub use sasl::{SaslMechanism, SaslProvider};

/// A server that keeps asking is given up after this many challenges.
pub const MAX_CHALLENGES: u8 = 8;

/// What is said to an authenticator. It may be a secret, so it is wiped from memory when it has been sent.
pub type Token = Zeroizing<Vec<u8>>;

/// Says who we are, to each connection anew. Shared by all connections of a session.
pub trait AuthProvider: fmt::Debug + Send + Sync {
    /// Starts a conversation with the authenticator of a server. Called when the server asks, on a reactor: it must not block.
    ///
    /// # Errors
    ///
    /// When this server must not be told, or there is nothing to tell. Nothing is sent then, and the connection fails.
    fn authenticator(&self, server: &AuthServer<'_>) -> Result<Box<dyn Authenticator>, AuthError>;

    /// Whether whoever reads along what is sent could pose as us afterwards. If so, and if it would leave this machine in the
    /// clear, a warning is logged, once for each session. Defaults to true.
    fn tells_secrets(&self) -> bool {
        true
    }

    /// Whether conversations may take a while, as asking a ticket server does. Their steps are then taken on threads of their
    /// own. Defaults to false.
    fn may_block(&self) -> bool {
        false
    }
}

/// One conversation. After [`MAX_CHALLENGES`] challenges the connection is given up.
pub trait Authenticator: Send {
    /// What is said first. `None` says nothing, in an empty message.
    ///
    /// # Errors
    ///
    /// When there is nothing to say; the connection fails.
    fn initial_response(&mut self) -> Result<Option<Token>, AuthError>;

    /// What answers a challenge. `None` answers with an empty message.
    ///
    /// # Errors
    ///
    /// When the challenge makes no sense, or the server must not be trusted; the connection fails.
    fn evaluate_challenge(&mut self, challenge: &[u8]) -> Result<Option<Token>, AuthError>;

    /// The server is content. `token` is its last word, if it has one.
    ///
    /// # Errors
    ///
    /// When the server did not prove what it had to; the connection fails. Defaults to taking its word.
    fn on_success(&mut self, token: Option<&[u8]>) -> Result<(), AuthError> {
        let _ = token;
        Ok(())
    }
}

/// A server that asks who we are.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct AuthServer<'a> {
    /// Where it is: the address that the connection leads to.
    pub address: SocketAddr,
    /// The class name of its authenticator, as it gives it.
    pub authenticator: &'a str,
    /// Whether nobody but the server can read along.
    pub encrypted: bool,
}

impl<'a> AuthServer<'a> {
    /// A server that asks by the authenticator of this class.
    pub fn new(address: SocketAddr, authenticator: &'a str, encrypted: bool) -> Self {
        Self { address, authenticator, encrypted }
    }
}

/// Why a conversation came to nothing on our side.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The server's authenticator is not one that may be told.
    #[error("it is not on the allow-list")]
    NotAllowed,
    /// It cannot go on.
    #[error("{0}")]
    Failed(Arc<str>),
}

impl AuthError {
    /// It cannot go on, for this reason. The reason shows in logs: nothing secret must be in it.
    pub fn failed(reason: impl Into<Arc<str>>) -> Self {
        Self::Failed(reason.into())
    }
}

/// A provider shared with others is a provider.
impl<T: AuthProvider + ?Sized> AuthProvider for Arc<T> {
    fn authenticator(&self, server: &AuthServer<'_>) -> Result<Box<dyn Authenticator>, AuthError> {
        (**self).authenticator(server)
    }

    fn tells_secrets(&self) -> bool {
        (**self).tells_secrets()
    }

    fn may_block(&self) -> bool {
        (**self).may_block()
    }
}

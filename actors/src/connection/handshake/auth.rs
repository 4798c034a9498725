//! PLAIN authentication: who may see the password, how often, and what is answered to a challenge.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::{ExposeSecret, SecretString};

use super::error::ConnectError;

/// Authenticator classes that take a user name and a password, of Apache Cassandra, ScyllaDB and DSE.
pub const KNOWN_AUTHENTICATORS: [&str; 6] = [
    "org.apache.cassandra.auth.PasswordAuthenticator",
    "org.apache.cassandra.auth.MutualTlsWithPasswordFallbackAuthenticator",
    "com.scylladb.auth.TransitionalAuthenticator",
    "com.scylladb.auth.SaslauthdAuthenticator",
    "com.datastax.bdp.cassandra.auth.DseAuthenticator",
    "com.datastax.bdp.cassandra.auth.TransitionalAuthenticator",
];

/// DSE negotiates the mechanism before it takes the token.
const NEGOTIATING_AUTHENTICATOR: &str = "com.datastax.bdp.cassandra.auth.DseAuthenticator";

/// A server that keeps asking is given up after this many challenges.
pub const MAX_CHALLENGES: u8 = 8;

/// A user name and a password, and the authenticators that may be told.
#[derive(Clone)]
pub struct Credentials {
    username: String,
    password: SecretString,
    allowed: Arc<BTreeSet<String>>,
    /// Set once somebody was told that the password travels in the clear.
    warned: Arc<AtomicBool>,
}

impl Credentials {
    /// Credentials for the authenticators in [`KNOWN_AUTHENTICATORS`].
    pub fn new(username: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
            allowed: Arc::new(KNOWN_AUTHENTICATORS.iter().map(ToString::to_string).collect()),
            warned: Arc::default(),
        }
    }

    /// Also sends the credentials to `authenticator`, a fully qualified class name as the server gives it.
    #[must_use]
    pub fn allow_authenticator(mut self, authenticator: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.allowed).insert(authenticator.into());
        self
    }

    /// The user name.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Whether the warning about a password in the clear is still to be given; it is given once.
    pub(super) fn take_warning(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }

    /// Starts a conversation with the server's authenticator.
    pub(super) fn authenticate(&self, authenticator: &str) -> Result<Conversation, ConnectError> {
        if !self.allowed.contains(authenticator) {
            return Err(ConnectError::AuthenticatorNotAllowed { authenticator: authenticator.into() });
        }
        Ok(Conversation {
            credentials: self.clone(),
            mechanism_pending: authenticator == NEGOTIATING_AUTHENTICATOR,
            challenges: 0,
        })
    }

    /// The PLAIN token: NUL, user, NUL, password.
    fn token(&self) -> Vec<u8> {
        let password = self.password.expose_secret();
        let mut token = Vec::with_capacity(2 + self.username.len() + password.len());
        token.push(0);
        token.extend_from_slice(self.username.as_bytes());
        token.push(0);
        token.extend_from_slice(password.as_bytes());
        token
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("password", &"***")
            .finish_non_exhaustive()
    }
}

/// One connection's conversation with an authenticator. The password is said at most once in it.
pub(super) struct Conversation {
    credentials: Credentials,
    mechanism_pending: bool,
    challenges: u8,
}

impl Conversation {
    /// The token of the first AUTH_RESPONSE.
    pub(super) fn initial_response(&mut self) -> Vec<u8> {
        if self.mechanism_pending {
            return b"PLAIN".to_vec();
        }
        self.credentials.token()
    }

    /// The token that answers a challenge.
    pub(super) fn on_challenge(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ConnectError> {
        self.challenges += 1;
        if self.challenges > MAX_CHALLENGES {
            return Err(ConnectError::TooManyChallenges { rounds: MAX_CHALLENGES });
        }
        if self.mechanism_pending {
            if challenge != b"PLAIN-START" {
                return Err(ConnectError::BadCredentials {
                    message: "the authenticator does not accept a user name and a password".into(),
                });
            }
            self.mechanism_pending = false;
            return Ok(self.credentials.token());
        }
        // PLAIN has nothing further to say, and a password is never repeated.
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials::new("käthe", "s3cret")
    }

    #[test]
    fn the_token_is_nul_user_nul_password() {
        let mut conversation =
            credentials().authenticate("org.apache.cassandra.auth.PasswordAuthenticator").unwrap();
        assert_eq!(conversation.initial_response(), "\0käthe\0s3cret".as_bytes());
    }

    #[test]
    fn a_stranger_is_told_nothing() {
        let error = credentials().authenticate("org.example.PasswordAuthenticator").err().unwrap();
        assert!(matches!(error, ConnectError::AuthenticatorNotAllowed { .. }));
        assert!(error.is_authentication());
    }

    #[test]
    fn a_stranger_on_the_allow_list_is_told() {
        let credentials = credentials().allow_authenticator("org.example.Auth");
        assert!(credentials.authenticate("org.example.Auth").is_ok());
    }

    #[test]
    fn endless_challenges_end_after_eight_and_hear_the_password_once() {
        let mut conversation =
            credentials().authenticate("org.apache.cassandra.auth.PasswordAuthenticator").unwrap();
        conversation.initial_response();
        for _ in 0..MAX_CHALLENGES {
            assert_eq!(conversation.on_challenge(b"again").unwrap(), b"");
        }
        assert!(matches!(
            conversation.on_challenge(b"again"),
            Err(ConnectError::TooManyChallenges { rounds: 8 })
        ));
    }

    #[test]
    fn dse_hears_the_password_only_after_choosing_plain() {
        let start = || credentials().authenticate(NEGOTIATING_AUTHENTICATOR).unwrap();
        let mut conversation = start();
        assert_eq!(conversation.initial_response(), b"PLAIN");
        assert_eq!(conversation.on_challenge(b"PLAIN-START").unwrap(), "\0käthe\0s3cret".as_bytes());

        let mut conversation = start();
        conversation.initial_response();
        assert!(conversation.on_challenge(b"GSSAPI-START").is_err());
    }

    #[test]
    fn a_password_in_the_clear_is_warned_about_once_whichever_connection_comes_first() {
        let credentials = credentials();
        let of_another_connection = credentials.clone();
        assert!(of_another_connection.take_warning());
        assert!(!credentials.take_warning());
    }

    #[test]
    fn the_password_is_not_in_debug_output() {
        let text = format!("{:?}", credentials());
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("***"), "{text}");
    }
}

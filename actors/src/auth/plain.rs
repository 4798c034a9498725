//! A user name and a password: who may see them, and how often.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use super::sasl::negotiates;
use super::{AuthError, AuthProvider, AuthServer, Authenticator, Token};

/// Authenticator classes that take a user name and a password, of Apache Cassandra, ScyllaDB and DSE.
pub const KNOWN_AUTHENTICATORS: [&str; 6] = [
    "org.apache.cassandra.auth.PasswordAuthenticator",
    "org.apache.cassandra.auth.MutualTlsWithPasswordFallbackAuthenticator",
    "com.scylladb.auth.TransitionalAuthenticator",
    "com.scylladb.auth.SaslauthdAuthenticator",
    "com.datastax.bdp.cassandra.auth.DseAuthenticator",
    "com.datastax.bdp.cassandra.auth.TransitionalAuthenticator",
];

/// A user name and a password, and the authenticators that may be told.
#[derive(Clone)]
pub struct Credentials {
    username: String,
    password: SecretString,
    allowed: Arc<BTreeSet<String>>,
}

impl Credentials {
    /// Credentials for the authenticators in [`KNOWN_AUTHENTICATORS`].
    pub fn new(username: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
            allowed: Arc::new(KNOWN_AUTHENTICATORS.iter().map(ToString::to_string).collect()),
        }
    }

    /// An empty user name and an empty password, for servers that are being moved to authentication and let anybody in
    /// meanwhile. Logs a warning: once the move is over nobody gets in this way.
    pub fn transitional() -> Self {
        warn!("an empty user name and password are for servers in transition only; use credentials");
        Self::new("", String::new())
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

    /// The PLAIN token: NUL, user, NUL, password.
    fn token(&self) -> Token {
        let password = self.password.expose_secret();
        // As large as it will be: a vector that grows leaves copies behind.
        let mut token = Token::new(Vec::with_capacity(2 + self.username.len() + password.len()));
        token.push(0);
        token.extend_from_slice(self.username.as_bytes());
        token.push(0);
        token.extend_from_slice(password.as_bytes());
        token
    }
}

impl AuthProvider for Credentials {
    fn authenticator(&self, server: &AuthServer<'_>) -> Result<Box<dyn Authenticator>, AuthError> {
        if !self.allowed.contains(server.authenticator) {
            return Err(AuthError::NotAllowed);
        }
        let mechanism_pending = negotiates(server.authenticator);
        Ok(Box::new(Plain { credentials: self.clone(), mechanism_pending }))
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
struct Plain {
    credentials: Credentials,
    mechanism_pending: bool,
}

impl Authenticator for Plain {
    fn initial_response(&mut self) -> Result<Option<Token>, AuthError> {
        if self.mechanism_pending {
            return Ok(Some(Token::new(b"PLAIN".to_vec())));
        }
        Ok(Some(self.credentials.token()))
    }

    fn evaluate_challenge(&mut self, challenge: &[u8]) -> Result<Option<Token>, AuthError> {
        if self.mechanism_pending {
            if challenge != b"PLAIN-START" {
                return Err(AuthError::failed(
                    "the authenticator does not accept a user name and a password",
                ));
            }
            self.mechanism_pending = false;
            return Ok(Some(self.credentials.token()));
        }
        // PLAIN has nothing further to say, and a password is never repeated.
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DSE: &str = "com.datastax.bdp.cassandra.auth.DseAuthenticator";

    fn credentials() -> Credentials {
        Credentials::new("käthe", "s3cret")
    }

    fn converse(credentials: &Credentials, class: &str) -> Result<Box<dyn Authenticator>, AuthError> {
        credentials.authenticator(&AuthServer::new(([127, 0, 0, 1], 9042).into(), class, false))
    }

    fn said(token: Result<Option<Token>, AuthError>) -> Vec<u8> {
        token.unwrap().map(|token| token.to_vec()).unwrap_or_default()
    }

    #[test]
    fn the_token_is_nul_user_nul_password() {
        let mut conversation = converse(&credentials(), KNOWN_AUTHENTICATORS[0]).unwrap();
        assert_eq!(said(conversation.initial_response()), "\0käthe\0s3cret".as_bytes());
    }

    #[test]
    fn a_stranger_is_told_nothing() {
        for stranger in [
            "org.example.PasswordAuthenticator",
            "PasswordAuthenticator",
            "org.apache.cassandra.auth.passwordauthenticator",
            "org.apache.cassandra.auth.PasswordAuthenticator ",
            "",
        ] {
            assert_eq!(converse(&credentials(), stranger).err(), Some(AuthError::NotAllowed), "{stranger:?}");
        }
    }

    #[test]
    fn a_stranger_on_the_allow_list_is_told() {
        let credentials = credentials().allow_authenticator("org.example.Auth");
        assert!(converse(&credentials, "org.example.Auth").is_ok());
    }

    #[test]
    fn the_password_is_heard_once_however_often_a_server_asks() {
        let mut conversation = converse(&credentials(), KNOWN_AUTHENTICATORS[0]).unwrap();
        said(conversation.initial_response());
        for _ in 0..3 {
            assert_eq!(said(conversation.evaluate_challenge(b"again")), b"");
        }
    }

    #[test]
    fn dse_hears_the_password_only_after_choosing_plain() {
        let mut conversation = converse(&credentials(), DSE).unwrap();
        assert_eq!(said(conversation.initial_response()), b"PLAIN");
        let token = said(conversation.evaluate_challenge(b"PLAIN-START"));
        assert_eq!(token, "\0käthe\0s3cret".as_bytes());

        let mut conversation = converse(&credentials(), DSE).unwrap();
        said(conversation.initial_response());
        assert!(conversation.evaluate_challenge(b"GSSAPI-START").is_err());
    }

    #[test]
    fn a_server_in_transition_is_told_an_empty_user_and_password() {
        let class = "com.datastax.bdp.cassandra.auth.TransitionalAuthenticator";
        let mut conversation = converse(&Credentials::transitional(), class).unwrap();
        assert_eq!(said(conversation.initial_response()), b"\0\0");
    }

    #[test]
    fn the_password_is_not_in_debug_output() {
        let text = format!("{:?}", credentials());
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("***"), "{text}");
    }
}

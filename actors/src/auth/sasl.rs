//! Any mechanism of SASL: the seam for those that are not built in.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::{AuthError, AuthProvider, AuthServer, Authenticator, Token};

/// DSE negotiates the mechanism before it takes the first token.
const NEGOTIATING_AUTHENTICATOR: &str = "com.datastax.bdp.cassandra.auth.DseAuthenticator";

/// Whether an authenticator wants to hear the name of the mechanism first.
pub(super) fn negotiates(authenticator: &str) -> bool {
    authenticator == NEGOTIATING_AUTHENTICATOR
}

/// The client's side of one SASL exchange.
///
/// PLAIN is [`Credentials`](super::Credentials). For others a library of SASL or Kerberos is put behind this: its context is
/// the value, its step is [`step`](Self::step).
pub trait SaslMechanism: Send {
    /// The mechanism's registered name, such as `GSSAPI`.
    fn name(&self) -> &str;

    /// What is said next: first with no challenge, then to each of the server's. `None` says nothing, in an empty message.
    ///
    /// # Errors
    ///
    /// When the exchange cannot go on; the connection fails.
    fn step(&mut self, challenge: Option<&[u8]>) -> Result<Option<Token>, AuthError>;

    /// The server is content. `token` is its last word, if it has one.
    ///
    /// # Errors
    ///
    /// When the exchange is not over, or the server did not prove who it is; the connection fails.
    fn finish(&mut self, token: Option<&[u8]>) -> Result<(), AuthError>;
}

type Make = dyn Fn(&AuthServer<'_>) -> Result<Box<dyn SaslMechanism>, AuthError> + Send + Sync;

/// Authenticates by a mechanism of SASL, made anew for each connection.
#[derive(Clone)]
pub struct SaslProvider {
    make: Arc<Make>,
    allowed: Arc<BTreeSet<String>>,
    tells_secrets: bool,
    may_block: bool,
}

impl SaslProvider {
    /// `make` is given the server, whose address mechanisms may need, and makes one exchange. Only authenticators of the class
    /// names in `allowed` are spoken to: exactly as servers give them.
    pub fn new<A: Into<String>>(
        allowed: impl IntoIterator<Item = A>,
        make: impl Fn(&AuthServer<'_>) -> Result<Box<dyn SaslMechanism>, AuthError> + Send + Sync + 'static,
    ) -> Self {
        let allowed = Arc::new(allowed.into_iter().map(Into::into).collect());
        Self { make: Arc::new(make), allowed, tells_secrets: true, may_block: false }
    }

    /// Whether whoever reads along could pose as us afterwards, as with PLAIN and not with SCRAM or GSSAPI. Defaults to true.
    #[must_use]
    pub fn tells_secrets(mut self, tells: bool) -> Self {
        self.tells_secrets = tells;
        self
    }

    /// Whether steps may take a while, as asking a ticket server does; they are then taken on threads of their own. Defaults to
    /// false.
    #[must_use]
    pub fn may_block(mut self, may: bool) -> Self {
        self.may_block = may;
        self
    }
}

impl AuthProvider for SaslProvider {
    fn authenticator(&self, server: &AuthServer<'_>) -> Result<Box<dyn Authenticator>, AuthError> {
        if !self.allowed.contains(server.authenticator) {
            return Err(AuthError::NotAllowed);
        }
        let mechanism = (self.make)(server)?;
        let negotiating = negotiates(server.authenticator);
        Ok(Box::new(Exchange { mechanism, negotiating }))
    }

    fn tells_secrets(&self) -> bool {
        self.tells_secrets
    }

    fn may_block(&self) -> bool {
        self.may_block
    }
}

impl fmt::Debug for SaslProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslProvider").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

struct Exchange {
    mechanism: Box<dyn SaslMechanism>,
    /// The server has not chosen the mechanism yet.
    negotiating: bool,
}

impl Authenticator for Exchange {
    fn initial_response(&mut self) -> Result<Option<Token>, AuthError> {
        if self.negotiating {
            return Ok(Some(Token::new(self.mechanism.name().as_bytes().to_vec())));
        }
        self.mechanism.step(None)
    }

    fn evaluate_challenge(&mut self, challenge: &[u8]) -> Result<Option<Token>, AuthError> {
        if !self.negotiating {
            return self.mechanism.step(Some(challenge));
        }
        let name = self.mechanism.name();
        if challenge.strip_prefix(name.as_bytes()) != Some(b"-START") {
            return Err(AuthError::failed(format!("the authenticator does not accept the mechanism {name}")));
        }
        self.negotiating = false;
        self.mechanism.step(None)
    }

    fn on_success(&mut self, token: Option<&[u8]>) -> Result<(), AuthError> {
        self.mechanism.finish(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASS: &str = "org.example.SaslAuthenticator";

    /// Says how often it was asked, and wants `done` for a last word.
    struct Counting(u8);

    impl SaslMechanism for Counting {
        fn name(&self) -> &str {
            "GSSAPI"
        }

        fn step(&mut self, challenge: Option<&[u8]>) -> Result<Option<Token>, AuthError> {
            self.0 += 1;
            let mut said = vec![b'0' + self.0];
            said.extend_from_slice(challenge.unwrap_or(b"-"));
            Ok(Some(Token::new(said)))
        }

        fn finish(&mut self, token: Option<&[u8]>) -> Result<(), AuthError> {
            match token {
                Some(b"done") => Ok(()),
                _ => Err(AuthError::failed("the server did not say that it is done")),
            }
        }
    }

    fn provider() -> SaslProvider {
        SaslProvider::new([CLASS, NEGOTIATING_AUTHENTICATOR], |server| {
            assert_eq!(server.address.port(), 9042);
            Ok(Box::new(Counting(0)))
        })
    }

    fn converse(class: &str) -> Result<Box<dyn Authenticator>, AuthError> {
        provider().authenticator(&AuthServer::new(([127, 0, 0, 1], 9042).into(), class, true))
    }

    fn said(token: Result<Option<Token>, AuthError>) -> String {
        String::from_utf8(token.unwrap().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn an_exchange_goes_from_step_to_step_and_ends_with_the_servers_last_word() {
        let mut conversation = converse(CLASS).unwrap();
        assert_eq!(said(conversation.initial_response()), "1-");
        assert_eq!(said(conversation.evaluate_challenge(b"a")), "2a");
        assert!(conversation.on_success(None).is_err());
        assert!(conversation.on_success(Some(b"done")).is_ok());
        // Each connection has one of its own.
        assert_eq!(said(converse(CLASS).unwrap().initial_response()), "1-");
    }

    #[test]
    fn where_the_mechanism_is_negotiated_its_name_comes_first() {
        let mut conversation = converse(NEGOTIATING_AUTHENTICATOR).unwrap();
        assert_eq!(said(conversation.initial_response()), "GSSAPI");
        assert_eq!(said(conversation.evaluate_challenge(b"GSSAPI-START")), "1-");
        assert_eq!(said(conversation.evaluate_challenge(b"b")), "2b");
        let mut refused = converse(NEGOTIATING_AUTHENTICATOR).unwrap();
        refused.initial_response().unwrap();
        for challenge in [&b"PLAIN-START"[..], b"GSSAPI", b"GSSAPI-START2", b""] {
            assert!(refused.evaluate_challenge(challenge).is_err(), "{challenge:?}");
        }
    }

    #[test]
    fn nobody_but_those_on_the_list_is_spoken_to() {
        assert_eq!(
            converse("org.apache.cassandra.auth.PasswordAuthenticator").err(),
            Some(AuthError::NotAllowed)
        );
    }
}

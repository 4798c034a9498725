//! One connection's conversation with an authenticator: what it is asked next, and when it has been asked enough.

use bytes::Bytes;

use super::error::ConnectError;
use crate::auth::{AuthError, Authenticator, MAX_CHALLENGES, Token};

/// See the module documentation.
pub(super) struct Conversation {
    authenticator: Box<dyn Authenticator>,
    /// Its class name, for errors.
    class: String,
    challenges: u8,
    /// Answering may take a while.
    may_block: bool,
}

/// What the server said, for the authenticator to judge.
pub(super) enum Said {
    /// It asked who we are.
    Authenticate,
    /// It wants to know more.
    Challenge(Bytes),
    /// It is content.
    Success(Option<Bytes>),
}

impl Conversation {
    pub(super) fn new(authenticator: Box<dyn Authenticator>, class: &str, may_block: bool) -> Self {
        Self { authenticator, class: class.to_owned(), challenges: 0, may_block }
    }

    pub(super) fn may_block(&self) -> bool {
        self.may_block
    }

    /// What is answered; nothing once the server is content.
    pub(super) fn answer(&mut self, said: &Said) -> Result<Option<Token>, ConnectError> {
        let answer = match said {
            Said::Authenticate => self.authenticator.initial_response(),
            Said::Challenge(challenge) => {
                self.challenges += 1;
                if self.challenges > MAX_CHALLENGES {
                    return Err(ConnectError::TooManyChallenges { rounds: MAX_CHALLENGES });
                }
                self.authenticator.evaluate_challenge(challenge)
            }
            Said::Success(token) => {
                let content = self.authenticator.on_success(token.as_deref());
                return content.map(|()| None).map_err(|error| given_up(error, &self.class));
            }
        };
        // "None = empty token."
        let answer = answer.map_err(|error| given_up(error, &self.class))?;
        Ok(Some(answer.unwrap_or_default()))
    }
}

/// What it means for the connection that our side gives up.
pub(super) fn given_up(error: AuthError, authenticator: &str) -> ConnectError {
    match error {
        AuthError::NotAllowed => {
            ConnectError::AuthenticatorNotAllowed { authenticator: authenticator.into() }
        }
        AuthError::Failed(message) => ConnectError::BadCredentials { message },
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use chorus_protocol::response::Response;
    use chorus_protocol::{Opcode, ProtocolVersion};

    use super::super::connect::connect;
    use super::super::error::Phase;
    use super::super::options::{ConnectOptions, Versions};
    use super::super::test_peer::{Peer, cassandra, listen};
    use super::*;
    use crate::auth::{AuthProvider, AuthServer, Credentials};
    use crate::config::EngineConfig;

    fn options() -> ConnectOptions {
        let config = EngineConfig::new([SocketAddr::from(([127, 0, 0, 1], 9042))]);
        ConnectOptions {
            versions: Versions::Only(ProtocolVersion::V4),
            ..ConnectOptions::from_config(&config)
        }
    }

    struct Patient;

    impl Authenticator for Patient {
        fn initial_response(&mut self) -> Result<Option<Token>, AuthError> {
            Ok(None)
        }

        fn evaluate_challenge(&mut self, challenge: &[u8]) -> Result<Option<Token>, AuthError> {
            Ok(Some(Token::new(challenge.to_vec())))
        }

        fn on_success(&mut self, token: Option<&[u8]>) -> Result<(), AuthError> {
            token.map(drop).ok_or(AuthError::failed("no proof"))
        }
    }

    #[test]
    fn endless_challenges_end_after_eight() {
        let mut conversation = Conversation::new(Box::new(Patient), "x", false);
        assert_eq!(*conversation.answer(&Said::Authenticate).unwrap().unwrap(), b"");
        for _ in 0..MAX_CHALLENGES {
            let answer = conversation.answer(&Said::Challenge(Bytes::from_static(b"again"))).unwrap();
            assert_eq!(*answer.unwrap(), b"again");
        }
        let last = conversation.answer(&Said::Challenge(Bytes::from_static(b"again")));
        assert!(matches!(last, Err(ConnectError::TooManyChallenges { rounds: 8 })));
    }

    #[test]
    fn a_server_that_does_not_prove_itself_is_an_authentication_error() {
        let mut conversation = Conversation::new(Box::new(Patient), "x", false);
        assert!(conversation.answer(&Said::Success(Some(Bytes::new()))).unwrap().is_none());
        let error = conversation.answer(&Said::Success(None)).unwrap_err();
        assert!(error.is_authentication(), "{error}");
    }

    /// Says what it was asked, after a while.
    #[derive(Debug)]
    struct Slow {
        takes: Duration,
        panics: bool,
    }

    impl AuthProvider for Slow {
        fn authenticator(&self, server: &AuthServer<'_>) -> Result<Box<dyn Authenticator>, AuthError> {
            assert_eq!(server.authenticator, "org.example.Auth");
            assert!(server.address.ip().is_loopback() && !server.encrypted);
            Ok(Box::new(Self { ..*self }))
        }

        fn may_block(&self) -> bool {
            true
        }
    }

    impl Authenticator for Slow {
        fn initial_response(&mut self) -> Result<Option<Token>, AuthError> {
            assert!(!self.panics, "on purpose");
            assert_eq!(std::thread::current().name(), Some("chorus-auth"));
            std::thread::sleep(self.takes);
            Ok(None)
        }

        fn evaluate_challenge(&mut self, challenge: &[u8]) -> Result<Option<Token>, AuthError> {
            Ok(Some(Token::new(challenge.to_ascii_uppercase())))
        }

        fn on_success(&mut self, token: Option<&[u8]>) -> Result<(), AuthError> {
            (token == Some(b"proof")).then_some(()).ok_or(AuthError::failed("no proof"))
        }
    }

    async fn converse_with(
        last_word: Option<&'static [u8]>,
        slow: Slow,
        limit: Duration,
    ) -> Result<(), ConnectError> {
        let (listener, address) = listen().await;
        tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            peer.expect(Opcode::Options).await;
            peer.say(ProtocolVersion::V4, Response::Supported(cassandra())).await;
            peer.expect(Opcode::Startup).await;
            peer.say(ProtocolVersion::V4, Response::Authenticate("org.example.Auth".into())).await;
            let first = peer.expect(Opcode::AuthResponse).await;
            assert_eq!(&first[..], [0, 0, 0, 0], "nothing is an empty message");
            peer.say(ProtocolVersion::V4, Response::AuthChallenge(Some(b"who".to_vec().into()))).await;
            assert_eq!(&peer.expect(Opcode::AuthResponse).await[4..], b"WHO");
            let word = last_word.map(|word| word.to_vec().into());
            peer.say(ProtocolVersion::V4, Response::AuthSuccess(word)).await;
            peer
        });
        let auth: Arc<dyn AuthProvider> = Arc::new(slow);
        let options = ConnectOptions { auth: Some(auth), timeout: limit, ..options() };
        connect(address, &options, None).await.map(drop)
    }

    #[tokio::test]
    async fn a_programs_own_conversation_goes_through_every_step_on_a_thread_of_its_own() {
        let slow = |millis, panics| Slow { takes: Duration::from_millis(millis), panics };
        let limit = Duration::from_secs(5);
        converse_with(Some(b"proof"), slow(5, false), limit).await.unwrap();
        let unproven = converse_with(None, slow(0, false), limit).await.unwrap_err();
        assert!(unproven.is_authentication() && unproven.to_string().contains("no proof"), "{unproven}");
        // One that takes too long, and one that fails altogether, cost this connection and no more.
        let late =
            converse_with(Some(b"proof"), slow(2_000, false), Duration::from_millis(100)).await.unwrap_err();
        assert!(
            matches!(late, ConnectError::Timeout { during: Phase::Authentication | Phase::Startup, .. }),
            "{late:?}"
        );
        let failed = converse_with(Some(b"proof"), slow(0, true), limit).await.unwrap_err();
        assert!(failed.is_authentication(), "{failed}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_ask_who_we_are_is_warned_about_and_used() {
        for (credentials, warned) in [(None, false), (Some(Credentials::new("u", "p".to_owned())), true)] {
            let (listener, address) = listen().await;
            tokio::spawn(async move {
                let mut peer = Peer::accept(&listener).await;
                peer.welcome(ProtocolVersion::V4, cassandra()).await;
                peer
            });
            let auth = credentials.map(|credentials| Arc::new(credentials) as Arc<dyn AuthProvider>);
            let options = ConnectOptions { auth, ..options() };
            connect(address, &options, None).await.unwrap();
            assert_eq!(!options.directory.unasked.is_first(), warned, "the session has said so");
        }
    }
}

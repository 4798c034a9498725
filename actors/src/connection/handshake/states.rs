//! The handshake as pure state: answers in, the next message out.

use std::net::SocketAddr;
use std::sync::Arc;

use chorus_protocol::request::{AuthResponse, Query, QueryParameters, Startup};
use chorus_protocol::response::{DbError, ErrorBody, Response, ResultBody};
use chorus_protocol::{
    Compression, Consistency, EncodeError, FrameShape, Opcode, ProtocolVersion, Supported,
};
use tracing::warn;

use super::conversation::{Conversation, Said, given_up};
use super::error::{ConnectError, Phase};
use super::options::{CompressionChoice, ConnectOptions};
use crate::auth::AuthServer;

/// What to send, as opcode and body; how it is framed depends on how far the connection is.
pub(super) struct Message {
    pub(super) opcode: Opcode,
    pub(super) body: Vec<u8>,
    /// The body holds a secret and is wiped after it was written.
    pub(super) secret: bool,
}

/// What a handshake does next.
pub(super) enum Step {
    /// Send this, then wait for the answer.
    Send(Message, Waiting),
    /// Ask the authenticator, which may take a while.
    Consult(Box<Consultation>),
    /// The connection is ready.
    Done(Negotiated),
}

/// What was agreed on.
#[derive(Debug)]
pub(super) struct Negotiated {
    pub(super) shape: FrameShape,
    pub(super) compression: Option<Compression>,
    pub(super) supported: Supported,
}

/// The state of a handshake, named for what it waits for.
pub(super) enum Waiting {
    Supported(Box<ExpectSupported>),
    Ready(Box<ExpectReady>),
    AuthAnswer(Box<ExpectAuthAnswer>),
    Keyspace(Box<ExpectKeyspace>),
}

impl Waiting {
    /// The phase for error messages.
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Supported(_) => Phase::Options,
            Self::Ready(_) => Phase::Startup,
            Self::AuthAnswer(_) => Phase::Authentication,
            Self::Keyspace(_) => Phase::Keyspace,
        }
    }

    /// What both sides agreed to write, as far as it is known.
    pub(super) fn shape(&self) -> FrameShape {
        match self {
            Self::Supported(state) => FrameShape::new(state.version),
            Self::Ready(state) => state.shared.negotiated.shape,
            Self::AuthAnswer(state) => state.shared.negotiated.shape,
            Self::Keyspace(state) => state.negotiated.shape,
        }
    }

    /// Decompresses what the server sends from now on: a server may compress its answer to STARTUP already.
    pub(super) fn compression(&self) -> Option<Compression> {
        match self {
            Self::Supported(_) => None,
            Self::Ready(state) => state.shared.negotiated.compression,
            Self::AuthAnswer(state) => state.shared.negotiated.compression,
            Self::Keyspace(state) => state.negotiated.compression,
        }
    }

    /// Goes on with the server's answer.
    pub(super) fn on_response(self, response: Response) -> Result<Step, ConnectError> {
        match self {
            Self::Supported(state) => state.on_response(response),
            Self::Ready(state) => state.on_response(response),
            Self::AuthAnswer(state) => state.on_response(response),
            Self::Keyspace(state) => state.on_response(response),
        }
    }
}

/// Who is at the other end, and how it is reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// Nobody in between can read along.
    pub(super) encrypted: bool,
}

impl Peer {
    /// Whether a password would be seen by whoever listens on the way.
    fn is_overheard(&self) -> bool {
        !self.encrypted && !self.address.ip().is_loopback()
    }
}

/// Starts a handshake: the OPTIONS message and the state that waits for its answer.
pub(super) fn begin(
    options: &ConnectOptions,
    version: ProtocolVersion,
    peer: Peer,
) -> Result<Step, ConnectError> {
    let state = ExpectSupported { options: options.clone(), version, peer };
    let message = Message { opcode: Opcode::Options, body: Vec::new(), secret: false };
    Ok(Step::Send(message, Waiting::Supported(Box::new(state))))
}

/// OPTIONS was sent.
pub(super) struct ExpectSupported {
    options: ConnectOptions,
    version: ProtocolVersion,
    peer: Peer,
}

/// What every later state carries along.
struct Shared {
    options: ConnectOptions,
    peer: Peer,
    negotiated: Negotiated,
}

impl ExpectSupported {
    fn on_response(self, response: Response) -> Result<Step, ConnectError> {
        let supported = match response {
            Response::Supported(supported) => supported,
            Response::Error(error) => return Err(refusal(error, self.version)),
            other => return Err(unexpected(Phase::Options, &other)),
        };
        let mut shape = FrameShape::new(self.version);
        let mut entries = vec![(Startup::CQL_VERSION.to_owned(), self.cql_version(&supported))];
        let compression = self.compression(&supported)?;
        if let Some(compression) = compression {
            entries.push((Startup::COMPRESSION.to_owned(), compression.name().to_owned()));
        }
        if self.options.extensions {
            // An extension is active only if it was offered *and* echoed.
            shape = supported.shape(self.version, self.options.request_extensions);
            entries.extend(Supported::extension_echo(&shape));
        }
        if self.options.no_compact && self.version < ProtocolVersion::V5 {
            entries.push(("NO_COMPACT".to_owned(), "true".to_owned()));
        }
        // Keys of ours cannot be overridden by what the application says about itself.
        for (key, value) in self.options.startup.iter() {
            if !entries.iter().any(|(known, _)| known == key) {
                entries.push((key.clone(), value.clone()));
            }
        }
        let startup = Startup { options: entries };
        let message = message(Opcode::Startup, Phase::Startup, |body| startup.encode(body))?;
        let negotiated = Negotiated { shape, compression, supported };
        let shared = Shared { options: self.options, peer: self.peer, negotiated };
        Ok(Step::Send(message, Waiting::Ready(Box::new(ExpectReady { shared }))))
    }

    /// The version asked for if the server has it, else the first in its list.
    fn cql_version(&self, supported: &Supported) -> String {
        let offered = supported.cql_versions();
        self.options
            .cql_version
            .as_deref()
            .filter(|wanted| offered.iter().any(|version| version == wanted))
            .or_else(|| offered.first().map(String::as_str))
            .unwrap_or("3.0.0")
            .to_owned()
    }

    fn compression(&self, supported: &Supported) -> Result<Option<Compression>, ConnectError> {
        let offered = supported.compressions();
        let offers = |algorithm: Compression| {
            let usable = algorithm != Compression::Snappy || !self.version.uses_segments();
            usable && offered.contains(&algorithm)
        };
        match self.options.compression {
            CompressionChoice::Off => Ok(None),
            CompressionChoice::Best => {
                Ok([Compression::Lz4, Compression::Snappy].into_iter().find(|&algorithm| offers(algorithm)))
            }
            // "Snappy with v5 silently becomes none": segments know LZ4 only.
            CompressionChoice::Only(Compression::Snappy) if self.version.uses_segments() => Ok(None),
            CompressionChoice::Only(wanted) if offers(wanted) => Ok(Some(wanted)),
            CompressionChoice::Only(wanted) => Err(ConnectError::Compression {
                wanted,
                offered: supported.get("COMPRESSION").join(", ").into(),
            }),
        }
    }
}

/// STARTUP was sent.
pub(super) struct ExpectReady {
    shared: Shared,
}

impl ExpectReady {
    fn on_response(self, response: Response) -> Result<Step, ConnectError> {
        match response {
            Response::Ready => {
                let options = &self.shared.options;
                if options.auth.is_some() && options.directory.unasked.is_first() {
                    warn!(address = %self.shared.peer.address, "credentials were given, and the server does not ask for any: whoever reaches it gets in");
                }
                self.shared.ready()
            }
            Response::Authenticate(authenticator) => self.authenticate(&authenticator),
            Response::Error(error) => Err(refusal(error, self.shared.negotiated.shape.version)),
            other => Err(unexpected(Phase::Startup, &other)),
        }
    }

    fn authenticate(self, authenticator: &str) -> Result<Step, ConnectError> {
        let Some(provider) = &self.shared.options.auth else {
            return Err(ConnectError::CredentialsMissing { authenticator: authenticator.into() });
        };
        let Peer { address, encrypted } = self.shared.peer;
        let server = AuthServer::new(address, authenticator, encrypted);
        let opened = provider.authenticator(&server).map_err(|error| given_up(error, authenticator))?;
        let overheard = self.shared.peer.is_overheard() && provider.tells_secrets();
        if overheard && self.shared.options.directory.in_the_clear.is_first() {
            warn!(%address, "the password travels in the clear: use TLS");
        }
        let conversation = Conversation::new(opened, authenticator, provider.may_block());
        Ok(Consultation::step(self.shared, conversation, Said::Authenticate))
    }
}

/// AUTH_RESPONSE was sent.
pub(super) struct ExpectAuthAnswer {
    shared: Shared,
    conversation: Conversation,
}

impl ExpectAuthAnswer {
    fn on_response(self, response: Response) -> Result<Step, ConnectError> {
        let said = match response {
            Response::AuthSuccess(token) => Said::Success(token),
            Response::AuthChallenge(challenge) => Said::Challenge(challenge.unwrap_or_default()),
            Response::Error(error) => return Err(ConnectError::server(error)),
            other => return Err(unexpected(Phase::Authentication, &other)),
        };
        Ok(Consultation::step(self.shared, self.conversation, said))
    }
}

/// The server said something that the authenticator has to judge.
pub(super) struct Consultation {
    shared: Shared,
    conversation: Conversation,
    said: Said,
}

impl Consultation {
    fn step(shared: Shared, conversation: Conversation, said: Said) -> Step {
        Step::Consult(Box::new(Self { shared, conversation, said }))
    }

    /// Whether [`run`](Self::run) may take a while.
    pub(super) fn may_block(&self) -> bool {
        self.conversation.may_block()
    }

    /// Asks, and goes on with the answer.
    pub(super) fn run(mut self) -> Result<Step, ConnectError> {
        match self.conversation.answer(&self.said)? {
            Some(token) => self.shared.answer(self.conversation, &token),
            None => self.shared.ready(),
        }
    }
}
/// `USE` was sent.
pub(super) struct ExpectKeyspace {
    keyspace: Arc<str>,
    negotiated: Negotiated,
}

impl ExpectKeyspace {
    fn on_response(self, response: Response) -> Result<Step, ConnectError> {
        match response {
            Response::Result(ResultBody::SetKeyspace(_)) => Ok(Step::Done(self.negotiated)),
            Response::Error(error) => {
                Err(ConnectError::Keyspace { keyspace: self.keyspace, error: Arc::new(error) })
            }
            other => Err(unexpected(Phase::Keyspace, &other)),
        }
    }
}

impl Shared {
    /// Authenticated, or nobody asked: what is left is the keyspace.
    fn ready(self) -> Result<Step, ConnectError> {
        let Some(keyspace) = self.options.keyspace else {
            return Ok(Step::Done(self.negotiated));
        };
        let message = use_keyspace(&keyspace, &self.negotiated.shape)?;
        let state = ExpectKeyspace { keyspace, negotiated: self.negotiated };
        Ok(Step::Send(message, Waiting::Keyspace(Box::new(state))))
    }

    fn answer(self, conversation: Conversation, token: &[u8]) -> Result<Step, ConnectError> {
        // As large as it will be: a body that grows leaves copies of a secret behind.
        let mut body = Vec::with_capacity(4 + token.len());
        let encoded = AuthResponse { token: Some(token) }.encode(&mut body);
        encoded.map_err(|error| ConnectError::protocol(Phase::Authentication, error.to_string()))?;
        let message = Message { opcode: Opcode::AuthResponse, body, secret: true };
        let state = ExpectAuthAnswer { shared: self, conversation };
        Ok(Step::Send(message, Waiting::AuthAnswer(Box::new(state))))
    }
}

fn use_keyspace(keyspace: &str, shape: &FrameShape) -> Result<Message, ConnectError> {
    let text = use_statement(keyspace);
    let parameters = QueryParameters { consistency: Consistency::One, ..QueryParameters::default() };
    message(Opcode::Query, Phase::Keyspace, |body| Query { cql: &text, parameters }.encode(shape, body))
}

/// `USE` with the name protected, however it is spelled.
pub(crate) fn use_statement(keyspace: &str) -> String {
    format!("USE \"{}\"", keyspace.replace('"', "\"\""))
}

fn message(
    opcode: Opcode,
    phase: Phase,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<Message, ConnectError> {
    let mut body = Vec::new();
    encode(&mut body).map_err(|error| ConnectError::protocol(phase, error.to_string()))?;
    Ok(Message { opcode, body, secret: false })
}

/// The error an ERROR answer to OPTIONS or STARTUP stands for; an unsupported version is told by its text.
fn refusal(error: ErrorBody, offered: ProtocolVersion) -> ConnectError {
    let text = error.message.to_ascii_lowercase();
    let about_version = matches!(error.error, DbError::ProtocolError)
        && (text.contains("unsupported protocol version")
            || text.contains("use_beta flag is unset")
            || text.contains("unsupported version"));
    if about_version {
        return ConnectError::UnsupportedVersion { offered, message: error.message.into(), answered_in: 0 };
    }
    ConnectError::server(error)
}

fn unexpected(phase: Phase, response: &Response) -> ConnectError {
    let what = match response {
        Response::Error(_) => "ERROR",
        Response::Ready => "READY",
        Response::Authenticate(_) => "AUTHENTICATE",
        Response::Supported(_) => "SUPPORTED",
        Response::Result(_) => "RESULT",
        Response::Event(_) => "EVENT",
        Response::AuthChallenge(_) => "AUTH_CHALLENGE",
        Response::AuthSuccess(_) => "AUTH_SUCCESS",
    };
    ConnectError::protocol(phase, format!("{what} was not expected"))
}

#[cfg(test)]
mod tests {
    use super::super::test_peer::{cassandra, startup_entries};
    use super::*;
    use crate::config::EngineConfig;

    fn peer(address: SocketAddr) -> Peer {
        Peer { address, encrypted: false }
    }

    #[test]
    fn a_password_is_overheard_beyond_this_machine_and_without_encryption() {
        for (address, encrypted, overheard) in [
            ("10.0.0.1:9042", false, true),
            ("10.0.0.1:9042", true, false),
            ("[2001:db8::1]:9042", false, true),
            ("127.0.0.1:9042", false, false),
            ("[::1]:9042", false, false),
        ] {
            let peer = Peer { address: address.parse().unwrap(), encrypted };
            assert_eq!(peer.is_overheard(), overheard, "{peer:?}");
        }
    }

    fn startup(version: ProtocolVersion, change: impl FnOnce(&mut ConnectOptions)) -> Vec<(String, String)> {
        let address = SocketAddr::from(([127, 0, 0, 1], 9042));
        let mut options = ConnectOptions::from_config(&EngineConfig::new([address]));
        change(&mut options);
        let Ok(Step::Send(_, waiting)) = begin(&options, version, peer(address)) else {
            panic!("OPTIONS comes first")
        };
        let supported = Response::Supported(cassandra());
        let Ok(Step::Send(message, _)) = waiting.on_response(supported) else {
            panic!("STARTUP comes second")
        };
        assert_eq!(message.opcode, Opcode::Startup);
        startup_entries(&message.body)
    }

    fn value<'a>(entries: &'a [(String, String)], key: &str) -> Option<&'a str> {
        entries.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_cql_version_the_server_lacks_gives_way_to_its_first() {
        let asked = |wanted: &str| {
            let entries = startup(ProtocolVersion::V4, |options| options.cql_version = Some(wanted.into()));
            value(&entries, "CQL_VERSION").map(str::to_owned)
        };
        assert_eq!(asked("3.4.7").as_deref(), Some("3.4.7"));
        assert_eq!(asked("9.9.9").as_deref(), Some("3.4.7"));
    }

    #[test]
    fn no_compact_is_sent_only_in_versions_that_have_it() {
        let sent = |version| {
            let entries = startup(version, |options| options.no_compact = true);
            value(&entries, "NO_COMPACT").map(str::to_owned)
        };
        assert_eq!(sent(ProtocolVersion::V4).as_deref(), Some("true"));
        assert_eq!(sent(ProtocolVersion::V5), None);
        assert_eq!(value(&startup(ProtocolVersion::V4, |_| {}), "NO_COMPACT"), None);
    }

    #[test]
    fn the_best_compression_is_lz4_and_snappy_is_never_spoken_in_segments() {
        let chosen = |version, choice| {
            let entries = startup(version, |options| options.compression = choice);
            value(&entries, "COMPRESSION").map(str::to_owned)
        };
        assert_eq!(chosen(ProtocolVersion::V4, CompressionChoice::Best).as_deref(), Some("lz4"));
        let snappy = CompressionChoice::Only(Compression::Snappy);
        assert_eq!(chosen(ProtocolVersion::V4, snappy).as_deref(), Some("snappy"));
        assert_eq!(chosen(ProtocolVersion::V5, snappy), None);
        assert_eq!(chosen(ProtocolVersion::V5, CompressionChoice::Off), None);
    }

    #[test]
    fn what_the_application_says_of_itself_replaces_nothing_of_ours() {
        let entries = startup(ProtocolVersion::V4, |options| {
            options.startup =
                [("CQL_VERSION".to_owned(), "0".to_owned()), ("X".to_owned(), "y".to_owned())].into();
        });
        assert_eq!(value(&entries, "CQL_VERSION"), Some("3.4.7"));
        assert_eq!(value(&entries, "X"), Some("y"));
    }

    #[test]
    fn an_answer_out_of_turn_is_an_error_in_every_state() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9042));
        let options = ConnectOptions::from_config(&EngineConfig::new([address]));
        let Ok(Step::Send(_, waiting)) = begin(&options, ProtocolVersion::V4, peer(address)) else {
            unreachable!()
        };
        assert!(matches!(
            waiting.on_response(Response::Ready),
            Err(ConnectError::Protocol { during: Phase::Options, .. })
        ));
        let Ok(Step::Send(_, waiting)) = begin(&options, ProtocolVersion::V4, peer(address)) else {
            unreachable!()
        };
        let Ok(Step::Send(_, waiting)) = waiting.on_response(Response::Supported(cassandra())) else {
            unreachable!()
        };
        assert!(matches!(
            waiting.on_response(Response::AuthSuccess(None)),
            Err(ConnectError::Protocol { during: Phase::Startup, .. })
        ));
    }
}

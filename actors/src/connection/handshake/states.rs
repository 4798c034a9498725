//! The handshake as pure state: answers in, the next message out.

use std::net::SocketAddr;
use std::sync::Arc;

use chorus_protocol::request::{AuthResponse, Query, QueryParameters, Startup};
use chorus_protocol::response::{DbError, ErrorBody, Response, ResultBody};
use chorus_protocol::{
    Compression, Consistency, EncodeError, FrameShape, Opcode, ProtocolVersion, Supported,
};
use tracing::{debug, warn};

use super::auth::Conversation;
use super::error::{ConnectError, Phase};
use super::options::{CompressionChoice, ConnectOptions};

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
    Supported(ExpectSupported),
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

/// Starts a handshake: the OPTIONS message and the state that waits for its answer.
pub(super) fn begin(
    options: &ConnectOptions,
    version: ProtocolVersion,
    address: SocketAddr,
) -> Result<Step, ConnectError> {
    let state = ExpectSupported { options: options.clone(), version, address };
    let message = Message { opcode: Opcode::Options, body: Vec::new(), secret: false };
    Ok(Step::Send(message, Waiting::Supported(state)))
}

/// OPTIONS was sent.
pub(super) struct ExpectSupported {
    options: ConnectOptions,
    version: ProtocolVersion,
    address: SocketAddr,
}

/// What every later state carries along.
struct Shared {
    options: ConnectOptions,
    address: SocketAddr,
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
            shape = supported.shape(self.version);
            entries.extend(supported.extension_echo(self.version));
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
        let shared = Shared { options: self.options, address: self.address, negotiated };
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
                if self.shared.options.credentials.is_some() {
                    debug!(address = %self.shared.address, "credentials were given but the server does not ask for them");
                }
                self.shared.ready()
            }
            Response::Authenticate(authenticator) => self.authenticate(&authenticator),
            Response::Error(error) => Err(refusal(error, self.shared.negotiated.shape.version)),
            other => Err(unexpected(Phase::Startup, &other)),
        }
    }

    fn authenticate(self, authenticator: &str) -> Result<Step, ConnectError> {
        let Some(credentials) = &self.shared.options.credentials else {
            return Err(ConnectError::CredentialsMissing { authenticator: authenticator.into() });
        };
        let mut conversation = credentials.authenticate(authenticator)?;
        if !self.shared.address.ip().is_loopback() && credentials.take_warning() {
            warn!(address = %self.shared.address, "the password travels unencrypted");
        }
        let token = conversation.initial_response();
        self.shared.answer(conversation, token)
    }
}

/// AUTH_RESPONSE was sent.
pub(super) struct ExpectAuthAnswer {
    shared: Shared,
    conversation: Conversation,
}

impl ExpectAuthAnswer {
    fn on_response(mut self, response: Response) -> Result<Step, ConnectError> {
        match response {
            Response::AuthSuccess(_) => self.shared.ready(),
            Response::AuthChallenge(challenge) => {
                let token = self.conversation.on_challenge(challenge.as_deref().unwrap_or_default())?;
                self.shared.answer(self.conversation, token)
            }
            Response::Error(error) => Err(ConnectError::server(error)),
            other => Err(unexpected(Phase::Authentication, &other)),
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

    fn answer(self, conversation: Conversation, token: Vec<u8>) -> Result<Step, ConnectError> {
        let mut message = message(Opcode::AuthResponse, Phase::Authentication, |body| {
            AuthResponse { token: Some(&token) }.encode(body)
        })?;
        message.secret = true;
        secrecy::zeroize::Zeroize::zeroize(&mut { token });
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

//! The conversation with one client: what it may say, and what it gets.
//!
//! ```text
//!            STARTUP                        AUTH_RESPONSE
//!  Start ──────────────> Authenticating ──────────────────> Ready
//!    └───────────────────────────────────────────────────────^
//!            STARTUP, when nobody has to authenticate
//! ```
//!
//! Messages and codes of errors are those of Apache Cassandra 5.0, and so is what happens to the connection after each,
//! except that it is closed where Cassandra leaves it open but answers nothing any more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chorus_protocol::request::{AuthResponse, EventKind, Register, Startup};
use chorus_protocol::response::{DbError, Response};
use chorus_protocol::segment::{SegmentDecoder, SegmentEncoder};
use chorus_protocol::wire::Reader;
use chorus_protocol::{Compression, Event, FrameHeader, FrameShape, Opcode, ProtocolVersion, flags};
use tokio::sync::broadcast;

use super::aim::KnownOwners;
use super::auth::{AUTHENTICATOR, Refusal as LoginRefusal};
use super::extensions;
use super::inbound::{Inbound, Refusal};
use super::node::Node;
use super::outbound::Outbound;
use super::prepared::PreparedCache;
use super::reply::Reply;
use super::startup::{self, supported};
use super::statement::Prepared;
use crate::cluster::{Member, Place};

/// What happens to a connection after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    /// It is closed when the answers are sent.
    Close,
    /// It is closed at once.
    Abort,
    /// It is closed at once, and what was not received yet is destroyed.
    Reset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Start,
    Authenticating,
    Ready,
}

/// How bytes look from the next one on.
pub(crate) enum Framing {
    /// Bodies may be compressed.
    Bodies(Compression),
    /// Everything is in segments, compressed or not.
    Segments(Option<Compression>),
}

/// One client's state.
pub(crate) struct Session {
    pub(super) node: Arc<Node>,
    /// What the node was when the client connected.
    pub(super) member: Arc<Member>,
    pub(super) peer: SocketAddr,
    /// Which of the connections to the node it is.
    pub(super) number: u64,
    /// Its shard, where nodes have shards.
    pub(super) place: Option<Place>,
    pub(super) owners: KnownOwners,
    /// Requests received.
    pub(super) requests: u64,
    phase: Phase,
    /// Fixed by STARTUP; before, each request says its own.
    version: Option<ProtocolVersion>,
    pub(super) shape: FrameShape,
    compression: Option<Compression>,
    framing: Option<Framing>,
    /// What USE has set.
    pub(super) keyspace: Option<Arc<str>>,
    pub(super) prepared: PreparedCache<Prepared>,
    registered: Vec<EventKind>,
    expanded: Vec<u8>,
}

impl Session {
    pub(crate) fn new(node: Arc<Node>, peer: SocketAddr, number: u64, place: Option<Place>) -> Self {
        Self {
            shape: FrameShape::new(node.shared.versions.newest()),
            member: node.member(),
            node,
            peer,
            number,
            place,
            owners: KnownOwners::default(),
            requests: 0,
            phase: Phase::Start,
            version: None,
            compression: None,
            framing: None,
            keyspace: None,
            prepared: PreparedCache::new(),
            registered: Vec::new(),
            expanded: Vec::new(),
        }
    }

    /// Whether the handshake is over.
    pub(crate) fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// Whether the client wants to be told of anything.
    pub(crate) fn is_registered(&self) -> bool {
        !self.registered.is_empty()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.node.shared.events.subscribe()
    }

    /// What the last answer changed about the bytes that follow it.
    pub(crate) fn take_framing(&mut self) -> Option<Framing> {
        self.framing.take()
    }

    /// Answers one request.
    pub(crate) fn handle(&mut self, header: &FrameHeader, body: &[u8], out: &mut Outbound) -> Flow {
        self.node.counters.requests.fetch_add(1, Ordering::Relaxed);
        self.requests += 1;
        if let Some(place) = &self.place {
            place.count_request();
        }
        // The header has been looked at before: it has one of the versions there are.
        let version = ProtocolVersion::try_from(header.version).unwrap_or(self.node.shared.versions.newest());
        match self.version {
            None => self.shape = FrameShape::new(version),
            Some(agreed) if agreed != version => {
                let (got, had) = (version.as_u8(), agreed.as_u8());
                return self.protocol_error(header, out, format!(
                    "Invalid message version. Got {got}/v{got} but previous messages on this connection had version {had}/v{had}"
                ));
            }
            Some(_) => {}
        }
        if header.flags & flags::CUSTOM_PAYLOAD != 0 && !version.has_custom_payload() {
            let message = "Received frame with CUSTOM_PAYLOAD flag for native protocol version < 4";
            return self.protocol_error(header, out, message.to_owned());
        }
        let Some(opcode) = self.request_opcode(header, out) else { return Flow::Continue };
        if header.flags & flags::COMPRESSED == 0 || self.compression.is_none() || version.uses_segments() {
            return self.dispatch_or_fail(header, opcode, body, out);
        }
        let mut expanded = std::mem::take(&mut self.expanded);
        let flow = match self.expand(body, &mut expanded) {
            Ok(()) => self.dispatch_or_fail(header, opcode, &expanded, out),
            Err(message) => self.protocol_error(header, out, message),
        };
        if expanded.capacity() <= 1 << 20 {
            self.expanded = expanded;
        }
        flow
    }

    /// Answers a request that is too large.
    pub(crate) fn refuse_size(&mut self, header: &FrameHeader, out: &mut Outbound) -> Flow {
        let limit = self.node.shared.limits.max_request;
        let message =
            format!("Request is too big: length {} exceeds maximum allowed length {limit}", header.length);
        self.reply(header, out).error(DbError::Invalid, message);
        Flow::Continue
    }

    /// Answers what is no request.
    pub(crate) fn refuse_frame(&mut self, refusal: &Refusal, out: &mut Outbound) -> Flow {
        let message = match refusal {
            Refusal::Version(version) => {
                let versions = self.node.shared.versions;
                format!(
                    "Invalid or unsupported protocol version ({version}); supported versions are ({versions})"
                )
            }
            Refusal::Beta(version) => format!(
                "Beta version of the protocol used ({version}/v{version}-beta), but USE_BETA flag is unset"
            ),
            Refusal::Frame(error) => error.to_string(),
        };
        // Whoever speaks another version at least understands an error in a version near its own.
        let shape = match self.version {
            Some(version) => FrameShape::new(version),
            None => FrameShape::new(self.node.shared.versions.newest()),
        };
        Reply::new(out, &shape, 0).error(DbError::ProtocolError, message);
        Flow::Close
    }

    /// Tells the client of an event it has registered for.
    pub(crate) fn write_event(&self, event: &Event, out: &mut Outbound) {
        if self.registered.contains(&event.kind()) {
            Reply::new(out, &self.shape, EVENT_STREAM).response(&Response::Event(event.clone()));
        }
    }

    pub(super) fn reply<'a>(&'a self, header: &FrameHeader, out: &'a mut Outbound) -> Reply<'a> {
        Reply::new(out, &self.shape, header.stream)
    }

    pub(super) fn protocol_error(&self, header: &FrameHeader, out: &mut Outbound, message: String) -> Flow {
        self.reply(header, out).error(DbError::ProtocolError, message);
        Flow::Continue
    }

    fn request_opcode(&self, header: &FrameHeader, out: &mut Outbound) -> Option<Opcode> {
        let message = match (Opcode::try_from(header.opcode), header.response) {
            (Ok(opcode), false) if opcode.is_request() => return Some(opcode),
            (Ok(opcode), response) => {
                let (expected, got) =
                    if response { ("REQUEST", "RESPONSE") } else { ("RESPONSE", "REQUEST") };
                format!(
                    "Wrong protocol direction (expected {expected}, got {got}) for opcode {} ({})",
                    header.opcode,
                    name(opcode)
                )
            }
            // How clients of version 1 authenticated.
            (Err(_), _) if header.opcode == 0x04 => "Unsupported message".to_owned(),
            (Err(_), _) => format!("Unknown opcode {}", header.opcode),
        };
        self.protocol_error(header, out, message);
        None
    }

    fn expand(&self, body: &[u8], expanded: &mut Vec<u8>) -> Result<(), String> {
        let Some(compression) = self.compression else { return Ok(()) };
        let limit = self.node.shared.limits.max_request;
        *expanded = compression.decompress_body(body, limit).map_err(|error| error.to_string())?;
        Ok(())
    }

    #[inline]
    fn dispatch_or_fail(
        &mut self,
        header: &FrameHeader,
        opcode: Opcode,
        body: &[u8],
        out: &mut Outbound,
    ) -> Flow {
        if self.phase == Phase::Ready && self.node.leaving.load(Ordering::Relaxed) {
            self.node.counters.turned_away.fetch_add(1, Ordering::Relaxed);
            self.reply(header, out).error(DbError::Overloaded, "Server is shutting down".to_owned());
            return Flow::Continue;
        }
        if self.node.shared.faults.is_empty() {
            return self.dispatch(header, opcode, body, out);
        }
        match self.fault(header, opcode, body) {
            Some(fault) => self.fail(fault, header, opcode, body, out),
            None => self.dispatch(header, opcode, body, out),
        }
    }

    pub(super) fn dispatch(
        &mut self,
        header: &FrameHeader,
        opcode: Opcode,
        body: &[u8],
        out: &mut Outbound,
    ) -> Flow {
        let unexpected = |message: String, out: &mut Outbound, shape: &FrameShape| {
            // Cassandra answers these on stream 0, whatever stream they came on.
            Reply::new(out, shape, 0).error(DbError::ProtocolError, message);
            Flow::Continue
        };
        match (self.phase, opcode) {
            (Phase::Start | Phase::Ready, Opcode::Options) => {
                let mut supported = supported(self.node.shared.versions, self.node.shared.release);
                supported.options.extend(self.node.shared.offers.iter().cloned());
                if let Some(place) = &self.place {
                    supported.options.extend(extensions::offered(
                        place,
                        self.member.host_id,
                        self.node.is_secured(),
                    ));
                }
                self.reply(header, out).response(&Response::Supported(supported));
                Flow::Continue
            }
            (Phase::Start, Opcode::Startup) => self.startup(header, body, out),
            (Phase::Authenticating, Opcode::AuthResponse) => self.authenticate(header, body, out),
            (Phase::Ready, Opcode::AuthResponse) => {
                // Nobody has to authenticate, so anybody may.
                self.reply(header, out).response(&Response::AuthSuccess(None));
                Flow::Continue
            }
            (Phase::Ready, Opcode::Register) => self.register(header, body, out),
            (Phase::Ready, Opcode::Startup) => {
                let message = "Unexpected message STARTUP, the connection is already initialized";
                self.protocol_error(header, out, message.to_owned())
            }
            (Phase::Ready, _) => self.request(header, opcode, body, out),
            (Phase::Start, _) => {
                let message = format!("Unexpected message {}, expecting STARTUP or OPTIONS", name(opcode));
                unexpected(message, out, &self.shape)
            }
            (Phase::Authenticating, _) => {
                let message = format!("Unexpected message {}, expecting AUTH_RESPONSE", name(opcode));
                unexpected(message, out, &self.shape)
            }
        }
    }

    fn startup(&mut self, header: &FrameHeader, body: &[u8], out: &mut Outbound) -> Flow {
        let version = self.shape.version;
        let checked = Startup::decode(&mut Reader::new(body))
            .map_err(|error| error.to_string())
            .and_then(|startup| Ok((startup::check(&startup, version)?, startup)));
        let (compression, startup) = match checked {
            Ok(checked) => checked,
            Err(message) => return self.protocol_error(header, out, message),
        };
        self.version = Some(version);
        if let Some(place) = &self.place {
            extensions::agree(&startup, place, &mut self.shape);
        }
        let needs_login = self.node.shared.credentials().is_some();
        let response =
            if needs_login { Response::Authenticate(AUTHENTICATOR.to_owned()) } else { Response::Ready };
        self.phase = if needs_login { Phase::Authenticating } else { Phase::Ready };
        self.reply(header, out).response(&response);
        self.compression = compression;
        self.framing = match (version.uses_segments(), compression) {
            (true, compression) => Some(Framing::Segments(compression)),
            (false, Some(compression)) => Some(Framing::Bodies(compression)),
            (false, None) => None,
        };
        Flow::Continue
    }

    fn authenticate(&mut self, header: &FrameHeader, body: &[u8], out: &mut Outbound) -> Flow {
        let response = match AuthResponse::decode(&mut Reader::new(body)) {
            Ok(response) => response,
            Err(error) => return self.protocol_error(header, out, error.to_string()),
        };
        let Some(credentials) = self.node.shared.credentials() else { return Flow::Abort };
        match credentials.check(response.token.unwrap_or_default()) {
            Ok(()) => {
                self.phase = Phase::Ready;
                self.reply(header, out).response(&Response::AuthSuccess(None));
                Flow::Continue
            }
            Err(LoginRefusal::Malformed(message)) => {
                self.reply(header, out).error(DbError::ProtocolError, message.to_owned());
                Flow::Continue
            }
            Err(LoginRefusal::Wrong(message)) => {
                self.node.shared.refused_logins.fetch_add(1, Ordering::Relaxed);
                self.reply(header, out).error(DbError::BadCredentials, message);
                Flow::Continue
            }
        }
    }

    fn register(&mut self, header: &FrameHeader, body: &[u8], out: &mut Outbound) -> Flow {
        match Register::decode(&mut Reader::new(body)) {
            Ok(register) => {
                self.registered.extend(register.events);
                self.registered.dedup();
                self.reply(header, out).response(&Response::Ready);
            }
            Err(error) => {
                self.reply(header, out).error(DbError::ProtocolError, error.to_string());
            }
        }
        Flow::Continue
    }
}

/// The stream of what nobody asked for.
const EVENT_STREAM: i16 = -1;

impl Framing {
    /// Has it used for everything that follows.
    pub(crate) fn apply(&self, inbound: &mut Inbound, outbound: &mut Outbound) {
        match self {
            Self::Bodies(compression) => outbound.compress(*compression),
            Self::Segments(compression) => {
                // Oversized envelopes are skipped one by one; only impossible ones break the connection.
                inbound.use_segments(SegmentDecoder::new(*compression, i32::MAX as u32));
                outbound.use_segments(SegmentEncoder::new(*compression));
            }
        }
    }
}

fn name(opcode: Opcode) -> &'static str {
    match opcode {
        Opcode::Error => "ERROR",
        Opcode::Startup => "STARTUP",
        Opcode::Ready => "READY",
        Opcode::Authenticate => "AUTHENTICATE",
        Opcode::Options => "OPTIONS",
        Opcode::Supported => "SUPPORTED",
        Opcode::Query => "QUERY",
        Opcode::Result => "RESULT",
        Opcode::Prepare => "PREPARE",
        Opcode::Execute => "EXECUTE",
        Opcode::Register => "REGISTER",
        Opcode::Event => "EVENT",
        Opcode::Batch => "BATCH",
        Opcode::AuthChallenge => "AUTH_CHALLENGE",
        Opcode::AuthResponse => "AUTH_RESPONSE",
        Opcode::AuthSuccess => "AUTH_SUCCESS",
    }
}

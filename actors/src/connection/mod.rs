//! A connection: one socket, the table of who waits for what on it, and its buffers.
//!
//! The pool starts a [`ConnectionActor`] for each socket whose handshake is done; the control actor starts one for
//! itself. The coordinator hands it work through its [`Port`] (a queue on the same thread, not a mailbox); the
//! actor's single long-lived future, its *pump*, reads, answers, fills and writes. Everything that arrived while
//! the reactor was busy goes out in one write. Answers go straight to the callers' slots; errors go to the
//! coordinator, which decides what happens next. When the connection ends, by itself or by a panic, everything it
//! held goes back to the coordinator with the truth about whether it was written, and its owner is told.

mod answers;
mod closing;
mod decoded;
pub(crate) mod handshake;
mod heartbeat;
mod in_flight;
mod inbound;
mod internal;
mod late;
mod older;
mod outbound;
mod payload;
mod port;
mod pump;
mod segments;
mod sending;
mod socket;
#[cfg(feature = "bench")]
pub(crate) mod stand_in;
mod stats;
mod sweep;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use actix::{Actor, AsyncContext, Context};
use bytes::Bytes;
use chorus_protocol::{Compression, FrameShape, RequestExtensions, response::Event};
use chorus_topology::HostIndex;

pub(crate) use in_flight::{InFlight, Occupant};
pub(crate) use outbound::Outbound;
pub(crate) use port::{ConnectionHandle, Order, Port, Work};
pub(crate) use socket::Socket;

use heartbeat::Heartbeat;
use inbound::Inbound;
use pump::Pump;
use segments::Segments;

use crate::{
    coordinator::CoordinatorPort,
    reactor::{KnownWaker, Stage},
    request::CloseReason,
};

/// A socket whose handshake is done, and what was agreed on it.
pub(crate) struct Wire {
    pub(crate) socket: Socket,
    pub(crate) address: SocketAddr,
    /// Bytes that the handshake had read too many, out of their segments.
    pub(crate) leftover: Bytes,
    pub(crate) shape: FrameShape,
    /// Body compression below v5; in v5, whether segments are compressed.
    pub(crate) compression: Option<Compression>,
    pub(crate) shard: Option<u16>,
}

/// How a connection behaves.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionSettings {
    /// The most requests on the wire, orphans included.
    pub(crate) window: u32,
    /// The largest body accepted.
    pub(crate) max_frame: u32,
    /// How long a connection may be idle before it is asked whether it lives. `None` never asks.
    pub(crate) heartbeat_interval: Option<Duration>,
    /// How long the answer to that may take.
    pub(crate) heartbeat_timeout: Duration,
    /// Above this many orphans older than [`orphan_age`](Self::orphan_age), or half of the window, the owner is asked to replace
    /// it.
    pub(crate) max_orphans: u32,
    pub(crate) orphan_age: Duration,
    /// What the session's requests look like.
    pub(crate) request_extensions: RequestExtensions,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            window: 1024,
            max_frame: chorus_protocol::DEFAULT_MAX_FRAME_LENGTH,
            heartbeat_interval: Some(Duration::from_secs(30)),
            heartbeat_timeout: Duration::from_secs(30),
            max_orphans: 256,
            orphan_age: Duration::from_secs(2),
            request_extensions: RequestExtensions::default(),
        }
    }
}

/// What a connection tells its owner.
#[derive(Debug)]
pub(crate) enum ConnectionFact {
    /// It ended. Nothing more comes from it.
    Closed {
        /// The connection.
        id: u64,
        /// Why.
        reason: CloseReason,
    },
    /// Too many old orphans: it should be replaced, then drained.
    Saturated {
        /// The connection.
        id: u64,
    },
    /// The server says that it serves nobody, on whatever connection. This one takes nothing new already.
    OutOfService {
        /// The connection.
        id: u64,
    },
}

/// Where a connection's facts and the server's events go. Called from inside the pump: must only note or send.
pub(crate) struct Owner {
    pub(crate) fact: Box<dyn Fn(ConnectionFact)>,
    /// `None` ignores events.
    pub(crate) event: Option<Box<dyn Fn(Event)>>,
}

/// See the module documentation.
pub(crate) struct ConnectionActor {
    port: Rc<Port>,
    coordinator: Rc<CoordinatorPort>,
    owner: Owner,
    settings: ConnectionSettings,
    socket: Socket,
    /// Undoes segments below the envelopes (v5).
    segments: Option<Segments>,
    inbound: Inbound,
    outbound: Outbound,
    in_flight: InFlight,
    heartbeat: Heartbeat,
    /// Nothing was answered yet, and the handshake may have read an envelope.
    has_leftover: bool,
    saturated: bool,
    out_of_service: bool,
    last_abandoned_sweep_us: u64,
}

impl Actor for ConnectionActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.spawn(Pump);
    }
}

/// Puts a connection on stage.
pub(crate) fn start(
    stage: &Stage,
    wire: Wire,
    host: HostIndex,
    settings: ConnectionSettings,
    coordinator: &Rc<CoordinatorPort>,
    owner: Owner,
) -> ConnectionHandle {
    let segments = wire.shape.version.uses_segments();
    let compression = if segments { None } else { wire.compression };
    let place = Place { host, address: wire.address, shard: wire.shard };
    let port = open_port(place, wire.shape, compression, &settings, coordinator);
    let inbound = Inbound::new(settings.max_frame, &wire.leftover);
    let (segments, outbound) = if segments {
        (Some(Segments::new(wire.compression, settings.max_frame)), Outbound::segments(wire.compression))
    } else {
        (None, Outbound::plain(wire.compression))
    };
    let outbound = outbound.lacking(settings.request_extensions.without(wire.shape.request_extensions()));
    stage.start(ConnectionActor {
        port: Rc::clone(&port),
        coordinator: Rc::clone(coordinator),
        owner,
        heartbeat: Heartbeat::new(&settings),
        has_leftover: true,
        settings,
        socket: wire.socket,
        segments,
        inbound,
        outbound,
        in_flight: InFlight::new(),
        saturated: false,
        out_of_service: false,
        last_abandoned_sweep_us: 0,
    });
    port
}

/// Where a connection leads.
struct Place {
    host: HostIndex,
    address: SocketAddr,
    shard: Option<u16>,
}

/// A port that the coordinator watches over.
fn open_port(
    place: Place,
    shape: FrameShape,
    compression: Option<Compression>,
    settings: &ConnectionSettings,
    coordinator: &Rc<CoordinatorPort>,
) -> Rc<Port> {
    let port = Rc::new(Port {
        id: next_id(),
        host: place.host,
        answers_for: Cell::new(place.host),
        address: place.address,
        shard: place.shard,
        shape,
        compression,
        max_frame: settings.max_frame,
        coordinator: Rc::downgrade(coordinator),
        window: settings.window.clamp(1, in_flight::STREAM_IDS as u32 - 1),
        queue: RefCell::new(VecDeque::new()),
        queued: Default::default(),
        in_flight: Default::default(),
        orphans: Default::default(),
        order: Default::default(),
        closed: RefCell::default(),
        waker: KnownWaker::default(),
        woken: Default::default(),
        sweep: Default::default(),
        late_us: Default::default(),
        late_after_us: Default::default(),
        measured: Default::default(),
        stats: RefCell::default(),
    });
    coordinator.register(&port);
    port
}

fn next_id() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

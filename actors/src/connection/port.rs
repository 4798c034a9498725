//! What others on the same reactor hold of a connection.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    net::SocketAddr,
    rc::{Rc, Weak},
};

use chorus_protocol::{Compression, FrameShape};
use chorus_topology::{HostIndex, RoutingQuality};

use super::stats::ConnectionStats;
use crate::{
    coordinator::{CoordinatorPort, Measured},
    reactor::KnownWaker,
    request::{CloseReason, Request},
};

/// Something to put on the wire.
pub(crate) enum Work {
    /// A single request.
    One(Box<Request>),
    /// The rows of a chunk from `next` on.
    Rows {
        /// The chunk's key in the reactor's table.
        chunk: u32,
        /// The first row not sent yet.
        next: u32,
    },
}

/// What a connection is asked to do next time it is polled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Carry on.
    #[default]
    Serve,
    /// Take nothing new, answer what is in flight, then close.
    Drain,
    /// Close now; what is in flight fails.
    Close,
}

/// The mailbox of a connection's data path, and its vital signs. Owned by the connection, shared by `Rc` with the
/// coordinator (which hands it work), the pool (which drains and closes it) and whoever sends internal requests.
pub(crate) struct Port {
    /// Unique in the process.
    pub(crate) id: u64,
    /// The host it leads to. An index nobody else has for connections outside any pool.
    pub(crate) host: HostIndex,
    /// The host that its answers come from: the same, but on the control connection, which belongs to no pool.
    pub(crate) answers_for: Cell<HostIndex>,
    /// The address it was made to.
    pub(crate) address: SocketAddr,
    /// The shard the server put it on.
    pub(crate) shard: Option<u16>,
    /// What was negotiated.
    pub(crate) shape: FrameShape,
    /// How bodies on it are compressed, below v5.
    pub(crate) compression: Option<Compression>,
    /// The largest body accepted, compressed or expanded.
    pub(super) max_frame: u32,
    pub(super) coordinator: Weak<CoordinatorPort>,
    /// The most requests on the wire.
    pub(super) window: u32,
    pub(super) queue: RefCell<VecDeque<Work>>,
    /// Requests and rows in `queue`.
    pub(super) queued: Cell<u32>,
    /// Stream ids in use, answers nobody waits for included.
    pub(super) in_flight: Cell<u32>,
    pub(super) orphans: Cell<u32>,
    pub(super) order: Cell<Order>,
    pub(super) closed: RefCell<Option<CloseReason>>,
    pub(super) waker: KnownWaker,
    /// A wake is under way; further ones are not needed.
    pub(super) woken: Cell<bool>,
    /// The coordinator's tick has come: look at deadlines.
    pub(super) sweep: Cell<bool>,
    /// No request on it is late before this time, microseconds; zero when none can be.
    pub(super) late_us: Cell<u64>,
    /// Set by the coordinator to have late requests looked for: none is within this time of being written.
    pub(super) late_after_us: Cell<u32>,
    /// What its counters amounted to when hosts were last measured.
    pub(crate) measured: Cell<Measured>,
    pub(crate) stats: RefCell<ConnectionStats>,
}

/// A cheap handle to a connection on the same reactor.
pub(crate) type ConnectionHandle = Rc<Port>;

impl Port {
    /// Stream ids in use: the load that power of two choices compares.
    #[inline]
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.get() + self.queued.get()
    }

    /// Answers outstanding that nobody waits for.
    pub(crate) fn orphans(&self) -> u32 {
        self.orphans.get()
    }

    /// Requests waiting for a place on the wire.
    pub(crate) fn queue_depth(&self) -> u32 {
        self.queued.get()
    }

    /// Whether something waits for a place on the wire.
    #[inline]
    pub(super) fn has_queue(&self) -> bool {
        !self.queue.borrow().is_empty()
    }

    /// Whether new work may be handed over: neither closed nor draining, and the queue is shorter than a window.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.order.get() == Order::Serve && self.queued.get() < self.window
    }

    /// Whether it takes work at all, now or once its queue is shorter.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.order.get() == Order::Serve
    }

    /// Whether the socket is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.borrow().is_some()
    }

    /// Why the socket was closed, once it is.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.closed.borrow().clone()
    }

    /// How well a request for `shard` is routed that goes here and was planned as well as `planned` says.
    #[inline]
    pub(crate) fn routes(&self, shard: Option<u16>, planned: RoutingQuality) -> RoutingQuality {
        match planned {
            RoutingQuality::ReplicaShard if self.shard != shard => RoutingQuality::ReplicaOtherShard,
            planned => planned,
        }
    }

    /// Hands over work. The connection must be open: whoever hands over checks first, because a dead
    /// connection's queue would still accept.
    #[inline(always)]
    pub(crate) fn push(&self, work: Work, requests: u32) {
        debug_assert!(!self.is_closed());
        self.queue.borrow_mut().push_back(work);
        self.queued.set(self.queued.get() + requests);
        self.wake();
    }

    /// Takes out what waits for a place on the wire.
    pub(crate) fn take_queue(&self) -> VecDeque<Work> {
        self.queued.set(0);
        self.queue.take()
    }

    /// Takes nothing new from now on, closes when everything in flight is answered.
    pub(crate) fn drain(&self) {
        self.order.set(self.order.get().max(Order::Drain));
        self.wake();
    }

    /// Closes now; what is in flight fails with `written` told truthfully.
    pub(crate) fn close(&self) {
        self.order.set(Order::Close);
        self.wake();
    }

    /// Asks it to look at its deadlines.
    pub(crate) fn sweep(&self) {
        self.sweep.set(true);
        self.wake();
    }

    #[inline(always)]
    pub(super) fn wake(&self) {
        if !self.woken.replace(true) {
            self.waker.wake();
        }
    }

    /// Whether `flags` announce a compressed body that is compressed as was agreed.
    pub(super) fn compresses(&self, frame_flags: u8) -> bool {
        self.compression.is_some() && frame_flags & chorus_protocol::flags::COMPRESSED != 0
    }

    /// Undoes the compression that `flags` announce. Runs wherever the body is decoded, not on the reactor.
    pub(crate) fn decompress(&self, frame_flags: u8, body: bytes::Bytes) -> Result<bytes::Bytes, String> {
        match self.compression {
            Some(compression) if frame_flags & chorus_protocol::flags::COMPRESSED != 0 => compression
                .decompress_body(&body, self.max_frame as usize)
                .map(bytes::Bytes::from)
                .map_err(|error| error.to_string()),
            _ => Ok(body),
        }
    }
}

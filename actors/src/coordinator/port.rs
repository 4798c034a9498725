//! The coordinator's desk: where connections and pools of the same reactor hand things over.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    sync::Arc,
    task::Waker,
};

use chorus_protocol::response::ErrorBody;
use chorus_topology::{HostIndex, Route};

use super::{
    pools::Pools,
    service::{Lesson, Teacher},
    stats::CoordinatorStats,
    tablets::TabletNews,
};
use crate::{
    bulk::Chunk,
    connection::{ConnectionHandle, Port},
    metrics::Pulse,
    reactor::{Callers, Clock, KnownWaker, Relay, Stage},
    request::{CloseReason, Outcome, Request, RequestErrorKind, RowHome},
};

/// Why an attempt failed.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// The server said so.
    Database(ErrorBody),
    /// The connection broke.
    ConnectionLost { reason: CloseReason, written: bool },
    /// The deadline of the whole request passed.
    Timeout { written: bool },
    /// Its connection was replaced before it could be written.
    Returned,
}

impl Cause {
    /// Whether the attempt was on the wire.
    pub(super) fn is_written(&self) -> bool {
        match self {
            Self::Database(_) => true,
            Self::ConnectionLost { written, .. } | Self::Timeout { written } => *written,
            Self::Returned => false,
        }
    }
}

/// An attempt that failed, for the coordinator to judge.
pub(super) struct Failed {
    pub(super) request: Box<Request>,
    pub(super) cause: Cause,
    pub(super) connection: ConnectionHandle,
}

/// The answer to a PREPARE of the coordinator's own.
pub(super) struct Reprepared {
    pub(super) request: Box<Request>,
    pub(super) connection: Option<ConnectionHandle>,
}

/// State shared by everything on one reactor's data path. Calls are plain function calls on one thread; whatever
/// needs a decision is noted here and the coordinator is woken.
pub(crate) struct CoordinatorPort {
    clock: Rc<Clock>,
    relay: Option<Relay>,
    relay_filled: Cell<bool>,
    callers: Rc<Callers>,
    pub(super) pools: RefCell<Pools>,
    pub(super) chunks: RefCell<slab::Slab<Box<Chunk>>>,
    pub(super) failed: RefCell<VecDeque<Failed>>,
    pub(super) reprepared: RefCell<Vec<Reprepared>>,
    /// Copies of late requests.
    // Boxes, because boxes are what travels.
    #[expect(clippy::vec_box)]
    pub(super) late: RefCell<Vec<Box<Request>>>,
    /// Every connection of the reactor, the control connection included.
    pub(super) connections: RefCell<Vec<Weak<Port>>>,
    pub(super) route: RefCell<Option<Arc<Route>>>,
    pub(super) stats: RefCell<CoordinatorStats>,
    /// The coordinator holds back work for want of room.
    pub(super) starving: Cell<bool>,
    pub(super) room: Cell<bool>,
    /// A connection came, or what is known of hosts has changed.
    pub(super) news: Cell<bool>,
    /// The control connection, on its reactor, if requests may go there.
    pub(super) control: RefCell<Option<ConnectionHandle>>,
    /// How pools are asked to have their hosts prepare a statement in a keyspace that none of their connections uses.
    pub(super) teachers: RefCell<Vec<(HostIndex, Teacher)>>,
    /// What came of that: the lesson, and whether the host knows the statement now.
    pub(super) taught: RefCell<Vec<(Lesson, bool)>>,
    pub(super) waker: KnownWaker,
    woken: Cell<bool>,
    pub(super) panics: Rc<RefCell<Vec<(&'static str, u64)>>>,
    pulse: Rc<Pulse>,
    tablets: TabletNews,
}

impl CoordinatorPort {
    pub(crate) fn new(stage: &Stage, relay: Option<Relay>) -> Rc<Self> {
        Rc::new(Self {
            clock: Rc::clone(stage.clock()),
            callers: Rc::clone(stage.callers()),
            relay,
            relay_filled: Cell::new(false),
            pools: RefCell::default(),
            chunks: RefCell::default(),
            failed: RefCell::default(),
            reprepared: RefCell::default(),
            late: RefCell::default(),
            connections: RefCell::default(),
            route: RefCell::default(),
            stats: RefCell::default(),
            starving: Cell::new(false),
            room: Cell::new(false),
            news: Cell::new(false),
            control: RefCell::default(),
            teachers: RefCell::default(),
            taught: RefCell::default(),
            waker: KnownWaker::default(),
            woken: Cell::new(false),
            panics: Rc::clone(stage.panics()),
            pulse: Rc::clone(stage.pulse()),
            tablets: TabletNews::default(),
        })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn callers(&self) -> &Callers {
        &self.callers
    }

    pub(super) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// A request was answered, and not with an error.
    #[inline(always)]
    pub(crate) fn answered(&self, request: Box<Request>) {
        if request.progress.reprepare {
            let connection = self.connection_of(&request);
            self.reprepared.borrow_mut().push(Reprepared { request, connection });
            self.wake();
            return;
        }
        if request.race_is_over() {
            self.cancelled(request);
            return;
        }
        let now = self.clock.now_us();
        self.stats.borrow_mut().succeeded(&request, now);
        self.finish(request);
    }

    /// An attempt failed.
    pub(crate) fn failed(&self, request: Box<Request>, cause: Cause, connection: &ConnectionHandle) {
        self.failed.borrow_mut().push_back(Failed { request, cause, connection: Rc::clone(connection) });
        self.wake();
    }

    /// A request is late: takes a copy of it to send elsewhere.
    pub(crate) fn late(&self, request: &mut Request) {
        if let Some(copy) = request.understudy() {
            self.late.borrow_mut().push(copy);
            self.wake();
        }
    }

    /// The caller of a request left, or another attempt at it was answered.
    pub(crate) fn cancelled(&self, request: Box<Request>) {
        self.stats.borrow_mut().speculative_wasted += u64::from(request.progress.ahead_of_answer);
        // The request is counted once, by whoever ended it.
        if request.progress.race.is_some() && !request.end_race() {
            return;
        }
        self.stats.borrow_mut().cancelled(&request);
        drop(request.finish());
    }

    /// A connection has room again.
    #[inline]
    pub(crate) fn made_room(&self) {
        if self.starving.get() {
            self.room.set(true);
            self.wake();
        }
    }

    /// Something was put in flight without the coordinator: let it start its tick.
    pub(crate) fn keep_time(&self) {
        self.wake();
    }

    /// What answers told of tablets.
    pub(crate) fn tablets(&self) -> &TabletNews {
        &self.tablets
    }

    /// Delivers the wakes collected for another runtime.
    #[inline]
    pub(crate) fn flush_wakes(&self) {
        if self.relay_filled.take()
            && let Some(relay) = &self.relay
        {
            relay.flush();
        }
    }

    /// Ends a request with an error; or only an attempt, while others at the same request are under way.
    pub(super) fn fail(&self, mut request: Box<Request>, kind: RequestErrorKind) {
        if request.race_is_over() {
            self.cancelled(request);
            return;
        }
        let all = kind.is_that_of_every_attempt();
        self.stats.borrow_mut().speculative_wasted += u64::from(request.progress.ahead_of_answer);
        let Some(kind) = request.leave_race(kind, all) else { return };
        self.stats.borrow_mut().failed(&request, &kind, self.clock.now_us());
        request.outcome = request.failure(kind);
        self.finish(request);
    }

    /// Gives an ended request to whoever waits: its caller, or the chunk it was a row of.
    #[inline(always)]
    fn finish(&self, mut request: Box<Request>) {
        match request.progress.row {
            None => {
                if let Some(waker) = request.finish() {
                    self.wake_caller(waker);
                }
            }
            Some(RowHome { chunk, row }) => self.rows_finished(chunk, 1, |chunk| {
                chunk.retries += u64::from(request.progress.retries);
                match std::mem::replace(&mut request.outcome, Outcome::Pending) {
                    Outcome::Answered { opcode, flags, host } => {
                        let body = request.large_body.as_deref().unwrap_or(&request.body);
                        chunk.store(row, opcode, flags, host, body);
                    }
                    Outcome::Done { .. } => {}
                    Outcome::Failed(error) => chunk.failures.push((row, error)),
                    Outcome::Pending => chunk.failures.push((row, RequestErrorKind::EngineLost.into())),
                }
            }),
        }
    }

    fn connection_of(&self, request: &Request) -> Option<ConnectionHandle> {
        let id = request.progress.connection;
        self.connections.borrow().iter().filter_map(Weak::upgrade).find(|port| port.id == id)
    }

    #[inline(always)]
    pub(super) fn wake_caller(&self, waker: Waker) {
        match &self.relay {
            Some(relay) => {
                relay.push(waker);
                self.relay_filled.set(true);
            }
            None => {
                self.callers.woke();
                waker.wake();
            }
        }
    }

    pub(super) fn wake(&self) {
        if !self.woken.replace(true) {
            self.waker.wake();
        }
    }

    /// Whether connections or pools have handed something over that needs a decision.
    #[inline]
    pub(super) fn has_returns(&self) -> bool {
        !self.failed.borrow().is_empty()
            || !self.reprepared.borrow().is_empty()
            || !self.late.borrow().is_empty()
            || !self.taught.borrow().is_empty()
    }

    /// Called when the coordinator is polled. Whether it is by another waker than before.
    pub(super) fn awoken(&self, waker: &Waker) -> bool {
        self.woken.set(false);
        self.waker.remember(waker)
    }

    /// Requests that ended well and otherwise, since the reactor started.
    pub(super) fn ended(&self) -> (u64, u64) {
        let stats = self.stats.borrow();
        let ok = stats.requests.iter().map(|kind| kind[0]).sum();
        let all: u64 = stats.requests.iter().flatten().sum();
        (ok, all - ok)
    }
}

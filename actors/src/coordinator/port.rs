//! The coordinator's desk: where connections and pools of the same reactor hand things over.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    sync::Arc,
    task::Waker,
};

use chorus_protocol::{FrameHeader, STREAM_OFFSET, response::ErrorBody};
use chorus_topology::{HostIndex, Route, TableId};

use super::{pools::Pools, stats::CoordinatorStats, tablets::TabletNews};
use crate::{
    bulk::Chunk,
    connection::{ConnectionHandle, InFlight, Occupant, Outbound, Port, Work},
    metrics::Pulse,
    reactor::{Callers, Clock, Relay, Stage, deadline_after},
    request::{CloseReason, Outcome, Preparation, Request, RequestErrorKind, RowHome},
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

/// A statement that a host is to prepare in the keyspace it was prepared in first, which is not that of its connections.
#[derive(Clone, Debug)]
pub(crate) struct Lesson {
    pub(crate) statement: Arc<Preparation>,
    /// The connection whose requests wait for it.
    pub(super) connection: u64,
}

/// Takes a lesson to a pool.
pub(crate) type Teacher = Box<dyn Fn(Lesson)>;

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
    teachers: RefCell<Vec<(HostIndex, Teacher)>>,
    /// What came of that: the lesson, and whether the host knows the statement now.
    pub(super) taught: RefCell<Vec<(Lesson, bool)>>,
    pub(super) waker: RefCell<Option<Waker>>,
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
            waker: RefCell::default(),
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

    // ---- control: called by pools and the cluster actor's messages

    /// Takes a connection into service.
    pub(crate) fn add_connection(&self, connection: ConnectionHandle) {
        self.pools.borrow_mut().add(connection);
        self.room.set(true);
        self.news.set(true);
        self.wake();
    }

    /// Notes how many connections there should be to a host.
    pub(crate) fn set_target(&self, host: HostIndex, target: u32) {
        self.pools.borrow_mut().set_target(host, target);
    }

    /// Counts a dial by what came of it.
    pub(crate) fn dialled(&self, result: &'static str) {
        self.stats.borrow_mut().dialled(result);
    }

    /// Takes a connection out of service. What it holds is its own business.
    pub(crate) fn remove_connection(&self, connection: &ConnectionHandle) {
        self.pools.borrow_mut().remove(connection.host, connection.id);
    }

    /// Takes back what a connection that is leaving has not begun to send: its replacement sends it.
    pub(crate) fn reclaim(&self, connection: &ConnectionHandle) {
        for work in connection.take_queue() {
            match work {
                Work::One(request) => self.failed(request, Cause::Returned, connection),
                Work::Rows { chunk, next } => {
                    self.rows_unsent(chunk, next, Cause::Returned, connection);
                }
            }
        }
    }

    /// Replaces what the coordinator knows of the cluster.
    pub(crate) fn set_route(&self, route: Arc<Route>) {
        self.pools.borrow_mut().set_route(&route);
        *self.route.borrow_mut() = Some(route);
        self.room.set(true);
        self.news.set(true);
        self.wake();
    }

    /// The control connection that requests may go to when there is no other. Called on its reactor.
    pub(crate) fn set_control(&self, control: Option<ConnectionHandle>) {
        *self.control.borrow_mut() = control;
        self.news.set(true);
        self.wake();
    }

    /// A pool came, or went.
    pub(crate) fn set_teacher(&self, host: HostIndex, teacher: Option<Teacher>) {
        let mut teachers = self.teachers.borrow_mut();
        teachers.retain(|(known, _)| *known != host);
        teachers.extend(teacher.map(|teacher| (host, teacher)));
    }

    /// Whether there is a pool for a host on this reactor.
    pub(super) fn has_pool(&self, host: HostIndex) -> bool {
        self.teachers.borrow().iter().any(|(known, _)| *known == host)
    }

    /// Asks the pool of a host to give a lesson. False when there is none.
    pub(super) fn teach(&self, host: HostIndex, lesson: Lesson) -> bool {
        let teachers = self.teachers.borrow();
        let teacher = teachers.iter().find(|(known, _)| *known == host);
        teacher.map(|(_, teach)| teach(lesson)).is_some()
    }

    /// From a pool: a lesson is over.
    pub(crate) fn taught(&self, lesson: Lesson, learned: bool) {
        self.taught.borrow_mut().push((lesson, learned));
        self.wake();
    }

    /// Counts a connection among those whose deadlines are swept. Called when it starts.
    pub(crate) fn register(&self, port: &Rc<Port>) {
        self.connections.borrow_mut().push(Rc::downgrade(port));
    }

    /// The opposite, when it ends.
    pub(crate) fn unregister(&self, port: &Rc<Port>) {
        self.connections
            .borrow_mut()
            .retain(|known| known.strong_count() > 0 && known.as_ptr() != Rc::as_ptr(port));
        self.pools.borrow_mut().remove(port.host, port.id);
        let hosts = match &*self.route.borrow() {
            Some(route) if route.host(port.host).is_some() => route.hosts().len(),
            _ => 0,
        };
        self.stats.borrow_mut().retire(port, hosts);
        self.wake();
    }

    // ---- data: called by connections

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

    /// The table of a row under way.
    pub(crate) fn table_of_row(&self, chunk: u32, row: u32) -> Option<TableId> {
        self.chunks.borrow()[chunk as usize].options(row).table
    }

    /// Rows of a chunk were acknowledged.
    #[inline]
    pub(crate) fn rows_applied(&self, chunk: u32, rows: u32) {
        self.rows_finished(chunk, rows, |_| {});
    }

    /// A row was answered with something to keep.
    pub(crate) fn row_answered(
        &self,
        chunk: u32,
        row: u32,
        header: &FrameHeader,
        body: &[u8],
        host: HostIndex,
    ) {
        self.rows_finished(chunk, 1, |chunk| chunk.store(row, header.opcode, header.flags, host, body));
    }

    /// A row failed: from here it travels as a request of its own.
    pub(crate) fn row_failed(&self, chunk: u32, row: u32, cause: Cause, connection: &ConnectionHandle) {
        let request = self.row_request(chunk, row, connection.host);
        self.failed(request, cause, connection);
    }

    /// The rows from `next` on were never written.
    /// Returns how many they are.
    pub(crate) fn rows_unsent(
        &self,
        chunk: u32,
        next: u32,
        cause: Cause,
        connection: &ConnectionHandle,
    ) -> u32 {
        let rows = self.chunks.borrow()[chunk as usize].len();
        for row in next..rows {
            self.row_failed(chunk, row, cause.clone(), connection);
        }
        rows - next
    }

    /// Whether the rows of a chunk from `next` on have waited too long to be sent at all.
    pub(crate) fn rows_expired(&self, chunk: u32, next: u32, now: u64) -> bool {
        let chunks = self.chunks.borrow();
        let chunk = &chunks[chunk as usize];
        let deadline = deadline_after(chunk.stamps.admitted_us, chunk.options(next).timeout);
        deadline != 0 && deadline <= now
    }

    /// Writes rows of a chunk from `first` on, at most `room`, and returns how many and whether that was all.
    pub(crate) fn send_rows(
        &self,
        chunk: u32,
        first: u32,
        room: usize,
        now: u64,
        outbound: &mut Outbound,
        in_flight: &mut InFlight,
    ) -> (u32, bool) {
        let mut chunks = self.chunks.borrow_mut();
        let Chunk { bytes, rows, runs, stamps, .. } = &mut *chunks[chunk as usize];
        let admitted_us = stamps.admitted_us;
        if first == 0 {
            stamps.written_us = now;
        }
        let last = (first as usize).saturating_add(room).min(rows.len());
        let run_start = if first == 0 { 0 } else { rows[first as usize - 1].end as usize };
        let mut start = run_start;
        let mut run = runs.partition_point(|run| run.end <= first);
        let verbatim = outbound.is_verbatim();
        let mut row = first;
        let mut deadline = 0;
        let mut deadline_until = 0;
        for mark in &rows[first as usize..last] {
            if !verbatim && !outbound.has_room() {
                break;
            }
            if row >= deadline_until {
                deadline = deadline_after(admitted_us, runs[run].options.timeout);
                deadline_until = runs[run].end;
                run += 1;
            }
            let Some(stream) = in_flight.reserve() else { break };
            in_flight.occupy(stream, Occupant::Row { chunk, row }, now, deadline);
            let end = mark.end as usize;
            if verbatim {
                bytes[start + STREAM_OFFSET..start + STREAM_OFFSET + 2]
                    .copy_from_slice(&stream.to_be_bytes());
            } else {
                outbound.append(&bytes[start..end], stream);
            }
            start = end;
            row += 1;
        }
        if verbatim && row > first {
            outbound.append_verbatim(&bytes[run_start..start], row - first);
        }
        (row - first, row as usize == rows.len())
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

    // ---- for the coordinator itself

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

    #[inline]
    fn rows_finished(&self, key: u32, rows: u32, note: impl FnOnce(&mut Chunk)) {
        let mut chunks = self.chunks.borrow_mut();
        let chunk = &mut chunks[key as usize];
        note(chunk);
        chunk.remaining -= rows;
        if chunk.remaining == 0 {
            let chunk = chunks.remove(key as usize);
            drop(chunks);
            self.stats.borrow_mut().chunk_done(&chunk, self.clock.now_us());
            if let Some(waker) = chunk.finish() {
                self.wake_caller(waker);
            }
        }
    }

    /// A row was destroyed on its way.
    pub(super) fn lose_row(&self, RowHome { chunk, row }: RowHome) {
        if self.chunks.borrow().contains(chunk as usize) {
            self.rows_finished(chunk, 1, |chunk| {
                chunk.failures.push((row, RequestErrorKind::EngineLost.into()))
            });
        }
    }

    fn row_request(&self, chunk: u32, row: u32, host: HostIndex) -> Box<Request> {
        let chunks = self.chunks.borrow();
        let source = &chunks[chunk as usize];
        let mut request = Box::new(Request::new());
        request.frame.extend_from_slice(&source.bytes[source.span(row)]);
        request.frame[STREAM_OFFSET..STREAM_OFFSET + 2].fill(0);
        request.options = source.options(row).as_ref().clone();
        request.options.token = source.rows[row as usize].token;
        request.progress.stamps = source.stamps;
        request.progress.deadline_us = deadline_after(source.stamps.admitted_us, request.options.timeout);
        request.progress.row = Some(RowHome { chunk, row });
        request.progress.host = Some(host);
        request.progress.tried.push(host);
        request.progress.by_control =
            self.control.borrow().as_ref().is_some_and(|control| control.host == host);
        request
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
        if !self.woken.replace(true)
            && let Some(waker) = self.waker.borrow().as_ref()
        {
            waker.wake_by_ref();
        }
    }

    /// Called when the coordinator is polled.
    pub(super) fn awoken(&self, waker: &Waker) {
        self.woken.set(false);
        let mut known = self.waker.borrow_mut();
        match &*known {
            Some(current) if current.will_wake(waker) => {}
            _ => *known = Some(waker.clone()),
        }
    }
}

// ---- counting
impl CoordinatorPort {
    /// Every connection that is open, the control connection included.
    pub(super) fn open_connections(&self) -> impl Iterator<Item = ConnectionHandle> {
        let open: Vec<_> = self.connections.borrow().iter().filter_map(Weak::upgrade).collect();
        open.into_iter()
    }

    /// Shows `look` one open connection after the other until it says yes. Unlike
    /// [`open_connections`](Self::open_connections) it allocates nothing, and `look` must not open or close any.
    pub(super) fn any_open(&self, mut look: impl FnMut(&Port) -> bool) -> bool {
        self.connections.borrow().iter().filter_map(Weak::upgrade).any(|connection| look(&connection))
    }

    /// Requests that ended well and otherwise, since the reactor started.
    pub(super) fn ended(&self) -> (u64, u64) {
        let stats = self.stats.borrow();
        let ok = stats.requests.iter().map(|kind| kind[0]).sum();
        let all: u64 = stats.requests.iter().flatten().sum();
        (ok, all - ok)
    }
}

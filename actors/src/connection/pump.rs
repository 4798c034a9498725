//! The one future a connection lives in: read, answer, fill, write, until there is nothing left to do.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as Task, Poll},
    time::Duration,
};

use actix::{ActorContext, ActorFuture, Context};
use bytes::Bytes;
use chorus_protocol::{
    FrameError, FrameHeader, Opcode, begin_frame, finish_frame, flags,
    response::{DbError, Envelope, ErrorBody, Response},
};
use tokio::{io::AsyncWrite, time::Sleep};

use super::{
    ConnectionActor, ConnectionFact, ConnectionSettings, Order, Work,
    in_flight::{Occupant, Taken},
    inbound::{Body, Inbound},
    older::put_metadata_id,
};
use crate::{
    coordinator::Cause,
    metrics::FailureReason,
    reactor::deadline_after,
    request::{CloseReason, Outcome, Request},
};

/// Bodies up to this size are copied into the request's own buffer; larger ones get an allocation of their own.
const INLINE_BODY: usize = 2 * 1024;
/// Reads in one poll before other actors get their turn.
const READS_PER_POLL: usize = 16;
/// Bytes of an envelope that is not whole yet which show that it is on its way.
const PROGRESS: usize = 4 * 1024;
/// How often callers that left are looked for.
const ABANDONED_SWEEP_US: u64 = 100_000;
/// `[int]` kind 1 of a RESULT: void.
const VOID: [u8; 4] = [0, 0, 0, 1];

/// Registered once by the actor; ends with the connection.
pub(super) struct Pump;

impl ActorFuture<ConnectionActor> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        connection: &mut ConnectionActor,
        context: &mut Context<ConnectionActor>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        match connection.advance(task) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => {
                connection.close(CloseReason::Shutdown);
                context.stop();
                Poll::Ready(())
            }
            Err(reason) => {
                connection.close(reason);
                context.stop();
                Poll::Ready(())
            }
        }
    }
}

impl From<FrameError> for CloseReason {
    fn from(error: FrameError) -> Self {
        Self::Protocol(error.to_string())
    }
}

impl ConnectionActor {
    /// Ready when a drain is complete, an error when the connection broke.
    fn advance(&mut self, task: &mut Task<'_>) -> Result<Poll<()>, CloseReason> {
        self.port.woken.set(false);
        self.remember_waker(task);
        if self.port.order.get() == Order::Close {
            return Err(CloseReason::Shutdown);
        }
        for round in 0.. {
            let read = self.read(task)?;
            if self.port.sweep.take() {
                self.sweep();
            }
            self.fill();
            self.write(task)?;
            self.publish();
            if !read {
                break;
            }
            if round == READS_PER_POLL {
                task.waker().wake_by_ref();
                break;
            }
        }
        self.beat(task)?;
        if self.port.order.get() == Order::Drain
            && self.in_flight.len() == self.in_flight.orphans() as usize
            && self.port.queue.borrow().is_empty()
            && self.outbound.is_empty()
        {
            return Ok(Poll::Ready(()));
        }
        Ok(Poll::Pending)
    }

    fn remember_waker(&self, task: &Task<'_>) {
        let mut known = self.port.waker.borrow_mut();
        match &*known {
            Some(waker) if waker.will_wake(task.waker()) => {}
            _ => *known = Some(task.waker().clone()),
        }
    }

    /// Reads once and answers. True when there may be more to read, in which case the socket will not wake us.
    fn read(&mut self, task: &mut Task<'_>) -> Result<bool, CloseReason> {
        let socket = Pin::new(&mut self.socket);
        let polled = match &mut self.segments {
            None => self.inbound.poll_read(socket, task),
            Some(segments) => segments.poll_read(socket, task),
        };
        let read = match polled {
            Poll::Pending => None,
            Poll::Ready(Err(error)) => return Err(CloseReason::of(&error)),
            Poll::Ready(Ok(length)) => Some(length),
        };
        if let (Some(_), Some(segments)) = (read, &mut self.segments) {
            segments.pass_on(&mut self.inbound)?;
        }
        match read {
            Some(0) => return Err(CloseReason::Peer),
            Some(length) => {
                self.coordinator.clock().refresh();
                self.coordinator.callers().stir();
                self.heartbeat.heard(length);
                let mut stats = self.port.stats.borrow_mut();
                stats.reads += 1;
                stats.bytes_received += length as u64;
            }
            None => {}
        }
        let mut inbound = std::mem::replace(&mut self.inbound, Inbound::empty());
        let before = self.port.stats.borrow().answers;
        self.acknowledge(&mut inbound);
        let answered = inbound.envelopes(|header, body| self.answer(header, body));
        if inbound.take_delivered() {
            self.heartbeat.understood();
        }
        self.inbound = inbound;
        if read.is_some() {
            let mut stats = self.port.stats.borrow_mut();
            let brought = stats.answers - before;
            if brought > 0 {
                stats.frames_per_read.record(brought);
            }
        }
        answered?;
        Ok(read.is_some())
    }

    fn answer(&mut self, header: FrameHeader, body: Body<'_>) -> Result<(), CloseReason> {
        let acceptable = header.response
            && header.version == self.port.shape.version.as_u8()
            && is_response(header.opcode)
            && (header.opcode != Opcode::Event as u8 || header.stream < 0)
            && (header.flags & flags::COMPRESSED == 0 || self.may_be_compressed());
        if !acceptable {
            return Err(self.refusal(&header));
        }
        if header.stream < 0 {
            self.event(&header, body);
            return Ok(());
        }
        let Some(Taken { occupant, written_us }) = self.in_flight.answer(header.stream) else {
            self.port.stats.borrow_mut().unknown_streams += 1;
            tracing::debug!(stream = header.stream, address = %self.port.address, "an answer nobody asked for");
            return Ok(());
        };
        let failed = header.opcode == Opcode::Error as u8;
        let now = self.coordinator.clock().now_us();
        {
            let mut stats = self.port.stats.borrow_mut();
            stats.answers += 1;
            stats.server_errors += u64::from(failed);
            stats.service.record(now.saturating_sub(written_us));
        }
        if header.flags & flags::CUSTOM_PAYLOAD != 0 {
            self.note_payload(&header, body.as_slice(), &occupant);
        }
        match occupant {
            Occupant::Free => {}
            Occupant::Orphan { .. } => {
                let mut stats = self.port.stats.borrow_mut();
                stats.late_answers += 1;
                stats.server_errors -= u64::from(failed);
            }
            Occupant::Heartbeat => {
                self.port.stats.borrow_mut().heartbeats_answered += 1;
                self.heartbeat.answered();
                if failed {
                    self.error(&header, body.as_slice());
                }
            }
            Occupant::Row { chunk, row } => {
                if failed {
                    let error = self.error(&header, body.as_slice());
                    self.coordinator.row_failed(chunk, row, Cause::Database(error), &self.port);
                } else if header.flags == 0 && body.as_slice() == VOID {
                    self.coordinator.rows_applied(chunk, 1);
                } else {
                    self.coordinator.row_answered(
                        chunk,
                        row,
                        &header,
                        body.as_slice(),
                        self.port.answers_for.get(),
                    );
                }
            }
            Occupant::Request(mut request) => {
                if failed {
                    // Whatever it says, a protocol error included: a server that cannot go on closes the connection itself,
                    // and one that dislikes a paging state goes on with the neighbours.
                    let error = self.error(&header, body.as_slice());
                    self.coordinator.failed(request, Cause::Database(error), &self.port);
                    return Ok(());
                }
                if self.outbound.lacks_metadata_ids()
                    && !request.progress.direct
                    && !request.progress.reprepare
                {
                    self.answer_older(request, &header, body.as_slice());
                    return Ok(());
                }
                match body {
                    Body::Borrowed(bytes) if bytes.len() <= INLINE_BODY => {
                        request.body.clear();
                        request.body.extend_from_slice(bytes);
                    }
                    Body::Borrowed(bytes) => request.large_body = Some(Bytes::copy_from_slice(bytes)),
                    Body::Owned(bytes) => request.large_body = Some(bytes),
                }
                request.outcome = Outcome::Answered {
                    opcode: header.opcode,
                    flags: header.flags,
                    host: self.port.answers_for.get(),
                };
                self.coordinator.answered(request);
            }
        }
        Ok(())
    }

    /// The answer of a server that lacks what the session's frames have; see [`older`](super::older).
    #[cold]
    fn answer_older(&self, mut request: Box<Request>, header: &FrameHeader, body: &[u8]) {
        let plain = self.plain(header.flags, body);
        let rewritten = plain.ok().and_then(|body| put_metadata_id(header.flags, body));
        let (frame_flags, body) = rewritten.unwrap_or_else(|| (header.flags, body.to_vec()));
        request.large_body = Some(body.into());
        request.outcome = Outcome::Answered {
            opcode: header.opcode,
            flags: frame_flags,
            host: self.port.answers_for.get(),
        };
        self.coordinator.answered(request);
    }

    /// Settles the rows and requests at the front of what was read that were simply done, which is all that a writer gets.
    fn acknowledge(&mut self, inbound: &mut Inbound) {
        let now = self.coordinator.clock().now_us();
        let version = self.port.shape.version.as_u8();
        let (in_flight, coordinator, host) =
            (&mut self.in_flight, &self.coordinator, self.port.answers_for.get());
        let mut stats = self.port.stats.borrow_mut();
        // Rows of one chunk follow one another.
        let (mut chunk, mut rows) = (0, 0);
        inbound.acknowledgements(version, |stream| {
            let Some(Taken { occupant, written_us }) = in_flight.acknowledge(stream) else { return false };
            stats.service.record(now.saturating_sub(written_us));
            let key = match occupant {
                Occupant::Row { chunk, .. } => chunk,
                Occupant::Request(mut request) => {
                    stats.answers += 1;
                    request.outcome = Outcome::Done { host };
                    coordinator.answered(request);
                    return true;
                }
                _ => unreachable!("nothing else is acknowledged"),
            };
            if key != chunk && rows > 0 {
                stats.answers += u64::from(rows);
                coordinator.rows_applied(chunk, rows);
                rows = 0;
            }
            chunk = key;
            rows += 1;
            true
        });
        if rows > 0 {
            stats.answers += u64::from(rows);
            coordinator.rows_applied(chunk, rows);
        }
    }

    fn may_be_compressed(&self) -> bool {
        self.port.compression.is_some() || self.port.shape.version.uses_segments()
    }

    /// Why an answer with this header breaks the protocol.
    #[cold]
    fn refusal(&self, header: &FrameHeader) -> CloseReason {
        let ours = self.port.shape.version.as_u8();
        CloseReason::Protocol(if !header.response {
            "a request came where an answer should".into()
        } else if header.version != ours {
            format!("an answer of protocol version {} on a connection of version {ours}", header.version)
        } else if !is_response(header.opcode) {
            format!("unknown opcode {:#04x} in an answer", header.opcode)
        } else if header.opcode == Opcode::Event as u8 && header.stream >= 0 {
            "an event came where an answer should".into()
        } else {
            "a compressed answer, although no compression was agreed".into()
        })
    }

    /// Decodes an ERROR, and leaves the server alone if that is what it wants.
    fn error(&mut self, header: &FrameHeader, body: &[u8]) -> ErrorBody {
        let error = self.decode_error(header, body);
        if error.is_out_of_service() && !std::mem::replace(&mut self.out_of_service, true) {
            tracing::debug!(address = %self.port.address, message = error.message, "the server serves nobody");
            self.port.drain();
            // What was not written yet would be refused as well.
            self.coordinator.reclaim(&self.port);
            (self.owner.fact)(ConnectionFact::OutOfService { id: self.port.id });
        }
        error
    }

    /// One that cannot be understood is an error all the same, with as much of its words as can be read.
    fn decode_error(&self, header: &FrameHeader, body: &[u8]) -> ErrorBody {
        let open = || -> Result<Bytes, String> {
            let body = self.plain(header.flags, body)?;
            Ok(Envelope::split(header.flags, body).map_err(|error| error.to_string())?.body)
        };
        let decode = |body: &Bytes| match Response::decode(header.opcode, body.clone(), &self.port.shape) {
            Ok(Response::Error(error)) => Ok(error),
            Ok(_) => Err("not an error".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let unreadable =
            |what: String| format!("the server answered with an error that cannot be read: {what}");
        let error = match open() {
            Ok(body) => decode(&body).unwrap_or_else(|what| match ErrorBody::decode_head(&body) {
                Ok(head) => ErrorBody { message: format!("{} ({})", head.message, unreadable(what)), ..head },
                Err(_) => ErrorBody::new(DbError::ServerError, unreadable(what)),
            }),
            Err(what) => ErrorBody::new(DbError::ServerError, unreadable(what)),
        };
        self.port.stats.borrow_mut().errors[FailureReason::of(&error.error) as usize] += 1;
        error
    }

    pub(super) fn plain(&self, frame_flags: u8, body: &[u8]) -> Result<Bytes, String> {
        match self.port.compression {
            Some(compression) if frame_flags & flags::COMPRESSED != 0 => compression
                .decompress_body(body, self.settings.max_frame as usize)
                .map(Bytes::from)
                .map_err(|error| error.to_string()),
            _ => Ok(Bytes::copy_from_slice(body)),
        }
    }

    fn event(&self, header: &FrameHeader, body: Body<'_>) {
        if header.opcode != Opcode::Event as u8 {
            self.port.stats.borrow_mut().unknown_streams += 1;
            return;
        }
        let Some(sink) = &self.owner.event else { return };
        let decoded = self.plain(header.flags, body.as_slice()).and_then(|body| {
            let envelope = Envelope::split(header.flags, body).map_err(|error| error.to_string())?;
            Response::decode(header.opcode, envelope.body, &self.port.shape)
                .map_err(|error| error.to_string())
        });
        match decoded {
            Ok(Response::Event(event)) => sink(event),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(address = %self.port.address, %error, "ignored an event that cannot be read");
            }
        }
    }

    /// Moves work from the queue to the write buffer while the window is open.
    fn fill(&mut self) {
        let now = self.coordinator.clock().now_us();
        let window = self.port.window as usize;
        let mut taken = 0;
        while self.in_flight.len() < window && self.outbound.has_room() {
            let Some(work) = self.port.queue.borrow_mut().pop_front() else { break };
            match work {
                Work::One(request) => {
                    taken += 1;
                    self.send(request, now);
                }
                Work::Rows { chunk, next } => {
                    let room = window - self.in_flight.len();
                    let (outbound, in_flight) = (&mut self.outbound, &mut self.in_flight);
                    let (sent, finished) =
                        self.coordinator.send_rows(chunk, next, room, now, outbound, in_flight);
                    taken += sent;
                    self.port.stats.borrow_mut().requests += u64::from(sent);
                    if !finished {
                        self.port.queue.borrow_mut().push_front(Work::Rows { chunk, next: next + sent });
                        if sent == 0 {
                            break;
                        }
                    }
                }
            }
        }
        if taken > 0 {
            self.port.queued.set(self.port.queued.get() - taken);
            self.coordinator.made_room();
        }
    }

    fn send(&mut self, mut request: Box<Request>, now: u64) {
        if request.is_abandoned() {
            self.coordinator.cancelled(request);
            return;
        }
        let deadline = request.progress.deadline_us;
        if deadline != 0 && deadline <= now {
            self.port.stats.borrow_mut().timeouts += 1;
            self.coordinator.failed(request, Cause::Timeout { written: false }, &self.port);
            return;
        }
        request.progress.stamps.written_us = now;
        {
            let mut stats = self.port.stats.borrow_mut();
            stats.requests += 1;
            stats.queue_wait.record(now.saturating_sub(request.progress.stamps.queued_us));
        }
        match self.in_flight.reserve() {
            Some(stream) => {
                // The frame stays with the request: a retry sends the same bytes.
                self.outbound.append(&request.frame, stream);
                self.in_flight.occupy(stream, Occupant::Request(request), now, deadline);
            }
            // Cannot happen below the window, which is smaller than the number of ids; lose nothing if it does.
            None => {
                let cause = Cause::ConnectionLost { reason: CloseReason::Orphans, written: false };
                self.coordinator.failed(request, cause, &self.port);
            }
        }
    }

    fn write(&mut self, task: &mut Task<'_>) -> Result<(), CloseReason> {
        loop {
            let unsent = self.outbound.unsent().map_err(|error| CloseReason::Protocol(error.to_string()))?;
            if unsent.is_empty() {
                return Ok(());
            }
            match Pin::new(&mut self.socket).poll_write(task, unsent) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(CloseReason::Io(std::io::ErrorKind::WriteZero)),
                Poll::Ready(Ok(length)) => {
                    let frames = self.outbound.sent(length);
                    let mut stats = self.port.stats.borrow_mut();
                    stats.writes += 1;
                    stats.bytes_sent += length as u64;
                    if let Some(frames) = frames {
                        stats.frames_per_write.record(u64::from(frames));
                    }
                }
                Poll::Ready(Err(error)) => return Err(CloseReason::of(&error)),
            }
        }
    }

    /// Looks at deadlines and at callers that left.
    fn sweep(&mut self) {
        let now = self.coordinator.clock().now_us();
        let abandoned = now.saturating_sub(self.last_abandoned_sweep_us) >= ABANDONED_SWEEP_US;
        if abandoned {
            self.last_abandoned_sweep_us = now;
        }
        if abandoned || self.in_flight.is_due(now) {
            let (coordinator, port) = (&self.coordinator, &self.port);
            self.in_flight.sweep(now, abandoned, |occupant| {
                port.stats.borrow_mut().orphaned += 1;
                match occupant {
                    Occupant::Request(request) if request.is_abandoned() => {
                        port.stats.borrow_mut().cancelled += 1;
                        coordinator.cancelled(request);
                    }
                    Occupant::Request(request) => {
                        let mut stats = port.stats.borrow_mut();
                        stats.timeouts += 1;
                        stats.unanswered += 1;
                        stats.unanswered_us += now.saturating_sub(request.progress.stamps.written_us);
                        drop(stats);
                        coordinator.failed(request, Cause::Timeout { written: true }, port);
                    }
                    Occupant::Row { chunk, row } => {
                        port.stats.borrow_mut().timeouts += 1;
                        coordinator.row_failed(chunk, row, Cause::Timeout { written: true }, port);
                    }
                    // Whether the peer is dead is for the heartbeat's own timer to say: it may have answered others.
                    Occupant::Heartbeat | Occupant::Free | Occupant::Orphan { .. } => {}
                }
            });
        }
        self.sweep_queue(now);
        self.look_for_late(now);
        let age = self.settings.orphan_age.as_micros() as u64;
        // A small window would be full of them before they are too many.
        let most = self.settings.max_orphans.min(self.port.window / 2);
        let worn = self.in_flight.orphans_older_than(now, age) > most;
        if !self.saturated && (worn || self.socket.is_worn()) {
            self.saturated = true;
            (self.owner.fact)(ConnectionFact::Saturated { id: self.port.id });
        }
    }

    /// Fails what expired before it was written.
    fn sweep_queue(&mut self, now: u64) {
        let mut queue = self.port.queue.borrow_mut();
        let expired = |request: &Request| {
            let deadline = request.progress.deadline_us;
            (deadline != 0 && deadline <= now) || request.is_abandoned()
        };
        let any = queue.iter().any(|work| match work {
            Work::One(request) => expired(request),
            Work::Rows { chunk, next } => self.coordinator.rows_expired(*chunk, *next, now),
        });
        if !any {
            return;
        }
        let mut left = std::mem::take(&mut *queue);
        drop(queue);
        let mut gone = 0;
        let mut kept = std::collections::VecDeque::with_capacity(left.len());
        while let Some(work) = left.pop_front() {
            match work {
                Work::One(request) if request.is_abandoned() => {
                    gone += 1;
                    self.coordinator.cancelled(request);
                }
                Work::One(request) if expired(&request) => {
                    gone += 1;
                    self.port.stats.borrow_mut().timeouts += 1;
                    self.coordinator.failed(request, Cause::Timeout { written: false }, &self.port);
                }
                Work::Rows { chunk, next } if self.coordinator.rows_expired(chunk, next, now) => {
                    let cause = Cause::Timeout { written: false };
                    let rows = self.coordinator.rows_unsent(chunk, next, cause, &self.port);
                    self.port.stats.borrow_mut().timeouts += u64::from(rows);
                    gone += rows;
                }
                work => kept.push_back(work),
            }
        }
        *self.port.queue.borrow_mut() = kept;
        self.port.queued.set(self.port.queued.get() - gone);
    }

    /// Tells everybody on the reactor how loaded the connection is, and wakes callers on other runtimes.
    fn publish(&self) {
        let (in_flight, orphans) = (self.in_flight.len() as u32, self.in_flight.orphans());
        let before = self.port.in_flight.replace(in_flight) - self.port.orphans.replace(orphans);
        self.coordinator.callers().moved(before, in_flight - orphans);
        self.coordinator.flush_wakes();
    }

    /// Asks an idle peer whether it lives.
    fn beat(&mut self, task: &mut Task<'_>) -> Result<(), CloseReason> {
        match self.heartbeat.poll(task) {
            Beat::Nothing => Ok(()),
            Beat::Missed => Err(CloseReason::Heartbeat),
            Beat::Ask => {
                let now = self.coordinator.clock().refresh();
                let mut frame = Vec::with_capacity(9);
                let start = begin_frame(&mut frame, self.port.shape.version, Opcode::Options, 0);
                finish_frame(&mut frame, start).expect("an empty body is never too long");
                // Beyond its time the id becomes an orphan's: it must not look like a request for ever.
                let deadline = deadline_after(now, Some(self.settings.heartbeat_timeout));
                if let Ok(stream) = self.in_flight.insert(Occupant::Heartbeat, now, deadline) {
                    self.outbound.append(&frame, stream);
                    self.port.stats.borrow_mut().heartbeats += 1;
                }
                self.write(task)
            }
        }
    }

    /// Gives back everything it holds and tells the owner.
    fn close(&mut self, reason: CloseReason) {
        if self.port.closed.borrow().is_some() {
            return;
        }
        self.port.order.set(Order::Close);
        *self.port.closed.borrow_mut() = Some(reason.clone());
        self.port.waker.borrow_mut().take();
        tracing::debug!(address = %self.port.address, %reason, "connection closed");
        for occupant in self.in_flight.drain() {
            let cause = || Cause::ConnectionLost { reason: reason.clone(), written: true };
            match occupant {
                Occupant::Request(request) => self.coordinator.failed(request, cause(), &self.port),
                Occupant::Row { chunk, row } => self.coordinator.row_failed(chunk, row, cause(), &self.port),
                Occupant::Free | Occupant::Heartbeat | Occupant::Orphan { .. } => continue,
            }
            self.port.stats.borrow_mut().aborted += 1;
        }
        let queue = std::mem::take(&mut *self.port.queue.borrow_mut());
        self.port.queued.set(0);
        for work in queue {
            let cause = Cause::ConnectionLost { reason: reason.clone(), written: false };
            let lost = match work {
                Work::One(request) => {
                    self.coordinator.failed(request, cause, &self.port);
                    1
                }
                Work::Rows { chunk, next } => self.coordinator.rows_unsent(chunk, next, cause, &self.port),
            };
            self.port.stats.borrow_mut().unsent += u64::from(lost);
        }
        self.publish();
        self.coordinator.unregister(&self.port);
        (self.owner.fact)(ConnectionFact::Closed { id: self.port.id, reason });
    }
}

impl Drop for ConnectionActor {
    fn drop(&mut self) {
        self.close(CloseReason::Lost);
    }
}

#[inline]
fn is_response(opcode: u8) -> bool {
    const RESPONSES: u32 = 1 << Opcode::Error as u8
        | 1 << Opcode::Ready as u8
        | 1 << Opcode::Authenticate as u8
        | 1 << Opcode::Supported as u8
        | 1 << Opcode::Result as u8
        | 1 << Opcode::Event as u8
        | 1 << Opcode::AuthChallenge as u8
        | 1 << Opcode::AuthSuccess as u8;
    opcode < 32 && RESPONSES >> opcode & 1 == 1
}

/// When an idle connection is asked whether its peer lives, and when it is given up.
pub(super) struct Heartbeat {
    interval: Option<Duration>,
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// Bytes since it last looked, and whether a whole envelope came with them.
    bytes: usize,
    understood: bool,
    asked: bool,
}

enum Beat {
    Nothing,
    Ask,
    Missed,
}

impl Heartbeat {
    pub(super) fn new(settings: &ConnectionSettings) -> Self {
        Self {
            interval: settings.heartbeat_interval,
            timeout: settings.heartbeat_timeout,
            timer: None,
            bytes: 0,
            understood: false,
            asked: false,
        }
    }

    fn heard(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// A whole envelope was received.
    fn understood(&mut self) {
        self.understood = true;
    }

    fn answered(&mut self) {
        self.asked = false;
    }

    fn poll(&mut self, task: &mut Task<'_>) -> Beat {
        let Some(interval) = self.interval else { return Beat::Nothing };
        loop {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(interval)));
            if timer.as_mut().poll(task).is_pending() {
                return Beat::Nothing;
            }
            let next = tokio::time::Instant::now();
            // A peer shows that it lives by an envelope, or by a good part of a large one. A few bytes are no sign: on a
            // connection that is stuck in a body that never ends, what answers our questions vanishes in it.
            let progress = std::mem::take(&mut self.bytes) >= PROGRESS;
            if std::mem::take(&mut self.understood) || progress {
                // Whatever it was, the question is answered.
                self.asked = false;
                timer.as_mut().reset(next + interval);
            } else if self.asked {
                return Beat::Missed;
            } else {
                self.asked = true;
                timer.as_mut().reset(next + self.timeout);
                // Register the new deadline before leaving.
                let _ = timer.as_mut().poll(task);
                return Beat::Ask;
            }
        }
    }
}

//! From the queue to the socket: stream ids while there are any, the write buffer while it has room, and one write for all of it.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context as Task, Poll},
};

use tokio::io::AsyncWrite;

use super::{ConnectionActor, Work, in_flight::Occupant, stats::ConnectionStats};
use crate::{
    coordinator::Cause,
    metrics::METERED,
    request::{CloseReason, Request},
};

impl ConnectionActor {
    /// Moves work from the queue to the write buffer while the window is open.
    pub(super) fn fill(&mut self) {
        let now = self.coordinator.clock().now_us();
        let port = Rc::clone(&self.port);
        // Nobody hands over work or counts while this connection sends.
        let (mut queue, mut stats) = (port.queue.borrow_mut(), port.stats.borrow_mut());
        let window = port.window as usize;
        let mut taken = 0;
        while self.in_flight.len() < window && self.outbound.has_room() {
            let Some(work) = queue.pop_front() else { break };
            match work {
                Work::One(request) => {
                    taken += 1;
                    self.send(request, now, &mut stats);
                }
                Work::Rows { chunk, next } => {
                    let room = window - self.in_flight.len();
                    let (outbound, in_flight) = (&mut self.outbound, &mut self.in_flight);
                    let (sent, finished) =
                        self.coordinator.send_rows(chunk, next, room, now, outbound, in_flight);
                    taken += sent;
                    if METERED {
                        stats.requests += u64::from(sent);
                    }
                    if !finished {
                        queue.push_front(Work::Rows { chunk, next: next + sent });
                        if sent == 0 {
                            break;
                        }
                    }
                }
            }
        }
        if taken > 0 {
            port.queued.set(port.queued.get() - taken);
            self.coordinator.made_room();
        }
    }

    #[inline(always)]
    fn send(&mut self, mut request: Box<Request>, now: u64, stats: &mut ConnectionStats) {
        if request.is_abandoned() {
            self.coordinator.cancelled(request);
            return;
        }
        let deadline = request.progress.deadline_us;
        if deadline != 0 && deadline <= now {
            stats.timeouts += 1;
            self.coordinator.failed(request, Cause::Timeout { written: false }, &self.port);
            return;
        }
        request.progress.stamps.written_us = now;
        if METERED {
            stats.requests += 1;
            // Both are of the reactor's clock, which does not go back.
            stats.queue_wait.record(now.wrapping_sub(request.progress.stamps.queued_us));
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

    pub(super) fn write(&mut self, task: &mut Task<'_>) -> Result<(), CloseReason> {
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
                    if METERED {
                        self.port.stats.borrow_mut().wrote(length, frames);
                    }
                }
                Poll::Ready(Err(error)) => return Err(CloseReason::of(&error)),
            }
        }
    }
}

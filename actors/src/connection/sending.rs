//! From the queue to the socket: stream ids while there are any, the write buffer while it has room, and one write for all of it.

use std::{
    pin::Pin,
    task::{Context as Task, Poll},
};

use tokio::io::AsyncWrite;

use super::{ConnectionActor, Work, in_flight::Occupant};
use crate::{
    coordinator::Cause,
    request::{CloseReason, Request},
};

impl ConnectionActor {
    /// Moves work from the queue to the write buffer while the window is open.
    pub(super) fn fill(&mut self) {
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
}

//! The one future a connection lives in: read, answer, fill, write, until there is nothing left to do.

use std::{
    pin::Pin,
    task::{Context as Task, Poll},
};

use actix::{ActorContext, ActorFuture, Context};
use chorus_protocol::FrameError;

use super::{ConnectionActor, Order, inbound::Inbound};
use crate::{metrics::METERED, request::CloseReason};

/// Reads in one poll before other actors get their turn.
const READS_PER_POLL: usize = 16;

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
        if self.port.waker.remember(task.waker()) {
            self.heartbeat.belongs_to(task.waker());
        }
        if self.port.order.get() == Order::Close {
            return Err(CloseReason::Shutdown);
        }
        for round in 0.. {
            let read = self.read(task)?;
            if self.port.sweep.take() {
                self.sweep();
            }
            if self.port.has_queue() {
                self.fill();
            }
            if !self.outbound.is_empty() {
                self.write(task)?;
            }
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
            && !self.port.has_queue()
            && self.outbound.is_empty()
        {
            return Ok(Poll::Ready(()));
        }
        Ok(Poll::Pending)
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
                self.coordinator.clock().refresh_for_read();
                self.coordinator.callers().stir();
                self.heartbeat.heard(length);
            }
            // What came before was answered when it came, but for what the handshake had read too many.
            None if !std::mem::take(&mut self.has_leftover) => return Ok(false),
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
        if METERED && let Some(length) = read {
            let mut stats = self.port.stats.borrow_mut();
            let answers = stats.answers - before;
            stats.brought(length, answers);
        }
        answered?;
        Ok(read.is_some())
    }

    /// Tells everybody on the reactor how loaded the connection is, and wakes callers on other runtimes.
    pub(super) fn publish(&self) {
        let (in_flight, orphans) = (self.in_flight.len() as u32, self.in_flight.orphans());
        let before = self.port.in_flight.replace(in_flight) - self.port.orphans.replace(orphans);
        self.coordinator.callers().moved(before, in_flight - orphans);
        self.coordinator.flush_wakes();
    }
}

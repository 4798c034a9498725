//! The end of a connection: everything it holds goes back, with the truth about whether it was written.

use super::{ConnectionActor, ConnectionFact, Order, Work, in_flight::Occupant};
use crate::{coordinator::Cause, request::CloseReason};

impl ConnectionActor {
    /// Gives back everything it holds and tells the owner.
    pub(super) fn close(&mut self, reason: CloseReason) {
        if self.port.closed.borrow().is_some() {
            return;
        }
        self.port.order.set(Order::Close);
        *self.port.closed.borrow_mut() = Some(reason.clone());
        self.port.waker.forget();
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

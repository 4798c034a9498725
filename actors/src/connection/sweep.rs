//! Deadlines, callers that left, and stream ids that wear out: what is looked at when the coordinator's tick has come.

use std::collections::VecDeque;

use super::{ConnectionActor, ConnectionFact, Work, in_flight::Occupant};
use crate::{coordinator::Cause, request::Request};

/// How often callers that left are looked for.
const ABANDONED_SWEEP_US: u64 = 100_000;

impl ConnectionActor {
    /// Looks at deadlines and at callers that left.
    pub(super) fn sweep(&mut self) {
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
        let mut kept = VecDeque::with_capacity(left.len());
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
}

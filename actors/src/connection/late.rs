//! Requests that are late: unanswered for longer than their speculative policy waits.
//!
//! Nothing is kept for them on the way out: the coordinator notes on a request how long it may take, and here the table of
//! requests in flight is looked through when the first of them can be due. The time counts from when a request was written; one
//! that still waits for room is not late, the connection is full.

use super::{ConnectionActor, Occupant, Port, Work};

/// How soon requests that wait for room are looked at again.
const AGAIN_US: u64 = 1_000;

impl Port {
    /// A request was handed over at `now_us` that is late when it takes longer than `after_us`.
    #[inline]
    pub(crate) fn watch(&self, now_us: u64, after_us: u32) {
        let due_us = now_us.saturating_add(after_us.into());
        let next = self.late_us.get();
        if next == 0 || due_us < next {
            self.late_us.set(due_us);
        }
    }

    /// No request on this connection is late before this time, microseconds; zero when none can be.
    pub(crate) fn late_us(&self) -> u64 {
        self.late_us.get()
    }

    /// Asks it to hand the coordinator a copy of each late request. None is late within `shortest_us` of being written.
    pub(crate) fn look_for_late(&self, shortest_us: u32) {
        self.late_after_us.set(shortest_us.max(1));
        self.sweep();
    }
}

impl ConnectionActor {
    /// Looks, if asked to.
    pub(super) fn look_for_late(&mut self, now_us: u64) {
        let shortest_us = u64::from(self.port.late_after_us.take());
        if shortest_us == 0 {
            return;
        }
        let mut next = u64::MAX;
        for (occupant, written_us) in self.in_flight.occupants() {
            let Occupant::Request(request) = occupant else { continue };
            let earliest = written_us.saturating_add(shortest_us);
            if earliest > now_us {
                // Too young, whatever it is: the box itself need not be touched.
                next = next.min(earliest);
                continue;
            }
            let after_us = u64::from(request.progress.speculate_after_us);
            if after_us == 0 {
                continue;
            }
            let due_us = written_us.saturating_add(after_us);
            if due_us > now_us {
                next = next.min(due_us);
                continue;
            }
            request.progress.speculate_after_us = 0;
            self.coordinator.late(request);
        }
        let watched = |work: &Work| match work {
            Work::One(request) => request.progress.speculate_after_us > 0,
            Work::Rows { .. } => false,
        };
        if self.port.queue.borrow().iter().any(watched) {
            next = next.min(now_us + AGAIN_US);
        }
        self.port.late_us.set(if next == u64::MAX { 0 } else { next });
    }
}

//! Whether the callers of a reactor come alone or in crowds.

use std::cell::Cell;

/// Counted by the coordinator and the connections, read by the reactor, which on a multi-thread runtime lets a crowd send
/// first, and on a thread of its own spins for lone callers if it was asked to.
///
/// tokio runs the task woken last first. Of a hundred callers that got their answers in one tick, the first to send its next
/// request would wake the reactor, which would run before the other ninety-nine and write one request at a time: five times
/// the cost at 64 in flight. So when callers come in crowds, a reactor that is woken goes to the end of the line once, behind
/// those that are ready to send. A lone caller has nobody to wait for, and its request goes out at once.
#[derive(Default)]
pub(crate) struct Callers {
    woken: Cell<u32>,
    crowd: Cell<bool>,
    in_flight: Cell<u32>,
    stirred: Cell<bool>,
}

impl Callers {
    /// A caller got its answer.
    #[inline]
    pub(crate) fn woke(&self) {
        // There are never as many requests on the wire as would make it overflow.
        self.woken.set(self.woken.get().wrapping_add(1));
    }

    /// A connection has `now` requests on the wire that somebody waits for, where there were `before`.
    #[inline]
    pub(crate) fn moved(&self, before: u32, now: u32) {
        self.in_flight.set(self.in_flight.get().wrapping_add(now).wrapping_sub(before));
    }

    /// A request or an answer came.
    #[inline]
    pub(crate) fn stir(&self) {
        self.stirred.set(true);
    }

    /// Requests on the wire that somebody waits for, on all connections.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Whether a request or an answer came since the last call.
    pub(super) fn take_stir(&self) -> bool {
        self.stirred.take()
    }

    /// Called at the end of a tick. One without answers says nothing about the next.
    pub(super) fn tick(&self) {
        match self.woken.take() {
            0 => {}
            woken => self.crowd.set(woken > 1),
        }
    }

    /// Whether the last answers went to more than one caller.
    pub(super) fn come_in_crowds(&self) -> bool {
        self.crowd.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tick_with_answers_tells_crowds_from_lone_callers() {
        let callers = Callers::default();
        assert!(!callers.come_in_crowds());
        (0..2).for_each(|_| callers.woke());
        callers.tick();
        assert!(callers.come_in_crowds());
        callers.tick();
        assert!(callers.come_in_crowds(), "a tick without answers says nothing");
        callers.woke();
        callers.tick();
        assert!(!callers.come_in_crowds());
    }
}

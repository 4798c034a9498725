//! Looking again instead of sleeping, for a bounded time: an opt-in of dedicated reactors.
//!
//! A lone request to a dedicated reactor wakes two threads: the caller wakes the reactor, the reactor the caller. Each wake
//! costs a system call and the time the kernel needs to get a sleeping thread to run. With a spin neither sleeps while
//! requests trickle: the reactor goes on looking at its sockets and its inbox until nothing has come for the bound, the
//! caller looks into its slot until the answer is there or the bound is over. Both give way to everybody else on each look:
//! to other tasks of their runtime, and to other threads of their core.
//!
//! With more than a few requests in flight there is always something to do, and nobody spins: see [`MOST_IN_FLIGHT`].

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Context,
    time::{Duration, Instant},
};

use super::Stage;

/// The most requests in flight with which it is worth spinning.
const MOST_IN_FLIGHT: u32 = 2;
/// How long nobody spins after there were more. Between two batches of a crowd few are in flight for a moment: a reactor that spun
/// then would take the next batch apart, one request a write.
const CROWD_LINGERS_US: u64 = 2_000;

/// What callers know of the spin of their reactor.
pub(crate) struct SpinGate {
    bound: Duration,
    open: AtomicBool,
}

impl SpinGate {
    /// A gate for spins of at most `bound`.
    pub(crate) fn new(bound: Duration) -> Arc<Self> {
        Arc::new(Self { bound, open: AtomicBool::new(true) })
    }

    /// Until when a caller that has just sent looks for its answer without sleeping; `None` in a crowd.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.is_open().then(|| Instant::now() + self.bound)
    }

    /// Whether few requests were in flight whenever the reactor looked lately.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }
}

/// Has the current task polled again once every other task that is ready was, and the sockets of its runtime were looked at
/// without waiting.
pub(crate) fn look_again(task: &mut Context<'_>) {
    // Handing over the waker is all that the first poll does.
    let _ = pin!(tokio::task::yield_now()).poll(task);
}

/// The reactor's side: when to look again.
pub(super) struct Spin {
    gate: Arc<SpinGate>,
    watch: Watch,
}

impl Spin {
    pub(super) fn new(gate: Arc<SpinGate>) -> Self {
        let watch = Watch::new(gate.bound);
        Self { gate, watch }
    }

    /// Called when the reactor has nothing more to do. Whether it is to look again instead of sleeping.
    pub(super) fn goes_on(&mut self, stage: &Stage) -> bool {
        let (callers, now) = (stage.callers(), stage.clock().now_us());
        let goes_on = self.watch.goes_on(now, callers.take_stir(), callers.in_flight());
        let open = self.watch.is_quiet(now);
        if open != self.gate.is_open() {
            self.gate.open.store(open, Ordering::Relaxed);
        }
        goes_on
    }
}

/// Time since something happened, and since many were there.
struct Watch {
    bound_us: u64,
    until_us: u64,
    crowded_until_us: u64,
}

impl Watch {
    fn new(bound: Duration) -> Self {
        Self {
            bound_us: bound.as_micros().min(u128::from(u64::MAX)) as u64,
            until_us: 0,
            crowded_until_us: 0,
        }
    }

    /// `stirred`: whether a request or an answer came since the last call.
    fn goes_on(&mut self, now_us: u64, stirred: bool, in_flight: u32) -> bool {
        if stirred {
            self.until_us = now_us.saturating_add(self.bound_us);
        }
        if in_flight > MOST_IN_FLIGHT {
            self.crowded_until_us = now_us.saturating_add(CROWD_LINGERS_US);
        }
        self.is_quiet(now_us) && now_us < self.until_us
    }

    /// Whether few were in flight for a while.
    fn is_quiet(&self, now_us: u64) -> bool {
        now_us >= self.crowded_until_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch() -> Watch {
        Watch::new(Duration::from_micros(50))
    }

    #[test]
    fn a_reactor_that_never_did_anything_sleeps() {
        assert!(!watch().goes_on(0, false, 0));
        assert!(!watch().goes_on(1_000_000, false, 0));
    }

    #[test]
    fn it_looks_until_the_bound_after_the_last_request_or_answer() {
        let mut watch = watch();
        assert!(watch.goes_on(100, true, 1));
        assert!(watch.goes_on(149, false, 1));
        assert!(!watch.goes_on(150, false, 1), "nothing came for the bound");
        assert!(!watch.goes_on(151, false, 1), "and it sleeps until something does");
        assert!(watch.goes_on(900, true, 1));
        assert!(watch.goes_on(930, true, 0), "an answer starts the bound anew");
        assert!(watch.goes_on(979, false, 0));
        assert!(!watch.goes_on(980, false, 0));
    }

    #[test]
    fn a_crowd_keeps_it_from_spinning_for_a_while_after_it_is_gone() {
        let mut watch = watch();
        assert!(!watch.goes_on(100, true, MOST_IN_FLIGHT + 1));
        assert!(!watch.goes_on(120, true, 0), "the next batch is about to come");
        assert!(!watch.goes_on(99 + CROWD_LINGERS_US, true, 1));
        assert!(watch.goes_on(100 + CROWD_LINGERS_US, true, 1), "a lone caller is left");
    }

    #[tokio::test(start_paused = true)]
    async fn callers_learn_whether_the_reactor_serves_few_or_many() {
        let (stage, gate) = (Stage::new(), SpinGate::new(Duration::from_micros(50)));
        let callers = stage.callers();
        let mut spin = Spin::new(Arc::clone(&gate));
        assert!(gate.until().is_some(), "the first request finds nobody there");
        callers.moved(0, MOST_IN_FLIGHT + 1);
        callers.stir();
        assert!(!spin.goes_on(&stage));
        assert_eq!(gate.until(), None);
        callers.moved(MOST_IN_FLIGHT + 1, MOST_IN_FLIGHT);
        tokio::time::advance(Duration::from_micros(CROWD_LINGERS_US)).await;
        stage.clock().refresh();
        callers.stir();
        assert!(spin.goes_on(&stage));
        assert!(gate.until().is_some());
    }
}

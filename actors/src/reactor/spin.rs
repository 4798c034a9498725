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

    /// Whether few requests were in flight when the reactor last looked.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }
}

/// Has the current task polled again once every other task that is ready was, and the sockets of its runtime were looked at
/// without waiting.
pub(crate) fn look_again(task: &mut Context<'_>) {
    std::thread::yield_now();
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
        let callers = stage.callers();
        let few = callers.in_flight() <= MOST_IN_FLIGHT;
        if few != self.gate.is_open() {
            self.gate.open.store(few, Ordering::Relaxed);
        }
        self.watch.goes_on(stage.clock().now_us(), callers.take_stir(), few)
    }
}

/// Time since something happened.
struct Watch {
    bound_us: u64,
    until_us: u64,
}

impl Watch {
    fn new(bound: Duration) -> Self {
        Self { bound_us: bound.as_micros().min(u128::from(u64::MAX)) as u64, until_us: 0 }
    }

    /// `stirred`: whether a request or an answer came since the last call.
    fn goes_on(&mut self, now_us: u64, stirred: bool, few: bool) -> bool {
        if stirred {
            self.until_us = now_us.saturating_add(self.bound_us);
        }
        few && now_us < self.until_us
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
        assert!(!watch().goes_on(0, false, true));
        assert!(!watch().goes_on(1_000_000, false, true));
    }

    #[test]
    fn it_looks_until_the_bound_after_the_last_request_or_answer() {
        let mut watch = watch();
        assert!(watch.goes_on(100, true, true));
        assert!(watch.goes_on(149, false, true));
        assert!(!watch.goes_on(150, false, true), "nothing came for the bound");
        assert!(!watch.goes_on(151, false, true), "and it sleeps until something does");
        assert!(watch.goes_on(900, true, true));
        assert!(watch.goes_on(930, true, true), "an answer starts the bound anew");
        assert!(watch.goes_on(979, false, true));
        assert!(!watch.goes_on(980, false, true));
    }

    #[test]
    fn in_a_crowd_it_sleeps_at_once_and_remembers_when_it_last_did_something() {
        let mut watch = watch();
        assert!(!watch.goes_on(100, true, false));
        assert!(watch.goes_on(120, false, true), "the crowd is gone, its last answer 20 us old");
        assert!(!watch.goes_on(150, false, true));
    }

    #[test]
    fn callers_learn_whether_the_reactor_serves_few_or_many() {
        let (stage, gate) = (Stage::new(), SpinGate::new(Duration::from_secs(3600)));
        let callers = stage.callers();
        let mut spin = Spin::new(Arc::clone(&gate));
        assert!(gate.until().is_some(), "the first request finds nobody there");
        callers.moved(0, MOST_IN_FLIGHT + 1);
        callers.stir();
        assert!(!spin.goes_on(&stage));
        assert_eq!(gate.until(), None);
        callers.moved(MOST_IN_FLIGHT + 1, MOST_IN_FLIGHT);
        callers.stir();
        assert!(spin.goes_on(&stage));
        assert!(gate.until().is_some());
    }
}

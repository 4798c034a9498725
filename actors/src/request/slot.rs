//! The meeting point of a caller and its answer.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    task::Waker,
};

use crossbeam_utils::atomic::AtomicCell;
use futures::task::AtomicWaker;

use super::Request;

/// The caller waits.
const WAITING: u8 = 0;
/// The answered request is in the slot.
const DONE: u8 = 1;
/// The caller left.
const ABANDONED: u8 = 2;
/// The request was destroyed without an answer.
const LOST: u8 = 3;
/// The caller waits, and is to be woken by another waker than the one that travels with its request.
const MOVED: u8 = 4;

/// What a caller sees when it looks into its slot.
pub(super) enum Look {
    Waiting,
    Done(Box<Request>),
    Lost,
}

/// See the module documentation.
///
/// ```text
///            complete()
///  WAITING ─────────────> DONE ──look()──> WAITING (reused)
///   │ │ \                  /
///   │ │  └──lose()──> LOST ── from MOVED too
///   │ └──move_to()──> MOVED
///   └──abandon()──> ABANDONED
/// ```
///
/// The waker of the task that sent a request travels with the request and costs the slot nothing. A caller that is polled by
/// another task meanwhile leaves the waker of that one here.
pub(crate) struct Slot {
    state: AtomicU8,
    request: AtomicCell<Option<Box<Request>>>,
    waker: AtomicWaker,
}

impl Slot {
    pub(super) fn new() -> Self {
        Self { state: AtomicU8::new(WAITING), request: AtomicCell::new(None), waker: AtomicWaker::new() }
    }

    /// Called by the reactor: puts the request into the slot and returns the waker of the caller, if one waits: the one that
    /// came `with` the request, or that which replaced it. The caller of this method wakes it, at once or with others.
    #[inline(always)]
    pub(super) fn complete(&self, request: Box<Request>, with: Option<Waker>) -> Option<Waker> {
        self.request.store(Some(request));
        match self.state.swap(DONE, Ordering::AcqRel) {
            ABANDONED => {
                drop(self.request.take());
                None
            }
            MOVED => self.waker.take(),
            _ => with,
        }
    }

    /// Called when a request is destroyed without an answer, with the waker that came with it.
    pub(super) fn lose(&self, with: Option<Waker>) {
        let lost =
            |from| self.state.compare_exchange(from, LOST, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if lost(WAITING) {
            if let Some(waker) = with {
                waker.wake();
            }
            // Between the two looks it may have moved.
        } else if lost(MOVED) {
            self.waker.wake();
        }
    }

    /// Called by the caller: looks.
    #[inline]
    pub(super) fn look(&self) -> Look {
        match self.state.load(Ordering::Acquire) {
            DONE => Look::Done(self.request.take().expect("DONE is set after the request is stored")),
            LOST => Look::Lost,
            _ => Look::Waiting,
        }
    }

    /// Called by a caller that waits in another task than the one whose waker came with the request: leaves the waker of this
    /// one, and looks again.
    #[cold]
    pub(super) fn move_to(&self, waker: &Waker) -> Look {
        self.waker.register(waker);
        // Whoever completes or loses the request from now on finds the waker; whoever did just before is seen below.
        let _ = self.state.compare_exchange(WAITING, MOVED, Ordering::AcqRel, Ordering::Relaxed);
        self.look()
    }

    /// Called by a caller that leaves. Returns the request if its answer had just arrived.
    pub(super) fn abandon(&self) -> Option<Box<Request>> {
        if self.state.swap(ABANDONED, Ordering::AcqRel) == DONE { self.request.take() } else { None }
    }

    /// Whether the caller left.
    pub(super) fn is_abandoned(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ABANDONED
    }

    /// Makes a slot whose answer was taken ready for the next request.
    #[inline]
    pub(super) fn reuse(&self) {
        self.state.store(WAITING, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicU32};

    use super::*;

    /// Counts how often it is woken.
    struct Count(AtomicU32);

    impl Count {
        fn waker() -> Arc<Self> {
            Arc::new(Self(AtomicU32::new(0)))
        }

        fn times(&self) -> u32 {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn an_answer_is_seen_once() {
        let slot = Slot::new();
        assert!(matches!(slot.look(), Look::Waiting));
        assert!(slot.complete(Box::new(Request::new()), None).is_none());
        assert!(matches!(slot.look(), Look::Done(_)));
        slot.reuse();
        assert!(matches!(slot.look(), Look::Waiting));
    }

    #[test]
    fn the_waker_that_came_with_a_request_is_woken_unless_the_caller_moved() {
        let (slot, first, second) = (Slot::new(), Count::waker(), Count::waker());
        let with = Some(Waker::from(Arc::clone(&first)));
        let woken = slot.complete(Box::new(Request::new()), with.clone());
        woken.expect("the caller waits").wake();
        assert_eq!((first.times(), second.times()), (1, 0));

        assert!(matches!(slot.look(), Look::Done(_)));
        slot.reuse();
        assert!(matches!(slot.move_to(&Waker::from(Arc::clone(&second))), Look::Waiting));
        slot.complete(Box::new(Request::new()), with).expect("the caller waits").wake();
        assert_eq!((first.times(), second.times()), (1, 1));
        assert!(matches!(slot.move_to(Waker::noop()), Look::Done(_)), "it came before the caller moved");
    }

    #[test]
    fn a_caller_that_moved_hears_of_its_loss() {
        let (slot, first, second) = (Slot::new(), Count::waker(), Count::waker());
        assert!(matches!(slot.move_to(&Waker::from(Arc::clone(&second))), Look::Waiting));
        slot.lose(Some(Waker::from(Arc::clone(&first))));
        assert_eq!((first.times(), second.times()), (0, 1));
        assert!(matches!(slot.look(), Look::Lost));
    }

    #[test]
    fn moving_and_answering_at_the_same_time_wake_or_show() {
        for _ in 0..2_000 {
            let (slot, first, second) = (Arc::new(Slot::new()), Count::waker(), Count::waker());
            let (reactor_slot, with) = (Arc::clone(&slot), Waker::from(Arc::clone(&first)));
            let reactor = std::thread::spawn(move || {
                if let Some(waker) = reactor_slot.complete(Box::new(Request::new()), Some(with)) {
                    waker.wake();
                }
            });
            let seen = matches!(slot.move_to(&Waker::from(Arc::clone(&second))), Look::Done(_));
            reactor.join().expect("no panic");
            assert!(seen || second.times() == 1, "neither shown nor woken");
        }
    }

    #[test]
    fn a_request_destroyed_without_an_answer_is_reported_lost() {
        let slot = Arc::new(Slot::new());
        let mut request = Box::new(Request::new());
        request.slot = Some(Arc::clone(&slot));
        drop(request);
        assert!(matches!(slot.look(), Look::Lost));
    }

    #[test]
    fn an_answer_for_a_caller_that_left_is_dropped() {
        let slot = Arc::new(Slot::new());
        let mut request = Box::new(Request::new());
        request.slot = Some(Arc::clone(&slot));
        assert!(slot.abandon().is_none());
        assert!(request.is_abandoned());
        assert!(request.finish().is_none());
        assert_eq!(Arc::strong_count(&slot), 1, "the request and its reference to the slot are gone");
    }

    #[test]
    fn leaving_and_answering_at_the_same_time_lose_nothing() {
        for _ in 0..2_000 {
            let slot = Arc::new(Slot::new());
            let mut request = Box::new(Request::new());
            request.slot = Some(Arc::clone(&slot));
            let reactor = std::thread::spawn(move || drop(request.finish()));
            let taken = slot.abandon();
            reactor.join().expect("no panic");
            drop(taken);
            assert!(slot.request.take().is_none());
        }
    }
}

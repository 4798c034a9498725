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
///     │ \
///     │  └──lose()──> LOST
///     └──abandon()──> ABANDONED
/// ```
pub(crate) struct Slot {
    state: AtomicU8,
    request: AtomicCell<Option<Box<Request>>>,
    waker: AtomicWaker,
}

impl Slot {
    pub(super) fn new() -> Self {
        Self { state: AtomicU8::new(WAITING), request: AtomicCell::new(None), waker: AtomicWaker::new() }
    }

    /// Called by the reactor: puts the request into the slot and returns the waker of the caller, if one waits.
    /// The caller of this method wakes it, at once or with others.
    #[inline]
    pub(super) fn complete(&self, request: Box<Request>) -> Option<Waker> {
        self.request.store(Some(request));
        if self.state.swap(DONE, Ordering::AcqRel) == ABANDONED {
            drop(self.request.take());
            return None;
        }
        self.waker.take()
    }

    /// Called when a request is destroyed without an answer.
    pub(super) fn lose(&self) {
        if self.state.compare_exchange(WAITING, LOST, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.waker.wake();
        }
    }

    /// Called by the caller: looks, and leaves its waker when there is nothing yet.
    #[inline]
    pub(super) fn look(&self, waker: Option<&Waker>) -> Look {
        for registered in [false, true] {
            match self.state.load(Ordering::Acquire) {
                DONE => {
                    let request = self.request.take().expect("DONE is set after the request is stored");
                    return Look::Done(request);
                }
                LOST => return Look::Lost,
                _ => {}
            }
            match waker {
                Some(waker) if !registered => self.waker.register(waker),
                _ => break,
            }
        }
        Look::Waiting
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
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_answer_is_seen_once() {
        let slot = Slot::new();
        assert!(matches!(slot.look(None), Look::Waiting));
        assert!(slot.complete(Box::new(Request::new())).is_none());
        assert!(matches!(slot.look(None), Look::Done(_)));
        slot.reuse();
        assert!(matches!(slot.look(None), Look::Waiting));
    }

    #[test]
    fn a_request_destroyed_without_an_answer_is_reported_lost() {
        let slot = Arc::new(Slot::new());
        let mut request = Box::new(Request::new());
        request.slot = Some(Arc::clone(&slot));
        drop(request);
        assert!(matches!(slot.look(None), Look::Lost));
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

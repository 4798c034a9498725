//! The one unsafe line of the engine: a future that may move between threads although it is not `Send`.
//!
//! actix keeps an actor's futures in boxes without a `Send` bound and our actors share state through `Rc`, so
//! a reactor as a type cannot be `Send`. As a value it can: everything it is made of is created inside it,
//! after the move, and nothing of it is reachable from outside except through channels whose contents are
//! `Send`. A runtime that moves the whole future from one worker to another between two polls (with the
//! happens-before edge every executor gives) therefore moves all owners of each `Rc` together.
#![allow(unsafe_code)]

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// A future built on its first poll and confined to itself from then on.
pub(super) struct Confined<B, F> {
    state: State<B, F>,
}

enum State<B, F> {
    Unbuilt(Option<B>),
    Built(Pin<Box<F>>),
}

// SAFETY: `Unbuilt` holds only `B: Send`. `Built` holds a future that the contract of `Confined::new`
// keeps unreachable from anywhere else, so whichever thread owns this value is the only one that can
// touch it; the pinned box is never handed out.
unsafe impl<B: Send, F> Send for Confined<B, F> {}

impl<B, F> Confined<B, F>
where
    B: FnOnce() -> F + Send,
    F: Future,
{
    /// Wraps a future that `build` will create on the first poll.
    ///
    /// # Safety
    ///
    /// Neither `build` nor the future may leave anything that is not `Send` (an `Rc`, a reference into the
    /// future) where it can be reached after a poll returns by other means than the future itself:
    /// thread-local storage, channels and leaked memory included. Destructors of the future must tolerate
    /// running on any thread.
    pub(super) unsafe fn new(build: B) -> Self {
        Self { state: State::Unbuilt(Some(build)) }
    }
}

impl<B, F> Future for Confined<B, F>
where
    B: FnOnce() -> F + Send + Unpin,
    F: Future,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if let State::Unbuilt(build) = &mut self.state {
            let build = build.take().expect("a panicking builder is not polled again");
            self.state = State::Built(Box::pin(build()));
        }
        match &mut self.state {
            State::Built(future) => future.as_mut().poll(cx),
            State::Unbuilt(_) => unreachable!("built above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_confined_future_moves_between_workers() {
        // SAFETY: the counter is created by the builder and never leaves the future.
        let future = unsafe {
            Confined::new(|| async {
                let count = Rc::new(Cell::new(0));
                for _ in 0..200 {
                    tokio::task::yield_now().await;
                    count.set(count.get() + 1);
                }
                count.get()
            })
        };
        assert_eq!(tokio::spawn(future).await.expect("no panic"), 200);
    }
}

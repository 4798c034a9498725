//! A reactor: one future that holds its actors and polls those that were woken.
//!
//! It owns every actor started on its [`Stage`] and, through them, sockets and requests in flight. The engine
//! starts it where the [`Placement`] says: on the caller's current-thread runtime, as a task of the caller's
//! multi-thread runtime, or on a thread of its own. Callers reach it through its [`Inbox`] only. When the future
//! is dropped (shutdown, a runtime that ends, a panic that escapes), the inbox is closed and every request it
//! still held fails with an error, because whoever owns work in flight has a `Drop` that says so.

mod clock;
mod confined;
mod inbox;
mod placement;
mod relay;
mod stage;

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures::stream::{FuturesUnordered, Stream};
use tokio::sync::oneshot;

pub(crate) use clock::{Clock, deadline_after};
pub(crate) use inbox::{Inbox, InboxClosed, Job};
pub use placement::Placement;
pub(crate) use placement::{RunningReactor, launch, relay_for};
pub(crate) use relay::Relay;
pub(crate) use stage::Stage;

use stage::ActorTask;

/// The executor of one reactor.
struct Reactor {
    stage: Stage,
    actors: FuturesUnordered<ActorTask>,
    /// Dropped with the reactor, which tells whoever waits for its end.
    _guard: oneshot::Sender<()>,
}

impl Reactor {
    fn new(stage: Stage, guard: oneshot::Sender<()>) -> Self {
        Self { stage, actors: FuturesUnordered::new(), _guard: guard }
    }
}

impl Future for Reactor {
    type Output = ();

    /// Ends when no actor is left, or when halted.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.stage.remember_waker(cx.waker());
        self.stage.clock().refresh();
        loop {
            for task in self.stage.take_arrivals() {
                self.actors.push(task);
            }
            let polled = Pin::new(&mut self.actors).poll_next(cx);
            if self.stage.is_halted() {
                self.actors.clear();
                drop(self.stage.take_arrivals());
                return Poll::Ready(());
            }
            if self.stage.has_arrivals() {
                continue;
            }
            match polled {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

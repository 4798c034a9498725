//! A reactor: one future that holds its actors and polls those that were woken.
//!
//! It owns every actor started on its [`Stage`] and, through them, sockets and requests in flight. The engine
//! starts it where the [`Placement`] says: on the caller's current-thread runtime, as a task of the caller's
//! multi-thread runtime, or on a thread of its own. Callers reach it through its [`Inbox`] only. When the future
//! is dropped (shutdown, a runtime that ends, a panic that escapes), the inbox is closed and every request it
//! still held fails with an error, because whoever owns work in flight has a `Drop` that says so.

mod callers;
mod clock;
mod confined;
mod doorbell;
mod inbox;
mod placement;
mod relay;
mod stage;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures::stream::{FuturesUnordered, Stream};
use tokio::sync::oneshot;

pub(crate) use callers::Callers;
pub(crate) use clock::{Clock, deadline_after};
pub(crate) use inbox::{Inbox, InboxClosed, Job};
pub use placement::Placement;
pub(crate) use placement::{RunningReactor, launch, relay_for};
pub(crate) use relay::Relay;
pub(crate) use stage::Stage;

use doorbell::Doorbell;
use stage::ActorTask;

/// Rounds over the actors in one poll before the runtime's other tasks get their turn.
const ROUNDS_PER_POLL: usize = 64;

/// The executor of one reactor.
struct Reactor {
    stage: Stage,
    actors: FuturesUnordered<ActorTask>,
    doorbell: Arc<Doorbell>,
    /// The doorbell as the actors know it.
    waker: Waker,
    /// Whether callers and reactor take turns on the workers of one runtime; see [`Callers`].
    shares_workers: bool,
    /// The last poll only went to the end of the line.
    deferred: bool,
    /// Dropped with the reactor, which tells whoever waits for its end.
    _guard: oneshot::Sender<()>,
}

impl Reactor {
    fn new(stage: Stage, shares_workers: bool, guard: oneshot::Sender<()>) -> Self {
        let doorbell = Arc::new(Doorbell::default());
        let waker = Waker::from(Arc::clone(&doorbell));
        Self {
            stage,
            actors: FuturesUnordered::new(),
            doorbell,
            waker,
            shares_workers,
            deferred: false,
            _guard: guard,
        }
    }
}

impl Future for Reactor {
    type Output = ();

    /// Ends when no actor is left, or when halted.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.shares_workers && this.stage.callers().come_in_crowds() && !this.deferred {
            this.deferred = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.deferred = false;
        this.stage.remember_waker(&this.waker);
        this.stage.clock().refresh();
        this.doorbell.open(cx.waker());
        let mut inner = Context::from_waker(&this.waker);
        for _ in 0..ROUNDS_PER_POLL {
            this.doorbell.answer();
            this.actors.extend(this.stage.take_arrivals());
            let polled = Pin::new(&mut this.actors).poll_next(&mut inner);
            if this.stage.is_halted() {
                this.actors.clear();
                drop(this.stage.take_arrivals());
                return Poll::Ready(());
            }
            match polled {
                Poll::Ready(Some(())) => continue,
                Poll::Ready(None) if !this.stage.has_arrivals() => return Poll::Ready(()),
                Poll::Ready(None) => continue,
                Poll::Pending if this.stage.has_arrivals() || this.doorbell.close() => continue,
                Poll::Pending => {
                    this.stage.callers().tick();
                    return Poll::Pending;
                }
            }
        }
        this.stage.callers().tick();
        this.doorbell.leave(cx.waker());
        Poll::Pending
    }
}

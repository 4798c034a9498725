//! A reactor: one future that holds its actors and polls those that were woken.
//!
//! It owns every actor started on its [`Stage`] and, through them, sockets and requests in flight. The engine
//! starts it where the [`Placement`] says: on the caller's current-thread runtime, as a task of the caller's
//! multi-thread runtime, or on a thread of its own. Callers reach it through its [`Inbox`] only. When the future
//! is dropped (shutdown, a runtime that ends, a panic that escapes), the inbox is closed and every request it
//! still held fails with an error, because whoever owns work in flight has a `Drop` that says so.

mod alarm;
mod callers;
mod clock;
mod confined;
mod crew;
mod doorbell;
mod inbox;
mod known_waker;
mod placement;
mod relay;
mod spin;
mod stage;
mod supervision;

use std::{
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::sync::oneshot;

use crate::metrics::METERED;

pub(crate) use alarm::Alarm;
pub(crate) use callers::Callers;
pub(crate) use clock::{Clock, deadline_after};
pub(crate) use inbox::{Inbox, InboxClosed, Job};
pub(crate) use known_waker::KnownWaker;
pub use placement::Placement;
pub(crate) use placement::{RunningReactor, launch, relay_for};
pub(crate) use relay::Relay;
pub(crate) use spin::{SpinGate, look_again};
pub(crate) use stage::Stage;

use crew::Crew;
use doorbell::Doorbell;
use spin::Spin;

/// Rounds over the actors in one poll before the runtime's other tasks get their turn.
const ROUNDS_PER_POLL: usize = 64;

/// The executor of one reactor.
struct Reactor {
    stage: Stage,
    crew: Crew,
    doorbell: Arc<Doorbell>,
    /// The doorbell as the stage knows it.
    waker: Waker,
    /// Whether callers and reactor take turns on the workers of one runtime; see [`Callers`].
    shares_workers: bool,
    /// Whether it looks again for a while before it sleeps, and since when.
    spin: Option<Spin>,
    /// The last poll only went to the end of the line.
    deferred: bool,
    /// Dropped with the reactor, which tells whoever waits for its end.
    _guard: oneshot::Sender<()>,
}

impl Reactor {
    fn new(stage: Stage, shares_workers: bool, spin: Option<Spin>, guard: oneshot::Sender<()>) -> Self {
        let doorbell = Arc::new(Doorbell::default());
        let waker = Waker::from(Arc::clone(&doorbell));
        Self {
            crew: Crew::new(Arc::clone(&doorbell), Rc::clone(stage.clock())),
            stage,
            doorbell,
            waker,
            shares_workers,
            spin,
            deferred: false,
            _guard: guard,
        }
    }
}

impl Reactor {
    fn end_tick(&self, began_us: u64) {
        self.stage.callers().tick();
        if METERED {
            self.note_tick(began_us);
        }
    }

    /// Notes how long the reactor has worked.
    fn note_tick(&self, began_us: u64) {
        self.stage.pulse().beat(self.stage.clock().refresh().saturating_sub(began_us));
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
        let began_us = this.stage.clock().wake();
        this.doorbell.open(cx.waker());
        for _ in 0..ROUNDS_PER_POLL {
            if this.stage.has_arrivals() {
                this.stage.take_arrivals().into_iter().for_each(|actor| this.crew.admit(actor));
            }
            this.crew.poll_woken(this.doorbell.answer());
            if this.stage.is_halted() {
                this.crew.dismiss();
                drop(this.stage.take_arrivals());
                return Poll::Ready(());
            }
            if this.stage.has_arrivals() || this.doorbell.has_rung() {
                continue;
            }
            if this.crew.is_empty() {
                return Poll::Ready(());
            }
            if this.spin.as_mut().is_some_and(|spin| spin.goes_on(&this.stage)) {
                // The doorbell stays open: who rings it need not wake a thread that does not sleep.
                this.note_tick(began_us);
                std::thread::yield_now();
                look_again(cx);
                return Poll::Pending;
            }
            if !this.doorbell.close() {
                this.end_tick(began_us);
                return Poll::Pending;
            }
        }
        this.end_tick(began_us);
        this.doorbell.leave(cx.waker());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
        time::Duration,
    };

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A reactor with an actor that never has anything to do, spinning for 50 us.
    struct Scene {
        stage: Stage,
        reactor: Reactor,
        wakes: Arc<Wakes>,
    }

    impl Scene {
        fn new() -> Self {
            let stage = Stage::new();
            stage.spawn(std::future::pending());
            let spin = Spin::new(SpinGate::new(Duration::from_micros(50)));
            let (guard, _) = oneshot::channel();
            let reactor = Reactor::new(stage.clone(), false, Some(spin), guard);
            Self { stage, reactor, wakes: Arc::default() }
        }

        /// Polls once; whether the runtime will poll again by itself.
        async fn looks_again(&mut self) -> bool {
            let before = self.wakes.0.load(Ordering::SeqCst);
            let waker = Waker::from(Arc::clone(&self.wakes));
            let polled = Pin::new(&mut self.reactor).poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            tokio::task::yield_now().await;
            self.wakes.0.load(Ordering::SeqCst) > before
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_spinning_reactor_is_polled_until_nothing_came_for_the_bound() {
        let mut scene = Scene::new();
        assert!(!scene.looks_again().await, "nothing ever came");
        scene.stage.callers().stir();
        assert!(scene.looks_again().await);
        tokio::time::advance(Duration::from_micros(40)).await;
        assert!(scene.looks_again().await);
        scene.stage.callers().stir();
        tokio::time::advance(Duration::from_micros(40)).await;
        assert!(scene.looks_again().await, "something came meanwhile");
        tokio::time::advance(Duration::from_micros(60)).await;
        assert!(!scene.looks_again().await);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_need_wake_the_thread_of_a_reactor_that_spins() {
        let mut scene = Scene::new();
        scene.stage.callers().stir();
        assert!(scene.looks_again().await);
        let before = scene.wakes.0.load(Ordering::SeqCst);
        scene.reactor.waker.wake_by_ref();
        assert_eq!(scene.wakes.0.load(Ordering::SeqCst), before, "it looks by itself");
        tokio::time::advance(Duration::from_micros(60)).await;
        assert!(!scene.looks_again().await);
        scene.reactor.waker.wake_by_ref();
        assert_eq!(scene.wakes.0.load(Ordering::SeqCst), before + 1, "it sleeps");
    }
}

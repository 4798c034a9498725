//! Where actors are put on: the reactor's own tiny executor, and the only file that knows how actix starts.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
    task::Waker,
};

use actix::{Actor, Addr, AsyncContext, Context};
use futures::FutureExt;

use super::{callers::Callers, clock::Clock};

pub(super) type ActorTask = Pin<Box<dyn Future<Output = ()>>>;

/// A handle to the reactor that an actor runs on. Cheap to clone, never leaves its reactor.
///
/// Actors are started here and not with [`Actor::start`], which needs a tokio `LocalSet` or an actix
/// `System` around it; a library inside an ordinary tokio program has neither.
#[derive(Clone)]
pub(crate) struct Stage {
    inner: Rc<Inner>,
}

struct Inner {
    /// Started since the reactor last looked.
    arrivals: RefCell<Vec<ActorTask>>,
    /// The reactor's own waker, kept while it sleeps so that a start from inside a poll is noticed.
    waker: RefCell<Option<Waker>>,
    clock: Rc<Clock>,
    halted: Cell<bool>,
    callers: Rc<Callers>,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self {
            inner: Rc::new(Inner {
                arrivals: RefCell::default(),
                waker: RefCell::default(),
                clock: Rc::new(Clock::new()),
                halted: Cell::new(false),
                callers: Rc::default(),
            }),
        }
    }

    /// The reactor's clock.
    pub(crate) fn clock(&self) -> &Rc<Clock> {
        &self.inner.clock
    }

    /// Where the coordinator counts the callers it wakes.
    pub(crate) fn callers(&self) -> &Rc<Callers> {
        &self.inner.callers
    }

    /// Starts an actor on this reactor.
    pub(crate) fn start<A>(&self, actor: A) -> Addr<A>
    where
        A: Actor<Context = Context<A>>,
    {
        self.start_with(|_| actor)
    }

    /// Starts an actor that wants to know its own address while it is made.
    pub(crate) fn start_with<A, F>(&self, make: F) -> Addr<A>
    where
        A: Actor<Context = Context<A>>,
        F: FnOnce(&mut Context<A>) -> A,
    {
        let mut context = Context::new();
        let address = context.address();
        let actor = make(&mut context);
        self.spawn(context.into_future(actor));
        address
    }

    /// Runs a future on this reactor. A panic inside ends this future only; whoever owned work in flight
    /// fails it in `Drop`.
    pub(crate) fn spawn<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        let task = std::panic::AssertUnwindSafe(future).catch_unwind().map(|outcome| {
            if let Err(panic) = outcome {
                let what = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_else(|| "a value that is not text".to_owned());
                tracing::error!(panic = %what, "an actor panicked; its work in hand fails, its owner restarts it");
            }
        });
        self.inner.arrivals.borrow_mut().push(Box::pin(task));
        if let Some(waker) = self.inner.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Ends the reactor: every actor on it is dropped, which closes its connections and fails what they held.
    pub(crate) fn halt(&self) {
        self.inner.halted.set(true);
        if let Some(waker) = self.inner.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    pub(super) fn is_halted(&self) -> bool {
        self.inner.halted.get()
    }

    pub(super) fn remember_waker(&self, waker: &Waker) {
        let mut known = self.inner.waker.borrow_mut();
        match &*known {
            Some(current) if current.will_wake(waker) => {}
            _ => *known = Some(waker.clone()),
        }
    }

    pub(super) fn take_arrivals(&self) -> Vec<ActorTask> {
        self.inner.arrivals.take()
    }

    pub(super) fn has_arrivals(&self) -> bool {
        !self.inner.arrivals.borrow().is_empty()
    }
}

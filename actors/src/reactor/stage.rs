//! Where actors are put on: the reactor's own tiny executor, and the only file that knows how actix starts.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
    task::Waker,
};

use actix::{Actor, Addr, AsyncContext, Context};

use super::{
    callers::Callers,
    clock::Clock,
    known_waker::KnownWaker,
    supervision::{Chances, Watched},
};
use crate::{metrics::Pulse, request::RowHome};

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
    waker: KnownWaker,
    clock: Rc<Clock>,
    halted: Cell<bool>,
    callers: Rc<Callers>,
    pulse: Rc<Pulse>,
    /// Panics caught so far, by the kind of actor.
    panics: Rc<RefCell<Vec<(&'static str, u64)>>>,
    /// Told which rows a panic has destroyed.
    #[expect(clippy::type_complexity)]
    mender: RefCell<Option<Box<dyn Fn(Vec<RowHome>)>>>,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self {
            inner: Rc::new(Inner {
                arrivals: RefCell::default(),
                waker: KnownWaker::default(),
                clock: Rc::new(Clock::new()),
                halted: Cell::new(false),
                callers: Rc::default(),
                pulse: Rc::default(),
                panics: Rc::default(),
                mender: RefCell::default(),
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

    /// Where the reactor notes how long it works.
    pub(crate) fn pulse(&self) -> &Rc<Pulse> {
        &self.inner.pulse
    }

    /// Starts an actor on this reactor. A panic ends it: its `Drop` fails what it held, and its owner starts another.
    pub(crate) fn start<A>(&self, actor: A) -> Addr<A>
    where
        A: Actor<Context = Context<A>>,
    {
        let context = Context::new();
        let address = context.address();
        self.push(Watched::new(context.into_future(actor), self.clone(), None, kind::<A>()));
        address
    }

    /// Starts an actor that wants to know its own address while it is made, and that is supervised: a panic costs what it had
    /// in hand, and it goes on with the next message.
    pub(crate) fn start_with<A, F>(&self, make: F) -> Addr<A>
    where
        A: Actor<Context = Context<A>>,
        F: FnOnce(&mut Context<A>) -> A,
    {
        let mut context = Context::new();
        let address = context.address();
        let actor = make(&mut context);
        self.push(Watched::new(
            context.into_future(actor),
            self.clone(),
            Some(Chances::default()),
            kind::<A>(),
        ));
        address
    }

    /// Runs a future on this reactor. A panic inside ends this future only; whoever owned work in flight
    /// fails it in `Drop`.
    #[cfg(any(test, feature = "bench"))]
    pub(crate) fn spawn<F>(&self, future: F)
    where
        F: Future<Output = ()> + Unpin + 'static,
    {
        self.push(Watched::new(future, self.clone(), None, "other"));
    }

    fn push<F>(&self, task: Watched<F>)
    where
        F: Future<Output = ()> + Unpin + 'static,
    {
        self.inner.arrivals.borrow_mut().push(Box::pin(task));
        self.inner.waker.wake();
    }

    /// How often something on this reactor panicked, by the kind of actor.
    pub(crate) fn panics(&self) -> &Rc<RefCell<Vec<(&'static str, u64)>>> {
        &self.inner.panics
    }

    /// Who is told, after a panic, which rows of bulk jobs it has destroyed. Called inside the reactor: must only note or send.
    pub(crate) fn mend_with(&self, mender: impl Fn(Vec<RowHome>) + 'static) {
        *self.inner.mender.borrow_mut() = Some(Box::new(mender));
    }

    /// Notes a panic that was caught in an actor of this kind.
    pub(super) fn panicked(&self, kind: &'static str) {
        crate::metrics::count_named(&mut self.inner.panics.borrow_mut(), kind, 1);
        let lost = crate::request::take_lost_rows();
        if let Some(mender) = &*self.inner.mender.borrow() {
            mender(lost);
        }
    }

    /// Ends the reactor: every actor on it is dropped, which closes its connections and fails what they held.
    pub(crate) fn halt(&self) {
        self.inner.halted.set(true);
        self.inner.waker.wake();
    }

    pub(super) fn is_halted(&self) -> bool {
        self.inner.halted.get()
    }

    pub(super) fn remember_waker(&self, waker: &Waker) {
        self.inner.waker.remember(waker);
    }

    pub(super) fn take_arrivals(&self) -> Vec<ActorTask> {
        self.inner.arrivals.take()
    }

    pub(super) fn has_arrivals(&self) -> bool {
        !self.inner.arrivals.borrow().is_empty()
    }
}

/// The kind of an actor as metrics name it.
fn kind<A>() -> &'static str {
    let name = std::any::type_name::<A>();
    let name = name.rsplit("::").next().unwrap_or(name);
    const KINDS: [(&str, &str); 7] = [
        ("CoordinatorActor", "coordinator"),
        ("ConnectionActor", "connection"),
        ("PoolActor", "pool"),
        ("HostActor", "host"),
        ("ControlActor", "control"),
        ("ClusterActor", "cluster"),
        ("MetricsActor", "metrics"),
    ];
    KINDS.iter().find(|(actor, _)| *actor == name).map_or("other", |(_, kind)| kind)
}

//! Where a reactor's future runs.

use std::{sync::Arc, thread::JoinHandle};

use super::{Reactor, Relay, SpinGate, Stage, confined::Confined, spin::Spin};

/// Where the actors of a session run. Defaults to [`Placement::Auto`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// `Local` inside a current-thread runtime, `Hosted` inside a multi-thread runtime, `Dedicated` with one
    /// thread where there is no tokio runtime at all. `docs/performance.md` has the measurements behind this.
    #[default]
    Auto,
    /// On the caller's current-thread runtime, as one task of it: no thread is crossed on the way to the socket
    /// or back. The session stops working when that runtime ends.
    Local,
    /// As one task of the caller's multi-thread runtime. Whichever worker sends requests usually runs the
    /// reactor next and finds the answer, so a lone request crosses no thread either. The session stops
    /// working when that runtime ends.
    Hosted,
    /// On `threads` threads of its own, each with its own connections. Survives the caller's runtime and keeps
    /// working while the caller's tasks hog theirs; a lone request pays two thread wake-ups.
    Dedicated {
        /// How many reactor threads; at least one.
        threads: usize,
    },
}

impl Placement {
    /// Replaces `Auto` by what it stands for where the caller is.
    pub(crate) fn resolve(self) -> Self {
        if self != Self::Auto {
            return self;
        }
        match tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(tokio::runtime::RuntimeFlavor::CurrentThread) => Self::Local,
            Ok(_) => Self::Hosted,
            Err(_) => Self::Dedicated { threads: 1 },
        }
    }

    /// How many reactors a resolved placement has.
    pub(crate) fn reactors(self) -> usize {
        match self {
            Self::Dedicated { threads } => threads.max(1),
            _ => 1,
        }
    }
}

/// A started reactor.
pub(crate) struct RunningReactor {
    ended: tokio::sync::oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl RunningReactor {
    /// Waits until the reactor's future is gone and its thread, if it had one of its own, has ended.
    pub(crate) async fn ended(mut self) {
        // An error means that the sender was dropped with the future: ended all the same.
        let _ = self.ended.await;
        if let Some(thread) = self.thread.take() {
            // The future was its last work: this takes microseconds.
            let _ = thread.join();
        }
    }
}

/// Starts a reactor and lets `build` put its first actors on stage. With a gate, it spins.
///
/// # Errors
///
/// When `placement` needs a tokio runtime around the call and there is none, or a thread cannot be started.
pub(crate) fn launch<B>(
    placement: Placement,
    index: usize,
    gate: Option<Arc<SpinGate>>,
    build: B,
) -> std::io::Result<RunningReactor>
where
    B: FnOnce(&Stage) + Send + Unpin + 'static,
{
    let (guard, ended) = tokio::sync::oneshot::channel::<()>();
    let placement = placement.resolve();
    let shares_workers = placement == Placement::Hosted;
    let make = move || {
        let stage = Stage::new();
        build(&stage);
        Reactor::new(stage, shares_workers, gate.map(Spin::new), guard)
    };
    match placement {
        Placement::Auto | Placement::Local | Placement::Hosted => {
            let runtime = tokio::runtime::Handle::try_current().map_err(std::io::Error::other)?;
            // SAFETY: the stage and all actors are created by `make`, inside the future. Actors share `Rc`s
            // only among themselves; what leaves a reactor are actix addresses, `Arc`s and wakers, all `Send`.
            // Nothing is put into thread-local storage by the actors (the recycling pools of requests hold
            // `Send` values only).
            #[allow(unsafe_code)]
            let future = unsafe { Confined::new(make) };
            runtime.spawn(future);
            Ok(RunningReactor { ended, thread: None })
        }
        Placement::Dedicated { .. } => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let thread = std::thread::Builder::new()
                .name(format!("chorus-reactor-{index}"))
                .spawn(move || runtime.block_on(async move { make().await }))?;
            Ok(RunningReactor { ended, thread: Some(thread) })
        }
    }
}

/// The relay a placement wants for callers of the runtime around the call, if any.
pub(crate) fn relay_for(placement: Placement) -> Option<Relay> {
    match placement {
        Placement::Dedicated { .. } => {
            tokio::runtime::Handle::try_current().ok().map(|runtime| Relay::start(&runtime))
        }
        _ => None,
    }
}

//! What becomes of an actor that panics.
//!
//! Code of the driver has no reason to; policies, translators and filters are other people's, and run inside its actors.
//! What an actor had in hand is destroyed with the panic, which tells everyone who waited for it. A supervised actor then goes on
//! with its next message, its state as it was; a connection, whose buffers may be in any state, ends and is replaced by its
//! pool. Either way it is logged and counted.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use super::Stage;

/// Panics within [`SPELL_US`] after which an actor is beyond help: it would do nothing else any more.
const MOST_PANICS: u32 = 8;
const SPELL_US: u64 = 10_000_000;

/// How often an actor may go on.
#[derive(Debug, Default)]
pub(super) struct Chances {
    panics: u32,
    since_us: u64,
}

impl Chances {
    /// Whether the actor goes on after one more panic.
    fn take(&mut self, now_us: u64) -> bool {
        if now_us.saturating_sub(self.since_us) > SPELL_US {
            *self = Self { panics: 0, since_us: now_us };
        }
        self.panics += 1;
        self.panics < MOST_PANICS
    }
}

/// A task of a reactor, watched for panics.
pub(super) struct Watched<F> {
    future: F,
    stage: Stage,
    /// `None` for one that ends with its first panic.
    chances: Option<Chances>,
    /// The kind of actor, as metrics name it.
    kind: &'static str,
}

impl<F: Future<Output = ()> + Unpin> Watched<F> {
    pub(super) fn new(future: F, stage: Stage, chances: Option<Chances>, kind: &'static str) -> Self {
        Self { future, stage, chances, kind }
    }

    #[cold]
    fn after(&mut self, panic: &(dyn Any + Send), task: &Context<'_>) -> Poll<()> {
        let what = panic.downcast_ref::<&str>().copied();
        let what = what.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let now = self.stage.clock().now_us();
        let goes_on = self.chances.as_mut().is_some_and(|chances| chances.take(now));
        tracing::error!(
            panic = what.unwrap_or("a value that is not text"),
            goes_on,
            actor = self.kind,
            "an actor panicked; its work in hand fails"
        );
        self.stage.panicked(self.kind);
        if !goes_on {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<F: Future<Output = ()> + Unpin> Future for Watched<F> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut this.future).poll(task))) {
            Ok(polled) => polled,
            Err(panic) => this.after(&*panic, task),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_that_does_nothing_but_panic_is_given_up_and_one_that_does_so_rarely_is_not() {
        let mut chances = Chances::default();
        assert!((1..MOST_PANICS).all(|n| chances.take(u64::from(n))));
        assert!(!chances.take(100));
        let mut chances = Chances::default();
        assert!((0..100).all(|n| chances.take(n * SPELL_US / 4)));
    }
}

//! The other end of a connection in memory, kept apart from what is measured.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

/// How the server's side is run. Whoever counts something sets it, to leave that side out: what is asked is what the client
/// costs.
pub(crate) static RUN_SERVER: OnceLock<fn(&mut dyn FnMut())> = OnceLock::new();

/// A server, run as [`RUN_SERVER`] says, and otherwise like any future.
pub(super) struct ServerSide<F>(Pin<Box<F>>);

impl<F: Future> ServerSide<F> {
    pub(super) fn new(server: F) -> Self {
        Self(Box::pin(server))
    }
}

impl<F: Future> Future for ServerSide<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(run) = RUN_SERVER.get() else { return self.0.as_mut().poll(cx) };
        let mut outcome = Poll::Pending;
        run(&mut || outcome = self.0.as_mut().poll(cx));
        outcome
    }
}

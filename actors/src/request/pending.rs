//! The caller's side of a request under way.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    Outcome, Reply, Request, RequestError, RequestErrorKind, pool,
    slot::{Look, Slot},
};
use crate::reactor::{Inbox, InboxClosed, Job};

/// A request that was built and not yet answered.
///
/// The request goes to its reactor when this future is first polled. Dropping it cancels: a request that has not
/// been written is never sent; one that has may still take effect on the server, its answer is dropped, and its
/// stream id stays reserved until that answer comes.
#[must_use = "a request is sent when its future is polled"]
pub struct PendingReply {
    /// `None` for a request that was handed to a connection directly.
    inbox: Option<Arc<Inbox>>,
    slot: Option<Arc<Slot>>,
    /// Here until handed over.
    unsent: Option<Box<Request>>,
}

impl PendingReply {
    pub(super) fn new(inbox: Option<Arc<Inbox>>, request: Box<Request>, slot: Arc<Slot>) -> Self {
        Self { inbox, slot: Some(slot), unsent: Some(request) }
    }

    /// A request that is under way already.
    pub(super) fn sent(slot: Arc<Slot>) -> Self {
        Self { inbox: None, slot: Some(slot), unsent: None }
    }

    /// Hands the request to its reactor now, without waiting for room.
    ///
    /// # Errors
    ///
    /// [`RequestErrorKind::Overloaded`] when the reactor's queue is full, [`RequestErrorKind::SessionClosed`]
    /// after shutdown.
    pub fn try_send(&mut self) -> Result<(), RequestError> {
        match self.push() {
            Ok(true) => Ok(()),
            Ok(false) => {
                let queued = self.inbox.as_ref().map_or(0, |inbox| inbox.len());
                Err(RequestErrorKind::Overloaded { queued }.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the request is with the reactor now.
    #[inline]
    fn push(&mut self) -> Result<bool, RequestError> {
        let Some(mut request) = self.unsent.take() else { return Ok(true) };
        let Some(inbox) = &self.inbox else { return Err(RequestErrorKind::SessionClosed.into()) };
        if request.slot.is_none() {
            request.slot = self.slot.clone();
        }
        match inbox.push(Job::One(request)) {
            Ok(None) => Ok(true),
            Ok(Some(Job::One(mut request))) => {
                request.slot = None;
                self.unsent = Some(request);
                Ok(false)
            }
            Ok(Some(Job::Chunk(_))) => unreachable!("the inbox gives back what it was given"),
            Err(InboxClosed(job)) => {
                if let Job::One(mut request) = job {
                    request.slot = None;
                }
                self.slot = None;
                Err(RequestErrorKind::SessionClosed.into())
            }
        }
    }
}

impl PendingReply {
    /// The queue was full: waits for room, unless there is some by now.
    #[cold]
    fn push_or_wait(&mut self, cx: &mut Context<'_>) -> Result<bool, RequestError> {
        if let Some(inbox) = &self.inbox {
            inbox.wait_for_room(cx.waker());
        }
        self.push()
    }
}

impl Future for PendingReply {
    type Output = Result<Reply, RequestError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.unsent.is_some() && !self.push()? && !self.push_or_wait(cx)? {
            return Poll::Pending;
        }
        let Some(slot) = &self.slot else {
            return Poll::Ready(Err(RequestErrorKind::SessionClosed.into()));
        };
        match slot.look(Some(cx.waker())) {
            Look::Waiting => Poll::Pending,
            Look::Lost => {
                self.slot = None;
                Poll::Ready(Err(RequestErrorKind::EngineLost.into()))
            }
            Look::Done(mut request) => {
                let slot = self.slot.take().expect("looked into it above");
                match std::mem::replace(&mut request.outcome, Outcome::Pending) {
                    Outcome::Failed(error) => {
                        pool::give_back(request, slot);
                        Poll::Ready(Err(error))
                    }
                    Outcome::Answered { opcode, flags, host } => {
                        Poll::Ready(Ok(Reply::new(request, slot, opcode, flags, host)))
                    }
                    Outcome::Pending => Poll::Ready(Err(RequestErrorKind::EngineLost.into())),
                }
            }
        }
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        if let Some(request) = self.unsent.take() {
            pool::give_back(request, slot);
        } else if let Some(request) = slot.abandon() {
            pool::give_back(request, slot);
        }
    }
}

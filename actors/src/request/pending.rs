//! The caller's side of a request under way.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use super::{
    Outcome, Reply, Request, RequestError, RequestErrorKind, RequestOptions, pool,
    slot::{Look, Slot},
};
use crate::engine::Engine;
use crate::reactor::{Inbox, InboxClosed, Job, SpinGate, look_again};

/// A request that was built and not yet answered.
///
/// The request goes to its reactor when this future is first polled. Dropping it cancels: a request that has not
/// been written is never sent; one that has may still take effect on the server, its answer is dropped, and its
/// stream id stays reserved until that answer comes.
#[must_use = "a request is sent when its future is polled"]
pub struct PendingReply<'e> {
    way: Way<'e>,
    slot: Option<Arc<Slot>>,
    /// Here until handed over.
    unsent: Option<Box<Request>>,
    /// The task whose waker went with the request.
    sender: Sender,
    /// Until when it spins for its answer, if the session was asked to; see [`SpinGate`].
    spin_until: Option<Instant>,
    /// It has looked in vain before.
    looked: bool,
    /// It found its reactor's queue full, and has waited for room since.
    waited: bool,
}

/// How a request gets to its reactor.
pub(super) enum Way<'e> {
    /// It was handed to a connection directly.
    Direct,
    Shared(Arc<Inbox>),
    Borrowed(&'e Inbox),
}

impl Way<'_> {
    #[inline]
    fn inbox(&self) -> Option<&Inbox> {
        match self {
            Way::Direct => None,
            Way::Shared(inbox) => Some(inbox),
            Way::Borrowed(inbox) => Some(inbox),
        }
    }
}

/// A waker by its two addresses. While a request waits, the waker that travels with it keeps them from being used again.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sender(usize, usize);

impl Sender {
    /// No waker is at these addresses.
    const NOBODY: Sender = Sender(0, 0);

    #[inline]
    fn of(waker: &Waker) -> Sender {
        Sender(waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr())
    }
}

impl PendingReply<'static> {
    /// A request that is under way already.
    pub(super) fn sent(slot: Arc<Slot>) -> Self {
        Self {
            way: Way::Direct,
            slot: Some(slot),
            unsent: None,
            sender: Sender::NOBODY,
            spin_until: None,
            looked: false,
            waited: false,
        }
    }
}

impl<'e> PendingReply<'e> {
    /// An empty request, and where it will go if that is known before it is filled.
    #[inline(always)]
    pub(crate) fn blank(inbox: Option<&'e Inbox>) -> Self {
        let (request, slot) = pool::take();
        Self::new(inbox.map_or(Way::Direct, Way::Borrowed), request, slot)
    }

    /// What was not sent yet: the buffer for its envelope, and its options.
    ///
    /// # Panics
    ///
    /// When it was sent.
    #[inline(always)]
    pub fn parts(&mut self) -> (&mut Vec<u8>, &mut RequestOptions) {
        let request = self.unsent.as_mut().expect("it is filled before it is sent");
        (&mut request.frame, &mut request.options)
    }

    /// Where several reactors could carry out what is in it now, chooses one.
    #[inline(always)]
    pub fn choose_reactor(&mut self, engine: &'e Engine) {
        if let (Way::Direct, Some(request)) = (&self.way, &mut self.unsent) {
            self.way = Way::Borrowed(engine.inbox_for(request));
        }
    }

    #[inline(always)]
    pub(super) fn new(way: Way<'e>, request: Box<Request>, slot: Arc<Slot>) -> Self {
        Self {
            way,
            slot: Some(slot),
            unsent: Some(request),
            sender: Sender::NOBODY,
            spin_until: None,
            looked: false,
            waited: false,
        }
    }

    /// Hands the request to its reactor now, without waiting for room.
    ///
    /// # Errors
    ///
    /// [`RequestErrorKind::Overloaded`] when the reactor's queue is full, [`RequestErrorKind::SessionClosed`]
    /// after shutdown.
    pub fn try_send(&mut self) -> Result<(), RequestError> {
        match self.push(None) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let queued = self.way.inbox().map_or(0, Inbox::len);
                Err(RequestErrorKind::Overloaded { queued }.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the request is with the reactor now. The waker goes with it, unless this caller is going to spin.
    #[inline(always)]
    fn push(&mut self, waker: Option<&Waker>) -> Result<bool, RequestError> {
        let Some(mut request) = self.unsent.take() else { return Ok(true) };
        let Some(inbox) = self.way.inbox() else { return Err(RequestErrorKind::SessionClosed.into()) };
        if !self.waited {
            request.progress.stamps.entered_us = inbox.stamp();
        }
        request.slot.clone_from(&self.slot);
        self.spin_until = inbox.spin().and_then(SpinGate::until);
        if let (Some(waker), None) = (waker, self.spin_until) {
            request.waker = Some(waker.clone());
            self.sender = Sender::of(waker);
        }
        match inbox.push(Job::One(request)) {
            Ok(None) => Ok(true),
            Ok(Some(Job::One(mut request))) => {
                request.slot = None;
                request.waker = None;
                self.sender = Sender::NOBODY;
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

    /// Whether its answer was taken and there is nothing left that its destructor would have to do.
    #[inline(always)]
    pub fn is_spent(&self) -> bool {
        self.slot.is_none() && self.unsent.is_none() && !matches!(self.way, Way::Shared(_))
    }

    /// Whether to look for the answer again instead of leaving a waker.
    #[inline]
    fn spins(&mut self) -> bool {
        let Some(until) = self.spin_until else { return false };
        let goes_on =
            Instant::now() < until && self.way.inbox().and_then(Inbox::spin).is_some_and(SpinGate::is_open);
        if !goes_on {
            self.spin_until = None;
        }
        goes_on
    }
}

impl PendingReply<'_> {
    /// The queue was full: waits for room, unless there is some by now.
    #[cold]
    fn push_or_wait(&mut self, cx: &mut Context<'_>) -> Result<bool, RequestError> {
        if let Some(inbox) = self.way.inbox() {
            self.waited = true;
            inbox.wait_for_room(cx.waker());
        }
        self.push(Some(cx.waker()))
    }

    /// Has itself polled again. Other callers on this thread may be about to send: not before the second look does it make way
    /// for the reactor, which may be waiting for the same core.
    #[cold]
    fn look_again(&mut self, cx: &mut Context<'_>) {
        if std::mem::replace(&mut self.looked, true) {
            std::thread::yield_now();
        }
        look_again(cx);
    }
}

impl Future for PendingReply<'_> {
    type Output = Result<Reply, RequestError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.unsent.is_some() {
            let is_sent = self.push(Some(cx.waker()))? || self.push_or_wait(cx)?;
            // The waker went with it, so there is no need to look.
            if !is_sent || self.spin_until.is_none() {
                return Poll::Pending;
            }
        }
        let spins = self.spins();
        // It was refused, or is polled after its end.
        let Some(slot) = &self.slot else {
            return Poll::Ready(Err(RequestErrorKind::SessionClosed.into()));
        };
        let mut look = slot.look();
        if matches!(look, Look::Waiting) && !spins && self.sender != Sender::of(cx.waker()) {
            look = slot.move_to(cx.waker());
        }
        match look {
            Look::Waiting => {
                if spins {
                    self.look_again(cx);
                }
                Poll::Pending
            }
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
                    Outcome::Done { host } => Poll::Ready(Ok(Reply::done(request, slot, host))),
                    Outcome::Pending => Poll::Ready(Err(RequestErrorKind::EngineLost.into())),
                }
            }
        }
    }
}

impl Drop for PendingReply<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        if let Some(request) = self.unsent.take() {
            pool::give_back(request, slot);
        } else if let Some(request) = slot.abandon() {
            pool::give_back(request, slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::task::noop_waker;

    use super::*;

    /// A caller with that spin, polled once, and its request.
    fn caller(spin: Option<Duration>) -> (PendingReply<'static>, Box<Request>) {
        let inbox = Arc::new(Inbox::new(1, spin.map(SpinGate::new)));
        let mut pending = PendingReply::new(
            Way::Shared(Arc::clone(&inbox)),
            Box::new(Request::new()),
            Arc::new(Slot::new()),
        );
        assert!(poll(&mut pending).is_pending());
        match inbox.pop() {
            Some(Job::One(request)) => (pending, request),
            _ => panic!("the request is in the inbox after the first poll"),
        }
    }

    fn poll(pending: &mut PendingReply<'_>) -> Poll<Result<Reply, RequestError>> {
        Pin::new(pending).poll(&mut Context::from_waker(&noop_waker()))
    }

    #[test]
    fn a_caller_that_does_not_spin_leaves_a_waker() {
        let (_pending, request) = caller(None);
        assert!(request.finish().is_some());
    }

    #[test]
    fn a_caller_that_spins_needs_no_wake_and_finds_its_answer() {
        let (mut pending, request) = caller(Some(Duration::from_secs(3600)));
        assert!(poll(&mut pending).is_pending());
        assert!(request.fail(RequestErrorKind::NoHostAvailable).is_none());
        assert!(poll(&mut pending).is_ready());
    }

    #[test]
    fn a_caller_whose_spin_is_over_leaves_a_waker() {
        let (mut pending, request) = caller(Some(Duration::from_micros(1)));
        std::thread::sleep(Duration::from_millis(1));
        assert!(poll(&mut pending).is_pending());
        assert!(request.finish().is_some());
    }
}

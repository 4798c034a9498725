//! Filling a request before it is sent.

use std::{mem::ManuallyDrop, sync::Arc};

use super::{PendingReply, Preparation, Request, RequestOptions, Slot, pending::Way, pool};
use crate::{engine::Engine, reactor::Inbox};

/// A recycled request to fill: write one whole envelope into [`frame`](Self::frame), set the
/// [`options`](Self::options), [`send`](Self::send).
pub struct RequestBuilder {
    door: Door,
    inner: Option<(Box<Request>, Arc<Slot>)>,
}

/// Where a request goes in.
enum Door {
    /// At the one reactor there is, or at none.
    Only(Way<'static>),
    /// At one of several, which is chosen when it is known what the request is for.
    OneOf(Engine),
}

impl RequestBuilder {
    /// A request that keeps its reactor's inbox alive.
    #[inline]
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        Self { door: Door::Only(Way::Shared(inbox)), inner: Some(pool::take()) }
    }

    /// A request for one of an engine's several reactors.
    pub(crate) fn among(engine: Engine) -> Self {
        Self { door: Door::OneOf(engine), inner: Some(pool::take()) }
    }

    /// A request that will not go through an inbox; see [`send_detached`](Self::send_detached).
    pub(crate) fn detached() -> Self {
        Self { door: Door::Only(Way::Direct), inner: Some(pool::take()) }
    }

    /// The request itself, for a connection on this reactor, and the future of its answer.
    pub(crate) fn send_detached(mut self) -> (Box<Request>, PendingReply<'static>) {
        let (mut request, slot) = self.inner.take().expect("taken once");
        request.slot = Some(Arc::clone(&slot));
        (request, PendingReply::sent(slot))
    }

    fn request(&mut self) -> &mut Request {
        &mut self.inner.as_mut().expect("taken by send only").0
    }

    /// The empty buffer for the envelope: a nine-byte header with stream id zero, then the uncompressed body.
    pub fn frame(&mut self) -> &mut Vec<u8> {
        &mut self.request().frame
    }

    /// The envelope and the options at once.
    #[inline]
    pub fn parts(&mut self) -> (&mut Vec<u8>, &mut RequestOptions) {
        let request = self.request();
        (&mut request.frame, &mut request.options)
    }

    /// Replaces the options. The prepared statement of the request this box served last is kept when it is the
    /// same one, which saves touching its reference count.
    pub fn options(&mut self, options: RequestOptions) -> &mut Self {
        self.request().options = options;
        self
    }

    /// Names the statement a server may have forgotten.
    #[inline]
    pub fn prepared(&mut self, preparation: &Arc<Preparation>) -> &mut Self {
        self.request().options.name(preparation);
        self
    }

    /// The future of the answer. Nothing is sent before it is polled.
    #[inline(always)]
    pub fn send(self) -> PendingReply<'static> {
        // Nothing is left to drop, and this way nobody looks.
        let mut this = ManuallyDrop::new(self);
        let (mut request, slot) = this.inner.take().expect("taken once");
        let way = match std::mem::replace(&mut this.door, Door::Only(Way::Direct)) {
            Door::Only(way) => way,
            Door::OneOf(engine) => Way::Shared(Arc::clone(engine.inbox_for(&mut request))),
        };
        PendingReply::new(way, request, slot)
    }
}

impl Drop for RequestBuilder {
    fn drop(&mut self) {
        if let Some((request, slot)) = self.inner.take() {
            pool::give_back(request, slot);
        }
    }
}

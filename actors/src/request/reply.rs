//! An answer that is not an error.

use std::sync::Arc;

use bytes::Bytes;
use chorus_protocol::Opcode;
use chorus_topology::HostIndex;

use super::{Attempt, Effort, Request, Slot, pool};

/// What a server answered. The body is the envelope's body as it came off the wire: possibly compressed, with
/// the optional tracing id, warnings and payload in front, as [`flags`](Self::flags) say.
pub struct Reply {
    inner: Option<(Box<Request>, Arc<Slot>)>,
    opcode: u8,
    flags: u8,
    /// The body is that of a void result and was not kept.
    done: bool,
    host: HostIndex,
}

/// The body of a RESULT that says "done" and no more.
const VOID: [u8; 4] = [0, 0, 0, 1];

impl Reply {
    #[inline]
    pub(super) fn new(
        request: Box<Request>,
        slot: Arc<Slot>,
        opcode: u8,
        flags: u8,
        host: HostIndex,
    ) -> Self {
        Self { inner: Some((request, slot)), opcode, flags, done: false, host }
    }

    /// The answer that says "done" and no more.
    #[inline]
    pub(super) fn done(request: Box<Request>, slot: Arc<Slot>, host: HostIndex) -> Self {
        Self { inner: Some((request, slot)), opcode: Opcode::Result as u8, flags: 0, done: true, host }
    }

    /// Whether the answer says "done" and no more: a RESULT of the kind void with nothing before it.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.done || (self.flags == 0 && self.opcode == Opcode::Result as u8 && self.body() == VOID)
    }

    /// The opcode of the answer.
    #[inline]
    pub fn opcode(&self) -> u8 {
        self.opcode
    }

    /// The flags of the answer's header.
    #[inline]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// The host that answered.
    #[inline]
    pub fn host(&self) -> HostIndex {
        self.host
    }

    /// What went wrong before this answer came, oldest first: a host that could not be used, an error that was worth another
    /// attempt.
    #[inline]
    pub fn attempts(&self) -> &[Attempt] {
        match &self.inner {
            Some((request, _)) => &request.progress.attempts,
            None => &[],
        }
    }

    /// What was done for it.
    pub fn effort(&self) -> Effort {
        self.inner.as_ref().map_or_else(Effort::default, |(request, _)| Effort::of(&request.progress))
    }

    /// Whether there were such attempts.
    #[inline(always)]
    pub fn was_delayed(&self) -> bool {
        !self.attempts().is_empty()
    }

    /// The bytes of the request's envelope, before it was compressed.
    #[inline]
    pub fn request_bytes(&self) -> usize {
        self.inner.as_ref().map_or(0, |(request, _)| request.frame.len())
    }

    /// The body, without copying.
    #[inline]
    pub fn body(&self) -> &[u8] {
        match &self.inner {
            _ if self.done => &VOID,
            Some((request, _)) => request.large_body.as_deref().unwrap_or(&request.body),
            None => &[],
        }
    }

    /// The body, when it has memory of its own; else the reply itself, which is to be kept while its body is looked at.
    ///
    /// # Errors
    ///
    /// Not one: the reply of a small body.
    pub fn into_own_bytes(mut self) -> Result<Bytes, Self> {
        match self.inner.as_mut().and_then(|(request, _)| request.large_body.take()) {
            Some(body) => Ok(body),
            None => Err(self),
        }
    }

    /// The body as shared bytes, without copying: what holds a small one goes back to be recycled when the last reference
    /// to it is dropped.
    pub fn into_bytes(self) -> Bytes {
        self.into_own_bytes().unwrap_or_else(Bytes::from_owner)
    }
}

impl AsRef<[u8]> for Reply {
    fn as_ref(&self) -> &[u8] {
        self.body()
    }
}

impl Drop for Reply {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some((request, slot)) = self.inner.take() {
            pool::give_back(request, slot);
        }
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("opcode", &self.opcode)
            .field("flags", &self.flags)
            .field("host", &self.host)
            .field("bytes", &self.body().len())
            .finish()
    }
}

//! A request on its way through the engine, and back.
//!
//! A [`Request`] is one box that moves: from the caller's thread through the inbox to the coordinator, to a
//! connection, and back through the caller's [`Slot`]. Whoever holds the box owns the request, so there is nothing
//! to lock and nobody else to ask. Boxes and slots are recycled in the thread of the caller, so a steady stream of
//! requests allocates nothing. A request that is dropped without an answer (a panic, a reactor that ended) marks
//! its slot lost and wakes the caller.

mod builder;
mod effort;
mod error;
mod lost;
mod meaning;
mod options;
mod pending;
mod pool;
mod race;
mod reply;
mod slot;

use bytes::Bytes;
use chorus_topology::HostIndex;

pub use builder::RequestBuilder;
pub use effort::Effort;
pub use error::{Attempt, AttemptError, CloseReason, RequestError, RequestErrorKind};
pub(crate) use lost::take_lost_rows;
pub use options::{ExecutionPolicies, Preparation, Preparations, RequestKind, RequestOptions};
pub use pending::PendingReply;
pub(crate) use race::Race;
pub use reply::Reply;
pub(crate) use slot::Slot;

use chorus_topology::{RoutingQuality, Target};
use std::{sync::Arc, task::Waker, time::Duration};

use crate::{
    connection::Port,
    metrics::{Earlier, Stamps},
};

/// A request and everything the engine remembers about it.
pub(crate) struct Request {
    /// One whole envelope as protocol v4 would send it (header and uncompressed body, stream id zero).
    /// Connections compress it and wrap it into segments where they agreed to.
    pub(crate) frame: Vec<u8>,
    /// What the caller asked for.
    pub(crate) options: RequestOptions,
    /// How it ended; read by the caller once the slot says so.
    pub(crate) outcome: Outcome,
    /// The body of a small answer, copied out of the read buffer so that it does not pin it.
    pub(crate) body: Vec<u8>,
    /// The body of a large answer, a slice of what was read.
    pub(crate) large_body: Option<Bytes>,
    /// Where the answer goes. `None` once it went.
    pub(crate) slot: Option<Arc<Slot>>,
    /// The task that sent it, woken when the slot is filled. It travels here because nobody else looks at a box that travels: a
    /// waker in the slot would take four atomic operations a request. `None` for one that did not wait when it sent, or was woken.
    pub(crate) waker: Option<Waker>,
    /// Progress kept by the coordinator.
    pub(crate) progress: Progress,
}

/// What the coordinator and connections note on a request. Times are microseconds of the reactor's clock.
#[derive(Default)]
pub(crate) struct Progress {
    /// When it came how far.
    pub(crate) stamps: Stamps,
    /// When it expires; zero for never.
    pub(crate) deadline_us: u64,
    /// When its latest failed attempt failed; zero when none has.
    pub(crate) failed_us: u64,
    /// What the attempts that failed took; says nothing while `failed_us` is zero.
    pub(crate) earlier: Earlier,
    /// Hosts tried so far, in order.
    pub(crate) tried: Vec<HostIndex>,
    /// Failed attempts so far, in order.
    pub(crate) attempts: Vec<Attempt>,
    /// How often a retry policy said retry.
    pub(crate) retries: u32,
    /// How often the host that is `forgetful` had forgotten a statement of the request.
    pub(crate) reprepares: u32,
    /// The latest host that had forgotten one; says nothing while `reprepares` is zero.
    pub(crate) forgetful: Option<HostIndex>,
    /// The host of the latest attempt.
    pub(crate) host: Option<HostIndex>,
    /// How well the latest attempt was routed.
    pub(crate) quality: Option<RoutingQuality>,
    /// Where the answer goes when the request is one row of a chunk.
    pub(crate) row: Option<RowHome>,
    /// The connection of the latest attempt.
    pub(crate) connection: u64,
    /// Where its first attempt goes, when that decided about the reactor.
    pub(crate) aim: Option<Target>,
    /// The driver's own traffic on one connection: a failure goes straight back, no policy is asked.
    pub(crate) direct: bool,
    /// Set on the engine's own PREPARE for a statement the server had forgotten.
    pub(crate) reprepare: bool,
    /// How long its latest attempt may stay unanswered before another one is made, microseconds; zero for ever.
    pub(crate) speculate_after_us: u32,
    /// Set on a copy that was sent before the first attempt had answered.
    pub(crate) ahead_of_answer: bool,
    /// How many reactors have handed it on, and how long it was with them, microseconds.
    pub(crate) hops: u8,
    pub(crate) spent_us: u64,
    /// It was sent on the control connection, for want of others.
    pub(crate) by_control: bool,
    /// The other attempts under way, if there are any.
    pub(crate) race: Option<Arc<Race>>,
}

impl Progress {
    /// How long ago the coordinator took it.
    pub(crate) fn since_admitted(&self, now_us: u64) -> Duration {
        Duration::from_micros(now_us.saturating_sub(self.stamps.admitted_us))
    }

    /// Notes that an attempt is given to this connection now.
    #[inline(always)]
    pub(crate) fn attempt_at(&mut self, connection: &Port, now_us: u64) {
        self.host = Some(connection.host);
        self.connection = connection.id;
        self.stamps.queued_us = now_us;
    }

    /// Notes that the latest attempt failed, for the times of its stages.
    pub(crate) fn attempt_failed(&mut self, written: bool, now_us: u64) {
        self.earlier.failed(&self.stamps, self.failed_us, written, now_us);
        self.failed_us = now_us.max(1);
    }

    /// Notes that the request ends now, although no attempt was answered since the last one failed.
    pub(crate) fn ends_without_attempt(&mut self, now_us: u64) {
        (self.stamps.queued_us, self.stamps.written_us) = (now_us, now_us);
    }

    /// Forgets everything but the capacity of the lists, and what has to be dropped. The times stay: they are set before they
    /// are read.
    #[inline]
    fn reset(&mut self) {
        self.tried.clear();
        self.failed_us = 0;
        self.retries = 0;
        self.reprepares = 0;
        self.host = None;
        self.quality = None;
        self.row = None;
        self.connection = 0;
        self.aim = None;
        self.direct = false;
        self.reprepare = false;
        self.speculate_after_us = 0;
        self.ahead_of_answer = false;
        self.hops = 0;
        self.by_control = false;
    }
}

/// A row of a chunk that left its chunk to be retried on its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowHome {
    /// The chunk's place in the reactor's table of chunks.
    pub(crate) chunk: u32,
    /// The row's place in the chunk.
    pub(crate) row: u32,
}

/// How a request ended.
pub(crate) enum Outcome {
    /// It has not.
    Pending,
    /// A server answered, and not with an error.
    Answered { opcode: u8, flags: u8, host: HostIndex },
    /// A server answered that it is done, which is all of most answers to writes: a RESULT of the kind void, without flags.
    Done { host: HostIndex },
    /// It failed for good.
    Failed(RequestError),
}

impl Request {
    pub(crate) fn new() -> Self {
        Self {
            frame: Vec::with_capacity(256),
            options: RequestOptions::default(),
            outcome: Outcome::Pending,
            body: Vec::new(),
            large_body: None,
            slot: None,
            waker: None,
            progress: Progress::default(),
        }
    }

    /// Forgets everything but the buffers.
    #[inline(always)]
    pub(crate) fn reset(&mut self) {
        self.frame.clear();
        self.body.clear();
        if self.has_more() {
            self.forget_more();
        }
        self.progress.reset();
    }

    /// Whether there is something to drop, which after most answers there is not.
    #[inline(always)]
    fn has_more(&self) -> bool {
        self.large_body.is_some()
            || !matches!(self.outcome, Outcome::Pending)
            || !self.progress.attempts.is_empty()
            || self.progress.race.is_some()
    }

    #[cold]
    #[inline(never)]
    fn forget_more(&mut self) {
        self.large_body = None;
        self.outcome = Outcome::Pending;
        self.progress.attempts.clear();
        self.progress.race = None;
    }

    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        match &self.slot {
            Some(slot) => slot.is_abandoned(),
            None => self.race_is_over(),
        }
    }

    /// Hands the request back to its caller and returns the caller's waker, if it left one. The loser of a race goes to
    /// nobody.
    #[inline(always)]
    pub(crate) fn finish(mut self: Box<Self>) -> Option<Waker> {
        let (slot, waker) = match self.slot.take() {
            Some(slot) => (slot, self.waker.take()),
            None => self.claim_slot()?,
        };
        slot.complete(self, waker)
    }

    /// How it ends with an error.
    pub(crate) fn failure(&mut self, kind: RequestErrorKind) -> Outcome {
        let attempts = std::mem::take(&mut self.progress.attempts);
        Outcome::Failed(RequestError::new(kind, attempts).after(Effort::of(&self.progress)))
    }

    /// Ends the request with an error; see [`Request::finish`].
    pub(crate) fn fail(mut self: Box<Self>, kind: RequestErrorKind) -> Option<Waker> {
        self.outcome = self.failure(kind);
        self.finish()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.lose(self.waker.take());
        } else if let Some(row) = self.progress.row
            && std::thread::panicking()
        {
            lost::note(row);
        }
    }
}

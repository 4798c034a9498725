//! The bounded queue between callers on any thread and one reactor.
//!
//! Callers push, the coordinator's pump pops. The bell is rung only when the coordinator was silent, so a burst
//! costs one wake. When the queue is full callers wait their turn in a list; nothing grows without bound.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Waker,
};

use crossbeam_queue::ArrayQueue;
use futures::task::AtomicWaker;
use tokio::time::Instant;

use super::{SpinGate, clock::micros_since};
use crate::{bulk::Chunk, metrics::METERED, request::Request};

/// One thing to do for a caller.
pub(crate) enum Job {
    /// A single request.
    One(Box<Request>),
    /// Many requests of one bulk job, encoded back to back.
    Chunk(Box<Chunk>),
}

/// The reactor is gone or going; the job comes back.
pub(crate) struct InboxClosed(pub(crate) Job);

/// See the module documentation.
pub(crate) struct Inbox {
    queue: ArrayQueue<Job>,
    bell: AtomicWaker,
    /// True from a ring until the coordinator has drained the queue: no ring needed.
    awake: AtomicBool,
    closed: AtomicBool,
    /// Callers that found the queue full, oldest first.
    waiting: Mutex<VecDeque<Waker>>,
    /// Whether `waiting` may hold anyone, so that the coordinator need not lock to find out.
    crowded: AtomicBool,
    /// The reactor's clock as callers know it: since when it counts, and what it said last.
    epoch: OnceLock<Instant>,
    now_us: AtomicU64,
    /// Whether callers may spin for their answers.
    spin: Option<Arc<SpinGate>>,
}

impl Inbox {
    /// A queue for at most `capacity` jobs.
    pub(crate) fn new(capacity: usize, spin: Option<Arc<SpinGate>>) -> Self {
        Self {
            queue: ArrayQueue::new(capacity.max(1)),
            bell: AtomicWaker::new(),
            awake: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            waiting: Mutex::default(),
            crowded: AtomicBool::new(false),
            epoch: OnceLock::new(),
            now_us: AtomicU64::new(0),
            spin,
        }
    }

    /// The spin of the reactor behind it, if it was asked for.
    #[inline]
    pub(crate) fn spin(&self) -> Option<&SpinGate> {
        self.spin.as_deref()
    }

    /// Called by the coordinator when it starts: its clock counts from here.
    pub(crate) fn set_epoch(&self, epoch: Instant) {
        let _ = self.epoch.set(epoch);
    }

    /// Called by the coordinator in every tick: what its clock says.
    #[inline]
    pub(crate) fn set_time(&self, now_us: u64) {
        self.now_us.store(now_us, Ordering::Relaxed);
    }

    /// The time at which a job is handed over now, microseconds of the reactor's clock. While the reactor is at work this is when
    /// it last looked at its clock; otherwise whoever is going to wake it reads the clock for all who come with it.
    #[inline(always)]
    pub(crate) fn stamp(&self) -> u64 {
        if !METERED {
            return 0;
        }
        if self.awake.load(Ordering::Relaxed) {
            self.now_us.load(Ordering::Relaxed)
        } else {
            self.read_clock()
        }
    }

    #[cold]
    fn read_clock(&self) -> u64 {
        let now_us = self.epoch.get().map_or(0, |epoch| micros_since(*epoch));
        self.now_us.store(now_us, Ordering::Relaxed);
        now_us
    }

    /// Hands over a job, or gives it back (`Ok(Some)`) when the queue is full.
    #[inline(always)]
    pub(crate) fn push(&self, job: Job) -> Result<Option<Job>, InboxClosed> {
        if self.closed.load(Ordering::Acquire) {
            return Err(InboxClosed(job));
        }
        if let Err(job) = self.queue.push(job) {
            return Ok(Some(job));
        }
        if self.closed.load(Ordering::SeqCst) {
            // The coordinator may have drained for the last time before our push: fail what is left.
            while self.queue.pop().is_some() {}
            return Ok(None);
        }
        if !self.awake.load(Ordering::SeqCst) && !self.awake.swap(true, Ordering::SeqCst) {
            self.bell.wake();
        }
        Ok(None)
    }

    /// Registers a caller that found the queue full. The caller must try again once after this call, because
    /// room may have been made in between.
    pub(crate) fn wait_for_room(&self, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push_back(waker.clone());
        }
        self.crowded.store(true, Ordering::SeqCst);
    }

    /// Takes the next job. Called by the coordinator only.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Job> {
        self.queue.pop()
    }

    /// Jobs waiting to be taken.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Lets as many waiting callers try again as there is room for.
    #[inline]
    pub(crate) fn admit_waiting(&self) {
        if self.crowded.load(Ordering::Relaxed) {
            self.admit_crowd();
        }
    }

    #[cold]
    fn admit_crowd(&self) {
        let mut room = self.queue.capacity() - self.queue.len();
        let mut waiting = self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while room > 0 {
            let Some(waker) = waiting.pop_front() else { break };
            waker.wake();
            room -= 1;
        }
        if waiting.is_empty() {
            self.crowded.store(false, Ordering::SeqCst);
        }
    }

    /// Called by the coordinator when it has found the queue empty: registers `waker` for the next ring and
    /// tells whether a job slipped in meanwhile, in which case it must go on.
    pub(crate) fn fall_silent(&self, waker: &Waker) -> bool {
        self.bell.register(waker);
        self.awake.store(false, Ordering::SeqCst);
        if self.queue.is_empty() {
            return false;
        }
        self.awake.store(true, Ordering::SeqCst);
        true
    }

    /// Called by the coordinator when it stops popping although jobs are waiting (it is full): no ring is
    /// needed until it asks again.
    pub(crate) fn stay_awake(&self) {
        self.awake.store(true, Ordering::SeqCst);
    }

    /// Refuses new jobs. Jobs already inside stay until popped.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let mut waiting = self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for waker in waiting.drain(..) {
            waker.wake();
        }
    }
}

//! Leaving in good order.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as Task, Poll},
    time::Duration,
};

use tokio::{sync::oneshot, time::Sleep};

use super::{CoordinatorActor, Parked};
use crate::{reactor::Job, request::RequestErrorKind};

/// What a drain came to, for one reactor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Requests that were in flight and completed in time.
    pub completed: u64,
    /// Requests that were in flight and failed in time.
    pub failed: u64,
    /// Requests whose answer did not come in time; writes among them may have been applied.
    pub abandoned: u64,
}

/// A drain under way.
pub(super) struct Draining {
    done: Option<oneshot::Sender<DrainReport>>,
    deadline: Pin<Box<Sleep>>,
    before: (u64, u64),
    abandoned: u64,
    pub(super) expired: bool,
}

impl Draining {
    pub(super) fn new(within: Duration, done: oneshot::Sender<DrainReport>, before: (u64, u64)) -> Self {
        let deadline = Box::pin(tokio::time::sleep(within));
        Self { done: Some(done), deadline, before, abandoned: 0, expired: false }
    }
}

impl CoordinatorActor {
    pub(super) fn drain(&mut self, task: &mut Task<'_>) -> Poll<()> {
        if self.draining.is_none() {
            return Poll::Pending;
        }
        let expired =
            self.draining.as_mut().is_some_and(|draining| draining.deadline.as_mut().poll(task).is_ready());
        if expired {
            self.abandon();
        }
        if self.is_busy() || !self.port.chunks.borrow().is_empty() || self.inbox.len() > 0 {
            return Poll::Pending;
        }
        let (completed, failed) = self.port.ended();
        if let Some(draining) = &mut self.draining
            && let Some(done) = draining.done.take()
        {
            let abandoned = draining.abandoned;
            let report = DrainReport {
                completed: completed - draining.before.0,
                failed: (failed - draining.before.1).saturating_sub(abandoned),
                abandoned,
            };
            let _ = done.send(report);
        }
        Poll::Pending
    }

    /// The time is up: everything still here fails.
    pub(super) fn abandon(&mut self) {
        let Some(draining) = &mut self.draining else { return };
        if std::mem::replace(&mut draining.expired, true) {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend(std::mem::take(&mut self.stranded));
        let parked = std::mem::take(&mut self.parked);
        let rows = |job: &Job| match job {
            Job::One(_) => 1,
            Job::Chunk(chunk) => u64::from(chunk.len()),
        };
        draining.abandoned += waiting.iter().map(rows).sum::<u64>() + parked.len() as u64;
        for job in waiting {
            match job {
                Job::One(request) => self.port.fail(request, RequestErrorKind::SessionClosed),
                Job::Chunk(chunk) => self.fail_chunk(chunk, &RequestErrorKind::SessionClosed),
            }
        }
        for Parked { request, .. } in parked {
            self.port.fail(request, RequestErrorKind::SessionClosed);
        }
        for request in self.reprepares.take_aside() {
            if let Some(draining) = &mut self.draining {
                draining.abandoned += 1;
            }
            self.port.fail(request, RequestErrorKind::SessionClosed);
        }
        for connection in self.port.open_connections().collect::<Vec<_>>() {
            let outstanding = connection.in_flight() - connection.orphans();
            if let Some(draining) = &mut self.draining {
                draining.abandoned += u64::from(outstanding);
            }
            if outstanding > 0 {
                connection.close();
            }
        }
    }
}

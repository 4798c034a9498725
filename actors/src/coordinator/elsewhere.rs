//! Jobs that no connection of this reactor can take.
//!
//! A host is up when any reactor has a connection to it. A reactor whose own connections broke may be without any, for a moment
//! or for as long as the server lets no more of them in, while its neighbours serve. It hands such jobs on, and each neighbour
//! is asked once. When all were, a job stays here until a connection comes, the cluster takes the hosts of its plan for down, or
//! its time is up. A session that may fall back to the control connection does so before a job waits or fails.
//!
//! Rows that left their chunk stay: they have to come back to it. So do copies of late requests.

use std::sync::Arc;

use chorus_topology::{HostIndex, Load, Route, SlowHosts};

use super::{CoordinatorActor, CoordinatorPort};
use crate::bulk::Chunk;
use crate::config::ControlConnectionFallback;
use crate::connection::{ConnectionHandle, Work};
use crate::metrics::Stamps;
use crate::reactor::{Inbox, InboxClosed, Job};
use crate::request::{Request, RequestErrorKind};

/// The reactors of a session, this one among them, and what they may do together.
pub(crate) struct Neighbours {
    pub(crate) inboxes: Arc<[Arc<Inbox>]>,
    pub(crate) own: usize,
    pub(crate) fallback: ControlConnectionFallback,
}

/// Takes a host for usable that is up and has a pool here: its connections are elsewhere, or on their way.
pub(super) struct Expected<'e> {
    pub(super) route: &'e Route,
    pub(super) port: &'e CoordinatorPort,
}

impl Load for Expected<'_> {
    fn in_flight(&self, _: HostIndex) -> u32 {
        0
    }

    fn usable(&self, host: HostIndex) -> bool {
        self.route.host(host).is_some_and(|entry| entry.up) && self.port.has_pool(host)
    }

    fn may_be_slow(&self, _: SlowHosts) -> bool {
        false
    }
}

/// A job that was handed on so often goes no further.
const ARRIVED: u8 = u8::MAX;

impl Job {
    /// How often it was handed on; `None` for one that must stay.
    fn hops(&mut self) -> Option<&mut u8> {
        match self {
            Self::One(request) if request.progress.row.is_some() || request.progress.race.is_some() => None,
            Self::One(request) => Some(&mut request.progress.hops),
            Self::Chunk(chunk) => Some(&mut chunk.hops),
        }
    }

    /// Has its times understood on another clock.
    fn leave(&mut self, now_us: u64) {
        match self {
            Self::One(request) => {
                request.progress.spent_us = now_us.saturating_sub(request.progress.stamps.admitted_us);
                request.progress.aim = None;
            }
            Self::Chunk(chunk) => chunk.spent_us = now_us.saturating_sub(chunk.stamps.admitted_us),
        }
    }
}

impl CoordinatorActor {
    /// Takes in what a neighbour handed on. Its time has been running since that one took it.
    #[cold]
    pub(super) fn admit_passed(&mut self, mut job: Job) {
        let now = self.port.clock().now_us();
        match &mut job {
            Job::One(request) => {
                let progress = &mut request.progress;
                progress.stamps = Stamps::at(now.saturating_sub(progress.spent_us));
                progress.deadline_us = match self.port.clock().deadline(request.options.timeout) {
                    0 => 0,
                    deadline => deadline.saturating_sub(progress.spent_us).max(1),
                };
            }
            Job::Chunk(chunk) => chunk.stamps = Stamps::at(now.saturating_sub(chunk.spent_us)),
        }
        self.dispatch(job);
    }

    /// A host of its plan is up, and has no connection here.
    #[cold]
    pub(super) fn strand(&mut self, job: Job) {
        let outcome = self.hand_on(job);
        if let Err(job) = outcome.or_else(|job| self.fall_back(job)) {
            self.stranded.push_back(job);
        }
    }

    /// No host of its plan is up.
    #[cold]
    pub(super) fn give_up(&mut self, job: Job) {
        match self.fall_back(job) {
            Ok(()) => {}
            Err(job) if self.neighbour_was_full => self.stranded.push_back(job),
            Err(Job::One(request)) => self.port.fail(request, RequestErrorKind::NoHostAvailable),
            Err(Job::Chunk(chunk)) => self.fail_chunk(chunk, &RequestErrorKind::NoHostAvailable),
        }
    }

    /// Tries again what waits for a connection: one came, or what is known of hosts has changed.
    pub(super) fn retry_stranded(&mut self) {
        self.neighbour_was_full = false;
        for job in std::mem::take(&mut self.stranded) {
            self.dispatch(job);
        }
    }

    /// Gives a job to the next neighbour, unless it has been to all.
    fn hand_on(&mut self, mut job: Job) -> Result<(), Job> {
        let Some(neighbours) = &self.neighbours else { return Err(job) };
        let count = neighbours.inboxes.len();
        let inbox = Arc::clone(&neighbours.inboxes[(neighbours.own + 1) % count]);
        match job.hops() {
            Some(hops) if usize::from(*hops) + 1 < count => {
                let passed = *hops + 1;
                self.pass(job, passed, &inbox)
            }
            _ => Err(job),
        }
    }

    fn pass(&mut self, mut job: Job, passed: u8, inbox: &Inbox) -> Result<(), Job> {
        let Some(before) = job.hops().map(|hops| std::mem::replace(hops, passed)) else { return Err(job) };
        job.leave(self.port.clock().now_us());
        let mut back = match inbox.push(job) {
            Ok(None) => return Ok(()),
            Ok(Some(job)) => {
                self.neighbour_was_full = true;
                job
            }
            // The session ends.
            Err(InboxClosed(job)) => job,
        };
        if let Some(hops) = back.hops() {
            *hops = before;
        }
        Err(back)
    }

    /// Sends a job on the control connection if the session may: never one for a certain host, and each once for each plan.
    fn fall_back(&mut self, job: Job) -> Result<(), Job> {
        let Some(neighbours) = &self.neighbours else { return Err(job) };
        let is_free = match &job {
            Job::One(request) => request.options.host.is_none() && !request.progress.by_control,
            Job::Chunk(chunk) => chunk.options(0).host.is_none(),
        };
        if neighbours.fallback == ControlConnectionFallback::Disabled || !is_free {
            return Err(job);
        }
        if neighbours.own != 0 {
            let first = Arc::clone(&neighbours.inboxes[0]);
            return self.pass(job, ARRIVED, &first);
        }
        let control = self.port.control.borrow().clone();
        match control {
            Some(control) if control.has_room() => {
                self.send_by_control(job, &control);
                Ok(())
            }
            Some(control) if control.is_open() => {
                self.neighbour_was_full = true;
                Err(job)
            }
            _ => Err(job),
        }
    }

    fn send_by_control(&mut self, job: Job, control: &ConnectionHandle) {
        if control.answers_for.get() == control.host {
            let route = self.port.route.borrow().clone();
            let hosts = route.iter().flat_map(|route| route.hosts());
            let known: Option<HostIndex> = hosts
                .map(|entry| &entry.host)
                .find(|host| host.address == control.address)
                .map(|host| host.index);
            control.answers_for.set(known.unwrap_or(control.host));
        }
        match job {
            Job::One(mut request) => {
                request.progress.by_control = true;
                self.hand_over(request, control);
            }
            Job::Chunk(chunk) => {
                let rows = chunk.len();
                let key = self.port.chunks.borrow_mut().insert(chunk) as u32;
                control.push(Work::Rows { chunk: key, next: 0 }, rows);
            }
        }
    }
}

impl CoordinatorActor {
    /// Fails jobs that have expired or that nobody waits for any more.
    pub(super) fn expire_jobs(&self, jobs: &mut std::collections::VecDeque<Job>, now_us: u64) {
        let mut index = 0;
        while let Some(job) = jobs.get(index) {
            let expired = match job {
                Job::One(request) => has_expired(request, now_us),
                Job::Chunk(chunk) => chunk_has_expired(chunk, now_us),
            };
            if !expired {
                index += 1;
                continue;
            }
            match jobs.remove(index) {
                Some(Job::One(request)) => self.expire(request),
                Some(Job::Chunk(chunk)) => {
                    let after = chunk.options(0).timeout.unwrap_or_default();
                    let kind = RequestErrorKind::Timeout { after, written: false, in_flight: 0 };
                    self.fail_chunk(chunk, &kind);
                }
                None => {}
            }
        }
    }
}

/// Whether its time is up, or nobody waits for it.
pub(super) fn has_expired(request: &Request, now_us: u64) -> bool {
    request.is_abandoned() || (request.progress.deadline_us != 0 && request.progress.deadline_us <= now_us)
}

fn chunk_has_expired(chunk: &Chunk, now_us: u64) -> bool {
    let deadline = crate::reactor::deadline_after(chunk.stamps.admitted_us, chunk.options(0).timeout);
    deadline != 0 && deadline <= now_us
}

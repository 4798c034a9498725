//! The coordinator: one a reactor. Takes requests from callers, sends each to a connection, and decides what happens
//! when an attempt fails.
//!
//! It owns admission (how much is accepted before callers must wait), the requests that wait for room, retries and
//! their budget, and the statements being prepared again. Callers reach it through the [`Inbox`]; connections and
//! pools of the reactor through its [`CoordinatorPort`]; the cluster and metrics actors through its mailbox. All work
//! happens in its pump, a single future registered once. If it dies, the inbox is closed and whatever it held is
//! dropped, which tells every caller.

mod execution;
mod messages;
mod pools;
mod port;
mod reprepare;
mod stats;

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context as Task, Poll},
    time::Duration,
};

use actix::{Actor, ActorContext, ActorFuture, AsyncContext, Context, Handler};
use chorus_topology::{HostIndex, RetryBudget, Rng, Route, RoutingQuery};
use tokio::{sync::oneshot, time::Sleep};

pub(crate) use messages::{Collect, Drain, OnStage, SetRoute};
pub(crate) use port::{Cause, CoordinatorPort};
pub(crate) use stats::CoordinatorStats;
pub use stats::{RequestCounts, RequestOutcome};

use execution::Effect;
use pools::Pick;
use port::{Failed, Reprepared};
use reprepare::Reprepares;

use crate::{
    bulk::Chunk,
    connection::{ConnectionHandle, Work},
    reactor::{Inbox, Job, Stage},
    request::{
        Attempt, AttemptError, ExecutionPolicies, Outcome, Request, RequestError, RequestErrorKind, RequestKind,
    },
};

/// Jobs that may wait here for room on a connection before callers must wait outside.
const MOST_WAITING: usize = 4096;
/// Jobs taken in one poll before connections get their turn.
const JOBS_PER_POLL: usize = 4096;
/// How coarse deadlines are.
const TICK: Duration = Duration::from_millis(5);

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

struct Draining {
    done: Option<oneshot::Sender<DrainReport>>,
    deadline: Pin<Box<Sleep>>,
    before: (u64, u64),
    abandoned: u64,
    expired: bool,
}

/// A request that waits before it is sent again.
struct Parked {
    due_us: u64,
    request: Box<Request>,
    host: Option<HostIndex>,
}

/// See the module documentation.
pub(crate) struct CoordinatorActor {
    stage: Stage,
    inbox: Arc<Inbox>,
    port: Rc<CoordinatorPort>,
    policies: Arc<ExecutionPolicies>,
    rng: Rng,
    budget: RetryBudget,
    /// Jobs that found every suitable connection full, oldest first.
    waiting: VecDeque<Job>,
    parked: Vec<Parked>,
    reprepares: Reprepares,
    tick: Option<Pin<Box<Sleep>>>,
    draining: Option<Draining>,
}

/// Puts a coordinator on stage and returns its desk.
pub(crate) fn start(
    stage: &Stage,
    inbox: Arc<Inbox>,
    port: &Rc<CoordinatorPort>,
    policies: Arc<ExecutionPolicies>,
    rng: Rng,
) -> actix::Addr<CoordinatorActor> {
    stage.start(CoordinatorActor {
        stage: stage.clone(),
        inbox,
        port: Rc::clone(port),
        policies,
        rng,
        budget: RetryBudget::default(),
        waiting: VecDeque::new(),
        parked: Vec::new(),
        reprepares: Reprepares::default(),
        tick: None,
        draining: None,
    })
}

impl Actor for CoordinatorActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(64);
        context.spawn(Pump);
    }
}

struct Pump;

impl ActorFuture<CoordinatorActor> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        coordinator: &mut CoordinatorActor,
        context: &mut Context<CoordinatorActor>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        if coordinator.advance(task).is_ready() {
            context.stop();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl CoordinatorActor {
    /// Ready when a drain has ended and nothing is left to do.
    fn advance(&mut self, task: &mut Task<'_>) -> Poll<()> {
        self.port.awoken(task.waker());
        self.port.stats.borrow_mut().polls += 1;
        self.judge_failures();
        self.settle_reprepared();
        if self.port.room.take() {
            self.retry_waiting();
        }
        self.take_jobs(task);
        self.keep_time(task);
        self.port.flush_wakes();
        self.drain(task)
    }

    /// The reactor it runs on.
    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Its desk.
    pub(crate) fn port(&self) -> &Rc<CoordinatorPort> {
        &self.port
    }

    // ---- admission

    fn take_jobs(&mut self, task: &mut Task<'_>) {
        let mut taken = 0;
        loop {
            if self.waiting.len() >= MOST_WAITING {
                self.inbox.stay_awake();
                return;
            }
            if taken == JOBS_PER_POLL {
                self.inbox.admit_waiting();
                task.waker().wake_by_ref();
                return;
            }
            let Some(job) = self.inbox.pop() else {
                self.inbox.admit_waiting();
                if self.inbox.fall_silent(task.waker()) {
                    continue;
                }
                return;
            };
            taken += 1;
            self.admit(job);
        }
    }

    fn admit(&mut self, mut job: Job) {
        let now = self.port.clock().now_us();
        match &mut job {
            Job::One(request) => {
                request.progress.admitted_us = now;
                request.progress.deadline_us = self.port.clock().deadline(request.options.timeout);
                self.budget.deposit();
            }
            Job::Chunk(chunk) => {
                chunk.admitted_us = now;
                self.budget.deposit();
            }
        }
        if self.waiting.is_empty() {
            self.dispatch(job);
        } else {
            // Others wait already. A job for a host with room may still overtake: only its own host is full.
            self.dispatch(job);
        }
    }

    fn retry_waiting(&mut self) {
        let mut held = std::mem::take(&mut self.waiting);
        self.port.starving.set(false);
        while let Some(job) = held.pop_front() {
            self.dispatch(job);
            // The oldest went back to the end of the line: everything behind it would fare no better soon.
            if self.waiting.len() >= 8 {
                break;
            }
        }
        while let Some(job) = self.waiting.pop_back() {
            held.push_front(job);
        }
        self.waiting = held;
        self.port.starving.set(!self.waiting.is_empty());
    }

    fn wait_for_room(&mut self, job: Job) {
        self.port.starving.set(true);
        self.waiting.push_back(job);
    }

    fn dispatch(&mut self, job: Job) {
        match job {
            Job::One(request) => self.dispatch_one(request),
            Job::Chunk(chunk) => self.dispatch_chunk(chunk),
        }
    }

    /// Sends a request to the next host of its plan.
    fn dispatch_one(&mut self, mut request: Box<Request>) {
        if request.is_abandoned() {
            self.port.cancelled(request);
            return;
        }
        let Some(route) = self.port.route.borrow().clone() else {
            self.port.fail(request, RequestErrorKind::NoHostAvailable);
            return;
        };
        let mut full = false;
        let skipped_from = request.progress.tried.len();
        loop {
            let next = self.next_target(&request, &route);
            let Some((host, shard, quality)) = next else { break };
            let pick = self.port.pools.borrow().pick(host, shard, &mut self.rng);
            match pick {
                Pick::Connection(connection) => {
                    // Hosts that were only full are not tried: a later attempt may use them.
                    request.progress.tried.truncate(skipped_from);
                    request.progress.tried.push(host);
                    if request.progress.attempts.is_empty() && request.progress.reprepares == 0 {
                        self.port.stats.borrow_mut().routed(quality, 1);
                    }
                    request.progress.quality = Some(quality);
                    self.hand_over(request, &connection);
                    return;
                }
                Pick::Full => {
                    full = true;
                    request.progress.tried.push(host);
                }
                Pick::None => {
                    request.progress.tried.push(host);
                    let address = route.host(host).map(|host| host.host.address);
                    if let Some(host) = address
                        && !request.progress.attempts.iter().any(|attempt| attempt.host == host)
                    {
                        let error = AttemptError::NotConnected;
                        request.progress.attempts.push(Attempt { host, error });
                    }
                }
            }
            if request.options.host.is_some() {
                break;
            }
        }
        if full {
            request.progress.tried.truncate(skipped_from);
            request.progress.attempts.retain(|attempt| !matches!(attempt.error, AttemptError::NotConnected));
            self.wait_for_room(Job::One(request));
        } else {
            self.port.fail(request, RequestErrorKind::NoHostAvailable);
        }
    }

    fn next_target(
        &mut self,
        request: &Request,
        route: &Route,
    ) -> Option<(HostIndex, Option<u16>, chorus_topology::RoutingQuality)> {
        if let Some(host) = request.options.host {
            return Some((host, None, chorus_topology::RoutingQuality::Unrouted));
        }
        let query = RoutingQuery {
            table: request.options.table,
            token: request.options.token,
            consistency: request.options.consistency,
            is_lwt: request.options.lwt,
            is_read: request.options.kind == RequestKind::Read,
        };
        let policies = request.options.policies.as_ref().unwrap_or(&self.policies);
        let pools = self.port.pools.borrow();
        let target =
            policies.load_balancing.next(&query, route, &*pools, &request.progress.tried, &mut self.rng)?;
        Some((target.host, target.shard, target.quality))
    }

    fn hand_over(&mut self, mut request: Box<Request>, connection: &ConnectionHandle) {
        request.progress.host = Some(connection.host);
        request.progress.connection = connection.id;
        request.progress.queued_us = self.port.clock().now_us();
        connection.push(Work::One(request), 1);
    }

    /// Sends a chunk to its host, or to any other when that one is gone.
    fn dispatch_chunk(&mut self, mut chunk: Box<Chunk>) {
        let Some(route) = self.port.route.borrow().clone() else {
            self.fail_chunk(chunk);
            return;
        };
        let mut tried = Vec::new();
        let mut full = false;
        let mut wanted = chunk.host.map(|host| (host, chunk.shard, chunk.quality));
        loop {
            let target = wanted.take().or_else(|| {
                let options = chunk.options(0);
                let query = RoutingQuery {
                    table: options.table,
                    token: chunk.tokens[0],
                    consistency: options.consistency,
                    is_lwt: options.lwt,
                    is_read: options.kind == RequestKind::Read,
                };
                let policies = options.policies.as_ref().unwrap_or(&self.policies);
                let pools = self.port.pools.borrow();
                policies
                    .load_balancing
                    .next(&query, &route, &*pools, &tried, &mut self.rng)
                    .map(|target| (target.host, target.shard, target.quality))
            });
            let Some((host, shard, quality)) = target else { break };
            let pick = self.port.pools.borrow().pick(host, shard, &mut self.rng);
            match pick {
                Pick::Connection(connection) => {
                    let rows = chunk.len();
                    chunk.quality = quality;
                    self.port.stats.borrow_mut().routed(quality, u64::from(rows));
                    let key = self.port.chunks.borrow_mut().insert(chunk) as u32;
                    connection.push(Work::Rows { chunk: key, next: 0 }, rows);
                    return;
                }
                Pick::Full => {
                    full = true;
                    // Rows keep to their host: moving them would trade routing for a little waiting.
                    break;
                }
                Pick::None => tried.push(host),
            }
        }
        if full { self.wait_for_room(Job::Chunk(chunk)) } else { self.fail_chunk(chunk) }
    }

    fn fail_chunk(&self, mut chunk: Box<Chunk>) {
        chunk.failures.clear();
        for row in 0..chunk.len() {
            chunk.failures.push((row, RequestErrorKind::NoHostAvailable.into()));
        }
        chunk.remaining = 0;
        self.port.stats.borrow_mut().chunk_done(&chunk, 0);
        if let Some(waker) = chunk.finish() {
            self.port.wake_caller(waker);
        }
    }

    // ---- failures

    fn judge_failures(&mut self) {
        let failed = std::mem::take(&mut *self.port.failed.borrow_mut());
        for failure in failed {
            self.judge(failure);
        }
    }

    fn judge(&mut self, Failed { mut request, cause, connection }: Failed) {
        if request.is_abandoned() {
            self.port.cancelled(request);
            return;
        }
        if request.progress.reprepare {
            self.reprepare_failed(request, cause, &connection);
            return;
        }
        if request.options.direct {
            self.port.fail(request, execution::error_kind(cause));
            return;
        }
        if let Some(error) = execution::attempt_error(&cause) {
            request.progress.attempts.push(Attempt { host: connection.address, error });
        }
        let policies = Arc::clone(request.options.policies.as_ref().unwrap_or(&self.policies));
        let mut refusals = 0;
        let in_flight = connection.in_flight();
        let effect = if self.draining.as_ref().is_some_and(|draining| draining.expired) {
            Effect::Fail(execution::error_kind(cause))
        } else {
            execution::judge(&request, cause, in_flight, &*policies.retry, &mut self.budget, &mut refusals)
        };
        self.port.stats.borrow_mut().budget_refusals += refusals;
        match effect {
            Effect::Fail(kind) => {
                // The last attempt is the error itself, not one that came before it.
                if !matches!(kind, RequestErrorKind::Timeout { .. }) {
                    request.progress.attempts.pop();
                }
                self.port.fail(request, kind);
            }
            Effect::Ignore => {
                self.port.stats.borrow_mut().ignored_errors += 1;
                request.body.clear();
                request.body.extend_from_slice(&[0, 0, 0, 1]);
                let opcode = chorus_protocol::Opcode::Result as u8;
                request.outcome = Outcome::Answered { opcode, flags: 0, host: connection.host };
                self.port.answered(request);
            }
            Effect::Reprepare(id) => self.reprepare(request, &id, &connection),
            Effect::Resend { same_host, consistency, after } => {
                request.progress.retries += 1;
                {
                    let mut stats = self.port.stats.borrow_mut();
                    if same_host {
                        stats.retries_same_host += 1;
                    } else {
                        stats.retries_next_host += 1;
                    }
                }
                self.change_consistency(&mut request, consistency);
                let host = same_host.then_some(connection.host);
                match after {
                    Some(delay) => {
                        let due_us = self.port.clock().now_us() + delay.as_micros() as u64;
                        self.parked.push(Parked { due_us, request, host });
                    }
                    None => self.resend(request, host),
                }
            }
        }
    }

    fn change_consistency(&self, request: &mut Request, consistency: Option<chorus_protocol::Consistency>) {
        if let (Some(consistency), Some(offset)) = (consistency, request.options.consistency_offset)
            && let Some(bytes) = request.frame.get_mut(offset as usize..offset as usize + 2)
        {
            bytes.copy_from_slice(&consistency.code().to_be_bytes());
            request.options.consistency = consistency;
        }
    }

    /// Sends again: to `host` if it still has a connection with room, else to the next host of the plan.
    fn resend(&mut self, request: Box<Request>, host: Option<HostIndex>) {
        if let Some(host) = host {
            let pick = self.port.pools.borrow().pick(host, None, &mut self.rng);
            if let Pick::Connection(connection) = pick {
                self.hand_over(request, &connection);
                return;
            }
        }
        self.dispatch_one(request);
    }

    // ---- time

    /// Sweeps deadlines while anything is in flight; no timer runs on an idle reactor.
    fn keep_time(&mut self, task: &mut Task<'_>) {
        loop {
            if self.tick.is_none() {
                if !self.is_busy() {
                    return;
                }
                self.tick = Some(Box::pin(tokio::time::sleep(TICK)));
            }
            let Some(tick) = self.tick.as_mut() else { return };
            if tick.as_mut().poll(task).is_pending() {
                return;
            }
            self.sweep();
            if self.is_busy() {
                if let Some(tick) = self.tick.as_mut() {
                    tick.as_mut().reset(tokio::time::Instant::now() + TICK);
                }
            } else {
                self.tick = None;
            }
        }
    }

    fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
            || !self.parked.is_empty()
            || self.port.open_connections().any(|connection| connection.in_flight() > connection.orphans())
            || self.port.open_connections().any(|connection| connection.queue_depth() > 0)
    }

    fn sweep(&mut self) {
        for connection in self.port.open_connections().collect::<Vec<_>>() {
            connection.sweep();
        }
        let now = self.port.clock().now_us();
        let mut index = 0;
        while index < self.waiting.len() {
            let expired = match &self.waiting[index] {
                Job::One(request) => {
                    request.is_abandoned()
                        || (request.progress.deadline_us != 0 && request.progress.deadline_us <= now)
                }
                Job::Chunk(_) => false,
            };
            if !expired {
                index += 1;
            } else if let Some(Job::One(request)) = self.waiting.remove(index) {
                self.expire(request);
            }
        }
        let mut index = 0;
        while index < self.parked.len() {
            let Parked { due_us, request, .. } = &self.parked[index];
            let expired = request.is_abandoned()
                || (request.progress.deadline_us != 0 && request.progress.deadline_us <= now);
            if !expired && *due_us > now {
                index += 1;
                continue;
            }
            let Parked { request, host, .. } = self.parked.swap_remove(index);
            if expired { self.expire(request) } else { self.resend(request, host) }
        }
    }

    fn expire(&self, request: Box<Request>) {
        if request.is_abandoned() {
            self.port.cancelled(request);
            return;
        }
        let after = request.options.timeout.unwrap_or_default();
        let written = request.progress.attempts.iter().any(|attempt| {
            !matches!(attempt.error, AttemptError::NotConnected | AttemptError::ConnectionLost { written: false, .. })
        });
        self.port.fail(request, RequestErrorKind::Timeout { after, written, in_flight: 0 });
    }

    // ---- shutdown

    fn drain(&mut self, task: &mut Task<'_>) -> Poll<()> {
        if self.draining.is_none() {
            return Poll::Pending;
        }
        let expired = self.draining.as_mut().is_some_and(|draining| draining.deadline.as_mut().poll(task).is_ready());
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
    fn abandon(&mut self) {
        let Some(draining) = &mut self.draining else { return };
        if std::mem::replace(&mut draining.expired, true) {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let parked = std::mem::take(&mut self.parked);
        draining.abandoned += (waiting.len() + parked.len()) as u64;
        for job in waiting {
            match job {
                Job::One(request) => self.port.fail(request, RequestErrorKind::SessionClosed),
                Job::Chunk(chunk) => drop(chunk.fail_all(&RequestErrorKind::SessionClosed)),
            }
        }
        for Parked { request, .. } in parked {
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

impl Handler<SetRoute> for CoordinatorActor {
    type Result = ();

    fn handle(&mut self, SetRoute(route): SetRoute, _: &mut Context<Self>) {
        self.port.set_route(route);
    }
}

impl Handler<Collect> for CoordinatorActor {
    type Result = ();

    fn handle(&mut self, Collect(reply): Collect, _: &mut Context<Self>) {
        let _ = reply.send(self.port.snapshot(self.inbox.len(), self.waiting.len() + self.parked.len()));
    }
}

impl Handler<Drain> for CoordinatorActor {
    type Result = ();

    fn handle(&mut self, Drain { within, done }: Drain, _: &mut Context<Self>) {
        self.inbox.close();
        self.draining = Some(Draining {
            done: Some(done),
            deadline: Box::pin(tokio::time::sleep(within)),
            before: self.port.ended(),
            abandoned: 0,
            expired: false,
        });
        self.port.wake();
    }
}

impl Handler<OnStage> for CoordinatorActor {
    type Result = ();

    fn handle(&mut self, OnStage(work): OnStage, _: &mut Context<Self>) {
        work(&self.stage, &self.port);
    }
}

impl Drop for CoordinatorActor {
    fn drop(&mut self) {
        self.inbox.close();
        while let Some(job) = self.inbox.pop() {
            match job {
                Job::One(request) => drop(request.fail(RequestErrorKind::SessionClosed).map(std::task::Waker::wake)),
                Job::Chunk(chunk) => {
                    drop(chunk.fail_all(&RequestErrorKind::SessionClosed).map(std::task::Waker::wake));
                }
            }
        }
        self.port.flush_wakes();
    }
}


//! Taking jobs in, and finding each a connection.

use std::{rc::Rc, task::Context as Task};

use chorus_protocol::token::Token;
use chorus_topology::{HostIndex, Load, Rng, Route, RoutingQuality, RoutingQuery, preferred_target};

use super::{
    CoordinatorActor,
    elsewhere::Expected,
    pools::{Pick, Pools},
};
use crate::{
    bulk::Chunk,
    connection::{ConnectionHandle, Work},
    metrics::METERED,
    reactor::Job,
    request::{
        Attempt, AttemptError, ExecutionPolicies, Request, RequestErrorKind, RequestKind, RequestOptions,
    },
};

/// Jobs that may wait here for room on a connection before callers must wait outside.
const MOST_WAITING: usize = 4096;
/// Jobs taken in one poll before connections get their turn.
const JOBS_PER_POLL: usize = 4096;
/// Waiting jobs that may find no room before the rest is not even tried. More than one, because a chunk waits for its own
/// host and those behind it may be for another.
const MOST_DISAPPOINTED: usize = 32;

impl CoordinatorActor {
    pub(super) fn take_jobs(&mut self, task: &mut Task<'_>) {
        // Nobody spends meanwhile.
        let fresh = self.take_each(task);
        self.budget.deposit_many(fresh);
    }

    /// How many requests and rows are new here.
    fn take_each(&mut self, task: &mut Task<'_>) -> u32 {
        let (mut taken, mut fresh) = (0, 0);
        loop {
            if self.waiting.len() + self.stranded.len() >= MOST_WAITING {
                self.inbox.stay_awake();
                return fresh;
            }
            if taken == JOBS_PER_POLL {
                self.inbox.admit_waiting();
                task.waker().wake_by_ref();
                return fresh;
            }
            let Some(job) = self.inbox.pop() else {
                self.inbox.admit_waiting();
                if self.inbox.fall_silent(task.waker()) {
                    continue;
                }
                return fresh;
            };
            if taken == 0 {
                self.port.callers().stir();
            }
            taken += 1;
            fresh += self.admit(job);
        }
    }

    /// Takes a job in, and returns how many requests it is; none that another reactor has counted.
    #[inline]
    fn admit(&mut self, job: Job) -> u32 {
        let now = self.port.clock().now_us();
        match job {
            Job::One(request) if request.progress.hops > 0 => {
                self.admit_passed(Job::One(request));
                0
            }
            Job::Chunk(chunk) if chunk.hops > 0 => {
                self.admit_passed(Job::Chunk(chunk));
                0
            }
            Job::One(mut request) => {
                let stamps = &mut request.progress.stamps;
                // The caller's look at the clock may be the later one.
                stamps.entered_us = stamps.entered_us.min(now);
                stamps.admitted_us = now;
                if METERED {
                    self.admission.record(now - stamps.entered_us);
                }
                request.progress.deadline_us = self.port.clock().deadline(request.options.timeout);
                self.dispatch_one(request);
                1
            }
            Job::Chunk(mut chunk) => {
                chunk.stamps.entered_us = chunk.stamps.entered_us.min(now);
                chunk.stamps.admitted_us = now;
                if METERED {
                    self.admission.record_many(now - chunk.stamps.entered_us, u64::from(chunk.len()));
                }
                let rows = chunk.len();
                self.dispatch_chunk(chunk);
                rows
            }
        }
    }

    pub(super) fn retry_waiting(&mut self) {
        let mut held = std::mem::take(&mut self.waiting);
        self.port.starving.set(false);
        while let Some(job) = held.pop_front() {
            self.dispatch(job);
            if self.waiting.len() >= MOST_DISAPPOINTED {
                break;
            }
        }
        while let Some(job) = self.waiting.pop_back() {
            held.push_front(job);
        }
        self.waiting = held;
        self.port.starving.set(!self.waiting.is_empty());
    }

    pub(super) fn wait_for_room(&mut self, job: Job) {
        self.port.starving.set(true);
        self.waiting.push_back(job);
    }

    #[inline]
    pub(super) fn dispatch(&mut self, job: Job) {
        match job {
            Job::One(request) => self.dispatch_one(request),
            Job::Chunk(chunk) => self.dispatch_chunk(chunk),
        }
    }

    /// Sends a request to the next host of its plan.
    #[inline(always)]
    pub(super) fn dispatch_one(&mut self, request: Box<Request>) {
        // Whether its caller is still there is looked at before it is written.
        if let Some(request) = self.send_plainly(request) {
            self.dispatch_special(request);
        }
    }

    #[inline(never)]
    fn dispatch_special(&mut self, mut request: Box<Request>) {
        if request.is_abandoned() {
            self.port.cancelled(request);
            return;
        }
        let connection = match self.choose(&mut request) {
            Choice::Connection(connection) => connection,
            Choice::Full => return self.wait_for_room(Job::One(request)),
            Choice::Stranded => return self.strand(Job::One(request)),
            Choice::None => return self.give_up(Job::One(request)),
        };
        self.hand_over(request, &connection);
    }

    /// Sends a request that was never sent and about which nothing is special, when the first host of its plan has room, or gives
    /// it back: [`choose`](Self::choose) without the cases that most requests are not.
    #[inline(always)]
    fn send_plainly(&mut self, mut request: Box<Request>) -> Option<Box<Request>> {
        let (options, progress) = (&request.options, &request.progress);
        let is_plain = progress.tried.is_empty()
            && progress.attempts.is_empty()
            && progress.aim.is_none()
            && options.host.is_none()
            && options.preferred.is_none()
            && options.policies.is_none()
            && !(options.idempotent && self.speculates);
        if !is_plain {
            return Some(request);
        }
        let Self { port, policies, rng, .. } = self;
        let (route, pools) = (port.route.borrow(), port.pools.borrow());
        let Some(route) = route.as_deref() else { return Some(request) };
        let (query, view) = (routing_query(options, options.token, None), route.view(policies.view));
        let Some(target) = policies.load_balancing.next(&query, view, &*pools, &[], rng) else {
            return Some(request);
        };
        let Pick::Connection(connection) = pools.pick(target.host, target.shard, rng) else {
            return Some(request);
        };
        let quality = connection.routes(target.shard, target.quality);
        port.stats.borrow_mut().routed(quality, 1);
        let progress = &mut request.progress;
        progress.tried.push(target.host);
        progress.quality = Some(quality);
        progress.attempt_at(connection, port.clock().now_us());
        connection.push(Work::One(request), 1);
        None
    }

    /// A connection to the next host of the request's plan that has room.
    fn choose(&mut self, request: &mut Request) -> Choice {
        let Self { port, policies, rng, .. } = self;
        let (route, pools) = (port.route.borrow(), port.pools.borrow());
        let Some(route) = route.as_deref() else { return Choice::None };
        let mut full = false;
        let skipped_from = request.progress.tried.len();
        while let Some((host, shard, quality)) = next_target(request, policies, route, &pools, rng) {
            match pools.pick(host, shard, rng) {
                Pick::Connection(connection) => {
                    let quality = connection.routes(shard, quality);
                    // Hosts that were only full are not tried: a later attempt may use them.
                    request.progress.tried.truncate(skipped_from);
                    request.progress.tried.push(host);
                    if skipped_from == 0 && request.progress.attempts.is_empty() {
                        port.stats.borrow_mut().routed(quality, 1);
                    }
                    request.progress.quality = Some(quality);
                    return Choice::Connection(Rc::clone(connection));
                }
                Pick::Full => full = true,
                Pick::None => {
                    let address = route.host(host).map(|host| host.host.address);
                    if let Some(host) = address
                        && !request.progress.attempts.iter().any(|attempt| attempt.host == host)
                    {
                        let error = AttemptError::NotConnected;
                        let after = request.progress.since_admitted(port.clock().now_us());
                        request.progress.attempts.push(Attempt { host, error, after });
                    }
                }
            }
            request.progress.tried.push(host);
            if request.options.host.is_some() {
                break;
            }
        }
        let expected = Expected { route, port };
        let (options, tried) = (&request.options, &request.progress.tried[..skipped_from]);
        if !full && !may_come(options, options.token, policies, &expected, tried, rng) {
            return Choice::None;
        }
        request.progress.tried.truncate(skipped_from);
        request.progress.attempts.retain(|attempt| !matches!(attempt.error, AttemptError::NotConnected));
        if full { Choice::Full } else { Choice::Stranded }
    }

    /// The next host of the request's plan.
    pub(super) fn next_target(
        &mut self,
        request: &Request,
        route: &Route,
    ) -> Option<(HostIndex, Option<u16>, RoutingQuality)> {
        next_target(request, &self.policies, route, &self.port.pools.borrow(), &mut self.rng)
    }

    #[inline(never)]
    pub(super) fn hand_over(&mut self, mut request: Box<Request>, connection: &ConnectionHandle) {
        request.progress.attempt_at(connection, self.port.clock().now_us());
        if request.options.idempotent && (self.speculates || request.options.policies.is_some()) {
            self.watch(&mut request, connection);
        }
        connection.push(Work::One(request), 1);
    }

    /// Sends a chunk to its host, or to any other when that one is gone.
    pub(super) fn dispatch_chunk(&mut self, mut chunk: Box<Chunk>) {
        let Some(route) = self.port.route.borrow().clone() else {
            return self.give_up(Job::Chunk(chunk));
        };
        let mut tried = Vec::new();
        let mut full = false;
        let mut wanted = chunk.host.map(|host| (host, chunk.shard, chunk.quality));
        loop {
            let target = wanted.take().or_else(|| {
                let pools = self.port.pools.borrow();
                let (options, token) = (chunk.options(0), chunk.rows[0].token);
                planned(options, token, &self.policies, &route, &*pools, &tried, &mut self.rng)
            });
            let Some((host, shard, quality)) = target else { break };
            let pools = self.port.pools.borrow();
            match pools.pick(host, shard, &mut self.rng) {
                Pick::Connection(connection) => {
                    let rows = chunk.len();
                    let quality = connection.routes(shard, quality);
                    chunk.quality = quality;
                    self.port.stats.borrow_mut().routed(quality, u64::from(rows));
                    chunk.stamps.queued_us = self.port.clock().now_us();
                    let key = self.port.chunks.borrow_mut().insert(chunk) as u32;
                    connection.push(Work::Rows { chunk: key, next: 0 }, rows);
                    return;
                }
                Pick::Full => {
                    full = true;
                    // Rows keep to their host: moving them would trade routing for a little waiting.
                    break;
                }
                Pick::None if chunk.options(0).host.is_some() => break,
                Pick::None => tried.push(host),
            }
        }
        if full {
            return self.wait_for_room(Job::Chunk(chunk));
        }
        let expected = Expected { route: &route, port: &self.port };
        let (options, token) = (chunk.options(0), chunk.rows[0].token);
        if may_come(options, token, &self.policies, &expected, &[], &mut self.rng) {
            self.strand(Job::Chunk(chunk))
        } else {
            self.give_up(Job::Chunk(chunk))
        }
    }

    /// Fails every row of a chunk that never reached a connection.
    pub(super) fn fail_chunk(&self, mut chunk: Box<Chunk>, kind: &RequestErrorKind) {
        chunk.fail_rows(kind);
        self.port.stats.borrow_mut().chunk_done(&chunk, self.port.clock().now_us());
        if let Some(waker) = chunk.finish() {
            self.port.wake_caller(waker);
        }
    }
}

/// What looking for a connection came to.
enum Choice {
    /// This one has room.
    Connection(ConnectionHandle),
    /// There are connections to some hosts of the plan, all of them full.
    Full,
    /// There is none, although hosts of the plan are up.
    Stranded,
    /// There is none.
    None,
}

/// Whether a host of the plan is up, so that other reactors have connections to it and this one may get one.
#[cold]
fn may_come(
    options: &RequestOptions,
    token: Option<Token>,
    policies: &ExecutionPolicies,
    expected: &Expected<'_>,
    tried: &[HostIndex],
    rng: &mut Rng,
) -> bool {
    match options.host {
        Some(host) => expected.usable(host),
        None => planned(options, token, policies, expected.route, expected, tried, rng).is_some(),
    }
}

/// The next host of the plan, whatever host the request would prefer.
fn planned(
    options: &RequestOptions,
    token: Option<Token>,
    policies: &ExecutionPolicies,
    route: &Route,
    load: &dyn Load,
    tried: &[HostIndex],
    rng: &mut Rng,
) -> Option<(HostIndex, Option<u16>, RoutingQuality)> {
    let query = routing_query(options, token, None);
    let policies = options.policies.as_deref().unwrap_or(policies);
    let target = policies.load_balancing.next(&query, route.view(policies.view), load, tried, rng)?;
    Some((target.host, target.shard, target.quality))
}

#[inline(always)]
fn routing_query(
    options: &RequestOptions,
    token: Option<Token>,
    preferred: Option<HostIndex>,
) -> RoutingQuery {
    RoutingQuery {
        table: options.table,
        token,
        consistency: options.consistency,
        is_lwt: options.lwt,
        is_read: options.kind == RequestKind::Read,
        preferred,
    }
}

#[inline(always)]
fn next_target(
    request: &Request,
    policies: &ExecutionPolicies,
    route: &Route,
    pools: &Pools,
    rng: &mut Rng,
) -> Option<(HostIndex, Option<u16>, RoutingQuality)> {
    let options = &request.options;
    if let Some(aim) = request.progress.aim
        && request.progress.tried.is_empty()
        && pools.usable(aim.host)
    {
        return Some((aim.host, aim.shard, aim.quality));
    }
    if let Some(host) = options.host {
        return Some((host, None, RoutingQuality::Unrouted));
    }
    let query = routing_query(options, options.token, options.preferred);
    let policies = options.policies.as_deref().unwrap_or(policies);
    let (view, tried) = (route.view(policies.view), &request.progress.tried);
    let preferred = match query.preferred {
        None => None,
        Some(_) => preferred_target(&query, view, pools, tried),
    };
    let target = preferred.or_else(|| policies.load_balancing.next(&query, view, pools, tried, rng))?;
    Some((target.host, target.shard, target.quality))
}

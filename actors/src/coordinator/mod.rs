//! The coordinator: one a reactor. Takes requests from callers, sends each to a connection, and decides what happens
//! when an attempt fails.
//!
//! It owns admission (how much is accepted before callers must wait), the requests that wait for room, retries and
//! their budget, speculation, and the statements being prepared again. Callers reach it through the [`Inbox`]; connections and
//! pools of the reactor through its [`CoordinatorPort`]; the cluster and metrics actors through its mailbox. All work
//! happens in its pump, a single future registered once. If it dies, the inbox is closed and whatever it held is
//! dropped, which tells every caller.

mod dispatch;
mod drain;
mod elsewhere;
mod execution;
mod failures;
mod measure;
mod messages;
mod pools;
mod port;
mod reprepare;
mod rows;
mod service;
mod snapshot;
mod speculation;
mod stats;
mod tablets;
mod time;

use std::{
    collections::VecDeque,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context as Task, Poll, Waker},
};

use actix::{Actor, ActorContext, ActorFuture, AsyncContext, Context, Handler};
use chorus_topology::{HostIndex, RetryBudget, Rng};

pub use drain::DrainReport;
pub(crate) use elsewhere::Neighbours;
pub(crate) use messages::{Collect, Drain, MeetCluster, MeetNeighbours, OnStage, SetRoute};
pub(crate) use port::{Cause, CoordinatorPort};
pub(crate) use service::Lesson;
pub use stats::{RequestCounts, RequestOutcome};

use drain::Draining;
pub(crate) use measure::Measured;
use measure::Pressure;
use messages::Mend;
use reprepare::Reprepares;
use speculation::Speculation;

use crate::{
    metrics::{LatencyRecorder, METERED},
    reactor::{Alarm, Inbox, Job, Stage},
    request::{ExecutionPolicies, Request, RequestErrorKind},
};

/// A request that waits before it is sent again.
struct Parked {
    due_us: u64,
    request: Box<Request>,
    host: Option<HostIndex>,
}

/// See the module documentation.
pub(crate) struct CoordinatorActor {
    stage: Stage,
    /// The number of its reactor.
    index: usize,
    inbox: Arc<Inbox>,
    port: Rc<CoordinatorPort>,
    /// How long callers' jobs waited to be taken, microseconds.
    admission: LatencyRecorder,
    policies: Arc<ExecutionPolicies>,
    rng: Rng,
    budget: RetryBudget,
    /// Jobs that found every suitable connection full, oldest first.
    waiting: VecDeque<Job>,
    /// Jobs for which no connection is there, although hosts of their plans are up.
    stranded: VecDeque<Job>,
    /// A job is among them only because a neighbour, or the control connection, had no room.
    neighbour_was_full: bool,
    neighbours: Option<Neighbours>,
    parked: Vec<Parked>,
    reprepares: Reprepares,
    speculation: Speculation,
    /// The session's own policies speculate.
    speculates: bool,
    pressure: Pressure,
    /// When it was last measured, and when deadlines were last looked at; microseconds.
    measured_us: u64,
    swept_us: u64,
    tick: Alarm,
    draining: Option<Draining>,
}

/// Puts a coordinator on stage and returns its desk.
pub(crate) fn start(
    stage: &Stage,
    index: usize,
    inbox: Arc<Inbox>,
    port: &Rc<CoordinatorPort>,
    policies: Arc<ExecutionPolicies>,
    budget: RetryBudget,
    rng: Rng,
) -> actix::Addr<CoordinatorActor> {
    inbox.set_epoch(stage.clock().epoch());
    let address = stage.start_with(|_| CoordinatorActor {
        stage: stage.clone(),
        index,
        inbox,
        admission: LatencyRecorder::default(),
        port: Rc::clone(port),
        speculates: policies.speculative.is_some(),
        policies,
        rng,
        budget,
        waiting: VecDeque::new(),
        stranded: VecDeque::new(),
        neighbour_was_full: false,
        neighbours: None,
        parked: Vec::new(),
        reprepares: Reprepares::default(),
        speculation: Speculation::default(),
        pressure: Pressure::default(),
        measured_us: 0,
        swept_us: 0,
        tick: Alarm::default(),
        draining: None,
    });
    let mender = address.clone();
    stage.mend_with(move |rows| mender.do_send(Mend(rows)));
    address
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
    /// Jobs that are here and on no connection.
    fn held(&self) -> usize {
        self.waiting.len() + self.stranded.len() + self.parked.len()
    }

    /// Ready when a drain has ended and nothing is left to do.
    fn advance(&mut self, task: &mut Task<'_>) -> Poll<()> {
        if self.port.awoken(task.waker()) {
            self.tick.belongs_to(task.waker());
        }
        if METERED {
            self.port.stats.borrow_mut().polls += 1;
            self.inbox.set_time(self.port.clock().now_us());
        }
        if self.port.has_returns() {
            self.judge_failures();
            self.settle_reprepared();
            self.send_ahead();
            self.settle_aside();
        }
        if self.port.news.take() {
            self.retry_stranded();
        }
        if self.port.room.take() {
            self.retry_waiting();
        }
        self.take_jobs(task);
        self.keep_time();
        self.port.flush_wakes();
        self.drain(task)
    }
}

impl Handler<MeetNeighbours> for CoordinatorActor {
    type Result = ();

    fn handle(&mut self, MeetNeighbours(neighbours): MeetNeighbours, _: &mut Context<Self>) {
        self.neighbours = Some(neighbours);
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
        let _ = reply.send(self.collect());
    }
}

impl Handler<Drain> for CoordinatorActor {
    type Result = ();

    fn handle(&mut self, Drain { within, done }: Drain, _: &mut Context<Self>) {
        self.inbox.close();
        self.draining = Some(Draining::new(within, done, self.port.ended()));
        self.port.wake();
    }
}

impl Handler<MeetCluster> for CoordinatorActor {
    type Result = ();

    fn handle(&mut self, MeetCluster(cluster): MeetCluster, _: &mut Context<Self>) {
        self.port.tablets().introduce(cluster);
    }
}

impl Handler<Mend> for CoordinatorActor {
    type Result = ();

    /// Whoever waited for a request that was in hand knows already.
    fn handle(&mut self, Mend(rows): Mend, _: &mut Context<Self>) {
        for row in rows {
            self.port.lose_row(row);
        }
        self.port.starving.set(!self.waiting.is_empty());
        self.port.room.set(true);
        self.port.news.set(true);
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
                Job::One(request) => wake(request.fail(RequestErrorKind::SessionClosed)),
                Job::Chunk(chunk) => wake(chunk.fail_all(&RequestErrorKind::SessionClosed)),
            }
        }
        self.port.flush_wakes();
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

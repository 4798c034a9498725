//! The loop: read, send, take outcomes, send again, reject, until the source ends or something else does.
//!
//! [`passage`] is one input on its way through, [`reading`] turns its blocks into rows under way, [`outcomes`] takes what
//! became of them, [`saving`] writes down what did, [`watch`] tells who watches, [`summary`] adds up.

mod outcomes;
mod passage;
mod reading;
mod saving;
mod summary;
mod watch;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus_actors::RequestError;
use hdrhistogram::Histogram;

use super::BulkLoader;
use super::flight::Flight;
use super::pace::Pace;
use super::prepare::{Plan, PlannedInput};
use crate::bulk::checkpoint::{Keeper, Totals};
use crate::bulk::cpu::{CpuMeter, ThreadMeter};
use crate::bulk::csv::RecordReader;
use crate::bulk::progress::{Limit, Phase};
use crate::bulk::rejects::{RejectFiles, RejectLog};
use crate::bulk::report::{Ending, LoadReport, clock_micros};
use crate::observe::Call;

use passage::Passage;
use reading::Reading;
use saving::{LAST_CHECKPOINT, saved};
use summary::Counts;
pub(super) use summary::finished_before;

/// Bytes of blocks kept for rows without an outcome before reading waits for them.
const HELD_LIMIT: usize = 48 << 20;
/// How long rows under way are awaited once the load was stopped from outside.
const INTERRUPT_DRAIN: u64 = 1_000;
/// The same when the load stops by itself.
const STOP_DRAIN: u64 = 10_000;

/// The longest latency told apart, in microseconds: an hour.
const LONGEST_LATENCY: u64 = 3_600_000_000;

/// A load under way.
struct Run {
    loader: BulkLoader,
    /// The input being loaded.
    passage: Passage,
    reader: RecordReader,
    flight: Flight,
    pace: Pace,
    /// Rows that failed and wait to be sent again: when, and which.
    again: BinaryHeap<Reverse<(u64, u64)>>,
    log: RejectLog,
    counts: Counts,
    latency: Histogram<u64>,
    started: Instant,
    last_timestamp: i64,
    /// The latest of any row; others may be lower while rows are written that an earlier run left.
    highest_timestamp: i64,
    /// Empty buffers to build blocks in.
    spare: Vec<Vec<u8>>,
    /// Why the load stops before its end, and until when rows under way are awaited.
    stopping: Option<(Ending, u64)>,
    keeper: Option<Keeper>,
    /// What earlier runs did.
    before: Totals,
    aside: Aside,
}

/// What a run needs beside its plan.
pub(super) struct Aside {
    /// What is loaded, in a word.
    pub(super) source: String,
    /// Where rejected rows of each input go.
    pub(super) rejects: Vec<RejectFiles>,
    /// How large each input is.
    pub(super) sizes: Vec<u64>,
    pub(super) reader_cpu: Arc<ThreadMeter>,
    pub(super) cpu: CpuMeter,
}

pub(super) async fn run(
    loader: BulkLoader,
    plan: Plan,
    aside: Aside,
    log: RejectLog,
    mut keeper: Option<Keeper>,
) -> LoadReport {
    let totals = keeper.as_mut().map(|keeper| keeper.state().totals).unwrap_or_default();
    if let Some(keeper) = &mut keeper {
        plan.empty.iter().for_each(|&input| keeper.state().inputs[input].left = Some(Vec::new()));
    }
    let mut inputs = plan.inputs.into_iter();
    let Some(first) = inputs.next() else {
        if let Some(keeper) = &mut keeper {
            keeper.state().finished = true;
            keeper.save_last(LAST_CHECKPOINT, || Ok(Vec::new())).await;
        }
        return summary::report_of(&loader, aside.source, Ending::Complete, &totals, log.files_used());
    };
    let span =
        loader.session.inner.observers.job_span(&loader.session, Call::Bulk, Some(&first.target.statement));
    let passage = match Passage::enter(&loader, first, keeper.as_mut(), &aside) {
        Ok(passage) => passage,
        Err(ending) => {
            return summary::report_of(&loader, aside.source, ending, &totals, log.files_used());
        }
    };
    let mut run = Run::new(loader, passage, aside, log, keeper, totals);
    loop {
        run.drive().await;
        if run.stopping.is_some() || run.passage.source_error.is_some() {
            break;
        }
        run.pass();
        let Some(next) = inputs.next() else { break };
        if let Err(ending) = run.enter(next) {
            run.stopping = Some((ending, run.now()));
            break;
        }
    }
    let ending = run.end().await;
    if let Some(span) = span {
        span.items_succeeded(run.counts.written, run.counts.retried);
        span.items_failed(run.log.count());
        span.load_ended(&ending);
    }
    run.report(ending)
}

impl Run {
    fn new(
        loader: BulkLoader,
        passage: Passage,
        aside: Aside,
        log: RejectLog,
        mut keeper: Option<Keeper>,
        before: Totals,
    ) -> Self {
        let patience = u64::try_from(loader.patience.as_millis()).unwrap_or(u64::MAX);
        let last_timestamp = match &mut keeper {
            Some(keeper) => keeper.state().timestamp - 1,
            None => clock_micros(),
        };
        Self {
            reader: RecordReader::new(loader.dialect),
            pace: Pace::new(loader.concurrency, patience),
            loader,
            passage,
            flight: Flight::default(),
            again: BinaryHeap::new(),
            log,
            counts: Counts::after(&before),
            latency: Histogram::new_with_bounds(1, LONGEST_LATENCY, 3).expect("bounds the histogram allows"),
            started: Instant::now(),
            last_timestamp,
            highest_timestamp: last_timestamp,
            spare: Vec::new(),
            stopping: None,
            keeper,
            before,
            aside,
        }
    }

    /// Goes on with the next input. Nothing of the one before is under way.
    fn enter(&mut self, next: PlannedInput) -> Result<(), Ending> {
        let (files, header) = (self.aside.rejects[next.number].clone(), next.header.raw.clone());
        let name = next.input.name.clone();
        let passage = Passage::enter(&self.loader, next, self.keeper.as_mut(), &self.aside)?;
        self.log.next(files, header).map_err(Ending::RejectsFailed)?;
        self.log.of_several(name);
        self.passage = passage;
        self.reader = RecordReader::new(self.loader.dialect);
        self.last_timestamp = self.highest_timestamp;
        Ok(())
    }

    async fn drive(&mut self) {
        loop {
            let now = self.now();
            self.look_for_reasons_to_stop(now);
            if self.stopping.is_none() {
                self.send_again(now);
                self.read_and_send(now);
                self.save_if_due(now);
            }
            self.publish();
            if self.is_over(now) {
                return;
            }
            self.wait(now).await;
        }
    }

    /// Waits for the first thing that lets the load go on, and takes it in.
    async fn wait(&mut self, now: u64) {
        let wants_block = self.stopping.is_none()
            && self.passage.reading == Reading::Block
            && self.flight.held_bytes() < HELD_LIMIT
            && self.pace.room(now, self.flight.outstanding()) > 0;
        let is_writing = self.keeper.as_ref().is_some_and(Keeper::is_writing);
        let deadline = self.next_deadline(now).map(|at| self.started + Duration::from_millis(at));
        tokio::select! {
            biased;
            () = self.loader.progress.stopped(), if self.stopping.is_none() => {}
            () = saved(self.keeper.as_mut(), self.started), if is_writing => {}
            // Before the outcomes: waiting for those sends chunks that are not full.
            block = self.passage.blocks.next(), if wants_block => self.take_block(block),
            completed = self.passage.lane.completed(), if self.passage.lane.outstanding() > 0 => match completed {
                Some(Ok(chunk)) => self.take_outcomes(chunk),
                Some(Err(error)) => self.lose(error),
                None => {}
            },
            () = sleep_until(deadline), if deadline.is_some() => {}
        }
    }

    /// The engine is gone, with whatever it had.
    fn lose(&mut self, error: RequestError) {
        let now = self.now();
        self.stopping = Some((Ending::ServerLost(error.into()), now));
    }

    fn stop(&mut self, now: u64, ending: Ending) {
        if self.stopping.is_none() {
            let drain = match ending {
                Ending::Interrupted => INTERRUPT_DRAIN,
                _ => STOP_DRAIN,
            };
            self.stopping = Some((ending, now + drain));
        }
    }

    fn look_for_reasons_to_stop(&mut self, now: u64) {
        if self.loader.progress.is_stopped() {
            self.stop(now, Ending::Interrupted);
        }
    }

    fn is_over(&self, now: u64) -> bool {
        match &self.stopping {
            Some((_, until)) => self.passage.lane.outstanding() == 0 || now >= *until,
            None => self.passage.reading == Reading::Ended && self.flight.outstanding() == 0,
        }
    }

    fn next_deadline(&self, now: u64) -> Option<u64> {
        if let Some((_, until)) = &self.stopping {
            return Some(*until);
        }
        let again = self.again.peek().map(|Reverse((due, _))| *due);
        let pause = self.pace.paused_until(now);
        let row = match (again, pause) {
            (Some(again), Some(pause)) => Some(again.max(pause)),
            (again, pause) => again.or(pause),
        };
        let checkpoint = self.keeper.as_ref().and_then(Keeper::next_due);
        row.into_iter().chain(checkpoint).min()
    }

    async fn end(&mut self) -> Ending {
        let flushed = self.log.flush();
        self.publish();
        let ending = match (self.stopping.take(), self.passage.source_error.take()) {
            (Some((ending, _)), _) => ending,
            (None, Some(error)) => Ending::SourceFailed(error),
            (None, None) => Ending::Complete,
        };
        let ending = match (ending, flushed) {
            (Ending::Complete | Ending::SourceFailed(_), Err(error)) => Ending::RejectsFailed(error),
            (ending, _) => ending,
        };
        self.save_last(&ending).await;
        self.loader.progress.set_phase(Phase::Done);
        self.loader.progress.set_limit(self.pace.window() as u64, Limit::None);
        ending
    }

    /// Milliseconds since the load began.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        tokio::time::sleep_until(deadline.into()).await;
    }
}

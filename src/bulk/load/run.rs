//! The loop: read, send, take outcomes, send again, reject, until the source ends or something else does.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chorus_actors::{CompletedChunk, RequestError};
use hdrhistogram::Histogram;

use super::BulkLoader;
use super::flight::{Flight, Row};
use super::lane::{Lane, PutError};
use super::pace::Pace;
use super::prepare::{Blocks, Plan};
use super::verdict::{Verdict, judge};
use crate::bulk::cpu::CpuMeter;
use crate::bulk::csv::{Advance, Record, RecordReader};
use crate::bulk::progress::{Limit, Phase};
use crate::bulk::rejects::{RejectFiles, RejectLog, RejectStage, Rejection};
use crate::bulk::report::{Ending, LatencySummary, LoadReport};
use crate::bulk::row::RowPlan;
use crate::bulk::source::{Block, SourceError};
use crate::observe::Call;

/// Bytes of blocks kept for rows without an outcome before reading waits for them.
const HELD_LIMIT: usize = 48 << 20;
/// How long rows under way are awaited once the load was stopped from outside.
const INTERRUPT_DRAIN: u64 = 1_000;
/// The same when the load stops by itself.
const STOP_DRAIN: u64 = 10_000;
/// The gap before a row is sent again doubles from this to the most.
const FIRST_GAP: u64 = 50;
const MOST_GAP: u64 = 2_000;

/// The longest latency told apart, in microseconds: an hour.
const LONGEST_LATENCY: u64 = 3_600_000_000;

/// What the reader is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Nothing: the current block has more.
    Ready,
    /// The next block.
    Block,
    /// The source has ended.
    Ended,
}

#[derive(Debug, Default)]
struct Counts {
    read: u64,
    written: u64,
    retried: u64,
    bytes: u64,
}

struct Run {
    loader: BulkLoader,
    lane: Lane,
    rows: RowPlan,
    field_names: Vec<String>,
    blocks: Blocks,
    reader: RecordReader,
    reading: Reading,
    header_passed: bool,
    flight: Flight,
    pace: Pace,
    /// Rows that failed and wait to be sent again: when, and which.
    again: BinaryHeap<Reverse<(u64, u64)>>,
    log: RejectLog,
    counts: Counts,
    latency: Histogram<u64>,
    started: Instant,
    last_timestamp: i64,
    /// Empty buffers to build blocks in.
    spare: Vec<Vec<u8>>,
    source_error: Option<SourceError>,
    /// Why the load stops before its end, and until when rows under way are awaited.
    stopping: Option<(Ending, u64)>,
}

pub(super) async fn run(loader: BulkLoader, plan: Plan) -> LoadReport {
    let Plan { source_name, blocks, header, cpu, target } = plan;
    let files = loader
        .reject_files
        .clone()
        .unwrap_or_else(|| RejectFiles::named_after(&source_name, std::path::Path::new("")));
    let log = RejectLog::new(files, header.raw);
    let started = Instant::now();
    let span = target.as_ref().and_then(|target| {
        let session = &loader.session;
        session.inner.observers.job_span(session, Call::Bulk, Some(&target.statement))
    });
    let lane =
        target.map(|target| (Lane::new(&loader.session, target.statement, loader.concurrency), target.rows));
    let (lane, rows) = match lane {
        Some((Ok(lane), rows)) => (lane, rows),
        Some((Err(error), _)) => {
            return report(&loader, source_name, Ending::Refused(error), &log, &cpu, &Summary::new(started));
        }
        None => return report(&loader, source_name, Ending::Complete, &log, &cpu, &Summary::new(started)),
    };
    let patience = u64::try_from(loader.patience.as_millis()).unwrap_or(u64::MAX);
    let mut run = Run {
        reader: RecordReader::new(loader.dialect),
        pace: Pace::new(loader.concurrency, patience),
        loader,
        lane,
        rows,
        field_names: header.names,
        blocks,
        reading: Reading::Block,
        header_passed: false,
        flight: Flight::default(),
        again: BinaryHeap::new(),
        log,
        counts: Counts::default(),
        latency: Histogram::new_with_bounds(1, LONGEST_LATENCY, 3).expect("bounds the histogram allows"),
        started,
        last_timestamp: 0,
        spare: Vec::new(),
        source_error: None,
        stopping: None,
    };
    run.drive().await;
    let ending = run.end();
    if let Some(span) = span {
        span.items_succeeded(run.counts.written, run.counts.retried);
        span.items_failed(run.log.count());
        span.load_ended(&ending);
    }
    report(&run.loader, source_name, ending, &run.log, &cpu, &run.summary())
}

impl Run {
    async fn drive(&mut self) {
        loop {
            let now = self.now();
            self.look_for_reasons_to_stop(now);
            if self.stopping.is_none() {
                self.send_again(now);
                self.read_and_send(now);
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
            && self.reading == Reading::Block
            && self.flight.held_bytes() < HELD_LIMIT
            && self.pace.room(now, self.flight.outstanding()) > 0;
        let deadline = self.next_deadline(now).map(|at| self.started + Duration::from_millis(at));
        tokio::select! {
            biased;
            () = self.loader.progress.stopped(), if self.stopping.is_none() => {}
            // Before the outcomes: waiting for those sends chunks that are not full.
            block = self.blocks.next(), if wants_block => self.take_block(block),
            completed = self.lane.completed(), if self.lane.outstanding() > 0 => match completed {
                Some(Ok(chunk)) => self.take_outcomes(chunk),
                Some(Err(error)) => self.lose(error),
                None => {}
            },
            () = sleep_until(deadline), if deadline.is_some() => {}
        }
    }

    fn take_block(&mut self, block: Option<Result<Block, SourceError>>) {
        match block {
            Some(Ok(block)) => {
                self.counts.bytes += block.bytes.len() as u64;
                self.loader.progress.set_source_read(block.source_read);
                let spare = &mut self.spare;
                if let Some(retired) = self.reader.feed(&block.bytes, || spare.pop().unwrap_or_default()) {
                    self.flight.retire(retired, &mut self.spare);
                }
                self.blocks.recycle(block.bytes);
                self.spare.truncate(4);
            }
            Some(Err(error)) => {
                // What was read before the failure is whole up to the last line, and is loaded.
                self.source_error = Some(error);
                self.reading = Reading::Ended;
                return;
            }
            None => self.reader.finish(),
        }
        self.reading = Reading::Ready;
    }

    fn read_and_send(&mut self, now: u64) {
        if self.reading != Reading::Ready {
            return;
        }
        let mut room = self.pace.room(now, self.flight.outstanding());
        let sent_us = self.now_us();
        self.last_timestamp = self.last_timestamp.max(clock_micros());
        while room > 0 && self.lane.has_room() {
            match self.reader.advance() {
                Advance::NeedBlock => {
                    self.reading = Reading::Block;
                    return;
                }
                Advance::End => {
                    self.reading = Reading::Ended;
                    return;
                }
                Advance::Record | Advance::Malformed { .. } if !self.header_passed => {
                    self.header_passed = true
                }
                Advance::Record => {
                    self.counts.read += 1;
                    if self.send_record(sent_us) {
                        room -= 1;
                    }
                }
                Advance::Malformed { error, place, field } => {
                    self.counts.read += 1;
                    let column = self.field_names.get(field - 1).cloned();
                    let reason = error.to_string();
                    let rejection = Rejection { place, stage: RejectStage::Read, column, reason };
                    let kept = self.log.add(rejection, self.reader.bad_line());
                    self.after_rejection(kept);
                }
            }
            if self.stopping.is_some() {
                return;
            }
        }
    }

    /// Sends the record just read; false when it was rejected instead.
    #[inline]
    fn send_record(&mut self, sent_us: u64) -> bool {
        let record = self.reader.record();
        self.last_timestamp += 1;
        match self.lane.put(self.last_timestamp, |out| self.rows.put_values(&record, out)) {
            Ok(token) => {
                let tag = self.flight.begin(record.place(), self.last_timestamp, sent_us);
                if let Err(error) = self.lane.commit(tag, token) {
                    self.lose(error);
                }
                true
            }
            Err(error) => {
                let rejection = unsendable(&self.rows, &record, &error);
                let kept = self.log.add(rejection, record.raw());
                self.after_rejection(kept);
                false
            }
        }
    }

    /// Sends rows again whose time has come.
    fn send_again(&mut self, now: u64) {
        let mut room = self.pace.room(now, self.lane.outstanding());
        while let Some(&Reverse((due, tag))) = self.again.peek()
            && due <= now
            && room > 0
            && self.lane.has_room()
        {
            self.again.pop();
            room -= 1;
            let Some(row) = self.flight.row(tag) else { continue };
            let raw = self.flight.raw(&row, &self.reader).unwrap_or_default().to_vec();
            let record = self.reader.split_again(&raw, row.place);
            // It was encoded once, so it can be again.
            if let Ok(token) = self.lane.put(row.timestamp, |out| self.rows.put_values(&record, out)) {
                self.counts.retried += 1;
                if let Err(error) = self.lane.commit(tag, token) {
                    self.lose(error);
                    return;
                }
            }
        }
    }

    fn take_outcomes(&mut self, chunk: CompletedChunk) {
        let (now, now_us) = (self.now(), self.now_us());
        self.counts.retried += chunk.retries();
        let mut failures = Vec::new();
        let mut written = 0;
        // Rows handed over together took equally long: they are recorded together.
        let (mut same, mut count) = (0, 0);
        let mut next_failure =
            chunk.failures().map(|(place, _)| place).collect::<Vec<_>>().into_iter().peekable();
        for (place, &tag) in chunk.tags().iter().enumerate() {
            if next_failure.next_if_eq(&place).is_some() {
                continue;
            }
            if let Some(row) = self.flight.row(tag) {
                if row.sent_us != same {
                    record(&mut self.latency, now_us.saturating_sub(same), count);
                    (same, count) = (row.sent_us, 0);
                }
                count += 1;
                written += 1;
                self.flight.settle(tag, &mut self.spare);
            }
        }
        record(&mut self.latency, now_us.saturating_sub(same), count);
        if chunk.failed() > 0 {
            let tags = chunk.tags();
            failures.extend(chunk.failures().map(|(place, error)| (tags[place], error.clone())));
        }
        self.counts.written += written as u64;
        if written > 0 {
            self.pace.on_written(written);
        }
        self.lane.recycle(chunk);
        for (tag, error) in failures {
            if let Some(row) = self.flight.row(tag) {
                self.take_failure(now, tag, row, error);
            }
        }
    }

    fn take_failure(&mut self, now: u64, tag: u64, row: Row, error: RequestError) {
        let patience = u64::try_from(self.loader.patience.as_millis()).unwrap_or(u64::MAX);
        let out_of_patience = row.failing_since.is_some_and(|since| now.saturating_sub(since) >= patience);
        match judge(&error) {
            Verdict::Reject => self.reject_row(tag, row, &error),
            Verdict::Refused => self.stop(now, Ending::Refused(error.into())),
            // Others get through and this one does not: it is the row, whatever the server calls it.
            _ if out_of_patience && self.pace.failing_since().is_none() => self.reject_row(tag, row, &error),
            verdict => {
                if verdict == Verdict::Overload {
                    self.pace.on_overload(now);
                } else {
                    self.pace.on_unreachable(now);
                }
                self.flight.failed(tag, now);
                let gap = (FIRST_GAP << row.resent.min(6)).min(MOST_GAP);
                self.again.push(Reverse((now + gap, tag)));
                if self.pace.is_lost(now) {
                    self.stop(now, Ending::ServerLost(error.into()));
                }
            }
        }
    }

    fn reject_row(&mut self, tag: u64, row: Row, error: &RequestError) {
        let rejection = Rejection {
            place: row.place,
            stage: RejectStage::Write,
            column: None,
            reason: error.to_string(),
        };
        let raw = self.flight.raw(&row, &self.reader).unwrap_or_default();
        let kept = self.log.add(rejection, raw);
        self.flight.settle(tag, &mut self.spare);
        self.after_rejection(kept);
    }

    fn after_rejection(&mut self, kept: std::io::Result<()>) {
        let now = self.now();
        match kept {
            Err(error) => self.stop(now, Ending::RejectsFailed(error)),
            Ok(()) if self.loader.reject_limit.is_exceeded(self.log.count(), self.counts.read) => {
                self.stop(now, Ending::TooManyRejects);
            }
            Ok(()) => {}
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
            Some((_, until)) => self.lane.outstanding() == 0 || now >= *until,
            None => self.reading == Reading::Ended && self.flight.outstanding() == 0,
        }
    }

    fn next_deadline(&self, now: u64) -> Option<u64> {
        if let Some((_, until)) = &self.stopping {
            return Some(*until);
        }
        let again = self.again.peek().map(|Reverse((due, _))| *due);
        let pause = self.pace.paused_until(now);
        match (again, pause) {
            (Some(again), Some(pause)) => Some(again.max(pause)),
            (again, pause) => again.or(pause),
        }
    }

    fn publish(&self) {
        let phase = match (&self.stopping, self.pace.failing_since()) {
            (Some(_), _) => Phase::Draining,
            (None, Some(_)) => Phase::Waiting,
            (None, None) if self.reading == Reading::Ended => Phase::Draining,
            (None, None) => Phase::Loading,
        };
        let progress = &self.loader.progress;
        progress.set_phase(phase);
        let Counts { read, written, retried, .. } = self.counts;
        progress.set_rows(read, written, self.log.count(), retried, self.flight.outstanding() as u64);
        let rejected = self.log.by_stage();
        progress.set_rejected(rejected);
        progress.set_bound(read - rejected[0] - rejected[1]);
        let now = self.now();
        progress.set_limit(self.pace.window() as u64, self.limited_by(now));
    }

    /// What the load waits for now.
    fn limited_by(&self, now: u64) -> Limit {
        if self.pace.is_held_back() || self.pace.paused_until(now).is_some() {
            Limit::Server
        } else if self.reading == Reading::Ended && self.flight.outstanding() == 0 {
            Limit::None
        } else if self.pace.room(now, self.flight.outstanding()) == 0 || self.reading != Reading::Block {
            Limit::Window
        } else {
            Limit::Source
        }
    }

    fn end(&mut self) -> Ending {
        let flushed = self.log.flush();
        self.publish();
        self.loader.progress.set_phase(Phase::Done);
        self.loader.progress.set_limit(self.pace.window() as u64, Limit::None);
        let ending = match (self.stopping.take(), self.source_error.take()) {
            (Some((ending, _)), _) => ending,
            (None, Some(error)) => Ending::SourceFailed(error),
            (None, None) => Ending::Complete,
        };
        match (ending, flushed) {
            (Ending::Complete | Ending::SourceFailed(_), Err(error)) => Ending::RejectsFailed(error),
            (ending, _) => ending,
        }
    }

    fn summary(&self) -> Summary {
        let at = |quantile| Duration::from_micros(self.latency.value_at_quantile(quantile));
        Summary {
            read: self.counts.read,
            written: self.counts.written,
            retried: self.counts.retried,
            unanswered: self.flight.outstanding() as u64,
            bytes: self.counts.bytes,
            elapsed: self.started.elapsed(),
            latency: LatencySummary {
                p50: at(0.5),
                p99: at(0.99),
                p999: at(0.999),
                max: Duration::from_micros(self.latency.max()),
            },
        }
    }

    /// Milliseconds since the load began.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

struct Summary {
    read: u64,
    written: u64,
    retried: u64,
    unanswered: u64,
    bytes: u64,
    elapsed: Duration,
    latency: LatencySummary,
}

impl Summary {
    /// Of a load that had nothing to do.
    fn new(started: Instant) -> Self {
        Self {
            read: 0,
            written: 0,
            retried: 0,
            unanswered: 0,
            bytes: 0,
            elapsed: started.elapsed(),
            latency: LatencySummary::default(),
        }
    }
}

fn report(
    loader: &BulkLoader,
    source: String,
    ending: Ending,
    log: &RejectLog,
    cpu: &CpuMeter,
    summary: &Summary,
) -> LoadReport {
    LoadReport {
        source,
        table: loader.table.to_string(),
        ending,
        read: summary.read,
        written: summary.written,
        rejected: log.count(),
        retried: summary.retried,
        unanswered: summary.unanswered,
        bytes: summary.bytes,
        elapsed: summary.elapsed,
        client_cpu: cpu.elapsed(),
        latency: summary.latency,
        reject_files: log.files_used(),
        first_rejections: log.samples().to_vec(),
    }
}

fn unsendable(rows: &RowPlan, record: &Record<'_>, error: &PutError) -> Rejection {
    match error {
        PutError::Bind(error) => rows.rejection(record, error),
        PutError::Row(error) => Rejection {
            place: record.place(),
            stage: RejectStage::Bind,
            column: None,
            reason: error.to_string(),
        },
    }
}

fn record(latency: &mut Histogram<u64>, micros: u64, rows: u64) {
    if rows > 0 {
        latency.saturating_record_n(micros.max(1), rows);
    }
}

fn clock_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

async fn sleep_until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        tokio::time::sleep_until(deadline.into()).await;
    }
}

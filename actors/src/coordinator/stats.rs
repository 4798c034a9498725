//! What a coordinator counts: plain integers that only its reactor touches.

use std::rc::Rc;

use chorus_topology::RoutingQuality;

use crate::{
    bulk::Chunk,
    connection::Port,
    metrics::{LatencyRecorder, LatencyWindow, TrafficSnapshot},
    request::{Request, RequestErrorKind, RequestKind},
};

/// How a request ended, for the `outcome` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// Answered.
    Ok,
    /// Failed with an error of the server or of the driver.
    Error,
    /// The deadline passed.
    Timeout,
    /// The caller left.
    Cancelled,
}

impl RequestOutcome {
    /// Every outcome, in the order of [`RequestCounts`].
    pub const ALL: [Self; 4] = [Self::Ok, Self::Error, Self::Timeout, Self::Cancelled];

    /// The value of the label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }
}

impl RequestKind {
    /// Every kind, in the order of [`RequestCounts`].
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Batch, Self::Other];

    /// The value of the label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Batch => "batch",
            Self::Other => "other",
        }
    }
}

/// Requests by kind and outcome.
pub type RequestCounts = [[u64; 4]; 4];

/// Counters of one coordinator since its reactor started. Connections that ended fold theirs in.
#[derive(Default)]
pub(crate) struct CoordinatorStats {
    pub(crate) requests: RequestCounts,
    /// From the coordinator taking the request to its end, microseconds.
    pub(crate) latency: LatencyRecorder,
    pub(crate) routing: [u64; 6],
    pub(crate) retries_same_host: u64,
    pub(crate) retries_next_host: u64,
    pub(crate) ignored_errors: u64,
    pub(crate) reprepares: u64,
    pub(crate) budget_refusals: u64,
    /// Requests sent to one more host because the first was late, and how many of those answered first.
    pub(crate) speculative_sent: u64,
    pub(crate) speculative_won: u64,
    /// Answers that the server has too much to do.
    pub(crate) refused_for_load: u64,
    /// What requests took lately from being handed to a connection; kept while anybody speculates.
    pub(crate) recent: Option<Box<LatencyWindow>>,
    pub(crate) polls: u64,
    /// Counters of connections that ended.
    pub(crate) retired: TrafficSnapshot,
    pub(crate) disconnects: Vec<(&'static str, u64)>,
}

impl CoordinatorStats {
    fn count(&mut self, kind: RequestKind, outcome: RequestOutcome, by: u64) {
        self.requests[kind as usize][outcome as usize] += by;
    }

    #[inline(always)]
    pub(super) fn succeeded(&mut self, request: &Request, now_us: u64) {
        if request.progress.row.is_some() {
            return;
        }
        self.count(request.options.kind, RequestOutcome::Ok, 1);
        self.latency.record(now_us.saturating_sub(request.progress.admitted_us));
        if self.recent.is_some() && !request.progress.direct {
            self.note_recent(request, now_us);
        }
    }

    /// A request that was speculated took as long as if its first attempt had been answered now: otherwise the slow ones
    /// would vanish from the picture, and the next would be called late sooner.
    fn note_recent(&mut self, request: &Request, now_us: u64) {
        let began_us = match &request.progress.race {
            Some(race) => {
                self.speculative_won += u64::from(request.progress.ahead_of_answer);
                race.began_us
            }
            None => request.progress.queued_us,
        };
        if let Some(recent) = &mut self.recent {
            recent.record(now_us.saturating_sub(began_us));
        }
    }

    pub(super) fn failed(&mut self, request: &Request, kind: &RequestErrorKind, total_us: u64) {
        if request.progress.row.is_some() {
            return;
        }
        let outcome = match kind {
            RequestErrorKind::Timeout { .. } => RequestOutcome::Timeout,
            _ => RequestOutcome::Error,
        };
        self.count(request.options.kind, outcome, 1);
        self.latency.record(total_us);
    }

    pub(super) fn cancelled(&mut self, request: &Request) {
        self.count(request.options.kind, RequestOutcome::Cancelled, 1);
    }

    pub(super) fn routed(&mut self, quality: RoutingQuality, by: u64) {
        self.routing[quality as usize] += by;
    }

    /// Rows of a chunk are counted when the chunk is complete.
    pub(super) fn chunk_done(&mut self, chunk: &Chunk, total_us: u64) {
        let mut first = 0;
        for run in &chunk.runs {
            let kind = run.options.kind;
            let rows = u64::from(run.end - first);
            let (mut errors, mut timeouts) = (0, 0);
            for (row, error) in &chunk.failures {
                if (first..run.end).contains(row) {
                    match error.kind() {
                        RequestErrorKind::Timeout { .. } => timeouts += 1,
                        _ => errors += 1,
                    }
                }
            }
            self.count(kind, RequestOutcome::Error, errors);
            self.count(kind, RequestOutcome::Timeout, timeouts);
            self.count(kind, RequestOutcome::Ok, rows - errors - timeouts);
            first = run.end;
        }
        self.latency.record_many(total_us, u64::from(chunk.len()));
    }

    /// Folds in a connection that ended.
    pub(super) fn retire(&mut self, port: &Rc<Port>) {
        self.retired.merge(&port.stats.borrow_mut().snapshot());
        if let Some(reason) = port.close_reason() {
            let label = reason.label();
            match self.disconnects.iter_mut().find(|(known, _)| *known == label) {
                Some((_, count)) => *count += 1,
                None => self.disconnects.push((label, 1)),
            }
        }
    }
}

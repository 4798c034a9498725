//! What a coordinator counts: plain integers that only its reactor touches.

use std::rc::Rc;

use chorus_topology::{HostIndex, RoutingQuality};
use rustc_hash::FxHashMap;

use crate::{
    bulk::Chunk,
    connection::Port,
    metrics::{
        ByReason, FailureReason, HOSTS_IN_FULL, HostSnapshot, LatencyRecorder, LatencyWindow, METERED,
        StageSums, Stamps, TrafficSnapshot, count_named,
    },
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
    /// From the caller handing the request over to its end, microseconds.
    pub(crate) latency: LatencyRecorder,
    /// Where that time went.
    pub(crate) stages: StageSums,
    /// Requests that timed out: written, and never written.
    pub(crate) timeouts: [u64; 2],
    pub(crate) routing: [u64; 6],
    pub(crate) retries_same_host: u64,
    pub(crate) retries_next_host: u64,
    /// Both by reason.
    pub(crate) retries: [ByReason; 2],
    pub(crate) ignored: ByReason,
    pub(crate) given_up: ByReason,
    pub(crate) reprepares: u64,
    pub(crate) budget_refusals: u64,
    /// Requests sent to one more host because the first was late, and how many of those answered first.
    pub(crate) speculative_sent: u64,
    pub(crate) speculative_won: u64,
    pub(crate) speculative_wasted: u64,
    pub(crate) next_pages: u64,
    /// Answers that the server has too much to do.
    pub(crate) refused_for_load: u64,
    /// What requests took lately from being handed to a connection; kept while anybody speculates.
    pub(crate) recent: Option<Box<LatencyWindow>>,
    pub(crate) polls: u64,
    /// Counters of connections that ended.
    pub(crate) retired: TrafficSnapshot,
    /// The same by host, of hosts in the route.
    pub(crate) retired_hosts: FxHashMap<HostIndex, HostSnapshot>,
    /// Dials by what came of them.
    pub(crate) connects: Vec<(&'static str, u64)>,
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
        if METERED {
            let stamps = &request.progress.stamps;
            self.latency.record(now_us.saturating_sub(stamps.entered_us));
            self.stages.add(stamps, now_us);
            self.next_pages += u64::from(request.options.next_page);
            if request.progress.failed_us != 0 {
                self.add_earlier(request, stamps.queued_us);
            }
        }
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
            None => request.progress.stamps.queued_us,
        };
        if let Some(recent) = &mut self.recent {
            recent.record(now_us.saturating_sub(began_us));
        }
    }

    #[cold]
    fn add_earlier(&mut self, request: &Request, queued_us: u64) {
        let progress = &request.progress;
        self.stages.add_earlier(&progress.earlier, progress.failed_us, queued_us);
    }

    /// Its last attempt is noted on the request already, or there was none.
    pub(super) fn failed(&mut self, request: &Request, kind: &RequestErrorKind, now_us: u64) {
        if request.progress.row.is_some() {
            return;
        }
        let outcome = match kind {
            RequestErrorKind::Timeout { written, .. } => {
                self.timeouts[usize::from(!written)] += 1;
                RequestOutcome::Timeout
            }
            _ => RequestOutcome::Error,
        };
        self.count(request.options.kind, outcome, 1);
        let stamps = Stamps { queued_us: now_us, written_us: now_us, ..request.progress.stamps };
        self.latency.record(now_us.saturating_sub(stamps.entered_us));
        self.stages.add(&stamps, now_us);
        if request.progress.failed_us != 0 {
            self.add_earlier(request, now_us);
        }
    }

    /// A policy was asked about a failed attempt, and wants it made again.
    pub(super) fn retried(&mut self, reason: Option<FailureReason>, same_host: bool) {
        let total = if same_host { &mut self.retries_same_host } else { &mut self.retries_next_host };
        *total += 1;
        if let Some(reason) = reason {
            self.retries[usize::from(!same_host)][reason as usize] += 1;
        }
    }

    pub(super) fn dialled(&mut self, result: &'static str) {
        count_named(&mut self.connects, result, 1);
    }

    pub(super) fn cancelled(&mut self, request: &Request) {
        self.count(request.options.kind, RequestOutcome::Cancelled, 1);
    }

    #[inline]
    pub(super) fn routed(&mut self, quality: RoutingQuality, by: u64) {
        if !METERED {
            return;
        }
        self.routing[quality as usize] += by;
    }

    /// Rows of a chunk are counted when the chunk is complete.
    pub(super) fn chunk_done(&mut self, chunk: &Chunk, now_us: u64) {
        let mut first = 0;
        for run in &chunk.runs {
            let kind = run.options.kind;
            let rows = u64::from(run.end - first);
            let (mut errors, mut timeouts) = (0, 0);
            for (row, error) in &chunk.failures {
                if (first..run.end).contains(row) {
                    match error.kind() {
                        RequestErrorKind::Timeout { written, .. } => {
                            self.timeouts[usize::from(!written)] += 1;
                            timeouts += 1;
                        }
                        _ => errors += 1,
                    }
                }
            }
            self.count(kind, RequestOutcome::Error, errors);
            self.count(kind, RequestOutcome::Timeout, timeouts);
            self.count(kind, RequestOutcome::Ok, rows - errors - timeouts);
            first = run.end;
        }
        let (rows, mut stamps) = (u64::from(chunk.len()), chunk.stamps);
        // Rows that were never given to a connection, or never written, waited until now.
        for stamp in [&mut stamps.queued_us, &mut stamps.written_us] {
            if *stamp == 0 {
                *stamp = now_us;
            }
        }
        if METERED {
            self.latency.record_many(now_us.saturating_sub(stamps.entered_us), rows);
            self.stages.add_many(&stamps, now_us, rows);
        }
    }

    /// Folds in a connection that ended. `hosts` is how many there are, none when it led to no host of the cluster.
    pub(super) fn retire(&mut self, port: &Rc<Port>, hosts: usize) {
        let host = (hosts > 0).then(|| {
            let host = self.retired_hosts.entry(port.host);
            &mut host.or_insert_with(|| HostSnapshot::new(port.host, port.address)).traffic
        });
        port.stats.borrow_mut().add_to(&mut self.retired, host.map(|host| (host, hosts <= HOSTS_IN_FULL)));
        if let Some(reason) = port.close_reason() {
            count_named(&mut self.disconnects, reason.label(), 1);
        }
    }
}

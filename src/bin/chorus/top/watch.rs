//! Reports as they come, and what can be said after each: the state machine between the endpoint and whoever shows it.
//!
//! ```text
//!             report            another, later
//! (nothing) ────────> Measuring ──────────────> Shown <─┐ every later one
//!     ^                   ^                      │  └───┘
//!     │                   └── other counters ────┘
//!     └ failures are noted beside any state: what was shown last stays, with since when it is old
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chorus::metrics::SessionReport;

use super::view::View;

/// Intervals that are remembered for the curves.
const REMEMBERED: usize = 240;
/// A program that tells the same snapshot for so long has stopped gathering: its session is closed, or it is stuck.
const STALE_AFTER: Duration = Duration::from_secs(5);

/// What is known.
#[derive(Default)]
pub(crate) struct Watch {
    last: Option<SessionReport>,
    /// When a snapshot came that was not there before.
    fresh: Option<Instant>,
    /// For how long the same one has come, when that is too long.
    stale: Option<Duration>,
    view: Option<View>,
    history: VecDeque<Point>,
    lost: Option<Lost>,
    restarts: u32,
}

/// One interval in the curves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) requests_per_second: f64,
    pub(crate) p99_us: u64,
}

/// The endpoint does not answer.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub(crate) since: Instant,
    /// The same for people.
    pub(crate) clock: String,
    /// The latest reason.
    pub(crate) reason: String,
}

impl Watch {
    /// A report came. True when it is one to begin with: an interval has to pass before there is something to show.
    pub(crate) fn take(&mut self, report: SessionReport, now: Instant) -> bool {
        self.lost = None;
        let age = self.fresh.map(|fresh| now.saturating_duration_since(fresh));
        let is_new = self.last.as_ref().is_none_or(|last| last.metrics.taken != report.metrics.taken);
        self.stale = age.filter(|age| !is_new && *age >= STALE_AFTER);
        let Some(before) = &self.last else {
            self.fresh = Some(now);
            self.last = Some(report);
            return true;
        };
        if !same_counters(before, &report) {
            // Counters that began anew, or lack a reactor, cannot be compared with the ones before.
            if before.process != chorus::metrics::ProcessReport::default() && !same_process(before, &report) {
                self.restarts += 1;
                self.view = None;
                self.history.clear();
            }
            self.fresh = Some(now);
            self.last = Some(report);
            return true;
        }
        if report.metrics.taken > before.metrics.taken {
            let view = View::between(before, &report);
            self.history.push_back(Point {
                requests_per_second: view.requests_per_second,
                p99_us: view.p99_us.unwrap_or(0),
            });
            while self.history.len() > REMEMBERED {
                self.history.pop_front();
            }
            self.view = Some(view);
            self.fresh = Some(now);
            self.last = Some(report);
        }
        false
    }

    /// No report came. `clock` is the time of day.
    pub(crate) fn miss(&mut self, reason: String, now: Instant, clock: impl FnOnce() -> String) {
        match &mut self.lost {
            Some(lost) => lost.reason = reason,
            None => self.lost = Some(Lost { since: now, clock: clock(), reason }),
        }
    }

    /// What happened in the latest interval; `None` until there was one.
    pub(crate) fn view(&self) -> Option<&View> {
        self.view.as_ref()
    }

    /// The intervals before, the latest last.
    pub(crate) fn history(&self) -> impl DoubleEndedIterator<Item = &Point> + ExactSizeIterator {
        self.history.iter()
    }

    /// Set while the endpoint does not answer.
    pub(crate) fn lost(&self) -> Option<&Lost> {
        self.lost.as_ref()
    }

    /// For how long the program has told the same snapshot, when that is too long.
    pub(crate) fn stale(&self) -> Option<Duration> {
        self.stale
    }

    /// How often the program was found to have begun anew.
    pub(crate) fn restarts(&self) -> u32 {
        self.restarts
    }
}

fn same_process(before: &SessionReport, now: &SessionReport) -> bool {
    let of = |report: &SessionReport| (report.process.id, report.process.started_ms);
    of(before) == of(now) && now.metrics.taken >= before.metrics.taken
}

/// Whether differences between the two mean anything.
fn same_counters(before: &SessionReport, now: &SessionReport) -> bool {
    let reactors = |report: &SessionReport| -> Vec<usize> {
        report.metrics.reactors.iter().map(|reactor| reactor.index).collect()
    };
    same_process(before, now) && reactors(before) == reactors(now)
}

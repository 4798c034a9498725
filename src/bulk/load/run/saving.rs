//! What is done, written down while the load runs and when it ends.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use super::Run;
use super::reading::Reading;
use crate::bulk::checkpoint::{Keeper, Span, Totals};
use crate::bulk::report::Ending;

/// How long the last checkpoint may take.
pub(super) const LAST_CHECKPOINT: Duration = Duration::from_secs(10);
/// The same when somebody waits for the program to end. The one before is there in any case.
const LAST_WHEN_INTERRUPTED: Duration = Duration::from_millis(400);

impl Run {
    /// Begins to write a checkpoint when it is time to.
    pub(super) fn save_if_due(&mut self, now: u64) {
        if !self.keeper.as_ref().is_some_and(|keeper| keeper.is_due(now)) {
            return;
        }
        match self.note() {
            Ok(first) => {
                if let Some(keeper) = &mut self.keeper {
                    keeper.save(now, first);
                }
            }
            Err(error) => self.stop(now, Ending::RejectsFailed(error)),
        }
    }

    /// Notes that every row of this input has an outcome.
    pub(super) fn pass(&mut self) {
        self.highest_timestamp = self.highest_timestamp.max(self.last_timestamp);
        // What cannot be flushed now cannot be later, and is told then.
        drop(self.note());
    }

    /// Writes how the load ended.
    pub(super) async fn save_last(&mut self, ending: &Ending) {
        // Rows that cannot be kept must not be counted: the checkpoint before stays.
        let noted = if matches!(ending, Ending::RejectsFailed(_)) { None } else { self.note().ok() };
        let Some(keeper) = &mut self.keeper else { return };
        if noted.is_none() {
            return;
        }
        keeper.state().finished = matches!(ending, Ending::Complete);
        let limit = match ending {
            Ending::Interrupted => LAST_WHEN_INTERRUPTED,
            _ => LAST_CHECKPOINT,
        };
        keeper.save_last(limit, || self.log.files_to_sync()).await;
    }

    /// Brings the state of the checkpoint up to this moment; gives the files that have to be synced before it is written.
    fn note(&mut self) -> io::Result<Vec<File>> {
        if self.keeper.is_none() {
            return Ok(Vec::new());
        }
        self.log.flush()?;
        let (left, rejects, totals) = (self.left(), self.log.kept(), self.totals());
        let timestamp = self.highest_timestamp.max(self.last_timestamp) + 1;
        if let Some(keeper) = &mut self.keeper {
            let state = keeper.state();
            (state.totals, state.timestamp) = (totals, timestamp);
            let input = &mut state.inputs[self.passage.number];
            (input.left, input.rejects) = (left, rejects);
        }
        self.log.files_to_sync()
    }

    /// What of this input is neither acknowledged nor rejected; nothing before its header was passed.
    fn left(&self) -> Option<Vec<Span>> {
        let passage = &self.passage;
        if !passage.header_passed {
            return None;
        }
        let mut left = Span::of_rows(self.flight.without_outcome());
        let at = self.reader.position();
        let used_up = passage.reading == Reading::Ended && passage.source_error.is_none();
        if !used_up && passage.span.to.is_none_or(|to| at.offset < to) {
            left.push(Span { at, to: passage.span.to, timestamp: self.last_timestamp + 1 });
        }
        left.extend(&passage.ahead);
        left.sort_unstable_by_key(|span| span.at.offset);
        Some(left)
    }

    /// What all runs did.
    fn totals(&self) -> Totals {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Totals {
            written: self.counts.written,
            retried: self.counts.retried,
            rejected: self.log.by_stage(),
            bytes: self.counts.bytes,
            elapsed_us: self.before.elapsed_us + micros(self.started.elapsed()),
            cpu_us: self.before.cpu_us + micros(self.aside.cpu.elapsed()),
        }
    }
}

/// Takes in what became of the checkpoint that is being written. Cancel safe.
pub(super) async fn saved(keeper: Option<&mut Keeper>, started: Instant) {
    if let Some(keeper) = keeper {
        keeper.saved(|| u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)).await;
    }
}

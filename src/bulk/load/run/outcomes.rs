//! What became of rows: written, to be sent again, or rejected.

use std::cmp::Reverse;

use chorus_actors::{CompletedChunk, RequestError};
use hdrhistogram::Histogram;

use super::Run;
use crate::bulk::load::flight::Row;
use crate::bulk::load::verdict::{Verdict, judge};
use crate::bulk::rejects::{RejectStage, Rejection};
use crate::bulk::report::Ending;

/// The gap before a row is sent again doubles from this to the most.
const FIRST_GAP: u64 = 50;
const MOST_GAP: u64 = 2_000;

impl Run {
    pub(super) fn take_outcomes(&mut self, chunk: CompletedChunk) {
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
        self.passage.lane.recycle(chunk);
        for (tag, error) in failures {
            if let Some(row) = self.flight.row(tag) {
                self.take_failure(now, tag, row, error);
            }
        }
    }

    pub(super) fn take_failure(&mut self, now: u64, tag: u64, row: Row, error: RequestError) {
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

    pub(super) fn reject_row(&mut self, tag: u64, row: Row, error: &RequestError) {
        let rejection = Rejection {
            place: row.place,
            stage: RejectStage::Write,
            column: None,
            reason: error.to_string(),
            source: None,
        };
        let raw = self.flight.raw(&row, &self.reader).unwrap_or_default();
        let kept = self.log.add(rejection, raw);
        self.flight.settle(tag, &mut self.spare);
        self.after_rejection(kept);
    }

    pub(super) fn after_rejection(&mut self, kept: std::io::Result<()>) {
        let now = self.now();
        match kept {
            Err(error) => self.stop(now, Ending::RejectsFailed(error)),
            Ok(()) if self.loader.reject_limit.is_exceeded(self.log.count(), self.counts.read) => {
                self.stop(now, Ending::TooManyRejects);
            }
            Ok(()) => {}
        }
    }
}

fn record(latency: &mut Histogram<u64>, micros: u64, rows: u64) {
    if rows > 0 {
        latency.saturating_record_n(micros.max(1), rows);
    }
}

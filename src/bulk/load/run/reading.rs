//! From blocks of bytes to rows on their way.

use std::cmp::Reverse;

use super::Run;
use crate::bulk::csv::{Advance, Record};
use crate::bulk::load::lane::PutError;
use crate::bulk::rejects::{RejectStage, Rejection};
use crate::bulk::report::{Ending, clock_micros};
use crate::bulk::row::RowPlan;
use crate::bulk::source::{Block, SourceError};

/// What the reader is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Nothing: the current block has more.
    Ready,
    /// The next block.
    Block,
    /// The source has ended.
    Ended,
}

impl Run {
    pub(super) fn take_block(&mut self, block: Option<Result<Block, SourceError>>) {
        match block {
            Some(Ok(block)) => {
                self.counts.bytes += block.bytes.len() as u64;
                self.loader.progress.set_source_read(self.passage.bytes_before + block.source_read);
                if block.begins_part {
                    self.reader.finish();
                    self.passage.next_part = Some(block);
                } else {
                    self.feed(block.bytes);
                }
            }
            Some(Err(error)) => {
                // What was read before the failure is whole up to the last line, and is loaded.
                self.passage.source_error = Some(error);
                self.passage.reading = Reading::Ended;
                return;
            }
            None => self.reader.finish(),
        }
        self.passage.reading = Reading::Ready;
    }

    fn feed(&mut self, bytes: Vec<u8>) {
        let spare = &mut self.spare;
        if let Some(retired) = self.reader.feed(&bytes, || spare.pop().unwrap_or_default()) {
            self.flight.retire(retired, &mut self.spare);
        }
        self.passage.blocks.recycle(bytes);
        self.spare.truncate(4);
    }

    /// Goes on with the next part of the source, whose first block this is.
    fn begin_part(&mut self, block: Block) {
        let Some(span) = self.passage.ahead.pop_front() else { return };
        let retired = self.reader.restart(span.at, self.spare.pop().unwrap_or_default());
        self.flight.retire(retired, &mut self.spare);
        self.highest_timestamp = self.highest_timestamp.max(self.last_timestamp);
        self.last_timestamp = span.timestamp - 1;
        self.passage.span = span;
        self.feed(block.bytes);
    }

    pub(super) fn read_and_send(&mut self, now: u64) {
        if self.passage.reading != Reading::Ready {
            return;
        }
        let mut room = self.pace.room(now, self.flight.outstanding());
        let sent_us = self.now_us();
        if self.passage.follows_clock {
            self.last_timestamp = self.last_timestamp.max(clock_micros());
        }
        while room > 0 && self.passage.lane.has_room() {
            match self.reader.advance() {
                Advance::NeedBlock => {
                    self.passage.reading = Reading::Block;
                    return;
                }
                Advance::End => match self.passage.next_part.take() {
                    Some(block) => self.begin_part(block),
                    None => {
                        self.passage.reading = Reading::Ended;
                        return;
                    }
                },
                Advance::Record | Advance::Malformed { .. } if !self.passage.header_passed => {
                    self.passage.header_passed = true
                }
                Advance::Record => {
                    self.counts.read += 1;
                    if self.send_record(sent_us) {
                        room -= 1;
                    }
                }
                Advance::Malformed { error, place, field } => {
                    self.counts.read += 1;
                    self.last_timestamp += 1;
                    let column = self.passage.field_names.get(field - 1).cloned();
                    let reason = error.to_string();
                    let rejection =
                        Rejection { place, stage: RejectStage::Read, column, reason, source: None };
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
    pub(super) fn send_record(&mut self, sent_us: u64) -> bool {
        let record = self.reader.record();
        self.last_timestamp += 1;
        match self.passage.lane.put(self.last_timestamp, |out| self.passage.rows.put_values(&record, out)) {
            Ok(token) => {
                let tag = self.flight.begin(record.place(), self.last_timestamp, sent_us);
                if let Err(error) = self.passage.lane.commit(tag, token) {
                    self.lose(error);
                }
                true
            }
            Err(PutError::Row(error)) if error.is_of_outdated_statement() => {
                // No fault of the row, which is left for another try.
                self.flight.begin(record.place(), self.last_timestamp, sent_us);
                self.stop(self.now(), Ending::Refused(error));
                false
            }
            Err(error) => {
                let rejection = unsendable(&self.passage.rows, &record, &error);
                let kept = self.log.add(rejection, record.raw());
                self.after_rejection(kept);
                false
            }
        }
    }

    /// Sends rows again whose time has come.
    pub(super) fn send_again(&mut self, now: u64) {
        let mut room = self.pace.room(now, self.passage.lane.outstanding());
        while let Some(&Reverse((due, tag))) = self.again.peek()
            && due <= now
            && room > 0
            && self.passage.lane.has_room()
        {
            self.again.pop();
            room -= 1;
            let Some(row) = self.flight.row(tag) else { continue };
            let raw = self.flight.raw(&row, &self.reader).unwrap_or_default().to_vec();
            let record = self.reader.split_again(&raw, row.place);
            match self.passage.lane.put(row.timestamp, |out| self.passage.rows.put_values(&record, out)) {
                Ok(token) => {
                    self.counts.retried += 1;
                    if let Err(error) = self.passage.lane.commit(tag, token) {
                        self.lose(error);
                        return;
                    }
                }
                Err(PutError::Row(error)) if error.is_of_outdated_statement() => {
                    self.stop(now, Ending::Refused(error));
                    return;
                }
                // It was encoded once, so it can be again.
                Err(_) => {}
            }
        }
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
            source: None,
        },
    }
}

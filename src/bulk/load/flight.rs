//! Rows handed to the engine that have no outcome yet, and the bytes they were read from.
//!
//! A row may have to be sent again, or to be written to the rejects file, long after it was read. Its text is not
//! copied for that: the block it was read from stays until the last of its rows is settled, and then its buffer
//! goes back to be filled again. Memory is the blocks held, which the loader bounds.

use std::collections::VecDeque;

use crate::bulk::csv::{Place, RecordReader, RetiredBlock, slice_at};

/// What is known of a row on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Where it stands in the source.
    pub(super) place: Place,
    /// The write timestamp it keeps however often it is sent.
    pub(super) timestamp: i64,
    /// When it was first handed to the engine, in microseconds of the load's clock.
    pub(super) sent_us: u64,
    /// Since when it fails, in milliseconds of the load's clock.
    pub(super) failing_since: Option<u64>,
    /// Times it was sent again.
    pub(super) resent: u32,
    /// Number of the block it was read from.
    block: u64,
}

/// The rows on their way, by tag.
#[derive(Debug, Default)]
pub(super) struct Flight {
    rows: Vec<Option<Row>>,
    free: Vec<u32>,
    outstanding: usize,
    /// Retired blocks that rows still need, oldest first; the number of the first is `first_block`.
    held: VecDeque<Held>,
    first_block: u64,
    held_bytes: usize,
    /// Rows of the block being read.
    current_rows: usize,
}

#[derive(Debug)]
struct Held {
    block: RetiredBlock,
    rows: usize,
}

impl Flight {
    /// Takes in a row of the block being read and gives its tag.
    #[inline]
    pub(super) fn begin(&mut self, place: Place, timestamp: i64, sent_us: u64) -> u64 {
        let block = self.first_block + self.held.len() as u64;
        let row = Some(Row { place, timestamp, sent_us, failing_since: None, resent: 0, block });
        self.outstanding += 1;
        self.current_rows += 1;
        match self.free.pop() {
            Some(tag) => {
                self.rows[tag as usize] = row;
                u64::from(tag)
            }
            None => {
                self.rows.push(row);
                self.rows.len() as u64 - 1
            }
        }
    }

    /// The row with this tag, if it is on its way.
    pub(super) fn row(&self, tag: u64) -> Option<Row> {
        *self.rows.get(usize::try_from(tag).ok()?)?
    }

    /// Notes that the row failed now and will be sent again.
    pub(super) fn failed(&mut self, tag: u64, now: u64) {
        if let Some(Some(row)) = self.rows.get_mut(tag as usize) {
            row.failing_since.get_or_insert(now);
            row.resent += 1;
        }
    }

    /// The text of a row, from the block it was read from.
    pub(super) fn raw<'a>(&'a self, row: &Row, reader: &'a RecordReader) -> Option<&'a [u8]> {
        match self.held.get(usize::try_from(row.block - self.first_block).ok()?) {
            Some(held) => slice_at(&held.block.bytes, held.block.offset, row.place),
            None => reader.bytes_at(row.place),
        }
    }

    /// Forgets a row that has its outcome. Buffers of blocks no row needs any more are appended to `spare`.
    #[inline]
    pub(super) fn settle(&mut self, tag: u64, spare: &mut Vec<Vec<u8>>) {
        let Some(row) = self.rows.get_mut(tag as usize).and_then(Option::take) else { return };
        self.free.push(tag as u32);
        self.outstanding -= 1;
        match self.held.get_mut((row.block - self.first_block) as usize) {
            None => self.current_rows -= 1,
            Some(held) => {
                held.rows -= 1;
                if held.rows == 0 {
                    self.release(spare);
                }
            }
        }
    }

    /// The block being read is done with, and the next one begins.
    pub(super) fn retire(&mut self, block: RetiredBlock, spare: &mut Vec<Vec<u8>>) {
        self.held_bytes += block.bytes.capacity();
        self.held.push_back(Held { block, rows: self.current_rows });
        self.current_rows = 0;
        self.release(spare);
    }

    /// Only whole blocks at the front are released, so that numbers stay positions.
    fn release(&mut self, spare: &mut Vec<Vec<u8>>) {
        while self.held.front().is_some_and(|held| held.rows == 0) {
            if let Some(held) = self.held.pop_front() {
                self.held_bytes -= held.block.bytes.capacity();
                self.first_block += 1;
                spare.push(held.block.bytes);
            }
        }
    }

    /// The rows without an outcome: their timestamps, and where they stand.
    pub(super) fn without_outcome(&self) -> Vec<(i64, Place)> {
        self.rows.iter().flatten().map(|row| (row.timestamp, row.place)).collect()
    }

    /// Rows without an outcome.
    #[inline]
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Bytes of blocks held for them, the one being read not counted.
    #[inline]
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::csv::{Advance, Dialect};

    /// Reads every record that is complete and takes it in.
    fn take_in(reader: &mut RecordReader, flight: &mut Flight) -> Vec<u64> {
        let mut tags = Vec::new();
        while reader.advance() == Advance::Record {
            tags.push(flight.begin(reader.record().place(), tags.len() as i64, 0));
        }
        tags
    }

    fn text(flight: &Flight, tag: u64, reader: &RecordReader) -> String {
        let row = flight.row(tag).unwrap();
        String::from_utf8(flight.raw(&row, reader).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn rows_find_their_text_in_whatever_block_it_is() {
        let (mut reader, mut flight, mut spare) =
            (RecordReader::new(Dialect::default()), Flight::default(), Vec::new());
        reader.feed(b"a,1\nb,2\nc,", Vec::new);
        let first = take_in(&mut reader, &mut flight);
        let block = reader.feed(b"3\nd,4\n", Vec::new).unwrap();
        flight.retire(block, &mut spare);
        let second = take_in(&mut reader, &mut flight);
        assert_eq!((first.len(), second.len(), flight.outstanding()), (2, 2, 4));
        assert_eq!(text(&flight, first[1], &reader), "b,2");
        assert_eq!(text(&flight, second[0], &reader), "c,3");
        assert!(spare.is_empty());
    }

    #[test]
    fn a_block_is_released_when_its_last_row_and_all_before_are_settled() {
        let (mut reader, mut flight, mut spare) =
            (RecordReader::new(Dialect::default()), Flight::default(), Vec::new());
        let mut tags = Vec::new();
        for text in [b"a\n", b"b\n", b"c\n"] {
            if let Some(block) = reader.feed(text, Vec::new) {
                flight.retire(block, &mut spare);
            }
            tags.extend(take_in(&mut reader, &mut flight));
        }
        flight.settle(tags[1], &mut spare);
        assert_eq!(spare.len(), 0);
        assert!(flight.held_bytes() > 0);
        flight.settle(tags[0], &mut spare);
        assert_eq!((spare.len(), flight.held_bytes(), flight.outstanding()), (2, 0, 1));
        assert_eq!(text(&flight, tags[2], &reader), "c");
        flight.settle(tags[2], &mut spare);
        assert_eq!(flight.outstanding(), 0);
    }

    #[test]
    fn tags_are_used_again_and_settling_twice_changes_nothing() {
        let (mut flight, mut spare) = (Flight::default(), Vec::new());
        let tag = flight.begin(Place::default(), 7, 0);
        flight.failed(tag, 5);
        flight.failed(tag, 9);
        let row = flight.row(tag).unwrap();
        assert_eq!((row.resent, row.failing_since), (2, Some(5)));
        flight.settle(tag, &mut spare);
        flight.settle(tag, &mut spare);
        assert_eq!(flight.outstanding(), 0);
        assert_eq!(flight.begin(Place::default(), 8, 0), tag);
    }
}

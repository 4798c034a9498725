//! Whole records out of blocks, split into their fields.

use csv_core::ReadRecordResult;
use memchr::{memchr_iter, memchr2};

use super::scan::{RecordScan, Scan};
use super::{Dialect, Place, Position, Record, RecordError};

/// What [`RecordReader::advance`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// A record is ready: [`RecordReader::record`].
    Record,
    /// A line cannot be read. [`RecordReader::bad_line`] has its bytes, unless it was too long to keep.
    Malformed {
        /// What is wrong with it.
        error: RecordError,
        /// Where the line stands.
        place: Place,
        /// The field, counted from 1, in which it went wrong.
        field: usize,
    },
    /// More bytes are needed: [`RecordReader::feed`] or [`RecordReader::finish`].
    NeedBlock,
    /// The input has ended and every record was given.
    End,
}

/// A block whose records have all been given, and the source offset of its first byte.
#[derive(Debug)]
pub struct RetiredBlock {
    /// Offset of `bytes[0]` in the source.
    pub offset: u64,
    /// The bytes; their tail may be repeated at the head of the next block.
    pub bytes: Vec<u8>,
}

/// Takes records out of blocks.
#[derive(Debug)]
pub struct RecordReader {
    dialect: Dialect,
    splitter: csv_core::Reader,
    pub(super) block: Vec<u8>,
    /// Offset of `block[0]` in the source.
    block_offset: u64,
    /// Where the record being read starts in `block`.
    start: usize,
    /// Line number of `start`.
    line: u64,
    /// The byte before `start` was a CR: an LF at `start` belongs to the same line end.
    after_cr: bool,
    /// Dropping the rest of a line that is too long.
    skipping: bool,
    ended: bool,
    scan: RecordScan,
    unescaped: Vec<u8>,
    ends: Vec<usize>,
    fields: Vec<(u32, u32)>,
    /// The latest record or bad line, in `block`.
    current: std::ops::Range<usize>,
    current_place: Place,
    current_quoted: bool,
}

impl RecordReader {
    /// A reader at line 1, offset 0, with nothing to read yet.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        let mut splitter =
            csv_core::ReaderBuilder::new().delimiter(dialect.delimiter).quote(dialect.quote).build();
        // The splitter looks for a byte order mark in what it sees first. Ours is dropped in `feed`, and a mark
        // at the start of a later record is text.
        splitter.read_record(b"\n", &mut [0], &mut [0]);
        Self {
            dialect,
            splitter,
            block: Vec::new(),
            block_offset: 0,
            start: 0,
            line: 1,
            after_cr: false,
            skipping: false,
            ended: false,
            scan: RecordScan::default(),
            unescaped: vec![0; 1024],
            ends: vec![0; 64],
            fields: Vec::with_capacity(64),
            current: 0..0,
            current_place: Place::default(),
            current_quoted: false,
        }
    }

    /// Adds the next bytes of the source. `spare` is an empty buffer to build the next block in; the block that is
    /// done with is returned, with the buffer `bytes` came in left to the caller.
    pub fn feed(&mut self, bytes: &[u8], spare: impl FnOnce() -> Vec<u8>) -> Option<RetiredBlock> {
        if self.start == 0 && self.block.len() < 4 * self.dialect.record_limit {
            // The record being read fills the block: it grows in place, so a long record is not copied each time.
            self.block.extend_from_slice(bytes);
            self.drop_byte_order_mark();
            return None;
        }
        let mut next = spare();
        next.clear();
        next.extend_from_slice(&self.block[self.start..]);
        next.extend_from_slice(bytes);
        let retired =
            RetiredBlock { offset: self.block_offset, bytes: std::mem::replace(&mut self.block, next) };
        self.block_offset += self.start as u64;
        self.start = 0;
        Some(retired)
    }

    /// Where the next record will be looked for.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            offset: self.block_offset + self.start as u64,
            line: self.line,
            after_cr: self.after_cr,
            skipping: self.skipping,
        }
    }

    /// Goes on at another place of the same source, whose bytes are fed next. `spare` is an empty buffer; the block that
    /// is done with is returned.
    pub fn restart(&mut self, at: Position, spare: Vec<u8>) -> RetiredBlock {
        let retired =
            RetiredBlock { offset: self.block_offset, bytes: std::mem::replace(&mut self.block, spare) };
        self.block.clear();
        self.block_offset = at.offset;
        self.start = 0;
        self.line = at.line;
        self.after_cr = at.after_cr;
        self.skipping = at.skipping;
        self.ended = false;
        self.scan = RecordScan::default();
        self.current = 0..0;
        retired
    }

    /// Says that no more bytes will come. A last record without a line end is a record.
    pub fn finish(&mut self) {
        self.ended = true;
    }

    /// Goes to the next record.
    pub fn advance(&mut self) -> Advance {
        if self.skipping && !self.skip_line() {
            return if self.ended { Advance::End } else { Advance::NeedBlock };
        }
        if !self.skip_line_ends() {
            return if self.ended { Advance::End } else { Advance::NeedBlock };
        }
        // What comes behind the limit decides nothing, so that it does not matter how much of it has come.
        let bytes = within(&self.block[self.start..], self.dialect.record_limit);
        let (end, quoted) = match self.scan.advance(bytes, self.dialect.delimiter, self.dialect.quote) {
            Scan::Complete { end, quoted } if end <= self.dialect.record_limit => (end, quoted),
            Scan::TextAfterQuote { quote, same_line: true } => {
                return self.malformed(RecordError::TextAfterQuote, quote);
            }
            // What closes it is another line's quote, so this line's was never closed.
            Scan::TextAfterQuote { quote, same_line: false } => {
                return self.malformed(RecordError::UnterminatedQuote, quote);
            }
            Scan::Complete { .. } => return self.too_long(),
            Scan::Incomplete if bytes.len() > self.dialect.record_limit => return self.too_long(),
            Scan::Incomplete if !self.ended => return Advance::NeedBlock,
            Scan::Incomplete => match (self.scan.open_quote(), self.scan.broken_quote()) {
                (Some(quote), _) => return self.malformed(RecordError::UnterminatedQuote, quote),
                (None, Some(quote)) => return self.malformed(RecordError::TextAfterQuote, quote),
                (None, None) => (bytes.len(), self.scan.quoted()),
            },
        };
        self.take(end);
        self.current_quoted = quoted;
        if quoted {
            self.split_quoted();
        } else {
            self.split_plain();
        }
        Advance::Record
    }

    /// The record the last [`Advance::Record`] announced.
    #[must_use]
    pub fn record(&self) -> Record<'_> {
        let raw = &self.block[self.current.clone()];
        let text = if self.current_quoted { &self.unescaped[..] } else { raw };
        Record { text, fields: &self.fields, raw, place: self.current_place }
    }

    /// The bytes of the line the last [`Advance::Malformed`] spoke of; empty when it was too long to keep.
    #[must_use]
    pub fn bad_line(&self) -> &[u8] {
        &self.block[self.current.clone()]
    }

    /// The bytes at `place`, if they are still in the current block.
    #[must_use]
    pub fn bytes_at(&self, place: Place) -> Option<&[u8]> {
        slice_at(&self.block, self.block_offset, place)
    }

    /// Splits `raw`, one whole record, as if it had been read at `place`. Used to read a record again that has to
    /// be sent again.
    pub fn split_again<'a>(&'a mut self, raw: &'a [u8], place: Place) -> Record<'a> {
        self.current_quoted = memchr::memchr(self.dialect.quote, raw).is_some();
        let text = if self.current_quoted {
            self.unescape(raw);
            &self.unescaped[..]
        } else {
            plain_fields(raw, self.dialect.delimiter, &mut self.fields);
            raw
        };
        Record { text, fields: &self.fields, raw, place }
    }

    fn drop_byte_order_mark(&mut self) {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if self.block_offset == 0 && self.line == 1 && self.current.end == 0 && self.block.starts_with(MARK) {
            self.start = MARK.len();
            // Its first bytes may have come alone, and were looked at as the beginning of a record.
            self.scan = RecordScan::default();
        }
    }

    /// Skips empty lines before a record; false when the bytes end first.
    fn skip_line_ends(&mut self) -> bool {
        while let Some(&byte) = self.block.get(self.start) {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' => self.line += 1,
                b'\r' => {
                    self.line += 1;
                    self.after_cr = true;
                }
                _ => {
                    self.after_cr = false;
                    return true;
                }
            }
            self.start += 1;
        }
        false
    }

    /// Drops bytes up to the next line end; false when the bytes end first.
    fn skip_line(&mut self) -> bool {
        match memchr2(b'\n', b'\r', &self.block[self.start..]) {
            Some(found) => {
                self.start += found;
                self.skipping = false;
                true
            }
            None => {
                self.start = self.block.len();
                false
            }
        }
    }

    /// Makes `block[start..start + length]` current and moves past it, counting the lines inside.
    fn take(&mut self, length: usize) {
        self.current = self.start..self.start + length;
        self.current_place = Place {
            offset: self.block_offset + self.start as u64,
            length: u32::try_from(length).expect("the record limit is far below 4 GiB"),
            line: self.line,
        };
        if self.scan.quoted() {
            self.line += line_ends(&self.block[self.current.clone()]);
        }
        self.start += length;
        self.scan = RecordScan::default();
    }

    fn malformed(&mut self, error: RecordError, at: usize) -> Advance {
        let bytes = &self.block[self.start..];
        let field = 1 + memchr_iter(self.dialect.delimiter, &bytes[..at]).count();
        let length = memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
        // Only the first line is given up; what follows may be fine.
        self.scan = RecordScan::default();
        self.take(length);
        Advance::Malformed { error, place: self.current_place, field }
    }

    fn too_long(&mut self) -> Advance {
        let limit = self.dialect.record_limit;
        let bytes = within(&self.block[self.start..], limit);
        // A quote left open makes a record long; then it is the quote that has to be mended, not the limit.
        if let (Some(quote), Some(_)) = (self.scan.open_quote(), memchr2(b'\n', b'\r', bytes)) {
            return self.malformed(RecordError::UnterminatedQuote, quote);
        }
        self.scan = RecordScan::default();
        self.take(0);
        self.skipping = true;
        Advance::Malformed { error: RecordError::TooLong { limit }, place: self.current_place, field: 1 }
    }

    fn split_plain(&mut self) {
        plain_fields(&self.block[self.current.clone()], self.dialect.delimiter, &mut self.fields);
    }

    fn split_quoted(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.unescape(&block[self.current.clone()]);
        self.block = block;
    }

    /// Runs csv-core over one whole record.
    fn unescape(&mut self, raw: &[u8]) {
        if self.unescaped.len() < raw.len() + 1 {
            self.unescaped.resize(raw.len() + 1, 0);
        }
        let (mut input, mut written, mut fields, mut terminated) = (raw, 0, 0, false);
        loop {
            let (result, used, out, ends) =
                self.splitter.read_record(input, &mut self.unescaped[written..], &mut self.ends[fields..]);
            input = &input[used..];
            written += out;
            fields += ends;
            match result {
                ReadRecordResult::InputEmpty if !terminated => {
                    terminated = true;
                    input = b"\n";
                }
                ReadRecordResult::OutputFull => self.unescaped.resize(self.unescaped.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty | ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        self.fields.clear();
        let mut start = 0;
        for &end in &self.ends[..fields] {
            self.fields.push((start, end as u32));
            start = end as u32;
        }
    }
}

/// The bytes at `place` in a block that starts at `offset`.
pub(crate) fn slice_at(block: &[u8], offset: u64, place: Place) -> Option<&[u8]> {
    let start = usize::try_from(place.offset.checked_sub(offset)?).ok()?;
    block.get(start..start.checked_add(place.length as usize)?)
}

fn plain_fields(raw: &[u8], delimiter: u8, fields: &mut Vec<(u32, u32)>) {
    fields.clear();
    let mut start = 0;
    for at in memchr_iter(delimiter, raw) {
        fields.push((start, at as u32));
        start = at as u32 + 1;
    }
    fields.push((start, raw.len() as u32));
}

/// Line ends inside a quoted field; CRLF is one.
fn line_ends(bytes: &[u8]) -> u64 {
    let mut count = 0;
    let mut after_cr = false;
    for &byte in bytes {
        match byte {
            b'\n' if !after_cr => count += 1,
            b'\r' => count += 1,
            _ => {}
        }
        after_cr = byte == b'\r';
    }
    count
}

/// The bytes of a record that may be as long as the limit, and one more that says whether it is longer.
#[inline]
fn within(bytes: &[u8], limit: usize) -> &[u8] {
    &bytes[..bytes.len().min(limit.saturating_add(1))]
}

//! CSV records out of blocks of bytes, with the place each record has in the source.
//!
//! [`RecordReader`] is sans-I/O: it is fed blocks, and gives records that borrow from the current block. Lines
//! without a quoted field (nearly all) are split in place; records with quotes are unescaped by csv-core. Memory
//! is bounded by one block plus the record limit, whatever the input.
//!
//! Line ends are LF, CRLF or CR, also when a block ends between CR and LF. Empty lines are skipped. A record that
//! cannot be read costs exactly its first line: reading goes on with the line after it, so one stray quote does
//! not take the rest of the file with it.

mod scan;

use csv_core::ReadRecordResult;
use memchr::{memchr_iter, memchr2};

use scan::{RecordScan, Scan};

/// How the text is punctuated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Between fields. Defaults to a comma.
    pub delimiter: u8,
    /// Around fields that hold delimiters or line ends; doubled inside them. Defaults to `"`.
    pub quote: u8,
    /// Bytes a single record may take. Defaults to 16 MiB, the most a server accepts as one mutation.
    pub record_limit: usize,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: b',', quote: b'"', record_limit: 16 << 20 }
    }
}

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The quote is open when the source, or the longest allowed record, ends.
    #[error("the quote opened in this line is never closed")]
    UnterminatedQuote,
    /// Something other than a delimiter or line end follows a closing quote.
    #[error("text follows a closing quote; quotes inside a quoted field must be doubled")]
    TextAfterQuote,
    /// One line is longer than a record may be.
    #[error("the line is longer than the limit of {limit} bytes for a record")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Where a record stands in the (decompressed) source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Byte offset of the record's first byte.
    pub offset: u64,
    /// Bytes of the record, without its line end.
    pub length: u32,
    /// Line the record starts on, counted from 1.
    pub line: u64,
}

/// One record: its fields, unescaped, and the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    text: &'a [u8],
    fields: &'a [(u32, u32)],
    raw: &'a [u8],
    place: Place,
}

impl<'a> Record<'a> {
    /// How many fields it has; at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Never true: an empty line is not a record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The field at `index`, unescaped; `None` past the last.
    #[must_use]
    pub fn field(&self, index: usize) -> Option<&'a [u8]> {
        let &(start, end) = self.fields.get(index)?;
        self.text.get(start as usize..end as usize)
    }

    /// The bytes of the record as they stand in the source, without the line end.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }
}

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
    block: Vec<u8>,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Clone)]
    enum Seen {
        Row(u64, Vec<String>),
        Bad(u64, RecordError, usize, String),
    }

    fn read(input: &[u8], block: usize, dialect: Dialect) -> Vec<Seen> {
        let mut reader = RecordReader::new(dialect);
        let mut chunks = input.chunks(block);
        let mut seen = Vec::new();
        loop {
            match reader.advance() {
                Advance::Record => {
                    let record = reader.record();
                    let place = record.place();
                    assert_eq!(&input[place.offset as usize..][..place.length as usize], record.raw());
                    assert_eq!(reader.bytes_at(place), Some(record.raw()));
                    let fields = (0..record.len()).map(|i| record.field(i).unwrap());
                    let fields = fields.map(|f| String::from_utf8_lossy(f).into_owned()).collect();
                    seen.push(Seen::Row(place.line, fields));
                }
                Advance::Malformed { error, place, field } => {
                    let line = String::from_utf8_lossy(reader.bad_line()).into_owned();
                    seen.push(Seen::Bad(place.line, error, field, line));
                }
                Advance::NeedBlock => match chunks.next() {
                    Some(bytes) => drop(reader.feed(bytes, Vec::new)),
                    None => reader.finish(),
                },
                Advance::End => return seen,
            }
        }
    }

    fn row(line: u64, fields: &[&str]) -> Seen {
        Seen::Row(line, fields.iter().map(|f| (*f).to_owned()).collect())
    }

    #[test]
    fn f103_every_line_end_at_every_block_edge_gives_the_same_rows() {
        let input = b"\xef\xbb\xbfa,b\r\n1,\"x\r\ny\"\r\n\r\n2,z\n3,\"q\"\"q\"\r4,\n5,last";
        let expected = [
            row(1, &["a", "b"]),
            row(2, &["1", "x\r\ny"]),
            row(5, &["2", "z"]),
            row(6, &["3", "q\"q"]),
            row(7, &["4", ""]),
            row(8, &["5", "last"]),
        ];
        for block in 1..=input.len() {
            // The mark in pieces, too, although the source never gives fewer than four bytes first.
            assert_eq!(read(input, block, Dialect::default()), expected, "blocks of {block}");
        }
    }

    #[test]
    fn f101_an_unterminated_quote_costs_its_own_line_only() {
        let input = b"a,b\n1,x\n2,\"open\n3,y\n4,z\n";
        for block in [1, 7, 100] {
            assert_eq!(
                read(input, block, Dialect::default()),
                [
                    row(1, &["a", "b"]),
                    row(2, &["1", "x"]),
                    Seen::Bad(3, RecordError::UnterminatedQuote, 2, "2,\"open".to_owned()),
                    row(4, &["3", "y"]),
                    row(5, &["4", "z"]),
                ]
            );
        }
    }

    #[test]
    fn a_stray_quote_that_meets_a_later_one_costs_its_own_line_only() {
        let input = b"1,\"open\n2,\"fine\"\n3,y\n";
        assert_eq!(
            read(input, 5, Dialect::default()),
            [
                Seen::Bad(1, RecordError::UnterminatedQuote, 2, "1,\"open".to_owned()),
                row(2, &["2", "fine"]),
                row(3, &["3", "y"]),
            ]
        );
    }

    #[test]
    fn f103_a_line_over_the_limit_is_skipped_in_bounded_memory() {
        let dialect = Dialect { record_limit: 100, ..Dialect::default() };
        let mut input = b"1,a\n".to_vec();
        input.extend(std::iter::repeat_n(b'x', 1_000_000));
        input.extend_from_slice(b"\n2,b\n");
        let mut reader = RecordReader::new(dialect);
        let (mut rows, mut bad, mut peak) = (0, Vec::new(), 0);
        let mut chunks = input.chunks(64);
        loop {
            peak = peak.max(reader.block.len());
            match reader.advance() {
                Advance::Record => rows += 1,
                Advance::Malformed { error, place, .. } => bad.push((error, place.line)),
                Advance::NeedBlock => match chunks.next() {
                    Some(bytes) => drop(reader.feed(bytes, Vec::new)),
                    None => reader.finish(),
                },
                Advance::End => break,
            }
        }
        assert_eq!((rows, bad), (2, vec![(RecordError::TooLong { limit: 100 }, 2)]));
        assert!(peak <= 300, "held {peak} bytes");
    }

    #[test]
    fn f101_an_open_quote_over_the_limit_names_the_quote_and_goes_on_with_the_next_line() {
        let dialect = Dialect { record_limit: 50, ..Dialect::default() };
        let mut input = b"1,\"open\n".to_vec();
        for _ in 0..20 {
            input.extend_from_slice(b"2,plain\n");
        }
        let seen = read(&input, 16, dialect);
        assert_eq!(seen[0], Seen::Bad(1, RecordError::UnterminatedQuote, 2, "1,\"open".to_owned()));
        assert_eq!(seen.len(), 21);
        assert_eq!(seen[20], row(21, &["2", "plain"]));
    }

    #[test]
    fn other_delimiters_and_quotes_are_understood() {
        let dialect = Dialect { delimiter: b'\t', quote: b'\'', ..Dialect::default() };
        assert_eq!(read(b"a,b\t'c\td'\n", 3, dialect), [row(1, &["a,b", "c\td"])]);
    }

    #[test]
    fn a_record_read_again_has_the_same_fields() {
        let mut reader = RecordReader::new(Dialect::default());
        for raw in [&b"a,\"b,\"\"c\",d"[..], b"a,b,c", b"\"only\""] {
            let again = reader.split_again(raw, Place::default());
            let fields: Vec<_> = (0..again.len()).map(|i| again.field(i).unwrap().to_vec()).collect();
            let mut whole = raw.to_vec();
            whole.push(b'\n');
            let mut first = RecordReader::new(Dialect::default());
            first.feed(&whole, Vec::new);
            assert_eq!(first.advance(), Advance::Record);
            let record = first.record();
            assert_eq!(fields.len(), record.len());
            assert!((0..record.len()).all(|i| record.field(i) == Some(&fields[i][..])));
        }
    }

    proptest! {
        /// What a CSV writer writes is read back, and the place in blocks does not matter.
        #[test]
        fn written_rows_are_read_back(
            rows in prop::collection::vec(prop::collection::vec("[a,\"\n\r é]{0,6}", 2..4), 1..8),
            block in 1usize..40,
        ) {
            let mut text = Vec::new();
            for fields in &rows {
                for (i, field) in fields.iter().enumerate() {
                    if i > 0 {
                        text.push(b',');
                    }
                    text.push(b'"');
                    text.extend_from_slice(field.replace('"', "\"\"").as_bytes());
                    text.push(b'"');
                }
                text.push(b'\n');
            }
            let seen: Vec<_> = read(&text, block, Dialect::default())
                .into_iter()
                .map(|seen| match seen { Seen::Row(_, fields) => fields, bad => panic!("{bad:?}") })
                .collect();
            prop_assert_eq!(seen, rows);
        }

        /// Any bytes: no panic, and blocks do not change what is seen.
        #[test]
        fn any_bytes_are_read_the_same_in_any_blocks(
            input in "[ab,\"\n\r]{0,60}",
            block in 1usize..20,
        ) {
            let whole = read(input.as_bytes(), 1000, Dialect::default());
            prop_assert_eq!(read(input.as_bytes(), block, Dialect::default()), whole);
        }
    }
}

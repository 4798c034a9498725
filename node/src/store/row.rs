//! A row as one block of bytes.
//!
//! ```text
//! flags | base timestamp 8 | base ttl 4 + end 4 | deletion 8 + 4 | clustering: length, parts | record | record | …
//! record: column 2 | flags 1 | timestamp 8 | ttl 4 + end 4 | path: length, bytes | value: length, bytes
//! ```
//!
//! Everything but the flags and the column is there only if its flag says so: a record whose time is the base's stores none.
//! Numbers are little-endian, lengths are LEB128. Records are sorted by column, then path.

use super::cell::{Deletion, Expiry, Liveness, Record, RecordKind};
use crate::catalog::ColumnId;

const BASE: u8 = 1;
const BASE_EXPIRES: u8 = 2;
const LIVE: u8 = 4;
const DELETED: u8 = 8;
const CLUSTERED: u8 = 16;

const KIND_MASK: u8 = 3;
const OWN_TIME: u8 = 4;
const EXPIRES: u8 = 8;
const OWN_EXPIRY: u8 = 16;
const HAS_PATH: u8 = 32;

/// A row, immutable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row(Box<[u8]>);

/// What comes before the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowHeader<'a> {
    pub(crate) liveness: Option<Liveness>,
    pub(crate) deletion: Option<Deletion>,
    /// The values of the clustering columns, length-prefixed.
    pub(crate) clustering: &'a [u8],
    base: Liveness,
    records: &'a [u8],
}

impl Row {
    /// How many bytes of memory it takes.
    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn header(&self) -> RowHeader<'_> {
        let mut input = Input(&self.0);
        let flags = input.byte();
        let timestamp = if flags & BASE != 0 { input.i64() } else { i64::MIN };
        let expiry = (flags & BASE_EXPIRES != 0).then(|| Expiry { ttl: input.u32(), at: input.u32() });
        let base = Liveness { timestamp, expiry };
        let deletion = (flags & DELETED != 0).then(|| Deletion { timestamp: input.i64(), at: input.u32() });
        let clustering = if flags & CLUSTERED != 0 { input.sized() } else { &[] };
        RowHeader {
            liveness: (flags & LIVE != 0).then_some(base),
            deletion,
            clustering,
            base,
            records: input.0,
        }
    }

    pub(crate) fn records(&self) -> Records<'_> {
        self.header().records()
    }

    /// Whether a reader at that second sees the row.
    pub(crate) fn is_live(&self, now: u32) -> bool {
        let header = self.header();
        match header.liveness {
            Some(Liveness { expiry: None, .. }) => true,
            Some(Liveness { expiry: Some(expiry), .. }) if !expiry.is_over(now) => true,
            _ => header.records().any(|record| record.is_live(now)),
        }
    }
}

impl<'a> RowHeader<'a> {
    pub(crate) fn records(&self) -> Records<'a> {
        Records { input: Input(self.records), base: self.base }
    }
}

/// The records of a row, in order.
#[derive(Debug, Clone)]
pub(crate) struct Records<'a> {
    input: Input<'a>,
    base: Liveness,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let input = &mut self.input;
        if input.0.is_empty() {
            return None;
        }
        let column = ColumnId::from_le_bytes([input.byte(), input.byte()]);
        let flags = input.byte();
        let timestamp = if flags & OWN_TIME != 0 { input.i64() } else { self.base.timestamp };
        let expiry = match flags & (EXPIRES | OWN_EXPIRY) {
            0 => None,
            EXPIRES => self.base.expiry,
            _ => Some(Expiry { ttl: input.u32(), at: input.u32() }),
        };
        let path = (flags & HAS_PATH != 0).then(|| input.sized());
        let (kind, value) = match flags & KIND_MASK {
            0 => (RecordKind::Value, input.sized()),
            1 => (RecordKind::Tombstone, &[][..]),
            _ => (RecordKind::Cleared, &[][..]),
        };
        Some(Record { column, kind, timestamp, expiry, path, value })
    }
}

/// Writes a row; the records must come sorted.
#[derive(Debug)]
pub(crate) struct RowBuilder {
    bytes: Vec<u8>,
    base: Liveness,
    is_empty: bool,
}

impl RowBuilder {
    /// A row whose records mostly have the time `base`, which is the row's own if it is `live`.
    pub(crate) fn new(base: Liveness, live: bool, deletion: Option<Deletion>, clustering: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(64 + clustering.len());
        let mut flags = BASE;
        flags |= if base.expiry.is_some() { BASE_EXPIRES } else { 0 };
        flags |= if live { LIVE } else { 0 };
        flags |= if deletion.is_some() { DELETED } else { 0 };
        flags |= if clustering.is_empty() { 0 } else { CLUSTERED };
        bytes.push(flags);
        bytes.extend_from_slice(&base.timestamp.to_le_bytes());
        if let Some(expiry) = base.expiry {
            push_expiry(&mut bytes, expiry);
        }
        if let Some(deletion) = deletion {
            bytes.extend_from_slice(&deletion.timestamp.to_le_bytes());
            bytes.extend_from_slice(&deletion.at.to_le_bytes());
        }
        if !clustering.is_empty() {
            push_part(&mut bytes, clustering);
        }
        Self { bytes, base, is_empty: !live && deletion.is_none() }
    }

    pub(crate) fn push(&mut self, record: &Record<'_>) {
        self.is_empty = false;
        let own_time = record.timestamp != self.base.timestamp;
        let own_expiry = record.expiry.is_some() && record.expiry != self.base.expiry;
        let mut flags = match record.kind {
            RecordKind::Value => 0,
            RecordKind::Tombstone => 1,
            RecordKind::Cleared => 2,
        };
        flags |= if own_time { OWN_TIME } else { 0 };
        flags |= if record.expiry.is_some() { EXPIRES } else { 0 };
        flags |= if own_expiry { OWN_EXPIRY } else { 0 };
        flags |= if record.path.is_some() { HAS_PATH } else { 0 };
        let [low, high] = record.column.to_le_bytes();
        self.bytes.extend_from_slice(&[low, high, flags]);
        if own_time {
            self.bytes.extend_from_slice(&record.timestamp.to_le_bytes());
        }
        if let Some(expiry) = record.expiry
            && own_expiry
        {
            push_expiry(&mut self.bytes, expiry);
        }
        if let Some(path) = record.path {
            push_part(&mut self.bytes, path);
        }
        if record.kind == RecordKind::Value {
            push_part(&mut self.bytes, record.value);
        }
    }

    /// Whether there is nothing in it, not even a mark of its own.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    pub(crate) fn finish(self) -> Row {
        Row(self.bytes.into_boxed_slice())
    }
}

fn push_expiry(out: &mut Vec<u8>, expiry: Expiry) {
    out.extend_from_slice(&expiry.ttl.to_le_bytes());
    out.extend_from_slice(&expiry.at.to_le_bytes());
}

/// Appends bytes with their length before them.
pub(crate) fn push_part(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

/// Takes apart what [`push_part`] put together.
pub(crate) fn read_parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut input = Input(bytes);
    std::iter::from_fn(move || (!input.0.is_empty()).then(|| input.sized()))
}

/// Reads what this file wrote; what is missing reads as zero, so that no mistake here can become a panic.
#[derive(Debug, Clone)]
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((array, rest)) => {
                self.0 = rest;
                *array
            }
            None => [0; N],
        }
    }

    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    fn sized(&mut self) -> &'a [u8] {
        let mut length = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte();
            length |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 || shift > 56 {
                break;
            }
        }
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_as_it_was_written() {
        let base = Liveness { timestamp: 7, expiry: Some(Expiry { ttl: 10, at: 100 }) };
        let deletion = Deletion { timestamp: 3, at: 50 };
        let mut parts = Vec::new();
        push_part(&mut parts, b"ck");
        push_part(&mut parts, &[9; 300]);
        let long = [5; 1000];
        let records = [
            Record {
                column: 1,
                kind: RecordKind::Value,
                timestamp: 7,
                expiry: base.expiry,
                path: None,
                value: b"v",
            },
            Record {
                column: 2,
                kind: RecordKind::Cleared,
                timestamp: 6,
                expiry: Some(Expiry { ttl: 0, at: 9 }),
                path: None,
                value: &[],
            },
            Record {
                column: 2,
                kind: RecordKind::Value,
                timestamp: 8,
                expiry: None,
                path: Some(b"p"),
                value: &long,
            },
            Record {
                column: 300,
                kind: RecordKind::Tombstone,
                timestamp: 7,
                expiry: Some(Expiry { ttl: 0, at: 9 }),
                path: Some(b""),
                value: &[],
            },
        ];
        let mut builder = RowBuilder::new(base, true, Some(deletion), &parts);
        records.iter().for_each(|record| builder.push(record));
        let row = builder.finish();
        let header = row.header();
        assert_eq!((header.liveness, header.deletion), (Some(base), Some(deletion)));
        assert_eq!(read_parts(header.clustering).collect::<Vec<_>>(), [b"ck".as_slice(), &[9; 300]]);
        assert_eq!(row.records().collect::<Vec<_>>(), records);
        assert!(row.is_live(99));
        assert!(row.is_live(100), "the element without an end lives on");
    }

    #[test]
    fn a_simple_insert_costs_three_bytes_a_cell_beside_the_value() {
        let base = Liveness { timestamp: 1, expiry: None };
        let mut builder = RowBuilder::new(base, true, None, &[]);
        assert!(!builder.is_empty());
        for column in 0..10 {
            builder.push(&Record {
                column,
                kind: RecordKind::Value,
                timestamp: 1,
                expiry: None,
                path: None,
                value: &[0; 4],
            });
        }
        assert_eq!(builder.finish().size(), 9 + 10 * (3 + 1 + 4));
    }
}

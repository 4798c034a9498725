//! BATCH: many statements in one request.

use crate::consistency::{Consistency, SerialConsistency};
use crate::error::{DecodeError, EncodeError};
use crate::frame::FrameShape;
use crate::request::Values;
use crate::request::parameters::{
    check_options, put_common_tail, put_flags, query_flags, take_common_tail, take_flags,
};
use crate::wire::{Reader, put_long_string, put_short, put_short_bytes, put_short_count};

/// What a batch promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum BatchKind {
    /// All or nothing, eventually.
    #[default]
    Logged = 0,
    /// Nothing but one request.
    Unlogged = 1,
    /// Counter updates, unlogged.
    Counter = 2,
}

impl TryFrom<u8> for BatchKind {
    type Error = DecodeError;

    fn try_from(code: u8) -> Result<Self, DecodeError> {
        match code {
            0 => Ok(Self::Logged),
            1 => Ok(Self::Unlogged),
            2 => Ok(Self::Counter),
            code => Err(DecodeError::UnknownCode { what: "batch type", code: i64::from(code) }),
        }
    }
}

/// The statement of one entry of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchStatement<'a> {
    /// CQL.
    Query(&'a str),
    /// The id of a prepared statement.
    Prepared(&'a [u8]),
}

/// One entry of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchEntry<'a> {
    /// The statement.
    pub statement: BatchStatement<'a>,
    /// Its values, by position.
    pub values: Values<'a>,
}

/// Many statements in one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch<'a> {
    /// What it promises.
    pub kind: BatchKind,
    /// At most 65535 entries.
    pub entries: Vec<BatchEntry<'a>>,
    /// How many replicas must answer.
    pub consistency: Consistency,
    /// For the Paxos phase of conditional statements.
    pub serial_consistency: Option<SerialConsistency>,
    /// Write time in microseconds since 1970; not negative.
    pub timestamp: Option<i64>,
    /// Keyspace for unqualified names; v5 only.
    pub keyspace: Option<&'a str>,
    /// What expiry takes as now, in seconds since 1970; v5 only.
    pub now_in_seconds: Option<i32>,
}

/// Appends type and number of entries; the entries follow, then [`Batch::encode_tail`].
pub fn begin_batch(kind: BatchKind, entries: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.push(kind as u8);
    put_short_count(out, entries, "batch statements")
}

impl<'a> BatchStatement<'a> {
    /// Appends kind, statement and the number of values; the values follow.
    #[inline]
    pub fn encode(&self, value_count: u16, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Query(cql) => {
                out.push(0);
                put_long_string(out, cql, "statement")?;
            }
            Self::Prepared(id) => {
                out.push(1);
                put_short_bytes(out, id, "statement id")?;
            }
        }
        put_short(out, value_count);
        Ok(())
    }
}

impl<'a> Batch<'a> {
    /// Appends the body.
    pub fn encode(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        begin_batch(self.kind, self.entries.len(), out)?;
        for entry in &self.entries {
            entry.values.check_unset(shape.version)?;
            let bytes = match entry.values {
                Values::None => &[],
                Values::Positional { bytes, .. } => bytes,
                Values::Named { .. } => {
                    let version = shape.version;
                    return Err(EncodeError::Unsupported { feature: "named values in a batch", version });
                }
            };
            entry.statement.encode(entry.values.len() as u16, out)?;
            out.extend_from_slice(bytes);
        }
        self.encode_tail(shape, out)?;
        Ok(())
    }

    /// Appends what follows the entries (which are not looked at) and returns where the consistency is.
    pub fn encode_tail(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        check_options(shape.version, self.timestamp, self.keyspace, self.now_in_seconds)?;
        let flag = |present: bool, flag: u32| if present { flag } else { 0 };
        let flags = flag(self.serial_consistency.is_some(), query_flags::SERIAL_CONSISTENCY)
            | flag(self.timestamp.is_some(), query_flags::TIMESTAMP)
            | flag(self.keyspace.is_some(), query_flags::KEYSPACE)
            | flag(self.now_in_seconds.is_some(), query_flags::NOW_IN_SECONDS);
        let consistency_offset = out.len();
        put_short(out, self.consistency.code());
        put_flags(out, shape.version, flags);
        put_common_tail(out, self.serial_consistency, self.timestamp, self.keyspace, self.now_in_seconds)?;
        Ok(consistency_offset)
    }

    /// Reads the body.
    pub fn decode(reader: &mut Reader<'a>, shape: &FrameShape) -> Result<Self, DecodeError> {
        let kind = BatchKind::try_from(reader.byte("batch type")?)?;
        let count = usize::from(reader.short("batch statements")?);
        // An entry takes five bytes at least: kind, id length, value count.
        let mut entries = Vec::with_capacity(reader.capacity(count, 5));
        for _ in 0..count {
            let statement = match reader.byte("batch statement kind")? {
                0 => BatchStatement::Query(reader.long_string("statement")?),
                1 => BatchStatement::Prepared(reader.short_bytes("statement id")?),
                code => {
                    let code = i64::from(code);
                    return Err(DecodeError::UnknownCode { what: "batch statement kind", code });
                }
            };
            entries.push(BatchEntry { statement, values: Values::decode(reader, false)? });
        }
        let consistency = reader.consistency()?;
        let flags = take_flags(reader, shape.version)?;
        let (serial_consistency, timestamp, keyspace, now_in_seconds) =
            take_common_tail(reader, flags, shape.version)?;
        Ok(Self { kind, entries, consistency, serial_consistency, timestamp, keyspace, now_in_seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;
    use crate::vectors::{V3, V4, V5, check_plain_request};

    const ONE_BYTE: Values<'static> = Values::Positional { count: 1, bytes: &[0, 0, 0, 1, 1] };
    const NOTHING: Values<'static> = Values::Positional { count: 0, bytes: &[] };

    fn batch(kind: BatchKind, entries: Vec<BatchEntry<'_>>) -> Batch<'_> {
        Batch {
            kind,
            entries,
            consistency: Consistency::One,
            serial_consistency: None,
            timestamp: Some(2),
            keyspace: None,
            now_in_seconds: None,
        }
    }

    fn prepared() -> BatchEntry<'static> {
        BatchEntry { statement: BatchStatement::Prepared(b"ab"), values: ONE_BYTE }
    }

    #[test]
    fn a_batch_has_the_reference_bytes() {
        let query = BatchEntry { statement: BatchStatement::Query("q"), values: NOTHING };
        check_plain_request(
            &V4,
            1,
            Request::Batch(batch(BatchKind::Logged, vec![query, prepared()])),
            "040000010d00000022 00 0002 00 0000000171 0000 01 00026162 0001 0000000101 0001 20 0000000000000002",
        );
        let unlogged = Batch { keyspace: Some("ks"), ..batch(BatchKind::Unlogged, vec![prepared()]) };
        check_plain_request(
            &V5,
            1,
            Request::Batch(unlogged),
            "050000010d00000021 01 0001 01 00026162 0001 0000000101 0001 000000a0 0000000000000002 00026b73",
        );
    }

    #[test]
    fn options_follow_the_entries_in_order() {
        let full = Batch {
            serial_consistency: Some(SerialConsistency::Serial),
            keyspace: Some("k"),
            now_in_seconds: Some(5),
            ..batch(BatchKind::Counter, vec![])
        };
        check_plain_request(
            &V5,
            1,
            Request::Batch(full),
            "050000010d0000001a 02 0000 0001 000001b0 0008 0000000000000002 00016b 00000005",
        );
    }

    #[test]
    fn the_consistency_can_be_found_again() {
        let mut out = Vec::new();
        begin_batch(BatchKind::Logged, 0, &mut out).unwrap();
        let offset = batch(BatchKind::Logged, vec![]).encode_tail(&V3, &mut out).unwrap();
        assert_eq!(out[offset..offset + 2], Consistency::One.code().to_be_bytes());
    }

    #[test]
    fn what_a_batch_cannot_hold_is_refused() {
        let named = BatchEntry { values: Values::Named { count: 0, bytes: &[] }, ..prepared() };
        assert!(batch(BatchKind::Logged, vec![named]).encode(&V4, &mut Vec::new()).is_err());
        let unset = Values::Positional { count: 1, bytes: &[255, 255, 255, 254] };
        let unset = batch(BatchKind::Logged, vec![BatchEntry { values: unset, ..prepared() }]);
        assert!(unset.encode(&V3, &mut Vec::new()).is_err() && unset.encode(&V4, &mut Vec::new()).is_ok());
        let many = vec![prepared(); 65536];
        let error = batch(BatchKind::Logged, many).encode(&V4, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, EncodeError::TooMany { count: 65536, .. }));
        assert!(Batch::decode(&mut Reader::new(&[3, 0, 0]), &V4).is_err());
        assert!(Batch::decode(&mut Reader::new(&[0, 255, 255, 7]), &V4).is_err());
    }
}

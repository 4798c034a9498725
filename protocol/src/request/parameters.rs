//! Query parameters, shared by QUERY and EXECUTE.

use crate::consistency::{Consistency, SerialConsistency};
use crate::error::{DecodeError, EncodeError};
use crate::frame::FrameShape;
use crate::value::BoundValue;
use crate::version::ProtocolVersion;
use crate::wire::{Reader, put_bytes, put_int, put_long, put_short, put_string};

/// Bits of the query flags.
pub mod query_flags {
    /// Values follow.
    pub const VALUES: u32 = 0x01;
    /// The result is to come without column specifications.
    pub const SKIP_METADATA: u32 = 0x02;
    /// A page size follows.
    pub const PAGE_SIZE: u32 = 0x04;
    /// A paging state follows.
    pub const PAGING_STATE: u32 = 0x08;
    /// A serial consistency follows.
    pub const SERIAL_CONSISTENCY: u32 = 0x10;
    /// A default timestamp follows.
    pub const TIMESTAMP: u32 = 0x20;
    /// Values are preceded by their names.
    pub const NAMED_VALUES: u32 = 0x40;
    /// A keyspace follows. v5.
    pub const KEYSPACE: u32 = 0x80;
    /// A time for expiry follows, in seconds. v5.
    pub const NOW_IN_SECONDS: u32 = 0x100;
}

/// Bound values, encoded as `[value]`s one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Values<'a> {
    /// None at all: the statement has no markers.
    #[default]
    None,
    /// By position.
    Positional {
        /// How many.
        count: u16,
        /// Their bytes.
        bytes: &'a [u8],
    },
    /// By name, each value after its `[string]` name. QUERY only.
    Named {
        /// How many.
        count: u16,
        /// The bytes of names and values.
        bytes: &'a [u8],
    },
}

/// What goes with a statement besides its text or id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryParameters<'a> {
    /// How many replicas must answer.
    pub consistency: Consistency,
    /// Bound values.
    pub values: Values<'a>,
    /// The client knows the columns of the result already.
    pub skip_metadata: bool,
    /// Rows a page, `None` for all at once; positive.
    pub page_size: Option<i32>,
    /// Where to go on, from an earlier result.
    pub paging_state: Option<&'a [u8]>,
    /// For the Paxos phase of conditional statements.
    pub serial_consistency: Option<SerialConsistency>,
    /// Write time in microseconds since 1970; not negative.
    pub timestamp: Option<i64>,
    /// Keyspace for unqualified names; v5 only, and not for EXECUTE.
    pub keyspace: Option<&'a str>,
    /// What expiry takes as now, in seconds since 1970; v5 only.
    pub now_in_seconds: Option<i32>,
}

impl<'a> QueryParameters<'a> {
    /// Appends consistency, flags and what they announce.
    pub fn encode(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.check(shape.version)?;
        put_short(out, self.consistency.code());
        put_flags(out, shape.version, self.flags());
        match self.values {
            Values::None => {}
            Values::Positional { count, bytes } | Values::Named { count, bytes } => {
                put_short(out, count);
                out.extend_from_slice(bytes);
            }
        }
        self.put_after_values(out)
    }

    /// Appends what follows the values.
    pub(crate) fn put_after_values(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if let Some(page_size) = self.page_size {
            put_int(out, page_size);
        }
        if let Some(paging_state) = self.paging_state {
            put_bytes(out, Some(paging_state), "paging state")?;
        }
        put_common_tail(out, self.serial_consistency, self.timestamp, self.keyspace, self.now_in_seconds)
    }

    /// The flags these parameters need.
    pub fn flags(&self) -> u32 {
        let values = match self.values {
            Values::None => 0,
            Values::Positional { .. } => query_flags::VALUES,
            Values::Named { .. } => query_flags::VALUES | query_flags::NAMED_VALUES,
        };
        let flag = |present: bool, flag: u32| if present { flag } else { 0 };
        values
            | flag(self.skip_metadata, query_flags::SKIP_METADATA)
            | flag(self.page_size.is_some(), query_flags::PAGE_SIZE)
            | flag(self.paging_state.is_some(), query_flags::PAGING_STATE)
            | flag(self.serial_consistency.is_some(), query_flags::SERIAL_CONSISTENCY)
            | flag(self.timestamp.is_some(), query_flags::TIMESTAMP)
            | flag(self.keyspace.is_some(), query_flags::KEYSPACE)
            | flag(self.now_in_seconds.is_some(), query_flags::NOW_IN_SECONDS)
    }

    pub(crate) fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        self.values.check_unset(version)?;
        check_options(version, self.timestamp, self.keyspace, self.now_in_seconds)
    }

    /// Reads consistency, flags and what they announce. Flags nobody knows are ignored where they fit.
    pub fn decode(reader: &mut Reader<'a>, shape: &FrameShape) -> Result<Self, DecodeError> {
        let consistency = reader.consistency()?;
        let flags = take_flags(reader, shape.version)?;
        let values = if flags & query_flags::VALUES != 0 {
            Values::decode(reader, flags & query_flags::NAMED_VALUES != 0)?
        } else {
            Values::None
        };
        let page_size =
            if flags & query_flags::PAGE_SIZE != 0 { Some(reader.int("page size")?) } else { None };
        let paging_state =
            if flags & query_flags::PAGING_STATE != 0 { reader.bytes("paging state")? } else { None };
        let (serial_consistency, timestamp, keyspace, now_in_seconds) =
            take_common_tail(reader, flags, shape.version)?;
        Ok(Self {
            consistency,
            values,
            skip_metadata: flags & query_flags::SKIP_METADATA != 0,
            page_size,
            paging_state,
            serial_consistency,
            timestamp,
            keyspace,
            now_in_seconds,
        })
    }
}

impl<'a> Values<'a> {
    /// Reads a count and that many values.
    pub(crate) fn decode(reader: &mut Reader<'a>, named: bool) -> Result<Self, DecodeError> {
        let count = reader.short("value count")?;
        let bytes = reader.rest();
        for _ in 0..count {
            if named {
                reader.string("value name")?;
            }
            reader.value("value")?;
        }
        let bytes = &bytes[..bytes.len() - reader.rest().len()];
        Ok(if named { Self::Named { count, bytes } } else { Self::Positional { count, bytes } })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Positional { count, .. } | Self::Named { count, .. } => *count as usize,
        }
    }

    /// True when there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses unset values where `version` has none.
    ///
    /// # Errors
    /// [`EncodeError::Unsupported`] for an unset value before v4.
    #[inline]
    pub fn check_unset(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        if version.has_unset() || !self.iter().any(|(_, value)| value == BoundValue::Unset) {
            return Ok(());
        }
        Err(EncodeError::Unsupported { feature: "an unset value", version })
    }

    /// Each value with its name, if it has one.
    pub fn iter(&self) -> ValuesIter<'a> {
        match *self {
            Self::None => ValuesIter { reader: Reader::new(&[]), left: 0, named: false },
            Self::Positional { count, bytes } => {
                ValuesIter { reader: Reader::new(bytes), left: count, named: false }
            }
            Self::Named { count, bytes } => {
                ValuesIter { reader: Reader::new(bytes), left: count, named: true }
            }
        }
    }
}

/// The values of a request, in order.
#[derive(Debug, Clone)]
pub struct ValuesIter<'a> {
    reader: Reader<'a>,
    left: u16,
    named: bool,
}

impl<'a> Iterator for ValuesIter<'a> {
    type Item = (Option<&'a str>, BoundValue<'a>);

    /// Ends early where bytes that were not decoded by [`QueryParameters::decode`] make no sense.
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = if self.named { Some(self.reader.string("value name").ok()?) } else { None };
        Some((name, self.reader.value("value").ok()?))
    }
}

/// Appends flags in the width of `version`.
#[inline]
pub(crate) fn put_flags(out: &mut Vec<u8>, version: ProtocolVersion, flags: u32) {
    if version.int_query_flags() {
        out.extend_from_slice(&flags.to_be_bytes());
    } else {
        out.push(flags as u8);
    }
}

pub(crate) fn take_flags(reader: &mut Reader<'_>, version: ProtocolVersion) -> Result<u32, DecodeError> {
    if version.int_query_flags() {
        reader.int("query flags").map(|flags| flags as u32)
    } else {
        reader.byte("query flags").map(u32::from)
    }
}

pub(crate) fn check_options(
    version: ProtocolVersion,
    timestamp: Option<i64>,
    keyspace: Option<&str>,
    now_in_seconds: Option<i32>,
) -> Result<(), EncodeError> {
    if let Some(timestamp) = timestamp.filter(|timestamp| *timestamp < 0) {
        return Err(EncodeError::NegativeTimestamp(timestamp));
    }
    if keyspace.is_some() && !version.has_keyspace_field() {
        return Err(EncodeError::Unsupported { feature: "a keyspace on a statement", version });
    }
    if now_in_seconds.is_some() && !version.has_now_in_seconds() {
        return Err(EncodeError::Unsupported { feature: "now-in-seconds", version });
    }
    Ok(())
}

/// What QUERY, EXECUTE and BATCH end with.
pub(crate) fn put_common_tail(
    out: &mut Vec<u8>,
    serial_consistency: Option<SerialConsistency>,
    timestamp: Option<i64>,
    keyspace: Option<&str>,
    now_in_seconds: Option<i32>,
) -> Result<(), EncodeError> {
    if let Some(serial_consistency) = serial_consistency {
        put_short(out, serial_consistency.code());
    }
    if let Some(timestamp) = timestamp {
        put_long(out, timestamp);
    }
    if let Some(keyspace) = keyspace {
        put_string(out, keyspace, "keyspace")?;
    }
    if let Some(now_in_seconds) = now_in_seconds {
        put_int(out, now_in_seconds);
    }
    Ok(())
}

type CommonTail<'a> = (Option<SerialConsistency>, Option<i64>, Option<&'a str>, Option<i32>);

pub(crate) fn take_common_tail<'a>(
    reader: &mut Reader<'a>,
    flags: u32,
    version: ProtocolVersion,
) -> Result<CommonTail<'a>, DecodeError> {
    let serial_consistency = if flags & query_flags::SERIAL_CONSISTENCY != 0 {
        Some(SerialConsistency::try_from(reader.short("serial consistency")?)?)
    } else {
        None
    };
    let timestamp = if flags & query_flags::TIMESTAMP != 0 { Some(reader.long("timestamp")?) } else { None };
    let keyspace = if flags & query_flags::KEYSPACE != 0 && version.has_keyspace_field() {
        Some(reader.string("keyspace")?)
    } else {
        None
    };
    let now_in_seconds = if flags & query_flags::NOW_IN_SECONDS != 0 && version.has_now_in_seconds() {
        Some(reader.int("now in seconds")?)
    } else {
        None
    };
    Ok((serial_consistency, timestamp, keyspace, now_in_seconds))
}

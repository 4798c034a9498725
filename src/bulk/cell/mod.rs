//! From the text of a cell to the bytes of a CQL value.
//!
//! Every type a table can have is written straight into the frame of its row: no text is copied, no value is
//! built in between, except for collections, whose elements must be found first. What is accepted is what CQL
//! accepts as a literal of the type, and the usual other spellings of it; what is not exact is refused, never
//! rounded: `1.5` is not an int, `2013-02-30` is not a date.

mod nested;
mod number;
mod temporal;

use std::fmt;
use std::net::IpAddr;

use chorus_protocol::{CqlType, NativeType, ValueWriter};
use uuid::Uuid;

pub(crate) use number::{decimal_text, whole_number_text};
pub(crate) use temporal::{is_date_text, is_time_text, is_timestamp_text};

/// What a whole number means in a timestamp column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EpochUnit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970, as in CQL. The default.
    #[default]
    Milliseconds,
    /// Microseconds since 1970, cut to milliseconds.
    Microseconds,
    /// Nanoseconds since 1970, cut to milliseconds.
    Nanoseconds,
}

/// A cell cannot be read as the type of its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellError {
    typ: CqlType,
    shown: String,
    reason: CellReason,
}

/// Why a cell cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CellReason {
    /// The bytes are not UTF-8.
    #[error("byte {0} of the cell is not UTF-8")]
    NotUtf8(usize),
    /// A character above 127 for an ascii column.
    #[error("byte {0} of the cell is not ASCII")]
    NotAscii(usize),
    /// Written in a way the type is not written.
    #[error("expected {0}")]
    Expected(&'static str),
    /// Understood, but outside what the type can hold.
    #[error("out of range; {0}")]
    OutOfRange(&'static str),
    /// A null inside a collection or vector, where CQL allows none.
    #[error("a collection cannot hold null")]
    NullElement,
    /// A tuple, user type or vector with another number of elements than its type.
    #[error("{found} elements where the type has {expected}")]
    ElementCount {
        /// What the type has.
        expected: usize,
        /// What the cell has.
        found: usize,
    },
    /// A field the user-defined type does not have, or has twice in the cell.
    #[error("a field that the type does not have, or one given twice")]
    UnknownField,
    /// Brackets that do not match, or text after the end of the value.
    #[error("the brackets, quotes or commas do not match at byte {0}")]
    Unbalanced(usize),
    /// A type this loader has no text form for.
    #[error("there is no text form for this type")]
    NoTextForm,
    /// The value is larger than the protocol can carry.
    #[error("the value is larger than the protocol can carry")]
    TooLarge,
}

impl CellError {
    fn new(typ: &CqlType, cell: &[u8], reason: CellReason) -> Self {
        const SHOWN: usize = 40;
        let mut shown: String = String::from_utf8_lossy(cell).chars().take(SHOWN + 1).collect();
        if shown.chars().count() > SHOWN {
            shown = shown.chars().take(SHOWN - 1).chain(['…']).collect();
        }
        Self { typ: typ.clone(), shown, reason }
    }

    /// Why it cannot be read.
    #[must_use]
    pub fn reason(&self) -> CellReason {
        self.reason
    }
}

impl fmt::Display for CellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {:?} as {}: {}", self.shown, self.typ, self.reason)
    }
}

impl std::error::Error for CellError {}

/// Whether values of this type can be read from text.
pub(crate) fn has_text_form(typ: &CqlType) -> bool {
    match typ {
        CqlType::Native(native) => *native != NativeType::Counter,
        CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _) => {
            has_text_form(element)
        }
        CqlType::Map(pair) => has_text_form(&pair.0) && has_text_form(&pair.1),
        CqlType::Tuple(fields) => fields.iter().all(has_text_form),
        CqlType::Udt(udt) => udt.fields.iter().all(|(_, typ)| has_text_form(typ)),
        CqlType::Custom(_) => false,
    }
}

/// Writes the value of `cell` as one of type `typ`.
///
/// # Errors
/// [`CellError`] when it cannot be read. The buffer behind `out` may then hold part of the value: the caller
/// drops the row.
#[inline]
pub(crate) fn write_cell(
    typ: &CqlType,
    cell: &[u8],
    epoch: EpochUnit,
    out: ValueWriter<'_>,
) -> Result<(), CellError> {
    let outcome = match typ {
        CqlType::Native(native) => write_native(*native, cell, epoch, out),
        _ => nested::write(typ, cell, epoch, out),
    };
    outcome.map_err(|reason| CellError::new(typ, cell, reason))
}

#[inline]
fn write_native(
    typ: NativeType,
    cell: &[u8],
    epoch: EpochUnit,
    out: ValueWriter<'_>,
) -> Result<(), CellReason> {
    let trimmed = cell.trim_ascii();
    let written = match typ {
        NativeType::Text => match std::str::from_utf8(cell) {
            Ok(_) => out.bytes(cell),
            Err(error) => return Err(CellReason::NotUtf8(error.valid_up_to())),
        },
        NativeType::Ascii => match cell.iter().position(|byte| !byte.is_ascii()) {
            None => out.bytes(cell),
            Some(at) => return Err(CellReason::NotAscii(at)),
        },
        NativeType::Bigint => out.fixed(number::integer(trimmed)?.to_be_bytes()),
        NativeType::Int => {
            out.fixed(number::narrow::<i32>(trimmed, "int is -2147483648 to 2147483647")?.to_be_bytes())
        }
        NativeType::Smallint => {
            out.fixed(number::narrow::<i16>(trimmed, "smallint is -32768 to 32767")?.to_be_bytes())
        }
        NativeType::Tinyint => {
            out.fixed(number::narrow::<i8>(trimmed, "tinyint is -128 to 127")?.to_be_bytes())
        }
        NativeType::Double => out.fixed(number::float::<f64>(trimmed)?.to_be_bytes()),
        NativeType::Float => out.fixed(number::float::<f32>(trimmed)?.to_be_bytes()),
        NativeType::Boolean => out.fixed([u8::from(number::boolean(trimmed)?)]),
        NativeType::Varint => out.bytes(&number::varint(trimmed)?),
        NativeType::Decimal => out.bytes(&number::decimal(trimmed)?),
        NativeType::Timestamp => out.fixed(temporal::timestamp(trimmed, epoch)?.to_be_bytes()),
        NativeType::Date => out.fixed(temporal::date(trimmed)?.to_be_bytes()),
        NativeType::Time => out.fixed(temporal::time(trimmed)?.to_be_bytes()),
        NativeType::Duration => out.bytes(&temporal::duration(trimmed)?),
        NativeType::Uuid => out.fixed(uuid(trimmed)?.into_bytes()),
        NativeType::Timeuuid => {
            let uuid = uuid(trimmed)?;
            if uuid.get_version_num() != 1 {
                return Err(CellReason::Expected("a version 1 uuid"));
            }
            out.fixed(uuid.into_bytes())
        }
        NativeType::Inet => match address(trimmed)? {
            IpAddr::V4(address) => out.fixed(address.octets()),
            IpAddr::V6(address) => out.fixed(address.octets()),
        },
        NativeType::Blob => out.bytes(&blob(trimmed)?),
        NativeType::Counter => return Err(CellReason::NoTextForm),
    };
    written.map_err(|_| CellReason::TooLarge)
}

fn uuid(cell: &[u8]) -> Result<Uuid, CellReason> {
    Uuid::try_parse_ascii(cell).map_err(|_| CellReason::Expected("a uuid"))
}

fn address(cell: &[u8]) -> Result<IpAddr, CellReason> {
    let expected = CellReason::Expected("an IPv4 or IPv6 address");
    std::str::from_utf8(cell).ok().and_then(|text| text.parse().ok()).ok_or(expected)
}

fn blob(cell: &[u8]) -> Result<Vec<u8>, CellReason> {
    const EXPECTED: CellReason = CellReason::Expected("0x and an even number of hexadecimal digits");
    let digits = cell.strip_prefix(b"0x").or_else(|| cell.strip_prefix(b"0X")).ok_or(EXPECTED)?;
    if digits.len() % 2 != 0 {
        return Err(EXPECTED);
    }
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    // Bits above the low four are set when any digit was none: looked at once, after the loop.
    let mut wrong = 0;
    for pair in digits.chunks_exact(2) {
        let (high, low) = (HEX[usize::from(pair[0])], HEX[usize::from(pair[1])]);
        wrong |= high | low;
        bytes.push(high << 4 | low & 0x0f);
    }
    if wrong > 0x0f { Err(EXPECTED) } else { Ok(bytes) }
}

/// The value of each hexadecimal digit; 0xff for every other byte.
const HEX: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// True for the 36 characters of a hyphenated uuid.
pub(crate) fn is_uuid_text(cell: &[u8]) -> bool {
    cell.len() == 36 && uuid(cell).is_ok()
}

/// True for an IPv4 or IPv6 address.
pub(crate) fn is_address_text(cell: &[u8]) -> bool {
    // Cheap first: most text is neither.
    cell.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' | b':' | b'.'))
        && address(cell).is_ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bulk::cell) fn bytes(typ: &CqlType, cell: &str) -> Result<String, CellReason> {
        let mut out = Vec::new();
        write_cell(typ, cell.as_bytes(), EpochUnit::default(), ValueWriter::new(&mut out))
            .map_err(|error| error.reason())?;
        let length = i32::from_be_bytes(out[..4].try_into().unwrap());
        assert_eq!(length as usize, out.len() - 4);
        Ok(out[4..].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    #[test]
    fn text_goes_through_as_it_is_and_must_be_text() {
        assert_eq!(bytes(&CqlType::Text, " é ").unwrap(), "20c3a920");
        assert_eq!(bytes(&CqlType::Text, "").unwrap(), "");
        assert_eq!(bytes(&CqlType::Ascii, "aé"), Err(CellReason::NotAscii(1)));
        let mut out = Vec::new();
        let error = write_cell(&CqlType::Text, b"ab\xffc", EpochUnit::default(), ValueWriter::new(&mut out));
        assert_eq!(error.unwrap_err().reason(), CellReason::NotUtf8(2));
    }

    #[test]
    fn uuids_addresses_and_blobs() {
        let text = "af5943a3-ea3c-11e1-ab63-c42c032279f0";
        assert_eq!(bytes(&CqlType::Uuid, text).unwrap(), text.replace('-', ""));
        assert_eq!(bytes(&CqlType::Timeuuid, text).unwrap(), text.replace('-', ""));
        let random = "0f0e0d0c-0b0a-4908-8706-050403020100";
        assert!(bytes(&CqlType::Uuid, random).is_ok());
        assert_eq!(bytes(&CqlType::Timeuuid, random), Err(CellReason::Expected("a version 1 uuid")));
        assert_eq!(bytes(&CqlType::Inet, "65.52.54.169").unwrap(), "413436a9");
        assert_eq!(
            bytes(&CqlType::Inet, "2a00:1328:e102:ccc0::122").unwrap(),
            "2a001328e102ccc00000000000000122"
        );
        assert_eq!(bytes(&CqlType::Blob, "0x00fFa0").unwrap(), "00ffa0");
        assert_eq!(bytes(&CqlType::Blob, "0x").unwrap(), "");
        assert!(bytes(&CqlType::Blob, "0x0").is_err());
        assert!(bytes(&CqlType::Blob, "0x0g").is_err());
        assert!(bytes(&CqlType::Blob, "00").is_err());
    }

    #[test]
    fn an_error_shows_the_cell_its_type_and_the_reason() {
        let mut out = Vec::new();
        let error = write_cell(&CqlType::Int, b"12x", EpochUnit::default(), ValueWriter::new(&mut out));
        assert_eq!(error.unwrap_err().to_string(), "cannot read \"12x\" as int: expected a whole number");
        let long = "x".repeat(1000);
        let error =
            write_cell(&CqlType::Int, long.as_bytes(), EpochUnit::default(), ValueWriter::new(&mut out));
        assert!(error.unwrap_err().to_string().len() < 120);
    }

    #[test]
    fn only_counters_and_foreign_types_have_no_text_form() {
        for native in NativeType::ALL {
            assert_eq!(has_text_form(&native.into()), native != NativeType::Counter);
        }
        assert!(!has_text_form(&CqlType::list(CqlType::custom("a.B"))));
    }
}

//! Values of types without parameters, without anything around them.

use std::net::{Ipv4Addr, Ipv6Addr};

use chorus_protocol::{NativeType, Uuid, ValueErrorReason};

use super::{RowTextReason, number, temporal};

/// Whose notation it is, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    /// CQL's, in CSV.
    Cql,
    /// That of Cassandra's `SELECT JSON`.
    Json,
}

/// Writes a value, which has bytes unless its type has a value without any. Whether it is a number, if it is of a floating point type; true
/// for all others.
#[inline]
pub(super) fn write(
    native: NativeType,
    cell: &[u8],
    notation: Notation,
    out: &mut Vec<u8>,
) -> Result<bool, RowTextReason> {
    match native {
        NativeType::Text | NativeType::Ascii => out.extend_from_slice(text(native, cell)?.as_bytes()),
        NativeType::Bigint | NativeType::Counter => {
            number::integer(i64::from_be_bytes(fixed(native, cell)?), out)
        }
        NativeType::Int => number::integer(i32::from_be_bytes(fixed(native, cell)?).into(), out),
        NativeType::Smallint => number::integer(i16::from_be_bytes(fixed(native, cell)?).into(), out),
        NativeType::Tinyint => number::integer(i8::from_be_bytes(fixed(native, cell)?).into(), out),
        NativeType::Double => return Ok(number::double(f64::from_be_bytes(fixed(native, cell)?), out)),
        NativeType::Float => return Ok(number::float(f32::from_be_bytes(fixed(native, cell)?), out)),
        NativeType::Varint => number::varint(cell, out)?,
        NativeType::Decimal => number::decimal(cell, out)?,
        NativeType::Boolean => {
            let [value] = fixed(native, cell)?;
            out.extend_from_slice(if value == 0 { b"false" } else { b"true" });
        }
        NativeType::Timestamp => {
            let between = if notation == Notation::Cql { b'T' } else { b' ' };
            temporal::timestamp(i64::from_be_bytes(fixed(native, cell)?), between, out);
        }
        NativeType::Date => temporal::date(u32::from_be_bytes(fixed(native, cell)?), out),
        NativeType::Time => temporal::time(i64::from_be_bytes(fixed(native, cell)?), out)?,
        NativeType::Duration => temporal::duration(cell, out)?,
        NativeType::Uuid | NativeType::Timeuuid => {
            let uuid = Uuid::from_bytes(fixed(native, cell)?);
            out.extend_from_slice(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
        }
        NativeType::Inet => address(cell, notation, out)?,
        NativeType::Blob => blob(cell, out),
    }
    Ok(true)
}

/// Text as it is, if it is text.
#[inline]
pub(super) fn text(native: NativeType, cell: &[u8]) -> Result<&str, RowTextReason> {
    if native == NativeType::Ascii && !cell.is_ascii() {
        return Err(ValueErrorReason::NotAscii.into());
    }
    std::str::from_utf8(cell).map_err(|_| ValueErrorReason::InvalidUtf8.into())
}

#[inline]
fn fixed<const N: usize>(native: NativeType, cell: &[u8]) -> Result<[u8; N], RowTextReason> {
    cell.try_into().map_err(|_| wrong_size(native, N, cell.len()))
}

#[cold]
fn wrong_size(native: NativeType, expected: usize, found: usize) -> RowTextReason {
    ValueErrorReason::WrongSize { what: native.name(), expected, found }.into()
}

fn address(cell: &[u8], notation: Notation, out: &mut Vec<u8>) -> Result<(), RowTextReason> {
    use std::io::Write as _;
    if let Ok(octets) = <[u8; 4]>::try_from(cell) {
        write!(out, "{}", Ipv4Addr::from(octets)).expect("memory takes everything");
        return Ok(());
    }
    let address = Ipv6Addr::from(fixed::<16>(NativeType::Inet, cell)?);
    match notation {
        Notation::Cql => write!(out, "{address}").expect("memory takes everything"),
        // Java leaves no zeros out.
        Notation::Json => {
            for (index, group) in address.segments().into_iter().enumerate() {
                let colon = if index == 0 { "" } else { ":" };
                write!(out, "{colon}{group:x}").expect("memory takes everything");
            }
        }
    }
    Ok(())
}

fn blob(cell: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 + 2 * cell.len());
    out.extend_from_slice(b"0x");
    for byte in cell {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

//! Nested values as CQL literals, in the notation that a load reads.

use chorus_protocol::value::{Elements, MapEntries, UdtCells, VectorElements, take_field};
use chorus_protocol::{CqlType, NativeType, identifier};

use super::rows::Lost;
use super::scalar::{self, Notation};
use super::{RowTextReason, json};

/// Writes a value that stands for itself, or inside of another. Null, and the empty value of types that text has none for, are `null`.
pub(super) fn write(
    typ: &CqlType,
    cell: Option<&[u8]>,
    lost: &mut Lost,
    out: &mut Vec<u8>,
) -> Result<(), RowTextReason> {
    let Some(cell) = cell else {
        out.extend_from_slice(b"null");
        return Ok(());
    };
    if cell.is_empty() && !typ.zero_length_is_value() {
        lost.empty += 1;
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match typ {
        CqlType::Native(native) => scalar_literal(*native, cell, out),
        CqlType::List(element) => {
            let cells = Elements::new(Some(cell))?;
            elements(b"[]", cells.map(|cell| Ok((&**element, cell?))), lost, out)
        }
        CqlType::Set(element) => {
            let cells = Elements::new(Some(cell))?;
            elements(b"{}", cells.map(|cell| Ok((&**element, cell?))), lost, out)
        }
        CqlType::Vector(element, dimension) => {
            let cells = VectorElements::new(element, *dimension, cell)?;
            elements(b"[]", cells.map(|cell| Ok((&**element, Some(cell?)))), lost, out)
        }
        CqlType::Tuple(fields) => {
            let mut rest = cell;
            let cells = fields.iter().map(|typ| Ok((typ, take_field(&mut rest)?)));
            elements(b"()", cells, lost, out)
        }
        CqlType::Map(types) => {
            out.push(b'{');
            for (index, entry) in MapEntries::new(Some(cell))?.enumerate() {
                comma(index, out);
                let (key, value) = entry?;
                write(&types.0, key, lost, out)?;
                out.extend_from_slice(b": ");
                write(&types.1, value, lost, out)?;
            }
            out.push(b'}');
            Ok(())
        }
        CqlType::Udt(_) => {
            out.push(b'{');
            for (index, field) in UdtCells::new::<&[u8]>(typ, Some(cell))?.enumerate() {
                comma(index, out);
                let (name, typ, cell) = field?;
                put_name(name, out);
                out.extend_from_slice(b": ");
                write(typ, cell, lost, out)?;
            }
            out.push(b'}');
            Ok(())
        }
        CqlType::Custom(_) => Err(RowTextReason::NoTextForm),
    }
}

fn elements<'f>(
    brackets: &[u8; 2],
    cells: impl Iterator<Item = Result<(&'f CqlType, Option<&'f [u8]>), chorus_protocol::ValueError>>,
    lost: &mut Lost,
    out: &mut Vec<u8>,
) -> Result<(), RowTextReason> {
    out.push(brackets[0]);
    for (index, cell) in cells.enumerate() {
        comma(index, out);
        let (typ, cell) = cell?;
        write(typ, cell, lost, out)?;
    }
    out.push(brackets[1]);
    Ok(())
}

fn comma(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.extend_from_slice(b", ");
    }
}

fn scalar_literal(native: NativeType, cell: &[u8], out: &mut Vec<u8>) -> Result<(), RowTextReason> {
    match native {
        NativeType::Text | NativeType::Ascii => {
            out.push(b'\'');
            let mut rest = scalar::text(native, cell)?.as_bytes();
            while let Some(quote) = memchr::memchr(b'\'', rest) {
                out.extend_from_slice(&rest[..=quote]);
                out.push(b'\'');
                rest = &rest[quote + 1..];
            }
            out.extend_from_slice(rest);
            out.push(b'\'');
        }
        NativeType::Timestamp | NativeType::Date | NativeType::Time | NativeType::Inet => {
            out.push(b'\'');
            scalar::write(native, cell, Notation::Cql, out)?;
            out.push(b'\'');
        }
        _ => {
            scalar::write(native, cell, Notation::Cql, out)?;
        }
    }
    Ok(())
}

/// The name of a field: bare where CQL takes it so, else in double quotes. What is quoted inside of those is escaped as in JSON, which is
/// how loads read it; names without quotes and backslashes are the same in both.
fn put_name(name: &str, out: &mut Vec<u8>) {
    match identifier::quote(name) {
        std::borrow::Cow::Borrowed(bare) => out.extend_from_slice(bare.as_bytes()),
        std::borrow::Cow::Owned(_) => json::put_string(name, out),
    }
}

//! Values as Cassandra's `SELECT JSON` writes them.
//!
//! Numbers are numbers whatever their size, everything else that is no collection is a string. JSON has no number that is not finite:
//! those are null. The empty value of a type without one is the empty string, so that null stays null alone.

use chorus_protocol::value::{Elements, MapEntries, UdtCells, VectorElements, take_field};
use chorus_protocol::{CqlType, NativeType, ValueError};

use super::RowTextReason;
use super::rows::Lost;
use super::scalar::{self, Notation};

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
    match typ {
        CqlType::Native(native) => scalar_json(*native, cell, lost, out),
        // No server says this of a value without a byte; a collection of none has four.
        _ if cell.is_empty() => {
            lost.empty += 1;
            out.extend_from_slice(b"null");
            Ok(())
        }
        CqlType::List(element) | CqlType::Set(element) => {
            let cells = Elements::new(Some(cell))?;
            elements(cells.map(|cell| Ok((&**element, cell?))), lost, out)
        }
        CqlType::Vector(element, dimension) => {
            let cells = VectorElements::new(element, *dimension, cell)?;
            elements(cells.map(|cell| Ok((&**element, Some(cell?)))), lost, out)
        }
        CqlType::Tuple(fields) => {
            let mut rest = cell;
            elements(fields.iter().map(|typ| Ok((typ, take_field(&mut rest)?))), lost, out)
        }
        CqlType::Map(types) => {
            out.push(b'{');
            for (index, entry) in MapEntries::new(Some(cell))?.enumerate() {
                comma(index, out);
                let (key, value) = entry?;
                let start = out.len();
                write(&types.0, key, lost, out)?;
                make_key(start, out);
                out.push(b':');
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
                out.push(b':');
                write(typ, cell, lost, out)?;
            }
            out.push(b'}');
            Ok(())
        }
        CqlType::Custom(_) => Err(RowTextReason::NoTextForm),
    }
}

/// A string with its quotes.
pub(super) fn put_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("memory takes every text");
}

/// A name with its quotes. Servers quote once more what CQL would have to quote for its letters, so that `INSERT JSON` finds it.
pub(super) fn put_name(name: &str, out: &mut Vec<u8>) {
    if name.to_lowercase() == name {
        put_string(name, out);
    } else {
        put_string(&format!("\"{name}\""), out);
    }
}

fn elements<'f>(
    cells: impl Iterator<Item = Result<(&'f CqlType, Option<&'f [u8]>), ValueError>>,
    lost: &mut Lost,
    out: &mut Vec<u8>,
) -> Result<(), RowTextReason> {
    out.push(b'[');
    for (index, cell) in cells.enumerate() {
        comma(index, out);
        let (typ, cell) = cell?;
        write(typ, cell, lost, out)?;
    }
    out.push(b']');
    Ok(())
}

fn comma(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

fn scalar_json(
    native: NativeType,
    cell: &[u8],
    lost: &mut Lost,
    out: &mut Vec<u8>,
) -> Result<(), RowTextReason> {
    match native {
        NativeType::Text | NativeType::Ascii => put_string(scalar::text(native, cell)?, out),
        NativeType::Blob => quoted(native, cell, out)?,
        _ if cell.is_empty() => out.extend_from_slice(b"\"\""),
        NativeType::Double | NativeType::Float => {
            let start = out.len();
            if !scalar::write(native, cell, Notation::Json, out)? {
                lost.not_finite += 1;
                out.truncate(start);
                out.extend_from_slice(b"null");
            }
        }
        NativeType::Bigint
        | NativeType::Int
        | NativeType::Smallint
        | NativeType::Tinyint
        | NativeType::Counter
        | NativeType::Varint
        | NativeType::Decimal
        | NativeType::Boolean => {
            scalar::write(native, cell, Notation::Json, out)?;
        }
        NativeType::Timestamp
        | NativeType::Date
        | NativeType::Time
        | NativeType::Duration
        | NativeType::Uuid
        | NativeType::Timeuuid
        | NativeType::Inet => quoted(native, cell, out)?,
    }
    Ok(())
}

/// In quotes, where nothing has to be escaped.
fn quoted(native: NativeType, cell: &[u8], out: &mut Vec<u8>) -> Result<(), RowTextReason> {
    out.push(b'"');
    scalar::write(native, cell, Notation::Json, out)?;
    out.push(b'"');
    Ok(())
}

/// Makes the value that was written last a string, which keys have to be.
fn make_key(start: usize, out: &mut Vec<u8>) {
    match out.get(start) {
        Some(b'"') => {}
        Some(b'[' | b'{') => {
            let value = out.split_off(start);
            // What was written is JSON, so it is UTF-8.
            put_string(&String::from_utf8_lossy(&value), out);
        }
        _ => {
            out.insert(start, b'"');
            out.push(b'"');
        }
    }
}

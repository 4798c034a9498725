//! Values as CQL text.

use std::fmt::{self, Write};

use crate::identifier;
use crate::value::CqlValue;

/// Text in single quotes, inner ones doubled.
pub fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The literal of a value, or `NULL`.
pub fn literal(value: Option<&CqlValue>) -> String {
    value.map_or_else(|| "NULL".to_owned(), CqlValue::to_string)
}

/// Writes the literal of `value`, which CQL reads back as the same value.
///
/// Two exceptions: the empty value, which CQL text cannot express, becomes `NULL`; and bytes of unknown types become
/// a blob.
pub fn write_literal(value: &CqlValue, out: &mut impl Write) -> fmt::Result {
    match value {
        CqlValue::Empty => out.write_str("NULL"),
        CqlValue::Ascii(text) | CqlValue::Text(text) => out.write_str(&quote_text(text)),
        CqlValue::Bigint(value) | CqlValue::Counter(value) => write!(out, "{value}"),
        CqlValue::Blob(bytes) | CqlValue::Custom { bytes, .. } => {
            out.write_str("0x")?;
            bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
        }
        CqlValue::Boolean(value) => write!(out, "{value}"),
        CqlValue::Decimal(value) => write!(out, "{value}"),
        CqlValue::Double(value) => write_float(out, *value, value),
        CqlValue::Float(value) => write_float(out, f64::from(*value), value),
        CqlValue::Int(value) => write!(out, "{value}"),
        CqlValue::Timestamp(value) => write!(out, "{}", value.0),
        CqlValue::Uuid(value) => write!(out, "{value}"),
        CqlValue::Varint(value) => write!(out, "{value}"),
        CqlValue::Timeuuid(value) => write!(out, "{value}"),
        CqlValue::Inet(value) => write!(out, "'{value}'"),
        CqlValue::Date(value) => {
            let text = value.to_string();
            // Beyond the calendar the bare number stands for the day.
            if text.contains('-') { write!(out, "'{text}'") } else { out.write_str(&text) }
        }
        CqlValue::Time(value) => write!(out, "'{value}'"),
        CqlValue::Smallint(value) => write!(out, "{value}"),
        CqlValue::Tinyint(value) => write!(out, "{value}"),
        CqlValue::Duration(value) => write!(out, "{value}"),
        CqlValue::List(elements) => write_sequence(out, '[', elements.iter().map(Option::as_ref), ']'),
        CqlValue::Set(elements) => write_sequence(out, '{', elements.iter().map(Option::as_ref), '}'),
        CqlValue::Tuple(fields) => write_sequence(out, '(', fields.iter().map(Option::as_ref), ')'),
        CqlValue::Vector(elements) => write_sequence(out, '[', elements.iter().map(Some), ']'),
        CqlValue::Map(entries) => {
            out.write_char('{')?;
            for (index, (key, value)) in entries.iter().enumerate() {
                out.write_str(if index == 0 { "" } else { ", " })?;
                write_literal(key, out)?;
                out.write_str(": ")?;
                write_nullable(out, value.as_ref())?;
            }
            out.write_char('}')
        }
        CqlValue::Udt { fields, .. } => {
            out.write_char('{')?;
            for (index, (name, value)) in fields.iter().enumerate() {
                out.write_str(if index == 0 { "" } else { ", " })?;
                write!(out, "{}: ", identifier::quote(name))?;
                write_nullable(out, value.as_ref())?;
            }
            out.write_char('}')
        }
    }
}

fn write_nullable(out: &mut impl Write, value: Option<&CqlValue>) -> fmt::Result {
    match value {
        Some(value) => write_literal(value, out),
        None => out.write_str("NULL"),
    }
}

fn write_sequence<'a>(
    out: &mut impl Write,
    open: char,
    values: impl Iterator<Item = Option<&'a CqlValue>>,
    close: char,
) -> fmt::Result {
    out.write_char(open)?;
    for (index, value) in values.enumerate() {
        out.write_str(if index == 0 { "" } else { ", " })?;
        write_nullable(out, value)?;
    }
    out.write_char(close)
}

/// `shown` prints the fewest digits that give the same number back; {:?} uses an exponent where plain digits would be
/// many.
fn write_float(out: &mut impl Write, value: f64, shown: &impl fmt::Debug) -> fmt::Result {
    if value.is_nan() {
        out.write_str("NaN")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        write!(out, "{shown:?}")
    }
}

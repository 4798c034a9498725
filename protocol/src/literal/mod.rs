//! Values as CQL text, for DDL, logs and tests. In statements values are bound instead.

mod of_rust;

use std::fmt::{self, Write};

pub use of_rust::{InList, ToLiteral, Verbatim, literal_of};

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
pub fn write_literal(value: &CqlValue, out: &mut (impl Write + ?Sized)) -> fmt::Result {
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

fn write_nullable(out: &mut (impl Write + ?Sized), value: Option<&CqlValue>) -> fmt::Result {
    match value {
        Some(value) => write_literal(value, out),
        None => out.write_str("NULL"),
    }
}

fn write_sequence<'a>(
    out: &mut (impl Write + ?Sized),
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
fn write_float(out: &mut (impl Write + ?Sized), value: f64, shown: &impl fmt::Debug) -> fmt::Result {
    if value.is_nan() {
        out.write_str("NaN")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        write!(out, "{shown:?}")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::value::{
        CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlVarint, UdtRef,
    };

    #[test]
    fn every_kind_of_value_has_its_notation() {
        let text = |text: &str| CqlValue::from(text);
        let uuid = uuid::Uuid::from_u128(1);
        let udt = CqlValue::udt(UdtRef::new("k", "t"), [("zip", Some(CqlValue::Int(1))), ("Street", None)]);
        for (value, expected) in [
            (CqlValue::Empty, "NULL"),
            (text("it's"), "'it''s'"),
            (CqlValue::Ascii("a".into()), "'a'"),
            (CqlValue::Blob(vec![0, 0xab]), "0x00ab"),
            (CqlValue::Blob(vec![]), "0x"),
            (CqlValue::Boolean(true), "true"),
            (CqlValue::Counter(-5), "-5"),
            (CqlValue::Bigint(i64::MIN), "-9223372036854775808"),
            (CqlValue::Double(0.1), "0.1"),
            (CqlValue::Double(1e300), "1e300"),
            (CqlValue::Double(-0.0), "-0.0"),
            (CqlValue::Double(f64::NAN), "NaN"),
            (CqlValue::Float(f32::NEG_INFINITY), "-Infinity"),
            (CqlValue::Double(f64::INFINITY), "Infinity"),
            (CqlValue::Float(0.1), "0.1"),
            (CqlValue::Decimal(CqlDecimal { unscaled: CqlVarint::from(12345), scale: 2 }), "123.45"),
            (CqlValue::Varint(CqlVarint::from(-7)), "-7"),
            (CqlValue::Timestamp(CqlTimestamp(-1)), "-1"),
            (CqlValue::Date(CqlDate(0x800041dc)), "'2016-02-29'"),
            (CqlValue::Date(CqlDate(0)), "0"),
            (CqlValue::Time(CqlTime(1)), "'00:00:00.000000001'"),
            (CqlValue::Inet("2a00::1".parse().unwrap()), "'2a00::1'"),
            (CqlValue::Uuid(uuid), "00000000-0000-0000-0000-000000000001"),
            (CqlValue::Timeuuid(CqlTimeuuid::from_uuid(uuid)), "00000000-0000-0000-0000-000000000001"),
            (CqlValue::Duration(CqlDuration { months: 1, days: 2, nanoseconds: 3 }), "1mo2d3ns"),
            (CqlValue::List(vec![Some(text("a")), None]), "['a', NULL]"),
            (CqlValue::set([CqlValue::Int(1), CqlValue::Int(2)]), "{1, 2}"),
            (CqlValue::map([(text("k"), CqlValue::Int(1))]), "{'k': 1}"),
            (CqlValue::Tuple(vec![Some(CqlValue::Int(1)), None]), "(1, NULL)"),
            (CqlValue::Vector(vec![CqlValue::Float(1.0)]), "[1.0]"),
            (udt, "{zip: 1, \"Street\": NULL}"),
            (CqlValue::Custom { class: Arc::new("x".to_owned()), bytes: vec![1] }, "0x01"),
        ] {
            assert_eq!(value.to_string(), expected);
        }
        assert_eq!(literal(None), "NULL");
        assert_eq!(literal(Some(&CqlValue::Tinyint(-1))), "-1");
    }
}

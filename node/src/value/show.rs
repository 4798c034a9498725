//! Values as text: for CAST … AS text and for JSON.

use std::fmt::Write;
use std::net::IpAddr;

use chorus_protocol::{CqlType, NativeType};
use num_bigint::BigInt;
use uuid::Uuid;

use super::collection::{elements, fields, pairs, vector_elements};
use super::number::{read_i64, show_decimal};
use super::time::{read_duration, show_date, show_duration, show_time, show_timestamp};

/// A value of a native type as plain text.
pub(crate) fn show(native: NativeType, bytes: &[u8]) -> String {
    show_native(native, bytes, 'T')
}

fn show_native(native: NativeType, bytes: &[u8], separator: char) -> String {
    let integer = || read_i64(bytes).unwrap_or_default();
    match native {
        NativeType::Text | NativeType::Ascii => String::from_utf8_lossy(bytes).into_owned(),
        _ if bytes.is_empty() => String::new(),
        NativeType::Tinyint
        | NativeType::Smallint
        | NativeType::Int
        | NativeType::Bigint
        | NativeType::Counter => integer().to_string(),
        NativeType::Boolean => (bytes[0] != 0).to_string(),
        NativeType::Blob => {
            let mut text = String::with_capacity(2 + 2 * bytes.len());
            text.push_str("0x");
            for byte in bytes {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text
        }
        NativeType::Float => {
            bytes.try_into().map(|four| format!("{:?}", f32::from_be_bytes(four))).unwrap_or_default()
        }
        NativeType::Double => {
            bytes.try_into().map(|eight| format!("{:?}", f64::from_be_bytes(eight))).unwrap_or_default()
        }
        NativeType::Varint => BigInt::from_signed_bytes_be(bytes).to_string(),
        NativeType::Decimal => show_decimal(bytes),
        NativeType::Uuid | NativeType::Timeuuid => {
            Uuid::from_slice(bytes).map(|uuid| uuid.to_string()).unwrap_or_default()
        }
        NativeType::Timestamp => show_timestamp(integer(), separator),
        NativeType::Date => {
            bytes.try_into().map(|four| show_date(u32::from_be_bytes(four))).unwrap_or_default()
        }
        NativeType::Time => show_time(integer()),
        NativeType::Duration => read_duration(bytes).map(show_duration).unwrap_or_default(),
        NativeType::Inet => match bytes.len() {
            4 => {
                <[u8; 4]>::try_from(bytes).map(|octets| IpAddr::from(octets).to_string()).unwrap_or_default()
            }
            _ => {
                <[u8; 16]>::try_from(bytes).map(|octets| IpAddr::from(octets).to_string()).unwrap_or_default()
            }
        },
    }
}

/// Any value as JSON, the way `toJson` and `SELECT JSON` write it.
pub(crate) fn to_json(typ: &CqlType, bytes: Option<&[u8]>) -> String {
    let mut out = String::new();
    json(typ, bytes, &mut out);
    out
}

fn json(typ: &CqlType, bytes: Option<&[u8]>, out: &mut String) {
    let Some(bytes) = bytes else {
        out.push_str("null");
        return;
    };
    match typ {
        CqlType::Native(native) => json_native(*native, bytes, out),
        CqlType::Custom(_) => quote_json(&show_native(NativeType::Blob, bytes, ' '), out),
        CqlType::List(element) | CqlType::Set(element) => {
            json_array(elements(bytes).map(|item| (&**element, item)), out);
        }
        CqlType::Vector(element, dimension) => {
            let items = vector_elements(element, *dimension, bytes).unwrap_or_default();
            json_array(items.into_iter().map(|item| (&**element, Some(item))), out);
        }
        CqlType::Tuple(types) => json_array(types.iter().zip(fields(bytes, types.len())), out),
        CqlType::Udt(udt) => {
            let cells = udt.fields.iter().zip(fields(bytes, udt.fields.len()));
            json_object(cells.map(|((name, typ), cell)| (name.to_string(), typ, cell)), out);
        }
        CqlType::Map(pair) => {
            let entries = pairs(bytes).map(|(key, value)| {
                let key = match &pair.0 {
                    CqlType::Native(native) => show_native(*native, key, ' '),
                    typ => to_json(typ, Some(key)),
                };
                (key, &pair.1, value)
            });
            json_object(entries, out);
        }
    }
}

fn json_native(native: NativeType, bytes: &[u8], out: &mut String) {
    let text = show_native(native, bytes, ' ');
    let bare = match native {
        NativeType::Text | NativeType::Ascii => false,
        // A legacy value of no bytes.
        _ if bytes.is_empty() => {
            out.push_str("\"\"");
            return;
        }
        NativeType::Float | NativeType::Double => {
            // JSON has neither NaN nor infinities.
            let finite = !text.contains(['N', 'i']);
            out.push_str(if finite { &text } else { "null" });
            return;
        }
        NativeType::Tinyint
        | NativeType::Smallint
        | NativeType::Int
        | NativeType::Bigint
        | NativeType::Counter
        | NativeType::Varint
        | NativeType::Decimal
        | NativeType::Boolean => true,
        _ => false,
    };
    if bare { out.push_str(&text) } else { quote_json(&text, out) }
}

fn json_array<'a>(items: impl Iterator<Item = (&'a CqlType, Option<&'a [u8]>)>, out: &mut String) {
    out.push('[');
    for (index, (typ, item)) in items.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        json(typ, item, out);
    }
    out.push(']');
}

fn json_object<'a>(entries: impl Iterator<Item = (String, &'a CqlType, Option<&'a [u8]>)>, out: &mut String) {
    out.push('{');
    for (index, (key, typ, value)) in entries.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        quote_json(&key, out);
        out.push_str(": ");
        json(typ, value, out);
    }
    out.push('}');
}

/// A JSON string.
pub(crate) fn quote_json(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::CollectionWriter;

    #[test]
    fn native_values_are_shown_as_cql_writes_them() {
        assert_eq!(show(NativeType::Int, &[255; 4]), "-1");
        assert_eq!(show(NativeType::Blob, &[0xca, 0xfe]), "0xcafe");
        assert_eq!(show(NativeType::Double, &1.5f64.to_be_bytes()), "1.5");
        assert_eq!(show(NativeType::Inet, &[127, 0, 0, 1]), "127.0.0.1");
        assert_eq!(show(NativeType::Timestamp, &0i64.to_be_bytes()), "1970-01-01T00:00:00.000Z");
        assert_eq!(show(NativeType::Int, &[]), "");
    }

    #[test]
    fn json_of_nested_values_is_json() {
        let mut map = CollectionWriter::counted();
        map.pair(&1i32.to_be_bytes(), Some("a\"b\n".as_bytes()));
        let typ = CqlType::map(CqlType::Int, CqlType::Text);
        assert_eq!(to_json(&typ, Some(&map.finish())), r#"{"1": "a\"b\n"}"#);
        assert_eq!(to_json(&CqlType::Double, Some(&f64::NAN.to_be_bytes())), "null");
        assert_eq!(to_json(&CqlType::Int, None), "null");
        let tuple = CqlType::tuple([CqlType::Boolean, CqlType::Text]);
        assert_eq!(to_json(&tuple, Some(&[0, 0, 0, 1, 1])), "[true, null]");
    }
}

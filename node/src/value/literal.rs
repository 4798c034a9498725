//! Constants of CQL text to bytes.

use std::net::IpAddr;

use bigdecimal::BigDecimal;
use chorus_protocol::{CqlType, NativeType};
use num_bigint::BigInt;
use uuid::Uuid;

use super::number::{decimal_bytes, varint_bytes};
use super::time::{duration_bytes, parse_date, parse_duration, parse_time, parse_timestamp};
use crate::cql::CqlError;
use crate::cql::ast::Literal;

/// The bytes of a constant as a value of `typ`; `None` for null. `name` is what the value is for, in errors.
pub(crate) fn from_literal(
    literal: &Literal,
    typ: &CqlType,
    name: &str,
) -> Result<Option<Vec<u8>>, CqlError> {
    if *literal == Literal::Null {
        return Ok(None);
    }
    let CqlType::Native(native) = typ else {
        return Err(mismatch(literal, typ, name));
    };
    convert(literal, *native, typ, name).map(Some)
}

fn convert(literal: &Literal, native: NativeType, typ: &CqlType, name: &str) -> Result<Vec<u8>, CqlError> {
    let unparsable =
        |text: &str| CqlError::invalid(format!("Unable to make {} from '{text}'", java_name(native)));
    let integer = |text: &str| text.parse::<i64>().map_err(|_| unparsable(text));
    Ok(match (literal, native) {
        (Literal::String(text), NativeType::Text) => text.clone().into_bytes(),
        (Literal::String(text), NativeType::Ascii) => {
            if !text.is_ascii() {
                return Err(CqlError::invalid("Invalid ASCII character in string literal"));
            }
            text.clone().into_bytes()
        }
        (Literal::String(text), NativeType::Inet) => match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => address.octets().to_vec(),
            Ok(IpAddr::V6(address)) => address.octets().to_vec(),
            Err(_) => return Err(CqlError::invalid(format!("Unable to make inet address from '{text}'"))),
        },
        (Literal::String(text) | Literal::Integer(text), NativeType::Timestamp) => parse_timestamp(text)
            .ok_or_else(|| CqlError::invalid(format!("Unable to parse a date/time from '{text}'")))?
            .to_be_bytes()
            .to_vec(),
        (Literal::String(text) | Literal::Integer(text), NativeType::Date) => parse_date(text)
            .ok_or_else(|| {
                CqlError::invalid(format!("Unable to coerce '{text}' to a formatted date (long)"))
            })?
            .to_be_bytes()
            .to_vec(),
        (Literal::String(text) | Literal::Integer(text), NativeType::Time) => parse_time(text)
            .ok_or_else(|| {
                CqlError::invalid(format!("(TimeType) Unable to coerce '{text}' to a formatted time (long)"))
            })?
            .to_be_bytes()
            .to_vec(),
        (Literal::Integer(text), NativeType::Bigint | NativeType::Counter) => {
            integer(text)?.to_be_bytes().to_vec()
        }
        (Literal::Integer(text), NativeType::Int) => {
            i32::try_from(integer(text)?).map_err(|_| unparsable(text))?.to_be_bytes().to_vec()
        }
        (Literal::Integer(text), NativeType::Smallint) => {
            i16::try_from(integer(text)?).map_err(|_| unparsable(text))?.to_be_bytes().to_vec()
        }
        (Literal::Integer(text), NativeType::Tinyint) => {
            i8::try_from(integer(text)?).map_err(|_| unparsable(text))?.to_be_bytes().to_vec()
        }
        (Literal::Integer(text), NativeType::Varint) => {
            varint_bytes(&text.parse::<BigInt>().map_err(|_| unparsable(text))?)
        }
        (Literal::Integer(text) | Literal::Float(text), NativeType::Decimal) => {
            decimal_bytes(&text.parse::<BigDecimal>().map_err(|_| unparsable(text))?)
        }
        (Literal::Integer(text) | Literal::Float(text), NativeType::Double) => {
            text.parse::<f64>().map_err(|_| unparsable(text))?.to_be_bytes().to_vec()
        }
        (Literal::Integer(text) | Literal::Float(text), NativeType::Float) => {
            text.parse::<f32>().map_err(|_| unparsable(text))?.to_be_bytes().to_vec()
        }
        (Literal::Uuid(text), NativeType::Uuid | NativeType::Timeuuid) => {
            let uuid = text.parse::<Uuid>().map_err(|_| unparsable(text))?;
            if native == NativeType::Timeuuid && uuid.get_version_num() != 1 {
                return Err(CqlError::invalid("TimeUUID supports only version 1 UUIDs"));
            }
            uuid.as_bytes().to_vec()
        }
        (Literal::Boolean(value), NativeType::Boolean) => vec![u8::from(*value)],
        (Literal::Blob(digits), NativeType::Blob) => from_hex(digits)
            .ok_or_else(|| CqlError::invalid(format!("cannot parse '{digits}' as hex bytes")))?,
        (Literal::Duration(text), NativeType::Duration) => duration_bytes(
            parse_duration(text)
                .ok_or_else(|| CqlError::invalid(format!("Unable to convert '{text}' to a duration")))?,
        ),
        _ => return Err(mismatch(literal, typ, name)),
    })
}

/// What Cassandra calls a number of that type in its messages.
fn java_name(native: NativeType) -> &'static str {
    match native {
        NativeType::Tinyint => "byte",
        NativeType::Smallint => "short",
        NativeType::Bigint | NativeType::Counter => "long",
        other => other.name(),
    }
}

fn mismatch(literal: &Literal, typ: &CqlType, name: &str) -> CqlError {
    let (kind, text) = match literal {
        Literal::Null => ("NULL", "null".to_owned()),
        Literal::Boolean(value) => ("BOOLEAN", value.to_string()),
        Literal::Integer(text) => ("INTEGER", text.clone()),
        Literal::Float(text) => ("FLOAT", text.clone()),
        Literal::String(text) => ("STRING", text.clone()),
        Literal::Uuid(text) => ("UUID", text.clone()),
        Literal::Blob(text) => ("HEX", format!("0x{text}")),
        Literal::Duration(text) => ("DURATION", text.clone()),
    };
    CqlError::invalid(format!("Invalid {kind} constant ({text}) for \"{name}\" of type {typ}"))
}

/// The type that a constant has when nothing around it says: what a function's argument or a selected constant gets.
pub(crate) fn natural_type(literal: &Literal) -> Option<CqlType> {
    Some(match literal {
        Literal::Null => return None,
        Literal::Boolean(_) => CqlType::Boolean,
        Literal::Integer(text) if text.parse::<i32>().is_ok() => CqlType::Int,
        Literal::Integer(text) if text.parse::<i64>().is_ok() => CqlType::Bigint,
        Literal::Integer(_) => CqlType::Varint,
        Literal::Float(_) => CqlType::Double,
        Literal::String(_) => CqlType::Text,
        Literal::Uuid(_) => CqlType::Uuid,
        Literal::Blob(_) => CqlType::Blob,
        Literal::Duration(_) => CqlType::Duration,
    })
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(literal: Literal, typ: &CqlType) -> Result<Option<Vec<u8>>, CqlError> {
        from_literal(&literal, typ, "v")
    }

    #[test]
    fn constants_become_values_of_the_columns_type() {
        let integer = |text: &str| Literal::Integer(text.to_owned());
        assert_eq!(bytes(integer("-2"), &CqlType::Int), Ok(Some((-2i32).to_be_bytes().to_vec())));
        assert_eq!(bytes(integer("300"), &CqlType::Varint), Ok(Some(vec![1, 44])));
        assert_eq!(bytes(integer("1"), &CqlType::Double), Ok(Some(1f64.to_be_bytes().to_vec())));
        assert_eq!(
            bytes(Literal::Float("-Infinity".into()), &CqlType::Float),
            Ok(Some(f32::NEG_INFINITY.to_be_bytes().to_vec()))
        );
        assert_eq!(bytes(Literal::Null, &CqlType::Int), Ok(None));
        assert_eq!(bytes(Literal::Blob("cafe".into()), &CqlType::Blob), Ok(Some(vec![0xca, 0xfe])));
        assert_eq!(
            bytes(Literal::String("::1".into()), &CqlType::Inet).map(|v| v.map(|v| v.len())),
            Ok(Some(16))
        );
    }

    #[test]
    fn constants_of_another_type_are_refused_in_cassandras_words() {
        let error = bytes(Literal::String("x".into()), &CqlType::Int).expect_err("not an int");
        assert_eq!(error.message, "Invalid STRING constant (x) for \"v\" of type int");
        let error = bytes(Literal::Integer("3000000000".into()), &CqlType::Int).expect_err("too large");
        assert_eq!(error.message, "Unable to make int from '3000000000'");
        bytes(Literal::Integer("128".into()), &CqlType::Tinyint).expect_err("too large");
        bytes(Literal::Blob("abc".into()), &CqlType::Blob).expect_err("half a byte");
        bytes(Literal::Uuid(Uuid::new_v4().to_string()), &CqlType::Timeuuid).expect_err("not time-based");
        bytes(Literal::Integer("1".into()), &CqlType::list(CqlType::Int)).expect_err("not a list");
    }
}

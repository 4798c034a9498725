//! Types as `[option]`s in result and bind metadata.

use std::sync::{Arc, LazyLock};

use crate::error::{DecodeError, EncodeError};
use crate::types::{CqlType, MAX_TYPE_DEPTH, NativeType, UdtType};
use crate::wire::{Reader, put_short, put_short_count, put_string};

const CUSTOM: u16 = 0x00;
const LIST: u16 = 0x20;
const MAP: u16 = 0x21;
const SET: u16 = 0x22;
const UDT: u16 = 0x30;
const TUPLE: u16 = 0x31;

/// Reads a type option.
pub fn decode_type(reader: &mut Reader<'_>) -> Result<CqlType, DecodeError> {
    decode_at(reader, MAX_TYPE_DEPTH, 0)
}

/// `owed` bytes at least of those that are left belong to what follows this type: the other fields of the types around it. What
/// they take cannot be reserved once more.
fn decode_at(reader: &mut Reader<'_>, depth: usize, owed: usize) -> Result<CqlType, DecodeError> {
    let Some(inner) = depth.checked_sub(1) else {
        return Err(DecodeError::TypeTooDeep { max: MAX_TYPE_DEPTH });
    };
    let code = reader.short("type")?;
    // One function for each: a level of nesting then takes the stack of its own kind only.
    match code {
        CUSTOM => CqlType::from_class_name_within(reader.string("type class name")?, depth),
        LIST => decode_at(reader, inner, owed).map(CqlType::list),
        SET => decode_at(reader, inner, owed).map(CqlType::set),
        MAP => decode_map(reader, inner, owed),
        UDT => decode_udt(reader, inner, owed),
        TUPLE => decode_tuple(reader, inner, owed),
        code => NativeType::from_code(code)
            .map(CqlType::Native)
            .ok_or(DecodeError::UnknownCode { what: "type", code: i64::from(code) }),
    }
}

/// The bytes that a type takes at least.
const TYPE: usize = 2;
/// Those of a name and a type.
const FIELD: usize = 4;

fn decode_map(reader: &mut Reader<'_>, depth: usize, owed: usize) -> Result<CqlType, DecodeError> {
    let key = decode_at(reader, depth, owed + TYPE)?;
    Ok(CqlType::map(key, decode_at(reader, depth, owed)?))
}

/// Checks that so many things of `smallest` bytes each can have come, besides what is owed.
fn check_room(
    reader: &Reader<'_>,
    what: &'static str,
    count: usize,
    smallest: usize,
    owed: usize,
) -> Result<(), DecodeError> {
    let (needed, left) = (count * smallest + owed, reader.rest().len());
    if needed > left { Err(DecodeError::Truncated { what, needed, left }) } else { Ok(()) }
}

fn decode_udt(reader: &mut Reader<'_>, depth: usize, owed: usize) -> Result<CqlType, DecodeError> {
    let keyspace = reader.string("user type keyspace")?.into();
    let name = reader.string("user type name")?.into();
    let count = usize::from(reader.short("user type fields")?);
    check_room(reader, "user type fields", count, FIELD, owed)?;
    let mut fields = Vec::with_capacity(count);
    for index in 0..count {
        let field: Arc<str> = reader.string("user type field")?.into();
        fields.push((field, decode_at(reader, depth, owed + (count - 1 - index) * FIELD)?));
    }
    Ok(CqlType::Udt(Arc::new(UdtType { keyspace, name, fields })))
}

static NO_FIELDS: LazyLock<Arc<Vec<CqlType>>> = LazyLock::new(Arc::default);

fn decode_tuple(reader: &mut Reader<'_>, depth: usize, owed: usize) -> Result<CqlType, DecodeError> {
    let count = usize::from(reader.short("tuple fields")?);
    if count == 0 {
        // No server has such a type: whoever sends thousands of them gets the same one.
        return Ok(CqlType::Tuple(Arc::clone(&NO_FIELDS)));
    }
    check_room(reader, "tuple fields", count, TYPE, owed)?;
    let mut fields = Vec::with_capacity(count);
    for index in 0..count {
        fields.push(decode_at(reader, depth, owed + (count - 1 - index) * TYPE)?);
    }
    Ok(CqlType::Tuple(fields.into()))
}

/// Appends a type option.
pub fn encode_type(typ: &CqlType, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match typ {
        CqlType::Native(native) => {
            put_short(out, native.code());
            Ok(())
        }
        CqlType::List(element) => {
            put_short(out, LIST);
            encode_type(element, out)
        }
        CqlType::Set(element) => {
            put_short(out, SET);
            encode_type(element, out)
        }
        CqlType::Map(pair) => {
            put_short(out, MAP);
            encode_type(&pair.0, out).and_then(|()| encode_type(&pair.1, out))
        }
        CqlType::Tuple(fields) => {
            put_short(out, TUPLE);
            put_short_count(out, fields.len(), "tuple fields")?;
            fields.iter().try_for_each(|field| encode_type(field, out))
        }
        CqlType::Udt(udt) => encode_udt(udt, out),
        CqlType::Vector(..) | CqlType::Custom(_) => {
            put_short(out, CUSTOM);
            put_string(out, &typ.to_class_name(), "type class name")
        }
    }
}

fn encode_udt(udt: &UdtType, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    put_short(out, UDT);
    put_string(out, &udt.keyspace, "user type keyspace")?;
    put_string(out, &udt.name, "user type name")?;
    put_short_count(out, udt.fields.len(), "user type fields")?;
    for (name, field) in &udt.fields {
        put_string(out, name, "user type field")?;
        encode_type(field, out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<CqlType, DecodeError> {
        decode_type(&mut Reader::new(bytes))
    }

    #[test]
    fn every_option_comes_back() {
        let udt = CqlType::udt("ks", "t", [("a", CqlType::Int), ("b", CqlType::set(CqlType::Text))]);
        let mut types = vec![
            CqlType::list(CqlType::Int),
            CqlType::map(CqlType::Text, CqlType::tuple([CqlType::Int, CqlType::Duration])),
            CqlType::vector(CqlType::vector(CqlType::Float, 2), 3),
            CqlType::tuple([]),
            CqlType::custom("com.example.Mine"),
            udt,
        ];
        types.extend(NativeType::ALL.map(CqlType::Native));
        for typ in types {
            let mut out = Vec::new();
            encode_type(&typ, &mut out).unwrap();
            assert_eq!(decode(&out), Ok(typ));
            for length in 0..out.len() {
                assert!(decode(&out[..length]).is_err());
            }
        }
    }

    #[test]
    fn options_have_the_codes_of_the_protocol() {
        assert_eq!(decode(&[0, 0x0A]), Ok(CqlType::Text));
        assert_eq!(decode(&[0, 0x21, 0, 0x0D, 0, 9]), Ok(CqlType::map(CqlType::Text, CqlType::Int)));
        let mut out = Vec::new();
        encode_type(&CqlType::list(CqlType::Text), &mut out).unwrap();
        assert_eq!(out, [0, 0x20, 0, 0x0D]);
        assert_eq!(decode(&[0, 0x99]), Err(DecodeError::UnknownCode { what: "type", code: 0x99 }));
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let mut bytes = [0, LIST as u8].repeat(MAX_TYPE_DEPTH - 1);
        bytes.extend([0, 9]);
        assert_eq!(decode(&bytes).unwrap().depth(), MAX_TYPE_DEPTH);
        let deeper = [&[0, LIST as u8], &bytes[..]].concat();
        assert_eq!(decode(&deeper), Err(DecodeError::TypeTooDeep { max: MAX_TYPE_DEPTH }));
        let class = format!("{}Int32Type{}", "ListType(".repeat(40), ")".repeat(40));
        let mut both = [0, LIST as u8].repeat(40);
        both.extend([0, 0]);
        put_string(&mut both, &class, "class").unwrap();
        assert_eq!(decode(&both), Err(DecodeError::TypeTooDeep { max: MAX_TYPE_DEPTH }));
    }

    #[test]
    fn an_announced_field_count_reserves_nothing() {
        assert!(decode(&[0, 0x31, 0xff, 0xff]).is_err());
        assert!(decode(&[0, 0x30, 0, 0, 0, 0, 0xff, 0xff, 0, 0]).is_err());
    }
}

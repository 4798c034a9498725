//! Whether bytes are a value of a type.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chorus_protocol::{CqlType, NativeType};

use super::collection::{
    CollectionWriter, elements, fields, pairs, read_cell, vector_elements, vint_length, write_cell,
};
use super::order::encode_ordered;

/// Checks bytes that a client claims to be of a type; the error says what is wrong with them.
pub(crate) fn validate(typ: &CqlType, bytes: &[u8]) -> Result<(), String> {
    match typ {
        CqlType::Native(native) => validate_native(*native, bytes),
        CqlType::Custom(_) => Ok(()),
        CqlType::List(element) => validate_elements("list", element, bytes),
        CqlType::Set(element) => validate_elements("set", element, bytes),
        CqlType::Map(pair) => {
            let mut rest = bytes;
            for _ in 0..read_count("map", &mut rest)? {
                for typ in [&pair.0, &pair.1] {
                    let cell = read_cell(&mut rest).ok_or("Not enough bytes to read a map")?;
                    validate(typ, cell.ok_or(NULL_INSIDE)?)?;
                }
            }
            if rest.is_empty() {
                Ok(())
            } else {
                Err("Unexpected extraneous bytes after map value".to_owned())
            }
        }
        CqlType::Tuple(types) => validate_fields("tuple", types.iter(), bytes),
        CqlType::Udt(udt) => validate_fields("user type", udt.fields.iter().map(|(_, typ)| typ), bytes),
        CqlType::Vector(element, dimension) => {
            let items = vector_elements(element, *dimension, bytes)
                .ok_or_else(|| format!("Invalid number of bytes for a {typ} ({})", bytes.len()))?;
            items.into_iter().try_for_each(|item| validate(element, item))
        }
    }
}

const NULL_INSIDE: &str = "null is not supported inside collections";

fn validate_native(native: NativeType, bytes: &[u8]) -> Result<(), String> {
    let length = bytes.len();
    let (valid, problem) = match native {
        NativeType::Text => (std::str::from_utf8(bytes).is_ok(), "String didn't validate."),
        NativeType::Ascii => (bytes.is_ascii(), "Invalid byte for ascii"),
        NativeType::Blob | NativeType::Varint => (true, ""),
        NativeType::Int => (matches!(length, 0 | 4), "Expected 4 or 0 byte int"),
        NativeType::Bigint | NativeType::Counter => (matches!(length, 0 | 8), "Expected 8 or 0 byte long"),
        NativeType::Timestamp => (matches!(length, 0 | 8), "Expected 8 or 0 byte long for date"),
        NativeType::Boolean => (length <= 1, "Expected 1 or 0 byte value"),
        NativeType::Double => (matches!(length, 0 | 8), "Expected 8 or 0 byte value for a double"),
        NativeType::Float => (matches!(length, 0 | 4), "Expected 4 or 0 byte value for a float"),
        NativeType::Decimal => (length == 0 || length >= 4, "Expected 0 or at least 4 bytes"),
        NativeType::Uuid => (matches!(length, 0 | 16), "UUID should be 16 or 0 bytes"),
        NativeType::Timeuuid if length == 16 => (bytes[6] >> 4 == 1, "Invalid version for TimeUUID type."),
        NativeType::Timeuuid => (length == 0, "TimeUUID should be 16 or 0 bytes"),
        NativeType::Inet => (matches!(length, 0 | 4 | 16), "Expected 4 or 16 byte inetaddress"),
        NativeType::Date => (length == 4, "Expected 4 byte long for date"),
        NativeType::Time if length == 8 => {
            let nanoseconds = i64::from_be_bytes(bytes.try_into().unwrap_or_default());
            ((0..super::time::DAY_NANOS).contains(&nanoseconds), "Time is not within a day")
        }
        NativeType::Time => (false, "Expected 8 byte long for time"),
        NativeType::Smallint => (length == 2, "Expected 2 bytes for a smallint"),
        NativeType::Tinyint => (length == 1, "Expected 1 byte for a tinyint"),
        NativeType::Duration => return validate_duration(bytes),
    };
    if valid {
        return Ok(());
    }
    Err(if problem.ends_with('.') { problem.to_owned() } else { format!("{problem} ({length})") })
}

fn validate_duration(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() < 3 {
        return Err(format!("Expected at least 3 bytes for a duration ({})", bytes.len()));
    }
    let mut rest = bytes;
    let mut parts = [0i64; 3];
    for part in &mut parts {
        let raw = vint_length(&mut rest).ok_or("Not enough bytes to read a duration")?;
        *part = (raw >> 1) as i64 ^ -((raw & 1) as i64);
    }
    let [months, days, _] = parts;
    if i32::try_from(months).is_err() || i32::try_from(days).is_err() {
        return Err("The duration months and days must be 32 bits integers".to_owned());
    }
    if parts.iter().any(|part| *part > 0) && parts.iter().any(|part| *part < 0) {
        return Err("The duration months, days and nanoseconds must be all of the same sign".to_owned());
    }
    if rest.is_empty() { Ok(()) } else { Err("Unexpected extraneous bytes after duration value".to_owned()) }
}

fn read_count(what: &str, rest: &mut &[u8]) -> Result<i32, String> {
    let (count, tail) =
        rest.split_first_chunk::<4>().ok_or_else(|| format!("Not enough bytes to read a {what}"))?;
    *rest = tail;
    Ok(i32::from_be_bytes(*count).max(0))
}

fn validate_elements(what: &str, element: &CqlType, bytes: &[u8]) -> Result<(), String> {
    let mut rest = bytes;
    for _ in 0..read_count(what, &mut rest)? {
        let cell = read_cell(&mut rest).ok_or_else(|| format!("Not enough bytes to read a {what}"))?;
        validate(element, cell.ok_or(NULL_INSIDE)?)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(format!("Unexpected extraneous bytes after {what} value")) }
}

fn validate_fields<'t>(
    what: &str,
    types: impl Iterator<Item = &'t CqlType>,
    bytes: &[u8],
) -> Result<(), String> {
    let mut rest = bytes;
    for typ in types {
        // Values written before a field was added are shorter.
        if rest.is_empty() {
            return Ok(());
        }
        let cell = read_cell(&mut rest).ok_or_else(|| format!("Not enough bytes to read a {what}"))?;
        if let Some(cell) = cell {
            validate(typ, cell)?;
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(format!("Invalid remaining data after end of {what} value")) }
}

/// Valid bytes in the one form that is stored: sets and maps, at any depth, sorted and without duplicates.
pub(crate) fn normalize<'a>(typ: &CqlType, bytes: &'a [u8]) -> Cow<'a, [u8]> {
    if !has_order(typ) || bytes.is_empty() {
        return Cow::Borrowed(bytes);
    }
    match typ {
        CqlType::Native(_) | CqlType::Custom(_) => Cow::Borrowed(bytes),
        CqlType::List(element) => {
            let mut writer = CollectionWriter::counted();
            for item in elements(bytes) {
                writer.element(item.map(|item| normalize(element, item)).as_deref());
            }
            Cow::Owned(writer.finish())
        }
        CqlType::Set(element) => {
            let mut sorted = BTreeMap::new();
            for item in elements(bytes).flatten() {
                let item = normalize(element, item);
                sorted.insert(ordered(element, &item), item);
            }
            let mut writer = CollectionWriter::counted();
            sorted.values().for_each(|item| writer.element(Some(item)));
            Cow::Owned(writer.finish())
        }
        CqlType::Map(pair) => {
            let mut sorted = BTreeMap::new();
            for (key, value) in pairs(bytes) {
                let key = normalize(&pair.0, key);
                let value = value.map(|value| normalize(&pair.1, value));
                sorted.insert(ordered(&pair.0, &key), (key, value));
            }
            let mut writer = CollectionWriter::counted();
            sorted.values().for_each(|(key, value)| writer.pair(key, value.as_deref()));
            Cow::Owned(writer.finish())
        }
        CqlType::Tuple(types) => normalize_fields(types.iter(), types.len(), bytes),
        CqlType::Udt(udt) => normalize_fields(udt.fields.iter().map(|(_, typ)| typ), udt.fields.len(), bytes),
        CqlType::Vector(element, dimension) => {
            let items = vector_elements(element, *dimension, bytes).unwrap_or_default();
            let items: Vec<_> = items.into_iter().map(|item| normalize(element, item)).collect();
            Cow::Owned(CollectionWriter::vector(element, items.iter().map(|item| &**item)))
        }
    }
}

fn normalize_fields<'t>(
    types: impl Iterator<Item = &'t CqlType>,
    count: usize,
    bytes: &[u8],
) -> Cow<'static, [u8]> {
    let mut out = Vec::with_capacity(bytes.len());
    for (typ, field) in types.zip(fields(bytes, count)) {
        write_cell(&mut out, field.map(|field| normalize(typ, field)).as_deref());
    }
    Cow::Owned(out)
}

/// Whether a set or a map is anywhere in the type.
fn has_order(typ: &CqlType) -> bool {
    match typ {
        CqlType::Native(_) | CqlType::Custom(_) => false,
        CqlType::Set(_) | CqlType::Map(_) => true,
        CqlType::List(element) | CqlType::Vector(element, _) => has_order(element),
        CqlType::Tuple(types) => types.iter().any(has_order),
        CqlType::Udt(udt) => udt.fields.iter().any(|(_, typ)| has_order(typ)),
    }
}

fn ordered(typ: &CqlType, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_ordered(typ, false, bytes, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lengths_are_refused_and_empty_is_not_wrong_where_it_is_legacy() {
        for (typ, good, bad) in [
            (CqlType::Int, &[0u8, 4][..], &[1u8, 3, 5, 8][..]),
            (CqlType::Bigint, &[0, 8], &[1, 7, 9]),
            (CqlType::Boolean, &[0, 1], &[2]),
            (CqlType::Tinyint, &[1], &[0, 2]),
            (CqlType::Smallint, &[2], &[0, 1, 3]),
            (CqlType::Float, &[0, 4], &[3]),
            (CqlType::Double, &[0, 8], &[4]),
            (CqlType::Decimal, &[0, 4, 5], &[1, 3]),
            (CqlType::Uuid, &[0, 16], &[15, 17]),
            (CqlType::Inet, &[0, 4, 16], &[5]),
            (CqlType::Date, &[4], &[0, 3]),
            (CqlType::Time, &[8], &[0, 7]),
            (CqlType::Blob, &[0, 9], &[]),
            (CqlType::Duration, &[3], &[0, 2]),
        ] {
            for length in good {
                assert_eq!(validate(&typ, &vec![0; usize::from(*length)]), Ok(()), "{typ} {length}");
            }
            for length in bad {
                assert!(validate(&typ, &vec![0; usize::from(*length)]).is_err(), "{typ} {length}");
            }
        }
    }

    #[test]
    fn contents_are_checked_too() {
        assert!(validate(&CqlType::Text, b"\xff").is_err());
        assert!(validate(&CqlType::Ascii, "é".as_bytes()).is_err());
        assert!(validate(&CqlType::Timeuuid, &[0; 16]).is_err());
        assert!(validate(&CqlType::Time, &i64::MAX.to_be_bytes()).is_err());
        assert!(validate(&CqlType::Duration, &[0x02, 0x01, 0x00]).is_err(), "signs differ");
    }

    #[test]
    fn hostile_counts_and_lengths_in_collections_are_refused_without_allocating() {
        let list = CqlType::list(CqlType::Int);
        for bytes in [
            &[0x7f, 255, 255, 255][..],
            &[0, 0, 0, 1],
            &[0, 0, 0, 1, 0x7f, 255, 255, 255],
            &[0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3],
            &[0, 0, 0, 1, 255, 255, 255, 255],
            &[0, 0, 0, 0, 9],
            &[0, 0, 0],
        ] {
            assert!(validate(&list, bytes).is_err(), "{bytes:?}");
        }
        let map = CqlType::map(CqlType::Text, list);
        assert!(validate(&map, &[0, 0, 0, 1, 0, 0, 0, 1, b'a']).is_err());
        assert!(validate(&CqlType::tuple([CqlType::Int]), &[0, 0, 0, 4, 0, 0, 0, 1, 9]).is_err());
        assert!(validate(&CqlType::tuple([CqlType::Int, CqlType::Int]), &[0, 0, 0, 4, 0, 0, 0, 1]).is_ok());
        assert!(validate(&CqlType::vector(CqlType::Float, 3), &[0; 8]).is_err());
    }

    #[test]
    fn sets_and_maps_are_sorted_without_duplicates_at_any_depth() {
        let set = CqlType::set(CqlType::Int);
        let one = [0, 0, 0, 4, 0, 0, 0, 1];
        let minus = [0, 0, 0, 4, 255, 255, 255, 255];
        let unsorted = [&[0, 0, 0, 3][..], &one, &minus, &one].concat();
        let sorted = [&[0, 0, 0, 2][..], &minus, &one].concat();
        assert_eq!(normalize(&set, &unsorted), sorted);
        let list = [&[0, 0, 0, 1, 0, 0, 0, 28][..], &unsorted].concat();
        let expected = [&[0, 0, 0, 1, 0, 0, 0, 20][..], &sorted].concat();
        assert_eq!(normalize(&CqlType::list(set), &list), expected);
        assert!(matches!(normalize(&CqlType::list(CqlType::Int), &sorted), Cow::Borrowed(_)));
    }
}

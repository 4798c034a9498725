//! Bytes that sort the way Cassandra sorts the values they stand for.
//!
//! Every encoding is prefix-free, so the encodings of several columns one after the other sort as the columns do, all rows
//! with the same leading columns are one range, and descending order is the same bytes inverted.

use chorus_protocol::{CqlType, NativeType};

use super::collection::{elements, fields, pairs, vector_elements};
use super::number::{decimal_parts, minimal_varint};

/// Before a value of no bytes, where the type has others.
const EMPTY: u8 = 0;
/// Before any other value.
const PRESENT: u8 = 1;

/// Appends the sortable form of a valid value.
pub(crate) fn encode_ordered(typ: &CqlType, descending: bool, bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    encode(typ, bytes, out);
    if descending {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// The first byte string after all those that begin with `prefix`; `None` when nothing comes after them.
pub(crate) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|&byte| byte != 0xFF)?;
    let mut end = prefix[..=kept].to_vec();
    end[kept] += 1;
    Some(end)
}

fn encode(typ: &CqlType, bytes: &[u8], out: &mut Vec<u8>) {
    match typ {
        CqlType::Native(native) => encode_native(*native, bytes, out),
        CqlType::Custom(_) => encode_bytes(bytes, out),
        CqlType::List(element) | CqlType::Set(element) => {
            for item in elements(bytes) {
                encode_part(element, item, out);
            }
            out.push(EMPTY);
        }
        CqlType::Map(pair) => {
            for (key, value) in pairs(bytes) {
                encode_part(&pair.0, Some(key), out);
                encode_part(&pair.1, value, out);
            }
            out.push(EMPTY);
        }
        CqlType::Tuple(types) => {
            types
                .iter()
                .zip(fields(bytes, types.len()))
                .for_each(|(typ, field)| encode_part(typ, field, out));
        }
        CqlType::Udt(udt) => {
            let cells = fields(bytes, udt.fields.len());
            udt.fields.iter().zip(cells).for_each(|((_, typ), field)| encode_part(typ, field, out));
        }
        CqlType::Vector(element, dimension) => {
            let items = vector_elements(element, *dimension, bytes).unwrap_or_default();
            items.into_iter().for_each(|item| encode(element, item, out));
        }
    }
}

fn encode_part(typ: &CqlType, part: Option<&[u8]>, out: &mut Vec<u8>) {
    match part {
        None => out.push(PRESENT),
        Some(part) => {
            out.push(PRESENT + 1);
            encode(typ, part, out);
        }
    }
}

fn encode_native(native: NativeType, bytes: &[u8], out: &mut Vec<u8>) {
    if matches!(native, NativeType::Text | NativeType::Ascii | NativeType::Blob | NativeType::Duration) {
        return encode_bytes(bytes, out);
    }
    if bytes.is_empty() {
        out.push(EMPTY);
        return;
    }
    out.push(PRESENT);
    match native {
        NativeType::Int
        | NativeType::Bigint
        | NativeType::Counter
        | NativeType::Timestamp
        | NativeType::Time
        | NativeType::Smallint
        | NativeType::Tinyint => {
            out.push(bytes[0] ^ 0x80);
            out.extend_from_slice(&bytes[1..]);
        }
        NativeType::Boolean => out.push(u8::from(bytes[0] != 0)),
        NativeType::Date => out.extend_from_slice(bytes),
        NativeType::Float | NativeType::Double => encode_float(native, bytes, out),
        NativeType::Uuid => encode_uuid(bytes, out),
        NativeType::Timeuuid => encode_timeuuid(bytes, out),
        NativeType::Inet => encode_bytes(bytes, out),
        NativeType::Varint => encode_varint(bytes, out),
        NativeType::Decimal => encode_decimal(bytes, out),
        NativeType::Text | NativeType::Ascii | NativeType::Blob | NativeType::Duration => {}
    }
}

/// Zero bytes are escaped and two zeros end the value, so that a shorter value sorts before its extensions.
fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(zero) = rest.iter().position(|&byte| byte == 0) {
        out.extend_from_slice(&rest[..=zero]);
        out.push(0xFF);
        rest = &rest[zero + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(&[0, 0]);
}

/// Java's total order: minus zero before zero, NaN after everything.
fn encode_float(native: NativeType, bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    match (native, bytes.try_into(), bytes.try_into()) {
        (NativeType::Float, Ok(four), _) => {
            let number = f32::from_be_bytes(four);
            let bits = if number.is_nan() { 0x7fc0_0000 } else { number.to_bits() };
            out.extend_from_slice(&bits.to_be_bytes());
        }
        (_, _, Ok(eight)) => {
            let number = f64::from_be_bytes(eight);
            let bits = if number.is_nan() { 0x7ff8_0000_0000_0000 } else { number.to_bits() };
            out.extend_from_slice(&bits.to_be_bytes());
        }
        _ => out.extend_from_slice(bytes),
    }
    let encoded = &mut out[start..];
    if encoded[0] & 0x80 == 0 {
        encoded[0] ^= 0x80;
    } else {
        encoded.iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// The high half of a version 1 UUID with the most significant part of its time first.
fn time_first(bytes: &[u8]) -> [u8; 8] {
    let mut high = [0; 8];
    if let Some(half) = bytes.first_chunk::<8>() {
        high = [half[6], half[7], half[4], half[5], half[0], half[1], half[2], half[3]];
    }
    high
}

/// By version, then by time where the version has one, then by the bytes.
fn encode_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    let version = bytes.get(6).map_or(0, |byte| byte >> 4);
    out.push(version);
    if version == 1 {
        out.extend_from_slice(&time_first(bytes));
        out.extend_from_slice(bytes.get(8..).unwrap_or_default());
    } else {
        out.extend_from_slice(bytes);
    }
}

/// By time, then by the low half as signed bytes.
fn encode_timeuuid(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&time_first(bytes));
    out.extend(bytes.get(8..).unwrap_or_default().iter().map(|byte| byte ^ 0x80));
}

/// Sign, then length, then the digits: two's complement of one length and sign sorts as bytes do.
fn encode_varint(bytes: &[u8], out: &mut Vec<u8>) {
    let bytes = minimal_varint(bytes);
    let negative = bytes[0] & 0x80 != 0;
    let length = bytes.len() as u32;
    out.push(u8::from(!negative));
    out.extend_from_slice(&if negative { !length } else { length }.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Sign, magnitude, digits. Numerically equal values of different scale are the same.
fn encode_decimal(bytes: &[u8], out: &mut Vec<u8>) {
    let Some((negative, digits, exponent)) = decimal_parts(bytes) else {
        out.push(1);
        return;
    };
    if digits.is_empty() {
        out.push(1);
        return;
    }
    out.push(if negative { 0 } else { 2 });
    let start = out.len();
    out.extend_from_slice(&(exponent as u64 ^ 1 << 63).to_be_bytes());
    out.extend_from_slice(digits.as_bytes());
    out.push(0);
    if negative {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::number::{decimal_bytes, varint_bytes};
    use bigdecimal::BigDecimal;
    use num_bigint::BigInt;
    use proptest::prelude::*;

    fn ordered(typ: &CqlType, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_ordered(typ, false, bytes, &mut out);
        out
    }

    fn assert_ascending(typ: &CqlType, values: &[Vec<u8>]) {
        for pair in values.windows(2) {
            let (low, high) = (ordered(typ, &pair[0]), ordered(typ, &pair[1]));
            assert!(low < high, "{typ}: {pair:?}");
            let (mut low, mut high) = (Vec::new(), Vec::new());
            encode_ordered(typ, true, &pair[0], &mut low);
            encode_ordered(typ, true, &pair[1], &mut high);
            assert!(low > high, "{typ} descending: {pair:?}");
        }
    }

    #[test]
    fn numbers_sort_by_value() {
        assert_ascending(&CqlType::Int, &[i32::MIN, -1, 0, 1, i32::MAX].map(|n| n.to_be_bytes().to_vec()));
        assert_ascending(&CqlType::Tinyint, &[-128i8, -1, 0, 127].map(|n| n.to_be_bytes().to_vec()));
        assert_ascending(
            &CqlType::Double,
            &[f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-300, 1.5, f64::INFINITY, f64::NAN]
                .map(|n| n.to_be_bytes().to_vec()),
        );
        let varints =
            ["-99999999999999999999", "-129", "-128", "-1", "0", "1", "127", "128", "99999999999999999999"];
        assert_ascending(
            &CqlType::Varint,
            &varints.map(|n| varint_bytes(&n.parse::<BigInt>().expect("a number"))),
        );
        let decimals =
            ["-1e10", "-1.01", "-1", "-0.001", "0", "0.0001", "0.01", "1", "1.01", "9.9", "10", "1e10"];
        assert_ascending(
            &CqlType::Decimal,
            &decimals.map(|n| decimal_bytes(&n.parse::<BigDecimal>().expect("a number"))),
        );
        let one = decimal_bytes(&"1".parse().expect("a number"));
        let one_point_zero = decimal_bytes(&"1.00".parse().expect("a number"));
        assert_eq!(ordered(&CqlType::Decimal, &one), ordered(&CqlType::Decimal, &one_point_zero));
    }

    #[test]
    fn texts_sort_by_bytes_and_a_prefix_comes_first() {
        let texts = ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "aa", "b", "é"];
        assert_ascending(&CqlType::Text, &texts.map(|text| text.as_bytes().to_vec()));
    }

    #[test]
    fn timeuuids_sort_by_time_then_by_signed_bytes() {
        let uuids = [
            "13814000-1dd2-11b2-8080-808080808080",
            "13814000-1dd2-11b2-ff7f-7f7f7f7f7f7f",
            "13814000-1dd2-11b2-0000-000000000000",
            "13814000-1dd2-11b2-3f7f-7f7f7f7f7f7f",
            "6877a530-ccfa-11e5-8080-808080808080",
            "00000000-ccfb-11e5-8080-808080808080",
        ];
        assert_ascending(
            &CqlType::Timeuuid,
            &uuids.map(|text| text.parse::<::uuid::Uuid>().expect("a uuid").as_bytes().to_vec()),
        );
    }

    #[test]
    fn a_range_of_a_prefix_ends_where_the_next_prefix_begins() {
        assert_eq!(prefix_end(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(prefix_end(&[1, 255]), Some(vec![2]));
        assert_eq!(prefix_end(&[255]), None);
        assert_eq!(prefix_end(&[]), None);
    }

    proptest! {
        #[test]
        fn two_columns_sort_as_a_pair(a in ".{0,4}", b in any::<i32>(), c in ".{0,4}", d in any::<i32>()) {
            let pair = |text: &str, number: i32| {
                let mut out = Vec::new();
                encode_ordered(&CqlType::Text, false, text.as_bytes(), &mut out);
                encode_ordered(&CqlType::Int, true, &number.to_be_bytes(), &mut out);
                out
            };
            let expected = a.as_bytes().cmp(c.as_bytes()).then(d.cmp(&b));
            prop_assert_eq!(pair(&a, b).cmp(&pair(&c, d)), expected);
        }

        #[test]
        fn integers_of_any_size_sort_by_value(a in any::<i128>(), b in any::<i128>(), shift in 0u32..128) {
            let (a, b) = (a >> shift, b);
            let (first, second) = (varint_bytes(&a.into()), varint_bytes(&b.into()));
            prop_assert_eq!(ordered(&CqlType::Varint, &first).cmp(&ordered(&CqlType::Varint, &second)), a.cmp(&b));
        }
    }
}

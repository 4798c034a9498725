//! How much decoding may hold: a multiple of what arrived, whatever it says.

use bytes::Bytes;
use chorus_protocol::{
    CqlType, CqlValue, Envelope, FrameShape, FromCql, NativeType, ProtocolVersion, Response, ResultBody, Row,
};
use proptest::prelude::*;

use crate::allocations::most_held;

/// What anything may take.
const BASE: usize = 64 * 1024;

/// A value that is not known to the program takes 40 bytes, 56 with the name of its field, and has four in its cell at least.
const ELEMENT: usize = 16;

/// Descriptions of columns are the most that a message can blow up: four bytes are a column, and a column is a name, a table
/// and a type, which are 64 bytes.
const MESSAGE: usize = 16;

/// Types as options, those that nest and those that announce more than there is.
const TYPES: &[&[u8]] = &[
    &[0, 9],
    &[0, 0x20, 0, 9],
    &[0, 0x21, 0, 9, 0, 9],
    &[0, 0x20, 0, 0x20, 0, 0x20, 0, 9],
    &[0, 0x31, 0, 3, 0, 9, 0, 9, 0, 9],
    &[0, 0x31, 0, 0],
    &[0, 0x31, 0, 1, 0, 9],
    &[0, 0x31, 0, 1, 0, 0x31, 0, 0],
    &[0, 0x31, 0xff, 0xff, 0, 0x31, 0xff, 0xff],
    &[0, 0x30, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9],
    &[0, 0x30, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0x30, 0, 0, 0, 0, 0xff, 0xff],
];

fn message_is_bounded(opcode: u8, body: &[u8], times: usize) {
    for version in [ProtocolVersion::V3, ProtocolVersion::V4, ProtocolVersion::V5] {
        let body = Bytes::copy_from_slice(body);
        let length = body.len();
        let (decoded, most) = most_held(|| Response::decode(opcode, body.clone(), &FrameShape::new(version)));
        assert!(most <= times * length + BASE, "{most} bytes held for {length}");
        let Ok(Response::Result(ResultBody::Rows(rows))) = decoded else { continue };
        let ((), most) = most_held(|| {
            // One row at a time, as a program does that knows nothing of them.
            if let Ok(rows) = rows.rows::<Row>() {
                rows.for_each(drop);
            }
        });
        assert!(most <= ELEMENT * length + BASE, "{most} bytes held for a row of {length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn decoding_any_message_holds_a_small_multiple_of_it(
        opcode in 0u8..0x12,
        body in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        message_is_bounded(opcode, &body, 16);
        for flags in 0..16 {
            let body = Bytes::copy_from_slice(&body);
            let (_, most) = most_held(|| Envelope::split(flags, body.clone()));
            prop_assert!(most <= 16 * body.len() + BASE);
        }
    }

    /// Beginnings that are plausible get far.
    #[test]
    fn decoding_any_result_holds_a_small_multiple_of_it(
        kind in 1u8..6,
        flags in 0u8..16,
        columns in prop_oneof![0u32..4, Just(i32::MAX as u32), 0u32..20_000],
        body in proptest::collection::vec(prop_oneof![4 => Just(0u8), 1 => 0u8..0x40, 1 => any::<u8>()], 0..12_000),
    ) {
        let head = [&[0, 0, 0, kind, 0, 0, 0, flags][..], &columns.to_be_bytes()].concat();
        message_is_bounded(8, &[&head[..], &body].concat(), MESSAGE);
    }

    /// The shortest columns there can be, and types that nest.
    #[test]
    fn decoding_descriptions_of_columns_holds_a_small_multiple_of_them(
        name in proptest::sample::select(&["", "a", "ab", "abc", "\u{e9}", "abcdefgh"][..]),
        typ in proptest::sample::select(TYPES),
        global in any::<bool>(),
        count in 1usize..3000,
    ) {
        let column = [&(name.len() as u16).to_be_bytes()[..], name.as_bytes(), typ].concat();
        let table = [0u8, 1, b'k', 0, 1, b't'];
        let (first, each): (&[u8], &[u8]) = if global { (&table, &[]) } else { (&[], &table) };
        let head = [&[0, 0, 0, 2, 0, 0, 0, u8::from(global)][..], &(count as u32).to_be_bytes(), first].concat();
        let columns = [each, &column].concat().repeat(count);
        message_is_bounded(8, &[&head[..], &columns, &[0, 0, 0, 0]].concat(), MESSAGE);
    }

    /// Values whose elements are at least four bytes each, as all are but those of vectors.
    #[test]
    fn reading_any_cell_holds_a_small_multiple_of_it(
        native in proptest::sample::select(&NativeType::ALL[..]),
        cell in proptest::collection::vec(prop_oneof![3 => Just(0u8), 1 => 0u8..8, 1 => any::<u8>()], 0..12_000),
    ) {
        let native = CqlType::Native(native);
        for typ in [
            CqlType::list(native.clone()),
            CqlType::list(CqlType::list(native.clone())),
            CqlType::map(native.clone(), CqlType::Blob),
            CqlType::list(CqlType::list(CqlType::list(CqlType::list(CqlType::list(native.clone()))))),
            CqlType::tuple([native.clone(), CqlType::list(native.clone())]),
            CqlType::tuple(vec![native.clone(); 3000]),
            CqlType::list(CqlType::udt("k", "t", (0..50).map(|index| (format!("f{index}"), native.clone())))),
            CqlType::udt("k", "t", (0..3000).map(|index| (format!("f{index}"), native.clone()))),
            native.clone(),
        ] {
            let (_, most) = most_held(|| CqlValue::from_cql(&typ, Some(&cell)));
            prop_assert!(most <= ELEMENT * cell.len() + BASE, "{typ}: {most} bytes for {}", cell.len());
        }
    }
}

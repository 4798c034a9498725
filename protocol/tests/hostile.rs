//! Nothing a peer can send makes this crate panic, overflow a small stack or reserve memory for what did not arrive.

#[allow(dead_code, reason = "other tests count otherwise")]
#[path = "../../tests/allocations/mod.rs"]
mod allocations;

use bytes::Bytes;
use chorus_protocol::types::{MAX_TYPE_DEPTH, encode_type};
use chorus_protocol::{
    ColumnSpec, Compression, CqlType, CqlValue, Envelope, FrameHeader, FrameShape, FromCql, NativeType,
    ProtocolVersion, Request, Response, ResultBody, Row, RowsIter, ToCql, ValueWriter,
};
use proptest::prelude::*;

use allocations::{Counting, given};

const SHAPES: [FrameShape; 3] = [
    FrameShape::new(ProtocolVersion::V3),
    FrameShape::new(ProtocolVersion::V4),
    FrameShape::new(ProtocolVersion::V5),
];

fn decode_response(opcode: u8, body: &[u8]) {
    for mut shape in SHAPES {
        shape.rate_limit_code = Some(0);
        let body = Bytes::copy_from_slice(body);
        if let Ok(Response::Result(ResultBody::Rows(rows))) = Response::decode(opcode, body, &shape)
            && let Ok(rows) = rows.rows::<Row>()
        {
            rows.for_each(|row| drop(row.map(|row| format!("{row:?}"))));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_responses_never_panic(opcode in 0u8..0x12, body: Vec<u8>) {
        decode_response(opcode, &body);
        for flags in 0..16 {
            let _ = Envelope::split(flags, Bytes::copy_from_slice(&body));
        }
    }

    /// Results get far only with plausible beginnings.
    #[test]
    fn arbitrary_results_never_panic(
        kind in 1u8..6,
        flags in 0u8..16,
        columns in 0u8..4,
        body in proptest::collection::vec(prop_oneof![Just(0u8), 0u8..0x40, any::<u8>()], 0..200),
    ) {
        let head = [0, 0, 0, kind, 0, 0, 0, flags, 0, 0, 0, columns];
        decode_response(8, &[&head, &body[..]].concat());
    }

    #[test]
    fn arbitrary_requests_never_panic(opcode in 0u8..0x12, flags in 0u8..16, body: Vec<u8>) {
        let body = Bytes::from(body);
        for shape in SHAPES {
            let length = body.len() as u32;
            let header =
                FrameHeader { version: shape.version.as_u8(), response: false, flags, stream: 0, opcode, length };
            let _ = Request::decode(&header, &body, &shape);
        }
    }

    #[test]
    fn arbitrary_cells_never_panic(
        cell in proptest::collection::vec(prop_oneof![Just(0u8), 0u8..8, any::<u8>()], 0..64),
    ) {
        for native in NativeType::ALL.map(CqlType::Native) {
            let udt = CqlType::udt("k", "t", [("a", native.clone()), ("b", CqlType::list(native.clone()))]);
            for typ in [
                CqlType::list(native.clone()),
                CqlType::map(CqlType::Text, native.clone()),
                CqlType::tuple([native.clone(), CqlType::Int]),
                CqlType::vector(native.clone(), 3),
                CqlType::vector(CqlType::vector(native.clone(), 2), 2),
                udt,
                native,
            ] {
                if let Ok(value) = CqlValue::from_cql(&typ, Some(&cell)) {
                    // What was read can be printed and written.
                    let _ = value.to_string();
                    let _ = value.to_cql(&typ, ValueWriter::new(&mut Vec::new()));
                }
            }
        }
    }

    #[test]
    fn arbitrary_type_texts_never_panic(text in "[a-zA-Z0-9<>(),:'\" .=é]{0,60}") {
        let _ = CqlType::parse_cql(&text, &|_| None);
        let _ = CqlType::from_class_name(&text);
        let _ = CqlType::from_class_name(&format!("UserType({text}"));
    }

    #[test]
    fn arbitrary_compressed_bodies_never_panic(body: Vec<u8>) {
        let _ = Compression::Lz4.decompress_body(&body, 1 << 20);
        let _ = Compression::Snappy.decompress_body(&body, 1 << 20);
    }
}

/// A type at the limit of nesting, around an int.
fn deepest(wrap: impl Fn(CqlType) -> CqlType) -> CqlType {
    (1..MAX_TYPE_DEPTH).fold(CqlType::Int, |typ, _| wrap(typ))
}

#[test]
fn the_deepest_types_fit_a_small_stack() {
    let work = || {
        for wrap in [
            CqlType::list as fn(CqlType) -> CqlType,
            CqlType::set,
            |typ| CqlType::map(CqlType::Int, typ),
            |typ| CqlType::map(typ, CqlType::Int),
            |typ| CqlType::tuple([typ]),
            |typ| CqlType::udt("k", "t", [("f", typ)]),
            |typ| CqlType::vector(typ, 1),
        ] {
            let typ = deepest(wrap);
            let mut option = Vec::new();
            encode_type(&typ, &mut option).unwrap();
            let decoded =
                chorus_protocol::types::decode_type(&mut chorus_protocol::wire::Reader::new(&option));
            assert_eq!(decoded.unwrap(), typ);
            assert_eq!(CqlType::from_class_name(&typ.to_class_name()).unwrap(), typ);
            let udt = |_: &str| match deepest(wrap) {
                CqlType::Udt(udt) => Some(udt),
                _ => None,
            };
            assert_eq!(CqlType::parse_cql(&typ.to_string(), &udt).unwrap(), typ);

            let value = deepest_value(&typ);
            let mut bytes = Vec::new();
            value.to_cql(&typ, ValueWriter::new(&mut bytes)).unwrap();
            let read = CqlValue::from_cql(&typ, Some(&bytes[4..])).unwrap();
            assert_eq!(read, value);
            assert!(!read.to_string().is_empty());
            drop(read.clone());
        }
    };
    std::thread::Builder::new().stack_size(256 * 1024).spawn(work).unwrap().join().unwrap();
}

fn deepest_value(typ: &CqlType) -> CqlValue {
    match typ {
        CqlType::List(element) => CqlValue::List(vec![Some(deepest_value(element))]),
        CqlType::Set(element) => CqlValue::Set(vec![Some(deepest_value(element))]),
        CqlType::Map(types) => CqlValue::map([(deepest_value(&types.0), deepest_value(&types.1))]),
        CqlType::Tuple(fields) => CqlValue::Tuple(vec![Some(deepest_value(&fields[0]))]),
        CqlType::Vector(element, _) => CqlValue::Vector(vec![deepest_value(element)]),
        CqlType::Udt(udt) => {
            let (name, typ) = &udt.fields[0];
            CqlValue::udt(udt, [(name.clone(), Some(deepest_value(typ)))])
        }
        _ => CqlValue::Int(7),
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[track_caller]
fn allocates_at_most(bytes: usize, work: impl FnOnce()) {
    let ((), allocated) = given(work);
    assert!(allocated <= bytes, "{allocated} bytes were allocated");
}

#[test]
fn announced_counts_reserve_nothing() {
    let shape = SHAPES[2];
    let huge = [0x7f, 0xff, 0xff, 0xff];
    let bodies: [(u8, &[u8]); 8] = [
        (8, &[&[0, 0, 0, 2, 0, 0, 0, 0][..], &huge, &[0; 64]].concat()),
        (8, &[&[0, 0, 0, 2, 0, 0, 0, 4][..], &huge, &huge, &[0; 64]].concat()),
        (8, &[&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &huge, &[0; 64]].concat()),
        (8, &[&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0][..], &huge, &huge, &[0; 64]].concat()),
        (6, &[0xff; 64]),
        (0x0c, &[0xff; 64]),
        (0, &[&[0, 0, 0x13, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0][..], &huge, &[0; 64]].concat()),
        (0, &[&[0, 0, 0x14, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff][..], &[0; 64]].concat()),
    ];
    for (opcode, body) in bodies {
        let body = Bytes::copy_from_slice(body);
        allocates_at_most(8192, || drop(Response::decode(opcode, body, &shape)));
    }
    let cell: Vec<u8> = [&huge[..], &[0; 64]].concat();
    for typ in [CqlType::list(CqlType::Int), CqlType::map(CqlType::Int, CqlType::Int)] {
        allocates_at_most(4096, || drop(CqlValue::from_cql(&typ, Some(&cell))));
    }
    allocates_at_most(4096, || drop(Vec::<i32>::from_cql(&CqlType::list(CqlType::Int), Some(&cell))));
    for algorithm in [Compression::Lz4, Compression::Snappy] {
        let bomb = [&huge[..], &[0xff, 0xff, 0x07, 0, 0]].concat();
        allocates_at_most(4096, || drop(algorithm.decompress_body(&bomb, 256 << 20)));
    }
}

#[test]
fn fields_a_value_leaves_out_take_no_memory() {
    let wide = CqlType::list(CqlType::tuple(vec![CqlType::Int; 60_000]));
    let mut cell = 100i32.to_be_bytes().to_vec();
    // A hundred tuples of one null each.
    cell.extend_from_slice(&[0, 0, 0, 4, 255, 255, 255, 255].repeat(100));
    allocates_at_most(100_000, || drop(CqlValue::from_cql(&wide, Some(&cell)).unwrap()));
}

#[test]
fn vectors_of_nothing_are_not_counted_out() {
    // 65535 to the power of four elements, in no bytes at all.
    let class = "VectorType(VectorType(VectorType(VectorType(Int32Type,65535),65535),65535),65535)";
    let typ = CqlType::from_class_name(class).unwrap();
    allocates_at_most(4096, || assert!(CqlValue::from_cql(&typ, Some(&[0; 16])).is_err()));
    let text = class.replace("Int32Type", "UTF8Type");
    let typ = CqlType::from_class_name(&text).unwrap();
    allocates_at_most(4096, || assert!(CqlValue::from_cql(&typ, Some(&[0; 16])).is_err()));
}

#[test]
fn writing_and_reading_rows_of_numbers_and_text_does_not_allocate() {
    let columns = [
        ColumnSpec::new("k", "t", "a", CqlType::Bigint),
        ColumnSpec::new("k", "t", "b", CqlType::Text),
        ColumnSpec::new("k", "t", "c", CqlType::Double),
    ];
    let mut out = Vec::with_capacity(64);
    allocates_at_most(0, || {
        for i in 0..100 {
            out.clear();
            chorus_protocol::encode_row(&(i, "text", None::<f64>), &columns, &mut out).unwrap();
            let mut rows = RowsIter::<(i64, &str, Option<f64>)>::new(&columns, &out, 1).unwrap();
            assert_eq!(rows.next().unwrap().unwrap(), (i, "text", None));
        }
    });
}

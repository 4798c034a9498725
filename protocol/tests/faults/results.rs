//! Bodies of RESULT and ERROR.

use bytes::Bytes;
use chorus_protocol::response::{FailureReason, OperationKind};
use chorus_protocol::types::{MAX_TYPE_DEPTH, decode_type};
use chorus_protocol::wire::Reader;
use chorus_protocol::{
    ColumnSpec, Consistency, CqlType, CqlValue, DbError, DecodeError, Envelope, ErrorBody, FrameShape,
    NativeType, PreparedBody, ProtocolVersion, Response, ResultBody, Row, RowsBody, RowsMetadata, WriteType,
    encode_row, flags,
};

use crate::allocations::most_held;

const SHAPES: [FrameShape; 3] = [
    FrameShape::new(ProtocolVersion::V3),
    FrameShape::new(ProtocolVersion::V4),
    FrameShape::new(ProtocolVersion::V5),
];
const V4: FrameShape = SHAPES[1];
const V5: FrameShape = SHAPES[2];
const RESULT: u8 = 8;
const ERROR: u8 = 0;
const MANY: [u8; 4] = [0x7f, 0xff, 0xff, 0xff];

fn decode(opcode: u8, body: impl AsRef<[u8]>, shape: &FrameShape) -> Result<Response, DecodeError> {
    Response::decode(opcode, Bytes::copy_from_slice(body.as_ref()), shape)
}

fn rows(body: &[u8]) -> Result<RowsBody, DecodeError> {
    match decode(RESULT, body, &V4)? {
        Response::Result(ResultBody::Rows(rows)) => Ok(rows),
        other => panic!("{other:?}"),
    }
}

/// `[int]` 2, `[int]` flags, `[int]` columns, then the rest.
fn rows_body(flags: u32, columns: u32, rest: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 2];
    body.extend_from_slice(&flags.to_be_bytes());
    body.extend_from_slice(&columns.to_be_bytes());
    body.extend_from_slice(rest);
    body
}

/// One page with one column, and what stands in it.
fn page(typ: CqlType, row_count: u32, content: &[u8]) -> RowsBody {
    let metadata = RowsMetadata::new([ColumnSpec::new("k", "t", "c", typ)]);
    let rows = RowsBody { metadata, row_count, content: Bytes::copy_from_slice(content) };
    let mut body = Vec::new();
    Response::Result(ResultBody::Rows(rows)).encode(&V4, &mut body).unwrap();
    self::rows(&body).unwrap()
}

fn sample_results() -> Vec<Response> {
    let column = ColumnSpec::new("k", "t", "c", CqlType::map(CqlType::Text, CqlType::Int));
    let metadata =
        RowsMetadata { paging_state: Some(Bytes::from_static(b"more")), ..RowsMetadata::new([column]) };
    let mut prepared = PreparedBody { id: Bytes::from_static(b"id"), ..PreparedBody::default() };
    prepared.result = metadata.clone();
    let content = Bytes::from_static(&[255, 255, 255, 255]);
    vec![
        Response::Result(ResultBody::Void),
        Response::Result(ResultBody::SetKeyspace("k".into())),
        Response::Result(ResultBody::Rows(RowsBody { metadata, row_count: 1, content })),
        Response::Result(ResultBody::Prepared(prepared)),
        Response::Error(ErrorBody::new(DbError::Unprepared { id: Bytes::from_static(b"id") }, "m")),
        Response::Error(ErrorBody::new(
            DbError::FunctionFailure {
                keyspace: "k".into(),
                function: "f".into(),
                argument_types: vec!["int".into()],
            },
            "m",
        )),
    ]
}

#[test]
fn f32_a_body_cut_anywhere_is_an_error_of_its_own_message() {
    for shape in [V4, V5] {
        for response in sample_results() {
            let mut body = Vec::new();
            let opcode = response.encode(&shape, &mut body).unwrap().as_u8();
            // The content of rows may end early: each cell says so when it is read.
            let end = match &response {
                Response::Result(ResultBody::Rows(rows)) => body.len() - rows.content.len(),
                _ => body.len(),
            };
            for length in 0..end {
                assert!(decode(opcode, &body[..length], &shape).is_err(), "{response:?} cut at {length}");
            }
        }
    }
}

#[test]
fn f33_announced_counts_are_errors_and_reserve_nothing() {
    let bodies: [(&str, u8, Vec<u8>); 9] = [
        ("columns", RESULT, rows_body(0, i32::MAX as u32, &[0; 64])),
        ("columns of one table", RESULT, rows_body(1, i32::MAX as u32, &[0; 64])),
        (
            "columns left out, and rows",
            RESULT,
            rows_body(4, i32::MAX as u32, &[&MANY[..], &[0; 64]].concat()),
        ),
        ("rows", RESULT, rows_body(0, 1, &[&[0, 0, 0, 0, 0, 0, 0, 9][..], &MANY, &[0; 64]].concat())),
        (
            "key indexes",
            RESULT,
            [&[0, 0, 0, 4, 0, 1, b'i', 0, 1, b'm', 0, 0, 0, 0, 0, 0, 0, 1][..], &MANY, &[0; 64]].concat(),
        ),
        (
            "bind markers",
            RESULT,
            [&[0, 0, 0, 4, 0, 1, b'i', 0, 1, b'm', 0, 0, 0, 0][..], &MANY, &[0; 64]].concat(),
        ),
        (
            "fields of a user type",
            RESULT,
            rows_body(0, 1, &[&[0, 0, 0, 0, 0, 0, 0, 0x30, 0, 0, 0, 0, 0xff, 0xff][..], &[0; 16]].concat()),
        ),
        (
            "failures of a read",
            ERROR,
            [&[0, 0, 0x13, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0][..], &MANY, &[0; 16]].concat(),
        ),
        (
            "failures of a write",
            ERROR,
            [&[0, 0, 0x15, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0][..], &MANY, &[0; 16]].concat(),
        ),
    ];
    for (what, opcode, body) in bodies {
        let body = Bytes::from(body);
        let (result, most) = most_held(|| Response::decode(opcode, body.clone(), &V5));
        assert!(result.is_err(), "{what}: {result:?}");
        assert!(most <= 8192, "{what}: {most} bytes");
    }
}

#[test]
fn f34_rows_without_columns_are_refused() {
    let error = Err(DecodeError::InvalidLength { what: "row count", length: i64::from(i32::MAX) });
    assert_eq!(rows(&rows_body(0, 0, &MANY)).map(drop), error);
    assert_eq!(rows(&rows_body(4, 0, &[&MANY[..], &[0; 64]].concat())).map(drop), error);
    let negative = DecodeError::InvalidLength { what: "row count", length: -1 };
    assert_eq!(rows(&rows_body(0, 0, &[255; 4])).map(drop), Err(negative));
    assert_eq!(rows(&rows_body(0, 0, &[0; 4])).map(|rows| rows.row_count), Ok(0));
}

#[test]
fn f35_cells_of_impossible_lengths_end_the_page_and_negative_ones_are_null() {
    let read = |content: &[u8], count| -> Vec<Result<Option<i32>, String>> {
        let page = page(CqlType::Int, count, content);
        let rows = page.rows::<(Option<i32>,)>().unwrap();
        rows.map(|row| row.map(|row| row.0).map_err(|error| error.to_string())).collect()
    };
    let huge = read(&[0, 0, 0, 4, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff], 2);
    assert_eq!(huge[0], Ok(Some(1)));
    assert!(huge.len() == 2 && huge[1].as_ref().is_err_and(|error| error.contains("too early")), "{huge:?}");
    for negative in [-1i32, -3, i32::MIN] {
        let content = [&negative.to_be_bytes()[..], &[0, 0, 0, 4, 0, 0, 0, 9]].concat();
        assert_eq!(read(&content, 2), [Ok(None), Ok(Some(9))], "{negative}");
    }
    // Three rows are announced and have room by their count, but the first cell takes it all.
    let missing = read(&[0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2], 3);
    assert!(missing[0].is_err(), "{missing:?}");
    assert!(missing.len() <= 2 && missing.iter().all(Result::is_err), "{missing:?}");
}

/// On a thread with a stack of 256 KiB.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 * 1024).spawn(work).unwrap().join().unwrap();
}

#[test]
fn f36_types_nested_without_end_are_refused_on_a_small_stack() {
    on_a_small_stack(|| {
        for nest in [
            &[0u8, 0x20][..],
            &[0, 0x22],
            &[0, 0x21],
            &[0, 0x31, 0, 1],
            &[0, 0x21, 0, 9],
            &[0, 0x30, 0, 0, 0, 0, 0, 1, 0, 0],
        ] {
            let option = nest.repeat(20_000);
            let (result, most) = most_held(|| decode_type(&mut Reader::new(&option)));
            assert_eq!(result, Err(DecodeError::TypeTooDeep { max: MAX_TYPE_DEPTH }));
            assert!(most <= 64 * 1024, "{most} bytes");
            let body = rows_body(0, 1, &[&[0; 6][..], &option].concat());
            assert_eq!(rows(&body).map(drop), Err(DecodeError::TypeTooDeep { max: MAX_TYPE_DEPTH }));
        }
        for (open, close) in [
            ("ListType(", ")"),
            ("org.apache.cassandra.db.marshal.SetType(", ")"),
            ("MapType(Int32Type,", ")"),
            ("TupleType(", ")"),
            ("FrozenType(", ")"),
            ("VectorType(", ",3)"),
            ("UserType(k,6e,61:", ")"),
            ("org.example.Unknown(", ")"),
        ] {
            let class = format!("{}Int32Type{}", open.repeat(1_500), close.repeat(1_500));
            let (result, most) = most_held(|| CqlType::from_class_name(&class));
            assert_eq!(result, Err(DecodeError::TypeTooDeep { max: MAX_TYPE_DEPTH }), "{open}");
            assert!(most <= 64 * 1024, "{most} bytes");
            let text = format!("{}int{}", "list<".repeat(20_000), ">".repeat(20_000));
            assert!(CqlType::parse_cql(&text, &|_| None).is_err());
        }
    });
}

#[test]
fn f37_an_unknown_type_code_is_an_error_and_an_unknown_class_keeps_its_bytes() {
    for code in [0x16u16, 0x19, 0x23, 0x2f, 0x32, 0x7fff, 0xffff] {
        let error = decode_type(&mut Reader::new(&code.to_be_bytes())).unwrap_err();
        let known = NativeType::from_code(code);
        assert!(known.is_none(), "{code:#x} is {known:?}");
        assert_eq!(error, DecodeError::UnknownCode { what: "type", code: code.into() });
    }
    let class = "org.example.Opaque(WithParameters)";
    let page = page(CqlType::custom(class), 1, &[0, 0, 0, 3, 1, 2, 3]);
    let row = page.rows::<Row>().unwrap().next().unwrap().unwrap();
    assert_eq!(
        row.values,
        [Some(CqlValue::Custom { class: std::sync::Arc::new(class.to_owned()), bytes: vec![1, 2, 3] })]
    );
    let raw = page.rows::<(&[u8],)>().unwrap().next().unwrap().unwrap();
    assert_eq!(raw.0, [1, 2, 3]);
}

#[test]
fn f38_text_that_is_not_utf8_is_an_error_in_data_and_lossy_in_messages() {
    let columns =
        [ColumnSpec::new("k", "t", "a", CqlType::Text), ColumnSpec::new("k", "t", "b", CqlType::Int)];
    let mut content = vec![0, 0, 0, 2, b'x', 0xff, 0, 0, 0, 4, 0, 0, 0, 7];
    encode_row(&("fine", 8), &columns, &mut content).unwrap();
    let rows = RowsBody { metadata: RowsMetadata::new(columns), row_count: 2, content: content.into() };
    let read: Vec<_> = rows.rows::<(&str, i32)>().unwrap().collect();
    let error = read[0].as_ref().unwrap_err();
    assert_eq!((error.column(), error.to_string().contains("UTF-8")), (Some((0, "a")), true), "{error}");
    assert_eq!(read[1], Ok(("fine", 8)), "the next row is read");

    let name = rows_body(0, 1, &[0, 0, 0, 0, 0, 1, 0xff, 0, 9, 0, 0, 0, 0]);
    assert_eq!(self::rows(&name).map(drop), Err(DecodeError::InvalidUtf8 { what: "column name" }));

    let mut body = vec![0, 0, 0x22, 0, 0, 3];
    body.extend_from_slice(b"n\xff!");
    let Ok(Response::Error(error)) = decode(ERROR, &body, &V4) else { panic!("no error") };
    assert_eq!((error.error, error.message.as_str()), (DbError::Invalid, "n\u{fffd}!"));

    let warned = Bytes::from_static(b"\0\x02\0\x02w\xff\0\x01w\0\0\0\x01");
    let envelope = Envelope::split(flags::WARNING, warned).unwrap();
    assert_eq!(envelope.warnings, ["w\u{fffd}", "w"]);
    assert_eq!(*envelope.body, [0, 0, 0, 1]);
}

#[test]
fn f40_unknown_words_and_trailing_bytes_of_an_error_are_kept_or_passed_over() {
    let error = |body: &[u8], shape: &FrameShape| match decode(ERROR, body, shape) {
        Ok(Response::Error(error)) => Ok(error),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    let unknown = error(b"\0\0\x77\x77\0\x03odd and more", &V4).unwrap();
    assert_eq!(
        unknown,
        ErrorBody { code: 0x7777, message: "odd".into(), error: DbError::Other { code: 0x7777 } }
    );
    // A write type nobody knows, with bytes behind it.
    let timeout = error(b"\0\0\x11\0\0\x01m\0\x04\0\0\0\x01\0\0\0\x02\0\x05MAGIC\xaa\xaa\xaa", &V4).unwrap();
    let DbError::WriteTimeout { consistency, write_type, .. } = timeout.error else { panic!("{timeout:?}") };
    assert_eq!((consistency, write_type), (Consistency::Quorum, WriteType::Other("MAGIC".into())));
    // A consistency nobody knows: code and words are there all the same.
    let body = b"\0\0\x10\0\0\x01m\0\x63\0\0\0\x03\0\0\0\x01";
    assert_eq!(error(body, &V4).map(drop), Err(DecodeError::UnknownCode { what: "consistency", code: 0x63 }));
    let head = ErrorBody::decode_head(body).unwrap();
    assert_eq!(head, ErrorBody { code: 0x1000, message: "m".into(), error: DbError::Other { code: 0x1000 } });
    assert!(ErrorBody::decode_head(&body[..6]).is_err());
    // Reasons and operations nobody knows are kept as numbers.
    let failed =
        error(b"\0\0\x13\0\0\x01m\0\x04\0\0\0\x01\0\0\0\x02\0\0\0\x01\x04\x7f\0\0\x01\x77\x77\0", &V5)
            .unwrap();
    let DbError::ReadFailure { failures, .. } = failed.error else { panic!("{failed:?}") };
    assert_eq!(failures.reasons.unwrap(), [("127.0.0.1".parse().unwrap(), FailureReason(0x7777))]);
    let mut shape = V4;
    shape.rate_limit_code = Some(0xf000);
    let limited = error(b"\0\0\xf0\0\0\x01m\x63\x01\xaa", &shape).unwrap();
    let expected =
        DbError::RateLimitReached { operation: OperationKind::Other(0x63), rejected_by_coordinator: true };
    assert_eq!(limited.error, expected);
}

#[test]
fn f50_a_key_index_without_a_marker_is_refused_and_an_empty_id_is_an_id() {
    let body = |indexes: &[u16]| {
        // Kind, an empty id, flags of one table, one marker.
        let mut body = vec![0, 0, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        body.extend_from_slice(&(indexes.len() as u32).to_be_bytes());
        indexes.iter().for_each(|index| body.extend_from_slice(&index.to_be_bytes()));
        body.extend_from_slice(b"\0\x01k\0\x01t\0\x01c\0\x09");
        body.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0]);
        decode(RESULT, body, &V4)
    };
    for (indexes, wrong) in [(&[1u16][..], 1), (&[0, u16::MAX], i64::from(u16::MAX)), (&[7, 0], 7)] {
        let error = DecodeError::InvalidLength { what: "partition key index", length: wrong };
        assert_eq!(body(indexes).map(drop), Err(error));
    }
    let Ok(Response::Result(ResultBody::Prepared(prepared))) = body(&[0]) else { panic!("not prepared") };
    assert_eq!((prepared.id.len(), prepared.bind.pk_indexes), (0, vec![0]));
}

//! Writes what fuzzing begins with: a few good messages, statements and files for each target. Finds beside them stay.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use chorus_protocol::request::{
    Batch, BatchEntry, BatchKind, BatchStatement, Prepare, Query, QueryParameters, Values,
};
use chorus_protocol::response::{BindMetadata, Envelope, RowsMetadata};
use chorus_protocol::segment::SegmentEncoder;
use chorus_protocol::types::encode_type;
use chorus_protocol::{
    ColumnSpec, Compression, Consistency, CqlType, CustomPayload, DbError, ErrorBody, FrameShape, Opcode,
    PreparedBody, ProtocolVersion, Response, ResultBody, RowsBody, Supported, Uuid, begin_frame, encode_row,
    finish_frame,
};

const V4: FrameShape = FrameShape::new(ProtocolVersion::V4);
const V5: FrameShape = FrameShape::new(ProtocolVersion::V5);

fn keep(target: &str, name: &str, data: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder in the repository");
    fs::write(folder.join(format!("seed-{name}")), data).expect("a file in the repository");
}

fn column(name: &str, typ: CqlType) -> ColumnSpec {
    ColumnSpec::new("k", "t", name, typ)
}

fn responses() -> Vec<(&'static str, Response)> {
    let columns = [
        column("a", CqlType::Int),
        column("b", CqlType::map(CqlType::Text, CqlType::list(CqlType::Bigint))),
        column(
            "c",
            CqlType::udt("k", "u", [("x", CqlType::Duration), ("y", CqlType::vector(CqlType::Float, 3))]),
        ),
    ];
    let mut content = Vec::new();
    encode_row(&(7, None::<Vec<u8>>, None::<Vec<u8>>), &columns, &mut content).expect("nulls fit");
    let metadata = RowsMetadata {
        paging_state: Some(Bytes::from_static(b"more")),
        ..RowsMetadata::new(columns.clone())
    };
    let prepared = PreparedBody {
        id: Bytes::from_static(b"0123456789abcdef"),
        result_metadata_id: Some(Bytes::from_static(b"id")),
        bind: BindMetadata { flags: 1, columns: columns.clone().into(), pk_indexes: vec![0] },
        result: RowsMetadata::new(columns),
    };
    let options = vec![("CQL_VERSION".to_owned(), vec!["3.4.7".to_owned()])];
    let error = |error: DbError| Response::Error(ErrorBody::new(error, "no"));
    vec![
        ("void", Response::Result(ResultBody::Void)),
        (
            "rows",
            Response::Result(ResultBody::Rows(RowsBody { metadata, row_count: 1, content: content.into() })),
        ),
        ("prepared", Response::Result(ResultBody::Prepared(prepared))),
        ("keyspace", Response::Result(ResultBody::SetKeyspace("k".into()))),
        ("supported", Response::Supported(Supported { options })),
        ("invalid", error(DbError::Invalid)),
        ("unprepared", error(DbError::Unprepared { id: Bytes::from_static(b"id") })),
        ("unavailable", error(DbError::Unavailable { consistency: Consistency::All, required: 3, alive: 1 })),
    ]
}

fn request(opcode: Opcode, shape: &FrameShape, encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    let start = begin_frame(&mut out, shape.version, opcode, 0);
    encode(&mut out);
    finish_frame(&mut out, start).expect("short");
    out
}

fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let values = Values::Positional { count: 1, bytes: &[0, 0, 0, 1, b'x'] };
    let parameters = QueryParameters { values, page_size: Some(2), ..QueryParameters::default() };
    let query = |cql: &'static str| {
        request(Opcode::Query, &V4, |out| {
            Query { cql, parameters: QueryParameters::default() }.encode(&V4, out).expect("short")
        })
    };
    let batch = request(Opcode::Batch, &V4, |out| {
        let entry = BatchEntry { statement: BatchStatement::Query("DELETE FROM k.t WHERE a = ?"), values };
        Batch {
            kind: BatchKind::Unlogged,
            entries: vec![entry],
            consistency: Consistency::One,
            serial_consistency: None,
            timestamp: Some(1),
            keyspace: None,
            now_in_seconds: None,
        }
        .encode(&V4, out)
        .expect("short");
    });
    vec![
        ("options", request(Opcode::Options, &V4, |_| {})),
        ("query", query("SELECT key FROM system.local")),
        (
            "create",
            query(
                "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            ),
        ),
        (
            "bound",
            request(Opcode::Query, &V4, |out| {
                Query { cql: "SELECT * FROM system.local WHERE key = ?", parameters }
                    .encode(&V4, out)
                    .expect("short");
            }),
        ),
        (
            "prepare",
            request(Opcode::Prepare, &V4, |out| {
                Prepare { cql: "SELECT * FROM system.local", keyspace: None }
                    .encode(&V4, out)
                    .expect("short");
            }),
        ),
        ("batch", batch),
    ]
}

fn main() {
    for (name, response) in responses() {
        for (number, shape) in [(1u8, V4), (2, V5)] {
            let mut body = Vec::new();
            let opcode = response.encode(&shape, &mut body).expect("short").as_u8();
            keep(
                "response_body",
                &format!("{name}-{}", shape.version.as_u8()),
                &[&[opcode, number][..], &body].concat(),
            );
            let mut frame = vec![shape.version.as_u8() | 0x80, 0, 0, 1, opcode];
            frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
            frame.extend_from_slice(&body);
            if shape == V4 {
                keep("frame_header", &format!("answer-{name}"), &frame);
                continue;
            }
            for (how, compression) in [(6u8, None), (7, Some(Compression::Lz4))] {
                let mut stream = vec![how];
                SegmentEncoder::new(compression)
                    .encode(&[&frame[..], &frame].concat(), &mut stream)
                    .expect("short");
                keep("segment_stream", &format!("{name}-{how}"), &stream);
            }
        }
    }
    let envelope = Envelope {
        tracing_id: Some(Uuid::from_u128(7)),
        warnings: vec!["careful".into()],
        custom_payload: CustomPayload::from_iter([("k", "v")]),
        body: Bytes::from_static(&[0, 0, 0, 1]),
    };
    let mut body = Vec::new();
    let flags = envelope.encode_prefix(&mut body).expect("short");
    body.extend_from_slice(&envelope.body);
    keep("frame_header", "around", &[&[0x84, flags, 0, 1, 8, 0, 0, 0, body.len() as u8][..], &body].concat());
    for (name, frame) in requests() {
        keep("frame_header", &format!("request-{name}"), &frame);
        keep("node_request", name, &[&[1][..], &frame, &frame].concat());
    }
    keep("node_request", "before-startup", &[&[0][..], b"GET / HTTP/1.1\r\n\r\n"].concat());

    let nested = CqlType::map(CqlType::Text, CqlType::list(CqlType::tuple([CqlType::Int, CqlType::Blob])));
    let udt = CqlType::udt("k", "u", [("x", CqlType::Duration), ("y", CqlType::vector(CqlType::Float, 3))]);
    for (name, typ) in [("nested", nested), ("udt", udt), ("opaque", CqlType::custom("org.example.A(B)"))] {
        keep("type_string", &format!("class-{name}"), typ.to_class_name().as_bytes());
        keep("type_string", &format!("cql-{name}"), typ.to_string().as_bytes());
        let mut option = Vec::new();
        encode_type(&typ, &mut option).expect("short");
        keep("type_string", &format!("option-{name}"), &option);
    }
    for (kind, shape, name, cell) in [
        (0u8, 0u8, "list", &[0, 0, 0, 1, 0, 0, 0, 1, b'a'][..]),
        (7, 2, "map", &[0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0, 1, b'a']),
        (7, 4, "tuple", &[0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 2]),
        (7, 5, "udt", &[0, 0, 0, 4, 0, 0, 0, 1]),
        (6, 15, "vector", &[0, 0, 0, 1, 0, 0, 0, 2]),
        (5, 8, "decimal", &[0, 0, 0, 2, 1, 2, 3]),
        (19, 8, "duration", &[2, 4, 6]),
        (8, 7, "nested", &[1, b'a', 1, b'b']),
    ] {
        keep("value", name, &[&[kind, shape][..], cell].concat());
    }
    for (name, text) in [
        (
            "select",
            "SELECT a, b AS c, count(*) FROM ks.t WHERE a = 1 AND b > 'x' ORDER BY b DESC LIMIT 3 ALLOW FILTERING",
        ),
        (
            "insert",
            "INSERT INTO ks.t (a, b, c, d) VALUES (1, 'x', [1, 2], {'k': 3}) IF NOT EXISTS USING TTL 10",
        ),
        ("update", "UPDATE ks.t SET c = c + [4], d['k'] = 5 WHERE a = 1 AND b = 'x' IF e = 3"),
        ("delete", "DELETE c[0], d FROM ks.t USING TIMESTAMP 5 WHERE a IN (1, 2) AND b = 'x'"),
        (
            "batch",
            "BEGIN UNLOGGED BATCH INSERT INTO ks.t (a, b) VALUES (1, 'y'); DELETE FROM ks.t WHERE a = 2; APPLY BATCH",
        ),
        (
            "table",
            "CREATE TABLE IF NOT EXISTS ks.u (a frozen<map<int, text>>, \"B c\" tuple<int, blob>, PRIMARY KEY ((a), \"B c\")) WITH comment = 'it''s' AND CLUSTERING ORDER BY (\"B c\" DESC)",
        ),
        ("type", "CREATE TYPE ks.v (x vector<float, 3>, y uuid)"),
        ("alter", "ALTER TABLE ks.t ADD f duration /* now */ -- done"),
        (
            "literals",
            "SELECT a FROM ks.t WHERE a = -0x0AFF AND b = $$dollar$$ AND c = 1y2mo3d AND d = 123e-45",
        ),
    ] {
        keep("cql", name, text.as_bytes());
    }
    for (name, text) in [
        ("plain", &b"\x03a,b,c\n1,2,3\r\n4,,6\n"[..]),
        ("quoted", b"\x01\"a,\"\"b\"\"\",c\n\"two\nlines\",\"\"\n"),
        ("open", b"\x05x,\"never closed\n1,2\n"),
        ("after", b"\x07\"a\"b,c\nnext,line\n"),
        ("mark", b"\x02\xef\xbb\xbfa,b\r1,2\r"),
        ("long", b"\x10aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,b\nc,d"),
    ] {
        keep("csv", name, text);
    }
}

//! What is done with bytes that a fuzzer made up: one function a target, which panics when something is wrong.
//!
//! The targets in `fuzz/` call these with new bytes all the time, and the tests beside this file with those in `fuzz/corpus`.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use chorus::bulk::Dialect;
use chorus::bulk::csv::{Advance, RecordReader};
use chorus_node::{Database, DatabaseOptions, EmbeddedCluster, ExecContext};
use chorus_protocol::response::Envelope;
use chorus_protocol::segment::{SegmentDecoder, SegmentEncoder};
use chorus_protocol::types::decode_type;
use chorus_protocol::wire::Reader;
use chorus_protocol::{
    Compression, CqlType, CqlValue, FrameHeader, FrameShape, FromCql, HEADER_LEN, NativeType,
    ProtocolVersion, Request, Response, ResultBody, Row, ToCql, ValueWriter,
};

/// A target: its name, which is that of its folder in the corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 8] = [
    ("frame_header", frame_header),
    ("response_body", response_body),
    ("segment_stream", segment_stream),
    ("type_string", type_string),
    ("value", value),
    ("cql", cql),
    ("node_request", node_request),
    ("csv", csv),
];

const SHAPES: [FrameShape; 3] = [
    FrameShape::new(ProtocolVersion::V3),
    FrameShape::new(ProtocolVersion::V4),
    FrameShape::new(ProtocolVersion::V5),
];

/// The header of an envelope, and what is done with its body on both sides.
pub fn frame_header(data: &[u8]) {
    let Some((head, body)) = data.split_first_chunk::<HEADER_LEN>() else { return };
    let Ok(header) = FrameHeader::decode(head, 1 << 20) else { return };
    assert!(header.length <= 1 << 20);
    let mut again = Vec::new();
    header.encode(&mut again);
    assert_eq!(again, head, "a header that was read is written as it was");
    let body = Bytes::copy_from_slice(&body[..body.len().min(header.length as usize)]);
    for algorithm in [Compression::Lz4, Compression::Snappy] {
        if let Ok(expanded) = algorithm.decompress_body(&body, 1 << 16) {
            assert!(expanded.len() <= 1 << 16);
        }
    }
    let _ = Envelope::split(header.flags, body.clone());
    for shape in SHAPES {
        let _ = Request::decode(&header, &body, &shape);
    }
}

/// The body of an answer: the first byte is its opcode, the second says what was negotiated.
pub fn response_body(data: &[u8]) {
    let [opcode, negotiated, body @ ..] = data else { return };
    let mut shape = SHAPES[usize::from(negotiated % 3)];
    shape.metadata_id |= negotiated & 4 != 0;
    shape.reason_map |= negotiated & 8 != 0;
    shape.rate_limit_code = (negotiated & 16 != 0).then_some(0xf000);
    let Ok(response) = Response::decode(*opcode, Bytes::copy_from_slice(body), &shape) else { return };
    if let Response::Result(ResultBody::Rows(rows)) = &response
        && let Ok(read) = rows.rows::<Row>()
    {
        assert!(read.map(|row| drop(row.map(|row| format!("{row:?}")))).count() <= body.len());
    }
    // What was understood can be said again and means the same.
    let mut again = Vec::new();
    if let Ok(opcode) = response.encode(&shape, &mut again) {
        let second = Response::decode(opcode.as_u8(), Bytes::from(again.clone()), &shape)
            .unwrap_or_else(|error| panic!("{error}: {response:?} became {again:02x?}"));
        let mut third = Vec::new();
        second.encode(&shape, &mut third).expect("it could be said before");
        assert_eq!(again, third, "{response:?}");
    }
}

/// A stream of segments: the first byte says whether they are compressed and how the stream is cut.
pub fn segment_stream(data: &[u8]) {
    let Some((how, stream)) = data.split_first() else { return };
    let compression = (how & 1 == 1).then_some(Compression::Lz4);
    let decode = |step: usize| {
        let mut decoder = SegmentDecoder::new(compression, 1 << 20);
        let (mut waiting, mut envelopes) = (Vec::new(), Vec::new());
        for piece in stream.chunks(step.max(1)) {
            waiting.extend_from_slice(piece);
            match decoder.decode(&waiting, &mut envelopes) {
                Ok(used) => waiting.drain(..used),
                Err(error) => return (envelopes, Some(error)),
            };
        }
        (envelopes, None)
    };
    let whole = decode(stream.len());
    assert_eq!(whole, decode(usize::from(how >> 1) + 1), "cut otherwise");
    if whole.1.is_none() {
        let mut again = Vec::new();
        SegmentEncoder::new(compression).encode(&whole.0, &mut again).expect("it fits");
        let mut envelopes = Vec::new();
        // The end may be a piece of an envelope, which may stand in no segment that is said to be whole.
        if SegmentDecoder::new(compression, 1 << 20).decode(&again, &mut envelopes).is_ok() {
            assert_eq!(envelopes, whole.0);
        }
    }
    // And as what an honest encoder makes of it.
    let mut sealed = Vec::new();
    SegmentEncoder::new(compression).encode(stream, &mut sealed).expect("it fits");
    let _ = SegmentDecoder::new(compression, u32::MAX).decode(&sealed, &mut Vec::new());
}

/// The text of a type: class names, CQL, and the bytes of metadata.
pub fn type_string(data: &[u8]) {
    if let Ok(typ) = decode_type(&mut Reader::new(data)) {
        type_is_sound(&typ);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(typ) = CqlType::from_class_name(text) {
        type_is_sound(&typ);
    }
    if let Ok(typ) =
        CqlType::parse_cql(text, &|name| Some(CqlType::udt("k", name, [("a", CqlType::Int)])).and_then(udt))
    {
        type_is_sound(&typ);
    }
}

fn udt(typ: CqlType) -> Option<std::sync::Arc<chorus_protocol::UdtType>> {
    match typ {
        CqlType::Udt(udt) => Some(udt),
        _ => None,
    }
}

fn type_is_sound(typ: &CqlType) {
    let _ = typ.to_string();
    let name = typ.to_class_name();
    let _ = CqlType::from_class_name(&name);
}

/// A value: the first two bytes choose its type.
pub fn value(data: &[u8]) {
    let [kind, shape, cell @ ..] = data else { return };
    let native = CqlType::Native(NativeType::ALL[usize::from(*kind) % NativeType::ALL.len()]);
    let typ = match shape % 9 {
        0 => CqlType::list(native),
        1 => CqlType::set(native),
        2 => CqlType::map(native, CqlType::Text),
        3 => CqlType::map(CqlType::Int, CqlType::list(native)),
        4 => CqlType::tuple([native, CqlType::Int]),
        5 => CqlType::udt("k", "t", [("a", native), ("b", CqlType::Blob)]),
        6 => CqlType::vector(native, u16::from(shape / 9) + 1),
        7 => CqlType::vector(CqlType::vector(native, 2), u16::from(shape / 9) + 1),
        _ => native,
    };
    let Ok(value) = CqlValue::from_cql(&typ, Some(cell)) else { return };
    let _ = value.to_string();
    let mut written = Vec::new();
    // What was read is written again, unless it has what may be read only: nulls, times beyond the day.
    if value.to_cql(&typ, ValueWriter::new(&mut written)).is_ok() {
        let again = CqlValue::from_cql(&typ, Some(&written[4..])).expect("it was written by us");
        let mut rewritten = Vec::new();
        again.to_cql(&typ, ValueWriter::new(&mut rewritten)).expect("it could be written before");
        assert_eq!(rewritten, written, "{value:?} became {again:?}");
    }
}

/// A statement, parsed and carried out.
pub fn cql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let database = Database::new(DatabaseOptions::default());
    let context = ExecContext::new(Some("ks"));
    for setup in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE ks.t (a int, b text, c list<int>, d map<text, int>, e int static, PRIMARY KEY (a, b))",
    ] {
        database.query(setup, &context, &[]).expect("it is right");
    }
    let _ = database.query(text, &context, &[]);
    if let Err(error) = database.prepare(text, Some("ks")) {
        assert!(!error.to_string().is_empty());
    }
}

/// What a client sends to the embedded node after its handshake, or instead of it.
pub fn node_request(data: &[u8]) {
    /// Its limits are those a test can reach.
    static NODE: LazyLock<(EmbeddedCluster, SocketAddr)> = LazyLock::new(|| {
        let cluster = EmbeddedCluster::builder().threads(1).memory_limit(64 << 20).start().expect("a node");
        let address = cluster.addresses()[0];
        (cluster, address)
    });
    /// STARTUP in version 4.
    const STARTUP: &[u8] = b"\x04\0\0\0\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0";
    let Some((how, rest)) = data.split_first() else { return };
    let mut stream = TcpStream::connect(NODE.1).expect("the node lives");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
    // The node may close before it has read everything.
    let _ = if how & 1 == 1 { stream.write_all(STARTUP) } else { Ok(()) };
    let _ = stream.write_all(rest);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answers = Vec::new();
    match stream.read_to_end(&mut answers) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the node neither answered nor closed: {error}"),
    }
}

/// A file of comma-separated values: the first byte says how it is cut into blocks.
pub fn csv(data: &[u8]) {
    let Some((how, text)) = data.split_first() else { return };
    let dialect = Dialect { record_limit: 64, ..Dialect::default() };
    let whole = records(dialect, text, text.len());
    assert_eq!(whole, records(dialect, text, usize::from(*how) % 17 + 1), "cut otherwise");
    assert!(whole.len() <= text.len());
}

/// Offset and line of a record, and its fields, or why there are none.
type Found = (u64, u64, Result<Vec<Vec<u8>>, String>);

fn records(dialect: Dialect, text: &[u8], step: usize) -> Vec<Found> {
    let mut reader = RecordReader::new(dialect);
    let mut blocks = text.chunks(step.max(1));
    let mut found = Vec::new();
    loop {
        match reader.advance() {
            Advance::Record => {
                let record = reader.record();
                let fields = (0..record.len()).map(|index| record.field(index).expect("counted").to_vec());
                found.push((record.place().offset, record.place().line, Ok(fields.collect())));
            }
            Advance::Malformed { error, place, .. } => {
                found.push((place.offset, place.line, Err(format!("{error:?}"))));
            }
            Advance::NeedBlock => match blocks.next() {
                Some(block) => drop(reader.feed(block, Vec::new)),
                None => reader.finish(),
            },
            Advance::End => return found,
        }
    }
}

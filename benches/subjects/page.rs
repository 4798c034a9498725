//! A page of many rows.

use std::hint::black_box;

use bytes::Bytes;
use chorus::{ColumnSpec, CqlType, ProtocolVersion};
use chorus_protocol::response::{Response, ResultBody, RowsMetadata, encode_rows};
use chorus_protocol::{FrameShape, Opcode};

use super::Subject;
use super::in_memory::PAYLOAD;

/// Rows of the page, as many as one has unless another number is asked for.
pub(crate) const ROWS: u64 = 5000;

/// Decodes whole pages of rows of a bigint and a blob into borrowed values, until so many rows were seen.
pub(crate) fn decode_page() -> Subject {
    let columns = [("id", CqlType::Bigint), ("payload", CqlType::Blob)];
    let metadata =
        RowsMetadata::new(columns.map(|(name, cql_type)| ColumnSpec::new("bench", "kv", name, cql_type)));
    let keys: Vec<_> = (0..ROWS).map(|id| id.to_be_bytes()).collect();
    let rows = keys.iter().map(|key| [Some(key.as_slice()), Some(PAYLOAD.as_slice())]);
    let mut body = Vec::new();
    encode_rows(&metadata, rows, &mut body).expect("it is not too large");
    let body = Bytes::from(body);
    let shape = FrameShape::new(ProtocolVersion::V4);
    Box::new(move |times| {
        for _ in 0..times.div_ceil(ROWS) {
            let response = Response::decode(Opcode::Result as u8, body.clone(), &shape);
            let Ok(Response::Result(ResultBody::Rows(rows))) = response else { panic!("not rows") };
            for row in rows.rows::<(i64, &[u8])>().expect("the types fit") {
                black_box(row.expect("a whole row"));
            }
        }
    })
}

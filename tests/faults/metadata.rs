//! F46, F50: what servers say of prepared statements.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use chorus::protocol::request::Execute;
use chorus::protocol::response::{BindMetadata, Response, ResultBody, RowsMetadata};
use chorus::protocol::wire::Reader;
use chorus::protocol::{FrameShape, Opcode, ProtocolVersion};
use chorus::{ColumnSpec, CqlType, CqlValue, ErrorKind, Row};

use crate::server::{Hostile, Then, column, good, page, prepared};
use crate::session::*;

const V5: ProtocolVersion = ProtocolVersion::V5;

fn before() -> Vec<ColumnSpec> {
    vec![column("a", CqlType::Int)]
}

fn after() -> Vec<ColumnSpec> {
    vec![column("b", CqlType::Text), column("a", CqlType::Int)]
}

#[tokio::test]
async fn f46_new_metadata_is_adopted_as_a_whole_and_answers_under_way_keep_theirs() {
    // Two executions are on their way when the table changes: one is answered after the change, and then one from before it.
    let first = Mutex::new(None);
    let executed = AtomicU32::new(0);
    let server = Hostile::start(V5, move |peer, heard| {
        if heard.opcode == Opcode::Prepare {
            let mut body = prepared(b"id", &before());
            body.result_metadata_id = Some(Bytes::from_static(b"old"));
            peer.say(heard.stream, &Response::Result(ResultBody::Prepared(body)));
            return Then::GoOn;
        }
        let shape = FrameShape::new(V5);
        let execute = Execute::decode(&mut Reader::new(&heard.body), &shape).expect("a good EXECUTE");
        let sent = execute.result_metadata_id.expect("version 5 has one");
        assert!(execute.parameters.skip_metadata);
        let plain = |columns: &[ColumnSpec], rows: chorus::protocol::RowsBody| {
            let metadata = RowsMetadata { column_count: columns.len(), ..RowsMetadata::default() };
            Response::Result(ResultBody::Rows(chorus::protocol::RowsBody { metadata, ..rows }))
        };
        match executed.fetch_add(1, Ordering::Relaxed) {
            0 => {
                assert_eq!(sent, b"old");
                *first.lock().unwrap() = Some(heard.stream);
            }
            1 => {
                assert_eq!(sent, b"old");
                let mut rows = page(&after(), [("new", 1)].into_iter());
                rows.metadata.new_metadata_id = Some(Bytes::from_static(b"newer"));
                let changed = peer.frame(heard.stream, &Response::Result(ResultBody::Rows(rows)));
                let stream = first.lock().unwrap().take().expect("one waits");
                let unchanged = peer.frame(stream, &plain(&before(), page(&before(), [(2,)].into_iter())));
                peer.send(&[changed, unchanged].concat());
            }
            _ => {
                assert_eq!(sent, b"newer", "the new id goes with the new columns");
                peer.say(heard.stream, &plain(&after(), page(&after(), [("again", 3)].into_iter())));
            }
        }
        Then::GoOn
    });
    let session = connect(&server, V5).await;
    let select = session.prepare("SELECT * FROM t").await.expect("prepared");
    let one = session.execute(&select, ());
    let two = session.execute(&select, ());
    // The second is read first, so that what it brings is adopted before the first is read.
    let (one, two) = tokio::join!(one, two);
    let (one, two) = (one.expect("from before"), two.expect("from after"));
    let values = |result: &chorus::QueryResult| result.single_row::<Row>().expect("one row").values;
    assert_eq!(values(&one), [Some(CqlValue::Int(2))]);
    assert_eq!(values(&two), [Some(CqlValue::Text("new".into())), Some(CqlValue::Int(1))]);
    assert_eq!(select.result_columns().len(), 2);
    for _ in 0..3 {
        let result = session.execute(&select, ()).await.expect("described by what is known");
        assert_eq!(values(&result), [Some(CqlValue::Text("again".into())), Some(CqlValue::Int(3))]);
    }
}

#[tokio::test]
async fn f46_rows_of_another_width_than_the_metadata_that_was_sent_are_refused() {
    let server = Hostile::start(V5, move |peer, heard| {
        if heard.opcode == Opcode::Prepare {
            let mut body = prepared(b"id", &before());
            body.result_metadata_id = Some(Bytes::from_static(b"old"));
            peer.say(heard.stream, &Response::Result(ResultBody::Prepared(body)));
            return Then::GoOn;
        }
        let mut rows = page(&after(), [("new", 1)].into_iter());
        rows.metadata = RowsMetadata { column_count: 2, ..RowsMetadata::default() };
        peer.say(heard.stream, &Response::Result(ResultBody::Rows(rows)));
        Then::GoOn
    });
    let session = connect(&server, V5).await;
    let select = session.prepare("SELECT * FROM t").await.expect("prepared");
    let error = session.execute(&select, ()).await.expect_err("columns that nobody described");
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn f50_a_key_index_without_a_marker_fails_the_prepare_and_an_empty_id_is_sent_back() {
    let server = Hostile::start(ProtocolVersion::V4, |peer, heard| {
        let answer = match (heard.opcode, heard.cql.as_str()) {
            (Opcode::Query, text) => good(text).expect("nothing else is asked"),
            (Opcode::Prepare, "EMPTY ID") => Response::Result(ResultBody::Prepared(prepared(b"", &before()))),
            (Opcode::Prepare, _) => {
                let mut body = prepared(b"id", &[]);
                body.bind =
                    BindMetadata { flags: 0, columns: before().into(), pk_indexes: vec![0, 1, u16::MAX] };
                Response::Result(ResultBody::Prepared(body))
            }
            (opcode, _) => {
                assert_eq!((opcode, &heard.body[..2]), (Opcode::Execute, &[0u8, 0][..]));
                crate::server::number(8)
            }
        };
        peer.say(heard.stream, &answer);
        Then::GoOn
    });
    let session = connect(&server, ProtocolVersion::V4).await;
    let error = session.prepare("BAD INDEX").await.expect_err("a key without a marker");
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    let empty = session.prepare("EMPTY ID").await.expect("odd, but an id");
    let result = session.execute(&empty, ()).await.expect("the server knows it by that");
    assert_eq!(result.single_row::<(i32,)>().expect("a row"), (8,));
    assert_eq!(ask(&session, 3).await.expect("served"), 3);
    assert_eq!(server.accepted(), 2);
}

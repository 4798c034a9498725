//! F26 and F32 to F41: bodies that cannot be understood, and those that only look so.

use std::io::Write;
use std::sync::{Arc, Mutex};

use chorus::protocol::response::{Envelope, Response, ResultBody, RowsBody};
use chorus::protocol::{CustomPayload, FrameShape, Opcode, ProtocolVersion, flags};
use chorus::{Compression, CqlType, CqlValue, Error, ErrorKind, Limits, Row, Session, Uuid};

use crate::server::{Hostile, Then, column, good, number, page};
use crate::session::*;

const V4: ProtocolVersion = ProtocolVersion::V4;

/// Opcode, flags and body of an answer.
type Answer = (Opcode, u8, Vec<u8>);

/// Answers `BAD n` with the nth of these, and `GOOD n` as it should.
fn server(answers: Vec<Answer>) -> Hostile {
    Hostile::start(V4, move |peer, heard| {
        match (good(&heard.cql), heard.cql.strip_prefix("BAD ")) {
            (Some(answer), _) => peer.say(heard.stream, &answer),
            (None, Some(text)) => {
                let (opcode, flags, body) = &answers[text.parse::<usize>().expect("a number")];
                let frame = peer.envelope(heard.stream, *opcode as u8, *flags, body);
                peer.send_raw(&frame);
            }
            (None, None) => panic!("{:?} was asked", heard.cql),
        }
        Then::GoOn
    })
}

/// Asks for the bad answer between two good ones, all at the same time.
async fn ask_bad(session: &Session, index: usize) -> Result<chorus::QueryResult, Error> {
    let bad = session.query(format!("BAD {index}"), ());
    let (before, bad, after) = tokio::join!(ask(session, 1), bad, ask(session, 2));
    assert_eq!(
        (before.expect("a neighbour"), after.expect("a neighbour")),
        (1, 2),
        "the neighbours are right"
    );
    bad
}

fn body_of(response: &Response) -> Vec<u8> {
    let mut body = Vec::new();
    response.encode(&FrameShape::new(V4), &mut body).expect("short");
    body
}

#[tokio::test]
async fn f32_f33_f34_f36_f37_an_answer_that_cannot_be_understood_costs_its_request_only() {
    const MANY: [u8; 4] = [0x7f, 0xff, 0xff, 0xff];
    let result = |body: Vec<u8>| (Opcode::Result, 0, body);
    let head = |flags: u8, columns: u8| vec![0, 0, 0, 2, 0, 0, 0, flags, 0, 0, 0, columns];
    let whole = body_of(&number(1));
    let end = whole.len() - 8;
    let mut answers: Vec<Answer> = (0..end).map(|length| result(whole[..length].to_vec())).collect();
    answers.extend([
        result([&[0, 0, 0, 2, 0, 0, 0, 0][..], &MANY, &[0; 64]].concat()),
        result([&head(4, 1)[..], &MANY, &[0; 64]].concat()),
        result([&head(0, 0)[..], &MANY].concat()),
        result([&head(4, 0)[..], &MANY, &[0; 64]].concat()),
        result([&head(0, 1)[..], &[0; 6], &[0, 0x20].repeat(20_000)].concat()),
        result([&head(0, 1)[..], &[0; 6], &[0, 0x77], &[0; 8]].concat()),
        result(vec![0, 0, 0, 9]),
        result(vec![0, 0, 0, 3, 0, 9, b'k']),
        // Flags announce what the body has not.
        (Opcode::Result, flags::TRACING, vec![0, 0, 0, 1]),
        (Opcode::Result, flags::WARNING, vec![0xff; 8]),
        (Opcode::Result, flags::CUSTOM_PAYLOAD, vec![0xff; 8]),
        // Answers of other requests.
        (Opcode::Ready, 0, vec![]),
        (Opcode::Supported, 0, vec![0, 0]),
        (Opcode::AuthSuccess, 0, vec![0xff; 4]),
    ]);
    let count = answers.len();
    let server = server(answers);
    let session = connect(&server, V4).await;
    for index in 0..count {
        let error = ask_bad(&session, index).await.expect_err("no answer");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{index}: {error}");
    }
    assert_eq!(server.accepted(), 2, "no connection was closed for it");
    assert_eq!(session.metrics().await.expect("metrics").in_flight, 0);
}

#[tokio::test]
async fn f32_f38_f40_an_error_that_is_odd_or_cut_is_an_error_with_what_can_be_read_of_it() {
    let mut unavailable = vec![0, 0, 0x10, 0, 0, 4];
    unavailable.extend_from_slice(b"few\xff");
    let cut = unavailable.clone();
    unavailable.extend_from_slice(&[0, 0x63, 0, 0, 0, 3, 0, 0, 0, 1]);
    let mut unknown = vec![0, 0, 0x77, 0x77, 0, 3];
    unknown.extend_from_slice(b"oddand some bytes more");
    let answers = [Vec::new(), vec![0, 0], vec![0, 0, 0x22, 0, 0, 9, b'x'], cut, unavailable, unknown];
    let server = server(answers.into_iter().map(|body| (Opcode::Error, 0, body)).collect());
    let session = connect(&server, V4).await;
    let mut seen = Vec::new();
    for index in 0..6 {
        let error = ask_bad(&session, index).await.expect_err("an error");
        assert_eq!(error.kind(), ErrorKind::Db, "{index}: {error}");
        let body = error.db().expect("an answer of the server");
        seen.push((body.code, body.message.clone()));
    }
    for (code, message) in &seen[..3] {
        assert!(*code == 0 && message.contains("cannot be read"), "{code:#x} {message}");
    }
    for (code, message) in &seen[3..5] {
        assert!(*code == 0x1000 && message.starts_with("few\u{fffd} ("), "{code:#x} {message}");
    }
    assert_eq!(seen[5], (0x7777, "odd".to_owned()));
    assert_eq!(server.accepted(), 2, "the connection lives");
}

#[tokio::test]
async fn f35_f37_f38_cells_that_cannot_be_read_are_errors_of_their_row() {
    let content = |cells: &[&[u8]]| cells.concat();
    let rows = |typ: CqlType, row_count: u32, content: Vec<u8>| {
        let metadata = page(&[column("c", typ)], std::iter::empty::<()>()).metadata;
        let rows = RowsBody { metadata, row_count, content: content.into() };
        (Opcode::Result, 0, body_of(&Response::Result(ResultBody::Rows(rows))))
    };
    let one = [0, 0, 0, 4, 0, 0, 0, 1];
    let server = server(vec![
        rows(CqlType::Int, 2, content(&[&one, &[0x7f, 0xff, 0xff, 0xff]])),
        rows(CqlType::Int, 2, content(&[&(-3i32).to_be_bytes(), &one])),
        rows(CqlType::Int, 2, content(&[&one])),
        rows(CqlType::Text, 2, content(&[&[0, 0, 0, 1, 0xff], &[0, 0, 0, 1, b'x']])),
        rows(CqlType::custom("org.example.Opaque"), 1, content(&[&[0, 0, 0, 2, 7, 8]])),
    ]);
    let session = connect(&server, V4).await;
    let read = async |index: usize| -> Vec<Result<Option<CqlValue>, ErrorKind>> {
        let result = ask_bad(&session, index).await.expect("rows");
        let rows = result.rows::<Row>().expect("any row");
        rows.map(|row| row.map(|row| row.values[0].clone()).map_err(|error| error.kind())).collect()
    };
    let int = |value| Ok(Some(CqlValue::Int(value)));
    assert_eq!(read(0).await, [int(1), Err(ErrorKind::Rows)], "a cell of 2 GiB");
    assert_eq!(read(1).await, [Ok(None), int(1)], "any negative length is null");
    assert_eq!(read(2).await, [int(1), Err(ErrorKind::Rows)], "a cell that is missing");
    assert_eq!(read(3).await, [Err(ErrorKind::Rows), Ok(Some(CqlValue::Text("x".into())))]);
    let opaque = CqlValue::Custom { class: "org.example.Opaque".to_owned().into(), bytes: vec![7, 8] };
    assert_eq!(read(4).await, [Ok(Some(opaque))]);
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn f26_compressed_answers_that_expand_wrongly_cost_their_request_only() {
    for algorithm in [Compression::Lz4, Compression::Snappy] {
        let mut bomb = Vec::new();
        algorithm.compress_body(&vec![0; 16 << 20], &mut bomb).expect("zeros shrink");
        let mut fine = Vec::new();
        algorithm.compress_body(&body_of(&number(5)), &mut fine).expect("short");
        let lz4 = algorithm == Compression::Lz4;
        let huge = if lz4 { vec![0xff; 4] } else { vec![0xff, 0xff, 0xff, 0xff, 0x0f] };
        let longer = if lz4 { vec![0, 0, 0, 200] } else { vec![200, 1] };
        let behind = if lz4 { 4 } else { 1 };
        let bodies = [
            fine.clone(),
            bomb,
            [&huge[..], &fine[behind..]].concat(),
            [&longer[..], &fine[behind..]].concat(),
            fine[..fine.len() - 1].to_vec(),
            vec![0xee; 100],
            Vec::new(),
        ];
        let compressed = |body: Vec<u8>| (Opcode::Result, flags::COMPRESSED, body);
        let count = bodies.len();
        let server = server(bodies.into_iter().map(compressed).collect());
        let session = builder(&server, V4)
            .compression(Some(algorithm))
            .limits(Limits { frame_bytes: 1 << 20, ..Limits::default() })
            .connect()
            .await
            .expect("connects");
        let result = ask_bad(&session, 0).await.expect("this one is right");
        assert_eq!(result.single_row::<(i32,)>().expect("a row"), (5,));
        for index in 1..count {
            let error = ask_bad(&session, index).await.expect_err("not what was announced");
            assert_eq!(error.kind(), ErrorKind::Protocol, "{algorithm:?} {index}: {error}");
        }
        assert_eq!(server.accepted(), 2, "{algorithm:?}");
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "cli")]
#[tokio::test]
async fn f41_warnings_trace_and_payload_arrive_together_and_are_logged_once_for_many() {
    let server = Hostile::start(V4, |peer, heard| {
        let around = Envelope {
            tracing_id: Some(Uuid::from_u128(9)),
            warnings: vec!["too many tombstones".into(), "and a second thing".into()],
            custom_payload: CustomPayload::from_iter([("key", "value")]),
            body: Default::default(),
        };
        let mut body = Vec::new();
        let flags = around.encode_prefix(&mut body).expect("short");
        body.extend(body_of(&good(&heard.cql).expect("nothing else is asked")));
        let frame = peer.envelope(heard.stream, Opcode::Result as u8, flags, &body);
        peer.send_raw(&frame);
        Then::GoOn
    });
    let session = connect(&server, V4).await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    // Answers are read in this task, on this thread.
    let listening = tracing::subscriber::set_default(subscriber);
    for round in 0..200 {
        let result = session.query(format!("GOOD {round}"), ()).await.expect("answered");
        assert_eq!(result.single_row::<(i32,)>().expect("a row"), (round,));
        assert_eq!(result.warnings(), ["too many tombstones", "and a second thing"]);
        assert_eq!(result.tracing_id(), Some(Uuid::from_u128(9)));
        let payload = result.custom_payload().expect("it came");
        assert_eq!(payload.iter().count(), 1);
    }
    drop(listening);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).expect("text");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("the server warns")).collect();
    assert!((1..=3).contains(&lines.len()), "200 answers gave {} lines", lines.len());
    assert!(lines[0].contains("WARN") && lines[0].contains("too many tombstones"), "{}", lines[0]);
    assert!(lines[0].contains("and a second thing"), "one line for one answer: {}", lines[0]);
}

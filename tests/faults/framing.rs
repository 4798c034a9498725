//! F12, F17, F18, F24, F25, F28: frames as they should not be, in versions without segments.

use std::sync::Mutex;
use std::time::Duration;

use chorus::ErrorKind;
use chorus::protocol::{Opcode, ProtocolVersion};

use crate::server::{Hostile, Then, good, number};
use crate::session::*;

const V4: ProtocolVersion = ProtocolVersion::V4;

/// The header of an answer on `stream`, version 4 unless it is changed.
fn header(stream: i16, change: impl Fn(&mut [u8; 9])) -> Vec<u8> {
    let [high, low] = stream.to_be_bytes();
    let mut header = [0x84, 0, high, low, Opcode::Result as u8, 0, 0, 0, 4];
    change(&mut header);
    [&header[..], &[0, 0, 0, 1]].concat()
}

type Change = fn(&mut [u8; 9]);

#[tokio::test]
async fn f12_f13_f18_f25_a_header_that_cannot_be_breaks_the_connection_and_nothing_else() {
    const CASES: [(&str, Change); 12] = [
        ("a length of -1", |header| header[5..].copy_from_slice(&[255; 4])),
        ("the most negative length", |header| header[5..].copy_from_slice(&[0x80, 0, 0, 0])),
        ("a length of 2 GiB - 1", |header| header[5..].copy_from_slice(&i32::MAX.to_be_bytes())),
        ("one byte above the limit", |header| {
            header[5..].copy_from_slice(&((256 << 20) + 1u32).to_be_bytes())
        }),
        ("an unknown opcode", |header| header[4] = 0x77),
        ("an opcode between the known", |header| header[4] = 0x04),
        ("the opcode of a request", |header| header[4] = Opcode::Query as u8),
        ("the direction of a request", |header| header[0] = 4),
        ("an older version", |header| header[0] = 0x83),
        ("a newer version", |header| header[0] = 0x85),
        ("a version from elsewhere", |header| header[0] = 0xc2),
        ("compression that nobody agreed on", |header| header[1] = 1),
    ];
    for (name, change) in CASES {
        let server = Hostile::start(V4, move |peer, heard| {
            match good(&heard.cql) {
                Some(answer) => peer.say(heard.stream, &answer),
                None => {
                    peer.send_raw(&header(heard.stream, change));
                }
            }
            Then::GoOn
        });
        let session = connect(&server, V4).await;
        assert_eq!(ask(&session, 1).await.expect("served"), 1);
        let error = session.query("BAD", ()).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{name}: {error}");
        assert!(error.to_string().contains("protocol violation"), "{name}: {error}");
        ask_again(&session, 2).await;
        let metrics = session.metrics().await.expect("metrics");
        assert_eq!(metrics.disconnects, [("protocol", 1)], "{name}");
    }
}

#[tokio::test]
async fn f25_flags_nobody_knows_are_passed_over() {
    let server = Hostile::start(V4, |peer, heard| {
        let answer = good(&heard.cql).expect("nothing else is asked");
        let mut frame = peer.frame(heard.stream, &answer);
        frame[1] = 0xf0;
        peer.send_raw(&frame);
        Then::GoOn
    });
    let session = connect(&server, V4).await;
    for round in 0..10 {
        assert_eq!(ask(&session, round).await.expect("flags mean nothing"), round);
    }
    assert_eq!(server.accepted(), 2, "the control connection and one for requests");
}

#[tokio::test]
async fn f24_an_event_instead_of_an_answer_breaks_the_connection() {
    let server = Hostile::start(V4, |peer, heard| {
        match good(&heard.cql) {
            Some(answer) => peer.say(heard.stream, &answer),
            None => {
                let body = b"\0\x0dSTATUS_CHANGE\0\x02UP\x04\x7f\0\0\x01\0\0\x23\x52";
                let frame = peer.envelope(heard.stream, Opcode::Event as u8, 0, body);
                peer.send_raw(&frame);
            }
        }
        Then::GoOn
    });
    let session = connect(&server, V4).await;
    let error = session.query("BAD", ()).await.expect_err("an event is no answer");
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
    ask_again(&session, 2).await;
}

#[tokio::test]
async fn f24_a_result_on_the_stream_of_events_is_counted_and_ignored() {
    let server = Hostile::start(V4, |peer, heard| {
        let answer = good(&heard.cql).expect("nothing else is asked");
        let unasked = peer.frame(-1, &number(666));
        let asked = peer.frame(heard.stream, &answer);
        peer.send_raw(&[unasked, asked].concat());
        Then::GoOn
    });
    let session = connect(&server, V4).await;
    for round in 0..10 {
        assert_eq!(ask(&session, round).await.expect("the neighbour is right"), round);
    }
    let metrics = session.metrics().await.expect("metrics");
    assert_eq!(metrics.traffic.unknown_streams, 10);
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn f17_many_answers_in_one_read_reach_their_own_callers() {
    for version in [V4, ProtocolVersion::V5] {
        const MANY: usize = 300;
        let waiting = Mutex::new(Vec::new());
        let server = Hostile::start(version, move |peer, heard| {
            let answer = good(&heard.cql).expect("nothing else is asked");
            let mut waiting = waiting.lock().unwrap();
            waiting.push(peer.frame(heard.stream, &answer));
            if waiting.len() == MANY {
                // The last one first, all at once.
                let all: Vec<u8> = waiting.drain(..).rev().flatten().collect();
                peer.send(&all);
            }
            Then::GoOn
        });
        let session = connect(&server, version).await;
        let asked = (0..MANY as i32).map(|number| ask(&session, number));
        let answers = futures::future::join_all(asked).await;
        let answers: Vec<i32> = answers.into_iter().map(|answer| answer.expect("answered")).collect();
        assert_eq!(answers, (0..MANY as i32).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn f17_an_answer_cut_at_any_offset_is_right() {
    for version in [V4, ProtocolVersion::V5] {
        let server = Hostile::start(version, move |peer, heard| {
            let cut: usize = heard.cql["GOOD ".len()..].parse().expect("a number");
            let first = peer.frame(heard.stream, &number(cut as i32));
            // Something behind it, so that the cut may fall there too.
            let behind = peer.frame(heard.stream.wrapping_add(1000), &number(0));
            let bytes = peer.sealed(&[first, behind].concat());
            let (now, later) = bytes.split_at(cut.min(bytes.len()));
            peer.send_raw(now);
            std::thread::sleep(Duration::from_micros(300));
            peer.send_raw(later);
            Then::GoOn
        });
        let session = connect(&server, version).await;
        for cut in 0..150 {
            assert_eq!(ask(&session, cut).await.expect("answered"), cut, "version {version}");
        }
        let unknown = session.metrics().await.expect("metrics").traffic.unknown_streams;
        assert!((149..=150).contains(&unknown), "{unknown} answers behind the right ones were ignored");
        assert_eq!(server.accepted(), 2);
    }
}

#[tokio::test]
async fn f28_without_checksums_a_changed_bit_gives_an_error_or_another_cell_and_nothing_worse() {
    let server = Hostile::start(V4, |peer, heard| {
        let answer = good(&heard.cql).expect("nothing else is asked");
        let mut frame = peer.frame(heard.stream, &answer);
        let bit: usize = heard.cql["GOOD ".len()..].parse().expect("a number");
        let Some(byte) = frame.get_mut(bit / 8) else {
            peer.send_raw(&frame);
            return Then::GoOn;
        };
        *byte ^= 1 << (bit % 8);
        peer.send_raw(&frame);
        // A changed header may announce what never comes: then only the end tells.
        if bit / 8 >= 9 {
            return Then::GoOn;
        }
        std::thread::sleep(Duration::from_millis(2));
        Then::Close
    });
    let session = connect(&server, V4).await;
    let bits = 8 * 49;
    let (mut right, mut wrong, mut errors) = (0, 0, 0);
    for bit in 0..bits {
        let answer = loop {
            let began = std::time::Instant::now();
            let answer = ask(&session, bit).await;
            assert!(began.elapsed() < LONG, "bit {bit} took {:?}", began.elapsed());
            // The connection before is only being replaced.
            if !answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::NoHostAvailable) {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        match answer {
            Ok(answer) if answer == bit => right += 1,
            Ok(_) => wrong += 1,
            Err(_) => errors += 1,
        }
    }
    assert_eq!(right + wrong + errors, bits);
    assert!(wrong >= 32, "each bit of the cell itself goes unnoticed: {wrong}");
    assert!(errors > 100, "most others are noticed: {errors}");
    ask_again(&session, 100_000).await;
}

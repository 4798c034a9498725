//! F27, F29 and F26 where version 5 has them: damaged segments.

use std::time::Duration;

use chorus::ErrorKind;
use chorus::protocol::ProtocolVersion;
use chorus::protocol::segment::{crc24, crc32};

use crate::server::{Hostile, Peer, Then, good, number};
use crate::session::*;

const V5: ProtocolVersion = ProtocolVersion::V5;

/// Answers `GOOD n`, and hands the number behind `BAD` to the test.
fn server(bad: impl Fn(&mut Peer, i16, usize) -> Then + Send + Sync + 'static) -> Hostile {
    Hostile::start(V5, move |peer, heard| match (good(&heard.cql), heard.cql.strip_prefix("BAD ")) {
        (Some(answer), _) => {
            peer.say(heard.stream, &answer);
            Then::GoOn
        }
        (None, Some(text)) => bad(peer, heard.stream, text.parse().expect("a number")),
        (None, None) => panic!("{:?} was asked", heard.cql),
    })
}

/// A plain segment around any payload, its checksums right.
fn segment(payload: &[u8], self_contained: bool) -> Vec<u8> {
    let fields = payload.len() as u32 | u32::from(self_contained) << 17;
    let mut out = fields.to_le_bytes()[..3].to_vec();
    let checksum = crc24(&out);
    out.extend_from_slice(&checksum.to_le_bytes()[..3]);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32(payload).to_le_bytes());
    out
}

#[tokio::test]
async fn f27_a_segment_with_a_changed_bit_is_never_delivered() {
    let server = server(|peer, stream, bit| {
        let frame = peer.frame(stream, &number(1));
        let mut sealed = peer.sealed(&frame);
        let length = sealed.len() * 8;
        sealed[bit % length / 8] ^= 1 << (bit % 8);
        peer.send_raw(&sealed);
        // A changed length in a header whose checksum is checked first cannot make the client wait.
        Then::GoOn
    });
    let session = connect(&server, V5).await;
    // Every bit of header, payload and checksum: 10 bytes around 49 of the answer, each 8 bits and some again.
    for bit in (0..480).step_by(3) {
        let error = loop {
            let error = session.query(format!("BAD {bit}"), ()).await.expect_err("never delivered");
            if error.kind() != ErrorKind::NoHostAvailable {
                break error;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "bit {bit}: {error}");
        assert!(error.to_string().contains("checksum"), "bit {bit}: {error}");
    }
    ask_again(&session, 9).await;
}

#[tokio::test]
async fn f29_half_envelopes_in_whole_segments_break_the_connection() {
    let server = server(|peer, stream, case| {
        let frame = peer.frame(stream, &number(1));
        let (first, second) = frame.split_at(20);
        let bytes = match case {
            0 => segment(first, true),
            1 => segment(&first[..5], true),
            2 => [segment(first, false), segment(&frame, true)].concat(),
            _ => segment(&[&frame[..], second].concat(), true),
        };
        peer.send_raw(&bytes);
        Then::GoOn
    });
    let session = connect(&server, V5).await;
    for case in 0..4 {
        let error = session.query(format!("BAD {case}"), ()).await.expect_err("no envelope");
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "case {case}: {error}");
        ask_again(&session, case).await;
    }
}

#[tokio::test]
async fn f29_empty_segments_and_pieces_of_any_size_are_understood() {
    let server = server(|peer, stream, size| {
        let frame = peer.frame(stream, &number(size as i32));
        let mut bytes = [segment(&[], true), segment(&[], false)].concat();
        for piece in frame.chunks(size) {
            bytes.extend(segment(piece, false));
            bytes.extend(segment(&[], false));
        }
        peer.send_raw(&bytes);
        Then::GoOn
    });
    let session = connect(&server, V5).await;
    for size in 1..60 {
        let result = session.query(format!("BAD {size}"), ()).await.expect("odd, but not wrong");
        assert_eq!(result.single_row::<(i32,)>().expect("a row"), (size,));
    }
    assert_eq!(server.accepted(), 2);
}

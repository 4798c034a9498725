//! F13, F14, F26, F29: what a server may announce takes no memory before it comes, and never more than the limit; and what reading
//! many rows takes. A program of its own, because it counts every byte the process holds; one test at a time for the same reason.

#[allow(dead_code, reason = "other tests count otherwise")]
#[path = "../allocations/mod.rs"]
mod allocations;
mod million_rows;
#[allow(dead_code, reason = "other tests say more of the same server")]
#[path = "../faults/server.rs"]
mod server;
#[allow(dead_code, reason = "other tests ask more")]
#[path = "../faults/session.rs"]
mod session;

use std::time::Duration;

use chorus::protocol::segment::{crc24, crc32};
use chorus::protocol::{Opcode, ProtocolVersion, flags};
use chorus::{Compression, ErrorKind, Heartbeat, Limits, Statement};

use allocations::{Counting, most_held_by_all};
use server::{Hostile, Peer, Then, good};
use session::*;

const V4: ProtocolVersion = ProtocolVersion::V4;
const MIB: isize = 1 << 20;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Answers `GOOD n`, and hands everything else to the test.
fn server(version: ProtocolVersion, bad: impl Fn(&mut Peer, i16) + Send + Sync + 'static) -> Hostile {
    Hostile::start(version, move |peer, heard| {
        match good(&heard.cql) {
            Some(answer) => peer.say(heard.stream, &answer),
            None => bad(peer, heard.stream),
        }
        Then::GoOn
    })
}

/// The header of a RESULT that announces this many bytes.
fn announcing(peer: &Peer, stream: i16, length: u32) -> Vec<u8> {
    let mut header = peer.envelope(stream, Opcode::Result as u8, 0, &[]);
    header[5..].copy_from_slice(&length.to_be_bytes());
    header
}

#[tokio::test]
async fn f13_lengths_beyond_the_limit_cost_less_than_a_mebibyte() {
    let _turn = TURN.lock().await;
    for length in [i32::MAX as u32, (256 << 20) + 1] {
        let server = server(V4, move |peer, stream| {
            let header = announcing(peer, stream, length);
            peer.send_raw(&header);
        });
        let session = connect(&server, V4).await;
        ask(&session, 1).await.expect("served");
        let (error, most) =
            most_held_by_all(async { session.query("BAD", ()).await.expect_err("refused") }).await;
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
        assert!(most < MIB, "{most} bytes");
        ask_again(&session, 2).await;
    }
}

#[tokio::test]
async fn f14_an_announced_body_takes_what_came_of_it_and_its_request_times_out() {
    const SENT: usize = 8 << 20;
    let _turn = TURN.lock().await;
    let server = server(V4, |peer, stream| {
        let header = announcing(peer, stream, 256 << 20);
        peer.send_raw(&header);
        let zeros = [0u8; 32 * 1024];
        for _ in 0..SENT / zeros.len() {
            if !peer.send_raw(&zeros) {
                return;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    let session = builder(&server, V4)
        // Rare enough that the request times out first.
        .heartbeat(Heartbeat { interval: Duration::from_millis(1500), timeout: Duration::from_millis(300) })
        .connect()
        .await
        .expect("connects");
    ask(&session, 1).await.expect("served");
    let waiting = async {
        let bad = Statement::new("BAD").timeout(Duration::from_secs(1));
        session.query(bad, ()).await.expect_err("the body never ends")
    };
    let (error, most) = most_held_by_all(waiting).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(most <= 3 * SENT as isize + MIB, "{most} bytes for the {SENT} that came");
    // A connection that is stuck in a body answers no heartbeat: what the server says to it is taken for more of the body.
    ask_again_after_silence(&session).await;
}

/// Asks until a new connection has taken over, and leaves time for heartbeats in between.
async fn ask_again_after_silence(session: &chorus::Session) {
    let until = std::time::Instant::now() + LONG;
    loop {
        let statement = Statement::new("GOOD 5").timeout(Duration::from_millis(100));
        match session.query(statement, ()).await {
            Ok(result) => return assert_eq!(result.single_row::<(i32,)>().expect("a row"), (5,)),
            Err(error) => assert!(std::time::Instant::now() < until, "still stuck: {error}"),
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

#[tokio::test]
async fn f14_a_body_without_an_end_takes_the_limit_at_most() {
    const LIMIT: u32 = 2 << 20;
    let _turn = TURN.lock().await;
    let server = server(V4, |peer, stream| {
        let header = announcing(peer, stream, LIMIT);
        peer.send_raw(&header);
        let zeros = [0u8; 32 * 1024];
        // For as long as anybody listens.
        while peer.send_raw(&zeros) {}
    });
    let limits = Limits { frame_bytes: LIMIT, ..Limits::default() };
    let session = builder(&server, V4).limits(limits).connect().await.expect("connects");
    ask(&session, 1).await.expect("served");
    let waiting = async {
        // The body is there in the end, and no result; what follows it is no envelope.
        session.query("BAD", ()).await.expect_err("zeros");
        ask_again(&session, 3).await;
    };
    let ((), most) = most_held_by_all(waiting).await;
    assert!(most <= 3 * LIMIT as isize + MIB, "{most} bytes with a limit of {LIMIT}");
}

#[tokio::test]
async fn f26_a_compressed_bomb_takes_the_limit_at_most() {
    const LIMIT: u32 = 1 << 20;
    let _turn = TURN.lock().await;
    for algorithm in [Compression::Lz4, Compression::Snappy] {
        let mut bomb = Vec::new();
        algorithm.compress_body(&vec![0; 16 << 20], &mut bomb).expect("zeros shrink");
        assert!(bomb.len() < LIMIT as usize, "its frame is one that is accepted");
        let server = server(V4, move |peer, stream| {
            let frame = peer.envelope(stream, Opcode::Result as u8, flags::COMPRESSED, &bomb);
            peer.send_raw(&frame);
        });
        let limits = Limits { frame_bytes: LIMIT, ..Limits::default() };
        let session = builder(&server, V4)
            .limits(limits)
            .compression(Some(algorithm))
            .connect()
            .await
            .expect("connects");
        ask(&session, 1).await.expect("served");
        let (error, most) =
            most_held_by_all(async { session.query("BAD", ()).await.expect_err("a bomb") }).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        // The frame itself is there a few times: with the server, while it is read, and when it has come.
        assert!(most <= 6 * LIMIT as isize, "{most} bytes for 16 MiB");
        ask_again(&session, 2).await;
    }
}

#[tokio::test]
async fn f29_a_body_announced_in_segments_of_a_byte_takes_what_came_of_it() {
    const CAME: u8 = 200;
    let _turn = TURN.lock().await;
    let segment = |payload: &[u8]| {
        let mut out = (payload.len() as u32).to_le_bytes()[..3].to_vec();
        let checksum = crc24(&out);
        out.extend_from_slice(&checksum.to_le_bytes()[..3]);
        out.extend_from_slice(payload);
        out.extend_from_slice(&crc32(payload).to_le_bytes());
        out
    };
    let server = server(ProtocolVersion::V5, move |peer, stream| {
        for byte in announcing(peer, stream, 256 << 20) {
            peer.send_raw(&segment(&[byte]));
        }
        let thousand = segment(&[0]).repeat(1000);
        for _ in 0..CAME {
            peer.send_raw(&thousand);
        }
    });
    let session = connect(&server, ProtocolVersion::V5).await;
    ask(&session, 1).await.expect("served");
    let waiting = async {
        let bad = Statement::new("BAD").timeout(Duration::from_secs(1));
        session.query(bad, ()).await.expect_err("the body never ends")
    };
    let (error, most) = most_held_by_all(waiting).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(most <= 4 * i32::from(CAME) as isize * 1000 + MIB, "{most} bytes for {CAME} thousand");
}

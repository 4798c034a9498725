//! F1 to F16: connections that break, stall or never come about.

use std::time::{Duration, Instant};

use chorus::protocol::ProtocolVersion;
use chorus::{ErrorKind, Session};
use tokio::net::TcpListener;
use tokio::sync::mpsc::unbounded_channel;

use crate::server::{Hostile, Peer, Then, good, number};
use crate::session::*;

const V4: ProtocolVersion = ProtocolVersion::V4;

/// Answers `GOOD n`, and hands everything else to the test.
fn server(bad: impl Fn(&mut Peer, i16) -> Then + Send + Sync + 'static) -> Hostile {
    Hostile::start(V4, move |peer, heard| match good(&heard.cql) {
        Some(answer) => {
            peer.say(heard.stream, &answer);
            Then::GoOn
        }
        None => bad(peer, heard.stream),
    })
}

#[tokio::test]
async fn f2_f15_a_frame_that_ends_early_leaves_open_what_happened() {
    // By a reset and by an orderly end; within the header, right behind it, within the body.
    for (cut, end) in
        [(4, Then::Reset), (9, Then::Reset), (15, Then::Reset), (9, Then::Close), (15, Then::Close)]
    {
        let server = server(move |peer, stream| {
            let frame = peer.frame(stream, &number(1));
            peer.send_raw(&frame[..cut]);
            // What was sent may be discarded by a reset that follows at once.
            std::thread::sleep(Duration::from_millis(5));
            end
        });
        let session = connect(&server, V4).await;
        let began = Instant::now();
        let error = session.query("BAD", ()).await.expect_err("half a frame");
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
        assert!(error.may_have_been_applied());
        assert!(began.elapsed() < LONG / 2);
        ask_again(&session, 3).await;
    }
}

#[tokio::test]
async fn f3_the_end_in_the_middle_of_a_header_is_noticed_at_once() {
    let (told, mut closed) = unbounded_channel();
    let server = server(move |peer, stream| {
        let frame = peer.frame(stream, &number(1));
        peer.send_raw(&frame[..5]);
        // The server goes on reading: the client has to close by itself.
        let _ = told.send(peer.half_close(LONG));
        Then::Close
    });
    let session = connect(&server, V4).await;
    let began = Instant::now();
    let error = session.query("BAD", ()).await.expect_err("half a header");
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
    assert!(began.elapsed() < LONG / 2, "not at the timeout");
    assert_eq!(closed.recv().await, Some(true), "the socket is closed");
    ask_again(&session, 4).await;
}

#[tokio::test]
async fn f4_everything_in_flight_ends_with_the_connection_and_its_fate_is_open() {
    let (told, mut heard) = unbounded_channel();
    let asked = std::sync::atomic::AtomicU32::new(0);
    let server = server(move |_, _| {
        let _ = told.send(());
        match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            4 => Then::Close,
            _ => Then::GoOn,
        }
    });
    let session = connect(&server, V4).await;
    let all = futures::future::join_all((0..5).map(|_| async { session.query("BAD", ()).await }));
    for outcome in all.await {
        let error = outcome.expect_err("nobody was answered");
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
        assert!(error.may_have_been_applied());
    }
    heard.close();
    let mut count = 0;
    while heard.recv().await.is_some() {
        count += 1;
    }
    assert_eq!(count, 5, "nothing was sent twice");
    ask_again(&session, 5).await;
    let metrics = session.metrics().await.expect("metrics");
    assert_eq!((metrics.in_flight, metrics.retries()), (0, 0));
}

#[tokio::test]
async fn f9_a_contact_point_that_never_answers_costs_the_timeout_and_the_next_one_serves() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let server = server(|_, _| Then::GoOn);
    let began = Instant::now();
    let session = Session::builder()
        .contact_points([silent.local_addr().expect("bound"), server.address])
        .connect_timeout(Duration::from_secs(1))
        .fetch_schema(false)
        .connect()
        .await
        .expect("the second one answers");
    assert!(began.elapsed() < LONG / 2, "not the five seconds that are the default");
    assert_eq!(ask(&session, 1).await.expect("served"), 1);
}

#[tokio::test]
async fn f10_a_contact_point_that_refuses_gives_way_to_the_next() {
    let gone = "127.0.0.1:1".parse().expect("an address where nobody listens");
    let server = server(|_, _| Then::GoOn);
    let session = Session::builder()
        .contact_points([gone, server.address])
        .fetch_schema(false)
        .connect()
        .await
        .expect("the second one answers");
    assert_eq!(ask(&session, 1).await.expect("served"), 1);
}

#[tokio::test]
async fn f16_an_answer_in_single_bytes_is_right_however_slow() {
    for version in [V4, ProtocolVersion::V5] {
        let server = Hostile::start(version, move |peer, heard| {
            let answer = good(&heard.cql).expect("nothing else is asked");
            let frame = peer.frame(heard.stream, &answer);
            for byte in peer.sealed(&frame) {
                peer.send_raw(&[byte]);
                std::thread::sleep(Duration::from_millis(5));
            }
            Then::GoOn
        });
        let session = connect(&server, version).await;
        let began = Instant::now();
        assert_eq!(ask(&session, 77).await.expect("it came in the end"), 77);
        assert!(began.elapsed() > Duration::from_millis(150), "it was slow");
    }
}

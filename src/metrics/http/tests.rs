//! How long a peer is put up with, by a clock that is turned by hand.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

use super::*;

/// A peer whose pipe holds that many bytes, and the server's side of its visit.
fn arrive(room: usize) -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (peer, socket) = duplex(room);
    let peers = Arc::new(Semaphore::new(1));
    let place = Arc::clone(&peers).try_acquire_owned().expect("there is room");
    // Another place, so that nobody is asked to leave.
    peers.add_permits(1);
    (peer, tokio::spawn(visit(socket, Arc::new(Exposition::new()), peers, place)))
}

/// Whether it took as long as it should, to the precision of a timer.
fn lasted(began: Instant, expected: Duration) {
    let took = began.elapsed();
    assert!(took >= expected && took < expected + Duration::from_millis(20), "{took:?} of {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_asks_nothing_is_let_go_after_ten_seconds() {
    let began = Instant::now();
    let (mut peer, visit) = arrive(1024);
    visit.await.expect("no panic");
    lasted(began, PATIENCE);
    assert_eq!(peer.read(&mut [0; 16]).await.expect("closed"), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_asks_byte_by_byte_has_no_longer_for_it() {
    let began = Instant::now();
    let (mut peer, visit) = arrive(1024);
    let slow = tokio::spawn(async move {
        for byte in b"GET /health HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat(&b'x')) {
            if peer.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(900)).await;
        }
    });
    visit.await.expect("no panic");
    lasted(began, PATIENCE);
    slow.await.expect("it noticed");
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_again_and_again_is_asked_to_leave_after_a_minute() {
    let began = Instant::now();
    let (mut peer, visit) = arrive(1024);
    let mut answers = 0;
    let mut buffer = [0; 1024];
    loop {
        if peer.write_all(b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n").await.is_err() {
            break;
        }
        match peer.read(&mut buffer).await {
            Ok(length) if length > 0 => answers += 1,
            _ => break,
        }
        tokio::time::sleep(Duration::from_secs(7)).await;
    }
    visit.await.expect("no panic");
    assert_eq!(answers, 9, "one every seven seconds of a minute");
    assert!(began.elapsed() <= LONGEST_VISIT + Duration::from_secs(7), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_that_never_reads_keeps_its_place_for_a_minute_and_ten_seconds() {
    let began = Instant::now();
    // The answer is larger than what there is room for.
    let (mut peer, visit) = arrive(64);
    peer.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await.expect("there is room");
    visit.await.expect("no panic");
    lasted(began, LONGEST_VISIT + PATIENCE);
}

//! F19 to F23: answers that belong to nobody, and requests that are never answered.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chorus::protocol::ProtocolVersion;
use chorus::{ErrorKind, Limits, Statement};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::server::{Hostile, Then, good, number};
use crate::session::*;

const V4: ProtocolVersion = ProtocolVersion::V4;

#[tokio::test]
async fn f19_an_answer_on_a_stream_never_used_is_counted_and_reaches_nobody() {
    let server = Hostile::start(V4, |peer, heard| {
        let answer = good(&heard.cql).expect("nothing else is asked");
        let foreign: Vec<u8> = [heard.stream + 500, i16::MAX]
            .iter()
            .flat_map(|stream| peer.frame(*stream, &number(666)))
            .collect();
        let own = peer.frame(heard.stream, &answer);
        peer.send_raw(&[foreign, own].concat());
        Then::GoOn
    });
    let session = connect(&server, V4).await;
    let answers = futures::future::join_all((0..50).map(|number| ask(&session, number))).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.expect("answered"), number as i32);
    }
    let metrics = session.metrics().await.expect("metrics");
    assert_eq!((metrics.traffic.unknown_streams, metrics.in_flight), (100, 0));
    assert_eq!(server.accepted(), 2, "no reason to close");
}

#[tokio::test]
async fn f22_of_two_answers_the_first_counts() {
    let server = Hostile::start(V4, |peer, heard| {
        let answer = good(&heard.cql).expect("nothing else is asked");
        let first = peer.frame(heard.stream, &answer);
        let second = peer.frame(heard.stream, &number(666));
        peer.send_raw(&[first, second].concat());
        Then::GoOn
    });
    let session = connect(&server, V4).await;
    for round in 0..50 {
        assert_eq!(ask(&session, round).await.expect("answered"), round);
    }
    let metrics = session.metrics().await.expect("metrics");
    assert_eq!((metrics.traffic.unknown_streams, metrics.in_flight), (50, 0));
}

#[tokio::test]
async fn f20_a_late_answer_is_dropped_and_frees_its_stream_then_and_only_then() {
    let late = Mutex::new(None);
    let streams = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&streams);
    let server = Hostile::start(V4, move |peer, heard| {
        seen.lock().unwrap().push(heard.stream);
        match good(&heard.cql) {
            Some(answer) => peer.say(heard.stream, &answer),
            None if heard.cql == "LATE" => *late.lock().unwrap() = Some(heard.stream),
            None => {
                // Now the late one is answered, before this one.
                let stream = late.lock().unwrap().take().expect("one is late");
                let both = [peer.frame(stream, &number(666)), peer.frame(heard.stream, &number(7))].concat();
                peer.send_raw(&both);
            }
        }
        Then::GoOn
    });
    let session = connect(&server, V4).await;
    let patient = Statement::new("LATE").timeout(Duration::from_millis(50));
    let error = session.query(patient, ()).await.expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    // It may not have arrived yet.
    while streams.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let orphaned = streams.lock().unwrap()[0];
    for round in 0..20 {
        assert_eq!(ask(&session, round).await.expect("answered"), round);
    }
    assert!(
        streams.lock().unwrap()[1..].iter().all(|stream| *stream != orphaned),
        "reserved until its answer"
    );
    assert_eq!(session.metrics().await.expect("metrics").hosts[0].orphans, 1);
    let result = session.query("NOW", ()).await.expect("answered");
    assert_eq!(result.single_row::<(i32,)>().expect("a row"), (7,), "not what was late");
    let metrics = session.metrics().await.expect("metrics");
    assert_eq!((metrics.traffic.late_answers, metrics.hosts[0].orphans), (1, 0));
    let asked = futures::future::join_all((0..2).map(|number| ask(&session, number))).await;
    assert!(asked.into_iter().all(|answer| answer.is_ok()));
    assert!(streams.lock().unwrap()[22..].contains(&orphaned), "and used again afterwards");
}

#[tokio::test]
async fn f21_a_connection_with_too_many_streams_never_answered_is_replaced_and_its_live_requests_finish() {
    let release = Arc::new(AtomicBool::new(false));
    let newest = Arc::new(AtomicU64::new(0));
    let (released, serving) = (Arc::clone(&release), Arc::clone(&newest));
    let server = Hostile::start(V4, move |peer, heard| {
        match (good(&heard.cql), heard.cql.as_str()) {
            (Some(answer), _) => {
                serving.fetch_max(heard.connection, Ordering::Relaxed);
                peer.say(heard.stream, &answer);
            }
            (None, "SLOW") => {
                let frame = peer.frame(heard.stream, &number(42));
                let (mut stream, released) = (peer.writer(), Arc::clone(&released));
                std::thread::spawn(move || {
                    while !released.load(Ordering::Relaxed) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    stream.write_all(&frame).expect("the connection is still open");
                });
            }
            (None, _) => {}
        }
        Then::GoOn
    });
    let limits = Limits { orphans_per_connection: 8, ..Limits::default() };
    let session = builder(&server, V4).limits(limits).connect().await.expect("connects");
    let slow = tokio::spawn({
        let session = session.clone();
        async move { session.query("SLOW", ()).await }
    });
    let swallowed = (0..12).map(|_| async {
        session.query(Statement::new("NEVER").timeout(Duration::from_millis(50)), ()).await
    });
    for outcome in futures::future::join_all(swallowed).await {
        assert_eq!(outcome.expect_err("never answered").kind(), ErrorKind::Timeout);
    }
    let first = server.accepted();
    assert_eq!(first, 2);
    // Orphans count when they are two seconds old; then another connection takes over.
    let began = Instant::now();
    while newest.load(Ordering::Relaxed) < first {
        assert!(began.elapsed() < LONG, "the connection was not replaced");
        ask(&session, 5).await.expect("others are served all the time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!slow.is_finished(), "a live request waits on, on a connection that takes nothing new");
    release.store(true, Ordering::Relaxed);
    let result = slow.await.expect("no panic").expect("the replacement does not cost it");
    assert_eq!(result.single_row::<(i32,)>().expect("a row"), (42,));
    assert_eq!(server.accepted(), first + 1, "replaced once");
    let metrics = session.metrics().await.expect("metrics");
    assert_eq!(metrics.traffic.orphaned, 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f23_with_every_stream_busy_callers_wait_and_no_id_is_used_twice() {
    /// The most that may be configured.
    const MOST: usize = 32_767;
    const ALL: usize = 33_000;
    let state = Mutex::new((Vec::new(), false));
    let server = Hostile::start(V4, move |peer, heard| {
        let answer = good(&heard.cql).expect("nothing else is asked");
        let (held, open) = &mut *state.lock().unwrap();
        if *open {
            peer.say(heard.stream, &answer);
            return Then::GoOn;
        }
        held.push((heard.stream, peer.frame(heard.stream, &answer)));
        if held.len() == MOST {
            assert!(peer.is_silent(Duration::from_millis(200)), "nothing is sent while every id is in use");
            let mut streams: Vec<i16> = held.iter().map(|(stream, _)| *stream).collect();
            streams.sort_unstable();
            streams.dedup();
            assert_eq!((streams.len(), streams[0] >= 0), (MOST, true), "each on an id of its own");
            *open = true;
            for (_, frame) in held.drain(..).rev() {
                peer.send_raw(&frame);
            }
        }
        Then::GoOn
    });
    let limits =
        Limits { in_flight_per_connection: MOST as u32, queued_per_reactor: 64, ..Limits::default() };
    let session = builder(&server, V4)
        .limits(limits)
        .request_timeout(Duration::from_secs(120))
        .connect()
        .await
        .expect("connects");
    let asked = (0..ALL as i32).map(|number| {
        let session = &session;
        async move { (number, ask(session, number).await) }
    });
    let mut asked: FuturesUnordered<_> = asked.collect();
    let mut answered = 0;
    while let Some((number, answer)) = asked.next().await {
        assert_eq!(answer.expect("everybody is served in the end"), number);
        answered += 1;
    }
    assert_eq!(answered, ALL);
    let metrics = session.metrics().await.expect("metrics");
    assert_eq!((metrics.traffic.unknown_streams, metrics.in_flight), (0, 0));
    assert_eq!(server.accepted(), 2, "on one connection");
}

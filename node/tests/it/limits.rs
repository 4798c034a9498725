//! F109, F110 and F114: clients that want too much.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use chorus_node::{EmbeddedCluster, Limits};
use chorus_protocol::request::{Query, QueryParameters, Request};
use chorus_protocol::{HEADER_LEN, Opcode, ProtocolVersion, Response, begin_frame, finish_frame};

use crate::client::{Client, error};

fn limited(change: impl FnOnce(&mut Limits)) -> EmbeddedCluster {
    let mut limits = Limits::default();
    change(&mut limits);
    EmbeddedCluster::builder().limits(limits).start().unwrap()
}

#[test]
fn a_request_over_the_limit_is_refused_and_the_next_one_answered() {
    let cluster = limited(|limits| limits.max_request = 10_000);
    for version in ProtocolVersion::ALL {
        let mut client = Client::connect(cluster.address(0), version, None);
        let long = format!("DESCRIBE KEYSPACES{}", " ".repeat(300_000));
        let (code, message) = error(client.query(&long));
        assert_eq!(code, 0x2200);
        assert!(message.starts_with("Request is too big: length 300"), "{message}");
        assert!(matches!(client.query("DESCRIBE KEYSPACES"), Response::Result(_)));
    }
}

#[test]
fn a_compressed_body_may_not_expand_over_the_limit() {
    let cluster = limited(|limits| limits.max_request = 100_000);
    for compression in [chorus_protocol::Compression::Lz4, chorus_protocol::Compression::Snappy] {
        let mut client = Client::connect(cluster.address(0), ProtocolVersion::V4, Some(compression));
        let long = format!("DESCRIBE KEYSPACES{}", " ".repeat(1_000_000));
        assert_eq!(error(client.query(&long)).0, 0x000A);
        assert!(matches!(client.query("DESCRIBE KEYSPACES"), Response::Result(_)));
    }
}

#[test]
fn connections_over_the_limit_are_closed_and_places_come_back() {
    let cluster = limited(|limits| limits.max_connections = 3);
    let mut clients: Vec<Client> = (0..3).map(|_| Client::v4(cluster.address(0))).collect();
    let mut refused = Client::open(cluster.address(0), ProtocolVersion::V4);
    assert_eq!(refused.receive(), None);
    assert!(clients.iter_mut().all(|client| !client.is_closed()));
    clients.pop();
    let deadline = Instant::now() + Duration::from_secs(5);
    while cluster.connections(0) == 3 {
        assert!(Instant::now() < deadline, "the place was not given back");
        std::thread::yield_now();
    }
    Client::v4(cluster.address(0));
}

#[test]
fn connections_that_say_nothing_do_not_take_the_places_of_others() {
    let cluster = limited(|limits| limits.max_unready_connections = 10);
    let mut ready = Client::v4(cluster.address(0));
    let silent: Vec<Client> =
        (0..10).map(|_| Client::open(cluster.address(0), ProtocolVersion::V4)).collect();
    let deadline = Instant::now() + Duration::from_secs(5);
    while cluster.connections(0) < 11 {
        assert!(Instant::now() < deadline, "they were not accepted");
        std::thread::yield_now();
    }
    let mut refused = Client::open(cluster.address(0), ProtocolVersion::V4);
    assert_eq!(refused.receive(), None);
    assert!(!ready.is_closed());
    drop(silent);
}

#[test]
fn statements_over_the_limit_push_out_those_not_used() {
    let cluster = limited(|limits| limits.max_prepared = 50);
    let mut client = Client::v4(cluster.address(0));
    client
        .query("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    client.query("CREATE TABLE ks.t (k int PRIMARY KEY)");
    let first = client.prepare("TRUNCATE ks.t");
    let second = client.prepare("TRUNCATE ks.t ");
    for spaces in 2..200 {
        client.prepare(&format!("TRUNCATE ks.t{}", " ".repeat(spaces)));
        assert!(matches!(client.execute(&first.id), Response::Result(_)), "it is in use");
    }
    assert_eq!(cluster.prepared(0), 50);
    assert_eq!(error(client.execute(&second.id)).0, 0x2500);
}

#[test]
fn a_client_that_never_reads_is_disconnected_and_harms_nobody() {
    let cluster = limited(|limits| {
        limits.pause_reading_at = 64 << 10;
        limits.write_timeout = Duration::from_millis(300);
    });
    let mut greedy = Client::v4(cluster.address(0));
    greedy.socket.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut frame = Vec::new();
    let start = begin_frame(&mut frame, ProtocolVersion::V4, Opcode::Query, 0);
    let query = Query { cql: "DESCRIBE FULL SCHEMA", parameters: QueryParameters::default() };
    Request::Query(query).encode(&greedy.shape, &mut frame).unwrap();
    finish_frame(&mut frame, start).unwrap();
    assert!(frame.len() > HEADER_LEN);
    let requests = frame.repeat(1000);
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut other = Client::v4(cluster.address(0));
    loop {
        assert!(Instant::now() < deadline, "it is still connected");
        assert!(!other.is_closed());
        match greedy.socket.write(&requests) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    assert!(!other.is_closed());
}

#[test]
fn a_client_that_does_not_read_its_events_is_disconnected() {
    let cluster = limited(|limits| limits.pause_reading_at = 1 << 10);
    let mut deaf = Client::v4(cluster.address(0));
    deaf.register(vec![chorus_protocol::request::EventKind::StatusChange]);
    let event = chorus_protocol::Event::StatusChange {
        kind: chorus_protocol::response::StatusChangeKind::Up,
        address: cluster.address(0),
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while cluster.connections(0) > 0 {
        assert!(Instant::now() < deadline, "it is still connected");
        for _ in 0..10_000 {
            cluster.send_event(event.clone());
        }
    }
}

#[test]
fn f110_ten_thousand_connects_a_thousand_half_open_and_a_hundred_thousand_statements_are_survived() {
    let cluster = limited(|limits| {
        limits.max_unready_connections = 200;
        limits.max_prepared = 1_000;
    });
    let address = cluster.address(0);
    let mut steady = Client::v4(address);
    for _ in 0..10_000 {
        drop(std::net::TcpStream::connect(address).unwrap());
    }
    assert!(!steady.is_closed());
    let half_open: Vec<_> = (0..1_000).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    let deadline = Instant::now() + Duration::from_secs(20);
    while cluster.accepted(0) < 200 {
        assert!(Instant::now() < deadline, "they are not accepted");
        std::thread::yield_now();
    }
    // Whoever is ready is served, and no more than allowed hold a place.
    assert!(!steady.is_closed());
    assert!(cluster.connections(0) <= 201, "{} connections", cluster.connections(0));
    drop(half_open);
    while cluster.connections(0) > 1 {
        assert!(Instant::now() < deadline, "places were not given back");
        std::thread::yield_now();
    }
    Client::v4(address);
    steady
        .query("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    steady.query("CREATE TABLE ks.t (k int PRIMARY KEY)");
    let first = steady.prepare("TRUNCATE ks.t");
    // Texts that differ in a comment only are other statements, and are read quickly.
    std::thread::scope(|scope| {
        for client in 0..4 {
            scope.spawn(move || prepare_many(&mut Client::v4(address), client * 25_000, 25_000));
        }
    });
    assert_eq!(cluster.prepared(0), 1_000);
    assert_eq!(error(steady.execute(&first.id)).0, 0x2500);
    assert!(matches!(steady.query("SELECT k FROM ks.t"), Response::Result(_)));
}

/// Has `count` statements prepared that nobody else has, five hundred at a time.
fn prepare_many(client: &mut Client, first: usize, count: usize) {
    for start in (first..first + count).step_by(500) {
        for number in start..start + 500 {
            let cql = format!("TRUNCATE ks.t -- {number}");
            let prepare = chorus_protocol::request::Prepare { cql: &cql, keyspace: None };
            client.send((number - start) as i16, &Request::Prepare(prepare));
        }
        for _ in 0..500 {
            assert!(matches!(client.answer().1, Response::Result(_)));
        }
    }
}

#[test]
fn f114_a_full_node_refuses_writes_as_overloaded_and_reads_go_on() {
    const LIMIT: u64 = 200_000;
    let cluster = EmbeddedCluster::builder().memory_limit(LIMIT).start().unwrap();
    let mut client = Client::v4(cluster.address(0));
    let is_done = |response: Response| assert!(matches!(response, Response::Result(_)), "{response:?}");
    is_done(
        client.query(
            "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        ),
    );
    is_done(client.query("CREATE TABLE ks.t (id int PRIMARY KEY, value text)"));
    let statement = client.prepare("INSERT INTO ks.t (id, value) VALUES (?, 'a value of some length')");
    let written =
        (0..).find(|id| !matches!(client.execute_int(&statement, *id), Response::Result(_))).unwrap();
    assert!(written > 100, "{written} rows were written");
    let used = cluster.database().memory_used();
    assert!((LIMIT..LIMIT + 1_000).contains(&used), "{used} bytes");

    // On every way, and nothing of it is kept.
    let insert = format!("INSERT INTO ks.t (id, value) VALUES ({written}, '')");
    for refused in [
        client.execute_int(&statement, written),
        client.query(&insert),
        client.query("UPDATE ks.t SET value = 'x' WHERE id = 1"),
        client.query(&format!("BEGIN BATCH {insert}; APPLY BATCH")),
        client.query(&format!("{insert} IF NOT EXISTS")),
    ] {
        let (code, message) = error(refused);
        assert_eq!(code, 0x1001, "{message}");
        assert!(message.contains("200000 bytes"), "{message}");
    }
    assert_eq!(cluster.database().memory_used(), used);
    for read in ["SELECT * FROM ks.t WHERE id = 1", "SELECT count(*) FROM ks.t", "SELECT * FROM system.local"]
    {
        is_done(client.query(read));
    }
    is_done(client.query("TRUNCATE ks.t"));
    is_done(client.query(&insert));
}

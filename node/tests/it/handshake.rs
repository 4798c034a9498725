//! F106 and F108: what must come first, and what happens to those who do not keep to it.

use std::io::{Read, Write};

use chorus_node::EmbeddedCluster;
use chorus_protocol::request::{AuthResponse, EventKind, Request, Startup};
use chorus_protocol::{Compression, Opcode, ProtocolVersion, Response};

use crate::client::{Client, error};

#[test]
fn every_version_and_compression_is_agreed_on() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    for version in ProtocolVersion::ALL {
        for compression in [None, Some(Compression::Lz4), Some(Compression::Snappy)] {
            let mut client = Client::open(cluster.address(0), version);
            let response = client.startup(compression);
            if version == ProtocolVersion::V5 && compression == Some(Compression::Snappy) {
                let expected = "Snappy compression is not supported in protocol V5".to_owned();
                assert_eq!(error(response), (0x000A, expected));
                continue;
            }
            assert_eq!(response, Response::Ready);
            // Long enough to be compressed both ways.
            let query = format!("{}DESCRIBE FULL SCHEMA", " ".repeat(5000));
            let Response::Result(_) = client.query(&query) else { panic!("{version} {compression:?}") };
        }
    }
}

#[test]
fn options_are_answered_before_and_after_startup() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::open(cluster.address(0), ProtocolVersion::V4);
    for _ in 0..2 {
        let Response::Supported(supported) = client.ask(&Request::Options) else { panic!("not supported") };
        assert_eq!(supported.get("PROTOCOL_VERSIONS"), ["3/v3", "4/v4", "5/v5"]);
        assert_eq!(supported.get("COMPRESSION"), ["snappy", "lz4"]);
        assert_eq!(supported.get("CQL_VERSION"), ["3.4.7"]);
        client.startup(None);
    }
}

#[test]
fn a_version_nobody_speaks_is_refused_in_the_newest_one_and_the_connection_closed() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    for version in [0u8, 1, 2, 6, 66, 0x7f] {
        let mut client = Client::open(cluster.address(0), ProtocolVersion::V5);
        client.socket.write_all(&[version, 0, 0, 1, 5, 0, 0, 0, 0]).unwrap();
        let Some((header, response)) = client.receive() else { panic!("no answer") };
        assert_eq!((header.version, header.stream), (5, 0));
        let expected = format!(
            "Invalid or unsupported protocol version ({version}); supported versions are (3/v3, 4/v4, 5/v5)"
        );
        assert_eq!(error(response), (0x000A, expected));
        assert_eq!(client.receive(), None);
    }
}

#[test]
fn a_beta_without_its_flag_is_refused() {
    let cluster = EmbeddedCluster::builder().newest_protocol(ProtocolVersion::V6).start().unwrap();
    let mut client = Client::open(cluster.address(0), ProtocolVersion::V6);
    client.socket.write_all(&[6, 0, 0, 1, 5, 0, 0, 0, 0]).unwrap();
    let (_, response) = client.receive().expect("an answer");
    let expected = "Beta version of the protocol used (6/v6-beta), but USE_BETA flag is unset";
    assert_eq!(error(response), (0x000A, expected.to_owned()));
    assert_eq!(client.receive(), None);
    let mut client = Client::open(cluster.address(0), ProtocolVersion::V6);
    let Response::Supported(supported) = client.ask(&Request::Options) else { panic!("not supported") };
    assert_eq!(supported.get("PROTOCOL_VERSIONS").last().unwrap(), "6/v6-beta");
}

#[test]
fn what_is_not_the_protocol_at_all_is_answered_and_closed() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    for text in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"SSH-2.0-x\r\n", b"\x16\x03\x01\x02\x00"] {
        let mut client = Client::open(cluster.address(0), ProtocolVersion::V4);
        client.socket.write_all(text).unwrap();
        let Some((_, response)) = client.receive() else { panic!("no answer") };
        assert_eq!(error(response).0, 0x000A);
        assert_eq!(client.receive(), None);
    }
}

#[test]
fn nothing_is_answered_before_startup_but_an_error() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::open(cluster.address(0), ProtocolVersion::V4);
    for (opcode, name) in [
        (Opcode::Query, "QUERY"),
        (Opcode::Prepare, "PREPARE"),
        (Opcode::Execute, "EXECUTE"),
        (Opcode::Batch, "BATCH"),
        (Opcode::Register, "REGISTER"),
        (Opcode::AuthResponse, "AUTH_RESPONSE"),
    ] {
        client.send_raw(opcode.as_u8(), 5, 0, &[]);
        let (stream, response) = client.answer();
        let expected = format!("Unexpected message {name}, expecting STARTUP or OPTIONS");
        assert_eq!((stream, error(response)), (0, (0x000A, expected)));
    }
    assert_eq!(client.startup(None), Response::Ready);
}

#[test]
fn a_second_startup_is_refused_and_changes_nothing() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    let response = client.ask(&Request::Startup(Startup::new("3.0.0")));
    let expected = "Unexpected message STARTUP, the connection is already initialized".to_owned();
    assert_eq!(error(response), (0x000A, expected));
    assert!(matches!(client.query("DESCRIBE KEYSPACES"), Response::Result(_)));
}

#[test]
fn a_startup_that_asks_for_the_impossible_is_refused() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::open(cluster.address(0), ProtocolVersion::V4);
    let mut refused = |options: &[(&str, &str)]| {
        let mut startup = Startup::default();
        options.iter().for_each(|(key, value)| startup.set(*key, *value));
        error(client.ask(&Request::Startup(startup)))
    };
    let protocol = |message: &str| (0x000A, message.to_owned());
    assert_eq!(refused(&[]), protocol("Missing value CQL_VERSION in STARTUP message"));
    assert_eq!(refused(&[("CQL_VERSION", "abc")]), protocol("Invalid version value: abc"));
    assert_eq!(
        refused(&[("CQL_VERSION", "3.0.0"), ("COMPRESSION", "zstd")]),
        protocol("Unknown compression algorithm: zstd")
    );
}

#[test]
fn the_version_stays_what_it_was_at_startup() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    client.socket.write_all(&[3, 0, 0, 1, 5, 0, 0, 0, 0]).unwrap();
    let (stream, response) = client.answer();
    let expected =
        "Invalid message version. Got 3/v3 but previous messages on this connection had version 4/v4";
    assert_eq!((stream, error(response)), (1, (0x000A, expected.to_owned())));
    assert!(!client.is_closed());
}

#[test]
fn a_client_that_does_not_finish_its_handshake_is_disconnected() {
    let mut limits = chorus_node::Limits::default();
    limits.handshake_timeout = std::time::Duration::from_secs(1);
    let cluster = EmbeddedCluster::builder().limits(limits).start().unwrap();
    let mut ready = Client::v4(cluster.address(0));
    let mut silent = Client::open(cluster.address(0), ProtocolVersion::V4);
    assert_eq!(silent.receive(), None);
    // Whose time would have been over before that.
    assert!(!ready.is_closed());
}

#[test]
fn only_the_right_password_lets_a_client_in() {
    let cluster = EmbeddedCluster::builder().authentication("ann", "s3cret").start().unwrap();
    for version in ProtocolVersion::ALL {
        let mut client = Client::open(cluster.address(0), version);
        let class = "org.apache.cassandra.auth.PasswordAuthenticator".to_owned();
        assert_eq!(client.startup(None), Response::Authenticate(class));
        client.send(3, &Request::Options);
        let (stream, response) = client.answer();
        let expected = "Unexpected message OPTIONS, expecting AUTH_RESPONSE".to_owned();
        assert_eq!((stream, error(response)), (0, (0x000A, expected)));
        let wrong = AuthResponse { token: Some(b"\0ann\0guess") };
        let expected = "Provided username ann and/or password are incorrect".to_owned();
        assert_eq!(error(client.ask(&Request::AuthResponse(wrong))), (0x0100, expected));
        let right = AuthResponse { token: Some(b"\0ann\0s3cret") };
        assert_eq!(client.ask(&Request::AuthResponse(right)), Response::AuthSuccess(None));
        assert!(matches!(client.query("DESCRIBE KEYSPACES"), Response::Result(_)));
    }
}

#[test]
fn events_of_unknown_kinds_cannot_be_registered_for() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    client.send_raw(Opcode::Register.as_u8(), 1, 0, b"\0\x01\0\x04NOPE");
    assert_eq!(error(client.answer().1).0, 0x000A);
    client.register(vec![EventKind::StatusChange, EventKind::SchemaChange]);
    let Response::Result(_) = client.query("DESCRIBE KEYSPACES") else { panic!("no rows") };
}

#[test]
fn a_damaged_segment_ends_the_connection() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    for damaged in 0..15 {
        let mut client = Client::connect(cluster.address(0), ProtocolVersion::V5, None);
        let mut segment = Vec::new();
        let mut encoder = chorus_protocol::segment::SegmentEncoder::new(None);
        encoder.encode(&[5, 0, 0, 1, 5, 0, 0, 0, 0], &mut segment).unwrap();
        segment[damaged] ^= 0x10;
        client.socket.write_all(&segment).unwrap();
        let Some((_, response)) = client.receive() else { panic!("byte {damaged}: no answer") };
        assert_eq!(error(response).0, 0x000A);
        assert_eq!(client.receive(), None);
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_frame_is_forgotten() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    client.socket.write_all(&[4, 0, 0, 1, 7, 0, 0, 1, 0, b'S']).unwrap();
    client.socket.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    client.socket.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "{rest:?}");
    drop(client);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while cluster.connections(0) > 0 {
        assert!(std::time::Instant::now() < deadline, "the connection is still there");
        std::thread::yield_now();
    }
}

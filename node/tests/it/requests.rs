//! F106: requests that are wrong in every way a client can get them wrong, and those that are right.

use chorus_node::EmbeddedCluster;
use chorus_protocol::request::{
    Batch, BatchEntry, BatchKind, BatchStatement, EventKind, Execute, Query, QueryParameters, Request, Values,
};
use chorus_protocol::response::{SchemaChangeKind, SchemaTarget};
use chorus_protocol::{
    Consistency, DbError, Event, Opcode, ProtocolVersion, Response, ResultBody, SchemaChange, flags,
};

use crate::client::{Client, error};

const KEYSPACE: &str =
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";

fn with_table() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    client.query(KEYSPACE);
    client.query("CREATE TABLE ks.t (k int PRIMARY KEY, v text)");
    cluster
}

fn long_string(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes(), text.as_bytes()].concat()
}

#[test]
fn malformed_requests_are_refused_and_the_connection_goes_on() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    let query = |rest: &[u8]| [long_string("DESCRIBE KEYSPACES"), rest.to_vec()].concat();
    let cases: Vec<(&str, u8, Vec<u8>)> = vec![
        ("no body", 0x07, vec![]),
        ("text cut short", 0x07, vec![0, 0, 0, 9, b'S']),
        ("negative text length", 0x07, [vec![255; 4], vec![0, 1, 0]].concat()),
        ("no parameters", 0x07, query(&[])),
        ("half a consistency", 0x07, query(&[0])),
        ("unknown consistency", 0x07, query(&[0, 0x55, 0])),
        ("value of length -5", 0x07, query(&[0, 1, 1, 0, 1, 255, 255, 255, 251])),
        ("missing values", 0x07, query(&[0, 1, 1, 255, 255])),
        ("smallest timestamp", 0x07, query(&[0, 1, 0x20, 0x80, 0, 0, 0, 0, 0, 0, 0])),
        ("invalid UTF-8", 0x07, vec![0, 0, 0, 2, 0xff, 0xfe, 0, 1, 0]),
        ("unknown opcode", 0x55, vec![]),
        ("opcode of a response", 0x08, vec![]),
        ("opcode of version 1", 0x04, vec![0, 0]),
        ("batch type", 0x0D, vec![9, 0, 0, 0, 1, 0]),
        ("batch kind", 0x0D, vec![0, 0, 1, 7]),
        ("batch cut short", 0x0D, vec![0, 0, 200]),
        ("events cut short", 0x0B, vec![0, 3]),
    ];
    for (what, opcode, body) in cases {
        client.send_raw(opcode, 3, 0, &body);
        let (stream, response) = client.answer();
        // What DESCRIBE does not look at is refused all the same when it is not readable.
        let Response::Error(refused) = response else { panic!("{what}: {response:?}") };
        assert_eq!((stream, refused.code), (3, 0x000A), "{what}: {}", refused.message);
        assert!(matches!(client.query("DESCRIBE KEYSPACES"), Response::Result(_)), "after {what}");
    }
}

#[test]
fn trailing_bytes_and_unknown_flags_are_ignored() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    let body = [long_string("DESCRIBE KEYSPACES"), vec![0, 1, 0], b"zzzz".to_vec()].concat();
    // Compressed, although nothing was agreed: the flag has no meaning then.
    for odd in [0, 0x20, 0x80, flags::USE_BETA, flags::COMPRESSED] {
        client.send_raw(0x07, 1, odd, &body);
        assert!(matches!(client.answer().1, Response::Result(ResultBody::Rows(_))), "{odd:#x}");
    }
}

#[test]
fn a_custom_payload_is_accepted_where_the_version_has_one() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let body =
        [b"\0\x01\0\x01k\0\0\0\x01v".to_vec(), long_string("DESCRIBE KEYSPACES"), vec![0, 1, 0]].concat();
    let mut client = Client::v4(cluster.address(0));
    client.send_raw(0x07, 1, flags::CUSTOM_PAYLOAD, &body);
    assert!(matches!(client.answer().1, Response::Result(_)));
    let mut client = Client::connect(cluster.address(0), ProtocolVersion::V3, None);
    client.send_raw(0x07, 1, flags::CUSTOM_PAYLOAD, &body);
    assert_eq!(error(client.answer().1).0, 0x000A);
}

#[test]
fn a_negative_length_is_refused_and_the_connection_closed() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    client.send_envelopes(&[4, 0, 0, 1, 7, 255, 255, 255, 255]);
    assert_eq!(error(client.answer().1).0, 0x000A);
    assert_eq!(client.receive(), None);
}

#[test]
fn a_statement_nobody_prepared_is_unprepared_and_named() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    for id in [&b"0123456789abcdef"[..], b"", b"short"] {
        match client.execute(id) {
            Response::Error(body) => assert_eq!(body.error, DbError::Unprepared { id: id.to_vec().into() }),
            other => panic!("{other:?}"),
        }
    }
    let entry = BatchEntry { statement: BatchStatement::Prepared(b"abc"), values: Values::None };
    let batch = Batch {
        kind: BatchKind::Logged,
        entries: vec![entry],
        consistency: Consistency::One,
        serial_consistency: None,
        timestamp: None,
        keyspace: None,
        now_in_seconds: None,
    };
    assert_eq!(error(client.ask(&Request::Batch(batch))).0, 0x2500);
}

#[test]
fn a_prepared_statement_runs_on_every_connection_until_its_table_changes() {
    let cluster = with_table();
    for version in ProtocolVersion::ALL {
        let mut client = Client::connect(cluster.address(0), version, None);
        let prepared = client.prepare("TRUNCATE ks.t");
        assert_eq!(prepared.id.len(), 16);
        assert_eq!(prepared.result_metadata_id.is_some(), version == ProtocolVersion::V5);
        assert_eq!(client.execute(&prepared.id), Response::Result(ResultBody::Void));
        let mut other = Client::connect(cluster.address(0), version, None);
        assert_eq!(other.execute(&prepared.id), Response::Result(ResultBody::Void));
        client.query("ALTER TABLE ks.t WITH comment = 'changed'");
        client.query("DROP TABLE ks.t");
        client.query("CREATE TABLE ks.t (k int PRIMARY KEY, v text)");
        assert_eq!(error(other.execute(&prepared.id)).0, 0x2500);
        client.prepare("TRUNCATE ks.t");
        assert_eq!(other.execute(&prepared.id), Response::Result(ResultBody::Void));
    }
}

#[test]
fn use_sets_the_keyspace_of_the_connection_and_of_its_statements() {
    let cluster = with_table();
    let mut client = Client::v4(cluster.address(0));
    assert_eq!(error(client.query("TRUNCATE t")).0, 0x2200);
    assert_eq!(error(client.query("USE nowhere")).0, 0x2200);
    let expected = Response::Result(ResultBody::SetKeyspace("ks".to_owned()));
    assert_eq!(client.query("USE ks"), expected);
    assert_eq!(client.query("TRUNCATE t"), Response::Result(ResultBody::Void));
    let prepared = client.prepare("TRUNCATE t");
    let mut other = Client::v4(cluster.address(0));
    assert_eq!(error(other.query("TRUNCATE t")).0, 0x2200, "a keyspace belongs to its connection");
    assert_eq!(other.execute(&prepared.id), Response::Result(ResultBody::Void));
}

#[test]
fn version_five_takes_the_keyspace_with_the_request() {
    let cluster = with_table();
    let mut client = Client::connect(cluster.address(0), ProtocolVersion::V5, None);
    let parameters = QueryParameters { keyspace: Some("ks"), ..QueryParameters::default() };
    let query = Query { cql: "TRUNCATE t", parameters };
    assert_eq!(client.ask(&Request::Query(query)), Response::Result(ResultBody::Void));
    assert_eq!(error(client.query("TRUNCATE t")).0, 0x2200);
}

#[test]
fn a_wrong_number_of_values_is_invalid() {
    let cluster = with_table();
    let mut client = Client::v4(cluster.address(0));
    let prepared = client.prepare("TRUNCATE ks.t");
    let values = Values::Positional { count: 1, bytes: &[255; 4] };
    let parameters = QueryParameters { values, ..QueryParameters::default() };
    let execute = Execute { id: &prepared.id, result_metadata_id: None, parameters, tablet_version_block: 0 };
    let expected = (0x2200, "Invalid amount of bind variables".to_owned());
    assert_eq!(error(client.ask(&Request::Execute(execute))), expected);
}

#[test]
fn schema_changes_are_answered_and_told_to_those_who_registered() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let mut watcher = Client::connect(cluster.address(1), ProtocolVersion::V5, None);
    watcher.register(vec![EventKind::SchemaChange]);
    let mut bystander = Client::v4(cluster.address(1));
    let mut client = Client::v4(cluster.address(0));
    let change = |kind, target| SchemaChange { kind, keyspace: "ks".to_owned(), target };
    for (cql, expected) in [
        (KEYSPACE, change(SchemaChangeKind::Created, SchemaTarget::Keyspace)),
        (
            "CREATE TABLE ks.t (k int PRIMARY KEY)",
            change(SchemaChangeKind::Created, SchemaTarget::Table("t".to_owned())),
        ),
        (
            "ALTER TABLE ks.t ADD v int",
            change(SchemaChangeKind::Updated, SchemaTarget::Table("t".to_owned())),
        ),
        ("CREATE TYPE ks.u (a int)", change(SchemaChangeKind::Created, SchemaTarget::Type("u".to_owned()))),
        ("DROP KEYSPACE ks", change(SchemaChangeKind::Dropped, SchemaTarget::Keyspace)),
    ] {
        assert_eq!(client.query(cql), Response::Result(ResultBody::SchemaChange(expected.clone())));
        assert_eq!(watcher.answer(), (-1, Response::Event(Event::SchemaChange(expected))));
    }
    assert!(matches!(bystander.query("DESCRIBE KEYSPACES"), Response::Result(_)));
}

#[test]
fn a_traced_request_is_answered_with_the_id_of_its_trace() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    let body = [long_string("DESCRIBE KEYSPACES"), vec![0, 1, 0]].concat();
    client.send_raw(0x07, 1, flags::TRACING, &body);
    let Some((header, _)) = client.receive() else { panic!("no answer") };
    assert_eq!(header.flags, flags::TRACING);
}

#[test]
fn many_requests_in_one_write_are_all_answered_on_their_streams() {
    let cluster = with_table();
    for version in ProtocolVersion::ALL {
        let mut client = Client::connect(cluster.address(0), version, None);
        let prepared = client.prepare("TRUNCATE ks.t");
        let mut batch = Vec::new();
        for stream in 0..10_000i16 {
            let mut frame = Vec::new();
            let start = chorus_protocol::begin_frame(&mut frame, version, Opcode::Execute, 0);
            let parameters = QueryParameters::default();
            let id = &prepared.id;
            Execute { id, result_metadata_id: None, parameters, tablet_version_block: 0 }
                .encode(&client.shape, &mut frame)
                .unwrap();
            chorus_protocol::finish_frame(&mut frame, start).unwrap();
            frame[2..4].copy_from_slice(&stream.to_be_bytes());
            batch.extend_from_slice(&frame);
        }
        client.send_envelopes(&batch);
        for stream in 0..10_000 {
            assert_eq!(client.answer(), (stream, Response::Result(ResultBody::Void)));
        }
    }
}

//! Requests that go wrong as a test wants them to.

use std::time::{Duration, Instant};

use chorus_node::{EmbeddedCluster, Fault, Requests};
use chorus_protocol::request::{Query, QueryParameters, Request};
use chorus_protocol::{DbError, Opcode, ProtocolVersion, Response, ResultBody};

use crate::client::{Client, error};

fn query(cql: &str) -> Request<'_> {
    Request::Query(Query { cql, parameters: QueryParameters::default() })
}

#[test]
fn a_delayed_answer_comes_late_and_lets_others_pass() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    for version in ProtocolVersion::ALL {
        let mut client = Client::connect(cluster.address(0), version, None);
        cluster.faults().add(Requests::containing("keyspaces"), Fault::Delay(Duration::from_millis(150)));
        let started = Instant::now();
        client.send(1, &query("DESCRIBE KEYSPACES"));
        client.send(2, &query("DESCRIBE CLUSTER"));
        assert_eq!(client.answer().0, 2);
        assert_eq!(client.answer().0, 1);
        assert!(started.elapsed() >= Duration::from_millis(150));
        cluster.faults().clear();
    }
}

#[test]
fn held_answers_come_when_their_rule_is_gone_and_let_others_pass() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    for version in ProtocolVersion::ALL {
        let mut client = Client::connect(cluster.address(0), version, None);
        let held = cluster.faults().add(Requests::containing("keyspaces"), Fault::Hold);
        let other = cluster.faults().add(Requests::containing("types"), Fault::Hold);
        for (stream, text) in [(1, "keyspaces"), (2, "types"), (3, "keyspaces"), (4, "cluster")] {
            client.send(stream, &query(&format!("DESCRIBE {text}")));
        }
        assert_eq!(client.answer().0, 4);
        assert_eq!(cluster.faults().remove(held), Some(2));
        assert_eq!([client.answer().0, client.answer().0], [1, 3]);
        client.send(5, &query("DESCRIBE KEYSPACES"));
        assert_eq!(client.answer().0, 5, "nothing is held any more");
        assert_eq!(cluster.faults().fired(other), Some(1));
        cluster.faults().clear();
        assert_eq!(client.answer().0, 2);
    }
}

#[test]
fn a_dropped_answer_never_comes_though_the_request_was_carried_out() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    let create = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
    let rule = cluster.faults().add(Requests::containing("create").times(1), Fault::DropAnswer);
    client.send(1, &query(create));
    assert_eq!(error(client.query(create)).0, 0x2400, "it exists already");
    assert_eq!(cluster.faults().remove(rule), Some(1));
}

#[test]
fn a_dropped_request_is_not_carried_out() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    let create = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
    cluster.faults().add(Requests::containing("create").times(1), Fault::DropRequest);
    client.send(1, &query(create));
    assert!(matches!(client.query(create), Response::Result(ResultBody::SchemaChange(_))));
}

#[test]
fn a_connection_is_closed_before_or_after_its_request() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let create = |keyspace: &str| {
        format!(
            "CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        )
    };
    cluster.faults().add(Requests::containing("keyspace early"), Fault::Close);
    cluster.faults().add(Requests::containing("keyspace late"), Fault::CloseAfter);
    for (keyspace, exists) in [("early", false), ("late", true)] {
        let mut client = Client::v4(cluster.address(0));
        client.send(1, &query("DESCRIBE CLUSTER"));
        client.send(2, &query(&create(keyspace)));
        assert_eq!(client.answer().0, 1, "earlier answers are not lost");
        assert_eq!(client.receive(), None);
        assert_eq!(cluster.database().catalog().keyspace(keyspace).is_some(), exists);
    }
}

#[test]
fn an_error_of_choice_is_answered_with_its_details() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let unavailable =
        DbError::Unavailable { consistency: chorus_protocol::Consistency::Quorum, required: 2, alive: 1 };
    cluster.faults().add(
        Requests::opcode(Opcode::Query).on_node(1).nth(2),
        Fault::Error(unavailable.clone(), "Cannot achieve consistency level QUORUM".to_owned()),
    );
    let mut spared = Client::v4(cluster.address(0));
    let mut client = Client::v4(cluster.address(1));
    for _ in 0..3 {
        assert!(matches!(spared.query("DESCRIBE CLUSTER"), Response::Result(_)));
    }
    assert!(matches!(client.query("DESCRIBE CLUSTER"), Response::Result(_)));
    match client.query("DESCRIBE CLUSTER") {
        Response::Error(body) => assert_eq!((body.code, body.error), (0x1000, unavailable)),
        other => panic!("{other:?}"),
    }
    assert!(matches!(client.query("DESCRIBE CLUSTER"), Response::Result(_)));
}

#[test]
fn a_startup_can_be_left_unanswered() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    cluster.faults().add(Requests::opcode(Opcode::Startup), Fault::DropRequest);
    let mut client = Client::open(cluster.address(0), ProtocolVersion::V4);
    client.send(1, &Request::Startup(chorus_protocol::request::Startup::new("3.0.0")));
    client.send(2, &Request::Options);
    assert_eq!(client.answer().0, 2);
}

#[test]
fn garbage_is_sent_as_it_is() {
    use std::io::Read;
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    cluster.faults().add(Requests::containing("cluster"), Fault::Garbage(b"not a frame".to_vec()));
    client.send(1, &query("DESCRIBE CLUSTER"));
    let mut received = [0; 11];
    client.socket.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"not a frame");
}

#[test]
fn an_answer_may_be_short_on_another_stream_or_there_twice() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let ask = "DESCRIBE CLUSTER";
    for version in ProtocolVersion::ALL {
        let mut client = Client::connect(cluster.address(0), version, None);
        cluster.faults().add(Requests::containing("cluster").times(1), Fault::WrongStream(3));
        client.send(1, &query(ask));
        assert_eq!(client.answer().0, 4);
        cluster.faults().add(Requests::containing("cluster").times(1), Fault::AnswerTwice);
        client.send(1, &query(ask));
        let (first, second) = (client.answer(), client.answer());
        assert_eq!((first.0, &first), (1, &second));
        cluster.faults().clear();
    }
    // An empty body is still a frame, and what follows is understood.
    let mut client = Client::v4(cluster.address(0));
    cluster.faults().add(Requests::containing("cluster").times(1), Fault::Truncate(0));
    client.send(1, &query(ask));
    let mut header = [0; 9];
    std::io::Read::read_exact(&mut client.socket, &mut header).unwrap();
    assert_eq!(header, [0x84, 0, 0, 1, 8, 0, 0, 0, 0]);
    client.send(2, &query(ask));
    assert_eq!(client.answer().0, 2);
}

#[test]
fn an_answer_may_have_a_payload_nobody_asked_for() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let fault = Fault::Payload("key".to_owned(), b"value".to_vec());
    cluster.faults().add(Requests::containing("cluster"), fault);
    for version in [ProtocolVersion::V4, ProtocolVersion::V5] {
        let mut client = Client::connect(cluster.address(0), version, None);
        assert!(matches!(client.query("DESCRIBE CLUSTER"), Response::Result(_)));
        assert_eq!(client.payload.get("key").map(|value| &value[..]), Some(&b"value"[..]));
    }
}

#[test]
fn a_connection_ends_within_an_answer_or_is_reset() {
    use std::io::{ErrorKind, Read};
    let cluster = EmbeddedCluster::start(1).unwrap();
    cluster.faults().add(Requests::containing("cluster"), Fault::CloseMidAnswer(12));
    let mut client = Client::v4(cluster.address(0));
    client.send(1, &query("DESCRIBE CLUSTER"));
    let mut received = Vec::new();
    client.socket.read_to_end(&mut received).unwrap();
    assert_eq!((received.len(), received[4]), (12, Opcode::Result.as_u8()));

    cluster.faults().add(Requests::containing("keyspaces"), Fault::Reset);
    let mut client = Client::v4(cluster.address(0));
    client.send(1, &query("DESCRIBE KEYSPACES"));
    let error = client.socket.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn an_answer_trickles_in_and_is_whole_in_the_end() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    for version in [ProtocolVersion::V4, ProtocolVersion::V5] {
        let mut client = Client::connect(cluster.address(0), version, None);
        let pause = Duration::from_millis(1);
        cluster.faults().add(Requests::containing("cluster").times(1), Fault::Trickle(pause));
        let started = Instant::now();
        client.send(1, &query("DESCRIBE CLUSTER"));
        client.send(2, &query("DESCRIBE KEYSPACES"));
        let (stream, answer) = client.answer();
        assert_eq!(stream, 1);
        assert!(matches!(answer, Response::Result(_)));
        assert!(started.elapsed() >= 100 * pause, "{:?}", started.elapsed());
        assert_eq!(client.answer().0, 2);
        cluster.faults().clear();
    }
}

#[test]
fn rules_can_be_about_one_connection_or_one_request_of_each() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let busy = || Fault::Error(DbError::Overloaded, "busy".to_owned());
    cluster.faults().add(Requests::opcode(Opcode::Query).on_connection(2), busy());
    let (mut first, mut second) = (Client::v4(cluster.address(0)), Client::v4(cluster.address(0)));
    assert!(matches!(first.query("DESCRIBE CLUSTER"), Response::Result(_)));
    assert_eq!(error(second.query("DESCRIBE CLUSTER")).0, 0x1001);
    cluster.faults().clear();
    // The first request of each connection was STARTUP, the second one the query above.
    cluster.faults().add(Requests::all().nth_on_connection(3), busy());
    for client in [&mut first, &mut second] {
        assert_eq!(error(client.query("DESCRIBE CLUSTER")).0, 0x1001);
        assert!(matches!(client.query("DESCRIBE CLUSTER"), Response::Result(_)));
    }
}

#[test]
fn a_frozen_node_answers_what_it_was_asked_when_it_is_thawed() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let mut client = Client::v4(cluster.address(1));
    cluster.freeze_node(1);
    client.send(1, &query("DESCRIBE CLUSTER"));
    client.socket.set_read_timeout(Some(Duration::from_millis(60))).unwrap();
    let silence = client.socket.peek(&mut [0]).unwrap_err();
    assert!(matches!(silence.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut));
    // New clients get as far as the kernel; other nodes notice nothing.
    let waiting = std::net::TcpStream::connect(cluster.address(1)).unwrap();
    let accepted = cluster.accepted(1);
    Client::v4(cluster.address(0)).query("DESCRIBE CLUSTER");
    assert_eq!(cluster.accepted(1), accepted);
    cluster.thaw_node(1);
    client.socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(client.answer().0, 1);
    while cluster.accepted(1) == accepted {
        std::thread::yield_now();
    }
    drop(waiting);
    cluster.freeze_node(1);
    cluster.stop_node(1);
    cluster.start_node(1).unwrap();
    Client::v4(cluster.address(1)).query("DESCRIBE CLUSTER");
}

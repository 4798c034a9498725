//! Nodes that are divided into shards.

use std::net::{SocketAddr, TcpStream};

use chorus_node::{EmbeddedCluster, Fault, Requests, ShardPort, Shards, StartError};
use chorus_protocol::request::{EventKind, Request, Startup};
use chorus_protocol::response::{OperationKind, StatusChangeKind};
use chorus_protocol::token::{murmur3_token, shard_of};
use chorus_protocol::{DbError, Event, Opcode, ProtocolVersion, Response, ResultBody, ShardInfo, Supported};

use crate::client::{Client, error};

fn sharded(nodes: usize, shards: impl Into<Shards>) -> EmbeddedCluster {
    EmbeddedCluster::builder().nodes(nodes).shards(shards).start().unwrap()
}

fn info(supported: &Supported) -> ShardInfo {
    supported.shard_info().expect("the node has shards")
}

fn shard_aware(cluster: &EmbeddedCluster, node: usize) -> SocketAddr {
    SocketAddr::new(cluster.address(node).ip(), cluster.shard_aware_port(node).unwrap())
}

const KEYSPACE: &str =
    "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}";

#[test]
fn a_node_tells_its_shards_and_gives_each_connection_the_emptiest_one() {
    let cluster = sharded(1, Shards::new(3).ignore_msb(7));
    let mut clients: Vec<(Client, Supported)> = (0..4).map(|_| Client::scylla(cluster.address(0))).collect();
    let shards: Vec<u16> = clients.iter().map(|(_, supported)| info(supported).shard).collect();
    assert_eq!(shards, [0, 1, 2, 0]);
    assert_eq!(cluster.shard_connections(0), [2, 1, 1]);
    let told = info(&clients[0].1);
    assert!(told.is_computable());
    assert_eq!((told.nr_shards, told.ignore_msb, told.port), (3, 7, cluster.shard_aware_port(0)));
    clients.remove(1).0.socket.shutdown(std::net::Shutdown::Both).unwrap();
    while cluster.shard_connections(0) != [2, 0, 1] {
        std::thread::yield_now();
    }
    assert_eq!(info(&Client::scylla(cluster.address(0)).1).shard, 1);
}

#[test]
fn the_source_port_chooses_the_shard_on_the_shard_aware_port() {
    let cluster = sharded(2, 5);
    let address = shard_aware(&cluster, 1);
    assert_eq!(address.ip(), cluster.address(1).ip());
    for shard in [4, 0, 4] {
        let mut client = Client::open_from(address, shard, 5, ProtocolVersion::V4);
        assert_eq!(info(&client.extend()).shard, shard);
    }
}

#[test]
fn the_shard_aware_port_may_be_absent_dead_or_behind_address_translation() {
    let absent = sharded(1, Shards::new(2).port(ShardPort::Absent));
    assert_eq!(absent.shard_aware_port(0), None);
    assert_eq!(info(&Client::scylla(absent.address(0)).1).port, None);

    let dead = sharded(1, Shards::new(2).port(ShardPort::Dead));
    assert!(TcpStream::connect(shard_aware(&dead, 0)).is_err());
    assert_eq!(info(&Client::scylla(dead.address(0)).1).port, dead.shard_aware_port(0));

    let translated = sharded(1, Shards::new(4).port(ShardPort::Translated));
    let mut client = Client::open_from(shard_aware(&translated, 0), 3, 4, ProtocolVersion::V4);
    assert_eq!(info(&client.extend()).shard, 0);
}

#[test]
fn the_shard_aware_port_follows_an_ordinary_one_that_was_asked_for() {
    let free = EmbeddedCluster::start(1).unwrap().address(0);
    if free.port() > 55_535 {
        return;
    }
    let cluster = EmbeddedCluster::builder().listen(free).shards(2).start().unwrap();
    assert_eq!(cluster.shard_aware_port(0), Some(free.port() + 10_000));
    cluster.stop_node(0);
    assert!(TcpStream::connect(shard_aware(&cluster, 0)).is_err());
    cluster.start_node(0).unwrap();
    TcpStream::connect(shard_aware(&cluster, 0)).unwrap();
}

#[test]
fn requests_are_counted_by_whether_they_came_to_their_shard() {
    let cluster = sharded(3, 4);
    let mut clients: Vec<(usize, u16, Client)> = Vec::new();
    for node in 0..3 {
        for shard in 0..4 {
            let mut client = Client::open_from(shard_aware(&cluster, node), shard, 4, ProtocolVersion::V4);
            client.extend();
            clients.push((node, shard, client));
        }
    }
    clients[0].2.query(KEYSPACE);
    clients[0].2.query("CREATE TABLE ks.t (k int PRIMARY KEY)");
    let mut right = 0;
    for key in 0..40i32 {
        let token = murmur3_token(&key.to_be_bytes());
        let shard = shard_of(token, 4, 12);
        for (_, own, client) in &mut clients {
            let insert = client.prepare("INSERT INTO ks.t (k) VALUES (?)");
            assert_eq!(client.execute_int(&insert, key), Response::Result(ResultBody::Void));
            right += u64::from(u32::from(*own) == shard);
        }
    }
    let all = clients[0].2.prepare("SELECT k FROM ks.t");
    clients[0].2.execute(&all.id);
    clients[0].2.query("SELECT k FROM ks.t");
    // Of three nodes one has each partition, of its four shards one.
    let total = cluster.routing_report().total();
    assert_eq!((total.right, total.other_shard, total.elsewhere), (40, 120, 320));
    assert_eq!(total.right * 3, right);
    assert_eq!(total.unknown, 1, "the SELECT of everything that was prepared");
    assert_eq!(total.accuracy(), 40.0 / 480.0);
    let report = cluster.routing_report();
    assert!(report.nodes.iter().all(|node| node.right > 0));
    assert!(report.shards.iter().all(|shards| shards.len() == 4 && shards.iter().all(|count| *count > 40)));
    cluster.reset_routing();
    assert_eq!(cluster.routing_report().total(), Default::default());
}

#[test]
fn nodes_without_shards_count_what_was_for_them() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let mut client = Client::v4(cluster.address(0));
    client
        .query("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    client.query("CREATE TABLE ks.t (k int PRIMARY KEY)");
    let insert = client.prepare("INSERT INTO ks.t (k) VALUES (?)");
    (0..100).for_each(|key| drop(client.execute_int(&insert, key)));
    let total = cluster.routing_report().total();
    assert_eq!((total.right + total.elsewhere, total.other_shard), (100, 0));
    assert!((20..80).contains(&total.right), "{total:?}");
    assert_eq!(cluster.routing_report().shards, [[0u64; 0]; 2]);
}

#[test]
fn extensions_are_used_where_the_client_named_them() {
    let cluster = sharded(1, 2);
    let (mut client, supported) = Client::scylla(cluster.address(0));
    assert!(client.shape.metadata_id && client.shape.tablets_v1 && client.shape.lwt_mask.is_some());
    assert!(supported.host_id().is_some());
    let versions = supported.protocol_versions();
    assert_eq!(versions, [ProtocolVersion::V3, ProtocolVersion::V4]);
    client.query(KEYSPACE);
    client.query("CREATE TABLE ks.t (k int PRIMARY KEY, v int)");
    let conditional = client.prepare("INSERT INTO ks.t (k) VALUES (?) IF NOT EXISTS");
    assert!(client.shape.is_lwt(conditional.bind.flags));
    let select = client.prepare("SELECT v FROM ks.t WHERE k = ?");
    assert!(!client.shape.is_lwt(select.bind.flags));
    assert!(select.result_metadata_id.is_some_and(|id| !id.is_empty()));

    let mut plain = Client::v4(cluster.address(0));
    let conditional = plain.prepare("INSERT INTO ks.t (k) VALUES (?) IF NOT EXISTS");
    assert_eq!(conditional.bind.flags & 1 << 31, 0);
    assert_eq!(conditional.result_metadata_id, None);
}

#[test]
fn version_five_is_refused_where_there_are_shards_unless_it_was_asked_for() {
    let cluster = sharded(1, 2);
    let mut client = Client::open(cluster.address(0), ProtocolVersion::V5);
    let (code, message) = error(client.ask_anything());
    assert_eq!(code, 0x000A);
    assert!(message.contains("supported versions are (3/v3, 4/v4)"), "{message}");
    let cluster = EmbeddedCluster::builder().shards(2).newest_protocol(ProtocolVersion::V5).start().unwrap();
    Client::connect(cluster.address(0), ProtocolVersion::V5, None);
}

#[test]
fn cql_that_only_scylladb_has_is_understood_where_there_are_shards() {
    let statements = [
        "SELECT k FROM ks.t WHERE k = 1 USING TIMEOUT 50ms",
        "SELECT k FROM ks.t WHERE k = 1 BYPASS CACHE USING TIMEOUT 2s",
        "INSERT INTO ks.t (k) VALUES (1) USING TTL 5 AND TIMEOUT 50ms",
        "UPDATE ks.t USING TIMEOUT 50ms SET v = 1 WHERE k = 1",
        "DELETE FROM ks.t USING TIMEOUT 50ms WHERE k = 1",
        "ALTER TABLE ks.t WITH per_partition_rate_limit = {'max_reads_per_second': 1000}",
        "CREATE KEYSPACE tab WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1} \
         AND tablets = {'enabled': true}",
    ];
    let scylla = sharded(1, 2);
    let cassandra = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(scylla.address(0));
    let mut other = Client::v4(cassandra.address(0));
    for client in [&mut client, &mut other] {
        client.query(KEYSPACE);
        client.query("CREATE TABLE ks.t (k int PRIMARY KEY, v int)");
    }
    for statement in statements {
        assert!(matches!(client.query(statement), Response::Result(_)), "{statement}");
        let (code, message) = error(other.query(statement));
        assert!(matches!(code, 0x2200 | 0x2000), "{statement}: {message}");
    }
    for statement in ["SELECT k FROM ks.t USING TTL 5", "SELECT k FROM ks.t USING TIMEOUT 'long'"] {
        assert_eq!(error(client.query(statement)).0, 0x2000, "{statement}");
    }
}

#[test]
fn a_partition_asked_for_too_often_is_refused_with_an_error_the_client_knows() {
    let cluster = sharded(1, 2);
    let (mut client, _) = Client::scylla(cluster.address(0));
    client.query(KEYSPACE);
    client.query(
        "CREATE TABLE ks.t (k int PRIMARY KEY) WITH per_partition_rate_limit = \
         {'max_reads_per_second': 2, 'max_writes_per_second': 0}",
    );
    let select = client.prepare("SELECT k FROM ks.t WHERE k = ?");
    let insert = client.prepare("INSERT INTO ks.t (k) VALUES (?)");
    let limited = |operation| DbError::RateLimitReached { operation, rejected_by_coordinator: true };
    match client.execute_int(&insert, 1) {
        Response::Error(error) => {
            assert_eq!(
                (Some(error.code), error.error),
                (client.shape.rate_limit_code, limited(OperationKind::Write))
            );
        }
        other => panic!("{other:?}"),
    }
    let read = |client: &mut Client, key| match client.execute_int(&select, key) {
        Response::Result(_) => true,
        Response::Error(error) => {
            assert_eq!(error.error, limited(OperationKind::Read));
            false
        }
        other => panic!("{other:?}"),
    };
    // A second may end in between, but not twice.
    let served = (0..6).filter(|_| read(&mut client, 7)).count();
    assert!((2..=4).contains(&served), "{served}");
    assert!(read(&mut client, 8), "another partition");

    let mut plain = Client::v4(cluster.address(0));
    let insert = plain.prepare("INSERT INTO ks.t (k) VALUES (?)");
    assert_eq!(error(plain.execute_int(&insert, 1)).0, 0x2300, "a client that does not know the limit");
}

#[test]
fn rules_can_be_about_one_shard() {
    let cluster = sharded(1, 2);
    cluster.faults().add(
        Requests::opcode(Opcode::Query).on_shard(1),
        Fault::Error(DbError::Overloaded, "shard 1 is busy".to_owned()),
    );
    let (mut first, mut second) =
        (Client::scylla(cluster.address(0)).0, Client::scylla(cluster.address(0)).0);
    assert!(matches!(first.query("SELECT key FROM system.local"), Response::Result(_)));
    assert_eq!(error(second.query("SELECT key FROM system.local")).1, "shard 1 is busy");
}

#[test]
fn a_node_comes_back_with_other_shards() {
    let cluster = sharded(2, 4);
    let mut watcher = Client::v4(cluster.address(1));
    watcher.register(vec![EventKind::StatusChange]);
    cluster.reshard_node(0, Shards::new(2)).unwrap();
    let address = cluster.address(0);
    for kind in [StatusChangeKind::Down, StatusChangeKind::Up] {
        assert_eq!(watcher.answer(), (-1, Response::Event(Event::StatusChange { kind, address })));
    }
    assert_eq!(info(&Client::scylla(address).1).nr_shards, 2);
    assert_eq!(info(&Client::scylla(cluster.address(1)).1).nr_shards, 4);
    let plain = EmbeddedCluster::start(1).unwrap();
    assert!(matches!(plain.reshard_node(0, 2), Err(StartError::NoShards)));
}

#[test]
fn startup_may_name_extensions_the_node_does_not_have() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::open(cluster.address(0), ProtocolVersion::V4);
    let mut startup = Startup::new("3.0.0");
    for key in ["TABLETS_ROUTING_V1", "SCYLLA_USE_METADATA_ID", "SCYLLA_RATE_LIMIT_ERROR"] {
        startup.set(key, "");
    }
    assert_eq!(client.ask(&Request::Startup(startup)), Response::Ready);
    let prepared = client.prepare("SELECT key FROM system.local");
    assert_eq!(prepared.result_metadata_id, None);
}

//! Starting, stopping and dropping clusters.

use std::net::{SocketAddr, TcpListener, TcpStream};

use chorus_node::{EmbeddedCluster, StartError};
use chorus_protocol::request::{EventKind, Execute, QueryParameters, Request, Values};
use chorus_protocol::response::{StatusChangeKind, TopologyChangeKind};
use chorus_protocol::{Consistency, Event, Response, ResultBody};

use crate::client::{Client, error};

#[test]
fn a_dropped_cluster_leaves_no_listener_connection_or_thread() {
    let cluster = EmbeddedCluster::builder().name("dropped").nodes(3).threads(2).start().unwrap();
    let addresses = cluster.addresses();
    let mut clients: Vec<Client> = addresses.iter().map(|&address| Client::v4(address)).collect();
    assert_eq!(threads_named("dropped-node"), 2);
    drop(cluster);
    for client in &mut clients {
        assert_eq!(client.receive(), None);
    }
    for address in addresses {
        assert!(TcpStream::connect(address).is_err());
        TcpListener::bind(address).unwrap();
    }
    assert_eq!(threads_named("dropped-node"), 0);
}

fn threads_named(prefix: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.starts_with(prefix)).count()
}

#[test]
fn a_cluster_starts_and_stops_inside_of_any_runtime() {
    for runtime in
        [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()]
    {
        let mut runtime = runtime;
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            let cluster = EmbeddedCluster::start(1).unwrap();
            let address = cluster.address(0);
            let socket = tokio::net::TcpStream::connect(address).await.unwrap();
            cluster.stop_node(0);
            drop(socket);
            drop(cluster);
        });
    }
}

#[test]
fn a_stopped_node_hangs_up_forgets_its_statements_and_comes_back_at_its_address() {
    let cluster = EmbeddedCluster::start(3).unwrap();
    let mut watcher = Client::v4(cluster.address(0));
    watcher.register(vec![EventKind::StatusChange, EventKind::TopologyChange]);
    let mut client = Client::v4(cluster.address(1));
    client
        .query("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}");
    client.query("CREATE TABLE ks.t (k int PRIMARY KEY)");
    let prepared = client.prepare("TRUNCATE ks.t");
    assert_eq!(cluster.prepared(1), 1);
    let address = cluster.address(1);
    let status = |kind| (-1, Response::Event(Event::StatusChange { kind, address }));

    cluster.stop_node(1);
    assert!(!cluster.is_up(1));
    assert_eq!(cluster.connections(1), 0);
    assert_eq!(client.receive(), None);
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(watcher.answer(), status(StatusChangeKind::Down));
    cluster.stop_node(1);

    cluster.start_node(1).unwrap();
    cluster.start_node(1).unwrap();
    assert!(cluster.is_up(1));
    assert_eq!(watcher.answer(), status(StatusChangeKind::Up));
    let mut client = Client::v4(address);
    assert_eq!(error(client.execute(&prepared.id)).0, 0x2500);
    client.prepare("TRUNCATE ks.t");
    assert_eq!(client.execute(&prepared.id), Response::Result(ResultBody::Void), "the data is still there");
}

#[test]
fn nodes_are_reached_at_addresses_of_their_own() {
    let cluster = EmbeddedCluster::builder().datacenter("a", 2).datacenter("b", 2).racks(2).start().unwrap();
    let mut addresses = cluster.addresses();
    for &address in &addresses {
        let mut client = Client::v4(address);
        assert!(!client.is_closed());
    }
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 4);
}

#[test]
fn nobody_but_this_machine_is_served_without_authentication() {
    let public: SocketAddr = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(EmbeddedCluster::builder().listen(public).start(), Err(StartError::Public(_))));
    let guarded = EmbeddedCluster::builder().listen(public).authentication("ann", "s3cret");
    guarded.clone().start().unwrap();
    assert!(matches!(guarded.nodes(2).start(), Err(StartError::Wildcard(_))));
}

#[test]
fn a_cluster_without_nodes_or_at_a_taken_address_does_not_start() {
    assert!(matches!(EmbeddedCluster::start(0), Err(StartError::NoNodes)));
    let cluster = EmbeddedCluster::start(1).unwrap();
    match EmbeddedCluster::builder().listen(cluster.address(0)).start() {
        Err(StartError::Listen { address, .. }) => assert_eq!(address, cluster.address(0)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nodes_join_and_leave_and_everybody_is_told() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let mut watcher = Client::v4(cluster.address(0));
    watcher.register(vec![EventKind::TopologyChange, EventKind::StatusChange]);
    let peers = |client: &mut Client| match client.query("SELECT peer FROM system.peers_v2") {
        Response::Result(ResultBody::Rows(rows)) => rows.row_count,
        other => panic!("{other:?}"),
    };
    let mut asking = Client::v4(cluster.address(1));
    assert_eq!(peers(&mut asking), 1);

    assert!(matches!(cluster.add_node("elsewhere"), Err(StartError::UnknownDatacenter(_))));
    let number = cluster.add_node("datacenter1").unwrap();
    assert_eq!(number, 2);
    let address = cluster.address(2);
    let topology = |kind| (-1, Response::Event(Event::TopologyChange { kind, address }));
    assert_eq!(watcher.answer(), topology(TopologyChangeKind::NewNode));
    let up = Event::StatusChange { kind: StatusChangeKind::Up, address };
    assert_eq!(watcher.answer(), (-1, Response::Event(up)));
    assert_eq!(peers(&mut asking), 2);
    assert_eq!(peers(&mut Client::v4(address)), 2);

    cluster.remove_node(2);
    cluster.remove_node(2);
    assert_eq!(watcher.answer(), topology(TopologyChangeKind::RemovedNode));
    assert_eq!(peers(&mut asking), 1);
    assert!(TcpStream::connect(address).is_err());
    assert!(matches!(cluster.start_node(2), Err(StartError::Removed(_))));
    assert_eq!(cluster.addresses().len(), 2);
    assert_eq!(cluster.add_node("datacenter1").unwrap(), 3);
}

#[test]
fn a_node_gets_other_tokens_or_another_address_and_stays_who_it_is() {
    let cluster = EmbeddedCluster::start(2).unwrap();
    let mut watcher = Client::v4(cluster.address(0));
    watcher.register(vec![EventKind::TopologyChange, EventKind::StatusChange]);
    let mut asking = Client::v4(cluster.address(0));
    let mut peer = |column: &str| match asking.query(&format!("SELECT {column} FROM system.peers_v2")) {
        Response::Result(ResultBody::Rows(rows)) => rows.content,
        other => panic!("{other:?}"),
    };
    let (id, tokens, old) = (peer("host_id"), peer("tokens"), cluster.address(1));
    let topology = |kind, address| (-1, Response::Event(Event::TopologyChange { kind, address }));
    let status = |kind, address| (-1, Response::Event(Event::StatusChange { kind, address }));

    cluster.move_node(1).unwrap();
    assert_eq!(watcher.answer(), topology(TopologyChangeKind::MovedNode, old));
    assert_ne!(peer("tokens"), tokens);
    let tokens = peer("tokens");
    assert!(cluster.is_up(1));

    let new = cluster.readdress_node(1).unwrap();
    assert_ne!(new, old);
    assert_eq!((cluster.address(1), cluster.is_up(1)), (new, true));
    assert_eq!(watcher.answer(), status(StatusChangeKind::Down, old));
    assert_eq!(watcher.answer(), topology(TopologyChangeKind::RemovedNode, old));
    assert_eq!(watcher.answer(), topology(TopologyChangeKind::NewNode, new));
    assert_eq!(watcher.answer(), status(StatusChangeKind::Up, new));
    assert_eq!((peer("host_id"), peer("tokens")), (id, tokens));
    assert!(TcpStream::connect(old).is_err());
    Client::v4(new);
    let third = cluster.add_node("datacenter1").unwrap();
    assert!(![old, new].contains(&cluster.address(third)), "no address is given out twice");
    cluster.remove_node(1);
    assert!(matches!(cluster.move_node(1), Err(StartError::Removed(_))));
    assert!(matches!(cluster.readdress_node(1), Err(StartError::Removed(_))));
}

#[test]
fn nodes_join_racks() {
    let cluster = EmbeddedCluster::builder().nodes(2).racks(2).start().unwrap();
    cluster.add_node_in("datacenter1", "rack7").unwrap();
    let mut client = Client::v4(cluster.address(0));
    match client.query("SELECT rack FROM system.peers_v2 WHERE rack = 'rack7' ALLOW FILTERING") {
        Response::Result(ResultBody::Rows(rows)) => assert_eq!(rows.row_count, 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn with_nodes_down_only_what_enough_replicas_have_is_served() {
    let cluster = EmbeddedCluster::start(3).unwrap();
    let mut client = Client::v4(cluster.address(0));
    for (keyspace, factor) in [("one", 1), ("three", 3)] {
        let replication = format!("{{'class': 'SimpleStrategy', 'replication_factor': {factor}}}");
        client.query(&format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}"));
        client.query(&format!("CREATE TABLE {keyspace}.t (k int PRIMARY KEY)"));
    }
    let one = client.prepare("SELECT k FROM one.t WHERE k = ?");
    let three = client.prepare("INSERT INTO three.t (k) VALUES (?)");
    let mut served = |id: &[u8], consistency| {
        let served = (0..100i32).filter(|key| {
            let value = [&[0, 0, 0, 4], &key.to_be_bytes()[..]].concat();
            let values = Values::Positional { count: 1, bytes: &value };
            let parameters = QueryParameters { values, consistency, ..QueryParameters::default() };
            let execute = Execute { id, result_metadata_id: None, parameters, tablet_version_block: 0 };
            match client.ask(&Request::Execute(execute)) {
                Response::Result(_) => true,
                Response::Error(error) => {
                    assert_eq!(error.code, 0x1000, "{}", error.message);
                    false
                }
                other => panic!("{other:?}"),
            }
        });
        served.count()
    };
    assert_eq!(served(&one.id, Consistency::All), 100);
    cluster.stop_node(2);
    let left = served(&one.id, Consistency::One);
    assert!((40..90).contains(&left), "about a third was on the stopped node, but {left} of 100 are served");
    assert_eq!(served(&three.id, Consistency::Quorum), 100);
    assert_eq!(served(&three.id, Consistency::All), 0);
    cluster.stop_node(1);
    assert_eq!(served(&three.id, Consistency::Quorum), 0);
    assert_eq!(served(&three.id, Consistency::LocalOne), 100);
    cluster.start_node(1).unwrap();
    cluster.start_node(2).unwrap();
    assert_eq!(served(&three.id, Consistency::All), 100);
}

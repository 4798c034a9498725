//! Tables that are divided into tablets, and what clients are told of them.

use std::collections::BTreeMap;

use chorus_node::{EmbeddedCluster, Shards, Tablet, TabletError};
use chorus_protocol::request::{Execute, QueryParameters, Request, Values};
use chorus_protocol::token::murmur3_token;
use chorus_protocol::{CqlType, FromCql, ProtocolVersion, Response, ResultBody};

use crate::client::{Client, error};

fn cluster(nodes: usize, shards: impl Into<Shards>) -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().nodes(nodes).racks(3).shards(shards).start().unwrap();
    let mut client = Client::v4(cluster.address(0));
    client.query(
        "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 2} \
         AND tablets = {'enabled': true, 'initial': 8}",
    );
    client.query("CREATE TABLE ks.t (k int PRIMARY KEY)");
    cluster
}

fn token(key: i32) -> i64 {
    murmur3_token(&key.to_be_bytes()).0
}

fn tablet_of(tablets: &[Tablet], key: i32) -> &Tablet {
    tablets.iter().find(|tablet| tablet.first < token(key) && token(key) <= tablet.last).unwrap()
}

/// The tablet in a payload: range, and host id and shard of each replica.
type Told = (i64, i64, Vec<(uuid::Uuid, i32)>);

fn told(client: &Client, key: &str) -> Option<Told> {
    let replica = CqlType::tuple([CqlType::Uuid, CqlType::Int]);
    let typ = CqlType::tuple([CqlType::Bigint, CqlType::Bigint, CqlType::list(replica)]);
    let bytes = client.payload.get(key)?;
    Some(<Told>::from_cql(&typ, Some(bytes)).expect("the payload is a tablet"))
}

#[test]
fn a_client_that_asked_in_the_wrong_place_is_told_the_tablet() {
    let cluster = cluster(4, 3);
    let tablets = cluster.tablets("ks", "t").unwrap();
    assert_eq!(tablets.len(), 8);
    let host_ids: BTreeMap<usize, uuid::Uuid> =
        (0..4).map(|node| (node, Client::scylla(cluster.address(node)).1.host_id().unwrap())).collect();
    for node in 0..4 {
        let (mut client, supported) = Client::scylla(cluster.address(node));
        let shard = supported.shard_info().unwrap().shard;
        let insert = client.prepare("INSERT INTO ks.t (k) VALUES (?)");
        let select = client.prepare("SELECT k FROM ks.t WHERE k = ?");
        let (mut right, mut wrong) = (0, 0);
        for key in 0..100 {
            let tablet = tablet_of(&tablets, key);
            for statement in [&insert, &select] {
                assert!(matches!(client.execute_int(statement, key), Response::Result(_)));
                let told = told(&client, "tablets-routing-v1");
                if tablet.replicas.contains(&(node, shard)) {
                    assert_eq!(told, None, "it asked in the right place");
                    right += 1;
                    continue;
                }
                wrong += 1;
                let replicas: Vec<_> =
                    tablet.replicas.iter().map(|(node, shard)| (host_ids[node], i32::from(*shard))).collect();
                assert_eq!(told, Some((tablet.first, tablet.last, replicas)));
            }
        }
        assert!(wrong > right && wrong + right == 200, "{right} right, {wrong} wrong");
    }
    let total = cluster.routing_report().total();
    assert_eq!(total.right + total.other_shard + total.elsewhere, 800);
}

#[test]
fn nobody_is_told_who_did_not_ask_to_be() {
    let cluster = cluster(3, 2);
    let mut client = Client::v4(cluster.address(0));
    let insert = client.prepare("INSERT INTO ks.t (k) VALUES (?)");
    for key in 0..50 {
        client.execute_int(&insert, key);
        assert_eq!(client.payload.iter().count(), 0);
    }
    assert!(cluster.routing_report().total().elsewhere > 0);
}

#[test]
fn tablets_that_moved_are_told_anew() {
    let cluster = cluster(3, 2);
    let (mut client, supported) = Client::scylla(cluster.address(0));
    let own = supported.shard_info().unwrap().shard;
    let insert = client.prepare("INSERT INTO ks.t (k) VALUES (?)");
    let tablets = cluster.tablets("ks", "t").unwrap();
    let key = (0..).find(|key| tablet_of(&tablets, *key).replicas.contains(&(0, own))).unwrap();
    client.execute_int(&insert, key);
    assert_eq!(told(&client, "tablets-routing-v1"), None);

    let elsewhere =
        (0..3).find(|node| tablet_of(&tablets, key).replicas.iter().all(|(other, _)| other != node));
    cluster.move_tablet("ks", "t", token(key), 0, (elsewhere.unwrap(), 1)).unwrap();
    client.execute_int(&insert, key);
    let (first, last, replicas) = told(&client, "tablets-routing-v1").expect("it is elsewhere now");
    assert_eq!((first, last), (tablet_of(&tablets, key).first, tablet_of(&tablets, key).last));
    assert_eq!(replicas.len(), 2);

    cluster.split_tablets("ks", "t").unwrap();
    client.execute_int(&insert, key);
    let (half_first, half_last, _) = told(&client, "tablets-routing-v1").expect("it is still elsewhere");
    assert!(half_first == first || half_last == last);
    assert!(half_last.wrapping_sub(half_first) < last.wrapping_sub(first));
    assert_eq!(cluster.tablets("ks", "t").unwrap().len(), 16);

    assert_eq!(cluster.move_tablet("ks", "t", token(key), 0, (1, 9)), Err(TabletError::NoSuchShard(1, 9)));
    assert_eq!(cluster.tablets("ks", "nothing"), Err(TabletError::NoTablets));
}

#[test]
fn versions_are_told_to_clients_that_know_another() {
    let cluster = cluster(2, Shards::new(2).tablets_v2(true));
    let mut client = Client::open(cluster.address(0), ProtocolVersion::V4);
    let mut startup = chorus_protocol::request::Startup::new("3.0.0");
    startup.set("TABLETS_ROUTING_V2_EXPERIMENTAL", "");
    assert_eq!(client.ask(&Request::Startup(startup)), Response::Ready);
    client.shape.tablets_v2 = true;
    let insert = client.prepare("INSERT INTO ks.t (k) VALUES (?)");
    let version = tablet_of(&cluster.tablets("ks", "t").unwrap(), 5).version;
    let mut execute = |block| {
        let values = Values::Positional { count: 1, bytes: &[0, 0, 0, 4, 0, 0, 0, 5] };
        let response = client.ask(&Request::Execute(Execute {
            id: &insert.id,
            result_metadata_id: None,
            parameters: QueryParameters { values, ..QueryParameters::default() },
            tablet_version_block: block,
        }));
        assert_eq!(response, Response::Result(ResultBody::Void));
        client.payload.get("tablets-routing-v2").map(|value| value[value.len() - 8..].to_vec())
    };
    let block = (version & 0xf) as u8;
    assert_eq!(execute(block), None, "it knows the last four bits");
    assert_eq!(execute(block ^ 1), Some(version.to_be_bytes().to_vec()));
}

#[test]
fn tablets_are_where_keyspaces_say_so_and_by_datacenter_only() {
    let cluster = cluster(2, 2);
    let mut client = Client::v4(cluster.address(0));
    let replication = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}";
    client.query(&format!("CREATE KEYSPACE ring WITH replication = {replication}"));
    client.query("CREATE TABLE ring.t (k int PRIMARY KEY)");
    assert_eq!(cluster.tablets("ring", "t"), Err(TabletError::NoTablets));
    let off =
        format!("CREATE KEYSPACE off WITH replication = {replication} AND tablets = {{'enabled': false}}");
    assert!(matches!(client.query(&off), Response::Result(_)));
    let simple = "CREATE KEYSPACE simple WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1} \
                  AND tablets = {'enabled': true}";
    assert_eq!(error(client.query(simple)).0, 0x2300);
    assert_eq!(error(client.query("ALTER KEYSPACE ring WITH tablets = {'enabled': true}")).0, 0x2300);

    let Response::Result(ResultBody::Rows(rows)) =
        client.query("SELECT keyspace_name, initial_tablets FROM system_schema.scylla_keyspaces")
    else {
        panic!("no rows")
    };
    assert_eq!(rows.row_count, 1, "keyspaces on the ring are not there");
    let Response::Result(ResultBody::Rows(rows)) = client.query("DESCRIBE KEYSPACE ks") else {
        panic!("no rows")
    };
    let text = String::from_utf8_lossy(&rows.content).into_owned();
    assert!(text.contains("AND tablets = {'enabled': true, 'initial': 8};"), "{text}");
}

#[test]
fn strong_consistency_needs_tablets_and_is_told() {
    let cluster = cluster(3, 2);
    let mut client = Client::v4(cluster.address(0));
    let told = |client: &mut Client| {
        let text = "SELECT consistency FROM system_schema.scylla_keyspaces WHERE keyspace_name = 'ks'";
        let Response::Result(ResultBody::Rows(rows)) = client.query(text) else { panic!("no rows") };
        rows.rows::<(Option<String>,)>().unwrap().next().unwrap().unwrap().0
    };
    assert_eq!(told(&mut client), None);
    for mode in ["local", "global"] {
        client.query(&format!("ALTER KEYSPACE ks WITH consistency = '{mode}'"));
        assert_eq!(told(&mut client).as_deref(), Some(mode));
    }
    let Response::Result(ResultBody::Rows(rows)) = client.query("DESCRIBE KEYSPACE ks") else {
        panic!("no rows")
    };
    assert!(String::from_utf8_lossy(&rows.content).contains(" AND consistency = 'global';"));
    client.query("ALTER KEYSPACE ks WITH consistency = 'eventual'");
    assert_eq!(told(&mut client), None);
    assert_eq!(error(client.query("ALTER KEYSPACE ks WITH consistency = 'perhaps'")).0, 0x2300);
    let ring = "CREATE KEYSPACE ring WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1} \
                AND consistency = 'global'";
    assert_eq!(error(client.query(ring)).0, 0x2300);

    let tablet = cluster.tablets("ks", "t").unwrap().remove(3);
    let outside = (0..3).find(|node| tablet.replicas.iter().all(|(other, _)| other != node));
    if let Some(outside) = outside {
        assert_eq!(
            cluster.elect_leader("ks", "t", tablet.last, outside),
            Err(TabletError::NotThere(outside))
        );
    }
    let last = tablet.replicas.last().unwrap().0;
    cluster.elect_leader("ks", "t", tablet.last, last).unwrap();
    assert_eq!(cluster.tablets("ks", "t").unwrap()[3].replicas[0].0, last);
}

#[test]
fn a_table_that_is_made_anew_has_tablets_of_its_own_and_a_node_that_leaves_none() {
    let cluster = cluster(3, 2);
    let before = cluster.tablets("ks", "t").unwrap();
    assert!(before.iter().any(|tablet| tablet.replicas.iter().any(|(node, _)| *node == 2)));
    cluster.remove_node(2);
    let after = cluster.tablets("ks", "t").unwrap();
    assert!(after.iter().all(|tablet| tablet.replicas.iter().all(|(node, _)| *node != 2)));
    assert!(after.iter().all(|tablet| tablet.replicas.len() == 2));
    let mut client = Client::v4(cluster.address(0));
    cluster.split_tablets("ks", "t").unwrap();
    client.query("DROP TABLE ks.t");
    assert_eq!(cluster.tablets("ks", "t"), Err(TabletError::NoTablets));
    client.query("CREATE TABLE ks.t (k int PRIMARY KEY)");
    assert_eq!(cluster.tablets("ks", "t").unwrap().len(), 8);
}

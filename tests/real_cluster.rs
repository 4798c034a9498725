//! What sessions know of a real cluster of three nodes.
//!
//! `cargo xtask test --only three-nodes` starts it and names its nodes in `CHORUS_CASSANDRA_NODES`, with commas between. Tests in
//! a module called `three_nodes` run against it and against nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chorus::{AgreementScope, Consistency, Session, SessionBuilder};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn nodes() -> Vec<String> {
    let nodes =
        std::env::var("CHORUS_CASSANDRA_NODES").expect("CHORUS_CASSANDRA_NODES is a list of HOST:PORT");
    nodes.split(',').map(str::to_owned).collect()
}

fn cluster() -> SessionBuilder {
    // One is enough to know all. A row is read from the replicas it was written to only if both are most of them.
    let builder =
        Session::builder().contact_points(nodes().into_iter().take(1)).consistency(Consistency::Quorum);
    builder.request_timeout(Duration::from_secs(30)).wait_for_all_hosts(true)
}

async fn keyspace(session: &Session, name: &str, replication: &str) -> Outcome {
    session.query(format!("DROP KEYSPACE IF EXISTS {name}"), ()).await?;
    session.query(format!("CREATE KEYSPACE {name} WITH replication = {replication}"), ()).await?;
    session
        .query(format!("CREATE TABLE {name}.pairs (a int, b text, v int, PRIMARY KEY ((a, b)))"), ())
        .await?;
    Ok(())
}

/// Which addresses hold what ends at each token of the ring, as the server says it.
async fn told_by_the_server(
    keyspace: &str,
) -> Result<BTreeMap<String, BTreeSet<String>>, Box<dyn std::error::Error>> {
    // The answer depends on the keyspace of the connection.
    let session = cluster().keyspace(keyspace).connect().await?;
    let described = session.query("DESCRIBE CLUSTER", ()).await?;
    let (_, _, _, ranges) =
        described.single_row::<(String, String, String, BTreeMap<String, Vec<String>>)>()?;
    let host = |endpoint: &String| {
        let address = endpoint.trim_start_matches('/');
        address.rsplit_once(':').map_or(address, |(host, _)| host).to_owned()
    };
    Ok(ranges
        .iter()
        .map(|(token, endpoints)| (token.clone(), endpoints.iter().map(host).collect()))
        .collect())
}

mod three_nodes {
    use super::*;

    #[tokio::test]
    #[ignore = "needs three nodes of Cassandra in CHORUS_CASSANDRA_NODES"]
    async fn replicas_are_where_the_servers_say() -> Outcome {
        let session = cluster().connect().await?;
        for (name, replication) in [
            ("chorus_simple_1", "{'class': 'SimpleStrategy', 'replication_factor': 1}"),
            ("chorus_simple_2", "{'class': 'SimpleStrategy', 'replication_factor': 2}"),
            ("chorus_network_1", "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}"),
            ("chorus_network_2", "{'class': 'NetworkTopologyStrategy', 'datacenter1': 2}"),
            ("chorus_network_3", "{'class': 'NetworkTopologyStrategy', 'datacenter1': 3}"),
        ] {
            keyspace(&session, name, replication).await?;
            let theirs = told_by_the_server(name).await?;
            let state = session.state();
            let ours: BTreeMap<String, BTreeSet<String>> = (state.ring_of(name).iter())
                .map(|range| {
                    let hosts = range.replicas.iter().map(|host| host.address.ip().to_string());
                    (range.last.to_string(), hosts.collect())
                })
                .collect();
            assert_eq!(ours.len(), 48, "three nodes with sixteen tokens each");
            assert_eq!(ours, theirs, "{name}");

            // The same through a statement with values, and a token that the server computes.
            let insert =
                session.prepare(format!("INSERT INTO {name}.pairs (v, b, a) VALUES (?, ?, ?)")).await?;
            for a in 0..50 {
                let values = (1, "é and more", a);
                session.execute(&insert, values).await?;
                let key = insert.routing_key(values)?.expect("the whole key is bound");
                let select = format!("SELECT token(a, b) FROM {name}.pairs WHERE a = ? AND b = ?");
                let (token,) = session.query(select, (a, "é and more")).await?.single_row::<(i64,)>()?;
                assert_eq!(state.token(&key).map(|token| token.to_string()), Some(token.to_string()));
                let replicas = insert.replicas(&state, values)?;
                let range = (state.ring_of(name).into_iter())
                    .find(|range| range.last.to_string().parse::<i64>().is_ok_and(|last| token <= last))
                    .unwrap_or_else(|| state.ring_of(name).remove(0));
                assert_eq!(replicas, range.replicas);
            }
            session.query(format!("DROP KEYSPACE {name}"), ()).await?;
        }
        Ok(())
    }

    #[tokio::test]
    #[ignore = "needs three nodes of Cassandra in CHORUS_CASSANDRA_NODES"]
    async fn hosts_stand_where_they_say_and_all_are_up() -> Outcome {
        let session = cluster().connect().await?;
        let state = session.state();
        let datacenters = state.datacenters();
        assert_eq!(datacenters.keys().copied().collect::<Vec<_>>(), ["datacenter1"]);
        let racks: Vec<_> =
            datacenters["datacenter1"].iter().map(|(rack, hosts)| (*rack, hosts.len())).collect();
        assert_eq!(racks, [("rack1", 1), ("rack2", 1), ("rack3", 1)]);
        assert!(state.hosts.iter().all(|host| state.is_up(host) && host.tokens.len() == 16));
        let known: BTreeSet<String> = state.hosts.iter().map(|host| host.address.to_string()).collect();
        assert_eq!(known, nodes().into_iter().collect());
        // Each of them says the same of itself.
        for host in state.hosts.iter() {
            let alone = Session::builder().contact_point(host.address).connect().await?;
            let own = alone.control_host().expect("it is the one we connected to");
            assert_eq!((own.id, &own.rack), (host.id, &host.rack));
            assert_eq!(alone.state().hosts.len(), 3);
        }
        assert!(session.control_host().is_some_and(|host| nodes()[0] == host.address.to_string()));
        Ok(())
    }

    #[tokio::test]
    #[ignore = "needs three nodes of Cassandra in CHORUS_CASSANDRA_NODES"]
    async fn a_schema_change_returns_when_every_node_knows_it() -> Outcome {
        let session = cluster().connect().await?;
        let name = "chorus_agreed";
        keyspace(&session, name, "{'class': 'SimpleStrategy', 'replication_factor': 3}").await?;
        for number in 0..5 {
            let create = format!("CREATE TABLE {name}.t{number} (k int PRIMARY KEY)");
            let result = session.query(create, ()).await?;
            assert!(result.schema_agreed());
            let version = session
                .await_schema_agreement_among(AgreementScope::Cluster, Duration::from_secs(10))
                .await?;
            assert!(version.is_some());
            // Whichever host is asked, it knows the table.
            for _ in 0..6 {
                session.query(format!("SELECT k FROM {name}.t{number}"), ()).await?;
            }
        }
        session.query(format!("DROP KEYSPACE {name}"), ()).await?;
        Ok(())
    }
}

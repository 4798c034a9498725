//! What a session does over TLS is what it does without.

use std::time::Duration;

use chorus::{Compression, ProtocolVersion, Session};

use futures::StreamExt;

use chorus_node::{EmbeddedCluster, Shards};

use crate::authority::{Authority, connect, node};

const KEYSPACE: &str =
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
const TABLE: &str = "CREATE TABLE ks.texts (id int PRIMARY KEY, body text)";

#[tokio::test]
async fn requests_pages_and_bulk_loads_go_over_tls_as_they_go_without() {
    let authority = Authority::new("ours");
    let cluster = node(authority.issue(&["127.0.0.1"]).node());
    let session = connect(&cluster, authority.trusted()).await.unwrap();
    session.query(KEYSPACE, ()).await.unwrap();
    session.query(TABLE, ()).await.unwrap();
    let insert = session.prepare("INSERT INTO ks.texts (id, body) VALUES (?, ?)").await.unwrap();
    // More than a record, more than a buffer, and many at once.
    let large = "x".repeat(3_000_000);
    session.execute(&insert, (-1, &large)).await.unwrap();
    let report = session.bulk(&insert).load((0..20_000).map(|id| (id, format!("row {id}")))).await.unwrap();
    assert_eq!((report.written, report.failed.len()), (20_000, 0));
    let pages = session.query_iter("SELECT id, body FROM ks.texts", ()).await.unwrap();
    let mut rows = pages.rows::<(i32, String)>().unwrap();
    let mut seen = 0;
    while let Some(row) = rows.next().await {
        let (id, body) = row.unwrap();
        assert!(if id < 0 { body == large } else { body == format!("row {id}") });
        seen += 1;
    }
    assert_eq!(seen, 20_001);
    session.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn every_version_and_compression_goes_over_tls() {
    let authority = Authority::new("ours");
    let cluster = node(authority.issue(&["127.0.0.1"]).node());
    let tls = authority.trusted().build().unwrap();
    for version in ProtocolVersion::ALL {
        for compression in [None, Some(Compression::Lz4)] {
            let builder = Session::builder().contact_points(cluster.addresses()).tls(tls.clone());
            let session = builder.protocol_version(version).compression(compression).connect().await.unwrap();
            let rows = session.query("SELECT cluster_name FROM system.local", ()).await.unwrap();
            assert_eq!(rows.single_row::<(&str,)>().unwrap(), ("embedded",), "{version}");
        }
    }
}

#[test]
fn a_program_without_a_runtime_connects_over_tls() {
    let authority = Authority::new("ours");
    let cluster = node(authority.issue(&["127.0.0.1"]).node());
    let tls = authority.trusted().build().unwrap();
    let builder = Session::builder().contact_points(cluster.addresses()).tls(tls);
    let session = chorus::blocking::Session::connect(builder).unwrap();
    session.query("SELECT key FROM system.local", ()).unwrap();
}

#[tokio::test]
async fn every_shard_of_a_secured_host_is_connected() {
    let authority = Authority::new("ours");
    let cluster = EmbeddedCluster::builder()
        .shards(Shards::new(4))
        .tls(authority.issue(&["127.0.0.1"]).node())
        .start()
        .unwrap();
    let session = connect(&cluster, authority.trusted()).await.unwrap();
    let filled = async {
        while cluster.shard_connections(0).contains(&0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), filled).await.expect("a connection to every shard");
    session.query("SELECT key FROM system.local", ()).await.unwrap();
}

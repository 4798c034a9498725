//! The version of the protocol that is in beta.

use chorus::{Batch, ErrorKind, ProtocolVersion, Session, SessionBuilder};
use chorus_node::EmbeddedCluster;

async fn session(
    newest: ProtocolVersion,
    configure: impl FnOnce(SessionBuilder) -> SessionBuilder,
) -> (EmbeddedCluster, Session) {
    let cluster =
        EmbeddedCluster::builder().nodes(2).newest_protocol(newest).start().expect("the nodes start");
    let builder = Session::builder().contact_points(cluster.addresses()).wait_for_all_hosts(true);
    let session = configure(builder).connect().await.expect("the nodes are reachable");
    (cluster, session)
}

#[tokio::test]
async fn a_version_in_beta_is_spoken_when_it_is_allowed_and_offered() {
    let (_cluster, session) = session(ProtocolVersion::V6, |builder| builder.allow_beta_protocol(true)).await;
    assert_eq!(session.protocol_version(), ProtocolVersion::V6);
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    session.query(format!("CREATE KEYSPACE ks WITH replication = {replication}"), ()).await.expect("made");
    session.query("CREATE TABLE ks.t (k int PRIMARY KEY, v text)", ()).await.expect("made");
    let insert = session.prepare("INSERT INTO ks.t (k, v) VALUES (?, ?)").await.expect("prepared");
    session.execute(&insert, (0, "one")).await.expect("written");
    let rows = || (0..300).map(|k| (k, "many"));
    session.execute_concurrent_with_args(&insert, rows()).run().await.expect("written");
    session.bulk(&insert).load(rows()).await.expect("written");
    let mut batch = Batch::unlogged();
    batch.bind(&insert, (300, "batch")).expect("fits");
    session.batch(&batch).await.expect("written");
    let select = session.prepare("SELECT v FROM ks.t WHERE k = ?").await.expect("prepared");
    for _ in 0..3 {
        let read = session.execute(&select, (7,)).await.expect("read");
        assert_eq!(read.single_row::<(String,)>().expect("one row").0, "many");
    }
    let count = session.query("SELECT count(*) FROM ks.t", ()).await.expect("read");
    assert_eq!(count.single_row::<(i64,)>().expect("one row"), (301,));
}

#[tokio::test]
async fn where_the_beta_is_refused_the_released_version_is_spoken() {
    for (newest, allowed, spoken) in [
        (ProtocolVersion::V5, true, ProtocolVersion::V5),
        (ProtocolVersion::V4, true, ProtocolVersion::V4),
        (ProtocolVersion::V6, false, ProtocolVersion::V5),
    ] {
        let (_cluster, session) = session(newest, |builder| builder.allow_beta_protocol(allowed)).await;
        assert_eq!(session.protocol_version(), spoken, "{newest}, allowed: {allowed}");
        session.query("SELECT key FROM system.local", ()).await.expect("read");
    }
    let unasked = Session::builder().contact_point(std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
    let error = unasked.protocol_version(ProtocolVersion::V6).connect().await.expect_err("not allowed");
    assert_eq!(error.kind(), ErrorKind::Config);
}

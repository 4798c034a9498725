//! Every type of value through servers and other clients: what was written is read back equal.

mod cells;
mod exchange;
mod round_trip;
mod shapes;

use std::time::Duration;

use chorus::Session;
use chorus_node::EmbeddedCluster;

const KEYSPACE: &str =
    "CREATE KEYSPACE shapes WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

#[test]
fn every_type_nested_three_deep_comes_back_from_the_embedded_node() {
    let runtime = runtime();
    let (_cluster, session) = runtime.block_on(async {
        let cluster = EmbeddedCluster::start(1).expect("the node starts");
        let session =
            Session::builder().contact_points(cluster.addresses()).connect().await.expect("connects");
        session.query(KEYSPACE, ()).await.expect("created");
        (cluster, session)
    });
    round_trip::every_type_comes_back(&runtime, &session, "shapes", 40);
}

#[test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
fn every_type_nested_three_deep_comes_back_from_cassandra() {
    let address =
        std::env::var("CHORUS_CASSANDRA").expect("CHORUS_CASSANDRA is the HOST:PORT of a Cassandra");
    let runtime = runtime();
    let session = runtime.block_on(async {
        let builder = Session::builder().contact_point(address).request_timeout(Duration::from_secs(30));
        let session = builder.connect().await.expect("connects");
        session.query("DROP KEYSPACE IF EXISTS shapes", ()).await.expect("dropped");
        session.query(KEYSPACE, ()).await.expect("created");
        session
    });
    round_trip::every_type_comes_back(&runtime, &session, "shapes", 25);
}

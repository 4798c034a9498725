//! The object mapper, against the embedded cluster, and in `real` against an Apache Cassandra.
//!
//! `definitions` is what derived models say of their tables; `schema` makes those tables, and `indexes` what the embedded node does not
//! have; the others read and write them, most of them those of `tables`.

mod batches;
mod bulk;
mod definitions;
mod indexes;
mod named;
mod real;
mod schema;
mod selects;
mod servers;
mod tables;
mod tracked;
mod values;
mod variants;
mod waiting;
mod writes;

use chorus::Session;
use chorus::mapper::Mapper;
use chorus_node::EmbeddedCluster;

/// A node with an empty keyspace `shop`, and a mapper that works in it.
async fn shop() -> (EmbeddedCluster, Mapper) {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let session = Session::builder().contact_points(cluster.addresses()).connect().await.expect("connects");
    let mapper = Mapper::new(&session).with_keyspace("shop");
    mapper.schema().create_keyspace("shop").replication_factor(1).await.expect("created");
    (cluster, mapper)
}

//! The node that is started when no host was given.

use std::net::SocketAddr;

use chorus_node::EmbeddedCluster;

use crate::exit::{Exit, Failure};

/// Starts `nodes` embedded nodes at `listen`, divided into `shards` if that is a number.
pub(crate) fn start(listen: SocketAddr, nodes: u8, shards: Option<u16>) -> Result<EmbeddedCluster, Failure> {
    let mut cluster = EmbeddedCluster::builder().nodes(usize::from(nodes)).listen(listen);
    if let Some(shards) = shards {
        cluster = cluster.shards(shards);
    }
    cluster.start().map_err(|error| {
        Failure::new(Exit::Cluster, format!("cannot start the embedded node at {listen}: {error}"))
    })
}

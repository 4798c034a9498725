//! The node that is started when no host was given.

use std::net::SocketAddr;

use chorus_node::EmbeddedCluster;

use crate::exit::{Exit, Failure};

/// Starts `nodes` embedded nodes at `listen`.
pub(crate) fn start(listen: SocketAddr, nodes: u8) -> Result<EmbeddedCluster, Failure> {
    EmbeddedCluster::builder().nodes(usize::from(nodes)).listen(listen).start().map_err(|error| {
        Failure::new(Exit::Cluster, format!("cannot start the embedded node at {listen}: {error}"))
    })
}

//! The node that is started when no host was given, or by itself.

use std::net::SocketAddr;
use std::path::Path;

use chorus_node::{EmbeddedCluster, NodeTls};

use crate::args::NodeArgs;
use crate::exit::{Exit, Failure, chain};

/// Starts one embedded node at `listen`.
pub(crate) fn one(listen: SocketAddr) -> Result<EmbeddedCluster, Failure> {
    start(listen, EmbeddedCluster::builder())
}

/// Starts what was asked for.
pub(crate) fn many(args: &NodeArgs) -> Result<EmbeddedCluster, Failure> {
    let mut cluster = EmbeddedCluster::builder().nodes(usize::from(args.nodes));
    if let Some(shards) = args.shards {
        cluster = cluster.shards(shards);
    }
    if let Some(bytes) = args.memory_limit {
        cluster = cluster.memory_limit(bytes);
    }
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        cluster = cluster.tls(tls(certificate, key, args.tls_client_ca.as_deref())?);
    }
    start(args.listen, cluster)
}

fn start(
    listen: SocketAddr,
    cluster: chorus_node::EmbeddedClusterBuilder,
) -> Result<EmbeddedCluster, Failure> {
    cluster.listen(listen).start().map_err(|error| {
        Failure::new(Exit::Cluster, format!("cannot start the embedded node at {listen}: {error}"))
    })
}

fn tls(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<NodeTls, Failure> {
    let (certificate, key) = (read(certificate)?, read(key)?);
    let tls = match client_ca {
        Some(authorities) => NodeTls::from_pem_for_clients_of(certificate, key, read(authorities)?),
        None => NodeTls::from_pem(certificate, key),
    };
    tls.map_err(|error| Failure::new(Exit::Usage, format!("cannot speak TLS: {}", chain(&error))))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file)
        .map_err(|error| Failure::new(Exit::Usage, format!("cannot read {}: {error}", file.display())))
}

//! Several nodes on loopback addresses that nobody else uses.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use rustix::process::Pid;

use super::acquainted;
use super::node::{ClientTls, Installation, Node, NodeConfig};
use crate::certificates::Certificates;
use crate::process::is_running;
use crate::steps::Stop;
use crate::tree::Tree;

/// Linux answers on all of 127.0.0.0/8, so every cluster has the usual ports on addresses of its own.
const NATIVE_PORT: u16 = 9042;
pub(super) const STORAGE_PORT: u16 = 7000;

/// What a cluster should look like.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// One rack each, all in `datacenter1`.
    pub(crate) nodes: u8,
    pub(crate) auth: bool,
    /// What it acknowledged outlives a kill; otherwise it acknowledges sooner.
    pub(crate) durable: bool,
    /// Speaks TLS with clients as well.
    pub(crate) tls: Option<Tls>,
    /// The first node's address; the others follow. `None` takes a block that is free.
    pub(crate) first: Option<Ipv4Addr>,
}

/// How clients may speak TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Anybody may.
    Anybody,
    /// Whoever shows a certificate.
    Identified,
}

/// A running cluster; stopped and its data removed when dropped.
pub(crate) struct Cluster {
    nodes: Vec<Node>,
    /// Removed with the cluster, unless somebody wants to look at it.
    directory: PathBuf,
    /// What it shows to clients that speak TLS, and what those need.
    certificates: Option<Certificates>,
    keep: bool,
}

/// How often a further node may try to join.
const MOST_JOINS: u32 = 3;

impl Cluster {
    /// Fetches what is needed, starts the nodes one after another, waits for each, and then until they know each other.
    pub(crate) fn start(tree: &Tree, name: &str, layout: &Layout) -> Result<Cluster, Stop> {
        let installation = Installation::provide(tree)?;
        remove_leftovers(&tree.target.join("cassandra"));
        let directory = tree.target.join("cassandra").join(name);
        let _ = std::fs::remove_dir_all(&directory);
        let first = match layout.first {
            Some(first) => {
                refuse_if_taken(first, layout.nodes)?;
                first
            }
            None => free_block(layout.nodes)?,
        };
        let addresses: Vec<IpAddr> = (0..layout.nodes).map(|index| nth(first, index).into()).collect();
        let certificates = match layout.tls {
            Some(_) => Some(Certificates::make(tree, name, &addresses)?),
            None => None,
        };
        let mut cluster = Cluster { nodes: Vec::new(), directory, certificates, keep: false };
        for index in 0..layout.nodes {
            let mut attempts = 1;
            while let Err(stop) = cluster.add_node(index, first, layout, &installation) {
                // One that joins gives up when its seed is busy for half a minute: it tries again with nothing in hand.
                if index == 0 || attempts == MOST_JOINS {
                    // What a failed start leaves behind is the only thing that explains it.
                    cluster.keep = true;
                    return Err(stop);
                }
                attempts += 1;
                let _ = std::fs::remove_dir_all(cluster.node_directory(index));
            }
        }
        if let Err(stop) = acquainted::wait(&cluster.nodes) {
            cluster.keep = true;
            return Err(stop);
        }
        Ok(cluster)
    }

    fn node_directory(&self, index: u8) -> PathBuf {
        self.directory.join(format!("node{}", index + 1))
    }

    /// Starts one more node and waits for it.
    fn add_node(
        &mut self,
        index: u8,
        first: Ipv4Addr,
        layout: &Layout,
        installation: &Installation,
    ) -> Result<(), Stop> {
        let config = NodeConfig {
            address: nth(first, index),
            native_port: NATIVE_PORT,
            storage_port: STORAGE_PORT,
            jmx_port: free_port()?,
            seed: first,
            directory: self.node_directory(index),
            rack: format!("rack{}", index + 1),
            auth: layout.auth,
            crowded: layout.nodes > 1,
            durable: layout.durable,
            tls: self.certificates.clone().map(|certificates| ClientTls {
                certificates,
                clients_identify: layout.tls == Some(Tls::Identified),
            }),
        };
        let mut node = Node::new(config, installation.clone())?;
        node.start()?;
        self.nodes.push(node);
        Ok(())
    }

    /// `HOST:PORT` of the first node.
    pub(crate) fn contact_point(&self) -> String {
        self.nodes.first().map(Node::contact_point).unwrap_or_default()
    }

    pub(crate) fn contact_points(&self) -> Vec<String> {
        self.nodes.iter().map(Node::contact_point).collect()
    }

    pub(crate) fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn node(&mut self, index: usize) -> Option<&mut Node> {
        self.nodes.get_mut(index)
    }

    /// Leaves the nodes running after us; their process ids.
    pub(crate) fn detach(mut self) -> Vec<i32> {
        self.keep = true;
        self.nodes.drain(..).filter_map(Node::detach).collect()
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.iter_mut().for_each(Node::stop);
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// The directory of a cluster that lives no longer than this process.
pub(crate) fn temporary_name(purpose: &str) -> String {
    format!("{TEMPORARY}{}-{purpose}", std::process::id())
}

const TEMPORARY: &str = "run-";

/// Removes what runs that were interrupted left behind.
fn remove_leftovers(home: &Path) {
    for entry in std::fs::read_dir(home).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(TEMPORARY))
            .and_then(|rest| rest.split('-').next());
        let owner = owner.and_then(|id| id.parse().ok()).and_then(Pid::from_raw);
        if owner.is_some_and(|owner| !is_running(owner)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn nth(first: Ipv4Addr, index: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(first.to_bits() + u32::from(index))
}

fn is_free(address: Ipv4Addr) -> bool {
    [NATIVE_PORT, STORAGE_PORT].iter().all(|port| TcpListener::bind((address, *port)).is_ok())
}

fn refuse_if_taken(first: Ipv4Addr, nodes: u8) -> Result<(), Stop> {
    match (0..nodes).map(|index| nth(first, index)).find(|address| !is_free(*address)) {
        None => Ok(()),
        Some(address) => Err(Stop::failed(format!(
            "{address} cannot be used: something listens on port {NATIVE_PORT} or {STORAGE_PORT}; try another --address"
        ))),
    }
}

/// A port of 127.0.0.1 that nobody listens on. Somebody may until it is used, which the node then says.
fn free_port() -> Result<u16, Stop> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|error| Stop::failed(format!("no free port: {error}")))
}

/// Runs of two people on one machine must not meet, so each starts its search somewhere else.
fn free_block(nodes: u8) -> Result<Ipv4Addr, Stop> {
    let start = std::process::id();
    (0..200)
        .map(|step| Ipv4Addr::new(127, 0, 20 + ((start + step) % 200) as u8, 1))
        .find(|first| (0..nodes).all(|index| is_free(nth(*first, index))))
        .ok_or_else(|| Stop::failed("no free block of loopback addresses for Cassandra"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_nodes_follow_the_first_address() {
        assert_eq!(nth(Ipv4Addr::new(127, 0, 0, 1), 2), Ipv4Addr::new(127, 0, 0, 3));
    }

    #[test]
    fn an_address_somebody_listens_on_is_not_free() {
        let first = free_block(1).expect("loopback has room");
        let _listener = TcpListener::bind((first, NATIVE_PORT)).expect("it was free");
        assert!(!is_free(first));
        assert!(refuse_if_taken(first, 1).is_err());
    }
}

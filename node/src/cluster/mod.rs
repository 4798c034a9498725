//! Clusters in this process.
//!
//! All nodes share one database and the worker threads; each has its own address, connections and prepared statements.
//! Nothing here needs a runtime of the caller's, and nothing minds one.

mod addresses;
mod builder;
mod changes;
mod membership;
mod owners;
mod replicas;
mod ring;
mod shards;
#[cfg(feature = "tls")]
mod sni_proxy;
mod spread;
mod tablets;
mod views;
mod ways;
mod workers;

use std::fmt;
use std::net::TcpListener;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::server::{self, Entrance, Node, Shared, TaskGuard};
use workers::{Job, Workers};

pub use builder::{EmbeddedClusterBuilder, StartError};
pub use owners::{RoutingCounts, RoutingReport};
pub use shards::{ShardPort, Shards};
#[cfg(feature = "tls")]
pub use sni_proxy::SniProxy;
pub use tablets::{Tablet, TabletError};

pub(crate) use membership::{Member, Membership, Roster};
pub(crate) use owners::{Aim, AimCounters, Epochs, OwnerCache, Owners};
pub(crate) use replicas::{Availability, Shortage};
pub(crate) use shards::{Division, Door, Place};
pub(crate) use tablets::TabletStore;
pub(crate) use workers::WorkersHandle;

/// How long a node's connections get to end. They do not wait for their clients, so it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// How far the shard-aware port is above the ordinary one, when ports are not chosen freely.
const SHARD_PORT_DISTANCE: u16 = 10_000;

/// A cluster of embedded nodes. Dropping it stops them: sockets are closed and threads joined when `drop` returns.
///
/// None of its methods needs an async runtime; those that wait do so for milliseconds.
pub struct EmbeddedCluster {
    shared: Arc<Shared>,
    /// Everybody there ever was, those that have left included.
    nodes: RwLock<Vec<Arc<Node>>>,
    newcomers: Newcomers,
    /// How many addresses were given out.
    addresses: AtomicUsize,
    /// Keeps the workers running; `None` while they are being stopped.
    queues: Option<Vec<UnboundedSender<Job>>>,
    workers: Workers,
}

/// What nodes that join later need.
#[derive(Debug, Clone)]
struct Newcomers {
    tokens: usize,
    seed: u64,
    shards: Option<Shards>,
    /// Where nodes have sockets in the file system.
    #[cfg(unix)]
    unix_sockets: Option<std::path::PathBuf>,
    /// The ordinary port was chosen by the user, so the shard-aware one follows from it.
    named_ports: bool,
    #[cfg(feature = "tls")]
    tls: Option<crate::NodeTls>,
}

impl Newcomers {
    fn node(&self, member: Arc<Member>, shared: &Arc<Shared>) -> Arc<Node> {
        let node = Node::new(member, Arc::clone(shared));
        #[cfg(feature = "tls")]
        node.set_tls(self.tls.clone());
        Arc::new(node)
    }
}

impl EmbeddedCluster {
    /// A cluster that is not started yet.
    pub fn builder() -> EmbeddedClusterBuilder {
        EmbeddedClusterBuilder::new()
    }

    /// Starts that many nodes with everything by default.
    pub fn start(nodes: usize) -> Result<Self, StartError> {
        Self::builder().nodes(nodes).start()
    }

    fn launch(
        shared: Shared,
        listeners: Vec<TcpListener>,
        threads: usize,
        newcomers: Newcomers,
    ) -> Result<Self, StartError> {
        let shared = Arc::new(shared);
        let membership = shared.roster.now();
        let (workers, queues) = Workers::start(threads, &membership.name).map_err(StartError::Threads)?;
        let new_node = |member: &Arc<Member>| newcomers.node(Arc::clone(member), &shared);
        let nodes: Vec<Arc<Node>> = membership.members.iter().map(new_node).collect();
        let cluster = Self {
            shared,
            addresses: AtomicUsize::new(nodes.len()),
            nodes: RwLock::new(nodes.clone()),
            newcomers,
            queues: Some(queues),
            workers,
        };
        for (node, listener) in nodes.iter().zip(listeners) {
            cluster.serve(node, listener)?;
        }
        Ok(cluster)
    }

    /// # Panics
    ///
    /// When there never was a node of that number.
    fn node(&self, number: usize) -> Arc<Node> {
        Arc::clone(&self.nodes.read().expect("no code panics with the lock held")[number])
    }

    /// Lets a node serve whoever connects.
    fn serve(&self, node: &Arc<Node>, listener: TcpListener) -> Result<(), StartError> {
        let by_port = self.divide(node)?;
        self.shared.mark(node.index, true);
        node.frozen.send_replace(false);
        node.stopped.send_replace(false);
        self.open_tcp(node, listener, Door::Ordinary)?;
        if let Some(listener) = by_port {
            self.open_tcp(node, listener, Door::ShardAware)?;
        }
        #[cfg(unix)]
        if let Some(path) = self.unix_socket(node.index) {
            let socket = server::UnixSocket::bind(&path);
            let socket = socket.map_err(|source| StartError::Socket { path, source })?;
            self.open(node, Entrance::Unix(socket), Door::Ordinary)?;
        }
        Ok(())
    }

    fn open_tcp(&self, node: &Arc<Node>, listener: TcpListener, door: Door) -> Result<(), StartError> {
        let address = node.member().address;
        listener.set_nonblocking(true).map_err(|source| StartError::Listen { address, source })?;
        self.open(node, Entrance::Tcp(listener), door)
    }

    fn open(&self, node: &Arc<Node>, entrance: Entrance, door: Door) -> Result<(), StartError> {
        let workers = self.workers.handle();
        // Whoever stops the node waits for the listener, whether it has begun or not.
        let guard = TaskGuard::new(node);
        let started = self.workers.handle().run_on(
            node.index,
            Box::new(move || {
                tokio::task::spawn_local(server::listen(entrance, guard, door, workers));
            }),
        );
        match started {
            true => Ok(()),
            false => Err(StartError::Threads(std::io::Error::other("the cluster has been stopped"))),
        }
    }

    /// Gives a node that is about to start the shards it shall have, and the listener of its shard-aware port if it has one.
    /// A port it had before is taken again.
    fn divide(&self, node: &Node) -> Result<Option<TcpListener>, StartError> {
        let member = node.member();
        let Some(shards) = member.shards.clone() else { return Ok(None) };
        let before = node.division().and_then(|division| division.port);
        let named = member.address.port().checked_add(SHARD_PORT_DISTANCE);
        let wanted = before.or_else(|| named.filter(|_| self.newcomers.named_ports));
        let (port, held, listener) = match shards.port {
            ShardPort::Absent => (None, None, None),
            ShardPort::Dead => {
                let (held, port) = addresses::refusing(member.address)?;
                (Some(port), Some(held), None)
            }
            ShardPort::Works | ShardPort::Translated => {
                let (listener, address) = addresses::shard_aware(member.address, wanted)?;
                (Some(address.port()), None, Some(listener))
            }
        };
        node.set_division(Some(Arc::new(Division::new(shards, port, held))));
        Ok(listener)
    }
}

impl Drop for EmbeddedCluster {
    fn drop(&mut self) {
        for node in self.nodes.get_mut().expect("no code panics with the lock held") {
            node.stopped.send_replace(true);
        }
        // Without their queues the workers end, and with them every task and socket.
        self.queues = None;
        self.workers.join();
    }
}

impl fmt::Debug for EmbeddedCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedCluster")
            .field("name", &self.name())
            .field("addresses", &self.addresses())
            .finish()
    }
}

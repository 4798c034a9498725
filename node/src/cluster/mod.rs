//! Clusters in this process.
//!
//! All nodes share one database and the worker threads; each has its own address, connections and prepared statements.
//! Nothing here needs a runtime of the caller's, and nothing minds one.

mod addresses;
mod builder;
mod membership;
mod ring;
mod workers;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chorus_protocol::Event;
use chorus_protocol::response::StatusChangeKind;
use tokio::sync::mpsc::UnboundedSender;

use crate::execute::Database;
use crate::server::{self, FaultRules, Node, Shared};
use workers::{Job, Workers};

pub use builder::{EmbeddedClusterBuilder, StartError};
pub(crate) use membership::{Member, Membership};
pub(crate) use workers::WorkersHandle;

/// How long a node's connections get to end. They do not wait for their clients, so it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// A cluster of embedded nodes. Dropping it stops them: sockets are closed and threads joined when `drop` returns.
///
/// None of its methods needs an async runtime; those that wait do so for milliseconds.
pub struct EmbeddedCluster {
    shared: Arc<Shared>,
    nodes: Vec<Arc<Node>>,
    /// Keeps the workers running; `None` while they are being stopped.
    queues: Option<Vec<UnboundedSender<Job>>>,
    workers: Workers,
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

    fn launch(shared: Shared, listeners: Vec<TcpListener>, threads: usize) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let (workers, queues) = Workers::start(threads, &shared.membership.name)?;
        let nodes =
            (0..listeners.len()).map(|index| Arc::new(Node::new(index, Arc::clone(&shared)))).collect();
        let cluster = Self { shared, nodes, queues: Some(queues), workers };
        for (node, listener) in cluster.nodes.iter().zip(listeners) {
            cluster.serve(node, listener)?;
        }
        Ok(cluster)
    }

    fn serve(&self, node: &Arc<Node>, listener: TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        node.stopped.send_replace(false);
        let workers = self.workers.handle();
        let serving = Arc::clone(node);
        let started = self.workers.handle().run_on(
            node.index,
            Box::new(move || {
                tokio::task::spawn_local(server::listen(listener, serving, workers));
            }),
        );
        if started { Ok(()) } else { Err(io::Error::other("the cluster has been stopped")) }
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.shared.membership.name
    }

    /// Where clients reach the nodes, in the order of the nodes, running or not.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.membership.members.iter().map(|member| member.address).collect()
    }

    /// Where clients reach one node.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn address(&self, node: usize) -> SocketAddr {
        self.nodes[node].member().address
    }

    /// What all nodes read and write.
    pub fn database(&self) -> &Arc<Database> {
        &self.shared.database
    }

    /// What goes wrong, and when.
    pub fn faults(&self) -> &FaultRules {
        &self.shared.faults
    }

    /// Whether a node is running.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn is_up(&self, node: usize) -> bool {
        !*self.nodes[node].stopped.borrow()
    }

    /// How many clients are connected to a node.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn connections(&self, node: usize) -> usize {
        self.nodes[node].connections()
    }

    /// How many connections a node has accepted since the cluster was started.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn accepted(&self, node: usize) -> u64 {
        self.nodes[node].counters.connections.load(Ordering::Relaxed)
    }

    /// How many requests of any kind a node has received since the cluster was started.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn requests(&self, node: usize) -> u64 {
        self.nodes[node].counters.requests.load(Ordering::Relaxed)
    }

    /// How many statements a node has prepared and not forgotten.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn prepared(&self, node: usize) -> usize {
        self.nodes[node].prepared.len()
    }

    /// Makes a node forget its prepared statements: executing them is answered with "unprepared".
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn forget_prepared(&self, node: usize) {
        self.nodes[node].prepared.clear();
    }

    /// Sends an event to every client that has registered for its kind, on whichever node.
    pub fn send_event(&self, event: Event) {
        self.shared.broadcast(event);
    }

    /// Stops a node as if its process were killed: nobody listens on its address any more and its connections are closed
    /// when this returns. It forgets its prepared statements. Clients of other nodes are told that it is down.
    ///
    /// Does nothing if it is stopped already.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn stop_node(&self, node: usize) {
        let node = &self.nodes[node];
        if node.stopped.send_replace(true) {
            return;
        }
        if !node.wait_until_gone(PATIENCE) {
            tracing::error!(node = node.index, "connections are still there");
        }
        node.prepared.clear();
        let address = node.member().address;
        self.shared.broadcast(Event::StatusChange { kind: StatusChangeKind::Down, address });
    }

    /// Starts a node that was stopped, at its old address. Clients of other nodes are told that it is up.
    ///
    /// Does nothing if it is running. Fails when somebody else has taken its address in the meantime.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn start_node(&self, node: usize) -> Result<(), StartError> {
        let node = &self.nodes[node];
        if !*node.stopped.borrow() {
            return Ok(());
        }
        let address = node.member().address;
        let listening = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(listening)?;
        self.serve(node, listener).map_err(listening)?;
        self.shared.broadcast(Event::StatusChange { kind: StatusChangeKind::Up, address });
        Ok(())
    }
}

impl Drop for EmbeddedCluster {
    fn drop(&mut self) {
        for node in &self.nodes {
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

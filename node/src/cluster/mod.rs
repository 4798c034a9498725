//! Clusters in this process.
//!
//! All nodes share one database and the worker threads; each has its own address, connections and prepared statements.
//! Nothing here needs a runtime of the caller's, and nothing minds one.

mod addresses;
mod builder;
mod membership;
mod replicas;
mod ring;
mod workers;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use chorus_protocol::Event;
use chorus_protocol::response::{StatusChangeKind, TopologyChangeKind};
use tokio::sync::mpsc::UnboundedSender;

use crate::execute::Database;
use crate::server::{self, FaultRules, Node, Shared};
use membership::Seat;
use workers::{Job, Workers};

pub use builder::{EmbeddedClusterBuilder, StartError};
pub(crate) use membership::{Member, Membership, Roster};
pub(crate) use replicas::{Availability, Shortage};
pub(crate) use workers::WorkersHandle;

/// How long a node's connections get to end. They do not wait for their clients, so it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// A cluster of embedded nodes. Dropping it stops them: sockets are closed and threads joined when `drop` returns.
///
/// None of its methods needs an async runtime; those that wait do so for milliseconds.
pub struct EmbeddedCluster {
    shared: Arc<Shared>,
    /// Everybody there ever was, those that have left included.
    nodes: RwLock<Vec<Arc<Node>>>,
    newcomers: Newcomers,
    /// Keeps the workers running; `None` while they are being stopped.
    queues: Option<Vec<UnboundedSender<Job>>>,
    workers: Workers,
}

/// What nodes that join later need.
#[derive(Debug, Clone, Copy)]
struct Newcomers {
    tokens: usize,
    seed: u64,
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
    ) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let membership = shared.roster.now();
        let (workers, queues) = Workers::start(threads, &membership.name)?;
        let new_node = |member: &Arc<Member>| Arc::new(Node::new(Arc::clone(member), Arc::clone(&shared)));
        let nodes: Vec<Arc<Node>> = membership.members.iter().map(new_node).collect();
        let cluster =
            Self { shared, nodes: RwLock::new(nodes.clone()), newcomers, queues: Some(queues), workers };
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

    fn serve(&self, node: &Arc<Node>, listener: TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        self.shared.mark(node.index, true);
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
    pub fn name(&self) -> String {
        self.shared.roster.now().name.clone()
    }

    /// Where clients reach the nodes, in the order of the nodes, running or not, without those that were removed.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.roster.now().members.iter().map(|member| member.address).collect()
    }

    /// Where clients reach one node.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn address(&self, node: usize) -> SocketAddr {
        self.node(node).member.address
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
        !*self.node(node).stopped.borrow()
    }

    /// How many clients are connected to a node.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn connections(&self, node: usize) -> usize {
        self.node(node).connections()
    }

    /// How many connections a node has accepted since the cluster was started.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn accepted(&self, node: usize) -> u64 {
        self.node(node).counters.connections.load(Ordering::Relaxed)
    }

    /// How many requests of any kind a node has received since the cluster was started.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn requests(&self, node: usize) -> u64 {
        self.node(node).counters.requests.load(Ordering::Relaxed)
    }

    /// How many statements a node has prepared and not forgotten.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn prepared(&self, node: usize) -> usize {
        self.node(node).prepared.len()
    }

    /// Makes a node forget its prepared statements: executing them is answered with "unprepared".
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn forget_prepared(&self, node: usize) {
        self.node(node).prepared.clear();
    }

    /// Sends an event to every client that has registered for its kind, on whichever node.
    pub fn send_event(&self, event: Event) {
        self.shared.broadcast(event);
    }

    /// Lets one more node join, in a datacenter that is there already, and returns its number. Its tokens are anywhere on
    /// the ring. Clients are told of the new node and that it is up.
    pub fn add_node(&self, datacenter: &str) -> Result<usize, StartError> {
        let mut nodes = self.nodes.write().expect("no code panics with the lock held");
        let membership = self.shared.roster.now();
        if !membership.members.iter().any(|member| member.datacenter == datacenter) {
            return Err(StartError::UnknownDatacenter(datacenter.to_owned()));
        }
        let number = nodes.len();
        let (listener, address) = addresses::beside(nodes[0].member.address, number, 0)?;
        let seat = Seat { address, datacenter: datacenter.to_owned(), rack: "rack1".to_owned() };
        let Newcomers { tokens, seed } = self.newcomers;
        let mut joined = None;
        self.shared.roster.change(|membership| joined = Some(membership.join(number, seat, tokens, seed)));
        let member = joined.expect("the change has been made");
        let node = Arc::new(Node::new(member, Arc::clone(&self.shared)));
        nodes.push(Arc::clone(&node));
        drop(nodes);
        self.serve(&node, listener).map_err(|source| StartError::Listen { address, source })?;
        self.shared.broadcast(Event::TopologyChange { kind: TopologyChangeKind::NewNode, address });
        self.shared.broadcast(Event::StatusChange { kind: StatusChangeKind::Up, address });
        Ok(number)
    }

    /// Makes a node leave the cluster for good: it stops, and the others do not know it any more. Clients of other nodes are
    /// told. Numbers of other nodes stay what they are.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn remove_node(&self, node: usize) {
        let node = self.node(node);
        self.halt(&node);
        let known = self.shared.roster.now().member(node.index).is_some();
        self.shared.roster.change(|membership| membership.leave(node.index));
        // Nobody waits for it any more.
        self.shared.mark(node.index, true);
        if known {
            let address = node.member.address;
            self.shared.broadcast(Event::TopologyChange { kind: TopologyChangeKind::RemovedNode, address });
        }
    }

    /// Stops a node as if its process were killed: nobody listens on its address any more and its connections are closed
    /// when this returns. It forgets its prepared statements. Clients of other nodes are told that it is down.
    ///
    /// From now on requests that need it are refused as unavailable by the others, as replication and consistency have it.
    ///
    /// Does nothing if it is stopped already.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn stop_node(&self, node: usize) {
        let node = self.node(node);
        if self.halt(&node) {
            let address = node.member.address;
            self.shared.broadcast(Event::StatusChange { kind: StatusChangeKind::Down, address });
        }
    }

    /// False if the node was stopped already.
    fn halt(&self, node: &Node) -> bool {
        if node.stopped.send_replace(true) {
            return false;
        }
        self.shared.mark(node.index, false);
        if !node.wait_until_gone(PATIENCE) {
            tracing::error!(node = node.index, "connections are still there");
        }
        node.prepared.clear();
        true
    }

    /// Starts a node that was stopped, at its old address. Clients of other nodes are told that it is up.
    ///
    /// Does nothing if it is running. Fails when somebody else has taken its address in the meantime, or
    /// when it was removed.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn start_node(&self, node: usize) -> Result<(), StartError> {
        let node = &self.node(node);
        let address = node.member.address;
        if self.shared.roster.now().member(node.index).is_none() {
            return Err(StartError::Removed(address));
        }
        if !*node.stopped.borrow() {
            return Ok(());
        }
        let listening = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(listening)?;
        self.serve(node, listener).map_err(listening)?;
        self.shared.broadcast(Event::StatusChange { kind: StatusChangeKind::Up, address });
        Ok(())
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

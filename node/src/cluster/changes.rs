//! Nodes that join, leave, stop, start, move and change.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chorus_protocol::Event;
use chorus_protocol::response::{StatusChangeKind, TopologyChangeKind};

use super::membership::{Member, Seat};
use super::ring::{Sequence, scattered_tokens};
use super::shards::Shards;
use super::{EmbeddedCluster, Newcomers, PATIENCE, StartError, addresses};
use crate::server::Node;

impl EmbeddedCluster {
    /// Lets one more node join in the rack `rack1` of a datacenter, see [`add_node_in`](Self::add_node_in).
    pub fn add_node(&self, datacenter: &str) -> Result<usize, StartError> {
        self.add_node_in(datacenter, "rack1")
    }

    /// Lets one more node join, in a datacenter that is there already, and returns its number. Its tokens are anywhere on
    /// the ring. Clients are told of the new node and that it is up.
    pub fn add_node_in(&self, datacenter: &str, rack: &str) -> Result<usize, StartError> {
        let mut nodes = self.nodes.write().expect("no code panics with the lock held");
        let membership = self.shared.roster.now();
        if !membership.members.iter().any(|member| member.datacenter == datacenter) {
            return Err(StartError::UnknownDatacenter(datacenter.to_owned()));
        }
        let number = nodes.len();
        let (listener, address) = self.next_address(&nodes[0])?;
        let Newcomers { tokens, seed, shards, .. } = self.newcomers.clone();
        let seat = Seat { address, datacenter: datacenter.to_owned(), rack: rack.to_owned(), shards };
        let mut joined = None;
        self.shared.roster.change(|membership| joined = Some(membership.join(number, seat, tokens, seed)));
        let member = joined.expect("the change has been made");
        let node = self.newcomers.node(member, &self.shared);
        nodes.push(Arc::clone(&node));
        drop(nodes);
        self.serve(&node, listener)?;
        self.tell_topology(TopologyChangeKind::NewNode, address);
        self.tell_status(StatusChangeKind::Up, address);
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
            self.shared.tablets.adapt(&self.shared.database.catalog(), &self.shared.roster.now());
            self.tell_topology(TopologyChangeKind::RemovedNode, node.member().address);
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
            self.tell_status(StatusChangeKind::Down, node.member().address);
        }
    }

    /// False if the node was stopped already.
    fn halt(&self, node: &Node) -> bool {
        if node.stopped.send_replace(true) {
            return false;
        }
        self.shared.mark(node.index, false);
        node.leaving.store(false, Ordering::Relaxed);
        if !node.wait_until_gone(PATIENCE) {
            tracing::error!(node = node.index, "connections are still there");
        }
        node.prepared.clear();
        true
    }

    /// Makes a node leave its clients in good order, as one that is drained before it is restarted: it still lets clients in, and
    /// answers every request after their handshakes with the error that it is overloaded, "Server is shutting down". So it stays
    /// until it is [stopped](Self::stop_node). Clients of other nodes are not told.
    ///
    /// Without effect on a node that is stopped already.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn drain_node(&self, node: usize) {
        let node = self.node(node);
        node.leaving.store(!*node.stopped.borrow(), Ordering::Relaxed);
    }

    /// How many requests a node has refused because it was [leaving](Self::drain_node), in all.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn turned_away(&self, node: usize) -> u64 {
        self.node(node).counters.turned_away.load(Ordering::Relaxed)
    }

    /// Starts a node that was stopped, at its old address. Clients of other nodes are told that it is up.
    ///
    /// Does nothing if it is running. Fails when somebody else has taken its address in the meantime, for longer than the
    /// second it is waited for, or when it was removed.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn start_node(&self, node: usize) -> Result<(), StartError> {
        let node = &self.node(node);
        let address = node.member().address;
        if self.shared.roster.now().member(node.index).is_none() {
            return Err(StartError::Removed(address));
        }
        if !*node.stopped.borrow() {
            return Ok(());
        }
        let listener = addresses::again(address)?;
        self.serve(node, listener)?;
        self.tell_status(StatusChangeKind::Up, address);
        Ok(())
    }

    /// Suspends a node, as a long garbage collection or a stopped process does: from now on it reads nothing, answers nothing
    /// and accepts nobody, while its connections stay open and new ones wait in the kernel. What was sent to it is carried out
    /// and answered after [`thaw_node`](Self::thaw_node). The other nodes and their clients are not told.
    ///
    /// Lasts until the node is thawed, or stopped and started. A node that is stopped already is not frozen when it starts.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn freeze_node(&self, node: usize) {
        self.node(node).frozen.send_replace(true);
    }

    /// Lets a frozen node go on where it was.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn thaw_node(&self, node: usize) {
        self.node(node).frozen.send_replace(false);
    }

    /// Gives a node other tokens, anywhere on the ring. It goes on serving; clients are told that it has moved.
    ///
    /// # Errors
    ///
    /// When it was removed.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn move_node(&self, node: usize) -> Result<(), StartError> {
        let node = &self.node(node);
        let seed = self.newcomers.seed ^ (node.index as u64) << 32 ^ self.shared.roster.epoch() << 48;
        let tokens = scattered_tokens(self.newcomers.tokens, &mut Sequence::new(seed));
        let member = self.change_member(node, |member| member.tokens = tokens)?;
        self.tell_topology(TopologyChangeKind::MovedNode, member.address);
        Ok(())
    }

    /// Makes the other nodes' rows of a node lack its rack and tokens, or have them again. So they are for a while after a node
    /// has joined: news of it come in pieces. Clients are not told.
    ///
    /// # Errors
    ///
    /// When it was removed.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn set_half_known(&self, node: usize, half_known: bool) -> Result<(), StartError> {
        self.change_member(&self.node(node), |member| member.half_known = half_known).map(drop)
    }

    /// Gives a node another address, as if its machine had been replaced by one with the same data: it is stopped, if it is
    /// running, and started there, with its host id and tokens. Returns the new address. Clients are told that the old
    /// address is down and gone, and that the new one has come and is up.
    ///
    /// # Errors
    ///
    /// When it was removed, or there is no address left.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn readdress_node(&self, node: usize) -> Result<SocketAddr, StartError> {
        let number = node;
        let node = &self.node(node);
        self.stop_node(number);
        let old = node.member().address;
        let (listener, address) = self.next_address(&self.node(0))?;
        self.change_member(node, |member| member.address = address)?;
        node.set_division(None);
        self.serve(node, listener)?;
        self.tell_topology(TopologyChangeKind::RemovedNode, old);
        self.tell_topology(TopologyChangeKind::NewNode, address);
        self.tell_status(StatusChangeKind::Up, address);
        Ok(address)
    }

    /// Restarts a node with other shards, or stops it if that fails. Tablets on shards it has not got any more go to others of
    /// the same node. Clients of other nodes are told that it is down and up again.
    ///
    /// # Errors
    ///
    /// When the cluster has no shards, the node was removed, or somebody else has taken its address in the meantime.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn reshard_node(&self, node: usize, shards: impl Into<Shards>) -> Result<(), StartError> {
        if self.newcomers.shards.is_none() {
            return Err(StartError::NoShards);
        }
        self.stop_node(node);
        self.change_member(&self.node(node), |member| member.shards = Some(shards.into()))?;
        self.shared.tablets.adapt(&self.shared.database.catalog(), &self.shared.roster.now());
        self.start_node(node)
    }

    /// Gives one node another certificate, or makes it serve plainly. Holds for clients that connect from now on.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    #[cfg(feature = "tls")]
    pub fn set_tls(&self, node: usize, tls: impl Into<Option<crate::NodeTls>>) {
        self.node(node).set_tls(tls.into());
    }

    /// Changes what a node is, for itself and for the others.
    fn change_member(
        &self,
        node: &Node,
        change: impl FnOnce(&mut Member),
    ) -> Result<Arc<Member>, StartError> {
        let mut member = Member::clone(&node.member());
        if self.shared.roster.now().member(node.index).is_none() {
            return Err(StartError::Removed(member.address));
        }
        change(&mut member);
        let member = Arc::new(member);
        node.set_member(Arc::clone(&member));
        self.shared.roster.change(|membership| membership.replace(&member));
        Ok(member)
    }

    /// An address that no node has had. Somebody else may have the next few.
    fn next_address(&self, first: &Node) -> Result<(TcpListener, SocketAddr), StartError> {
        let mut attempts = 0;
        loop {
            let number = self.addresses.fetch_add(1, Ordering::Relaxed);
            attempts += 1;
            match addresses::beside(first.member().address, number, 0) {
                Err(StartError::Listen { source, .. })
                    if source.kind() == ErrorKind::AddrInUse && attempts < 50 => {}
                outcome => return outcome,
            }
        }
    }

    fn tell_topology(&self, kind: TopologyChangeKind, address: SocketAddr) {
        self.shared.broadcast(Event::TopologyChange { kind, address });
    }

    fn tell_status(&self, kind: StatusChangeKind, address: SocketAddr) {
        self.shared.broadcast(Event::StatusChange { kind, address });
    }
}

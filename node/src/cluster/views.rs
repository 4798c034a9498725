//! What a cluster tells about itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chorus_protocol::Event;

use super::EmbeddedCluster;
use super::owners::RoutingReport;
use super::tablets::{Tablet, TabletError, TabletMap};
use crate::catalog::TableSchema;
use crate::execute::Database;
use crate::server::{FaultRules, Requests, Watch};

impl EmbeddedCluster {
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
        self.node(node).member().address
    }

    /// What all nodes read and write.
    pub fn database(&self) -> &Arc<Database> {
        &self.shared.database
    }

    /// What goes wrong, and when.
    pub fn faults(&self) -> &FaultRules {
        &self.shared.faults
    }

    /// Counts requests of a kind from now on, [`FaultRules::watch`].
    pub fn watch(&self, requests: Requests) -> Watch {
        self.shared.faults.watch(requests)
    }

    /// From now on a trace is written down that long after its request: until then it has no duration and no events, as servers
    /// have it that trace in the background. At once, unless told otherwise.
    pub fn write_traces_after(&self, late: Duration) {
        self.shared.traces.come_late(late);
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

    /// How many requests of any kind a node has received since the cluster was started, those that clients have for
    /// themselves among them; [`watch`](Self::watch) counts those that one means.
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

    /// Where the shard-aware port of a node is, as clients are told; `None` when there is none.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn shard_aware_port(&self, node: usize) -> Option<u16> {
        self.node(node).division()?.port
    }

    /// How many clients are connected to each shard of a node; empty for nodes without shards.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn shard_connections(&self, node: usize) -> Vec<usize> {
        self.node(node).division().map(|division| division.connections()).unwrap_or_default()
    }

    /// Where requests have arrived since the cluster was started or [`reset_routing`](Self::reset_routing) was called, and
    /// whether that was where their partitions are. Counted are EXECUTE, and BATCH by its first prepared statement that
    /// binds a whole partition key, on tables of users.
    pub fn routing_report(&self) -> RoutingReport {
        let nodes = self.nodes.read().expect("no code panics with the lock held");
        let requests = |node: &Arc<crate::server::Node>| node.division().map(|division| division.requests());
        RoutingReport {
            nodes: nodes.iter().map(|node| node.aims.read()).collect(),
            shards: nodes.iter().map(|node| requests(node).unwrap_or_default()).collect(),
        }
    }

    /// Begins counting anew where requests arrive. Requests by shard go on.
    pub fn reset_routing(&self) {
        for node in self.nodes.read().expect("no code panics with the lock held").iter() {
            node.aims.reset();
        }
    }

    /// The tablets of a table, in token order.
    ///
    /// # Errors
    ///
    /// [`TabletError::NoTablets`] when there is no such table or it has none.
    pub fn tablets(&self, keyspace: &str, table: &str) -> Result<Vec<Tablet>, TabletError> {
        Ok(self.tablet_map(keyspace, table)?.1.tablets().to_vec())
    }

    /// Moves a tablet: the one with `token` leaves node `from` and goes to that shard of node `to`, which may be the same
    /// node. Clients are not told; whoever asks in the wrong place learns it with the answer.
    ///
    /// # Errors
    ///
    /// When the tablet is not on `from`, on `to` already, or there is no such shard.
    pub fn move_tablet(
        &self,
        keyspace: &str,
        table: &str,
        token: i64,
        from: usize,
        (to, shard): (usize, u16),
    ) -> Result<(), TabletError> {
        let (table, _) = self.tablet_map(keyspace, table)?;
        let shards = self.shared.roster.now().member(to).map(|member| member.shard_count());
        if shards.is_none_or(|shards| shard >= shards) {
            return Err(TabletError::NoSuchShard(to, shard));
        }
        self.shared.tablets.relocate(table.id, token, from, (to, shard))
    }

    /// Makes `leader` the leader of the tablet with `token`. That means something to clients where replicas are strongly
    /// consistent (`consistency = 'global'`) and versions of tablets are told, [`Shards::tablets_v2`](super::Shards::tablets_v2).
    ///
    /// # Errors
    ///
    /// [`TabletError::NotThere`] when it has no replica of it.
    pub fn elect_leader(
        &self,
        keyspace: &str,
        table: &str,
        token: i64,
        leader: usize,
    ) -> Result<(), TabletError> {
        let (table, _) = self.tablet_map(keyspace, table)?;
        self.shared.tablets.elect(table.id, token, leader)
    }

    /// Halves every tablet of a table.
    ///
    /// # Errors
    ///
    /// [`TabletError::Count`] when there are a million already.
    pub fn split_tablets(&self, keyspace: &str, table: &str) -> Result<(), TabletError> {
        self.shared.tablets.split(self.tablet_map(keyspace, table)?.0.id)
    }

    /// Joins each two neighbouring tablets of a table into one, which is where the first of them was.
    ///
    /// # Errors
    ///
    /// [`TabletError::Count`] when there is only one.
    pub fn merge_tablets(&self, keyspace: &str, table: &str) -> Result<(), TabletError> {
        self.shared.tablets.merge(self.tablet_map(keyspace, table)?.0.id)
    }

    fn tablet_map(
        &self,
        keyspace: &str,
        table: &str,
    ) -> Result<(Arc<TableSchema>, Arc<TabletMap>), TabletError> {
        let catalog = self.shared.database.catalog();
        let keyspace = catalog.keyspace(keyspace).ok_or(TabletError::NoTablets)?;
        let table = keyspace.table(table).ok_or(TabletError::NoTablets)?;
        let map = self.shared.tablets.of(&catalog, keyspace, table, &self.shared.roster.now());
        Ok((Arc::clone(table), map.ok_or(TabletError::NoTablets)?))
    }
}

//! The snapshot of a cluster that users see.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chorus_protocol::token::{AnyToken, Partitioner, Token};
use uuid::Uuid;

use super::keyspace::Keyspace;
use super::members::Discovery;
use super::schema::{self, Schema, SchemaScope};
use super::table::Table;
use super::warning::Warning;
use crate::host::{Host, HostIndex};
use crate::policies::load_balancing::LoadBalancingPolicy;
use crate::routing::{KeyspaceRouting, Route, RouteBuilder};
use crate::rows::SchemaRows;

/// What is known of a cluster at one moment. Cheap to clone; never changes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClusterState {
    /// The cluster's name.
    pub name: Arc<str>,
    /// How partition keys become tokens.
    pub partitioner: Partitioner,
    /// The members, the one the control connection was to first.
    pub hosts: Arc<[Arc<Host>]>,
    /// The keyspaces by name, unquoted. Empty when the schema is not read.
    pub keyspaces: Arc<Schema>,
    /// The same knowledge in the form requests are routed by.
    pub route: Arc<Route>,
}

/// A cluster of which nothing is known yet.
impl Default for ClusterState {
    fn default() -> Self {
        ClusterState {
            name: Arc::from(""),
            partitioner: Partitioner::Other,
            hosts: Arc::from([]),
            keyspaces: Arc::default(),
            route: Arc::default(),
        }
    }
}

impl ClusterState {
    /// The state after reading members, and the whole schema when `schema` is given, from system tables. Numbers, the up
    /// state, shards and tablets come from `previous`; without one a session begins. What cannot be used is returned as
    /// warnings. No members at all means that nothing told could be used.
    pub fn build(
        discovery: &Discovery<'_>,
        schema: Option<&SchemaRows>,
        previous: Option<&ClusterState>,
        policy: &dyn LoadBalancingPolicy,
    ) -> (ClusterState, Vec<Warning>) {
        let mut warnings = Vec::new();
        let partitioner = discovery.partitioner(&mut warnings);
        let members = discovery.members(partitioner, &mut warnings);
        if let Some(contact) = members.iter().find(|host| host.address == discovery.local_address) {
            policy.contacted(contact);
        }
        let mut state = previous.cloned().unwrap_or_default();
        let mut builder = RouteBuilder::from_route(&state.route);
        state.hosts = builder.members(members).into();
        state.partitioner = partitioner;
        if let Some(name) = &discovery.local.cluster_name {
            state.name = Arc::from(name.as_str());
        }
        if let Some(rows) = schema {
            state.read_schema(SchemaScope::All, rows, &mut builder, &mut warnings);
        }
        state.route = Arc::new(builder.finish(policy));
        (state, warnings)
    }

    /// The state after reading the schema, or one keyspace of it, again.
    pub fn with_schema(
        &self,
        scope: SchemaScope<'_>,
        rows: &SchemaRows,
        policy: &dyn LoadBalancingPolicy,
    ) -> (ClusterState, Vec<Warning>) {
        let mut warnings = Vec::new();
        let mut state = self.clone();
        let mut builder = RouteBuilder::from_route(&self.route);
        state.read_schema(scope, rows, &mut builder, &mut warnings);
        state.route = Arc::new(builder.finish(policy));
        (state, warnings)
    }

    /// The same state with a newer route: a host went up or down, shards or tablets became known.
    #[must_use]
    pub fn with_route(&self, route: Arc<Route>) -> ClusterState {
        let newest = |host: &Arc<Host>| route.host(host.index).map_or(host, |entry| &entry.host).clone();
        let hosts = self.hosts.iter().map(newest).collect();
        ClusterState { hosts, route, ..self.clone() }
    }

    /// A keyspace by its name, unquoted.
    pub fn keyspace(&self, name: &str) -> Option<&Arc<Keyspace>> {
        self.keyspaces.get(name)
    }

    /// A table or materialized view by its name, unquoted.
    pub fn table(&self, keyspace: &str, table: &str) -> Option<&Table> {
        self.keyspace(keyspace)?.table(table)
    }

    /// A member by its identity.
    pub fn host_by_id(&self, id: Uuid) -> Option<&Arc<Host>> {
        self.hosts.iter().find(|host| host.id == id)
    }

    /// A member by its address.
    pub fn host_at(&self, address: SocketAddr) -> Option<&Arc<Host>> {
        self.hosts.iter().find(|host| host.address == address)
    }

    /// The members at an IP address, whatever their port.
    pub fn hosts_at_ip(&self, ip: IpAddr) -> impl Iterator<Item = &Arc<Host>> {
        self.hosts.iter().filter(move |host| host.address.ip() == ip)
    }

    /// The hosts that hold `token`'s rows of a table: its tablet's where known, else the ring's. Empty for unknown tables,
    /// and for keyspaces whose replicas cannot be known.
    pub fn replicas(&self, keyspace: &str, table: &str, token: Token) -> Vec<Arc<Host>> {
        let Some(table) = self.route.table_id(keyspace, table) else { return Vec::new() };
        self.route.replicas(table, token).iter().filter_map(|replica| self.known(replica.host)).collect()
    }

    /// The hosts that hold a token of any partitioner in a keyspace, by the ring alone.
    pub fn ring_replicas(&self, keyspace: &str, token: &AnyToken) -> Vec<Arc<Host>> {
        let Some(keyspace) = self.route.keyspace_id(keyspace) else { return Vec::new() };
        self.route.ring_replicas(keyspace, token).iter().filter_map(|host| self.known(*host)).collect()
    }

    /// The hosts that hold the partition with this routing key, by the ring alone.
    pub fn replicas_of_key(&self, keyspace: &str, routing_key: &[u8]) -> Vec<Arc<Host>> {
        match self.partitioner.token(routing_key) {
            Some(token) => self.ring_replicas(keyspace, &token),
            None => Vec::new(),
        }
    }

    fn known(&self, host: HostIndex) -> Option<Arc<Host>> {
        self.route.host(host).map(|entry| entry.host.clone())
    }

    fn read_schema(
        &mut self,
        scope: SchemaScope<'_>,
        rows: &SchemaRows,
        builder: &mut RouteBuilder,
        warnings: &mut Vec<Warning>,
    ) {
        self.keyspaces = Arc::new(schema::read(scope, rows, &self.keyspaces, warnings));
        let routing: Vec<KeyspaceRouting> =
            self.keyspaces.values().map(|keyspace| keyspace.routing()).collect();
        builder.keyspaces(&routing);
    }
}

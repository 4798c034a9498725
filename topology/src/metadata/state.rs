//! The snapshot of a cluster that users see.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chorus_protocol::token::Partitioner;
use uuid::Uuid;

use super::cql::SchemaPrinter;
use super::keyspace::Keyspace;
use super::members::Discovery;
use super::schema::{self, Schema};
use super::table::Table;
use super::user_types::{UnknownType, UserType};
use super::warning::Warning;
use crate::host::{Host, TableId};
use crate::policies::load_balancing::LoadBalancingPolicy;
use crate::routing::{KeyspaceRouting, Route, RouteBuilder, TabletHint, UnknownReplica};
use crate::rows::{SchemaRows, SchemaScope};

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
            state.read_schema(&SchemaScope::All, rows, &mut builder, &mut warnings);
        }
        state.route = Arc::new(builder.finish(policy));
        (state, warnings)
    }

    /// The state after reading the schema, or a part of it, again.
    pub fn with_schema(
        &self,
        scope: &SchemaScope,
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

    /// The same state after learning tablets, see [`Route::learning`].
    #[must_use]
    pub fn learning<'h>(
        &self,
        hints: impl IntoIterator<Item = (TableId, &'h TabletHint)>,
    ) -> (ClusterState, Vec<UnknownReplica>) {
        let (route, unknown) = self.route.learning(hints);
        (ClusterState { route: Arc::new(route), ..self.clone() }, unknown)
    }

    /// A keyspace by its name, unquoted.
    pub fn keyspace(&self, name: &str) -> Option<&Arc<Keyspace>> {
        self.keyspaces.get(name)
    }

    /// A table or materialized view by its name, unquoted.
    pub fn table(&self, keyspace: &str, table: &str) -> Option<&Table> {
        self.keyspace(keyspace)?.table(table)
    }

    /// A user-defined type by its name, unquoted: for programs that map it to a type of their own and want to know early that
    /// it is there.
    ///
    /// # Errors
    ///
    /// When the keyspace or the type is not known, which it is not either where the schema is not read.
    pub fn user_type(&self, keyspace: &str, name: &str) -> Result<&Arc<UserType>, UnknownType> {
        let Some(known) = self.keyspace(keyspace) else {
            return Err(UnknownType::Keyspace(keyspace.into()));
        };
        let unknown = || UnknownType::Type { keyspace: keyspace.into(), name: name.into() };
        known.user_types.get(name).ok_or_else(unknown)
    }

    /// All keyspaces but those that every server has, as a script that makes them again; see [`Keyspace::describe`].
    pub fn describe_schema(&self) -> String {
        SchemaPrinter::default().schema(self)
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

    fn read_schema(
        &mut self,
        scope: &SchemaScope,
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

#[cfg(test)]
mod tests {
    use super::*;
    use chorus_protocol::token::{AnyToken, Token};

    use crate::host::{Distance, HostIndex, Sharding};
    use crate::policies::load_balancing::TokenAware;
    use crate::rows::{KeyspaceRow, LocalRow, PeerRow, TableRow, Tokens};

    fn local() -> LocalRow {
        LocalRow {
            cluster_name: Some("Troy".into()),
            partitioner: Some("Murmur3Partitioner".into()),
            data_center: Some("east".into()),
            rack: Some("r1".into()),
            host_id: Some(Uuid::from_u128(1)),
            tokens: Tokens::Told(vec!["0".into()]),
            ..LocalRow::default()
        }
    }

    fn peer(number: u8, datacenter: &str) -> PeerRow {
        PeerRow {
            peer: Some(IpAddr::from([10, 0, 0, number])),
            data_center: Some(datacenter.into()),
            rack: Some("r1".into()),
            host_id: Some(Uuid::from_u128(number.into())),
            tokens: Tokens::Told(vec![(i64::from(number) * 100).to_string()]),
            ..PeerRow::default()
        }
    }

    fn schema() -> SchemaRows {
        let replication = [("class", "SimpleStrategy"), ("replication_factor", "2")];
        SchemaRows {
            keyspaces: vec![KeyspaceRow {
                keyspace_name: "ks".into(),
                durable_writes: Some(true),
                replication: replication.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
                ..KeyspaceRow::default()
            }],
            tables: vec![TableRow {
                keyspace_name: "ks".into(),
                table_name: "t".into(),
                ..TableRow::default()
            }],
            ..SchemaRows::default()
        }
    }

    fn build(
        peers: &[PeerRow],
        schema: Option<&SchemaRows>,
        previous: Option<&ClusterState>,
        policy: &TokenAware,
    ) -> ClusterState {
        let local = local();
        let local_address = ([10, 0, 0, 1], 9042).into();
        let discovery = Discovery {
            local: &local,
            local_address,
            peers,
            default_port: 9042,
            translate: None,
            endpoint: None,
            with_tokens: true,
        };
        let (state, warnings) = ClusterState::build(&discovery, schema, previous, policy);
        assert_eq!(warnings, []);
        state
    }

    fn numbers(hosts: &[Arc<Host>]) -> Vec<u32> {
        hosts.iter().map(|host| host.index.0).collect()
    }

    #[test]
    fn a_first_read_gives_members_schema_and_replicas() {
        let policy = TokenAware::default();
        let state = build(&[peer(2, "east"), peer(3, "west")], Some(&schema()), None, &policy);
        assert_eq!(&*state.name, "Troy");
        assert_eq!(state.partitioner, Partitioner::Murmur3);
        assert_eq!(numbers(&state.hosts), [0, 1, 2]);
        assert_eq!(numbers(&state.replicas_of_token("ks", "t", Token(150))), [1, 2]);
        assert_eq!(numbers(&state.ring_replicas("ks", &Token(250).into())), [2, 0]);
        assert!(state.table("ks", "t").is_some() && state.table("ks", "u").is_none());
        assert!(state.replicas_of_token("ks", "u", Token(0)).is_empty());
        assert!(state.replicas_of_token("nowhere", "t", Token(0)).is_empty());
    }

    #[test]
    fn a_routing_key_has_the_replicas_of_its_token() {
        let state = build(&[peer(2, "east")], Some(&schema()), None, &TokenAware::default());
        // The token of `123` is below every token of the ring, so the first owns it.
        assert_eq!(numbers(&state.replicas_of_key("ks", b"123")), [0, 1]);
        assert!(ClusterState::default().replicas_of_key("ks", b"123").is_empty());
    }

    #[test]
    fn the_ring_tells_owners_and_the_replicas_of_every_stretch() {
        let state = build(&[peer(2, "east"), peer(3, "west")], Some(&schema()), None, &TokenAware::default());
        let token = |token: i64| AnyToken::from(Token(token));
        let ring: Vec<_> = state.ring().into_iter().map(|(token, host)| (token, host.index.0)).collect();
        assert_eq!(ring, [(token(0), 0), (token(200), 1), (token(300), 2)]);
        let ranges = state.ring_of("ks");
        let ends: Vec<_> = ranges.iter().map(|range| (range.after.clone(), range.last.clone())).collect();
        assert_eq!(ends, [(token(300), token(0)), (token(0), token(200)), (token(200), token(300))]);
        for range in &ranges {
            assert_eq!(range.replicas, state.ring_replicas("ks", &range.last));
            assert_eq!(range.replicas.len(), 2);
        }
        assert!(state.ring_of("nowhere").is_empty() && ClusterState::default().ring().is_empty());
    }

    #[test]
    fn hosts_are_found_by_datacenter_and_rack_and_known_to_be_up_or_not() {
        let state = build(&[peer(2, "west"), peer(3, "east")], None, None, &TokenAware::default());
        let datacenters = state.datacenters();
        let names: Vec<_> = datacenters.iter().map(|(name, racks)| (*name, racks["r1"].len())).collect();
        assert_eq!(names, [("east", 2), ("west", 1)]);
        assert_eq!(state.hosts_in("west").map(|host| host.index.0).collect::<Vec<_>>(), [1]);
        assert!(state.is_up(&state.hosts[0]) && !state.is_up(&Host::new(Uuid::nil(), ([9; 4], 9).into())));
        let mut builder = RouteBuilder::from_route(&state.route);
        builder.up(HostIndex(0), false);
        let down = state.with_route(Arc::new(builder.finish(&TokenAware::default())));
        assert!(!down.is_up(&state.hosts[0]));
    }

    #[test]
    fn a_routing_key_finds_the_replicas_of_a_table() {
        let state = build(&[peer(2, "east")], Some(&schema()), None, &TokenAware::default());
        assert_eq!(state.replicas("ks", "t", b"123"), state.replicas_of_key("ks", b"123"));
        assert!(state.replicas("ks", "u", b"123").is_empty());
        let local = LocalRow {
            partitioner: Some("org.apache.cassandra.dht.RandomPartitioner".into()),
            tokens: Tokens::Told(vec!["5".into()]),
            ..local()
        };
        let local_address = ([10, 0, 0, 1], 9042).into();
        let discovery = Discovery {
            local: &local,
            local_address,
            peers: &[],
            default_port: 9042,
            translate: None,
            endpoint: None,
            with_tokens: true,
        };
        let (other, _) = ClusterState::build(&discovery, Some(&schema()), None, &TokenAware::default());
        assert_eq!(numbers(&other.replicas("ks", "t", b"123")), [0]);
        let discovery = Discovery { with_tokens: false, ..discovery };
        let (blind, _) = ClusterState::build(&discovery, Some(&schema()), None, &TokenAware::default());
        assert!(blind.replicas("ks", "t", b"123").is_empty() && blind.ring().is_empty());
        assert_eq!(blind.hosts.len(), 1);
    }

    #[test]
    fn the_contact_decides_the_datacenter_of_the_default_policy() {
        let policy = TokenAware::default();
        let state = build(&[peer(2, "west")], None, None, &policy);
        let distances: Vec<_> = state.route.hosts().iter().map(|entry| entry.distance).collect();
        assert_eq!(distances, [Distance::Local, Distance::Ignored]);
    }

    #[test]
    fn members_read_again_keep_numbers_shards_and_schema() {
        let policy = TokenAware::default();
        let first = build(&[peer(2, "east"), peer(3, "east")], Some(&schema()), None, &policy);
        let mut builder = RouteBuilder::from_route(&first.route);
        let sharding = Some(Sharding { nr_shards: 2, ignore_msb: 0 });
        builder.sharding(HostIndex(2), sharding);
        let told = first.with_route(Arc::new(builder.finish(&policy)));
        assert_eq!(told.hosts[2].sharding, sharding);

        let again = build(&[peer(3, "east"), peer(4, "east")], None, Some(&told), &policy);
        assert_eq!(numbers(&again.hosts), [0, 2, 3]);
        assert_eq!(again.hosts[1].sharding, sharding);
        assert!(Arc::ptr_eq(&again.keyspaces, &told.keyspaces));
        assert_eq!(numbers(&again.replicas_of_token("ks", "t", Token(150))), [2, 3]);
        assert_eq!(again.route.version(), told.route.version() + 1);
    }

    #[test]
    fn a_schema_read_again_changes_replicas_and_nothing_of_the_members() {
        let policy = TokenAware::default();
        let state = build(&[peer(2, "east")], Some(&schema()), None, &policy);
        let mut rows = schema();
        rows.keyspaces[0].replication.insert("replication_factor".into(), "1".into());
        let (altered, warnings) = state.with_schema(&SchemaScope::keyspace("ks"), &rows, &policy);
        assert_eq!(warnings, []);
        assert_eq!(numbers(&altered.replicas_of_token("ks", "t", Token(150))), [1]);
        assert!(Arc::ptr_eq(&altered.hosts, &state.hosts));
        let (empty, _) = altered.with_schema(&SchemaScope::All, &SchemaRows::default(), &policy);
        assert!(empty.keyspaces.is_empty() && empty.replicas_of_token("ks", "t", Token(0)).is_empty());
    }

    #[test]
    fn members_are_found_by_identity_address_and_ip() {
        let state = build(&[peer(2, "east")], None, None, &TokenAware::default());
        let address = ([10, 0, 0, 2], 9042).into();
        assert_eq!(state.host_by_id(Uuid::from_u128(2)).map(|host| host.address), Some(address));
        assert_eq!(state.host_at(address).map(|host| host.index), Some(HostIndex(1)));
        assert_eq!(state.host_at(([10, 0, 0, 2], 1).into()), None);
        assert_eq!(state.hosts_at_ip([10, 0, 0, 2].into()).count(), 1);
    }
}

//! What the request path reads: an immutable snapshot of hosts, ring, replicas and tablets, as arrays.

use std::sync::Arc;

use chorus_protocol::token::{AnyToken, Token};
use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::ReplicationStrategy;
use super::builder::KeyspaceRouting;
use super::hosts::RouteHost;
use super::names::Names;
use super::placement::Placement;
use super::ring::Ring;
use super::sites::Sites;
use super::tablets::TabletMap;
use super::view::{Seen, View, ViewId};
use crate::host::{HostIndex, KeyspaceId, TableId};
use crate::policies::load_balancing::{Load, SlowHosts};

/// An immutable snapshot for the request path. Lookups allocate nothing, take no lock and hash nothing; only
/// [`Route::table_id`], which statements call once when they are prepared, looks up names.
#[derive(Debug, Clone)]
pub struct Route {
    pub(super) version: u64,
    pub(super) hosts: Arc<[RouteHost]>,
    /// What each policy sees; never empty, the session's own policy first.
    pub(super) sights: Arc<[Seen]>,
    pub(super) sites: Arc<Sites>,
    pub(super) ring: Arc<Ring>,
    pub(super) host_numbers: Arc<FxHashMap<Uuid, HostIndex>>,
    pub(super) names: Arc<Names>,
    pub(super) keyspaces: Arc<[KeyspaceRoute]>,
    pub(super) tables: Arc<[TableRoute]>,
}

/// What is known of one keyspace, by keyspace number. Both empty when it was dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyspaceRoute {
    pub(super) replication: Option<ReplicationStrategy>,
    pub(super) consistency: Option<String>,
    /// `None` for strategies without replicas.
    pub(super) placement: Option<Arc<Placement>>,
}

impl KeyspaceRoute {
    /// One whose placement is not known yet.
    pub(super) fn new(keyspace: &KeyspaceRouting) -> KeyspaceRoute {
        let KeyspaceRouting { replication, consistency, .. } = keyspace.clone();
        KeyspaceRoute { replication: Some(replication), consistency, placement: None }
    }

    /// Whether `keyspace` is replicated like this, so that tablets learned for one are those of the other.
    pub(super) fn is_like(&self, keyspace: &KeyspaceRouting) -> bool {
        self.replication.as_ref() == Some(&keyspace.replication) && self.consistency == keyspace.consistency
    }
}

/// What is known of one table, by table number.
#[derive(Debug, Clone)]
pub(super) struct TableRoute {
    pub(super) keyspace: KeyspaceId,
    /// False when it was dropped.
    pub(super) live: bool,
    /// `None` for dropped tables and keyspaces without replicas.
    pub(super) placement: Option<Arc<Placement>>,
    pub(super) tablets: Option<Arc<TabletMap>>,
    /// Whether the first replica of a versioned tablet leads.
    pub(super) has_leaders: bool,
    /// Every member holds every row and none has shards: there is nothing to choose by token.
    pub(super) everywhere: bool,
}

impl TableRoute {
    pub(super) fn new(
        keyspace: KeyspaceId,
        tablets: Option<Arc<TabletMap>>,
        has_leaders: bool,
    ) -> TableRoute {
        TableRoute { keyspace, live: true, placement: None, tablets, has_leaders, everywhere: false }
    }

    /// What remains of a table that was dropped: its number.
    pub(super) fn dropped(&self) -> TableRoute {
        TableRoute {
            keyspace: self.keyspace,
            live: false,
            placement: None,
            tablets: None,
            has_leaders: false,
            everywhere: false,
        }
    }
}

/// A host, and where known the shard, that holds a token's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Replica {
    /// The host.
    pub host: HostIndex,
    /// Its shard; `None` for hosts without shards or not connected to yet.
    pub shard: Option<u16>,
}

impl Route {
    /// Grows by one with each snapshot, so that readers compare numbers to see a change.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All hosts ever seen, by host number; the present ones have [`RouteHost::member`] set.
    #[inline]
    pub fn hosts(&self) -> &[RouteHost] {
        &self.hosts
    }

    /// One host; `None` when the number is not from this session.
    #[inline]
    pub fn host(&self, host: HostIndex) -> Option<&RouteHost> {
        self.hosts.get(host.as_usize())
    }

    /// The cluster as one policy sees it. A number that this route does not know yet stands for the session's own policy.
    #[inline(always)]
    pub fn view(&self, id: ViewId) -> View<'_> {
        let own = &self.sights[0];
        // Nearly every request; the others are few.
        let seen = match id {
            ViewId::SESSION => own,
            id => self.sights.iter().find(|seen| seen.id == id).unwrap_or(own),
        };
        View::new(self, &seen.sight)
    }

    /// The names of the datacenters, by number.
    pub fn datacenters(&self) -> &[Arc<str>] {
        self.sites.datacenters()
    }

    /// The token ring.
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// The number of a host; `None` when the cluster never had it.
    pub fn host_index(&self, id: Uuid) -> Option<HostIndex> {
        self.host_numbers.get(&id).copied()
    }

    /// The number of a keyspace; `None` when the schema never had it.
    pub fn keyspace_id(&self, keyspace: &str) -> Option<KeyspaceId> {
        self.names.keyspace(keyspace)
    }

    /// The number of a table or materialized view; `None` when the schema never had it. Stable, so ask once.
    pub fn table_id(&self, keyspace: &str, table: &str) -> Option<TableId> {
        self.names.table(keyspace, table)
    }

    /// The replicas of `token` in `table`: its tablet's where known, else the ring's. Empty when there is no way to tell:
    /// a table that was dropped, a keyspace without replicas, a ring that is empty or not of Murmur3 tokens.
    #[inline]
    pub fn replicas(&self, table: TableId, token: Token) -> Replicas<'_> {
        let mut replicas =
            Replicas { hosts: &self.hosts, token, source: Source::Ring(&[]), leader_first: false };
        let Some(table) = self.tables.get(table.as_usize()) else { return replicas };
        if let Some(tablet) = table.tablets.as_ref().and_then(|tablets| tablets.find(token)) {
            replicas.source = Source::Tablet(tablet.replicas);
            replicas.leader_first = table.has_leaders && tablet.version.is_some();
            return replicas;
        }
        if let (Some(placement), Some(position)) = (&table.placement, self.ring.position(token)) {
            replicas.source = Source::Ring(placement.replicas(position));
        }
        replicas
    }

    /// Whether every member holds every row of `table` and none has shards, as in a cluster of three with a
    /// replication factor of three. The token of a row then says nothing about where to send it.
    #[inline]
    pub fn is_everywhere(&self, table: TableId) -> bool {
        self.tables.get(table.as_usize()).is_some_and(|table| table.everywhere)
    }

    /// The hosts that hold a token of any partitioner in `keyspace`, by the ring. Not for the request path.
    pub fn ring_replicas(&self, keyspace: KeyspaceId, token: &AnyToken) -> &[HostIndex] {
        let placement = self.placement(keyspace);
        match (placement, self.ring.position_of_any(token)) {
            (Some(placement), Some(position)) => placement.replicas(position),
            _ => &[],
        }
    }

    /// The keyspace a table belongs to.
    pub fn keyspace_of(&self, table: TableId) -> Option<KeyspaceId> {
        self.tables.get(table.as_usize()).map(|table| table.keyspace)
    }

    /// The tablets known for a table.
    pub fn tablets(&self, table: TableId) -> Option<&Arc<TabletMap>> {
        self.tables.get(table.as_usize())?.tablets.as_ref()
    }

    /// How many tablets are known, over all tables.
    pub fn tablet_count(&self) -> usize {
        self.tables.iter().filter_map(|table| table.tablets.as_ref()).map(|map| map.len()).sum()
    }

    /// The placement shared by all keyspaces with this keyspace's replication strategy.
    pub fn placement(&self, keyspace: KeyspaceId) -> Option<&Arc<Placement>> {
        self.keyspaces.get(keyspace.0 as usize)?.placement.as_ref()
    }
}

/// A route that knows nothing: version 0, no hosts.
impl Default for Route {
    fn default() -> Self {
        Route {
            version: 0,
            hosts: Arc::from([]),
            sights: Arc::from([Seen::default()]),
            sites: Arc::default(),
            ring: Arc::new(Ring::of(&[])),
            host_numbers: Arc::default(),
            names: Arc::default(),
            keyspaces: Arc::from([]),
            tables: Arc::from([]),
        }
    }
}

/// The replicas of one token: borrowed from the route, nothing is copied.
#[derive(Debug, Clone, Copy)]
pub struct Replicas<'r> {
    hosts: &'r [RouteHost],
    token: Token,
    source: Source<'r>,
    leader_first: bool,
}

#[derive(Debug, Clone, Copy)]
enum Source<'r> {
    /// Hosts; the shard follows from the token.
    Ring(&'r [HostIndex]),
    /// Hosts and shards as the server told them.
    Tablet(&'r [Replica]),
}

impl<'r> Replicas<'r> {
    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        match self.source {
            Source::Ring(hosts) => hosts.len(),
            Source::Tablet(replicas) => replicas.len(),
        }
    }

    /// True when none are known.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True when they come from a tablet rather than the ring.
    pub fn are_of_a_tablet(&self) -> bool {
        matches!(self.source, Source::Tablet(_))
    }

    /// True when the first of them leads the others, as in a strongly consistent keyspace.
    #[inline]
    pub fn leader_first(&self) -> bool {
        self.leader_first
    }

    /// The host of one of them, in ring order (primary first).
    #[inline]
    pub fn host(&self, index: usize) -> Option<HostIndex> {
        match self.source {
            Source::Ring(hosts) => hosts.get(index).copied(),
            Source::Tablet(replicas) => replicas.get(index).map(|replica| replica.host),
        }
    }

    /// One of them with its shard, which for replicas of the ring is computed now.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Replica> {
        match self.source {
            Source::Tablet(replicas) => replicas.get(index).copied(),
            Source::Ring(hosts) => hosts.get(index).map(|host| {
                let sharding = self.hosts.get(host.as_usize()).and_then(|entry| entry.sharding);
                Replica { host: *host, shard: sharding.map(|sharding| sharding.shard_of(self.token)) }
            }),
        }
    }

    /// All of them, in ring order.
    #[inline]
    pub fn iter(&self) -> ReplicasIter<'r> {
        ReplicasIter { replicas: *self, next: 0 }
    }
}

impl<'r> IntoIterator for Replicas<'r> {
    type Item = Replica;
    type IntoIter = ReplicasIter<'r>;

    fn into_iter(self) -> ReplicasIter<'r> {
        self.iter()
    }
}

/// Iterator over [`Replicas`].
#[derive(Debug, Clone)]
pub struct ReplicasIter<'r> {
    replicas: Replicas<'r>,
    next: usize,
}

impl Iterator for ReplicasIter<'_> {
    type Item = Replica;

    #[inline]
    fn next(&mut self) -> Option<Replica> {
        let replica = self.replicas.get(self.next)?;
        self.next += 1;
        Some(replica)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.replicas.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for ReplicasIter<'_> {}

/// The load of a route's hosts for whoever has no connections of its own: those up are usable, none is busy.
#[derive(Debug, Clone, Copy)]
pub struct UpHosts<'r>(pub &'r Route);

impl Load for UpHosts<'_> {
    fn in_flight(&self, _: HostIndex) -> u32 {
        0
    }

    fn usable(&self, host: HostIndex) -> bool {
        self.0.host(host).is_some_and(|entry| entry.up)
    }

    fn may_be_slow(&self, _: SlowHosts) -> bool {
        false
    }
}

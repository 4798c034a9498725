//! Who has which partitions, and whether requests arrive there.
//!
//! All nodes share their data, so a request is answered right wherever it arrives. A client is judged by where it sends
//! them: a node counts which of the requests it got were for it, and for the shard they came in on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::membership::Membership;
use super::replicas::{Ring, rings};
use super::shards::Place;
use super::tablets::{Tablet, TabletMap};
use crate::catalog::{Catalog, Keyspace, KeyspaceKind, Replication, TableSchema};

/// Who has the partitions of one table.
#[derive(Debug)]
pub(crate) enum Owners {
    /// Nobody in particular: every node has such data of its own.
    Everybody,
    /// Who the ring says.
    Ring(Arc<RingOwners>),
    /// Who the table's tablets say.
    Tablets(Arc<TabletMap>),
}

/// The nodes that have each stretch of the ring under one replication.
#[derive(Debug)]
pub(crate) struct RingOwners {
    replication: Replication,
    /// Each ring with the replicas that are chosen on it.
    rings: Vec<(usize, Ring)>,
    /// Where stretches end, sorted.
    tokens: Vec<i64>,
    /// Computed when first asked for.
    nodes: Vec<OnceLock<Box<[usize]>>>,
}

impl RingOwners {
    fn new(membership: &Membership, replication: &Replication) -> Self {
        let rings: Vec<(usize, Ring)> =
            rings(replication, membership).into_iter().map(|(_, wanted, ring)| (wanted, ring)).collect();
        let mut tokens: Vec<i64> = rings.iter().flat_map(|(_, ring)| ring.tokens()).collect();
        tokens.sort_unstable();
        tokens.dedup();
        Self {
            replication: replication.clone(),
            rings,
            nodes: tokens.iter().map(|_| OnceLock::new()).collect(),
            tokens,
        }
    }

    /// The numbers of the nodes that have the partition at `token`; none when every node has it.
    fn of(&self, token: i64) -> &[usize] {
        let place = self.tokens.partition_point(|owned| *owned < token);
        // Past the last token the ring begins again.
        let place = if place == self.tokens.len() { 0 } else { place };
        let Some(cell) = self.nodes.get(place) else { return &[] };
        let token = self.tokens[place];
        cell.get_or_init(|| {
            self.rings.iter().flat_map(|(wanted, ring)| ring.replicas(*wanted, token)).collect()
        })
    }
}

/// How well a request was aimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    /// At a node that has the partition, and where nodes have shards, at the shard that has it.
    Shard,
    /// At a node that has it, and at another of its shards.
    Host,
    /// At a node that has it not.
    Elsewhere,
}

impl Owners {
    /// How well a request for the partition at `token` was aimed; `None` when nobody has it in particular.
    #[inline]
    pub(crate) fn aim(&self, token: i64, node: usize, place: Option<&Place>) -> Option<Aim> {
        match self {
            Self::Everybody => None,
            Self::Ring(owners) => {
                let nodes = owners.of(token);
                if nodes.is_empty() {
                    return None;
                }
                if !nodes.contains(&node) {
                    return Some(Aim::Elsewhere);
                }
                let hits = place.is_none_or(|place| place.shard() == place.division().shard_of(token));
                Some(if hits { Aim::Shard } else { Aim::Host })
            }
            Self::Tablets(map) => {
                let replica = map.find(token).replicas.iter().find(|(replica, _)| *replica == node);
                let Some((_, shard)) = replica else { return Some(Aim::Elsewhere) };
                let hits = place.is_none_or(|place| place.shard() == *shard);
                Some(if hits { Aim::Shard } else { Aim::Host })
            }
        }
    }

    /// The tablet that has `token`, for tables that have tablets.
    pub(crate) fn tablet(&self, token: i64) -> Option<&Tablet> {
        match self {
            Self::Tablets(map) => Some(map.find(token)),
            Self::Everybody | Self::Ring(_) => None,
        }
    }
}

/// Counts of how often schema, members and tablets have changed: what owners are derived from.
pub(crate) type Epochs = [u64; 3];

/// The owners of all tables, as long as nothing they depend on changes.
#[derive(Debug, Default)]
pub(crate) struct OwnerCache {
    state: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    epochs: Option<Epochs>,
    tables: FxHashMap<Uuid, Arc<Owners>>,
    rings: Vec<Arc<RingOwners>>,
}

impl OwnerCache {
    /// The owners of a table. `tablets` is asked for those of tables that have tablets.
    pub(crate) fn of(
        &self,
        epochs: Epochs,
        catalog: &Catalog,
        table: &TableSchema,
        membership: &Membership,
        tablets: impl FnOnce(&Keyspace) -> Option<Arc<TabletMap>>,
    ) -> Arc<Owners> {
        let mut known = self.state.lock().expect("no code panics with the lock held");
        if known.epochs != Some(epochs) {
            *known = Known { epochs: Some(epochs), ..Known::default() };
        }
        if let Some(owners) = known.tables.get(&table.id) {
            return Arc::clone(owners);
        }
        let keyspace = catalog.keyspace(&table.keyspace).filter(|found| found.kind == KeyspaceKind::User);
        let owners = match keyspace {
            None => Owners::Everybody,
            Some(keyspace) => match tablets(keyspace) {
                Some(map) => Owners::Tablets(map),
                None => Owners::Ring(known.ring(membership, &keyspace.replication)),
            },
        };
        let owners = Arc::new(owners);
        known.tables.insert(table.id, Arc::clone(&owners));
        owners
    }
}

impl Known {
    fn ring(&mut self, membership: &Membership, replication: &Replication) -> Arc<RingOwners> {
        if let Some(ring) = self.rings.iter().find(|ring| ring.replication == *replication) {
            return Arc::clone(ring);
        }
        let ring = Arc::new(RingOwners::new(membership, replication));
        self.rings.push(Arc::clone(&ring));
        ring
    }
}

/// How requests for single partitions were aimed at one node.
#[derive(Debug, Default)]
pub(crate) struct AimCounters {
    right: AtomicU64,
    other_shard: AtomicU64,
    elsewhere: AtomicU64,
    unknown: AtomicU64,
}

impl AimCounters {
    /// Counts a request; `None` is one that names no partition.
    #[inline]
    pub(crate) fn count(&self, aim: Option<Aim>) {
        let counter = match aim {
            Some(Aim::Shard) => &self.right,
            Some(Aim::Host) => &self.other_shard,
            Some(Aim::Elsewhere) => &self.elsewhere,
            None => &self.unknown,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> RoutingCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RoutingCounts {
            right: read(&self.right),
            other_shard: read(&self.other_shard),
            elsewhere: read(&self.elsewhere),
            unknown: read(&self.unknown),
        }
    }

    pub(crate) fn reset(&self) {
        for counter in [&self.right, &self.other_shard, &self.elsewhere, &self.unknown] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// Where prepared requests for tables of users arrived, and whether that was where their partition is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoutingCounts {
    /// At a node that has the partition; where nodes have shards, at the shard that has it.
    pub right: u64,
    /// At a node that has the partition, and at another of its shards.
    pub other_shard: u64,
    /// At a node that has not the partition.
    pub elsewhere: u64,
    /// Anywhere: the request names no single partition, or its partition is everywhere.
    pub unknown: u64,
}

impl RoutingCounts {
    /// The share of the requests for single partitions that arrived right; 1 when there were none.
    pub fn accuracy(&self) -> f64 {
        let all = self.right + self.other_shard + self.elsewhere;
        if all == 0 { 1.0 } else { self.right as f64 / all as f64 }
    }
}

impl std::ops::Add for RoutingCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            right: self.right + other.right,
            other_shard: self.other_shard + other.other_shard,
            elsewhere: self.elsewhere + other.elsewhere,
            unknown: self.unknown + other.unknown,
        }
    }
}

/// What [`EmbeddedCluster::routing_report`](super::EmbeddedCluster::routing_report) tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoutingReport {
    /// By number of the node.
    pub nodes: Vec<RoutingCounts>,
    /// Requests of any kind that each shard of each node has received; empty for nodes without shards.
    pub shards: Vec<Vec<u64>>,
}

impl RoutingReport {
    /// All nodes together.
    pub fn total(&self) -> RoutingCounts {
        self.nodes.iter().copied().fold(RoutingCounts::default(), std::ops::Add::add)
    }
}

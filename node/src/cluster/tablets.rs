//! Tablets: ranges of one table's tokens, each with replicas of its own.
//!
//! Tables of keyspaces that were created with tablets have them instead of places on the ring. They are made when somebody
//! first asks for them, spread over nodes and shards so that all have about as many, and change only on command or when a
//! node leaves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::membership::Membership;
use super::spread::Spread;
use crate::catalog::{Catalog, Keyspace, TableSchema};

/// A range of a table's tokens and who serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tablet {
    /// The token just before the range.
    pub first: i64,
    /// The last token of the range.
    pub last: i64,
    /// Number and shard of each node that serves it. Where replicas are strongly consistent the first is their leader.
    pub replicas: Vec<(usize, u16)>,
    /// Changes with the replicas.
    pub version: u64,
}

/// Why a tablet was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TabletError {
    /// There is no such table, or its keyspace has no tablets.
    #[error("the table has no tablets")]
    NoTablets,
    /// The tablet is not on the node it was to leave.
    #[error("the tablet has no replica on node {0}")]
    NotThere(usize),
    /// The tablet is on the node already that was to get it.
    #[error("the tablet has a replica on node {0} already")]
    AlreadyThere(usize),
    /// The cluster has no such node, or the node no such shard.
    #[error("there is no shard {1} of node {0}")]
    NoSuchShard(usize, u16),
    /// Twice as many tablets as there are would be too many, or half as many none.
    #[error("the table has {0} tablets")]
    Count(usize),
}

/// All tablets of one table, in token order; together they cover every token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TabletMap(Vec<Tablet>);

/// More tablets than this are not split.
const MOST_TABLETS: usize = 1 << 20;

impl TabletMap {
    /// `count` tablets (rounded up to a power of two) of equal size.
    fn new(count: usize, mut place: impl FnMut() -> Vec<(usize, u16)>) -> Self {
        let bits = count.clamp(1, MOST_TABLETS).next_power_of_two().trailing_zeros();
        let mut first = i64::MIN;
        let tablets = (0..1u64 << bits).map(|number| {
            let size = u128::from(number + 1) << (64 - bits);
            let last = ((size - 1) as u64 ^ (1 << 63)) as i64;
            let tablet = Tablet { first, last, replicas: place(), version: number + 1 };
            first = last;
            tablet
        });
        Self(tablets.collect())
    }

    pub(crate) fn tablets(&self) -> &[Tablet] {
        &self.0
    }

    /// The tablet that has `token`.
    pub(crate) fn find(&self, token: i64) -> &Tablet {
        &self.0[self.place(token)]
    }

    fn place(&self, token: i64) -> usize {
        // The last tablet ends at the last token there is.
        self.0.partition_point(|tablet| tablet.last < token)
    }

    fn next_version(&self) -> u64 {
        self.0.iter().map(|tablet| tablet.version).max().unwrap_or_default() + 1
    }

    /// Halves every tablet; both halves stay where the whole was.
    fn split(&self) -> Option<Self> {
        if self.0.len() >= MOST_TABLETS {
            return None;
        }
        let mut version = self.next_version();
        let halves = self.0.iter().flat_map(|tablet| {
            let middle = tablet.first.midpoint(tablet.last);
            version += 2;
            [
                Tablet { last: middle, version: version - 2, ..tablet.clone() },
                Tablet { first: middle, version: version - 1, ..tablet.clone() },
            ]
        });
        Some(Self(halves.collect()))
    }

    /// Joins each two neighbours into one, which is where the first of them was.
    fn merge(&self) -> Option<Self> {
        if self.0.len() < 2 {
            return None;
        }
        let version = self.next_version();
        let joined = self.0.chunks(2).enumerate().map(|(number, pair)| Tablet {
            last: pair[pair.len() - 1].last,
            version: version + number as u64,
            ..pair[0].clone()
        });
        Some(Self(joined.collect()))
    }
}

/// The tablets of every table that has any.
#[derive(Debug)]
pub(crate) struct TabletStore {
    seed: u64,
    tables: RwLock<FxHashMap<Uuid, Arc<TabletMap>>>,
    /// Rises with every change, after it was made.
    epoch: AtomicU64,
}

impl TabletStore {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, tables: RwLock::default(), epoch: AtomicU64::new(0) }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The tablets of a table, made now if nobody asked before; `None` when its keyspace has none.
    pub(crate) fn of(
        &self,
        catalog: &Catalog,
        keyspace: &Keyspace,
        table: &TableSchema,
        membership: &Membership,
    ) -> Option<Arc<TabletMap>> {
        let options = keyspace.tablets?;
        let known = |tables: &FxHashMap<Uuid, Arc<TabletMap>>| tables.get(&table.id).map(Arc::clone);
        if let Some(map) = known(&self.tables.read().expect("no code panics with the lock held")) {
            return Some(map);
        }
        let mut tables = self.tables.write().expect("no code panics with the lock held");
        if let Some(map) = known(&tables) {
            return Some(map);
        }
        // Tables that are gone are forgotten with the next one that comes.
        tables.retain(|id, _| {
            catalog.keyspaces().any(|keyspace| keyspace.tables().any(|table| table.id == *id))
        });
        let mut spread = Spread::new(membership, keyspace, self.seed ^ table.id.as_u128() as u64);
        let count = options.initial.map_or_else(|| spread.least_count(), |initial| initial as usize);
        let map = Arc::new(TabletMap::new(count, || spread.place(&[])));
        tables.insert(table.id, Arc::clone(&map));
        Some(map)
    }

    /// Puts another map in a table's place.
    fn change(
        &self,
        table: Uuid,
        change: impl FnOnce(&TabletMap) -> Result<TabletMap, TabletError>,
    ) -> Result<(), TabletError> {
        let mut tables = self.tables.write().expect("no code panics with the lock held");
        let map = tables.get_mut(&table).ok_or(TabletError::NoTablets)?;
        *map = Arc::new(change(map)?);
        self.epoch.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Moves the tablet with `token` from one node to a shard of another, or to another shard of the same.
    pub(crate) fn relocate(
        &self,
        table: Uuid,
        token: i64,
        from: usize,
        to: (usize, u16),
    ) -> Result<(), TabletError> {
        self.change(table, |map| {
            let mut map = map.clone();
            let version = map.next_version();
            let place = map.place(token);
            let tablet = &mut map.0[place];
            if from != to.0 && tablet.replicas.iter().any(|(node, _)| *node == to.0) {
                return Err(TabletError::AlreadyThere(to.0));
            }
            let replica = tablet.replicas.iter_mut().find(|(node, _)| *node == from);
            *replica.ok_or(TabletError::NotThere(from))? = to;
            tablet.version = version;
            Ok(map)
        })
    }

    /// Makes another of its replicas the leader of the tablet with `token`: the first of them.
    pub(crate) fn elect(&self, table: Uuid, token: i64, leader: usize) -> Result<(), TabletError> {
        self.change(table, |map| {
            let mut map = map.clone();
            let version = map.next_version();
            let place = map.place(token);
            let tablet = &mut map.0[place];
            let replica = tablet.replicas.iter().position(|(node, _)| *node == leader);
            tablet.replicas[..=replica.ok_or(TabletError::NotThere(leader))?].rotate_right(1);
            tablet.version = version;
            Ok(map)
        })
    }

    pub(crate) fn split(&self, table: Uuid) -> Result<(), TabletError> {
        self.change(table, |map| map.split().ok_or(TabletError::Count(map.0.len())))
    }

    pub(crate) fn merge(&self, table: Uuid) -> Result<(), TabletError> {
        self.change(table, |map| map.merge().ok_or(TabletError::Count(map.0.len())))
    }

    /// Adapts every tablet to the cluster as it is: replicas on nodes that have left go elsewhere, and those on shards that
    /// a node has not got any more to others of the same node.
    pub(crate) fn adapt(&self, catalog: &Catalog, membership: &Membership) {
        let mut tables = self.tables.write().expect("no code panics with the lock held");
        for (id, map) in tables.iter_mut() {
            let keyspace = catalog.keyspaces().find(|keyspace| {
                keyspace.tables().any(|table| table.id == *id && keyspace.tablets.is_some())
            });
            let Some(keyspace) = keyspace else { continue };
            let mut spread = Spread::new(membership, keyspace, self.seed ^ id.as_u128() as u64);
            spread.count(map);
            *map = Arc::new(adapted(map, &mut spread, membership));
        }
        self.epoch.fetch_add(1, Ordering::Release);
    }
}

fn adapted(map: &TabletMap, spread: &mut Spread, membership: &Membership) -> TabletMap {
    let mut map = map.clone();
    let mut version = map.next_version();
    for tablet in &mut map.0 {
        let before = tablet.replicas.clone();
        tablet.replicas.retain(|(node, _)| membership.member(*node).is_some());
        for (node, shard) in &mut tablet.replicas {
            let shards = membership.member(*node).map_or(1, |member| member.shard_count());
            *shard %= shards;
        }
        if tablet.replicas.len() < before.len() {
            tablet.replicas = spread.place(&tablet.replicas);
        }
        if tablet.replicas != before {
            tablet.version = version;
            version += 1;
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::super::membership::{Member, Membership};
    use super::*;
    use crate::catalog::{Dialect, TabletOptions};
    use crate::execute::{Database, DatabaseOptions, ExecContext};
    use crate::{NoSystemTables, Shards};

    fn membership(nodes: usize, racks: usize, shards: u16) -> Membership {
        let member = |index| {
            Arc::new(Member {
                index,
                address: ([127, 0, 0, 1], 9042 + index as u16).into(),
                host_id: Uuid::from_u128(index as u128),
                datacenter: "datacenter1".to_owned(),
                rack: format!("rack{}", index % racks),
                tokens: vec![index as i64],
                shards: Some(Shards::new(shards)),
                half_known: false,
            })
        };
        Membership { name: "test".to_owned(), members: (0..nodes).map(member).collect() }
    }

    /// A table in a keyspace of that replication factor and with that many tablets.
    fn table(factor: usize, tablets: &str) -> (Arc<Catalog>, Keyspace, TableSchema) {
        let options = DatabaseOptions { dialect: Dialect::Scylla, ..DatabaseOptions::default() };
        let database = Database::with_system_tables(options, Arc::new(NoSystemTables)).unwrap();
        for cql in [
            format!(
                "CREATE KEYSPACE ks WITH replication = {{'class': 'NetworkTopologyStrategy', 'datacenter1': {factor}}} \
                 AND tablets = {tablets}"
            ),
            "CREATE TABLE ks.t (k int PRIMARY KEY)".to_owned(),
        ] {
            database.query(&cql, &ExecContext::new(None), &[]).unwrap();
        }
        let catalog = database.catalog();
        let keyspace = Keyspace::clone(catalog.keyspace("ks").unwrap());
        let table = TableSchema::clone(catalog.table("ks", "t").unwrap());
        (catalog, keyspace, table)
    }

    fn check_whole(map: &TabletMap) {
        assert_eq!((map.0[0].first, map.0[map.0.len() - 1].last), (i64::MIN, i64::MAX));
        assert!(map.0.windows(2).all(|pair| pair[0].last == pair[1].first && pair[0].first < pair[0].last));
        for tablet in &map.0 {
            assert_eq!(map.find(tablet.last), tablet);
            assert_eq!(map.find(tablet.first + 1), tablet);
        }
    }

    #[test]
    fn tablets_cover_all_tokens_and_spread_over_racks_nodes_and_shards() {
        let (catalog, keyspace, table) = table(2, "{'enabled': true, 'initial': 60}");
        assert_eq!(keyspace.tablets, Some(TabletOptions { initial: Some(60) }));
        let membership = membership(4, 2, 4);
        let store = TabletStore::new(7);
        let map = store.of(&catalog, &keyspace, &table, &membership).unwrap();
        assert_eq!(map.0.len(), 64, "the next power of two");
        check_whole(&map);
        let mut per_shard = FxHashMap::default();
        for tablet in &map.0 {
            let [(first, _), (second, _)] = tablet.replicas[..] else { panic!("{tablet:?}") };
            assert_ne!(first % 2, second % 2, "one replica in each rack");
            tablet.replicas.iter().for_each(|replica| *per_shard.entry(*replica).or_insert(0) += 1);
        }
        assert_eq!(per_shard.len(), 16);
        assert!(per_shard.values().all(|count| *count == 8), "{per_shard:?}");
        assert_eq!(store.of(&catalog, &keyspace, &table, &membership), Some(map), "they are made once");
    }

    #[test]
    fn without_a_number_every_shard_gets_at_least_one() {
        let (catalog, keyspace, table) = table(3, "{'enabled': true}");
        let map = TabletStore::new(0).of(&catalog, &keyspace, &table, &membership(3, 1, 5)).unwrap();
        assert_eq!(map.0.len(), 8);
        let mut used: Vec<(usize, u16)> = map.0.iter().flat_map(|tablet| tablet.replicas.clone()).collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), 15);
    }

    #[test]
    fn tablets_split_merge_and_move() {
        let (catalog, keyspace, table) = table(1, "{'enabled': true, 'initial': 2}");
        let membership = membership(2, 1, 2);
        let store = TabletStore::new(0);
        let of = || store.of(&catalog, &keyspace, &table, &membership).unwrap();
        let before = of();
        let epoch = store.epoch();
        store.split(table.id).unwrap();
        check_whole(&of());
        assert_eq!(of().0.len(), 4);
        assert_eq!(of().find(i64::MAX).replicas, before.find(i64::MAX).replicas);
        assert_ne!(of().find(i64::MAX).version, before.find(i64::MAX).version);
        store.merge(table.id).unwrap();
        check_whole(&of());
        assert_eq!(of().0.len(), 2);
        assert!(store.epoch() >= epoch + 2);

        let (node, shard) = of().find(5).replicas[0];
        let other = 1 - node;
        assert_eq!(store.relocate(table.id, 5, other, (node, 0)), Err(TabletError::AlreadyThere(node)));
        assert_eq!(store.relocate(table.id, 5, node, (node, 1 - shard)), Ok(()));
        assert_eq!(store.relocate(table.id, 5, node, (other, 1)), Ok(()));
        assert_eq!(of().find(5).replicas, [(other, 1)]);
        assert_eq!(store.relocate(table.id, 5, node, (node, 1)), Err(TabletError::NotThere(node)));
        assert_eq!(store.split(Uuid::nil()), Err(TabletError::NoTablets));
    }

    #[test]
    fn the_leader_of_a_tablet_is_its_first_replica() {
        let (catalog, keyspace, table) = table(3, "{'enabled': true, 'initial': 2}");
        let membership = membership(4, 1, 2);
        let store = TabletStore::new(0);
        let of = || store.of(&catalog, &keyspace, &table, &membership).unwrap().find(5).clone();
        let before = of();
        let [first, second, third] = before.replicas[..] else { panic!("{before:?}") };
        assert_eq!(store.elect(table.id, 5, third.0), Ok(()));
        assert_eq!(of().replicas, [third, first, second]);
        assert!(of().version > before.version);
        let outside = (0..4).find(|node| before.replicas.iter().all(|(other, _)| other != node)).unwrap();
        assert_eq!(store.elect(table.id, 5, outside), Err(TabletError::NotThere(outside)));
    }

    #[test]
    fn replicas_follow_when_nodes_leave_and_shards_go() {
        let (catalog, keyspace, table) = table(2, "{'enabled': true, 'initial': 16}");
        let store = TabletStore::new(0);
        let before = store.of(&catalog, &keyspace, &table, &membership(3, 1, 4)).unwrap();
        assert!(before.0.iter().any(|tablet| tablet.replicas.iter().any(|(node, _)| *node == 2)));
        let mut smaller = membership(3, 1, 2);
        smaller.leave(2);
        store.adapt(&catalog, &smaller);
        let after = store.of(&catalog, &keyspace, &table, &smaller).unwrap();
        check_whole(&after);
        for tablet in &after.0 {
            let mut nodes: Vec<usize> = tablet.replicas.iter().map(|(node, _)| *node).collect();
            nodes.sort_unstable();
            assert_eq!(nodes, [0, 1]);
            assert!(tablet.replicas.iter().all(|(_, shard)| *shard < 2));
        }
    }
}

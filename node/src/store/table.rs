//! A table's partitions in token order.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chorus_protocol::token::murmur3_token;

use super::partition::Partition;

/// Where a partition is on the ring, and its key. Sorts the way a full scan returns partitions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartitionKey {
    pub(crate) token: i64,
    pub(crate) bytes: Box<[u8]>,
}

impl PartitionKey {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { token: murmur3_token(bytes).0, bytes: bytes.into() }
    }
}

/// The partitions of one slice of the ring.
pub(crate) type Shard = BTreeMap<PartitionKey, Partition>;

/// The ring is cut into this many slices, each under a lock of its own.
const SHARD_BITS: u32 = 6;

/// Bytes that a partition takes beside its key and its rows.
pub(crate) const PARTITION_OVERHEAD: i64 = 72;

/// The data of one table.
#[derive(Debug)]
pub(crate) struct Store {
    shards: Box<[RwLock<Shard>]>,
    /// Estimated bytes of everything in it.
    bytes: AtomicI64,
}

impl Store {
    pub(crate) fn new() -> Self {
        let shards = (0..1 << SHARD_BITS).map(|_| RwLock::default()).collect();
        Self { shards, bytes: AtomicI64::new(0) }
    }

    /// Slices are in token order, so that one after the other is the whole ring in order.
    fn slice(token: i64) -> usize {
        ((token as u64 ^ 1 << 63) >> (64 - SHARD_BITS)) as usize
    }

    pub(crate) fn read(&self, token: i64) -> RwLockReadGuard<'_, Shard> {
        // A panic elsewhere while the lock was held leaves whole rows behind: rows are replaced, never half written.
        self.shards[Self::slice(token)].read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self, token: i64) -> RwLockWriteGuard<'_, Shard> {
        self.shards[Self::slice(token)].write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one partition, made if it is not there and removed if nothing is left in it. `change` says by how many
    /// bytes it grew.
    pub(crate) fn modify<R>(&self, key: PartitionKey, change: impl FnOnce(&mut Partition) -> (i64, R)) -> R {
        let mut shard = self.write(key.token);
        let (grown, result) = modify_in(&mut shard, key, change);
        drop(shard);
        self.grow(grown);
        result
    }

    pub(crate) fn grow(&self, bytes: i64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Estimated bytes of everything in it.
    pub(crate) fn bytes(&self) -> i64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Visits partitions in token order from `start` on, up to and including token `last`.
    pub(crate) fn scan(
        &self,
        start: &PartitionKey,
        last: i64,
        mut visit: impl FnMut(&PartitionKey, &Partition) -> ControlFlow<()>,
    ) {
        for slice in Self::slice(start.token)..=Self::slice(last) {
            let shard = self.shards[slice].read().unwrap_or_else(PoisonError::into_inner);
            for (key, partition) in shard.range(start..) {
                if key.token > last || visit(key, partition).is_break() {
                    return;
                }
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            shard.write().unwrap_or_else(PoisonError::into_inner).clear();
        }
        self.bytes.store(0, Ordering::Relaxed);
    }
}

/// [`Store::modify`] on a slice that is locked already.
pub(crate) fn modify_in<R>(
    shard: &mut Shard,
    key: PartitionKey,
    change: impl FnOnce(&mut Partition) -> (i64, R),
) -> (i64, R) {
    let size = key.bytes.len() as i64 + PARTITION_OVERHEAD;
    match shard.entry(key) {
        std::collections::btree_map::Entry::Vacant(entry) => {
            let mut partition = Partition::default();
            let (grown, result) = change(&mut partition);
            if partition.is_empty() {
                return (0, result);
            }
            entry.insert(partition);
            (grown + size, result)
        }
        std::collections::btree_map::Entry::Occupied(mut entry) => {
            let (grown, result) = change(entry.get_mut());
            if entry.get().is_empty() {
                entry.remove();
                return (grown - size, result);
            }
            (grown, result)
        }
    }
}

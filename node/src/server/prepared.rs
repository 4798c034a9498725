//! Statements a node has prepared.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use md5::{Digest, Md5};
use rustc_hash::FxHashMap;

/// Names a prepared statement: the MD5 digest of keyspace and text, as in Apache Cassandra.
pub(crate) type PreparedId = [u8; 16];

/// The id of `query` prepared in `keyspace`.
pub(crate) fn prepared_id(keyspace: Option<&str>, query: &str) -> PreparedId {
    let mut digest = Md5::new();
    digest.update(keyspace.unwrap_or_default().as_bytes());
    digest.update(query.as_bytes());
    digest.finalize().into()
}

struct Entry<P> {
    statement: Arc<P>,
    used: Arc<AtomicBool>,
}

/// At most `capacity` statements, shared by the connections of a node.
///
/// Eviction gives every statement a second chance if it was used since it was last looked at, so that a lookup only sets a
/// flag. Connections keep what they looked up in a [`PreparedCache`] and come here only when the store has changed.
pub(crate) struct PreparedStore<P> {
    capacity: usize,
    /// Rises when a statement leaves the store: what connections remember may be gone.
    generation: AtomicU64,
    entries: Mutex<Entries<P>>,
}

struct Entries<P> {
    by_id: FxHashMap<PreparedId, Entry<P>>,
    /// Every id in `by_id` exactly once, the next to be considered for eviction first.
    order: VecDeque<PreparedId>,
}

impl<P> PreparedStore<P> {
    pub(crate) fn new(capacity: usize) -> Self {
        let entries = Entries { by_id: FxHashMap::default(), order: VecDeque::new() };
        Self { capacity: capacity.max(1), generation: AtomicU64::new(0), entries: Mutex::new(entries) }
    }

    /// Remembers a statement, forgetting another one if there are too many. One with the same id is replaced.
    pub(crate) fn insert(&self, id: PreparedId, statement: Arc<P>) {
        let mut guard = self.entries.lock().expect("no code panics with the lock held");
        let entries = &mut *guard;
        let entry = Entry { statement, used: Arc::new(AtomicBool::new(false)) };
        if entries.by_id.insert(id, entry).is_some() {
            self.generation.fetch_add(1, Ordering::Release);
            return;
        }
        entries.order.push_back(id);
        while entries.by_id.len() > self.capacity {
            let Some(candidate) = entries.order.pop_front() else { break };
            match entries.by_id.get(&candidate) {
                Some(entry) if candidate != id && entry.used.swap(false, Ordering::Relaxed) => {
                    entries.order.push_back(candidate);
                }
                Some(_) if candidate == id => entries.order.push_back(candidate),
                _ => {
                    entries.by_id.remove(&candidate);
                    self.generation.fetch_add(1, Ordering::Release);
                }
            }
        }
    }

    /// Forgets a statement, for instance because the schema it was prepared under is gone.
    pub(crate) fn remove(&self, id: &PreparedId) {
        let mut entries = self.entries.lock().expect("no code panics with the lock held");
        if entries.by_id.remove(id).is_some() {
            entries.order.retain(|other| other != id);
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Forgets everything, as a restarted server does.
    pub(crate) fn clear(&self) {
        let mut entries = self.entries.lock().expect("no code panics with the lock held");
        entries.by_id.clear();
        entries.order.clear();
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// How many statements are remembered.
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().expect("no code panics with the lock held").by_id.len()
    }

    fn find(&self, id: &PreparedId) -> Option<(Arc<P>, Arc<AtomicBool>)> {
        let entries = self.entries.lock().expect("no code panics with the lock held");
        let entry = entries.by_id.get(id)?;
        entry.used.store(true, Ordering::Relaxed);
        Some((Arc::clone(&entry.statement), Arc::clone(&entry.used)))
    }
}

/// What one connection has looked up, so that executing the same statements again takes no lock.
pub(crate) struct PreparedCache<P> {
    generation: u64,
    recent: Vec<(PreparedId, Arc<P>, Arc<AtomicBool>)>,
}

impl<P> PreparedCache<P> {
    /// A connection that cycles through more statements than this asks the store again.
    const CAPACITY: usize = 16;

    pub(crate) fn new() -> Self {
        Self { generation: 0, recent: Vec::new() }
    }

    /// The statement of that id, if the store still has it.
    #[inline]
    pub(crate) fn find(&mut self, store: &PreparedStore<P>, id: &[u8]) -> Option<Arc<P>> {
        let generation = store.generation.load(Ordering::Acquire);
        if generation != self.generation {
            self.recent.clear();
            self.generation = generation;
        }
        if let Some((_, statement, used)) = self.recent.iter().find(|(known, ..)| known == id) {
            if !used.load(Ordering::Relaxed) {
                used.store(true, Ordering::Relaxed);
            }
            return Some(Arc::clone(statement));
        }
        let id: PreparedId = id.try_into().ok()?;
        let (statement, used) = store.find(&id)?;
        if self.recent.len() == Self::CAPACITY {
            self.recent.remove(0);
        }
        self.recent.push((id, Arc::clone(&statement), used));
        Some(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> PreparedId {
        prepared_id(None, &n.to_string())
    }

    #[test]
    fn an_id_is_the_digest_of_keyspace_and_text() {
        let expected =
            [0x59, 0xea, 0xce, 0xdf, 0xae, 0xc6, 0xdc, 0x3e, 0xe9, 0x52, 0xb7, 0x90, 0x2f, 0x84, 0x5d, 0x4e];
        assert_eq!(prepared_id(None, "select key from system.local where key=?"), expected);
        assert_ne!(prepared_id(Some("ks"), "select key from system.local where key=?"), expected);
    }

    #[test]
    fn the_statement_not_used_is_forgotten_first() {
        let store = PreparedStore::new(3);
        for n in 0..3 {
            store.insert(id(n), Arc::new(n));
        }
        assert!(PreparedCache::new().find(&store, &id(0)).is_some());
        store.insert(id(3), Arc::new(3));
        let mut cache = PreparedCache::new();
        let known: Vec<bool> = (0..4).map(|n| cache.find(&store, &id(n)).is_some()).collect();
        assert_eq!(known, [true, false, true, true]);
        assert_eq!(store.len(), 3);
    }

    #[test]
    fn a_flood_of_statements_stays_within_the_capacity() {
        let store = PreparedStore::new(100);
        for n in 0..100_000u32 {
            store.insert((u128::from(n)).to_be_bytes(), Arc::new(n));
        }
        assert_eq!(store.len(), 100);
        assert_eq!(store.entries.lock().unwrap().order.len(), 100);
    }

    #[test]
    fn a_cached_statement_is_not_found_after_it_was_removed() {
        let store = PreparedStore::new(3);
        store.insert(id(1), Arc::new(1));
        let mut cache = PreparedCache::new();
        assert_eq!(cache.find(&store, &id(1)).as_deref(), Some(&1));
        store.remove(&id(1));
        assert_eq!(cache.find(&store, &id(1)), None);
        store.insert(id(1), Arc::new(2));
        assert_eq!(cache.find(&store, &id(1)).as_deref(), Some(&2));
        store.clear();
        assert_eq!(cache.find(&store, &id(1)), None);
    }

    #[test]
    fn preparing_again_replaces_what_a_connection_remembers() {
        let store = PreparedStore::new(3);
        store.insert(id(1), Arc::new(1));
        let mut cache = PreparedCache::new();
        cache.find(&store, &id(1));
        store.insert(id(1), Arc::new(2));
        assert_eq!(cache.find(&store, &id(1)).as_deref(), Some(&2));
    }

    #[test]
    fn an_id_of_another_length_is_unknown() {
        let store = PreparedStore::<u32>::new(3);
        assert_eq!(PreparedCache::new().find(&store, b""), None);
        assert_eq!(PreparedCache::new().find(&store, &[0; 17]), None);
    }
}

//! Numbers of keyspaces and tables, given at first sight and never taken back.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::host::{KeyspaceId, TableId};

/// Every keyspace and table name ever seen, with its number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    keyspaces: FxHashMap<Arc<str>, Keyspace>,
    tables: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Keyspace {
    id: KeyspaceId,
    tables: FxHashMap<Arc<str>, TableId>,
}

impl Names {
    /// The number of a keyspace, a new one when the name is new.
    pub(super) fn intern_keyspace(&mut self, keyspace: &Arc<str>) -> KeyspaceId {
        let next = KeyspaceId(self.keyspaces.len() as u32);
        self.keyspaces
            .entry(keyspace.clone())
            .or_insert_with(|| Keyspace { id: next, tables: FxHashMap::default() })
            .id
    }

    /// The number of a table, a new one when the name is new.
    pub(super) fn intern_table(&mut self, keyspace: &Arc<str>, table: &Arc<str>) -> TableId {
        self.intern_keyspace(keyspace);
        let tables = &mut self.tables;
        let names = self.keyspaces.get_mut(keyspace).expect("interned in the line above");
        *names.tables.entry(table.clone()).or_insert_with(|| {
            *tables += 1;
            TableId(*tables - 1)
        })
    }

    pub(super) fn keyspace(&self, keyspace: &str) -> Option<KeyspaceId> {
        self.keyspaces.get(keyspace).map(|names| names.id)
    }

    pub(super) fn table(&self, keyspace: &str, table: &str) -> Option<TableId> {
        self.keyspaces.get(keyspace)?.tables.get(table).copied()
    }

    pub(super) fn keyspace_count(&self) -> usize {
        self.keyspaces.len()
    }
}

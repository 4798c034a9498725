//! What the node knows about its data: keyspaces, tables, types, indexes, functions.
//!
//! A [`Catalog`] is an immutable snapshot. Every schema change makes a new one that shares what did not change, with a new
//! schema version; whoever holds an old snapshot keeps a consistent picture.

mod column;
mod keyspace;
mod options;
mod scylla;
mod table;
mod user_type;

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::cql::CqlError;

pub(crate) use column::ColumnId;
pub use column::{Column, ColumnKind, ColumnType};
pub use keyspace::{Keyspace, KeyspaceKind, Replication};
pub(crate) use options::MAX_TTL;
pub use options::{OptionValue, TableOptions};
pub(crate) use scylla::RATE_LIMIT;
pub use scylla::{Dialect, RateLimit, StrongConsistency, TabletOptions};
pub(crate) use table::TableBuilder;
pub use table::{IndexKind, IndexSchema, TableSchema};
pub use user_type::UserType;
pub(crate) use user_type::{mentions, replace};

/// A snapshot of the schema.
#[derive(Debug, Clone)]
pub struct Catalog {
    keyspaces: BTreeMap<String, Arc<Keyspace>>,
    version: Uuid,
}

impl Catalog {
    /// Nothing at all, as version `version`.
    pub(crate) fn empty(version: Uuid) -> Self {
        Self { keyspaces: BTreeMap::new(), version }
    }

    /// Changes with every schema change; what clients compare for schema agreement.
    pub fn version(&self) -> Uuid {
        self.version
    }

    /// Every keyspace, system keyspaces included, sorted by name.
    pub fn keyspaces(&self) -> impl Iterator<Item = &Arc<Keyspace>> {
        self.keyspaces.values()
    }

    /// The keyspace of that (unquoted) name.
    pub fn keyspace(&self, name: &str) -> Option<&Arc<Keyspace>> {
        self.keyspaces.get(name)
    }

    /// The table of that name.
    pub fn table(&self, keyspace: &str, table: &str) -> Option<&Arc<TableSchema>> {
        self.keyspaces.get(keyspace)?.table(table)
    }

    pub(crate) fn require_keyspace(&self, name: &str) -> Result<&Arc<Keyspace>, CqlError> {
        self.keyspace(name).ok_or_else(|| CqlError::invalid(format!("Keyspace '{name}' doesn't exist")))
    }

    /// The same snapshot with one keyspace put in or replaced, under a new version.
    pub(crate) fn with_keyspace(&self, keyspace: Keyspace) -> Self {
        let mut keyspaces = self.keyspaces.clone();
        keyspaces.insert(keyspace.name.to_string(), Arc::new(keyspace));
        Self { keyspaces, version: Uuid::new_v4() }
    }

    /// The same snapshot without one keyspace, under a new version.
    pub(crate) fn without_keyspace(&self, name: &str) -> Self {
        let mut keyspaces = self.keyspaces.clone();
        keyspaces.remove(name);
        Self { keyspaces, version: Uuid::new_v4() }
    }
}

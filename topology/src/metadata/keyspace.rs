//! A keyspace and what it holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use chorus_protocol::UdtType;

use super::function::{Aggregate, Function, FunctionSignature};
use super::table::{MaterializedView, Table};
use crate::routing::{KeyspaceRouting, ReplicationStrategy};

/// A keyspace. Immutable; maps are in name order.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Keyspace {
    /// Its name, unquoted.
    pub name: Arc<str>,
    /// How its rows are spread over hosts.
    pub replication: ReplicationStrategy,
    /// Whether writes go through the commit log.
    pub durable_writes: bool,
    /// Its tables.
    pub tables: BTreeMap<Arc<str>, Arc<Table>>,
    /// Its materialized views.
    pub views: BTreeMap<Arc<str>, Arc<MaterializedView>>,
    /// Its user-defined types.
    pub user_types: BTreeMap<Arc<str>, Arc<UdtType>>,
    /// Its functions; several may have one name.
    pub functions: BTreeMap<FunctionSignature, Arc<Function>>,
    /// Its aggregates; several may have one name.
    pub aggregates: BTreeMap<FunctionSignature, Arc<Aggregate>>,
    /// Whether it is computed by the host that is asked.
    pub is_virtual: bool,
}

impl Keyspace {
    pub(super) fn new(name: Arc<str>, replication: ReplicationStrategy) -> Keyspace {
        Keyspace {
            name,
            replication,
            durable_writes: true,
            tables: BTreeMap::new(),
            views: BTreeMap::new(),
            user_types: BTreeMap::new(),
            functions: BTreeMap::new(),
            aggregates: BTreeMap::new(),
            is_virtual: false,
        }
    }

    /// A table, or a materialized view seen as one, by its name, unquoted.
    pub fn table(&self, name: &str) -> Option<&Table> {
        match self.tables.get(name) {
            Some(table) => Some(table),
            None => self.views.get(name).map(|view| &view.table),
        }
    }

    pub(super) fn routing(&self) -> KeyspaceRouting {
        KeyspaceRouting {
            name: self.name.clone(),
            replication: self.replication.clone(),
            consistency: None,
            tables: self.tables.keys().chain(self.views.keys()).cloned().collect(),
        }
    }
}

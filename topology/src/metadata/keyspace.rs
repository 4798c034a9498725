//! A keyspace and what it holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::function::{Aggregate, Function, FunctionSignature};
use super::table::{MaterializedView, Table};
use super::user_types::UserType;
use super::warning::Warning;
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
    /// How the replicas of its tables agree, as the server names it (`global`, `local`); `None` for eventually, which is
    /// all that Apache Cassandra has.
    pub consistency: Option<String>,
    /// The graph engine, where it is a graph (DataStax Enterprise).
    pub graph_engine: Option<String>,
    /// Its tables.
    pub tables: BTreeMap<Arc<str>, Arc<Table>>,
    /// Its materialized views.
    pub views: BTreeMap<Arc<str>, Arc<MaterializedView>>,
    /// Its user-defined types.
    pub user_types: BTreeMap<Arc<str>, Arc<UserType>>,
    /// Its functions; several may have one name.
    pub functions: BTreeMap<FunctionSignature, Arc<Function>>,
    /// Its aggregates; several may have one name.
    pub aggregates: BTreeMap<FunctionSignature, Arc<Aggregate>>,
    /// Whether it is computed by the host that is asked.
    pub is_virtual: bool,
    /// What of the keyspace itself, not of what it holds, could not be read; empty for nearly all.
    pub problems: Vec<Warning>,
}

impl Keyspace {
    pub(super) fn new(name: Arc<str>, replication: ReplicationStrategy) -> Keyspace {
        Keyspace {
            name,
            replication,
            durable_writes: true,
            consistency: None,
            graph_engine: None,
            tables: BTreeMap::new(),
            views: BTreeMap::new(),
            user_types: BTreeMap::new(),
            functions: BTreeMap::new(),
            aggregates: BTreeMap::new(),
            is_virtual: false,
            problems: Vec::new(),
        }
    }

    /// A table, or a materialized view seen as one, by its name, unquoted.
    pub fn table(&self, name: &str) -> Option<&Table> {
        match self.tables.get(name) {
            Some(table) => Some(table),
            None => self.views.get(name).map(|view| &view.table),
        }
    }

    /// An index by its name, unquoted, with the table it is of.
    pub fn index(&self, name: &str) -> Option<(&Arc<Table>, &super::Index)> {
        self.tables.values().find_map(|table| table.indexes.get(name).map(|index| (table, index)))
    }

    /// Everything in it, and of it, that could not be read.
    pub fn all_problems(&self) -> impl Iterator<Item = &Warning> {
        (self.problems.iter())
            .chain(self.user_types.values().flat_map(|typ| &typ.problems))
            .chain(self.tables.values().flat_map(|table| &table.problems))
            .chain(self.views.values().flat_map(|view| &view.table.problems))
            .chain(self.functions.values().flat_map(|function| &function.problems))
            .chain(self.aggregates.values().flat_map(|aggregate| &aggregate.problems))
    }

    pub(super) fn routing(&self) -> KeyspaceRouting {
        KeyspaceRouting {
            name: self.name.clone(),
            replication: self.replication.clone(),
            consistency: self.consistency.clone(),
            tables: self.tables.keys().chain(self.views.keys()).cloned().collect(),
        }
    }
}

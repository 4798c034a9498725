//! Keyspaces.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::scylla::{StrongConsistency, TabletOptions};
use super::table::TableSchema;
use super::user_type::UserType;
use crate::cql::CqlError;

/// Who may write to a keyspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyspaceKind {
    /// Made by CREATE KEYSPACE.
    User,
    /// The node's own.
    System,
    /// The node's own, and not stored anywhere (`system_virtual_schema`, `system_views`).
    Virtual,
}

/// How copies of a keyspace are spread over a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication {
    /// The full class name of the strategy.
    pub class: String,
    /// The other options: `replication_factor`, or one entry per datacenter.
    pub options: BTreeMap<String, String>,
}

impl Replication {
    /// The strategy of data that every node has of its own.
    pub fn local() -> Self {
        Self { class: format!("{PACKAGE}LocalStrategy"), options: BTreeMap::new() }
    }

    /// From the map of a WITH REPLICATION clause.
    pub(crate) fn parse(entries: &[(String, String)]) -> Result<Self, CqlError> {
        let mut class = None;
        let mut options = BTreeMap::new();
        for (key, value) in entries {
            if key == "class" {
                class = Some(value.as_str());
            } else {
                options.insert(key.clone(), value.clone());
            }
        }
        let class = class.ok_or_else(|| CqlError::config("Missing replication strategy class"))?;
        let short = class.strip_prefix(PACKAGE).unwrap_or(class);
        match short {
            "SimpleStrategy" => {
                if let Some(other) = options.keys().find(|key| *key != "replication_factor") {
                    return Err(CqlError::config(format!(
                        "Unrecognized strategy option {{{other}}} passed to SimpleStrategy for keyspace"
                    )));
                }
                // Without a factor Cassandra takes its default, which is 1.
                options.entry("replication_factor".to_owned()).or_insert_with(|| "1".to_owned());
            }
            "NetworkTopologyStrategy" => {
                if options.is_empty() {
                    return Err(CqlError::config(
                        "Configuration for at least one datacenter must be present",
                    ));
                }
            }
            "LocalStrategy" => {
                return Err(CqlError::config(
                    "Unable to use given strategy class: LocalStrategy is reserved for internal use.",
                ));
            }
            _ => {
                return Err(CqlError::config(format!(
                    "Unable to find replication strategy class '{PACKAGE}{short}'"
                )));
            }
        }
        for (key, factor) in &options {
            let valid = match factor.split_once('/') {
                Some((all, transient)) => all.parse::<u32>().is_ok() && transient.parse::<u32>().is_ok(),
                None => factor.parse::<u32>().is_ok(),
            };
            if !valid {
                return Err(CqlError::config(format!(
                    "Replication factor must be numeric and non-negative, found '{factor}' for '{key}'"
                )));
            }
        }
        Ok(Self { class: format!("{PACKAGE}{short}"), options })
    }

    /// Class and options in one map, as `system_schema.keyspaces` shows them.
    pub fn entries(&self) -> BTreeMap<String, String> {
        let mut entries = self.options.clone();
        entries.insert("class".to_owned(), self.class.clone());
        entries
    }
}

const PACKAGE: &str = "org.apache.cassandra.locator.";

/// A keyspace and what is in it.
#[derive(Debug, Clone)]
pub struct Keyspace {
    /// Its unquoted name.
    pub name: Arc<str>,
    /// Who may write to it.
    pub kind: KeyspaceKind,
    /// How its copies are spread.
    pub replication: Replication,
    /// Whether writes would go to a commit log; stored and shown only.
    pub durable_writes: bool,
    /// How its tables are divided into tablets; `None` when the ring says where their partitions are.
    pub tablets: Option<TabletOptions>,
    /// How its replicas agree; `None` for eventually. Stored and shown, and whose tablets have leaders.
    pub consistency: Option<StrongConsistency>,
    pub(crate) tables: BTreeMap<String, Arc<TableSchema>>,
    pub(crate) types: BTreeMap<String, Arc<UserType>>,
}

impl Keyspace {
    pub(crate) fn new(
        name: &str,
        kind: KeyspaceKind,
        replication: Replication,
        durable_writes: bool,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            replication,
            durable_writes,
            tablets: None,
            consistency: None,
            tables: BTreeMap::new(),
            types: BTreeMap::new(),
        }
    }

    /// Its tables, sorted by name.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableSchema>> {
        self.tables.values()
    }

    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Arc<TableSchema>> {
        self.tables.get(name)
    }

    /// Its user-defined types, sorted by name.
    pub fn types(&self) -> impl Iterator<Item = &Arc<UserType>> {
        self.types.values()
    }

    /// The user-defined type of that name.
    pub fn user_type(&self, name: &str) -> Option<&Arc<UserType>> {
        self.types.get(name)
    }
}

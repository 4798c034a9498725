//! Tables, their columns and indexes, and materialized views.

use std::collections::BTreeMap;
use std::sync::Arc;

use chorus_protocol::{CqlType, CqlValue};

use crate::rows::IndexRow;

/// A column of a table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// Its name, unquoted.
    pub name: Arc<str>,
    /// Its type; [`CqlType::Custom`] when the driver cannot read the server's text.
    pub typ: CqlType,
    /// What part of the table it is.
    pub kind: ColumnKind,
    /// Its place within its part of the key, from 0; 0 for others.
    pub position: u32,
    /// Whether rows are in descending order of it (clustering columns).
    pub descending: bool,
}

/// What part of a table a column is. In the order CQL lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColumnKind {
    /// Decides which hosts have the row.
    PartitionKey,
    /// Orders rows within a partition.
    Clustering,
    /// One value a partition.
    Static,
    /// One value a row.
    Regular,
}

impl ColumnKind {
    /// The kind a server names so.
    pub fn from_name(name: &str) -> Option<ColumnKind> {
        match name.to_ascii_lowercase().as_str() {
            "partition_key" => Some(Self::PartitionKey),
            "clustering" | "clustering_key" => Some(Self::Clustering),
            "static" => Some(Self::Static),
            "regular" | "compact_value" => Some(Self::Regular),
            _ => None,
        }
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Table {
    /// The keyspace it belongs to.
    pub keyspace: Arc<str>,
    /// Its name, unquoted.
    pub name: Arc<str>,
    /// Its columns as CQL lists them: partition key and clustering columns in key order, then the others by name.
    pub columns: Vec<Column>,
    /// Its indexes, by name.
    pub indexes: BTreeMap<Arc<str>, Index>,
    /// Names of the materialized views of it.
    pub views: Vec<Arc<str>>,
    /// Its options as the server told them, by column name of `system_schema.tables`.
    pub options: BTreeMap<String, CqlValue>,
    /// Whether it was made `WITH COMPACT STORAGE`.
    pub compact_storage: bool,
    /// Whether it is computed by the host that is asked.
    pub is_virtual: bool,
}

impl Table {
    /// The partition key, in key order.
    pub fn partition_key(&self) -> &[Column] {
        &self.columns[..self.count(ColumnKind::PartitionKey)]
    }

    /// The clustering columns, in key order.
    pub fn clustering_key(&self) -> &[Column] {
        let partition = self.count(ColumnKind::PartitionKey);
        &self.columns[partition..partition + self.count(ColumnKind::Clustering)]
    }

    /// Partition key and clustering columns.
    pub fn primary_key(&self) -> &[Column] {
        &self.columns[..self.count(ColumnKind::PartitionKey) + self.count(ColumnKind::Clustering)]
    }

    /// A column by its name, unquoted.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| &*column.name == name)
    }

    fn count(&self, kind: ColumnKind) -> usize {
        self.columns.iter().filter(|column| column.kind == kind).count()
    }
}

/// A secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Index {
    /// Its name.
    pub name: Arc<str>,
    /// What kind it is.
    pub kind: IndexKind,
    /// What is indexed, as CQL, such as `values(tags)`.
    pub target: Option<String>,
    /// The class of a custom index.
    pub class_name: Option<String>,
    /// Its other options.
    pub options: BTreeMap<String, String>,
}

impl Index {
    pub(super) fn read(row: &IndexRow) -> Index {
        let mut options = row.options.clone();
        Index {
            name: Arc::from(row.index_name.as_str()),
            kind: IndexKind::from(row.kind.as_deref().unwrap_or_default()),
            target: options.remove("target"),
            class_name: options.remove("class_name"),
            options,
        }
    }
}

/// The kind of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexKind {
    /// The built-in one.
    Composites,
    /// That of old compact tables.
    Keys,
    /// A class on the server.
    Custom,
    /// One this driver does not know.
    Other(String),
}

impl From<&str> for IndexKind {
    fn from(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "COMPOSITES" => Self::Composites,
            "KEYS" => Self::Keys,
            "CUSTOM" => Self::Custom,
            _ => Self::Other(name.to_owned()),
        }
    }
}

/// A materialized view: a table kept by the server.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MaterializedView {
    /// The table it shows.
    pub base_table: Arc<str>,
    /// Its condition as CQL.
    pub where_clause: Option<String>,
    /// Whether it has all columns of the table.
    pub include_all_columns: bool,
    /// Its name, columns and options.
    pub table: Table,
}

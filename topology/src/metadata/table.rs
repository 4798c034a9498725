//! Tables and their columns, and materialized views.

use std::collections::BTreeMap;
use std::sync::Arc;

use chorus_protocol::CqlType;
use uuid::Uuid;

use super::graph::EdgeLabel;
use super::index::{Index, Trigger};
use super::mask::ColumnMask;
use super::options::TableOptions;
use super::user_types::UserTypes;
use super::warning::Warning;

/// A column of a table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// Its name, unquoted.
    pub name: Arc<str>,
    /// Its type; [`CqlType::Custom`] when the driver cannot read the server's text.
    pub typ: CqlType,
    /// Its type as the server writes it, which tells what is frozen.
    pub declared_type: Arc<str>,
    /// What part of the table it is.
    pub kind: ColumnKind,
    /// Its place within its part of the key, from 0; 0 for others.
    pub position: u32,
    /// Whether rows are in descending order of it (clustering columns).
    pub descending: bool,
    /// What users without permission see instead of its values.
    pub mask: Option<ColumnMask>,
}

impl Column {
    /// Whether parts of its values are stored, read and written one by one: collections and user types that are not frozen.
    pub fn is_multi_cell(&self) -> bool {
        matches!(self.typ, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_) | CqlType::Udt(_))
            && !self.declared_type.starts_with("frozen<")
    }
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

/// How a table made `WITH COMPACT STORAGE`, or with the Thrift protocol, stores its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CompactStorage {
    /// Named columns and no clustering columns.
    Static,
    /// Clustering columns and at most one other.
    Dense,
    /// Super columns, which CQL has no words for.
    Super,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Table {
    /// The keyspace it belongs to.
    pub keyspace: Arc<str>,
    /// Its name, unquoted.
    pub name: Arc<str>,
    /// Its identity, which a table made anew under the same name does not have; `None` for virtual tables.
    pub id: Option<Uuid>,
    /// Its columns as `SELECT *` lists them: partition key and clustering columns in key order, then static columns by name,
    /// then the others by name.
    pub columns: Vec<Column>,
    /// Its indexes, by name.
    pub indexes: BTreeMap<Arc<str>, Index>,
    /// Its triggers, by name.
    pub triggers: BTreeMap<Arc<str>, Trigger>,
    /// Names of the materialized views of it.
    pub views: Vec<Arc<str>>,
    /// Its options.
    pub options: TableOptions,
    /// How it stores its rows when it is not an ordinary table.
    pub compact_storage: Option<CompactStorage>,
    /// The label of its rows as vertices of a graph (DataStax Enterprise).
    pub vertex_label: Option<Arc<str>>,
    /// What its rows are as edges of a graph (DataStax Enterprise).
    pub edge_label: Option<EdgeLabel>,
    /// Whether it is computed by the host that is asked.
    pub is_virtual: bool,
    /// What of it could not be read; empty for nearly all.
    pub problems: Vec<Warning>,
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

    /// The same table when the user types of its keyspace have changed.
    pub(super) fn retyped(&self, types: &UserTypes<'_>) -> Table {
        let mut table = self.clone();
        table.problems.retain(|problem| !matches!(problem, Warning::UnreadableType { .. }));
        for column in &mut table.columns {
            let object = || format!("{}.{}", self.name, column.name);
            column.typ = types.read(&column.declared_type, object, &mut table.problems).0;
        }
        table
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

impl MaterializedView {
    pub(super) fn retyped(&self, types: &UserTypes<'_>) -> MaterializedView {
        MaterializedView { table: self.table.retyped(types), ..self.clone() }
    }
}

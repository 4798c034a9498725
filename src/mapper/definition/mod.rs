//! What a table looks like, as its model has it.

use std::borrow::Cow;

use super::TypeDefinition;

/// A table as its model describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDefinition {
    /// Its keyspace, when the model names one, as spelled in the schema.
    pub keyspace: Option<Cow<'static, str>>,
    /// Its name, as spelled in the schema.
    pub name: Cow<'static, str>,
    /// Its columns, in the order of the fields. At least one is of the partition key.
    pub columns: Vec<ColumnDefinition>,
    /// What stands behind `WITH` when it is created, and is kept when it is synchronised.
    pub options: Vec<TableOption>,
    /// For the variants of an enum in one table: what tells which a row is.
    pub discriminator: Option<Discriminator>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDefinition {
    /// Its name, as spelled in the schema.
    pub name: Cow<'static, str>,
    /// The name of the field in Rust.
    pub field: &'static str,
    /// Its CQL type.
    pub typ: TypeDefinition,
    /// What it is in its table.
    pub role: ColumnRole,
    /// Whether null is refused: fields that are no `Option`.
    pub required: bool,
    /// The index it should have.
    pub index: Option<IndexDefinition>,
}

/// What a column is in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnRole {
    /// Of the partition key; the key has them in the order of the columns.
    Partition,
    /// Of the clustering key, likewise.
    Clustering(ClusteringOrder),
    /// One value for the whole partition.
    Static,
    /// Any other.
    Regular,
}

/// The order of rows in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClusteringOrder {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// A secondary index on a column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexDefinition {
    /// Its name; the server's choice when `None`.
    pub name: Option<Cow<'static, str>>,
    /// The class of a custom index, such as `StorageAttachedIndex`; a plain one when `None`.
    pub class: Option<Cow<'static, str>>,
}

/// An option of a table: its name and its value as CQL text, such as `3600` or `{'class': 'LeveledCompactionStrategy'}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOption {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its value, as a CQL literal.
    pub value: Cow<'static, str>,
}

/// Which column tells the variants of an enum apart, and what it says of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discriminator {
    /// The column's name; it is one of the columns.
    pub column: Cow<'static, str>,
    /// The variants' values, in the order of the variants.
    pub values: Vec<Cow<'static, str>>,
}

impl TableDefinition {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns of the partition key, in the order of the key.
    pub fn partition_key(&self) -> impl Iterator<Item = &ColumnDefinition> {
        self.columns.iter().filter(|column| column.role == ColumnRole::Partition)
    }

    /// The columns of the clustering key, in the order of the key.
    pub fn clustering_key(&self) -> impl Iterator<Item = &ColumnDefinition> {
        self.columns.iter().filter(|column| matches!(column.role, ColumnRole::Clustering(_)))
    }

    /// Whether it counts: its columns beside the key are counters.
    pub fn counts(&self) -> bool {
        self.columns.iter().any(|column| column.typ.is_counter())
    }
}

impl ColumnDefinition {
    /// Whether it is part of the primary key.
    pub fn is_key(&self) -> bool {
        matches!(self.role, ColumnRole::Partition | ColumnRole::Clustering(_))
    }
}

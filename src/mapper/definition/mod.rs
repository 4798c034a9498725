//! What a table looks like, as its model has it.

mod column;

use std::borrow::Cow;

pub use column::{ClusteringOrder, ColumnDefinition, ColumnRole, IndexDefinition, IndexTarget};

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

impl TableOption {
    /// An option whose value is a text, unless it is a CQL map, which begins with a brace.
    pub fn text(name: impl Into<Cow<'static, str>>, value: &str) -> Self {
        let value = match value.trim_start().starts_with('{') {
            true => value.to_owned(),
            false => chorus_protocol::literal::quote_text(value),
        };
        Self { name: name.into(), value: value.into() }
    }
}

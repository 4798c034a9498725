//! A column, as its model has it.

use std::borrow::Cow;

use chorus_protocol::CqlType;

use crate::mapper::{ColumnType, TypeDefinition};

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
    /// What of a collection is indexed.
    pub target: IndexTarget,
    /// The options of a custom index, as a CQL map.
    pub options: Option<Cow<'static, str>>,
}

/// What of a column an index finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IndexTarget {
    /// The value; the elements or values of a collection, or the whole of it when it is frozen.
    #[default]
    Values,
    /// The keys of a map.
    Keys,
    /// The entries of a map.
    Entries,
}

impl ColumnDefinition {
    /// A column of `T`s that is no part of a key.
    pub fn of<T: ColumnType>(name: &'static str, field: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            field,
            typ: T::definition(),
            role: ColumnRole::Regular,
            required: !T::NULLABLE,
            index: None,
        }
    }

    /// The same as the next column of the partition key. Keys are one cell: collections become frozen.
    #[must_use]
    pub fn partition_key(self) -> Self {
        Self { role: ColumnRole::Partition, ..self }.frozen(true)
    }

    /// The same as the next column of the clustering key, and frozen.
    #[must_use]
    pub fn clustering_key(self, order: ClusteringOrder) -> Self {
        Self { role: ColumnRole::Clustering(order), ..self }.frozen(true)
    }

    /// The same as one value for the whole partition.
    #[must_use]
    pub fn of_partition(self) -> Self {
        Self { role: ColumnRole::Static, ..self }
    }

    /// The same with its value as one cell, or not.
    #[must_use]
    pub fn frozen(mut self, frozen: bool) -> Self {
        self.typ = self.typ.frozen(frozen);
        self
    }

    /// The same as `ascii`, which is text of 7-bit characters.
    #[must_use]
    pub fn ascii(mut self) -> Self {
        self.typ = TypeDefinition::plain(CqlType::Ascii);
        self
    }

    /// The same, refusing null although its type has it.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same with an index.
    #[must_use]
    pub fn indexed(self, index: IndexDefinition) -> Self {
        Self { index: Some(index), ..self }
    }

    /// Whether it is part of the primary key.
    pub fn is_key(&self) -> bool {
        matches!(self.role, ColumnRole::Partition | ColumnRole::Clustering(_))
    }
}

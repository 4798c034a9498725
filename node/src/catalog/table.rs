//! Tables.

use std::sync::Arc;

use chorus_protocol::{ColumnSpec, CqlType};
use uuid::Uuid;

use super::column::{Column, ColumnId, ColumnKind, ColumnType};
use super::options::TableOptions;
use crate::cql::CqlError;

/// The part of a column that an index covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// The whole value; of a collection that is not frozen, its values.
    Values,
    /// The keys of a map.
    Keys,
    /// The pairs of a map.
    Entries,
    /// A frozen collection as a whole.
    Full,
}

/// A secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSchema {
    /// Its unquoted name, unique in the keyspace.
    pub name: Arc<str>,
    /// The column it covers.
    pub column: Arc<str>,
    /// Which part of it.
    pub kind: IndexKind,
    /// What the column's type lets the target be written as: `v`, `values(v)`, `keys(v)`…
    pub target: String,
}

/// A table's definition, immutable: ALTER TABLE makes another one with the same id.
#[derive(Debug, Clone)]
pub struct TableSchema {
    /// Stays the same through ALTER TABLE.
    pub id: Uuid,
    /// The keyspace it belongs to.
    pub keyspace: Arc<str>,
    /// Its unquoted name.
    pub name: Arc<str>,
    /// Its WITH options.
    pub options: TableOptions,
    /// Its secondary indexes.
    pub indexes: Vec<IndexSchema>,
    columns: Vec<Column>,
    partition_key_len: usize,
    clustering_len: usize,
    next_column_id: ColumnId,
}

impl TableSchema {
    /// Every column in the order of `SELECT *`: partition key, clustering, static columns by name, others by name.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns of the partition key, in key order.
    pub fn partition_key(&self) -> &[Column] {
        &self.columns[..self.partition_key_len]
    }

    /// The clustering columns, in key order.
    pub fn clustering(&self) -> &[Column] {
        &self.columns[self.partition_key_len..self.partition_key_len + self.clustering_len]
    }

    /// Static and regular columns.
    pub fn values(&self) -> &[Column] {
        &self.columns[self.partition_key_len + self.clustering_len..]
    }

    /// The column of that unquoted name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| &**column.name() == name)
    }

    /// Whether its values are counters.
    pub fn is_counter(&self) -> bool {
        self.values().iter().any(Column::is_counter)
    }

    /// The column that was given that number, unless it was dropped.
    pub(crate) fn column_of_id(&self, id: ColumnId) -> Option<&Column> {
        // Few tables have had a column dropped or added, so the number is mostly near the place.
        self.columns.iter().find(|column| column.id == id)
    }

    /// What sorts the elements of a collection that is not frozen; `None` where the bytes sort themselves.
    pub(crate) fn path_type(&self, id: ColumnId) -> Option<&CqlType> {
        match &self.column_of_id(id)?.typ.typ {
            CqlType::Set(element) => Some(element),
            CqlType::Map(pair) => Some(&pair.0),
            _ => None,
        }
    }

    pub(crate) fn column_index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| &**column.name() == name)
    }

    pub(crate) fn require_column(&self, name: &str) -> Result<&Column, CqlError> {
        self.column(name)
            .ok_or_else(|| CqlError::invalid(format!("Undefined column name {name} in table {self}")))
    }

    pub(crate) fn builder(&self) -> TableBuilder {
        TableBuilder { schema: self.clone() }
    }
}

/// `keyspace.table`, as error messages name it.
impl std::fmt::Display for TableSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.keyspace, self.name)
    }
}

/// Makes a table's definition, new or changed, and keeps its columns in order.
#[derive(Debug)]
pub(crate) struct TableBuilder {
    schema: TableSchema,
}

impl TableBuilder {
    pub(crate) fn new(id: Uuid, keyspace: &str, name: &str) -> Self {
        Self {
            schema: TableSchema {
                id,
                keyspace: keyspace.into(),
                name: name.into(),
                options: TableOptions::default(),
                indexes: Vec::new(),
                columns: Vec::new(),
                partition_key_len: 0,
                clustering_len: 0,
                next_column_id: 0,
            },
        }
    }

    /// Adds a column; those of a key in key order.
    pub(crate) fn column(
        &mut self,
        name: &str,
        kind: ColumnKind,
        typ: ColumnType,
        descending: bool,
    ) -> Result<&mut Self, CqlError> {
        let schema = &mut self.schema;
        let id = schema.next_column_id;
        schema.next_column_id = id
            .checked_add(1)
            .ok_or_else(|| CqlError::invalid("a table cannot have had more than 65535 columns"))?;
        let spec = ColumnSpec::new(schema.keyspace.clone(), schema.name.clone(), name, typ.typ.clone());
        schema.columns.push(Column { kind, position: 0, typ, descending, spec, id });
        Ok(self)
    }

    pub(crate) fn remove(&mut self, name: &str) -> &mut Self {
        self.schema.columns.retain(|column| &**column.name() != name);
        self
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> &mut Self {
        for column in self.schema.columns.iter_mut().filter(|column| &**column.name() == from) {
            column.spec.name = to.into();
        }
        self
    }

    /// Gives every column the type `change` makes of its old one.
    pub(crate) fn map_types(&mut self, change: impl Fn(&ColumnType) -> ColumnType) -> &mut Self {
        for column in &mut self.schema.columns {
            column.typ = change(&column.typ);
            column.spec.typ = column.typ.typ.clone();
        }
        self
    }

    pub(crate) fn schema(&mut self) -> &mut TableSchema {
        &mut self.schema
    }

    pub(crate) fn build(mut self) -> TableSchema {
        let schema = &mut self.schema;
        // Key columns keep the order they were added in; the sort is stable.
        schema.columns.sort_by(|a, b| {
            a.kind
                .cmp(&b.kind)
                .then_with(|| if a.is_key() { std::cmp::Ordering::Equal } else { a.name().cmp(b.name()) })
        });
        let count = |kind| schema.columns.iter().filter(|column| column.kind == kind).count();
        let (partition_key_len, clustering_len) =
            (count(ColumnKind::PartitionKey), count(ColumnKind::Clustering));
        schema.partition_key_len = partition_key_len;
        schema.clustering_len = clustering_len;
        for (index, column) in schema.columns.iter_mut().enumerate() {
            column.position = match column.kind {
                ColumnKind::PartitionKey => index,
                ColumnKind::Clustering => index - partition_key_len,
                ColumnKind::Static | ColumnKind::Regular => 0,
            };
        }
        self.schema
    }
}

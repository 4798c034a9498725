//! Columns by name.

use std::collections::BTreeMap;
use std::fmt;

use super::ColumnRef;

type ByName<T> = BTreeMap<Box<str>, T>;

/// Something for each of some columns, by keyspace, table and column. Looked up without allocating.
#[derive(Clone)]
pub(super) struct Columns<T>(ByName<ByName<ByName<T>>>);

impl<T> Columns<T> {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Takes the place of what was there for the column.
    pub(super) fn insert(&mut self, column: ColumnRef<'_>, value: T) {
        let tables = self.0.entry(column.keyspace.into()).or_default();
        tables.entry(column.table.into()).or_default().insert(column.column.into(), value);
    }

    pub(super) fn get(&self, column: ColumnRef<'_>) -> Option<&T> {
        self.0.get(column.keyspace)?.get(column.table)?.get(column.column)
    }
}

/// The names alone.
impl<T> fmt::Debug for Columns<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.0.iter().flat_map(|(keyspace, tables)| {
            tables.iter().flat_map(move |(table, columns)| {
                columns.keys().map(move |column| format!("{keyspace}.{table}.{column}"))
            })
        });
        f.debug_list().entries(tables).finish()
    }
}

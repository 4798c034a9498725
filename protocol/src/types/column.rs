//! Columns of results and bind markers.

use std::sync::Arc;

use crate::types::CqlType;

/// One column of a result, or one bind marker of a prepared statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnSpec {
    /// Keyspace of the table it belongs to.
    pub keyspace: Arc<str>,
    /// The table it belongs to.
    pub table: Arc<str>,
    /// Its name, unquoted; for markers the column it is compared with or assigned to.
    pub name: Arc<str>,
    /// Its type.
    pub typ: CqlType,
}

impl ColumnSpec {
    /// A column from its parts.
    pub fn new(
        keyspace: impl Into<Arc<str>>,
        table: impl Into<Arc<str>>,
        name: impl Into<Arc<str>>,
        typ: CqlType,
    ) -> Self {
        Self { keyspace: keyspace.into(), table: table.into(), name: name.into(), typ }
    }
}

//! The boundary to whoever knows the tables that are not stored: `system.local`, `system.peers`, `system_schema.*`…

use bytes::Bytes;

use crate::catalog::Catalog;

/// Provides the tables of the system keyspaces. They are read with the same SELECT as any other table and refuse writes.
pub trait SystemTables: Send + Sync {
    /// The keyspaces, in the order they are to be made. Asked once, when the database is made.
    fn keyspaces(&self) -> Vec<SystemKeyspace>;

    /// The rows of one table at this moment, given the schema at this moment, as the node of number `coordinator` has
    /// them: `system.local` is about itself.
    ///
    /// Cells are in the order in which the table's definition lists its columns, encoded as on the wire; a row may be
    /// shorter, the rest is null. Order does not matter: rows are put in token and clustering order by the database.
    fn rows(
        &self,
        coordinator: usize,
        keyspace: &str,
        table: &str,
        catalog: &Catalog,
    ) -> Vec<Vec<Option<Bytes>>>;
}

/// A keyspace whose tables a [`SystemTables`] provides.
#[derive(Debug, Clone)]
pub struct SystemKeyspace {
    /// Its name.
    pub name: String,
    /// True for what Cassandra calls virtual (`system_views`, `system_virtual_schema`).
    pub is_virtual: bool,
    /// `CREATE TYPE` and `CREATE TABLE` statements, without the keyspace in the name.
    pub definitions: Vec<String>,
}

/// For a database without system tables.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSystemTables;

impl SystemTables for NoSystemTables {
    fn keyspaces(&self) -> Vec<SystemKeyspace> {
        Vec::new()
    }

    fn rows(&self, _: usize, _: &str, _: &str, _: &Catalog) -> Vec<Vec<Option<Bytes>>> {
        Vec::new()
    }
}

//! The keyspaces of a [`SystemTables`](crate::SystemTables).

use std::sync::PoisonError;

use super::{table, user_type};
use crate::catalog::{Keyspace, KeyspaceKind, Replication};
use crate::cql::ast::Statement;
use crate::cql::{CqlError, parse};
use crate::execute::database::Database;
use crate::execute::system_tables::SystemKeyspace;
use crate::execute::table::Table;

impl Database {
    pub(in crate::execute) fn create_system_keyspace(&self, system: &SystemKeyspace) -> Result<(), CqlError> {
        let _alone = self.schema_change.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = if system.is_virtual { KeyspaceKind::Virtual } else { KeyspaceKind::System };
        let mut keyspace = Keyspace::new(&system.name, kind, Replication::local(), true);
        for definition in &system.definitions {
            match parse(definition)?.statement {
                Statement::CreateType(create) => {
                    let user_type = user_type::define(&create, &keyspace)?;
                    keyspace.types.insert(create.name.name.clone(), user_type.into());
                }
                Statement::CreateTable(create) => {
                    let schema = table::define(&create, &keyspace)?;
                    let provided = create
                        .columns
                        .iter()
                        .filter_map(|column| schema.column_index(&column.name))
                        .collect();
                    self.add_table(schema.id, Table::new(Some(provided)));
                    keyspace.tables.insert(create.name.name.clone(), schema.into());
                }
                _ => {
                    return Err(CqlError::invalid(
                        "a system keyspace is made of CREATE TYPE and CREATE TABLE",
                    ));
                }
            }
        }
        self.set_catalog(self.catalog().with_keyspace(keyspace));
        Ok(())
    }
}

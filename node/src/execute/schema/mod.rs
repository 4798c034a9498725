//! Schema changes: each reads the catalog, checks, and puts a new one in its place.

mod index;
mod keyspace;
mod resolve;
mod system;
mod table;
mod user_type;

use std::sync::PoisonError;

use chorus_protocol::SchemaChange;
use chorus_protocol::response::{SchemaChangeKind, SchemaTarget};

pub(super) use resolve::resolve;

use super::database::{Database, require_keyspace_name};
use super::outcome::{ExecContext, ExecResult, Outcome};
use crate::catalog::{Catalog, KeyspaceKind};
use crate::cql::CqlError;
use crate::cql::ast::{Statement, TableName};

impl Database {
    pub(super) fn execute_schema(&self, statement: &Statement, context: &ExecContext<'_>) -> ExecResult {
        if let Statement::Use(keyspace) = statement {
            self.catalog()
                .keyspace(keyspace)
                .ok_or_else(|| CqlError::invalid(format!("Keyspace '{keyspace}' does not exist")))?;
            return Ok(Outcome::SetKeyspace(keyspace.clone()));
        }
        let _alone = self.schema_change.lock().unwrap_or_else(PoisonError::into_inner);
        let change = match statement {
            Statement::CreateKeyspace(create) => self.create_keyspace(create),
            Statement::AlterKeyspace(alter) => self.alter_keyspace(alter),
            Statement::DropKeyspace { name, if_exists } => self.drop_keyspace(name, *if_exists),
            Statement::CreateTable(create) => self.create_table(create, context.keyspace),
            Statement::AlterTable(alter) => self.alter_table(alter, context.keyspace),
            Statement::DropTable { name, if_exists } => self.drop_table(name, *if_exists, context.keyspace),
            Statement::CreateType(create) => self.create_type(create, context.keyspace),
            Statement::AlterType(alter) => self.alter_type(alter, context.keyspace),
            Statement::DropType { name, if_exists } => self.drop_type(name, *if_exists, context.keyspace),
            Statement::CreateIndex(create) => self.create_index(create, context.keyspace),
            Statement::DropIndex { name, if_exists } => self.drop_index(name, *if_exists, context.keyspace),
            _ => return Err(CqlError::unsupported("this statement")),
        }?;
        Ok(change.map_or(Outcome::Void, Outcome::SchemaChange))
    }

    /// The keyspace and the name of something that a schema change names, in a keyspace that may be changed.
    fn located<'a>(
        &self,
        catalog: &Catalog,
        name: &'a TableName,
        keyspace: Option<&'a str>,
    ) -> Result<(&'a str, &'a str), CqlError> {
        let keyspace = require_keyspace_name(name.keyspace.as_deref(), keyspace)?;
        check_user_keyspace(catalog, keyspace)?;
        Ok((keyspace, &name.name))
    }
}

/// Nobody changes the system's own keyspaces.
pub(super) fn check_user_keyspace(catalog: &Catalog, keyspace: &str) -> Result<(), CqlError> {
    match catalog.keyspace(keyspace).map(|keyspace| keyspace.kind) {
        Some(KeyspaceKind::System | KeyspaceKind::Virtual) => {
            Err(CqlError::unauthorized("system keyspace is not user-modifiable."))
        }
        _ => Ok(()),
    }
}

/// What a change reports; `None` when it turned out to change nothing.
type Change = Result<Option<SchemaChange>, CqlError>;

fn changed(kind: SchemaChangeKind, keyspace: &str, target: SchemaTarget) -> Change {
    Ok(Some(SchemaChange { kind, keyspace: keyspace.to_owned(), target }))
}

/// Longer names of keyspaces are refused.
const MAX_KEYSPACE_NAME: usize = 48;
/// Longer names of tables and types are refused: with an id beside them they would be no file names any more.
const MAX_TABLE_NAME: usize = 222;

/// Names of keyspaces, tables and types have these characters only.
fn is_name(name: &str, max_length: usize) -> bool {
    (1..=max_length).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn check_keyspace_name(name: &str) -> Result<(), CqlError> {
    if is_name(name, MAX_KEYSPACE_NAME) {
        return Ok(());
    }
    Err(CqlError::invalid(format!(
        "Keyspace name must not be empty, more than {MAX_KEYSPACE_NAME} characters long, or contain \
         non-alphanumeric-underscore characters (got \"{name}\")"
    )))
}

fn check_table_name(keyspace: &str, name: &str) -> Result<(), CqlError> {
    if is_name(name, MAX_TABLE_NAME) {
        return Ok(());
    }
    Err(CqlError::config(format!(
        "{keyspace}.{name}: Table name must not be empty or not contain non-alphanumeric-underscore characters (got \
         \"{name}\")"
    )))
}

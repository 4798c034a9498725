//! Tables and types as models describe them: made, kept in step, dropped.
//!
//! [`Schema`] is what users call; `keyspace` makes and drops keyspaces. `statements` writes CQL; `plan` compares a model with what
//! there is and says which statements lead from one to the other, with `types`, `indexes` and `options` for their parts; `report`
//! is what users are told. Nothing here keeps anything: each call reads the schema anew, plans, and sends one statement after
//! the other, each of which the session waits for until all hosts know it.

mod error;
mod indexes;
mod keyspace;
mod options;
mod plan;
mod report;
mod statements;
mod types;

use std::sync::Arc;

use chorus_topology::SchemaScope;
use chorus_topology::metadata::Keyspace;

use super::{ColumnType, Mapper, MapperError, Model};

pub use error::SchemaError;
pub use keyspace::CreateKeyspace;
pub use report::{SyncReport, SyncWarning};

/// What `caching` of a table may say, for `#[chorus(options(caching = caching::ALL))]`.
pub mod caching {
    /// Keys and all rows.
    pub const ALL: &str = "{'keys': 'ALL', 'rows_per_partition': 'ALL'}";
    /// Keys only, which is what servers do by themselves.
    pub const KEYS_ONLY: &str = "{'keys': 'ALL', 'rows_per_partition': 'NONE'}";
    /// Rows only.
    pub const ROWS_ONLY: &str = "{'keys': 'NONE', 'rows_per_partition': 'ALL'}";
    /// Nothing.
    pub const NONE: &str = "{'keys': 'NONE', 'rows_per_partition': 'NONE'}";
}

/// Changes of the schema: see [`Mapper::schema`].
///
/// Every change is asked for by name; models change nothing by being used. A statement is sent when the one before it has been
/// agreed upon by all hosts, or [`schema_agreement_timeout`](crate::SessionBuilder::schema_agreement_timeout) is over.
///
/// Two programs that change one table at the same time may leave it in a state that neither wanted, as servers of most versions
/// decide schema changes without coordination: run these from one place, such as a deployment step. Dropping a future of this type stops
/// between two statements; what was sent is carried out.
#[derive(Debug, Clone)]
pub struct Schema {
    mapper: Mapper,
}

impl Mapper {
    /// Makes and changes the tables of models.
    pub fn schema(&self) -> Schema {
        Schema { mapper: self.clone() }
    }
}

impl Schema {
    /// Makes a keyspace, unless there is one of that name, which then stays as it is.
    pub fn create_keyspace(&self, name: impl Into<String>) -> CreateKeyspace {
        CreateKeyspace::new(self.mapper.session().clone(), name.into())
    }

    /// Drops a keyspace with everything in it. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// Those of the requests.
    pub async fn drop_keyspace(&self, name: &str) -> Result<bool, MapperError> {
        keyspace::drop(self.mapper.session(), name).await
    }

    /// Makes the table of a model, or changes it until it has what the model says:
    ///
    /// * the user-defined types its columns need come first, as with [`sync_type`](Self::sync_type);
    /// * a table that is not there is made, with its options and the order of its clustering key;
    /// * of a table that is there the primary key must be that of the model; columns that it lacks are added, one statement each;
    /// * options that differ are set to what the model says; those the model does not name stay as they are;
    /// * indexes are made where no index finds the column yet.
    ///
    /// Nothing is ever dropped, renamed or given another type: differences of types are [warnings](SyncReport::warnings), and
    /// columns that the model does not know are [listed](SyncReport::unknown_columns). Doing it twice changes nothing the
    /// second time.
    ///
    /// # Errors
    ///
    /// [`MapperError::Schema`] when the keyspace is not there, the keys differ, or the table knows no such option: nothing was
    /// changed then. [`MapperError::Request`] when a statement fails; those before it were carried out.
    pub async fn sync_table<M: Model>(&self) -> Result<SyncReport, MapperError> {
        let report = self.plan_table::<M>().await?;
        self.carry_out(report).await
    }

    /// What [`sync_table`](Self::sync_table) would do, without doing it: the statements and warnings of the report are what
    /// counts.
    ///
    /// # Errors
    ///
    /// Those of [`sync_table`](Self::sync_table).
    pub async fn plan_table<M: Model>(&self) -> Result<SyncReport, MapperError> {
        let table = M::table();
        let keyspace = self.keyspace(&self.mapper.keyspace_of(table)?).await?;
        Ok(plan::table(table, &keyspace)?)
    }

    /// Makes a user-defined type, and those within it, or adds the fields that it lacks. Fields that the struct does not have
    /// stay; differences of types are warnings.
    ///
    /// # Errors
    ///
    /// As [`sync_table`](Self::sync_table); the keyspace is the mapper's or the session's.
    pub async fn sync_type<T: ColumnType>(&self) -> Result<SyncReport, MapperError> {
        let definition = T::definition();
        let name = self.mapper.keyspace_without_model(|| definition.to_string())?;
        let keyspace = self.keyspace(&name).await?;
        self.carry_out(types::plan(&definition.user_types, &keyspace)).await
    }

    /// Drops the table of a model with its rows. Its user-defined types stay. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// Those of the requests.
    pub async fn drop_table<M: Model>(&self) -> Result<bool, MapperError> {
        let table = M::table();
        let name = self.mapper.keyspace_of(table)?;
        let scope = SchemaScope::table(&name, &table.name);
        self.mapper.session().refresh_schema_of(scope).await?;
        let state = self.mapper.session().state();
        if !state.keyspace(&name).is_some_and(|keyspace| keyspace.tables.contains_key(&*table.name)) {
            return Ok(false);
        }
        self.mapper.session().query(statements::drop_table(&name, &table.name), ()).await?;
        Ok(true)
    }

    /// The statements that make the table of a model, its types and its indexes where nothing is there yet, for tools that
    /// keep scripts. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`MapperError::NoKeyspace`]
    pub fn create_statements<M: Model>(&self) -> Result<Vec<String>, MapperError> {
        let table = M::table();
        Ok(statements::all(&self.mapper.keyspace_of(table)?, table))
    }

    /// What is known of a keyspace, read now.
    async fn keyspace(&self, name: &Arc<str>) -> Result<Arc<Keyspace>, MapperError> {
        let session = self.mapper.session();
        session.refresh_schema_of(SchemaScope::keyspace(name)).await?;
        let state = session.state();
        let keyspace = state.keyspace(name).cloned();
        Ok(keyspace.ok_or_else(|| SchemaError::NoSuchKeyspace { keyspace: name.to_string() })?)
    }

    async fn carry_out(&self, report: SyncReport) -> Result<SyncReport, MapperError> {
        for warning in &report.warnings {
            tracing::warn!(%warning, "the schema differs from the model");
        }
        if !report.unknown_columns.is_empty() {
            tracing::info!(columns = ?report.unknown_columns, "the table has columns that the model does not know");
        }
        for statement in &report.statements {
            self.mapper.session().query(statement.as_str(), ()).await?;
        }
        Ok(report)
    }
}

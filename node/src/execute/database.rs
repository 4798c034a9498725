//! The database: the schema, the tables, and the way in.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chorus_protocol::request::BatchKind;
use chorus_protocol::{BoundValue, ColumnSpec};
use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::outcome::{ExecContext, ExecResult, Outcome, now_micros};
use super::system_tables::{NoSystemTables, SystemTables};
use super::table::{Table, TableRef};
use crate::catalog::{Catalog, TableSchema};
use crate::cql::ast::{Statement, TableName};
use crate::cql::{CqlError, CqlErrorKind, parse};
use crate::value::TimeuuidSource;

/// What a [`Database`] is made with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DatabaseOptions {
    /// The cluster's datacenters: what NetworkTopologyStrategy may name. Defaults to `datacenter1`.
    pub datacenters: Vec<String>,
    /// Estimated bytes of data above which writes are refused as overloaded. Defaults to no limit.
    pub memory_limit: Option<u64>,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self { datacenters: vec!["datacenter1".to_owned()], memory_limit: None }
    }
}

/// An in-memory database that speaks CQL. Shared by reference; every method may be called from any thread.
pub struct Database {
    pub(super) options: DatabaseOptions,
    pub(super) system: Arc<dyn SystemTables>,
    /// The schema as it is. Read for a moment, replaced as a whole.
    catalog: RwLock<Arc<Catalog>>,
    tables: RwLock<FxHashMap<Uuid, Arc<Table>>>,
    /// Held while the schema changes, so that changes follow one another.
    pub(super) schema_change: Mutex<()>,
    pub(super) timeuuids: TimeuuidSource,
    /// The last timestamp given out.
    last_timestamp: AtomicI64,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A statement that has been checked against the schema, ready to run.
#[derive(Debug)]
pub struct Plan {
    pub(super) kind: PlanKind,
    pub(super) marker_count: usize,
}

#[derive(Debug)]
pub(super) enum PlanKind {
    /// A schema change, USE, DESCRIBE: carried out from its text.
    Schema(Box<Statement>),
    Truncate(TableRef),
}

/// What a client is told about a prepared statement, and the plan.
#[derive(Debug, Clone)]
pub struct PreparedPlan {
    /// One entry per bind marker, in the order of the text.
    pub bind: Arc<[ColumnSpec]>,
    /// Which markers are the partition key, in key order; empty when they are not all markers.
    pub pk_indexes: Vec<u16>,
    /// The columns of the answer; empty for everything that is not a SELECT.
    pub result: Arc<[ColumnSpec]>,
    /// To be given to [`Database::execute`].
    pub plan: Arc<Plan>,
    /// Whether it is a conditional write: its answer has columns although `result` is empty.
    pub is_lwt: bool,
    /// Whether it only reads.
    pub is_read: bool,
}

/// One statement of a protocol BATCH.
#[derive(Debug, Clone, Copy)]
pub struct BatchMember<'a> {
    /// An INSERT, UPDATE or DELETE.
    pub plan: &'a Plan,
    /// A value per bind marker of it.
    pub values: &'a [BoundValue<'a>],
}

impl Default for Database {
    fn default() -> Self {
        Self::new(DatabaseOptions::default())
    }
}

impl Database {
    /// An empty database without system tables.
    pub fn new(options: DatabaseOptions) -> Self {
        Self::empty(options, Arc::new(NoSystemTables))
    }

    /// A database whose system keyspaces are those of `system`.
    ///
    /// # Errors
    ///
    /// One of their definitions is not what it should be.
    pub fn with_system_tables(
        options: DatabaseOptions,
        system: Arc<dyn SystemTables>,
    ) -> Result<Self, CqlError> {
        let database = Self::empty(options, system.clone());
        for keyspace in system.keyspaces() {
            database.create_system_keyspace(&keyspace)?;
        }
        Ok(database)
    }

    fn empty(options: DatabaseOptions, system: Arc<dyn SystemTables>) -> Self {
        Self {
            options,
            system,
            catalog: RwLock::new(Arc::new(Catalog::empty(Uuid::new_v4()))),
            tables: RwLock::default(),
            schema_change: Mutex::new(()),
            timeuuids: TimeuuidSource::new(),
            last_timestamp: AtomicI64::new(0),
        }
    }

    /// Checks a statement. `keyspace` is the one to use where the statement names none.
    ///
    /// # Errors
    ///
    /// The text is not CQL, or not CQL that could run against the schema as it is.
    pub fn prepare(&self, cql: &str, keyspace: Option<&str>) -> Result<PreparedPlan, CqlError> {
        let parsed = parse(cql)?;
        let marker_count = parsed.markers.len();
        let kind = match parsed.statement {
            Statement::Truncate(name) => {
                let table = self.table_ref(&name, keyspace)?;
                self.check_writable(&table.schema)?;
                PlanKind::Truncate(table)
            }
            statement => PlanKind::Schema(Box::new(statement)),
        };
        if marker_count > 0 {
            return Err(CqlError::invalid("Bind markers are not allowed in this statement"));
        }
        Ok(PreparedPlan {
            bind: Arc::new([]),
            pk_indexes: Vec::new(),
            result: Arc::new([]),
            plan: Arc::new(Plan { kind, marker_count }),
            is_lwt: false,
            is_read: false,
        })
    }

    /// Runs a plan with one value per bind marker.
    ///
    /// # Errors
    ///
    /// A value does not fit its marker, the statement cannot be carried out with these values, or the plan is stale.
    pub fn execute(&self, plan: &Plan, context: &ExecContext<'_>, values: &[BoundValue<'_>]) -> ExecResult {
        if values.len() != plan.marker_count {
            return Err(CqlError::invalid(format!(
                "there were {} markers(?) in CQL but {} bound variables",
                plan.marker_count,
                values.len()
            )));
        }
        match &plan.kind {
            PlanKind::Schema(statement) => self.execute_schema(statement, context),
            PlanKind::Truncate(table) => {
                table.check()?;
                table.table.store.clear();
                Ok(Outcome::Void)
            }
        }
    }

    /// Runs several writes as one batch: the protocol's BATCH.
    ///
    /// # Errors
    ///
    /// A member is no write, or does not belong into a batch of that kind, or cannot be carried out; then none is.
    pub fn batch(
        &self,
        kind: BatchKind,
        members: &[BatchMember<'_>],
        context: &ExecContext<'_>,
    ) -> ExecResult {
        for member in members {
            self.execute(member.plan, context, member.values)?;
        }
        let _ = kind;
        Ok(Outcome::Void)
    }

    /// Prepares and executes, for statements that run once.
    ///
    /// # Errors
    ///
    /// As [`prepare`](Self::prepare) and [`execute`](Self::execute).
    pub fn query(&self, cql: &str, context: &ExecContext<'_>, values: &[BoundValue<'_>]) -> ExecResult {
        let prepared = self.prepare(cql, context.keyspace)?;
        self.execute(&prepared.plan, context, values)
    }

    /// The schema at this moment.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes with every schema change.
    pub fn schema_version(&self) -> Uuid {
        self.catalog().version()
    }

    /// Estimated bytes of all data.
    pub fn memory_used(&self) -> u64 {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.values().map(|table| u64::try_from(table.store.bytes()).unwrap_or_default()).sum()
    }

    pub(super) fn set_catalog(&self, catalog: Catalog) {
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
    }

    pub(super) fn add_table(&self, id: Uuid, table: Table) {
        self.tables.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::new(table));
    }

    /// The table's data is let go when the last plan for it is.
    pub(super) fn remove_table(&self, id: Uuid) {
        if let Some(table) = self.tables.write().unwrap_or_else(PoisonError::into_inner).remove(&id) {
            table.change();
        }
    }

    /// Makes the plans for a table stale.
    pub(super) fn table_changed(&self, id: Uuid) {
        if let Some(table) = self.tables.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            table.change();
        }
    }

    pub(super) fn table_ref(&self, name: &TableName, keyspace: Option<&str>) -> Result<TableRef, CqlError> {
        let keyspace = require_keyspace_name(name.keyspace.as_deref(), keyspace)?;
        // The generation is read before the schema: a change in between makes the plan stale, never silently old.
        let catalog = self.catalog();
        let in_keyspace = catalog
            .keyspace(keyspace)
            .ok_or_else(|| CqlError::invalid(format!("keyspace {keyspace} does not exist")))?;
        let missing = || CqlError::invalid(format!("table {} does not exist", name.name));
        let id = in_keyspace.table(&name.name).ok_or_else(missing)?.id;
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        let table = tables.get(&id).ok_or_else(missing)?.clone();
        drop(tables);
        let reference = TableRef::new(table, in_keyspace.table(&name.name).ok_or_else(missing)?.clone());
        let current = self.catalog();
        match current.table(keyspace, &name.name) {
            Some(schema) if Arc::ptr_eq(schema, &reference.schema) => Ok(reference),
            Some(schema) => Ok(TableRef::new(reference.table, schema.clone())),
            None => Err(missing()),
        }
    }

    pub(super) fn check_writable(&self, schema: &TableSchema) -> Result<(), CqlError> {
        super::schema::check_user_keyspace(&self.catalog(), &schema.keyspace)
    }

    /// Refuses writes when the data has reached the limit.
    pub(super) fn check_memory(&self) -> Result<(), CqlError> {
        let Some(limit) = self.options.memory_limit else {
            return Ok(());
        };
        if self.memory_used() < limit {
            return Ok(());
        }
        let message = format!("The embedded node holds as much data as it may ({limit} bytes)");
        Err(CqlError { kind: CqlErrorKind::Overloaded, message })
    }

    /// Now in microseconds, and never the same twice.
    pub(super) fn next_timestamp(&self) -> i64 {
        let now = now_micros();
        let last = self
            .last_timestamp
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)))
            .unwrap_or_default();
        now.max(last + 1)
    }
}

pub(super) fn require_keyspace_name<'a>(
    named: Option<&'a str>,
    current: Option<&'a str>,
) -> Result<&'a str, CqlError> {
    named.or(current).ok_or_else(|| {
        CqlError::invalid(
            "No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename",
        )
    })
}

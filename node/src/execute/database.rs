//! The database: the schema, the tables, and the way in.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chorus_protocol::request::BatchKind;
use chorus_protocol::{BoundValue, Consistency, CqlType};
use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::expression::{Environment, Expression, Preparer};
use super::markers::{Markers, Receiver};
use super::outcome::{ExecContext, ExecResult, Outcome, now_micros};
use super::plan::{BatchMember, Plan, PlanKind, PreparedPlan};
use super::provided::insert_provided;
use super::select::SelectPlan;
use super::system_tables::{NoSystemTables, SystemTables};
use super::table::{Table, TableRef};
use super::write::{ListClock, WritePlan, explicit_timestamp, run, run_batch};
use crate::catalog::{Catalog, Dialect, TableSchema};
use crate::cql::ast::{Statement, TableName, Term};
use crate::cql::{CqlError, CqlErrorKind, parse};
use crate::store::Store;
use crate::value::TimeuuidSource;

/// What a [`Database`] is made with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DatabaseOptions {
    /// The cluster's datacenters: what NetworkTopologyStrategy may name. Defaults to `datacenter1`.
    pub datacenters: Vec<String>,
    /// Estimated bytes of data above which writes are refused as overloaded. Defaults to no limit.
    pub memory_limit: Option<u64>,
    /// Whose CQL is understood. Defaults to Cassandra's.
    pub dialect: Dialect,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self { datacenters: vec!["datacenter1".to_owned()], memory_limit: None, dialect: Dialect::Cassandra }
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
    lists: ListClock,
    /// Rises with every schema change, after it was made: whoever derives something from the schema compares it.
    epoch: AtomicU64,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("options", &self.options).finish_non_exhaustive()
    }
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
            lists: ListClock::default(),
            epoch: AtomicU64::new(0),
        }
    }

    /// Checks a statement. `keyspace` is the one to use where the statement names none.
    ///
    /// # Errors
    ///
    /// The text is not CQL, or not CQL that could run against the schema as it is.
    pub fn prepare(&self, cql: &str, keyspace: Option<&str>) -> Result<PreparedPlan, CqlError> {
        let parsed = parse(cql)?;
        if let Some(what) = parsed.scylla_only
            && self.options.dialect == Dialect::Cassandra
        {
            return Err(CqlError::unsupported(what));
        }
        let mut markers = Markers::new(parsed.markers);
        let marker_count = markers.len();
        let (kind, key_length) = self.plan(parsed.statement, keyspace, &mut markers)?;
        let (bind, pk_indexes) = markers.finish(key_length);
        if bind.len() != marker_count {
            return Err(CqlError::invalid("Bind markers are not allowed in this place"));
        }
        let (result, is_lwt) = match &kind {
            PlanKind::Select(select) => (select.columns.clone(), false),
            PlanKind::Write(write) => (Arc::default(), write.is_conditional()),
            PlanKind::Batch { writes, .. } => (Arc::default(), writes.iter().any(WritePlan::is_conditional)),
            PlanKind::Schema(_) | PlanKind::Truncate(_) => (Arc::default(), false),
        };
        let is_read = matches!(kind, PlanKind::Select(_));
        let plan = Arc::new(Plan { kind, marker_count });
        Ok(PreparedPlan { bind, pk_indexes, result, plan, is_lwt, is_read })
    }

    /// Plans a statement, and says how many columns the partition key has that its markers may be.
    fn plan(
        &self,
        statement: Statement,
        keyspace: Option<&str>,
        markers: &mut Markers,
    ) -> Result<(PlanKind, usize), CqlError> {
        Ok(match statement {
            Statement::Select(select) => {
                let table = self.table_ref(&select.table, keyspace)?;
                let key_length = table.schema.partition_key().len();
                let plan = self.with_preparer(&table, markers, |preparer| {
                    SelectPlan::prepare(&select, table.clone(), preparer)
                })?;
                (PlanKind::Select(plan), key_length)
            }
            Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
                let plan = self.plan_write(&statement, keyspace, markers)?;
                let key_length = plan.table.schema.partition_key().len();
                (PlanKind::Write(plan), key_length)
            }
            Statement::Batch(batch) => {
                let mut timestamp = None;
                let mut writes = Vec::with_capacity(batch.statements.len());
                if let Some(term) = &batch.using.timestamp {
                    timestamp =
                        Some(self.plan_batch_timestamp(term, &batch.statements, keyspace, markers)?);
                }
                for statement in &batch.statements {
                    writes.push(self.plan_write(statement, keyspace, markers)?);
                }
                // Only the statements of one table have one partition key to route by; beside a marker for the batch's
                // timestamp Cassandra names none.
                let first = writes.first().map(|write: &WritePlan| write.table.schema.clone());
                let same =
                    |write: &WritePlan| first.as_ref().is_some_and(|first| first.id == write.table.schema.id);
                let key_length = match &first {
                    Some(first) if timestamp.is_none() && writes.iter().all(same) => {
                        first.partition_key().len()
                    }
                    _ => 0,
                };
                (PlanKind::Batch { kind: batch.kind, timestamp, writes }, key_length)
            }
            Statement::Truncate(name) => {
                let table = self.table_ref(&name, keyspace)?;
                self.check_writable(&table.schema)?;
                (PlanKind::Truncate(table), 0)
            }
            statement => (PlanKind::Schema(Box::new(statement)), 0),
        })
    }

    fn plan_write(
        &self,
        statement: &Statement,
        keyspace: Option<&str>,
        markers: &mut Markers,
    ) -> Result<WritePlan, CqlError> {
        let name = match statement {
            Statement::Insert(insert) => &insert.table,
            Statement::Update(update) => &update.table,
            Statement::Delete(delete) => &delete.table,
            _ => return Err(CqlError::invalid("Only INSERT, UPDATE and DELETE are allowed here")),
        };
        let table = self.table_ref(name, keyspace)?;
        self.check_writable(&table.schema)?;
        self.with_preparer(&table, markers, |preparer| match statement {
            Statement::Insert(insert) => WritePlan::insert(insert, table.clone(), preparer),
            Statement::Update(update) => WritePlan::update(update, table.clone(), preparer),
            Statement::Delete(delete) => WritePlan::delete(delete, table.clone(), preparer),
            _ => Err(CqlError::invalid("Only INSERT, UPDATE and DELETE are allowed here")),
        })
    }

    fn plan_batch_timestamp(
        &self,
        term: &Term,
        statements: &[Statement],
        keyspace: Option<&str>,
        markers: &mut Markers,
    ) -> Result<Expression, CqlError> {
        let name = match statements.first() {
            Some(Statement::Insert(insert)) => &insert.table,
            Some(Statement::Update(update)) => &update.table,
            Some(Statement::Delete(delete)) => &delete.table,
            _ => return Err(CqlError::invalid("A batch without statements has no timestamp")),
        };
        let table = self.table_ref(name, keyspace)?;
        let receiver =
            Receiver::column(&table.schema.partition_key()[0]).part("[timestamp]", CqlType::Bigint);
        self.with_preparer(&table, markers, |preparer| preparer.term(term, &receiver))
    }

    fn with_preparer<T>(
        &self,
        table: &TableRef,
        markers: &mut Markers,
        prepare: impl FnOnce(&mut Preparer<'_>) -> Result<T, CqlError>,
    ) -> Result<T, CqlError> {
        let catalog = self.catalog();
        let keyspace = catalog.require_keyspace(&table.schema.keyspace)?;
        prepare(&mut Preparer { markers, schema: &table.schema, keyspace })
    }

    /// Runs a plan with one value per bind marker.
    ///
    /// # Errors
    ///
    /// A value does not fit its marker, the statement cannot be carried out with these values, or the plan is stale.
    pub fn execute(&self, plan: &Plan, context: &ExecContext<'_>, values: &[BoundValue<'_>]) -> ExecResult {
        check_count(plan, values)?;
        let environment = self.environment(context, values);
        match &plan.kind {
            PlanKind::Select(select) => {
                select.table.check()?;
                if context.consistency == Consistency::Any {
                    return Err(CqlError::invalid("ANY ConsistencyLevel is only supported for writes"));
                }
                match &select.table.table.provided {
                    Some(order) => select.run(
                        &self.provided(&select.table, order, context.coordinator),
                        context,
                        &environment,
                    ),
                    None => select.run(&select.table.table.store, context, &environment),
                }
            }
            PlanKind::Write(write) => {
                self.admit(write, context)?;
                let bound = write.bind(&environment, self.timestamp(write, context), &self.lists)?;
                run(&bound, &|| self.next_timestamp())
            }
            PlanKind::Batch { kind, timestamp, writes } => {
                let timestamp = match timestamp {
                    Some(expression) => explicit_timestamp(expression, &environment)?,
                    None => None,
                };
                let timestamp = timestamp.or(context.timestamp).unwrap_or_else(|| self.next_timestamp());
                let mut bound = Vec::with_capacity(writes.len());
                for write in writes {
                    self.admit(write, context)?;
                    bound.push(write.bind(&environment, timestamp, &self.lists)?);
                }
                run_batch(*kind, &bound, &|| self.next_timestamp())
            }
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
    /// A member is no write, does not belong into a batch of that kind, or has a bad value; then none is carried out.
    pub fn batch(
        &self,
        kind: BatchKind,
        members: &[BatchMember<'_>],
        context: &ExecContext<'_>,
    ) -> ExecResult {
        let environments: Vec<Environment<'_>> =
            members.iter().map(|member| self.environment(context, member.values)).collect();
        let timestamp = context.timestamp.unwrap_or_else(|| self.next_timestamp());
        let mut bound = Vec::with_capacity(members.len());
        for (member, environment) in members.iter().zip(&environments) {
            let PlanKind::Write(write) = &member.plan.kind else {
                return Err(CqlError::invalid(
                    "Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.",
                ));
            };
            check_count(member.plan, member.values)?;
            self.admit(write, context)?;
            bound.push(write.bind(environment, timestamp, &self.lists)?);
        }
        run_batch(kind, &bound, &|| self.next_timestamp())
    }

    fn environment<'a>(&'a self, context: &ExecContext<'_>, values: &'a [BoundValue<'a>]) -> Environment<'a> {
        Environment { values, now: context.now, timeuuids: &self.timeuuids }
    }

    /// Whether a write may be carried out now.
    fn admit(&self, write: &WritePlan, context: &ExecContext<'_>) -> Result<(), CqlError> {
        write.table.check()?;
        if matches!(context.consistency, Consistency::Serial | Consistency::LocalSerial) {
            return Err(CqlError::invalid("You must use conditional updates for serializable writes"));
        }
        self.check_memory()
    }

    /// When a write happens, if its text does not say. Conditional writes go by the node's clock alone: they are ordered by
    /// it.
    fn timestamp(&self, write: &WritePlan, context: &ExecContext<'_>) -> i64 {
        let given = context.timestamp.filter(|_| !write.is_conditional() && !write.is_counter());
        given.unwrap_or_else(|| self.next_timestamp())
    }

    /// The rows of a system table, put into a store of their own.
    fn provided(&self, table: &TableRef, order: &[usize], coordinator: usize) -> Store {
        let store = Store::new();
        let schema = &table.schema;
        let rows = self.system.rows(coordinator, &schema.keyspace, &schema.name, &self.catalog());
        for cells in rows {
            insert_provided(&store, schema, order, &cells);
        }
        store
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

    /// How often the schema has changed.
    #[inline]
    pub(crate) fn schema_epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Estimated bytes of all data.
    pub fn memory_used(&self) -> u64 {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.values().map(|table| u64::try_from(table.store.bytes()).unwrap_or_default()).sum()
    }

    pub(super) fn set_catalog(&self, catalog: Catalog) {
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
        self.epoch.fetch_add(1, Ordering::Release);
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

fn check_count(plan: &Plan, values: &[BoundValue<'_>]) -> Result<(), CqlError> {
    if values.len() == plan.marker_count {
        return Ok(());
    }
    Err(CqlError::invalid(format!(
        "Invalid amount of bind variables: there were {} markers(?) in CQL but {} bound variables",
        plan.marker_count,
        values.len()
    )))
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

//! CREATE, ALTER and DROP TABLE.

use chorus_protocol::CqlType;
use chorus_protocol::response::{SchemaChangeKind, SchemaTarget};
use uuid::Uuid;

use super::resolve::{contains_duration, resolve};
use super::{Change, changed, check_table_name};
use crate::catalog::{ColumnKind, ColumnType, Dialect, Keyspace, RATE_LIMIT, TableBuilder, TableSchema};
use crate::cql::ast::{AlterTable, ColumnDefinition, CreateTable, Options, Order, TableChange, TableName};
use crate::cql::{CqlError, CqlErrorKind};
use crate::execute::database::Database;

use crate::execute::table::Table;

impl Database {
    pub(super) fn create_table(&self, create: &CreateTable, keyspace: Option<&str>) -> Change {
        let catalog = self.catalog();
        let (keyspace, name) = self.located(&catalog, &create.name, keyspace)?;
        let old = catalog.require_keyspace(keyspace)?;
        if old.table(name).is_some() {
            if create.if_not_exists {
                return Ok(None);
            }
            return Err(CqlError {
                kind: CqlErrorKind::AlreadyExists { keyspace: keyspace.to_owned(), table: name.to_owned() },
                message: format!("Cannot add already existing table \"{name}\" to keyspace \"{keyspace}\""),
            });
        }
        self.check_table_options(&create.options)?;
        let schema = define(create, old)?;
        let id = schema.id;
        if catalog.keyspaces().any(|keyspace| keyspace.tables().any(|table| table.id == id)) {
            return Err(CqlError::invalid(format!("Table ID {id} is already in use")));
        }
        let mut changed_keyspace = Keyspace::clone(old);
        changed_keyspace.tables.insert(name.to_owned(), schema.into());
        self.add_table(id, Table::new(None));
        self.set_catalog(catalog.with_keyspace(changed_keyspace));
        changed(SchemaChangeKind::Created, keyspace, SchemaTarget::Table(name.to_owned()))
    }

    pub(super) fn alter_table(&self, alter: &AlterTable, keyspace: Option<&str>) -> Change {
        let catalog = self.catalog();
        let (keyspace, name) = self.located(&catalog, &alter.name, keyspace)?;
        let Some(schema) = catalog.table(keyspace, name) else {
            if alter.if_exists {
                return Ok(None);
            }
            return Err(CqlError::invalid(format!("Table '{keyspace}.{name}' doesn't exist")));
        };
        let old = catalog.require_keyspace(keyspace)?;
        let mut builder = schema.builder();
        match &alter.change {
            TableChange::Add { columns, if_not_exists } => {
                for column in columns {
                    add_column(&mut builder, column, *if_not_exists, schema, old)?;
                }
            }
            TableChange::Drop { columns, if_exists } => {
                for column in columns {
                    drop_column(&mut builder, column, *if_exists, schema)?;
                }
            }
            TableChange::Rename { pairs, if_exists } => {
                for (from, to) in pairs {
                    rename_column(&mut builder, from, to, *if_exists, schema)?;
                }
            }
            TableChange::With(options) => {
                self.check_table_options(options)?;
                let mut applied = schema.options.clone();
                applied.apply(options)?;
                if applied.default_time_to_live != 0 && schema.is_counter() {
                    return Err(CqlError::invalid(
                        "Cannot set default_time_to_live on a table with counters",
                    ));
                }
                builder.schema().options = applied;
            }
        }
        let mut changed_keyspace = Keyspace::clone(old);
        let id = schema.id;
        changed_keyspace.tables.insert(name.to_owned(), builder.build().into());
        self.set_catalog(catalog.with_keyspace(changed_keyspace));
        self.table_changed(id);
        changed(SchemaChangeKind::Updated, keyspace, SchemaTarget::Table(name.to_owned()))
    }

    pub(super) fn drop_table(&self, name: &TableName, if_exists: bool, keyspace: Option<&str>) -> Change {
        let catalog = self.catalog();
        let (keyspace, name) = self.located(&catalog, name, keyspace)?;
        let Some(schema) = catalog.table(keyspace, name) else {
            if if_exists {
                return Ok(None);
            }
            return Err(CqlError::invalid(format!("Table '{keyspace}.{name}' doesn't exist")));
        };
        let mut changed_keyspace = Keyspace::clone(catalog.require_keyspace(keyspace)?);
        changed_keyspace.tables.remove(name);
        self.set_catalog(catalog.with_keyspace(changed_keyspace));
        self.remove_table(schema.id);
        changed(SchemaChangeKind::Dropped, keyspace, SchemaTarget::Table(name.to_owned()))
    }

    /// Refuses options that only ScyllaDB has where that is not what the database is.
    fn check_table_options(&self, options: &Options) -> Result<(), CqlError> {
        match options.iter().find(|(name, _)| name == RATE_LIMIT) {
            Some((name, _)) if self.options.dialect == Dialect::Cassandra => {
                Err(CqlError::syntax(format!("Unknown property '{name}'")))
            }
            _ => Ok(()),
        }
    }
}

/// A table's definition out of its statement.
pub(super) fn define(create: &CreateTable, keyspace: &Keyspace) -> Result<TableSchema, CqlError> {
    let name = &create.name.name;
    check_table_name(&keyspace.name, name)?;
    let id = match &create.id {
        Some(text) => {
            text.parse::<Uuid>().map_err(|_| CqlError::config(format!("Invalid table id {text}")))?
        }
        None => {
            Uuid::from_bytes(crate::value::TimeuuidSource::new().next(crate::execute::outcome::now_micros()))
        }
    };
    for (index, column) in create.columns.iter().enumerate() {
        if create.columns[..index].iter().any(|earlier| earlier.name == column.name) {
            return Err(CqlError::invalid(format!(
                "Duplicate column '{}' declaration for table '{name}'",
                column.name
            )));
        }
    }
    if create.partition_key.is_empty() {
        return Err(CqlError::invalid(format!(
            "No PRIMARY KEY specifed for table '{name}' (exactly one required)"
        )));
    }
    check_clustering_order(create)?;
    let mut builder = TableBuilder::new(id, &keyspace.name, name);
    let keys = create
        .partition_key
        .iter()
        .map(|key| (key, ColumnKind::PartitionKey))
        .chain(create.clustering.iter().map(|key| (key, ColumnKind::Clustering)));
    let mut used: Vec<&str> = Vec::new();
    for (key, kind) in keys {
        let column = create.columns.iter().find(|column| column.name == *key).ok_or_else(|| {
            CqlError::invalid(format!("Unknown column '{key}' referenced in PRIMARY KEY for table '{name}'"))
        })?;
        if used.contains(&key.as_str()) {
            return Err(CqlError::invalid(format!(
                "Duplicate column '{key}' in PRIMARY KEY clause for table '{name}'"
            )));
        }
        used.push(key);
        let typ = key_type(column, keyspace)?;
        let descending = create
            .clustering_order
            .iter()
            .any(|(column, order)| column == key && *order == Order::Descending);
        builder.column(key, kind, typ, descending)?;
    }
    let mut counters = 0;
    let mut others = 0;
    for column in create.columns.iter().filter(|column| !used.contains(&column.name.as_str())) {
        let typ = value_type(column, keyspace)?;
        if typ.typ.is_counter() {
            counters += 1
        } else {
            others += 1
        }
        if column.is_static && create.clustering.is_empty() {
            return Err(CqlError::invalid(
                "Static columns are only useful (and thus allowed) if the table has at least one clustering column",
            ));
        }
        let kind = if column.is_static { ColumnKind::Static } else { ColumnKind::Regular };
        builder.column(&column.name, kind, typ, false)?;
    }
    if counters > 0 && others > 0 {
        return Err(CqlError::invalid("Cannot mix counter and non counter columns in the same table"));
    }
    builder.schema().options.apply(&create.options)?;
    if counters > 0 && builder.schema().options.default_time_to_live != 0 {
        return Err(CqlError::invalid("Cannot set default_time_to_live on a table with counters"));
    }
    Ok(builder.build())
}

fn check_clustering_order(create: &CreateTable) -> Result<(), CqlError> {
    let order = &create.clustering_order;
    if order.is_empty() {
        return Ok(());
    }
    if let Some((column, _)) = order.iter().find(|(column, _)| !create.clustering.contains(column)) {
        return Err(CqlError::invalid(format!(
            "Only clustering key columns can be defined in CLUSTERING ORDER directive: [{column}] are not clustering columns"
        )));
    }
    if order.iter().zip(&create.clustering).any(|((ordered, _), column)| ordered != column) {
        return Err(CqlError::invalid(
            "The order of columns in the CLUSTERING ORDER directive must match that of the clustering columns",
        ));
    }
    Ok(())
}

fn key_type(column: &ColumnDefinition, keyspace: &Keyspace) -> Result<ColumnType, CqlError> {
    let name = &column.name;
    let typ = resolve(&column.typ, Some(keyspace))?;
    if column.is_static {
        return Err(CqlError::invalid(format!("Static column '{name}' cannot be part of the PRIMARY KEY")));
    }
    if typ.multi_cell {
        let kind = if matches!(typ.typ, CqlType::Udt(_)) { "user type" } else { "collection" };
        return Err(CqlError::invalid(format!(
            "Invalid non-frozen {kind} type {typ} for PRIMARY KEY column '{name}'"
        )));
    }
    if typ.typ.is_counter() {
        return Err(CqlError::invalid(format!(
            "counter type is not supported for PRIMARY KEY column '{name}'"
        )));
    }
    if contains_duration(&typ.typ) {
        return Err(CqlError::invalid(format!(
            "duration type is not supported for PRIMARY KEY column '{name}'"
        )));
    }
    Ok(typ)
}

fn value_type(column: &ColumnDefinition, keyspace: &Keyspace) -> Result<ColumnType, CqlError> {
    let typ = resolve(&column.typ, Some(keyspace))?;
    if typ.multi_cell
        && let CqlType::Udt(udt) = &typ.typ
        && let Some(user_type) = keyspace.user_type(&udt.name)
        && let Some((field, _)) = user_type.fields.iter().find(|(_, field)| field.multi_cell)
    {
        return Err(CqlError::invalid(format!(
            "Non-frozen UDTs with nested non-frozen collections are not supported: field {field} of {}",
            column.name
        )));
    }
    Ok(typ)
}

fn add_column(
    builder: &mut TableBuilder,
    column: &ColumnDefinition,
    if_not_exists: bool,
    schema: &TableSchema,
    keyspace: &Keyspace,
) -> Result<(), CqlError> {
    let name = &column.name;
    if builder.schema().column(name).is_some() {
        if if_not_exists {
            return Ok(());
        }
        return Err(CqlError::invalid(format!("Column with name '{name}' already exists")));
    }
    let typ = value_type(column, keyspace)?;
    if column.is_static && schema.clustering().is_empty() {
        return Err(CqlError::invalid(
            "Static columns are only useful (and thus allowed) if the table has at least one clustering column",
        ));
    }
    if !typ.typ.is_counter() && schema.is_counter() {
        return Err(CqlError::config(format!(
            "{schema}: Cannot have a non counter column (\"{name}\") in a counter table"
        )));
    }
    if typ.typ.is_counter() && schema.values().iter().any(|column| !column.is_counter()) {
        return Err(CqlError::config(format!(
            "{schema}: Cannot have a counter column (\"{name}\") in a non counter table"
        )));
    }
    let kind = if column.is_static { ColumnKind::Static } else { ColumnKind::Regular };
    builder.column(name, kind, typ, false)?;
    Ok(())
}

fn drop_column(
    builder: &mut TableBuilder,
    name: &str,
    if_exists: bool,
    schema: &TableSchema,
) -> Result<(), CqlError> {
    let Some(column) = builder.schema().column(name) else {
        if if_exists {
            return Ok(());
        }
        return Err(CqlError::invalid(format!("Column {name} was not found in table '{schema}'")));
    };
    if column.is_key() {
        return Err(CqlError::invalid(format!("Cannot drop PRIMARY KEY column {name}")));
    }
    if let Some(index) = schema.indexes.iter().find(|index| &*index.column == name) {
        return Err(CqlError::invalid(format!(
            "Cannot drop column {name} because it has dependent secondary indexes ({})",
            index.name
        )));
    }
    builder.remove(name);
    Ok(())
}

fn rename_column(
    builder: &mut TableBuilder,
    from: &str,
    to: &str,
    if_exists: bool,
    schema: &TableSchema,
) -> Result<(), CqlError> {
    let Some(column) = builder.schema().column(from) else {
        if if_exists {
            return Ok(());
        }
        return Err(CqlError::invalid(format!("Column {from} was not found in table {schema}")));
    };
    if !column.is_key() {
        return Err(CqlError::invalid(format!("Cannot rename non PRIMARY KEY column {from}")));
    }
    if builder.schema().column(to).is_some() {
        return Err(CqlError::invalid(format!(
            "Cannot rename column {from} to {to} in table '{schema}'; another column with that name already exists"
        )));
    }
    if schema.indexes.iter().any(|index| &*index.column == from) {
        return Err(CqlError::invalid(format!(
            "Can't rename column {from} because it has dependent secondary indexes"
        )));
    }
    builder.rename(from, to);
    Ok(())
}

//! CREATE and DROP INDEX.

use chorus_protocol::CqlType;
use chorus_protocol::response::{SchemaChangeKind, SchemaTarget};

use super::{Change, changed};
use crate::catalog::{Column, ColumnKind, IndexKind, IndexSchema, Keyspace, TableSchema};
use crate::cql::ast::{CreateIndex, IndexPart, TableName};
use crate::cql::{CqlError, quote};
use crate::execute::database::{Database, require_keyspace_name};

impl Database {
    pub(super) fn create_index(&self, create: &CreateIndex, keyspace: Option<&str>) -> Change {
        if let Some(class) = &create.class {
            return Err(CqlError::unsupported(format!("custom indexes ('{class}')")));
        }
        if !create.options.is_empty() {
            return Err(CqlError::unsupported("options of an index"));
        }
        let [(column, part)] = create.targets.as_slice() else {
            return Err(CqlError::invalid("Only CUSTOM indexes support multiple columns"));
        };
        let catalog = self.catalog();
        let (keyspace, table) = self.located(&catalog, &create.table, keyspace)?;
        let old = catalog.require_keyspace(keyspace)?;
        let schema = old
            .table(table)
            .ok_or_else(|| CqlError::invalid(format!("Table '{keyspace}.{table}' doesn't exist")))?;
        let (kind, target) = index_kind(schema.require_column(column)?, *part, schema)?;
        let name = match &create.name {
            Some(name) => name.clone(),
            None => free_name(old, &format!("{table}_{column}_idx")),
        };
        if old.tables().any(|table| table.indexes.iter().any(|index| *index.name == *name)) {
            if create.if_not_exists {
                return Ok(None);
            }
            return Err(CqlError::invalid(format!("Index '{name}' already exists")));
        }
        if let Some(same) =
            schema.indexes.iter().find(|index| *index.column == **column && index.kind == kind)
        {
            if create.if_not_exists {
                return Ok(None);
            }
            return Err(CqlError::invalid(format!(
                "Index {name} is a duplicate of existing index {}",
                same.name
            )));
        }
        let mut builder = schema.builder();
        let index = IndexSchema { name: name.into(), column: column.as_str().into(), kind, target };
        builder.schema().indexes.push(index);
        self.put_table(old, table, builder.build());
        changed(SchemaChangeKind::Updated, keyspace, SchemaTarget::Table(table.to_owned()))
    }

    pub(super) fn drop_index(&self, name: &TableName, if_exists: bool, keyspace: Option<&str>) -> Change {
        let catalog = self.catalog();
        let keyspace = require_keyspace_name(name.keyspace.as_deref(), keyspace)?;
        super::check_user_keyspace(&catalog, keyspace)?;
        let found = catalog.keyspace(keyspace).and_then(|keyspace| {
            let table = keyspace
                .tables()
                .find(|table| table.indexes.iter().any(|index| *index.name == *name.name))?;
            Some((keyspace, table))
        });
        let Some((old, table)) = found else {
            if if_exists {
                return Ok(None);
            }
            return Err(CqlError::invalid(format!("Index '{keyspace}.{}' doesn't exist'", name.name)));
        };
        let mut builder = table.builder();
        builder.schema().indexes.retain(|index| *index.name != *name.name);
        let table = table.name.to_string();
        self.put_table(old, &table, builder.build());
        changed(SchemaChangeKind::Updated, keyspace, SchemaTarget::Table(table))
    }

    fn put_table(&self, old: &Keyspace, name: &str, schema: TableSchema) {
        let mut keyspace = old.clone();
        let id = schema.id;
        keyspace.tables.insert(name.to_owned(), schema.into());
        self.set_catalog(self.catalog().with_keyspace(keyspace));
        self.table_changed(id);
    }
}

fn free_name(keyspace: &Keyspace, wanted: &str) -> String {
    let taken =
        |name: &str| keyspace.tables().any(|table| table.indexes.iter().any(|index| &*index.name == name));
    let wanted: String = wanted.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    if !taken(&wanted) {
        return wanted;
    }
    (1..).map(|number| format!("{wanted}_{number}")).find(|name| !taken(name)).unwrap_or(wanted)
}

fn index_kind(
    column: &Column,
    part: IndexPart,
    schema: &TableSchema,
) -> Result<(IndexKind, String), CqlError> {
    let name = column.name();
    if column.kind == ColumnKind::PartitionKey && schema.partition_key().len() == 1 {
        return Err(CqlError::invalid(format!(
            "Cannot create secondary index on the only partition key column {name}"
        )));
    }
    if column.is_counter() {
        return Err(CqlError::invalid(format!("Cannot create index on counter column {name}")));
    }
    if super::resolve::contains_duration(&column.typ.typ) {
        return Err(CqlError::invalid("Secondary indexes are not supported on duration columns"));
    }
    let typ = &column.typ;
    let is_collection = matches!(typ.typ, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_));
    let is_map = matches!(typ.typ, CqlType::Map(_));
    let quoted = quote(name);
    match part {
        IndexPart::Simple if typ.multi_cell && !is_collection => {
            Err(CqlError::invalid("Cannot create index on non-frozen UDT column"))
        }
        IndexPart::Simple if typ.multi_cell => Ok((IndexKind::Values, format!("values({quoted})"))),
        IndexPart::Simple if is_collection => Err(CqlError::invalid(format!(
            "Cannot create values() index on frozen column {name}. Frozen collections are immutable and must be fully indexed by using the 'full({name})' modifier"
        ))),
        IndexPart::Simple => Ok((IndexKind::Values, quoted.into_owned())),
        IndexPart::Full if is_collection && !typ.multi_cell => {
            Ok((IndexKind::Full, format!("full({quoted})")))
        }
        IndexPart::Full => Err(CqlError::invalid(format!(
            "full() indexes can only be created on frozen collections: {name}"
        ))),
        _ if !typ.multi_cell || !is_collection => Err(CqlError::invalid(format!(
            "Cannot create such an index on {name}: it is not a collection stored element by element"
        ))),
        IndexPart::Values => Ok((IndexKind::Values, format!("values({quoted})"))),
        IndexPart::Keys if is_map => Ok((IndexKind::Keys, format!("keys({quoted})"))),
        IndexPart::Entries if is_map => Ok((IndexKind::Entries, format!("entries({quoted})"))),
        IndexPart::Keys | IndexPart::Entries => Err(CqlError::invalid(format!(
            "Cannot create index on keys or entries of column {name} with non-map type"
        ))),
    }
}

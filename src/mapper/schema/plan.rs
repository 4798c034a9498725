//! From the table there is to the one that the model describes.

use chorus_protocol::CqlType;
use chorus_topology::metadata::{Column, ColumnKind, Keyspace, Table};

use super::{SchemaError, SyncReport, SyncWarning, indexes, options, statements, types};
use crate::mapper::definition::{ClusteringOrder, ColumnRole};
use crate::mapper::{ColumnDefinition, TableDefinition, TypeDefinition};

/// What has to be done, as the report of having done it.
pub(super) fn table(table: &TableDefinition, keyspace: &Keyspace) -> Result<SyncReport, SchemaError> {
    if keyspace.views.contains_key(&*table.name) {
        return Err(SchemaError::View { table: qualified(&keyspace.name, table) });
    }
    let mut report = types::plan(&statements::user_types(table), keyspace);
    match keyspace.tables.get(&*table.name) {
        None => {
            options::check_text(table, &keyspace.name)?;
            report.created_table = true;
            report.statements.push(statements::create_table(&keyspace.name, table));
        }
        Some(existing) => changes(table, existing, &mut report)?,
    }
    let existing = keyspace.tables.get(&*table.name).map(|table| &**table);
    indexes::plan(table, &keyspace.name, existing, &mut report);
    Ok(report)
}

fn changes(table: &TableDefinition, existing: &Table, report: &mut SyncReport) -> Result<(), SchemaError> {
    check_key(table, existing)?;
    for column in &table.columns {
        match existing.column(&column.name) {
            Some(found) => compare(table, column, found, &mut report.warnings),
            None => {
                report.statements.push(statements::add_column(&existing.keyspace, &table.name, column));
                report.added_columns.push(column.name.to_string());
            }
        }
    }
    let unknown = existing.columns.iter().filter(|column| table.column(&column.name).is_none());
    report.unknown_columns.extend(unknown.map(|column| column.name.to_string()));
    options::plan(table, existing, report)
}

fn check_key(table: &TableDefinition, existing: &Table) -> Result<(), SchemaError> {
    let model = statements::primary_key(
        table.partition_key().map(|column| &*column.name),
        table.clustering_key().map(|column| &*column.name),
    );
    let names =
        |columns: &'_ [Column]| columns.iter().map(|column| column.name.to_string()).collect::<Vec<_>>();
    let (partition, clustering) = (names(existing.partition_key()), names(existing.clustering_key()));
    let found =
        statements::primary_key(partition.iter().map(String::as_str), clustering.iter().map(String::as_str));
    if model == found {
        return Ok(());
    }
    Err(SchemaError::KeyDiffers { table: qualified(&existing.keyspace, table), model, existing: found })
}

fn compare(
    table: &TableDefinition,
    column: &ColumnDefinition,
    found: &Column,
    warnings: &mut Vec<SyncWarning>,
) {
    let of = || format!("{}.{}", table.name, column.name);
    if !same_type(&column.typ.typ, &found.typ) || column.typ.is_multi_cell() != found.is_multi_cell() {
        let (existing, model) = (found.declared_type.to_string(), column.typ.to_string());
        warnings.push(SyncWarning::Type { of: of(), existing, model });
    }
    let is_static = found.kind == ColumnKind::Static;
    if is_static != (column.role == ColumnRole::Static) {
        warnings.push(SyncWarning::Static { of: of(), existing: is_static });
    }
    if let ColumnRole::Clustering(order) = column.role
        && found.descending != (order == ClusteringOrder::Descending)
    {
        warnings.push(SyncWarning::Order { of: of(), existing_descending: found.descending });
    }
}

/// Whether two types are one, leaving aside what is frozen, and how user-defined types are made: those are compared on their own.
pub(super) fn same_type(model: &CqlType, existing: &CqlType) -> bool {
    match (model, existing) {
        (CqlType::Udt(model), CqlType::Udt(existing)) => model.name == existing.name,
        (CqlType::List(model), CqlType::List(existing)) | (CqlType::Set(model), CqlType::Set(existing)) => {
            same_type(model, existing)
        }
        (CqlType::Map(model), CqlType::Map(existing)) => {
            same_type(&model.0, &existing.0) && same_type(&model.1, &existing.1)
        }
        (CqlType::Tuple(model), CqlType::Tuple(existing)) => {
            model.len() == existing.len()
                && model.iter().zip(&**existing).all(|(model, existing)| same_type(model, existing))
        }
        (CqlType::Vector(model, dimension), CqlType::Vector(existing, found)) => {
            dimension == found && same_type(model, existing)
        }
        (CqlType::Custom(model), CqlType::Custom(existing)) => short(model) == short(existing),
        (model, existing) => model == existing,
    }
}

/// The name of a Java class without its package.
pub(super) fn short(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

/// A field of a type, which is frozen whatever the server says of it: the type it is in is.
pub(super) fn same_field(model: &TypeDefinition, existing: &CqlType) -> bool {
    same_type(&model.typ, existing)
}

pub(super) fn qualified(keyspace: &str, table: &TableDefinition) -> String {
    format!("{keyspace}.{}", table.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_one_whatever_is_frozen_and_however_user_types_are_made() {
        let udt =
            |fields: &[&str]| CqlType::udt("ks", "address", fields.iter().map(|name| (*name, CqlType::Int)));
        let map = |value| CqlType::map(CqlType::Text, value);
        for (model, existing, same) in [
            (CqlType::Int, CqlType::Int, true),
            (CqlType::Uuid, CqlType::Timeuuid, false),
            (CqlType::list(CqlType::Int), CqlType::set(CqlType::Int), false),
            (map(udt(&["a"])), map(udt(&["a", "b"])), true),
            (udt(&[]), CqlType::udt("ks", "other", Vec::<(&str, CqlType)>::new()), false),
            (CqlType::tuple([CqlType::Int]), CqlType::tuple([CqlType::Int, CqlType::Int]), false),
            (CqlType::vector(CqlType::Float, 3), CqlType::vector(CqlType::Float, 4), false),
            (CqlType::custom("org.x.PointType"), CqlType::custom("PointType"), true),
        ] {
            assert_eq!(same_type(&model, &existing), same, "{model} {existing}");
        }
    }
}

//! Rows of `system_schema.*` and `system_virtual_schema.*`: the catalog as clients read it.

use super::cell::{self, Cell};
use crate::catalog::{
    Catalog, Column, ColumnKind, IndexSchema, Keyspace, KeyspaceKind, TableSchema, UserType,
};

type Row = Vec<Cell>;

/// The rows of one table of `system_schema`, about every keyspace that is not virtual.
pub(crate) fn rows(table: &str, catalog: &Catalog) -> Vec<Row> {
    let stored = || catalog.keyspaces().filter(|keyspace| keyspace.kind != KeyspaceKind::Virtual);
    let tables = || stored().flat_map(|keyspace| keyspace.tables());
    match table {
        "keyspaces" => stored().map(|keyspace| keyspace_row(keyspace)).collect(),
        "tables" => tables().map(|table| table_row(table)).collect(),
        "columns" => tables()
            .flat_map(|table| table.columns().iter().map(move |column| column_row(table, column)))
            .collect(),
        "indexes" => tables()
            .flat_map(|table| table.indexes.iter().map(move |index| index_row(table, index)))
            .collect(),
        // As in ScyllaDB, keyspaces without anything special are not there.
        "scylla_keyspaces" => stored()
            .filter_map(|keyspace| {
                let initial = keyspace.tablets?.initial.unwrap_or_default();
                let initial = cell::int(i32::try_from(initial).unwrap_or(i32::MAX));
                let consistency = keyspace.consistency.and_then(|mode| cell::text(mode.name()));
                Some(vec![cell::text(&keyspace.name), consistency, initial, None, None])
            })
            .collect(),
        "types" => stored().flat_map(|keyspace| keyspace.types()).map(|typ| type_row(typ)).collect(),
        // There are no triggers, views, functions, aggregates or masks to tell of.
        _ => Vec::new(),
    }
}

/// The rows of one table of `system_virtual_schema`.
pub(crate) fn virtual_rows(table: &str, catalog: &Catalog) -> Vec<Row> {
    let keyspaces = || catalog.keyspaces().filter(|keyspace| keyspace.kind == KeyspaceKind::Virtual);
    let tables = || keyspaces().flat_map(|keyspace| keyspace.tables());
    match table {
        "keyspaces" => keyspaces().map(|keyspace| vec![cell::text(&keyspace.name)]).collect(),
        "tables" => tables()
            .map(|table| {
                let comment = table.options.text("comment").unwrap_or_default();
                vec![cell::text(&table.keyspace), cell::text(&table.name), cell::text(comment)]
            })
            .collect(),
        "columns" => tables()
            .flat_map(|table| table.columns().iter().map(move |column| column_row(table, column)))
            .collect(),
        _ => Vec::new(),
    }
}

fn keyspace_row(keyspace: &Keyspace) -> Row {
    vec![
        cell::text(&keyspace.name),
        cell::boolean(keyspace.durable_writes),
        cell::text_map(keyspace.replication.entries()),
    ]
}

fn table_row(table: &TableSchema) -> Row {
    let text = |name| text_of(table, name).and_then(cell::text);
    let fraction = |name| text_of(table, name)?.parse().ok().and_then(cell::double);
    let integer = |name| text_of(table, name)?.parse().ok().and_then(cell::int);
    let map = |name| table.options.map(name).and_then(cell::text_map);
    let flags: &[&str] = if table.is_counter() { &["compound", "counter"] } else { &["compound"] };
    vec![
        cell::text(&table.keyspace),
        cell::text(&table.name),
        text("additional_write_policy"),
        // Cassandra stores these only where they differ from the node's configuration.
        None,
        fraction("bloom_filter_fp_chance"),
        map("caching"),
        None,
        text("comment"),
        map("compaction"),
        map("compression"),
        fraction("crc_check_chance"),
        cell::double(0.0),
        integer("default_time_to_live"),
        cell::text_map::<&str, &str>([]),
        cell::texts(flags),
        integer("gc_grace_seconds"),
        cell::uuid(table.id),
        None,
        integer("max_index_interval"),
        None,
        integer("memtable_flush_period_in_ms"),
        integer("min_index_interval"),
        text("read_repair"),
        cell::double(0.0),
        text("speculative_retry"),
    ]
}

fn text_of<'a>(table: &'a TableSchema, option: &str) -> Option<&'a str> {
    table.options.text(option)
}

fn column_row(table: &TableSchema, column: &Column) -> Row {
    let order = match column.kind {
        ColumnKind::Clustering if column.descending => "desc",
        ColumnKind::Clustering => "asc",
        _ => "none",
    };
    let position = match column.kind {
        ColumnKind::PartitionKey | ColumnKind::Clustering => {
            i32::try_from(column.position).unwrap_or(i32::MAX)
        }
        ColumnKind::Static | ColumnKind::Regular => -1,
    };
    vec![
        cell::text(&table.keyspace),
        cell::text(&table.name),
        cell::text(column.name()),
        cell::text(order),
        cell::text(column.name()),
        cell::text(column.kind.name()),
        cell::int(position),
        cell::text(column.typ.to_string()),
    ]
}

fn index_row(table: &TableSchema, index: &IndexSchema) -> Row {
    vec![
        cell::text(&table.keyspace),
        cell::text(&table.name),
        cell::text(&index.name),
        cell::text("COMPOSITES"),
        cell::text_map([("target", &index.target)]),
    ]
}

fn type_row(typ: &UserType) -> Row {
    vec![
        cell::text(&typ.keyspace),
        cell::text(&typ.name),
        cell::texts(typ.fields.iter().map(|(name, _)| name)),
        cell::texts(typ.fields.iter().map(|(_, field)| field.to_string())),
    ]
}

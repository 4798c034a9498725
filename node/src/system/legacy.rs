//! The schema as Cassandra 2.2 tells it: in tables of `system`, types by the names of Java classes, options as JSON.

use std::collections::BTreeMap;

use chorus_protocol::CqlType;

use super::cell::{self, Cell};
use crate::catalog::{Catalog, Column, ColumnKind, ColumnType, IndexSchema, Keyspace, TableSchema, UserType};

type Row = Vec<Cell>;

const PACKAGE: &str = "org.apache.cassandra.db.marshal.";

/// The tables, columns in the order of `SELECT *`.
pub(crate) const DEFINITIONS: &[&str] = &[
    "CREATE TABLE schema_keyspaces (keyspace_name text PRIMARY KEY, durable_writes boolean, strategy_class text, \
     strategy_options text) WITH comment = 'keyspace definitions'",
    "CREATE TABLE schema_columnfamilies (keyspace_name text, columnfamily_name text, bloom_filter_fp_chance double, \
     caching text, cf_id uuid, comment text, compaction_strategy_class text, compaction_strategy_options text, \
     comparator text, compression_parameters text, default_time_to_live int, default_validator text, \
     dropped_columns map<text, bigint>, gc_grace_seconds int, is_dense boolean, key_validator text, \
     local_read_repair_chance double, max_compaction_threshold int, max_index_interval int, \
     memtable_flush_period_in_ms int, min_compaction_threshold int, min_index_interval int, read_repair_chance double, \
     speculative_retry text, subcomparator text, type text, PRIMARY KEY (keyspace_name, columnfamily_name)) \
     WITH comment = 'table definitions'",
    "CREATE TABLE schema_columns (keyspace_name text, columnfamily_name text, column_name text, component_index int, \
     index_name text, index_options text, index_type text, type text, validator text, \
     PRIMARY KEY (keyspace_name, columnfamily_name, column_name)) WITH comment = 'column definitions'",
    "CREATE TABLE schema_triggers (keyspace_name text, columnfamily_name text, trigger_name text, \
     trigger_options map<text, text>, PRIMARY KEY (keyspace_name, columnfamily_name, trigger_name)) \
     WITH comment = 'trigger definitions'",
    "CREATE TABLE schema_usertypes (keyspace_name text, type_name text, field_names list<text>, field_types list<text>, \
     PRIMARY KEY (keyspace_name, type_name)) WITH comment = 'user defined type definitions'",
    "CREATE TABLE schema_functions (keyspace_name text, function_name text, signature frozen<list<text>>, \
     argument_names list<text>, argument_types list<text>, body text, called_on_null_input boolean, language text, \
     return_type text, PRIMARY KEY (keyspace_name, function_name, signature)) \
     WITH comment = 'user defined function definitions'",
    "CREATE TABLE schema_aggregates (keyspace_name text, aggregate_name text, signature frozen<list<text>>, \
     argument_types list<text>, final_func text, initcond blob, return_type text, state_func text, state_type text, \
     PRIMARY KEY (keyspace_name, aggregate_name, signature)) WITH comment = 'user defined aggregate definitions'",
];

/// The rows of one of these tables.
pub(crate) fn rows(table: &str, catalog: &Catalog) -> Vec<Row> {
    let keyspaces = || catalog.keyspaces();
    let tables = || keyspaces().flat_map(|keyspace| keyspace.tables());
    match table {
        "schema_keyspaces" => keyspaces().map(|keyspace| keyspace_row(keyspace)).collect(),
        "schema_columnfamilies" => tables().map(|table| table_row(table)).collect(),
        "schema_columns" => tables()
            .flat_map(|table| table.columns().iter().map(move |column| column_row(table, column)))
            .collect(),
        "schema_usertypes" => {
            keyspaces().flat_map(|keyspace| keyspace.types()).map(|typ| type_row(typ)).collect()
        }
        // There are no triggers, functions or aggregates to tell of.
        _ => Vec::new(),
    }
}

fn keyspace_row(keyspace: &Keyspace) -> Row {
    vec![
        cell::text(&keyspace.name),
        cell::boolean(keyspace.durable_writes),
        cell::text(&keyspace.replication.class),
        json(&keyspace.replication.options),
    ]
}

fn table_row(table: &TableSchema) -> Row {
    let text = |name| table.options.text(name).and_then(cell::text);
    let fraction = |name| table.options.text(name)?.parse().ok().and_then(cell::double);
    let integer = |name: &str| table.options.text(name)?.parse().ok().and_then(cell::int);
    let map = |name| table.options.map(name).cloned().unwrap_or_default();
    let mut compaction = map("compaction");
    let mut threshold = |name| compaction.remove(name)?.parse().ok().and_then(cell::int);
    let (least, most) = (threshold("min_threshold"), threshold("max_threshold"));
    let class = compaction.remove("class").unwrap_or_default();
    let mut compression = map("compression");
    for (now, then) in [("class", "sstable_compression"), ("chunk_length_in_kb", "chunk_length_kb")] {
        if let Some(value) = compression.remove(now) {
            compression.insert(then.to_owned(), value);
        }
    }
    vec![
        cell::text(&table.keyspace),
        cell::text(&table.name),
        fraction("bloom_filter_fp_chance"),
        json(&map("caching")),
        cell::uuid(table.id),
        text("comment"),
        cell::text(class),
        json(&compaction),
        cell::text(comparator(table)),
        json(&compression),
        integer("default_time_to_live"),
        cell::text(format!(
            "{PACKAGE}{}",
            if table.is_counter() { "CounterColumnType" } else { "BytesType" }
        )),
        None,
        integer("gc_grace_seconds"),
        cell::boolean(false),
        cell::text(composite(table.partition_key().iter().map(class_of).collect())),
        cell::double(0.1),
        most,
        integer("max_index_interval"),
        integer("memtable_flush_period_in_ms"),
        least,
        integer("min_index_interval"),
        cell::double(0.0),
        // It was called by another name.
        text("speculative_retry").and_then(|_| cell::text("99.0PERCENTILE")),
        None,
        cell::text("Standard"),
    ]
}

/// What the names of cells are made of: the clustering columns, the name of a column, and the keys of collections.
fn comparator(table: &TableSchema) -> String {
    let mut parts: Vec<String> = table.clustering().iter().map(class_of).collect();
    parts.push(format!("{PACKAGE}UTF8Type"));
    let hex = |name: &str| name.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let collections: Vec<String> = (table.columns().iter())
        .filter(|column| column.typ.multi_cell && !matches!(column.typ.typ, CqlType::Udt(_)))
        .map(|column| format!("{}:{}", hex(column.name()), column.typ.typ.to_class_name()))
        .collect();
    if !collections.is_empty() {
        parts.push(format!("{PACKAGE}ColumnToCollectionType({})", collections.join(",")));
    }
    format!("{PACKAGE}CompositeType({})", parts.join(","))
}

fn composite(mut parts: Vec<String>) -> String {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    format!("{PACKAGE}CompositeType({})", parts.join(","))
}

fn class_of(column: &Column) -> String {
    let class = class(&column.typ);
    if column.descending { format!("{PACKAGE}ReversedType({class})") } else { class }
}

/// A user type has no word for frozen: it always is.
fn class(typ: &ColumnType) -> String {
    let class = typ.typ.to_class_name();
    match typ.typ {
        CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_) if !typ.multi_cell => {
            format!("{PACKAGE}FrozenType({class})")
        }
        _ => class,
    }
}

fn column_row(table: &TableSchema, column: &Column) -> Row {
    let (kind, place) = match column.kind {
        ColumnKind::PartitionKey if table.partition_key().len() == 1 => ("partition_key", None),
        ColumnKind::PartitionKey => ("partition_key", Some(column.position)),
        ColumnKind::Clustering => ("clustering_key", Some(column.position)),
        ColumnKind::Static => ("static", Some(table.clustering().len())),
        ColumnKind::Regular => ("regular", Some(table.clustering().len())),
    };
    let index = table.indexes.iter().find(|index| index.column == *column.name());
    vec![
        cell::text(&table.keyspace),
        cell::text(&table.name),
        cell::text(column.name()),
        place.and_then(|place| cell::int(i32::try_from(place).unwrap_or(i32::MAX))),
        index.and_then(|index| cell::text(&index.name)),
        index.map_or_else(|| cell::text("null"), |index| json(&index_options(index))),
        index.and_then(|_| cell::text("COMPOSITES")),
        cell::text(kind),
        cell::text(class_of(column)),
    ]
}

/// Which part of a collection is indexed.
fn index_options(index: &IndexSchema) -> BTreeMap<String, String> {
    let option = match index.target.split_once('(') {
        Some(("keys", _)) => "index_keys",
        Some(("values", _)) => "index_values",
        Some(("entries", _)) => "index_keys_and_values",
        _ => return BTreeMap::new(),
    };
    BTreeMap::from([(option.to_owned(), String::new())])
}

fn type_row(typ: &UserType) -> Row {
    vec![
        cell::text(&typ.keyspace),
        cell::text(&typ.name),
        cell::texts(typ.fields.iter().map(|(name, _)| name)),
        cell::texts(typ.fields.iter().map(|(_, field)| class(field))),
    ]
}

/// An object of texts, as JSON.
fn json(entries: &BTreeMap<String, String>) -> Cell {
    let quoted = |text: &str| {
        let mut quoted = String::from('"');
        for character in text.chars() {
            match character {
                '"' | '\\' => quoted.extend(['\\', character]),
                control if control.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(control))),
                plain => quoted.push(plain),
            }
        }
        quoted.push('"');
        quoted
    };
    let entries: Vec<String> =
        entries.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
    cell::text(format!("{{{}}}", entries.join(",")))
}

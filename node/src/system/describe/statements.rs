//! CREATE statements for what is there already.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::catalog::{
    Column, ColumnKind, IndexSchema, Keyspace, KeyspaceKind, RATE_LIMIT, TableSchema, TabletOptions, UserType,
};
use crate::cql::quote;

/// The options of a table, in the order Cassandra writes them, and whether their values are strings.
const OPTIONS: [(&str, bool); 19] = [
    ("additional_write_policy", true),
    ("allow_auto_snapshot", false),
    ("bloom_filter_fp_chance", false),
    ("caching", false),
    ("cdc", false),
    ("comment", true),
    ("compaction", false),
    ("compression", false),
    ("memtable", true),
    ("crc_check_chance", false),
    ("default_time_to_live", false),
    ("extensions", false),
    ("gc_grace_seconds", false),
    ("incremental_backups", false),
    ("max_index_interval", false),
    ("memtable_flush_period_in_ms", false),
    ("min_index_interval", false),
    ("read_repair", true),
    ("speculative_retry", true),
];

pub(super) fn keyspace(keyspace: &Keyspace) -> String {
    let name = quote(&keyspace.name);
    if keyspace.kind == KeyspaceKind::Virtual {
        return format!(
            "/*\nWarning: Keyspace {name} is a virtual keyspace and cannot be recreated with CQL.\n\
             Structure, for reference:*/\n// VIRTUAL KEYSPACE {name};"
        );
    }
    let class = keyspace.replication.class.rsplit('.').next().unwrap_or_default();
    let mut replication = format!("{{'class': {}", string(class));
    for (key, value) in &keyspace.replication.options {
        replication.push_str(&format!(", {}: {}", string(key), string(value)));
    }
    let tablets = match keyspace.tablets {
        None => String::new(),
        Some(TabletOptions { initial: None }) => " AND tablets = {'enabled': true}".to_owned(),
        Some(TabletOptions { initial: Some(initial) }) => {
            format!(" AND tablets = {{'enabled': true, 'initial': {initial}}}")
        }
    };
    let consistency = keyspace
        .consistency
        .map_or_else(String::new, |mode| format!(" AND consistency = {}", string(mode.name())));
    // Two blanks, as in Cassandra.
    format!(
        "CREATE KEYSPACE {name} WITH replication = {replication}}}  AND durable_writes = {}{tablets}{consistency};",
        keyspace.durable_writes
    )
}

pub(super) fn user_type(typ: &UserType) -> String {
    let fields: Vec<String> =
        typ.fields.iter().map(|(name, field)| format!("    {} {field}", quote(name))).collect();
    format!("CREATE TYPE {}.{} (\n{}\n);", quote(&typ.keyspace), quote(&typ.name), fields.join(",\n"))
}

pub(super) fn index(table: &TableSchema, index: &IndexSchema) -> String {
    let (keyspace, name) = (quote(&table.keyspace), quote(&table.name));
    format!("CREATE INDEX {} ON {keyspace}.{name} ({});", quote(&index.name), index.target)
}

pub(super) fn table(keyspace: &Keyspace, table: &TableSchema) -> String {
    let name = format!("{}.{}", quote(&table.keyspace), quote(&table.name));
    if keyspace.kind == KeyspaceKind::Virtual {
        let comment = string(table.options.text("comment").unwrap_or_default());
        return format!(
            "/*\nWarning: Table {name} is a virtual table and cannot be recreated with CQL.\n\
             Structure, for reference:\nVIRTUAL TABLE {name} {} WITH comment = {comment};\n*/",
            columns(table)
        );
    }
    let mut text = format!("CREATE TABLE {name} {} WITH ", columns(table));
    if !table.clustering().is_empty() {
        let order = |column: &Column| {
            format!("{} {}", quote(column.name()), if column.descending { "DESC" } else { "ASC" })
        };
        let order: Vec<String> = table.clustering().iter().map(order).collect();
        let _ = write!(text, "CLUSTERING ORDER BY ({})\n    AND ", order.join(", "));
    }
    let options: Vec<String> = OPTIONS
        .iter()
        .filter_map(|&(name, quoted)| {
            let value = match (table.options.map(name), table.options.text(name)) {
                (Some(entries), _) => map(entries),
                (None, value) if quoted => string(value?),
                (None, value) => value?.to_owned(),
            };
            Some(format!("{name} = {value}"))
        })
        .chain(rate_limit(table))
        .collect();
    text.push_str(&options.join("\n    AND "));
    text.push(';');
    text
}

/// The limit on requests, where there is one.
fn rate_limit(table: &TableSchema) -> Option<String> {
    let limit = &table.options.rate_limit;
    let entry = |name: &str, limit: Option<u32>| limit.map(|limit| format!("'{name}': {limit}"));
    let entries: Vec<String> =
        [entry("max_reads_per_second", limit.reads), entry("max_writes_per_second", limit.writes)]
            .into_iter()
            .flatten()
            .collect();
    (!entries.is_empty()).then(|| format!("{RATE_LIMIT} = {{{}}}", entries.join(", ")))
}

/// The columns between parentheses: keys, static ones, those stored whole, those stored in parts.
fn columns(table: &TableSchema) -> String {
    let alone = table.partition_key().len() == 1 && table.clustering().is_empty();
    let values = |kind, multi_cell: Option<bool>| {
        table.values().iter().filter(move |column| {
            column.kind == kind && multi_cell.is_none_or(|multi_cell| column.typ.multi_cell == multi_cell)
        })
    };
    let mut lines: Vec<String> = table
        .partition_key()
        .iter()
        .chain(table.clustering())
        .chain(values(ColumnKind::Static, None))
        .chain(values(ColumnKind::Regular, Some(false)))
        .chain(values(ColumnKind::Regular, Some(true)))
        .map(|column| {
            let suffix = match column.kind {
                ColumnKind::Static => " static",
                ColumnKind::PartitionKey if alone => " PRIMARY KEY",
                _ => "",
            };
            format!("    {} {}{suffix}", quote(column.name()), column.typ)
        })
        .collect();
    if !alone {
        let names = |columns: &[Column]| -> Vec<String> {
            columns.iter().map(|column| quote(column.name()).into_owned()).collect()
        };
        let mut key = names(table.partition_key());
        if key.len() > 1 {
            key = vec![format!("({})", key.join(", "))];
        }
        key.extend(names(table.clustering()));
        lines.push(format!("    PRIMARY KEY ({})", key.join(", ")));
    }
    format!("(\n{}\n)", lines.join(",\n"))
}

fn map(entries: &BTreeMap<String, String>) -> String {
    let entries: Vec<String> =
        entries.iter().map(|(key, value)| format!("{}: {}", string(key), string(value))).collect();
    format!("{{{}}}", entries.join(", "))
}

fn string(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

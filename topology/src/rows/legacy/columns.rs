//! `system.schema_columns`: columns, and the indexes on them.

use std::collections::BTreeMap;

use super::super::{ColumnRow, IndexRow, system_row};
use super::json;
use super::tables::LegacyTableRow;
use super::types::{cql, is_reversed};

system_row! {
    /// A row of `system.schema_columns`.
    LegacyColumnRow {
        /// The keyspace.
        keyspace_name: String,
        /// The table.
        table_name = "columnfamily_name": String,
        /// The column.
        column_name: String,
        /// Its place within its part of the key; null where there is one place only.
        component_index: Option<i32>,
        /// The index on it.
        index_name: Option<String>,
        /// Options of the index as JSON; the text `null` where there is none.
        index_options: Option<String>,
        /// The kind of the index.
        index_type: Option<String>,
        /// `partition_key`, `clustering_key`, `static`, `regular` or `compact_value`.
        kind = "type": Option<String>,
        /// The class of its values.
        validator: String,
    }
}

/// The rows by keyspace and table.
pub(super) fn by_table(rows: Vec<LegacyColumnRow>) -> BTreeMap<(String, String), Vec<LegacyColumnRow>> {
    let mut tables: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows {
        tables.entry((row.keyspace_name.clone(), row.table_name.clone())).or_default().push(row);
    }
    tables
}

/// Adds the columns of one table, and their indexes.
pub(super) fn translate(
    table: &LegacyTableRow,
    own: Vec<LegacyColumnRow>,
    columns: &mut Vec<ColumnRow>,
    indexes: &mut Vec<IndexRow>,
) {
    let has = |kind: &str| own.iter().any(|row| row.kind.as_deref() == Some(kind));
    let (has_key, has_clustering) = (has("partition_key"), has("clustering_key"));
    if !has_key {
        // Made with the Thrift protocol by a client that gave its key no names: servers take these.
        let names = (1..).map(|place| if place == 1 { "key".to_owned() } else { format!("key{place}") });
        add_unnamed(table, "partition_key", table.key_validators(), names, columns);
    }
    if !has_clustering && table.is_dense == Some(true) && !table.is_super() {
        let names = (1..).map(|place| format!("column{place}"));
        add_unnamed(table, "clustering", table.comparators(), names, columns);
    }
    for row in own {
        // Dense tables without another column than their key have one that nobody sees.
        if row.kind.as_deref() == Some("compact_value")
            && (row.column_name.is_empty() || row.validator.ends_with("EmptyType"))
        {
            continue;
        }
        indexes.extend(index(&row));
        columns.push(column(row));
    }
}

/// Adds the columns of a part of the key that was given no names.
fn add_unnamed(
    table: &LegacyTableRow,
    kind: &str,
    classes: Vec<&str>,
    names: impl Iterator<Item = String>,
    columns: &mut Vec<ColumnRow>,
) {
    for ((class, name), position) in classes.into_iter().zip(names).zip(0..) {
        columns.push(ColumnRow {
            keyspace_name: table.keyspace_name.clone(),
            table_name: table.table_name.clone(),
            column_name: name,
            clustering_order: (kind == "clustering").then(|| order(class)),
            kind: kind.to_owned(),
            position: Some(position),
            type_text: cql(class),
        });
    }
}

fn column(row: LegacyColumnRow) -> ColumnRow {
    let kind = row.kind.unwrap_or_else(|| "regular".to_owned());
    let is_key = matches!(&*kind, "partition_key" | "clustering_key");
    ColumnRow {
        clustering_order: (kind == "clustering_key").then(|| order(&row.validator)),
        position: Some(if is_key { row.component_index.unwrap_or(0) } else { -1 }),
        type_text: cql(&row.validator),
        keyspace_name: row.keyspace_name,
        table_name: row.table_name,
        column_name: row.column_name,
        kind,
    }
}

fn order(class: &str) -> String {
    if is_reversed(class) { "desc" } else { "asc" }.to_owned()
}

/// The index on a column. What of a collection is indexed stands among its options.
fn index(row: &LegacyColumnRow) -> Option<IndexRow> {
    let kind = row.index_type.clone()?;
    let column = chorus_protocol::identifier::quote(&row.column_name);
    let mut options = json::map(row.index_options.as_deref());
    let mut takes = |option: &str| options.remove(option).is_some();
    let (keys, entries, values) =
        (takes("index_keys"), takes("index_keys_and_values"), takes("index_values"));
    let part = match (keys, entries, values) {
        (true, ..) => Some("keys"),
        (_, true, _) => Some("entries"),
        (.., true) => Some("values"),
        _ if cql(&row.validator).starts_with("frozen<") && kind != "CUSTOM" => {
            is_collection(&row.validator).then_some("full")
        }
        _ => None,
    };
    let target = part.map_or_else(|| column.to_string(), |part| format!("{part}({column})"));
    options.insert("target".to_owned(), target);
    Some(IndexRow {
        keyspace_name: row.keyspace_name.clone(),
        table_name: row.table_name.clone(),
        // One made with the Thrift protocol need not have a name.
        index_name: row.index_name.clone().unwrap_or_else(|| format!("{}_idx", row.column_name)),
        kind: Some(kind),
        options,
    })
}

fn is_collection(class: &str) -> bool {
    let text = cql(class);
    let inner = text.strip_prefix("frozen<").unwrap_or(&text);
    ["list<", "set<", "map<"].iter().any(|collection| inner.starts_with(collection))
}

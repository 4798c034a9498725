//! What follows WITH.

use std::collections::BTreeMap;

use chorus_protocol::CqlValue;
use chorus_protocol::literal::{quote_text, write_literal};

use super::list;
use crate::metadata::options::TableOptions;
use crate::metadata::table::{CompactStorage, Table};

/// Options that CREATE takes, by name.
const KNOWN: [&str; 23] = [
    "additional_write_policy",
    "allow_auto_snapshot",
    "bloom_filter_fp_chance",
    "caching",
    "cdc",
    "comment",
    "compaction",
    "compression",
    "crc_check_chance",
    "dclocal_read_repair_chance",
    "default_time_to_live",
    "gc_grace_seconds",
    "in_memory",
    "incremental_backups",
    "max_index_interval",
    "memtable",
    "memtable_flush_period_in_ms",
    "min_index_interval",
    "nodesync",
    "paxos_grace_seconds",
    "read_repair",
    "read_repair_chance",
    "speculative_retry",
];

/// Options that servers still tell since 4.0 and do not take any more.
const GONE: [&str; 3] = ["dclocal_read_repair_chance", "in_memory", "read_repair_chance"];

/// The WITH clause of a table or view, each part on a line of its own; empty when there is nothing to say.
pub(super) fn clause(table: &Table, is_view: bool) -> String {
    let mut parts = Vec::new();
    if matches!(table.compact_storage, Some(CompactStorage::Static | CompactStorage::Dense)) {
        parts.push("COMPACT STORAGE".to_owned());
    }
    let ordered = table.clustering_key();
    if !ordered.is_empty() {
        let order = ordered.iter().map(|column| {
            let direction = if column.descending { "DESC" } else { "ASC" };
            format!("{} {direction}", list([&*column.name]))
        });
        parts.push(format!("CLUSTERING ORDER BY ({})", order.collect::<Vec<_>>().join(", ")));
    }
    parts.extend(written(&table.options, is_view));
    if let Some(label) = &table.vertex_label {
        parts.push(format!("VERTEX LABEL {}", list([&**label])));
    }
    if let Some(edge) = &table.edge_label {
        let end = |word: &str, end: &crate::metadata::EdgeEnd| {
            let columns = |names: &[String]| list(names.iter().map(String::as_str));
            let mut key = match &end.partition_key_columns[..] {
                [only] => list([&**only]),
                several => format!("({})", columns(several)),
            };
            if !end.clustering_columns.is_empty() {
                key = format!("{key}, {}", columns(&end.clustering_columns));
            }
            format!("{word} {}({key})", list([&**end.label.as_ref().unwrap_or(&end.table)]))
        };
        let (from, to) = (end("FROM", &edge.from), end("TO", &edge.to));
        parts.push(format!("EDGE LABEL {} {from} {to}", list([&*edge.label])));
    }
    if parts.is_empty() { String::new() } else { format!(" WITH {}", parts.join("\n    AND ")) }
}

/// Each option as `name = value`, by name.
fn written(options: &TableOptions, is_view: bool) -> Vec<String> {
    let since_four = options.value("read_repair").is_some();
    let taken = |name: &str| {
        KNOWN.binary_search(&name).is_ok()
            && !(since_four && GONE.contains(&name))
            // Rows of a view live as long as those of its table.
            && !(is_view && name == "default_time_to_live")
    };
    let known = options.iter().filter(|(name, _)| taken(name));
    known.map(|(name, value)| format!("{name} = {}", literal(value))).collect()
}

/// Values of maps are text, whatever they look like.
fn literal(value: &CqlValue) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_literal(value, &mut out);
    out
}

/// A map of text as CQL.
pub(super) fn text_map<'t>(entries: impl IntoIterator<Item = (&'t str, &'t str)>) -> String {
    let entries =
        entries.into_iter().map(|(key, value)| format!("{}: {}", quote_text(key), quote_text(value)));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

/// The replication map: the class first, then its options by name.
pub(super) fn replication(class: &str, options: &BTreeMap<String, String>) -> String {
    let options = options.iter().map(|(key, value)| (&**key, &**value));
    text_map(std::iter::once(("class", class)).chain(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_what_is_gone_was_known() {
        assert!(KNOWN.is_sorted());
        assert!(GONE.iter().all(|name| KNOWN.contains(name)));
    }
}

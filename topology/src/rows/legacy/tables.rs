//! `system.schema_columnfamilies`.

use std::collections::BTreeMap;

use chorus_protocol::CqlValue;

use super::super::{TableRow, system_row};
use super::json;
use super::types::components;

system_row! {
    /// A row of `system.schema_columnfamilies`.
    LegacyTableRow {
        /// The keyspace.
        keyspace_name: String,
        /// The table.
        table_name = "columnfamily_name": String,
        /// The class, or the composite of classes, of the names of its cells.
        comparator: Option<String>,
        /// The class, or the composite of classes, of its partition key.
        key_validator: Option<String>,
        /// Whether every cell is a row; null before version 2.1.
        is_dense: Option<bool>,
        /// `Standard` or `Super`.
        kind = "type": Option<String>,
        /// What is kept in memory, as JSON.
        caching: Option<String>,
        /// How files are merged: the class.
        compaction_strategy_class: Option<String>,
        /// Its options as JSON.
        compaction_strategy_options: Option<String>,
        /// How files are compressed, as JSON.
        compression_parameters: Option<String>,
        /// The fewest files that the common strategy merges.
        min_compaction_threshold: Option<i32>,
        /// The most files that it merges.
        max_compaction_threshold: Option<i32>,
    }
    others: /// Options by column name, and everything else.
        options
}

impl LegacyTableRow {
    /// Whether it was made of super columns.
    pub(super) fn is_super(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("super"))
    }

    /// Whether names of its cells are made of several parts, as those of all tables without compact storage.
    pub(super) fn is_compound(&self) -> bool {
        self.comparator.as_deref().and_then(components).is_some()
    }

    /// What the names of cells are made of.
    pub(super) fn comparators(&self) -> Vec<&str> {
        parts(self.comparator.as_deref())
    }

    /// What the partition key is made of.
    pub(super) fn key_validators(&self) -> Vec<&str> {
        parts(self.key_validator.as_deref())
    }
}

fn parts(class: Option<&str>) -> Vec<&str> {
    class.map_or_else(Vec::new, |class| components(class).unwrap_or_else(|| vec![class]))
}

/// Options that later versions call, and keep, the same. Everything else describes how cells are named, which columns tell better.
const SAME: [&str; 9] = [
    "bloom_filter_fp_chance",
    "comment",
    "default_time_to_live",
    "gc_grace_seconds",
    "max_index_interval",
    "memtable_flush_period_in_ms",
    "min_index_interval",
    "read_repair_chance",
    "speculative_retry",
];

/// Options that were called otherwise.
const RENAMED: [(&str, &str); 2] =
    [("cf_id", "id"), ("local_read_repair_chance", "dclocal_read_repair_chance")];

pub(super) fn translate(mut row: LegacyTableRow) -> TableRow {
    let flag = |is: bool, name: &str| is.then(|| name.to_owned());
    let flags = [
        flag(row.is_super(), "super"),
        flag(row.is_dense == Some(true), "dense"),
        flag(row.is_compound() && !row.is_super(), "compound"),
    ];
    let mut options = BTreeMap::new();
    for (name, value) in std::mem::take(&mut row.options) {
        if SAME.contains(&&*name) {
            options.insert(name, value);
        } else if let Some((_, now)) = RENAMED.iter().find(|(then, _)| *then == name) {
            options.insert((*now).to_owned(), value);
        }
    }
    let mut put = |name: &str, entries: BTreeMap<String, String>| {
        let text = CqlValue::Text;
        let entries = entries.into_iter().map(|(key, value)| (text(key), text(value)));
        options.insert(name.to_owned(), CqlValue::map(entries));
    };
    put("caching", json::map(row.caching.as_deref()));
    put("compression", json::map(row.compression_parameters.as_deref()));
    put("compaction", compaction(&row));
    TableRow {
        keyspace_name: row.keyspace_name,
        table_name: row.table_name,
        flags: Some(flags.into_iter().flatten().collect()),
        options,
    }
}

/// The strategy and its options. Two that were apart belong to one strategy.
fn compaction(row: &LegacyTableRow) -> BTreeMap<String, String> {
    let mut compaction = json::map(row.compaction_strategy_options.as_deref());
    let class = row.compaction_strategy_class.clone().unwrap_or_default();
    if class.ends_with("SizeTieredCompactionStrategy") {
        let thresholds = [
            ("min_threshold", row.min_compaction_threshold),
            ("max_threshold", row.max_compaction_threshold),
        ];
        for (name, threshold) in thresholds {
            let Some(threshold) = threshold else { continue };
            compaction.entry(name.to_owned()).or_insert_with(|| threshold.to_string());
        }
    }
    compaction.insert("class".to_owned(), class);
    compaction
}

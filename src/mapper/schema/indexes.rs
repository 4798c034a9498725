//! Indexes: which of those that a model asks for are there.

use chorus_topology::metadata::{Index, Table};

use super::{SyncReport, SyncWarning, plan, statements};
use crate::mapper::definition::IndexTarget;
use crate::mapper::{ColumnDefinition, TableDefinition};

/// Plans those that no index stands for yet. `existing` is `None` for a new table.
pub(super) fn plan(
    table: &TableDefinition,
    keyspace: &str,
    existing: Option<&Table>,
    report: &mut SyncReport,
) {
    for column in &table.columns {
        let Some(wanted) = &column.index else { continue };
        match existing.and_then(|table| table.indexes.values().find(|index| finds(index, column))) {
            None => {
                report.statements.extend(statements::create_index(keyspace, &table.name, column));
                report.created_indexes.push(column.name.to_string());
            }
            Some(index) => {
                let classes = (wanted.class.as_deref(), index.class_name.as_deref());
                if let (Some(wanted), Some(found)) = classes
                    && !same_class(wanted, found)
                {
                    let of = format!("{}.{}", table.name, column.name);
                    report.warnings.push(SyncWarning::Index { of, index: index.name.to_string() });
                }
            }
        }
    }
}

/// Whether an index is the one that a column asks for, whatever its name.
fn finds(index: &Index, column: &ColumnDefinition) -> bool {
    let (Some(target), Some(wanted)) = (&index.target, &column.index) else { return false };
    let (part, name) = match target.split_once('(') {
        Some((part, rest)) if !target.starts_with('"') => (part, rest.strip_suffix(')').unwrap_or(rest)),
        _ => ("values", target.as_str()),
    };
    let part_fits = match wanted.target {
        IndexTarget::Values => matches!(part, "values" | "full"),
        IndexTarget::Keys => part == "keys",
        IndexTarget::Entries => part == "entries",
    };
    part_fits && unquoted(name) == column.name
}

/// A name as the schema has it, from CQL.
fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

/// Classes go by several names: `sai` is `StorageAttachedIndex`.
fn same_class(wanted: &str, found: &str) -> bool {
    let canonical = |class: &str| match plan::short(class) {
        short if short.eq_ignore_ascii_case("sai") => "storageattachedindex".to_owned(),
        short => short.to_ascii_lowercase(),
    };
    canonical(wanted) == canonical(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_go_by_several_names() {
        assert!(same_class("StorageAttachedIndex", "sai"));
        assert!(same_class("SAI", "org.apache.cassandra.index.sai.StorageAttachedIndex"));
        assert!(!same_class("org.apache.cassandra.index.sasi.SASIIndex", "sai"));
    }

    #[test]
    fn names_in_targets_may_be_quoted() {
        assert_eq!(unquoted("\"a\"\"b\""), "a\"b");
        assert_eq!(unquoted("plain"), "plain");
    }
}

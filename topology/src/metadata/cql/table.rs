//! Tables, views, indexes and triggers as CQL.

use std::fmt::Write as _;

use chorus_protocol::identifier;
use chorus_protocol::literal::quote_text;

use super::options::{clause, text_map};
use super::{list, qualified};
use crate::metadata::index::{Index, IndexKind, Trigger};
use crate::metadata::table::{Column, ColumnKind, MaterializedView, Table};

impl Table {
    /// The statement that makes the table, without a semicolon and without its indexes, triggers and views. For a virtual
    /// table it is no statement any server takes, but reads as one.
    pub fn create_statement(&self) -> String {
        let create = if self.is_virtual { "VIRTUAL" } else { "CREATE" };
        let mut out = format!("{create} TABLE {} (", qualified(&self.keyspace, &self.name));
        let inline = self.partition_key().len() == 1 && self.clustering_key().is_empty();
        let mut columns: Vec<&Column> = self.columns.iter().collect();
        // DESCRIBE has columns of several cells behind the others of their kind, SELECT does not.
        columns.sort_by_key(|column| (column.kind, column.is_multi_cell()));
        for (index, column) in columns.into_iter().enumerate() {
            out.push_str(if index == 0 { "\n    " } else { ",\n    " });
            let name = identifier::quote(&column.name);
            // Writing to a string does not fail.
            let _ = write!(out, "{name} {}", column.declared_type);
            if column.kind == ColumnKind::Static {
                out.push_str(" static");
            }
            if let Some(mask) = &column.mask {
                let _ = write!(out, " MASKED WITH {mask}");
            }
            if inline && column.kind == ColumnKind::PartitionKey {
                out.push_str(" PRIMARY KEY");
            }
        }
        if !inline && !self.primary_key().is_empty() {
            let _ = write!(out, ",\n    {}", primary_key(self));
        }
        out.push_str("\n)");
        out.push_str(&clause(self, false));
        out
    }
}

impl MaterializedView {
    /// The statement that makes the view, without a semicolon.
    pub fn create_statement(&self) -> String {
        let table = &self.table;
        let columns = match self.include_all_columns {
            true => "*".to_owned(),
            false => list(table.columns.iter().map(|column| &*column.name)),
        };
        let mut lines = vec![
            format!("CREATE MATERIALIZED VIEW {} AS", qualified(&table.keyspace, &table.name)),
            format!("SELECT {columns}"),
            format!("FROM {}", qualified(&table.keyspace, &self.base_table)),
        ];
        lines.extend(self.where_clause.iter().map(|condition| format!("WHERE {condition}")));
        lines.push(primary_key(table));
        let options = clause(table, true);
        let options = if options.is_empty() { options } else { format!("\n{options}") };
        lines.join("\n    ") + &options
    }

    /// Whether it is what ScyllaDB keeps an index in: it goes with the index, and making the index makes it.
    pub(super) fn belongs_to_index_of(&self, base: &Table) -> bool {
        let index = self.table.name.strip_suffix("_index").and_then(|name| base.indexes.get(name));
        index.is_some_and(|index| index.kind != IndexKind::Custom)
            && (self.table.columns.iter()).any(|column| base.column(&column.name).is_none())
    }
}

/// `PRIMARY KEY ((a, b), c)`.
fn primary_key(table: &Table) -> String {
    let names = |columns: &[Column]| list(columns.iter().map(|column| &*column.name));
    let mut key = match table.partition_key() {
        [only] => names(std::slice::from_ref(only)),
        several => format!("({})", names(several)),
    };
    if !table.clustering_key().is_empty() {
        key = format!("{key}, {}", names(table.clustering_key()));
    }
    format!("PRIMARY KEY ({key})")
}

impl Index {
    /// The statement that makes the index on `table`, without a semicolon.
    pub fn create_statement(&self, table: &Table) -> String {
        let custom = if self.kind == IndexKind::Custom { "CUSTOM " } else { "" };
        let mut out = format!(
            "CREATE {custom}INDEX {} ON {} ({})",
            identifier::quote(&self.name),
            qualified(&table.keyspace, &table.name),
            self.target.as_deref().unwrap_or_default()
        );
        if self.kind == IndexKind::Custom {
            let class = self.class_name.as_deref().unwrap_or_default();
            let _ = write!(out, " USING {}", quote_text(class));
            if !self.options.is_empty() {
                let options = self.options.iter().map(|(key, value)| (&**key, &**value));
                let _ = write!(out, " WITH OPTIONS = {}", text_map(options));
            }
        }
        out
    }
}

impl Trigger {
    /// The statement that makes the trigger on `table`, without a semicolon.
    pub fn create_statement(&self, table: &Table) -> String {
        format!(
            "CREATE TRIGGER {} ON {} USING {}",
            identifier::quote(&self.name),
            qualified(&table.keyspace, &table.name),
            quote_text(self.class_name.as_deref().unwrap_or_default())
        )
    }
}

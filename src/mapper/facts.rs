//! What statements have to know of a table: from a model, or from the schema.

use std::borrow::Cow;

use chorus_topology::metadata::{ColumnKind, Table};

use super::{ColumnRole, MapperError, TableDefinition};

/// Of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ColumnFacts {
    pub(super) part: Part,
    pub(super) index: Indexed,
}

/// What part of the table a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Partition,
    Clustering,
    Static,
    Regular,
}

/// Whether rows are found by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Indexed {
    No,
    Yes,
    /// By an index of a class of its own, which may know other comparisons.
    Custom,
}

/// A table, known in one way or the other.
pub(super) trait TableFacts {
    /// For errors.
    fn table_name(&self) -> &str;

    fn column_facts(&self, name: &str) -> Option<ColumnFacts>;

    /// The partition key, in the order of the key.
    fn partition_columns(&self) -> Vec<Cow<'_, str>>;

    fn error(&self, reason: impl Into<String>) -> MapperError {
        MapperError::Statement { table: self.table_name().into(), reason: reason.into() }
    }

    /// # Errors
    ///
    /// When there is no such column.
    fn require(&self, name: &str) -> Result<ColumnFacts, MapperError> {
        self.column_facts(name).ok_or_else(|| self.error(format!("there is no column {name}")))
    }
}

impl TableFacts for TableDefinition {
    fn table_name(&self) -> &str {
        &self.name
    }

    fn column_facts(&self, name: &str) -> Option<ColumnFacts> {
        let column = self.column(name)?;
        let part = match column.role {
            ColumnRole::Partition => Part::Partition,
            ColumnRole::Clustering(_) => Part::Clustering,
            ColumnRole::Static => Part::Static,
            ColumnRole::Regular => Part::Regular,
        };
        let index = match &column.index {
            None => Indexed::No,
            Some(index) if index.class.is_some() => Indexed::Custom,
            Some(_) => Indexed::Yes,
        };
        Some(ColumnFacts { part, index })
    }

    fn partition_columns(&self) -> Vec<Cow<'_, str>> {
        self.partition_key().map(|column| Cow::Borrowed(&*column.name)).collect()
    }
}

impl TableFacts for Table {
    fn table_name(&self) -> &str {
        &self.name
    }

    fn column_facts(&self, name: &str) -> Option<ColumnFacts> {
        let column = self.columns.iter().find(|column| &*column.name == name)?;
        let part = match column.kind {
            ColumnKind::PartitionKey => Part::Partition,
            ColumnKind::Clustering => Part::Clustering,
            ColumnKind::Static => Part::Static,
            ColumnKind::Regular => Part::Regular,
        };
        let mut of_column = self
            .indexes
            .values()
            .filter(|index| index.target.as_deref().is_some_and(|target| is_on(target, name)));
        let index = match of_column.next() {
            None => Indexed::No,
            Some(index) if index.class_name.is_some() => Indexed::Custom,
            Some(_) => Indexed::Yes,
        };
        Some(ColumnFacts { part, index })
    }

    fn partition_columns(&self) -> Vec<Cow<'_, str>> {
        self.partition_key().iter().map(|column| Cow::Borrowed(&*column.name)).collect()
    }
}

/// Whether the target of an index, such as `name` or `values("Tags")`, is this column.
fn is_on(target: &str, column: &str) -> bool {
    let inner = target.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(target);
    inner == column || inner == chorus_protocol::identifier::always_quote(column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_indexes_name_their_column_in_several_ways() {
        for target in ["tags", "values(tags)", "keys(tags)", "full(tags)", "\"tags\""] {
            assert!(is_on(target, "tags"), "{target}");
        }
        assert!(is_on("entries(\"Tags\")", "Tags"));
        assert!(!is_on("tags2", "tags") && !is_on("values(tags2)", "tags"));
    }
}

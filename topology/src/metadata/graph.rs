//! Labels that DataStax Enterprise 6.8 gives tables so that they can be read as a graph.

use std::sync::Arc;

use crate::rows::EdgeRow;

/// What makes the rows of a table edges of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EdgeLabel {
    /// The label of the edges.
    pub label: Arc<str>,
    /// Where they begin.
    pub from: EdgeEnd,
    /// Where they lead.
    pub to: EdgeEnd,
}

/// One end of the edges of a table: which vertices, and the columns of the edge that name one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EdgeEnd {
    /// The table of the vertices, unquoted.
    pub table: Arc<str>,
    /// The label of the vertices; `None` when that table has none, or was not known when this one was read.
    pub label: Option<Arc<str>>,
    /// The columns that are the partition key of the vertices.
    pub partition_key_columns: Vec<String>,
    /// The columns that are their clustering columns.
    pub clustering_columns: Vec<String>,
}

impl EdgeLabel {
    /// `vertices` tells the label of the vertices of a table.
    pub(super) fn read(row: &EdgeRow, vertices: &dyn Fn(&str) -> Option<Arc<str>>) -> EdgeLabel {
        let end = |table: &Option<String>, partition_key: &[String], clustering: &[String]| {
            let table = table.as_deref().unwrap_or_default();
            EdgeEnd {
                table: Arc::from(table),
                label: vertices(table),
                partition_key_columns: partition_key.to_vec(),
                clustering_columns: clustering.to_vec(),
            }
        };
        EdgeLabel {
            label: Arc::from(row.label_name.as_deref().unwrap_or_default()),
            from: end(&row.from_table, &row.from_partition_key_columns, &row.from_clustering_columns),
            to: end(&row.to_table, &row.to_partition_key_columns, &row.to_clustering_columns),
        }
    }
}

//! What is asked for, and its text.

use std::borrow::Cow;

use crate::mapper::facts::TableFacts;
use crate::mapper::relation::Relation;
use crate::mapper::statement_text::StatementText;
use crate::mapper::value::{Use, Value};

/// A SELECT of any table.
#[derive(Debug, Clone, Default)]
pub(in crate::mapper) struct Query {
    pub(in crate::mapper) filters: Vec<Relation>,
    /// Columns, and whether descending.
    pub(in crate::mapper) order: Vec<(Cow<'static, str>, bool)>,
    pub(in crate::mapper) limit: Option<u32>,
    pub(in crate::mapper) per_partition_limit: Option<u32>,
    pub(in crate::mapper) allow_filtering: bool,
    pub(in crate::mapper) distinct: bool,
    /// Only the number of rows is wanted.
    pub(in crate::mapper) counted: bool,
}

impl Query {
    /// Reads no more rows than it takes to see that there is more than one.
    pub(in crate::mapper) fn read_two(&mut self) {
        self.limit = Some(self.limit.unwrap_or(2).min(2));
    }

    /// `SELECT DISTINCT a, b FROM ks.t WHERE .. ORDER BY .. PER PARTITION LIMIT ? LIMIT ? ALLOW FILTERING`; all columns when none are
    /// named.
    pub(in crate::mapper) fn text(
        &self,
        keyspace: &str,
        table: &impl TableFacts,
        columns: &[Cow<'_, str>],
    ) -> StatementText<'static> {
        let mut text = StatementText::new("SELECT ");
        if self.counted {
            text.push("COUNT(*)");
        } else {
            if self.distinct {
                text.push("DISTINCT ");
            }
            match columns {
                [] => text.push("*"),
                columns => text.names(columns.iter().map(|column| &**column)),
            };
        }
        text.push(" FROM ").table(keyspace, table.table_name());
        text.relations(" WHERE ", &self.filters, || table.partition_columns());
        if !self.counted {
            if !self.order.is_empty() {
                text.push(" ORDER BY ").list(&self.order, ", ", |text, (column, descending)| {
                    text.name(column).push(if *descending { " DESC" } else { " ASC" });
                });
            }
            self.limits(&mut text);
        }
        if self.allow_filtering {
            text.push(" ALLOW FILTERING");
        }
        text
    }

    fn limits(&self, text: &mut StatementText<'static>) {
        let number = |rows: u32| Value::one(i32::try_from(rows).unwrap_or(i32::MAX));
        if let Some(rows) = self.per_partition_limit {
            text.push(" PER PARTITION LIMIT ").marker(number(rows), Use::Written);
        }
        if let Some(rows) = self.limit {
            text.push(" LIMIT ").marker(number(rows), Use::Written);
        }
    }
}

/// The setters of how many rows are read, for a type with a field `query`.
macro_rules! row_setters {
    () => {
        /// At most this many rows; zero and `None` are as many as there are, which is the default.
        pub fn limit(mut self, rows: impl Into<Option<u32>>) -> Self {
            self.query.limit = rows.into().filter(|rows| *rows > 0);
            self
        }

        /// At most this many rows of each partition; zero and `None` are as many as there are, which is the default.
        pub fn per_partition_limit(mut self, rows: impl Into<Option<u32>>) -> Self {
            self.query.per_partition_limit = rows.into().filter(|rows| *rows > 0);
            self
        }

        /// Has the servers read rows only to leave them out, up to the whole table (`ALLOW FILTERING`).
        pub fn allow_filtering(mut self) -> Self {
            self.query.allow_filtering = true;
            self
        }
    };
}

pub(in crate::mapper) use row_setters;

//! The statements every model needs over and over: inserting a row, reading and deleting one by its key. Their texts are made, and
//! the statements looked up, once for a model and a keyspace; after that a mapper holds them.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use dashmap::DashMap;

use super::facts::{Part, TableFacts};
use super::statement_text::StatementText;
use super::value::{Use, Value};
use super::{ColumnDefinition, Model, TableDefinition};
use crate::PreparedStatement;

/// Which statement of which model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Common {
    model: TypeId,
    keyspace: Arc<str>,
    verb: Verb,
}

/// What it does, and what is in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Verb {
    Insert {
        if_not_exists: bool,
        ttl: bool,
        timestamp: bool,
        /// Without the clustering key and what depends on it.
        only_static: bool,
    },
    Get,
    Delete {
        timestamp: bool,
        if_exists: bool,
    },
}

impl Common {
    pub(super) fn new<M: Model>(keyspace: &Arc<str>, verb: Verb) -> Self {
        Self { model: TypeId::of::<M>(), keyspace: Arc::clone(keyspace), verb }
    }

    pub(super) fn text(&self, table: &TableDefinition) -> String {
        let name = |column: &ColumnDefinition| column.name.to_string();
        match self.verb {
            Verb::Insert { if_not_exists, ttl, timestamp, only_static } => {
                let columns: Vec<String> =
                    inserted(table, only_static).map(|index| name(&table.columns[index])).collect();
                let columns: Vec<&str> = columns.iter().map(|column| &**column).collect();
                let (ttl, timestamp) = (ttl.then_some(0), timestamp.then_some(0));
                insert_text(&self.keyspace, table, &columns, if_not_exists, ttl, timestamp)
            }
            Verb::Get => {
                let mut text = StatementText::new("SELECT ");
                text.names(table.columns.iter().map(|column| &*column.name))
                    .push(" FROM ")
                    .table(&self.keyspace, &table.name);
                where_key(&mut text, table);
                text.cql
            }
            Verb::Delete { timestamp, if_exists } => {
                let mut text = StatementText::new("DELETE FROM ");
                text.table(&self.keyspace, &table.name).using(None, timestamp.then_some(0));
                where_key(&mut text, table);
                if if_exists {
                    text.push(" IF EXISTS");
                }
                text.cql
            }
        }
    }
}

/// The places of the columns an INSERT writes.
pub(super) fn inserted(table: &TableDefinition, only_static: bool) -> impl Iterator<Item = usize> {
    let of_partition = |column: &ColumnDefinition| {
        let part = table.column_facts(&column.name).map(|facts| facts.part);
        matches!(part, Some(Part::Partition | Part::Static))
    };
    (0..table.columns.len()).filter(move |index| !only_static || of_partition(&table.columns[*index]))
}

/// `INSERT INTO ks.t (a, b) VALUES (?, ?) IF NOT EXISTS USING TTL ? AND TIMESTAMP ?`
pub(super) fn insert_text(
    keyspace: &str,
    table: &TableDefinition,
    columns: &[&str],
    if_not_exists: bool,
    ttl: Option<i32>,
    timestamp: Option<i64>,
) -> String {
    let mut text = StatementText::new("INSERT INTO ");
    text.table(keyspace, &table.name)
        .push(" (")
        .names(columns.iter().copied())
        .push(") VALUES (")
        .list(columns, ", ", |text, _| {
            text.push("?");
        })
        .push(")");
    if if_not_exists {
        text.push(" IF NOT EXISTS");
    }
    text.using(ttl, timestamp);
    text.cql
}

/// ` WHERE a = ? AND b = ?` for the whole primary key.
fn where_key(text: &mut StatementText<'_>, table: &TableDefinition) {
    text.push(" WHERE ").list(
        table.partition_key().chain(table.clustering_key()),
        " AND ",
        |text, column| {
            text.name(&column.name).push(" = ").marker(Value::Null, Use::Compared);
        },
    );
}

/// Beyond so many statements, as programs with a keyspace for each of thousands of tenants have, all are forgotten and looked up anew.
const MOST: usize = 4096;

/// The common statements that were prepared.
#[derive(Default)]
pub(super) struct CommonStatements(DashMap<Common, PreparedStatement>);

impl CommonStatements {
    pub(super) fn get(&self, common: &Common) -> Option<PreparedStatement> {
        self.0.get(common).map(|known| known.clone())
    }

    pub(super) fn keep(&self, common: Common, statement: PreparedStatement) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(common, statement);
    }
}

impl fmt::Debug for CommonStatements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommonStatements").field("statements", &self.0.len()).finish()
    }
}

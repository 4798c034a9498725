//! A table at run time: its data, and whether plans for it are still good.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::catalog::TableSchema;
use crate::cql::{CqlError, CqlErrorKind};
use crate::store::Store;

/// The data of a table, which outlives every change of its definition.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) store: Store,
    /// Counts the changes of its definition; its being dropped is one too.
    generation: AtomicU64,
    /// For a table of a [`SystemTables`](super::SystemTables): which column of the definition each provided cell belongs to,
    /// as indexes into the schema's columns. The store of such a table stays empty.
    pub(crate) provided: Option<Vec<usize>>,
}

impl Table {
    pub(crate) fn new(provided: Option<Vec<usize>>) -> Self {
        Self { store: Store::new(), generation: AtomicU64::new(0), provided }
    }

    /// Makes every plan for this table stale.
    pub(crate) fn change(&self) {
        self.generation.fetch_add(1, Ordering::Release);
    }
}

/// A table and its definition at one moment, as plans hold it.
#[derive(Debug, Clone)]
pub(crate) struct TableRef {
    pub(crate) table: Arc<Table>,
    pub(crate) schema: Arc<TableSchema>,
    generation: u64,
}

impl TableRef {
    pub(crate) fn new(table: Arc<Table>, schema: Arc<TableSchema>) -> Self {
        let generation = table.generation.load(Ordering::Acquire);
        Self { table, schema, generation }
    }

    pub(crate) fn is_current(&self) -> bool {
        self.table.generation.load(Ordering::Acquire) == self.generation
    }

    pub(crate) fn check(&self) -> Result<(), CqlError> {
        if self.is_current() {
            return Ok(());
        }
        let message =
            format!("The definition of {} has changed since the statement was prepared", self.schema);
        Err(CqlError { kind: CqlErrorKind::Stale, message })
    }
}

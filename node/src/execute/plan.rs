//! What a statement becomes when it is prepared.

use std::sync::Arc;

use chorus_protocol::request::BatchKind;
use chorus_protocol::{BoundValue, ColumnSpec};

use super::expression::Expression;
use super::select::SelectPlan;
use super::table::TableRef;
use super::write::WritePlan;
use crate::catalog::TableSchema;
use crate::cql::ast::Statement;

/// A statement that has been checked against the schema, ready to run.
#[derive(Debug)]
pub struct Plan {
    pub(super) kind: PlanKind,
    pub(super) marker_count: usize,
}

impl Plan {
    /// The keyspace whose data the statement reads or writes; `None` for one that is about the schema.
    pub fn keyspace(&self) -> Option<&str> {
        self.table().map(|table| &*table.keyspace)
    }

    /// The table the statement reads or writes, as it was when it was prepared; the first one of a batch.
    pub fn table(&self) -> Option<&TableSchema> {
        let table = match &self.kind {
            PlanKind::Schema(_) => return None,
            PlanKind::Truncate(table) => table,
            PlanKind::Select(select) => &select.table,
            PlanKind::Write(write) => &write.table,
            PlanKind::Batch { writes, .. } => &writes.first()?.table,
        };
        Some(&table.schema)
    }
}

#[derive(Debug)]
pub(super) enum PlanKind {
    /// A schema change, USE, DESCRIBE: carried out from its text.
    Schema(Box<Statement>),
    Truncate(TableRef),
    Select(SelectPlan),
    Write(WritePlan),
    /// BEGIN BATCH … APPLY BATCH
    Batch {
        kind: BatchKind,
        timestamp: Option<Expression>,
        writes: Vec<WritePlan>,
    },
}

/// What a client is told about a prepared statement, and the plan.
#[derive(Debug, Clone)]
pub struct PreparedPlan {
    /// One entry per bind marker, in the order of the text.
    pub bind: Arc<[ColumnSpec]>,
    /// Which markers are the partition key, in key order; empty when they are not all markers.
    pub pk_indexes: Vec<u16>,
    /// The columns of the answer; empty for everything that is not a SELECT.
    pub result: Arc<[ColumnSpec]>,
    /// To be given to [`Database::execute`](crate::Database::execute).
    pub plan: Arc<Plan>,
    /// Whether it is a conditional write: its answer has columns although `result` is empty.
    pub is_lwt: bool,
    /// Whether it only reads.
    pub is_read: bool,
}

/// One statement of a protocol BATCH.
#[derive(Debug, Clone, Copy)]
pub struct BatchMember<'a> {
    /// An INSERT, UPDATE or DELETE.
    pub plan: &'a Plan,
    /// A value per bind marker of it.
    pub values: &'a [BoundValue<'a>],
}

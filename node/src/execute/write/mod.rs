//! INSERT, UPDATE and DELETE.
//!
//! [`prepare`](WritePlan::insert) makes a plan; [`WritePlan::bind`] evaluates it with values, which is where everything that
//! can be wrong with a value is found; applying a bound write cannot fail except where it depends on what is stored.

mod apply;
mod batch;
mod bind;
mod change;
mod condition;
mod operation;
mod prepare;

use super::expression::Expression;
use super::restriction::Restrictions;
use super::table::TableRef;
pub(crate) use batch::{run, run_batch};
pub(crate) use bind::{explicit_timestamp, seconds};
pub(crate) use change::ListClock;
use condition::ConditionPlan;
use operation::Operation;

/// A write, ready to be given values.
#[derive(Debug)]
pub(crate) struct WritePlan {
    pub(crate) table: TableRef,
    restrictions: Restrictions,
    target: Target,
    /// On static columns, in the order of column ids.
    static_operations: Vec<Operation>,
    /// On regular columns, in the order of column ids.
    operations: Vec<Operation>,
    timestamp: Option<Expression>,
    ttl: Option<Expression>,
    condition: ConditionPlan,
}

/// What a write is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Cells of rows; an INSERT also marks the rows as existing.
    Rows { insert: bool },
    /// Static cells only.
    Static,
    /// Whole rows by their keys.
    DeleteRows,
    /// All rows in a range.
    DeleteRange,
    /// Whole partitions.
    DeletePartition,
}

impl WritePlan {
    pub(crate) fn is_conditional(&self) -> bool {
        !matches!(self.condition, ConditionPlan::None)
    }

    pub(crate) fn is_counter(&self) -> bool {
        self.table.schema.is_counter()
    }
}

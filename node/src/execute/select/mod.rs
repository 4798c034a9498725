//! SELECT.

mod aggregate;
mod evaluate;
mod name;
mod paging;
mod prepare;
mod run;
mod selection;

use std::sync::Arc;

use chorus_protocol::ColumnSpec;

use super::expression::Expression;
use super::reader::Reader;
use super::restriction::Restrictions;
use super::table::TableRef;
use aggregate::Aggregate;
use evaluate::Evaluator;

/// A SELECT, ready to be given values.
#[derive(Debug)]
pub(crate) struct SelectPlan {
    pub(crate) table: TableRef,
    restrictions: Restrictions,
    /// The columns it takes to answer: those selected and those filtered by.
    reader: Reader,
    outputs: Vec<Output>,
    aggregates: Vec<Aggregate>,
    /// One column of JSON instead of the outputs.
    json: bool,
    /// What the answer's columns are.
    pub(crate) columns: Arc<[ColumnSpec]>,
    distinct: bool,
    reversed: bool,
    /// By how many clustering columns the rows of several partitions are sorted after they were read; mostly none.
    sorted_columns: usize,
    limit: Option<Expression>,
    per_partition_limit: Option<Expression>,
}

/// One selected thing.
#[derive(Debug)]
struct Output {
    evaluator: Evaluator,
    spec: ColumnSpec,
}

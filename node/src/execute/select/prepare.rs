//! A SELECT to its plan.

use chorus_protocol::{ColumnSpec, CqlType};

use super::super::expression::Preparer;
use super::super::markers::Receiver;
use super::super::reader::Reader;
use super::super::restriction::Restrictions;
use super::super::table::TableRef;
use super::evaluate::Evaluator;
use super::name::selector_name;
use super::selection::Selection;
use super::{Output, SelectPlan};
use crate::catalog::{ColumnKind, TableSchema};
use crate::cql::CqlError;
use crate::cql::ast::{Order, Select};

const NEEDS_FILTERING: &str = "Cannot execute this query as it might involve data filtering and thus may have unpredictable \
                               performance. If you want to execute this query despite the performance unpredictability, use \
                               ALLOW FILTERING";

impl SelectPlan {
    pub(crate) fn prepare(
        select: &Select,
        table: TableRef,
        preparer: &mut Preparer<'_>,
    ) -> Result<Self, CqlError> {
        let schema = table.schema.clone();
        if !select.group_by.is_empty() {
            return Err(CqlError::unsupported("GROUP BY"));
        }
        let mut selection = Selection::new(preparer);
        let mut outputs = Vec::new();
        match &select.selectors {
            None => {
                for (index, column) in schema.columns().iter().enumerate() {
                    let slot = selection.slot(index);
                    outputs.push(Output { evaluator: Evaluator::Slot(slot), spec: column.spec.clone() });
                }
            }
            Some(selectors) => {
                for (selector, alias) in selectors {
                    let (evaluator, typ) = selection.prepare(selector)?;
                    let name = alias.clone().unwrap_or_else(|| selector_name(selector));
                    outputs.push(Output { evaluator, spec: selection.spec(name, typ) });
                }
            }
        }
        if select.distinct {
            check_distinct(&schema, &selection.columns)?;
        }
        let (mut columns, aggregates) = (selection.columns, selection.aggregates);
        let restrictions = Restrictions::prepare(&select.filter, preparer)?;
        for column in restrictions.filters.iter().flat_map(|filter| filter.columns()) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        if restrictions.needs_filtering && !select.allow_filtering {
            return Err(CqlError::invalid(
                restrictions.problem.clone().unwrap_or_else(|| NEEDS_FILTERING.to_owned()),
            ));
        }
        let reversed = ordering(select, &schema, &restrictions)?;
        let receiver = Receiver::column(&schema.partition_key()[0]);
        let mut limit = |term: &Option<_>, name: &str| {
            term.as_ref().map(|term| preparer.term(term, &receiver.part(name, CqlType::Int))).transpose()
        };
        let per_partition_limit = limit(&select.per_partition_limit, "[per_partition_limit]")?;
        let limit = limit(&select.limit, "[limit]")?;
        let columns_of_answer = if select.json {
            [ColumnSpec::new(schema.keyspace.clone(), schema.name.clone(), "[json]", CqlType::Text)].into()
        } else {
            outputs.iter().map(|output| output.spec.clone()).collect()
        };
        Ok(Self {
            reader: Reader::new(&schema, columns),
            sorted_columns: if restrictions.has_many_keys() { ordered_columns(select, &schema) } else { 0 },
            restrictions,
            outputs,
            aggregates,
            json: select.json,
            columns: columns_of_answer,
            distinct: select.distinct,
            reversed,
            limit,
            per_partition_limit,
            table,
        })
    }
}

fn check_distinct(schema: &TableSchema, columns: &[usize]) -> Result<(), CqlError> {
    for index in columns {
        let column = &schema.columns()[*index];
        if !matches!(column.kind, ColumnKind::PartitionKey | ColumnKind::Static) {
            return Err(CqlError::invalid(format!(
                "SELECT DISTINCT queries must only request partition key columns and/or static columns (not {})",
                column.name()
            )));
        }
    }
    for key in 0..schema.partition_key().len() {
        if !columns.contains(&key) {
            return Err(CqlError::invalid(format!(
                "SELECT DISTINCT queries must request all the partition key columns (missing {})",
                schema.columns()[key].name()
            )));
        }
    }
    Ok(())
}

/// How many clustering columns there are up to the last that ORDER BY names.
fn ordered_columns(select: &Select, schema: &TableSchema) -> usize {
    let position = |(name, _): &(String, Order)| schema.column(name).map(|column| column.position + 1);
    select.order_by.iter().filter_map(position).max().unwrap_or(0)
}

/// Whether rows are read against their order.
fn ordering(select: &Select, schema: &TableSchema, restrictions: &Restrictions) -> Result<bool, CqlError> {
    if select.order_by.is_empty() {
        return Ok(false);
    }
    if !restrictions.has_keys() {
        return Err(CqlError::invalid(
            "ORDER BY is only supported when the partition key is restricted by an EQ or an IN.",
        ));
    }
    if select.distinct {
        return Err(CqlError::invalid("ORDER BY is not supported with SELECT DISTINCT"));
    }
    let mut reversed = None;
    let mut position = 0;
    for (name, order) in &select.order_by {
        let column = schema.require_column(name)?;
        if column.kind != ColumnKind::Clustering {
            return Err(CqlError::invalid(format!(
                "Order by is currently only supported on the clustered columns of the PRIMARY KEY, got {name}"
            )));
        }
        // Columns that are given by equality may be left out.
        while position < column.position && position < restrictions.given_clustering() {
            position += 1;
        }
        if column.position != position {
            return Err(CqlError::invalid(
                "Order by currently only supports the ordering of columns following their declared order in the PRIMARY KEY",
            ));
        }
        position += 1;
        let against = (*order == Order::Descending) != column.descending;
        if reversed.is_some_and(|reversed| reversed != against) {
            return Err(CqlError::invalid("Unsupported order by relation"));
        }
        reversed = Some(against);
    }
    Ok(reversed.unwrap_or(false))
}

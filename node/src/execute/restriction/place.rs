//! From sorted relations to what is looked up, walked through, and checked row by row.

use super::prepare::{ColumnRestriction, Sorter};
use super::{Edge, Filter, Restrictions, Slice, Step, TupleValue, clustering_start};
use crate::catalog::{IndexKind, TableSchema};
use crate::cql::CqlError;
use crate::cql::ast::Operator;
use crate::execute::expression::{Choices, Expression};

impl Sorter<'_, '_> {
    pub(super) fn finish(mut self, schema: &TableSchema) -> Result<Restrictions, CqlError> {
        let mut restrictions =
            Restrictions { token: std::mem::take(&mut self.token), ..Restrictions::default() };
        let restricts_clustering =
            self.tuple.is_some() || self.clustering.iter().any(ColumnRestriction::is_restricted);
        let filters_before_keys = self.filters.len();
        if self.key.iter().all(|column| column.given.is_some()) && restrictions.token.is_empty() {
            restrictions.keys = Some(self.key.drain(..).filter_map(|column| column.given).collect());
        } else {
            for (index, column) in self.key.drain(..).enumerate() {
                push_filters(&mut self.filters, index, column);
            }
            restrictions.needs_filtering = self.filters.len() > filters_before_keys || restricts_clustering;
        }
        restrictions.restricts_clustering = restricts_clustering;
        self.place_clustering(&mut restrictions, schema)?;
        restrictions.needs_filtering |= self.filters_need_permission(schema);
        restrictions.filters = self.filters;
        Ok(restrictions)
    }

    /// Leading columns that are given, then one range, then filters.
    fn place_clustering(
        &mut self,
        restrictions: &mut Restrictions,
        schema: &TableSchema,
    ) -> Result<(), CqlError> {
        let offset = clustering_start(schema);
        let mut columns = std::mem::take(&mut self.clustering);
        let mut tuple = self.tuple.take();
        let mut index = 0;
        while index < columns.len() {
            if let Some((count, choices)) =
                tuple.as_mut().filter(|tuple| tuple.first == index).and_then(|tuple| tuple.given.take())
            {
                if columns[index..index + count].iter().any(ColumnRestriction::is_restricted) {
                    return Err(CqlError::invalid(
                        "A clustering column cannot be restricted by both a tuple notation inequality and a single column one",
                    ));
                }
                restrictions.steps.push(Step::Multi { count, choices });
                index += count;
            } else if let Some(choices) = columns[index].given.take() {
                restrictions.steps.push(Step::Single(choices));
                index += 1;
            } else {
                break;
            }
        }
        if let Some(tuple) = tuple
            && (tuple.lower.is_some() || tuple.upper.is_some())
        {
            if tuple.first != index || columns[index..].iter().any(ColumnRestriction::is_restricted) {
                return Err(CqlError::invalid(format!(
                    "Clustering column \"{}\" cannot be restricted together with a multi-column relation that does not begin where \
                     the equalities end",
                    schema.clustering()[tuple.first].name()
                )));
            }
            restrictions.slice = Slice { lower: tuple.lower, upper: tuple.upper };
            return Ok(());
        }
        if let Some(column) = columns.get_mut(index) {
            let edge = |bound: Option<(Expression, bool)>| {
                bound.map(|(value, inclusive)| Edge { value: TupleValue::Parts(vec![value]), inclusive })
            };
            let ranged = column.lower.is_some() || column.upper.is_some();
            restrictions.slice = Slice { lower: edge(column.lower.take()), upper: edge(column.upper.take()) };
            index += usize::from(ranged);
        }
        for (position, column) in columns.drain(..).enumerate().skip(index) {
            if column.is_restricted() {
                restrictions.needs_filtering = true;
                if restrictions.problem.is_none() && restrictions.has_keys() && position > 0 {
                    let (name, previous) =
                        (schema.clustering()[position].name(), schema.clustering()[position - 1].name());
                    restrictions.problem = Some(if restrictions.has_slice() {
                        format!(
                            "Clustering column \"{name}\" cannot be restricted (preceding column \"{previous}\" is \
                             restricted by a non-EQ relation)"
                        )
                    } else {
                        format!(
                            "PRIMARY KEY column \"{name}\" cannot be restricted as preceding column \"{previous}\" is not \
                             restricted"
                        )
                    });
                }
                push_filters(&mut self.filters, offset + position, column);
            }
        }
        Ok(())
    }

    /// Whether the filters on other columns take more than one index.
    fn filters_need_permission(&self, schema: &TableSchema) -> bool {
        let mut indexed = false;
        let mut others = 0;
        for filter in &self.filters {
            match filter {
                // A range of clustering columns, only spelled in a way that takes a look at each row.
                Filter::Tuple { .. } => {}
                _ if !indexed && answers(schema, filter) => indexed = true,
                _ => others += 1,
            }
        }
        others > 0
    }
}

/// Whether an index answers a filter.
fn answers(schema: &TableSchema, filter: &Filter) -> bool {
    let (column, kinds) = match filter {
        Filter::Compare { column, operator: Operator::Equal, .. } => {
            (column, [IndexKind::Values, IndexKind::Full])
        }
        Filter::Compare { column, operator: Operator::Contains, .. } => (column, [IndexKind::Values; 2]),
        Filter::Compare { column, operator: Operator::ContainsKey, .. } => (column, [IndexKind::Keys; 2]),
        Filter::Element { column, .. } => (column, [IndexKind::Entries; 2]),
        _ => return false,
    };
    let name = schema.columns()[*column].name();
    schema.indexes.iter().any(|index| index.column == *name && kinds.contains(&index.kind))
}

fn push_filters(filters: &mut Vec<Filter>, column: usize, restriction: ColumnRestriction) {
    match restriction.given {
        Some(Choices::One(value)) => {
            filters.push(Filter::Compare { column, operator: Operator::Equal, value })
        }
        Some(values) => filters.push(Filter::In { column, values }),
        None => {}
    }
    if let Some((value, inclusive)) = restriction.lower {
        let operator = if inclusive { Operator::GreaterOrEqual } else { Operator::Greater };
        filters.push(Filter::Compare { column, operator, value });
    }
    if let Some((value, inclusive)) = restriction.upper {
        let operator = if inclusive { Operator::LessOrEqual } else { Operator::Less };
        filters.push(Filter::Compare { column, operator, value });
    }
}

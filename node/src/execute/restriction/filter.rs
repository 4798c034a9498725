//! What has to be checked row by row.

use std::borrow::Cow;
use std::cmp::Ordering;

use chorus_protocol::CqlType;

use super::{TupleValue, choices};
use crate::catalog::TableSchema;
use crate::cql::CqlError;
use crate::cql::ast::Operator;
use crate::execute::expression::{Choices, Environment, Expression};
use crate::value::{compare, elements, pairs};

/// A relation that no key answers. Columns are indexes into the schema's.
#[derive(Debug)]
pub(crate) enum Filter {
    Compare {
        column: usize,
        operator: Operator,
        value: Expression,
    },
    In {
        column: usize,
        values: Choices,
    },
    Element {
        column: usize,
        key: Expression,
        operator: Operator,
        value: Expression,
    },
    /// A tuple of clustering columns whose orders differ, so that it is no range.
    Tuple {
        first: usize,
        operator: Operator,
        value: TupleValue,
    },
}

/// A filter with the values of one execution.
#[derive(Debug)]
pub(crate) enum BoundFilter<'a> {
    Compare { column: usize, operator: Operator, value: Cow<'a, [u8]> },
    In { column: usize, values: Vec<Cow<'a, [u8]>> },
    Element { column: usize, key: Cow<'a, [u8]>, operator: Operator, value: Cow<'a, [u8]> },
    Tuple { first: usize, operator: Operator, values: Vec<Cow<'a, [u8]>> },
}

impl Filter {
    pub(crate) fn columns(&self) -> std::ops::Range<usize> {
        match self {
            Self::Compare { column, .. } | Self::In { column, .. } | Self::Element { column, .. } => {
                *column..column + 1
            }
            Self::Tuple { first, value, .. } => *first..first + value.len(),
        }
    }

    pub(crate) fn bind<'a>(
        &'a self,
        schema: &TableSchema,
        environment: &Environment<'a>,
    ) -> Result<BoundFilter<'a>, CqlError> {
        let name = |column: usize| schema.columns()[column].name().clone();
        Ok(match self {
            Self::Compare { column, operator, value } => BoundFilter::Compare {
                column: *column,
                operator: *operator,
                value: value.evaluate(environment)?.require(&name(*column))?,
            },
            Self::In { column, values } => BoundFilter::In {
                column: *column,
                values: choices(values, &schema.columns()[*column], environment)?,
            },
            Self::Element { column, key, operator, value } => BoundFilter::Element {
                column: *column,
                key: key.evaluate(environment)?.require(&name(*column))?,
                operator: *operator,
                value: value.evaluate(environment)?.require(&name(*column))?,
            },
            Self::Tuple { first, operator, value } => BoundFilter::Tuple {
                first: *first,
                operator: *operator,
                values: value.evaluate(&schema.columns()[*first..], environment)?,
            },
        })
    }
}

impl BoundFilter<'_> {
    /// Whether a row passes, whose cells `cell` gives by column. What is null never passes.
    pub(crate) fn accepts<'c>(&self, schema: &TableSchema, cell: impl Fn(usize) -> Option<&'c [u8]>) -> bool {
        let typ = |column: usize| &schema.columns()[column].typ.typ;
        match self {
            Self::Compare { column, operator, value } => {
                cell(*column).is_some_and(|cell| satisfies(typ(*column), cell, *operator, value))
            }
            Self::In { column, values } => cell(*column)
                .is_some_and(|cell| values.iter().any(|value| compare(typ(*column), cell, value).is_eq())),
            Self::Element { column, key, operator, value } => {
                let CqlType::Map(pair) = typ(*column) else {
                    return false;
                };
                cell(*column).is_some_and(|map| {
                    let found = pairs(map).find(|(found, _)| compare(&pair.0, found, key).is_eq());
                    found
                        .and_then(|(_, found)| found)
                        .is_some_and(|found| satisfies(&pair.1, found, *operator, value))
                })
            }
            Self::Tuple { first, operator, values } => {
                let mut order = Ordering::Equal;
                for (offset, value) in values.iter().enumerate() {
                    let Some(cell) = cell(first + offset) else {
                        return false;
                    };
                    order = order.then_with(|| compare(typ(first + offset), cell, value));
                }
                holds(order, *operator)
            }
        }
    }
}

/// Whether a value stands in a relation to another; of a collection, whether it contains it.
pub(crate) fn satisfies(typ: &CqlType, cell: &[u8], operator: Operator, value: &[u8]) -> bool {
    match (operator, typ) {
        (Operator::Contains, CqlType::List(element) | CqlType::Set(element)) => {
            elements(cell).flatten().any(|item| compare(element, item, value).is_eq())
        }
        (Operator::Contains, CqlType::Map(pair)) => {
            pairs(cell).filter_map(|(_, item)| item).any(|item| compare(&pair.1, item, value).is_eq())
        }
        (Operator::ContainsKey, CqlType::Map(pair)) => {
            pairs(cell).any(|(key, _)| compare(&pair.0, key, value).is_eq())
        }
        (Operator::Contains | Operator::ContainsKey, _) => false,
        _ => holds(compare(typ, cell, value), operator),
    }
}

fn holds(order: Ordering, operator: Operator) -> bool {
    match operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
        Operator::Contains | Operator::ContainsKey => false,
    }
}

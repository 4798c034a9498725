//! WHERE clauses: which partitions, which rows of them, and what is left to be checked row by row.

mod clustering;
mod filter;
mod keys;
mod place;
mod prepare;

use std::borrow::Cow;

use chorus_protocol::CqlType;

use super::expression::{Choices, Environment, Expression, Value};
use crate::catalog::{Column, TableSchema};
use crate::cql::CqlError;
use crate::cql::ast::Operator;
use crate::value::{elements, fields};

pub(crate) use clustering::{ClusteringKey, RowRange};
pub(crate) use filter::{BoundFilter, Filter, satisfies};

/// A WHERE clause, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Restrictions {
    /// One entry per partition key column, if all of them are given by `=` or `IN`.
    keys: Option<Vec<Choices>>,
    /// `token(…)` relations.
    token: Vec<(Operator, Expression)>,
    /// What the leading clustering columns have to be.
    steps: Vec<Step>,
    /// Between which values the clustering columns after those have to be.
    slice: Slice,
    pub(crate) filters: Vec<Filter>,
    /// Whether it takes ALLOW FILTERING to run it.
    pub(crate) needs_filtering: bool,
    /// Why it takes ALLOW FILTERING, if there is more to say than that it does.
    pub(crate) problem: Option<String>,
    /// Whether a clustering column is restricted in any way.
    pub(crate) restricts_clustering: bool,
}

/// One or more neighbouring clustering columns that are given.
#[derive(Debug)]
enum Step {
    Single(Choices),
    /// `(a, b) = …` or `(a, b) IN …`
    Multi {
        count: usize,
        choices: TupleChoices,
    },
}

#[derive(Debug)]
enum TupleChoices {
    Many(Vec<TupleValue>),
    /// One marker for a list of tuples.
    List(Expression),
}

/// Values for several columns.
#[derive(Debug)]
pub(crate) enum TupleValue {
    Parts(Vec<Expression>),
    /// One marker for the whole tuple of that many.
    Whole(Expression, usize),
}

#[derive(Debug, Default)]
struct Slice {
    lower: Option<Edge>,
    upper: Option<Edge>,
}

#[derive(Debug)]
struct Edge {
    value: TupleValue,
    inclusive: bool,
}

impl Restrictions {
    /// The keys of an INSERT: every column is given.
    pub(crate) fn given(keys: Vec<Option<Choices>>, clustering: Vec<Option<Choices>>) -> Self {
        Self {
            restricts_clustering: clustering.iter().any(Option::is_some),
            keys: keys.into_iter().collect(),
            steps: clustering.into_iter().flatten().map(Step::Single).collect(),
            ..Self::default()
        }
    }

    /// Whether partitions are selected by token.
    pub(crate) fn has_token(&self) -> bool {
        !self.token.is_empty()
    }

    /// Whether the partitions are given one by one.
    pub(crate) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Whether more than one partition may be given, by `IN`.
    pub(crate) fn has_many_keys(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.iter().any(|choices| !matches!(choices, Choices::One(_))))
    }

    /// How many leading clustering columns are given.
    pub(crate) fn given_clustering(&self) -> usize {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Single(_) => 1,
                Step::Multi { count, .. } => *count,
            })
            .sum()
    }

    /// Whether the clustering columns after the given ones are restricted to a range.
    pub(crate) fn has_slice(&self) -> bool {
        self.slice.lower.is_some() || self.slice.upper.is_some()
    }

    /// Whether more than one row may be given, by `IN` on clustering columns.
    pub(crate) fn has_many_rows(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Single(choices) => !matches!(choices, Choices::One(_)),
            Step::Multi { choices, .. } => {
                !matches!(choices, TupleChoices::Many(values) if values.len() == 1)
            }
        })
    }
}

/// The values of a [`Choices`], none of which may be null.
fn choices<'a>(
    choices: &'a Choices,
    column: &Column,
    environment: &Environment<'a>,
) -> Result<Vec<Cow<'a, [u8]>>, CqlError> {
    match choices {
        Choices::One(expression) => Ok(vec![expression.evaluate(environment)?.require(column.name())?]),
        Choices::Many(expressions) => expressions
            .iter()
            .map(|expression| match expression.evaluate(environment)? {
                Value::Bytes(bytes) => Ok(bytes),
                _ => Err(CqlError::invalid(format!(
                    "Invalid null value in condition for column {}",
                    column.name()
                ))),
            })
            .collect(),
        Choices::List(expression) => {
            let list = expression.evaluate(environment)?.require(column.name())?;
            list_items(list)
        }
    }
}

/// The elements of a list, as many as there are.
fn list_items(list: Cow<'_, [u8]>) -> Result<Vec<Cow<'_, [u8]>>, CqlError> {
    let null = || CqlError::invalid("Invalid null value in IN");
    match list {
        Cow::Borrowed(bytes) => {
            elements(bytes).map(|item| item.map(Cow::Borrowed).ok_or_else(null)).collect()
        }
        Cow::Owned(bytes) => {
            elements(&bytes).map(|item| item.map(|item| Cow::Owned(item.to_vec())).ok_or_else(null)).collect()
        }
    }
}

impl TupleValue {
    fn len(&self) -> usize {
        match self {
            Self::Parts(parts) => parts.len(),
            Self::Whole(_, count) => *count,
        }
    }

    fn evaluate<'a>(
        &'a self,
        columns: &[Column],
        environment: &Environment<'a>,
    ) -> Result<Vec<Cow<'a, [u8]>>, CqlError> {
        match self {
            Self::Parts(parts) => parts
                .iter()
                .zip(columns)
                .map(|(part, column)| part.evaluate(environment)?.require(column.name()))
                .collect(),
            Self::Whole(expression, count) => {
                let tuple = expression.evaluate(environment)?.require("tuple")?;
                split_tuple(&tuple, &columns[..(*count).min(columns.len())])
            }
        }
    }
}

fn split_tuple<'a>(tuple: &[u8], columns: &[Column]) -> Result<Vec<Cow<'a, [u8]>>, CqlError> {
    fields(tuple, columns.len())
        .zip(columns)
        .map(|(field, column)| match field {
            Some(field) => Ok(Cow::Owned(field.to_vec())),
            None => Err(CqlError::invalid(format!(
                "Invalid null value in condition for column {}",
                column.name()
            ))),
        })
        .collect()
}

/// The type of a tuple of these columns.
fn tuple_type(columns: &[Column]) -> CqlType {
    CqlType::tuple(columns.iter().map(|column| column.typ.typ.clone()).collect::<Vec<_>>())
}

/// Where the clustering columns begin among all columns.
fn clustering_start(schema: &TableSchema) -> usize {
    schema.partition_key().len()
}

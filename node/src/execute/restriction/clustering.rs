//! Which rows of a partition.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::keys::check_product;
use super::{Edge, Restrictions, Step, TupleChoices, choices, list_items, split_tuple};
use crate::catalog::{Column, TableSchema};
use crate::cql::CqlError;
use crate::execute::expression::Environment;
use crate::store::push_part;
use crate::value::{encode_ordered, prefix_end};

/// Rows whose sortable key is at `start` or after it, and before `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowRange {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Option<Vec<u8>>,
}

/// The sortable form of clustering values, and the values themselves.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClusteringKey {
    pub(crate) ordered: Vec<u8>,
    pub(crate) parts: Vec<u8>,
}

impl ClusteringKey {
    pub(crate) fn push(&mut self, column: &Column, value: &[u8]) -> Result<(), CqlError> {
        if self.parts.len() + value.len() > usize::from(u16::MAX) {
            return Err(CqlError::invalid(format!(
                "The sum of all clustering columns is too long ({} > 65535)",
                self.parts.len() + value.len()
            )));
        }
        encode_ordered(&column.typ.typ, column.descending, value, &mut self.ordered);
        push_part(&mut self.parts, value);
        Ok(())
    }
}

impl Restrictions {
    /// The clustering keys that `=` and `IN` give, as far as they reach, sorted and without duplicates.
    pub(crate) fn clustering_keys(
        &self,
        schema: &TableSchema,
        environment: &Environment<'_>,
    ) -> Result<Vec<ClusteringKey>, CqlError> {
        let mut keys = vec![ClusteringKey::default()];
        let mut columns = schema.clustering();
        for step in &self.steps {
            let (now, later) = columns.split_at(step.count().min(columns.len()));
            columns = later;
            let values = step.values(now, environment)?;
            if let [row] = values.as_slice() {
                for key in &mut keys {
                    for (column, value) in now.iter().zip(row) {
                        key.push(column, value)?;
                    }
                }
                continue;
            }
            check_product(keys.len(), values.len())?;
            let mut longer = BTreeMap::new();
            for key in &keys {
                for row in &values {
                    let mut key = key.clone();
                    for (column, value) in now.iter().zip(row) {
                        key.push(column, value)?;
                    }
                    longer.insert(key.ordered.clone(), key);
                }
            }
            keys = longer.into_values().collect();
        }
        Ok(keys)
    }

    /// The ranges of rows that are selected, sorted and apart from each other.
    pub(crate) fn row_ranges(
        &self,
        schema: &TableSchema,
        environment: &Environment<'_>,
    ) -> Result<Vec<RowRange>, CqlError> {
        let columns = &schema.clustering()[self.given_clustering().min(schema.clustering().len())..];
        let edge = |edge: &Option<Edge>| -> Result<_, CqlError> {
            let Some(edge) = edge else {
                return Ok(None);
            };
            let mut key = ClusteringKey::default();
            for (column, value) in columns.iter().zip(edge.value.evaluate(columns, environment)?) {
                key.push(column, &value)?;
            }
            Ok(Some((key.ordered, edge.inclusive)))
        };
        let (mut low, mut high) = (edge(&self.slice.lower)?, edge(&self.slice.upper)?);
        // In a descending column the greater value comes first.
        if columns.first().is_some_and(|column| column.descending) {
            std::mem::swap(&mut low, &mut high);
        }
        let mut ranges = Vec::new();
        for key in self.clustering_keys(schema, environment)? {
            let prefix = key.ordered;
            let with = |edge: &[u8]| [&prefix, edge].concat();
            let start = match &low {
                None => Some(prefix.clone()),
                Some((edge, true)) => Some(with(edge)),
                Some((edge, false)) => prefix_end(&with(edge)),
            };
            // After the last of all keys there is nothing.
            let Some(start) = start else {
                continue;
            };
            let end = match &high {
                None => prefix_end(&prefix),
                Some((edge, true)) => prefix_end(&with(edge)),
                Some((edge, false)) => Some(with(edge)),
            };
            if end.as_ref().is_none_or(|end| start < *end) {
                ranges.push(RowRange { start, end });
            }
        }
        Ok(ranges)
    }
}

impl Step {
    fn count(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Multi { count, .. } => *count,
        }
    }

    /// What the columns may be together.
    fn values<'a>(
        &'a self,
        columns: &[Column],
        environment: &Environment<'a>,
    ) -> Result<Vec<Vec<Cow<'a, [u8]>>>, CqlError> {
        match self {
            Self::Single(choice) => match columns {
                [column] => {
                    Ok(choices(choice, column, environment)?.into_iter().map(|value| vec![value]).collect())
                }
                _ => Ok(Vec::new()),
            },
            Self::Multi { choices: TupleChoices::Many(values), .. } => {
                values.iter().map(|value| value.evaluate(columns, environment)).collect()
            }
            Self::Multi { choices: TupleChoices::List(list), .. } => {
                let list = list.evaluate(environment)?.require("tuple")?;
                list_items(list)?.iter().map(|tuple| split_tuple(tuple, columns)).collect()
            }
        }
    }
}

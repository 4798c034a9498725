//! Which partitions.

use std::borrow::Cow;

use super::{Restrictions, choices};
use crate::catalog::TableSchema;
use crate::cql::CqlError;
use crate::cql::ast::Operator;
use crate::execute::expression::{Environment, partition_key, too_long};
use crate::value::{compare, read_i64};

/// A range of tokens, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenRange {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Restrictions {
    /// The keys of the partitions that are given, each once, in the order of their values; `None` when they are not given
    /// one by one.
    pub(crate) fn partition_keys<'a>(
        &'a self,
        schema: &TableSchema,
        environment: &Environment<'a>,
    ) -> Result<Option<Vec<Cow<'a, [u8]>>>, CqlError> {
        let Some(restricted) = &self.keys else {
            return Ok(None);
        };
        let mut keys: Vec<Vec<Cow<'a, [u8]>>> = vec![Vec::new()];
        for (choice, column) in restricted.iter().zip(schema.partition_key()) {
            let mut values = choices(choice, column, environment)?;
            if values.len() > 1 {
                let typ = &column.typ.typ;
                values.sort_by(|left, right| compare(typ, left, right));
                values.dedup_by(|left, right| compare(typ, left, right).is_eq());
            }
            if let [value] = values.as_slice() {
                keys.iter_mut().for_each(|key| key.push(value.clone()));
                continue;
            }
            check_product(keys.len(), values.len())?;
            keys = keys
                .iter()
                .flat_map(|key| {
                    values.iter().map(|value| key.iter().cloned().chain([value.clone()]).collect())
                })
                .collect();
        }
        let mut joined = Vec::with_capacity(keys.len());
        for mut key in keys {
            joined.push(match key.len() {
                1 => single_key(key.swap_remove(0))?,
                _ => {
                    let parts: Vec<&[u8]> = key.iter().map(|part| &**part).collect();
                    Cow::Owned(partition_key(&parts)?.into_owned())
                }
            });
        }
        Ok(Some(joined))
    }

    /// The tokens that `token(…)` allows; `None` when it allows none.
    pub(crate) fn token_range(&self, environment: &Environment<'_>) -> Result<Option<TokenRange>, CqlError> {
        let mut range = TokenRange { first: i64::MIN, last: i64::MAX };
        for (operator, expression) in &self.token {
            let token = expression.evaluate(environment)?.require("partition key token")?;
            let token =
                read_i64(&token).ok_or_else(|| CqlError::invalid("Invalid empty value for a token"))?;
            let (first, last) = match operator {
                Operator::Equal => (Some(token), Some(token)),
                Operator::Greater => (token.checked_add(1), Some(i64::MAX)),
                Operator::GreaterOrEqual => (Some(token), Some(i64::MAX)),
                // The minimum token as an upper bound stands for the end of the ring.
                Operator::Less | Operator::LessOrEqual if token == i64::MIN => {
                    (Some(i64::MIN), Some(i64::MAX))
                }
                Operator::Less => (Some(i64::MIN), token.checked_sub(1)),
                _ => (Some(i64::MIN), Some(token)),
            };
            let (Some(first), Some(last)) = (first, last) else {
                return Ok(None);
            };
            range.first = range.first.max(first);
            range.last = range.last.min(last);
        }
        Ok((range.first <= range.last).then_some(range))
    }
}

/// A key of one column, which may neither be empty nor too long.
fn single_key(key: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, CqlError> {
    if key.is_empty() {
        return Err(CqlError::invalid("Key may not be empty"));
    }
    if key.len() > usize::from(u16::MAX) {
        return Err(too_long(key.len()));
    }
    Ok(key)
}

/// More combinations than this of IN values are refused.
const MAX_PRODUCT: usize = 100_000;

pub(super) fn check_product(left: usize, right: usize) -> Result<(), CqlError> {
    match left.checked_mul(right) {
        Some(product) if product <= MAX_PRODUCT => Ok(()),
        _ => Err(CqlError::invalid(format!("The IN relations select more than {MAX_PRODUCT} combinations"))),
    }
}

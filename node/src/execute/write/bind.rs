//! Plans with values.

use std::borrow::Cow;

use super::super::expression::{Environment, Expression, Value};
use super::super::restriction::{ClusteringKey, RowRange};
use super::change::{Change, ListClock, Moment};
use super::condition::{BoundCheck, ConditionPlan};
use super::{Target, WritePlan};
use crate::catalog::MAX_TTL;
use crate::cql::CqlError;
use crate::store::Expiry;
use crate::value::read_i64;

/// A write with its values, all of them good.
#[derive(Debug)]
pub(crate) struct BoundWrite<'a> {
    pub(super) plan: &'a WritePlan,
    /// The partitions it touches.
    pub(super) keys: Vec<Cow<'a, [u8]>>,
    /// The rows it touches in each of them.
    pub(super) rows: Vec<ClusteringKey>,
    /// The ranges it deletes in each of them.
    pub(super) ranges: Vec<RowRange>,
    pub(super) static_changes: Vec<Change<'a>>,
    pub(super) changes: Vec<Change<'a>>,
    pub(super) condition: BoundCondition<'a>,
    pub(super) moment: Moment,
}

#[derive(Debug)]
pub(super) enum BoundCondition<'a> {
    None,
    NotExists,
    Exists,
    All(Vec<BoundCheck<'a>>),
}

/// Seconds since the epoch, of microseconds.
pub(crate) fn seconds(micros: i64) -> u32 {
    u32::try_from(micros.div_euclid(1_000_000)).unwrap_or(if micros < 0 { 0 } else { u32::MAX })
}

impl WritePlan {
    /// Evaluates everything. `timestamp` is the moment of the write if its text does not say.
    pub(crate) fn bind<'a>(
        &'a self,
        environment: &Environment<'a>,
        timestamp: i64,
        clock: &ListClock,
    ) -> Result<BoundWrite<'a>, CqlError> {
        let schema = &self.table.schema;
        let keys = self.restrictions.partition_keys(schema, environment)?.unwrap_or_default();
        let (rows, ranges) = match self.target {
            Target::Rows { .. } | Target::DeleteRows => {
                (self.restrictions.clustering_keys(schema, environment)?, Vec::new())
            }
            Target::DeleteRange => (Vec::new(), self.restrictions.row_ranges(schema, environment)?),
            Target::Static | Target::DeletePartition => (Vec::new(), Vec::new()),
        };
        let now = seconds(environment.now);
        let timestamp = match &self.timestamp {
            None => timestamp,
            Some(expression) => explicit_timestamp(expression, environment)?.unwrap_or(timestamp),
        };
        let default_ttl = schema.options.default_time_to_live;
        let ttl = match &self.ttl {
            None => default_ttl,
            Some(expression) => explicit_ttl(expression, environment)?.unwrap_or(default_ttl),
        };
        let expiry = u32::try_from(ttl).ok().filter(|ttl| *ttl > 0);
        let expiry = expiry.map(|ttl| Expiry { ttl, at: now.saturating_add(ttl) });
        let mut static_changes = Vec::with_capacity(self.static_operations.len());
        for operation in &self.static_operations {
            operation.bind(environment, clock, &mut static_changes)?;
        }
        let mut changes = Vec::with_capacity(self.operations.len());
        for operation in &self.operations {
            operation.bind(environment, clock, &mut changes)?;
        }
        let condition = match &self.condition {
            ConditionPlan::None => BoundCondition::None,
            ConditionPlan::NotExists => BoundCondition::NotExists,
            ConditionPlan::Exists => BoundCondition::Exists,
            ConditionPlan::All(checks) => BoundCondition::All(
                checks.iter().map(|check| check.bind(environment)).collect::<Result<_, _>>()?,
            ),
        };
        let moment = Moment { timestamp, expiry, now };
        Ok(BoundWrite { plan: self, keys, rows, ranges, static_changes, changes, condition, moment })
    }
}

/// The value of USING TIMESTAMP; `None` if it is unset.
pub(crate) fn explicit_timestamp(
    expression: &Expression,
    environment: &Environment<'_>,
) -> Result<Option<i64>, CqlError> {
    match expression.evaluate(environment)? {
        Value::Unset => Ok(None),
        Value::Null => Err(CqlError::invalid("Invalid null value of timestamp")),
        Value::Bytes(bytes) => match read_i64(&bytes) {
            Some(i64::MIN) => Err(CqlError::invalid(format!(
                "Out of bound timestamp, must be in [{}, {}]",
                i64::MIN + 1,
                i64::MAX
            ))),
            Some(timestamp) if bytes.len() == 8 => Ok(Some(timestamp)),
            _ => Err(CqlError::invalid("Invalid timestamp value: empty")),
        },
    }
}

/// The value of USING TTL; `None` if it is unset.
fn explicit_ttl(expression: &Expression, environment: &Environment<'_>) -> Result<Option<i32>, CqlError> {
    match expression.evaluate(environment)? {
        Value::Unset => Ok(None),
        Value::Null => Ok(Some(0)),
        Value::Bytes(bytes) => {
            let ttl = bytes.as_ref().try_into().map(i32::from_be_bytes);
            let ttl = ttl.map_err(|_| CqlError::invalid("Invalid TTL value: empty"))?;
            if ttl < 0 {
                return Err(CqlError::invalid(format!("A TTL must be greater or equal to 0, but was {ttl}")));
            }
            if ttl > MAX_TTL {
                return Err(CqlError::invalid(format!(
                    "ttl is too large. requested ({ttl}) maximum ({MAX_TTL})"
                )));
            }
            Ok(Some(ttl))
        }
    }
}

//! Bound writes into partitions.

use std::sync::Arc;

use chorus_protocol::{ColumnSpec, CqlType};

use super::super::outcome::{Outcome, RowSet};
use super::super::reader::{Cell, Reader, RowSource, split_key};
use super::Target;
use super::bind::{BoundCondition, BoundWrite};
use super::change::{Change, Moment, build_row};
use super::condition::BoundCheck;
use crate::cql::CqlError;
use crate::store::{Deletion, Liveness, MergeRules, Partition, PartitionKey, Row, RowBuilder};
use crate::value::write_cell;

/// Gives timestamps, each later than the one before.
pub(crate) type Clock<'a> = &'a dyn Fn() -> i64;

/// What a condition found: nothing wrong, or the row that is in the way.
pub(super) enum Verdict {
    Applies,
    /// The columns to show and their cells; no columns if there is no such row.
    Refused {
        columns: Vec<usize>,
        cells: Vec<Option<Vec<u8>>>,
    },
}

impl BoundWrite<'_> {
    fn rules(&self) -> MergeRules<'_> {
        MergeRules { schema: &self.plan.table.schema, now: self.moment.now }
    }

    pub(super) fn partition_keys(&self) -> impl Iterator<Item = PartitionKey> {
        self.keys.iter().map(|key| PartitionKey::new(key))
    }

    /// Writes to every partition, without looking at conditions.
    pub(super) fn write(&self) -> Result<(), CqlError> {
        let store = &self.plan.table.table.store;
        // What depends on nothing that is stored is built before the partition is locked.
        if let ([key], [row]) = (self.keys.as_slice(), self.rows.as_slice())
            && self.is_plain()
        {
            let built = self.row(&row.parts, None, &self.moment)?;
            let key = PartitionKey::new(key);
            store.modify(key, |partition| {
                (built.map_or(0, |built| partition.apply(&row.ordered, built, &self.rules())), ())
            });
            return Ok(());
        }
        for key in self.partition_keys() {
            store.modify(key, |partition| self.apply(partition, &self.moment))?;
        }
        Ok(())
    }

    fn is_plain(&self) -> bool {
        matches!(self.plan.target, Target::Rows { .. })
            && self.static_changes.is_empty()
            && !self.changes.iter().any(Change::reads)
    }

    fn row(
        &self,
        clustering: &[u8],
        current: Option<&Row>,
        moment: &Moment,
    ) -> Result<Option<Row>, CqlError> {
        let live = matches!(self.plan.target, Target::Rows { insert: true });
        build_row(&self.changes, &self.plan.table.schema, moment, live, clustering, current)
    }

    /// Writes to one partition. Returns by how many bytes it grew.
    pub(super) fn apply(&self, partition: &mut Partition, moment: &Moment) -> (i64, Result<(), CqlError>) {
        let mut grown = 0;
        let result = self.apply_counting(partition, moment, &mut grown);
        (grown, result)
    }

    fn apply_counting(
        &self,
        partition: &mut Partition,
        moment: &Moment,
        grown: &mut i64,
    ) -> Result<(), CqlError> {
        let rules = self.rules();
        let deletion = Deletion { timestamp: moment.timestamp, at: moment.now };
        if !self.static_changes.is_empty() {
            let schema = &self.plan.table.schema;
            let built = build_row(&self.static_changes, schema, moment, false, &[], partition.static_row())?;
            if let Some(built) = built {
                *grown += partition.apply_static(built, &rules);
            }
        }
        match self.plan.target {
            Target::Static => {}
            Target::Rows { .. } => {
                for row in &self.rows {
                    let built = self.row(&row.parts, partition.row(&row.ordered), moment)?;
                    if let Some(built) = built {
                        *grown += partition.apply(&row.ordered, built, &rules);
                    }
                }
            }
            Target::DeleteRows => {
                for row in &self.rows {
                    let base = Liveness { timestamp: deletion.timestamp, expiry: None };
                    let built = RowBuilder::new(base, false, Some(deletion), &row.parts).finish();
                    *grown += partition.apply(&row.ordered, built, &rules);
                }
            }
            Target::DeleteRange => {
                for range in &self.ranges {
                    *grown += partition.delete_range(&range.start, range.end.as_deref(), deletion, &rules);
                }
            }
            Target::DeletePartition => *grown += partition.delete(deletion, &rules),
        }
        Ok(())
    }

    /// Whether the condition holds for what is stored. `with_key`: whether a refusal says which row it is about.
    pub(super) fn judge(&self, key: &PartitionKey, partition: &Partition, with_key: bool) -> Verdict {
        let schema = &self.plan.table.schema;
        let now = self.moment.now;
        let empty = Vec::new();
        let row_key = self.rows.first().map_or(&empty, |row| &row.ordered);
        let row = if self.plan.target == Target::Static { None } else { partition.row(row_key) };
        let row = row.filter(|row| row.is_live(now));
        let static_row = partition.static_row().filter(|row| row.is_live(now));
        let exists = if self.plan.target == Target::Static { static_row.is_some() } else { row.is_some() };
        let holds = match &self.condition {
            BoundCondition::None => true,
            BoundCondition::NotExists => !exists,
            BoundCondition::Exists => exists,
            BoundCondition::All(checks) => {
                let reader = Reader::new(schema, checked_columns(checks));
                let parts = split_key(&key.bytes, schema.partition_key().len());
                let mut cells = Vec::new();
                reader.read(schema, &RowSource { key: &parts, static_row, row }, now, &mut cells);
                checks.iter().all(|check| {
                    reader
                        .slot(check.column)
                        .and_then(|slot| cells.get(slot))
                        .is_some_and(|cell| check.holds(schema, cell))
                })
            }
        };
        if holds {
            return Verdict::Applies;
        }
        let columns = match &self.condition {
            BoundCondition::NotExists => (0..schema.columns().len()).collect(),
            BoundCondition::All(checks) if row.is_some() || static_row.is_some() => {
                let key = if with_key { schema.columns().len() - schema.values().len() } else { 0 };
                (0..key).chain(checked_columns(checks)).collect()
            }

            _ => Vec::new(),
        };
        let reader = Reader::new(schema, columns);
        let parts = split_key(&key.bytes, schema.partition_key().len());
        let mut cells = Vec::new();
        reader.read(schema, &RowSource { key: &parts, static_row, row }, now, &mut cells);
        let cells =
            cells.into_iter().map(|cell: Cell<'_>| cell.value.map(|value| value.into_owned())).collect();
        Verdict::Refused { columns: reader.columns().to_vec(), cells }
    }

    /// A conditional write of its own. Its time is taken from the clock once the partition is locked, so that of two such
    /// writes the one that sees the other's cells is also the later one.
    pub(super) fn write_if(&self, clock: Clock<'_>) -> Result<Outcome, CqlError> {
        let Some(key) = self.partition_keys().next() else {
            return Ok(applied(true, &self.plan.table.schema, &[], &[]));
        };
        let schema = &self.plan.table.schema;
        self.plan.table.table.store.modify(key.clone(), |partition| {
            match self.judge(&key, partition, false) {
                Verdict::Applies => {
                    let moment = Moment { timestamp: clock(), ..self.moment };
                    let (grown, result) = self.apply(partition, &moment);
                    (grown, result.map(|()| applied(true, schema, &[], &[])))
                }
                Verdict::Refused { columns, cells } => (0, Ok(applied(false, schema, &columns, &[cells]))),
            }
        })
    }
}

/// The columns of a condition, each once.
fn checked_columns(checks: &[BoundCheck<'_>]) -> Vec<usize> {
    let mut columns = Vec::with_capacity(checks.len());
    for check in checks {
        if !columns.contains(&check.column) {
            columns.push(check.column);
        }
    }
    columns
}

/// The `[applied]` answer, with the rows that were in the way.
pub(super) fn applied(
    yes: bool,
    schema: &crate::catalog::TableSchema,
    columns: &[usize],
    rows: &[Vec<Option<Vec<u8>>>],
) -> Outcome {
    let flag = ColumnSpec::new(schema.keyspace.clone(), schema.name.clone(), "[applied]", CqlType::Boolean);
    let specs: Arc<[ColumnSpec]> = std::iter::once(flag)
        .chain(columns.iter().map(|column| schema.columns()[*column].spec.clone()))
        .collect();
    let mut content = Vec::new();
    let lone = [Vec::new()];
    let rows = if rows.is_empty() { &lone } else { rows };
    for row in rows {
        write_cell(&mut content, Some(&[u8::from(yes)]));
        row.iter().for_each(|cell| write_cell(&mut content, cell.as_deref()));
    }
    let row_count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    Outcome::Rows(RowSet { columns: specs, row_count, content: content.into(), paging_state: None })
}

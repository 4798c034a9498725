//! Operations with their values: the cells a write makes, and what depends on the cells that are there.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::atomic::{self, AtomicU64};

use chorus_protocol::CqlType;

use super::super::expression::{Environment, Value};
use super::operation::{Operation, OperationKind};
use crate::catalog::{ColumnId, TableSchema};
use crate::cql::CqlError;
use crate::store::{Expiry, Liveness, Record, RecordKind, Row, RowBuilder};
use crate::value::{compare, elements, fields, pairs, read_i64};

/// One step of a write on one column.
#[derive(Debug, Clone)]
pub(super) enum Change<'a> {
    /// A cell, or an element if there is a path; without a value it is deleted.
    Cell {
        column: ColumnId,
        path: Option<Cow<'a, [u8]>>,
        value: Option<Cow<'a, [u8]>>,
    },
    /// All elements are deleted; `before` what the same write puts in their place.
    Cleared {
        column: ColumnId,
        before: bool,
    },
    SetIndex {
        column: ColumnId,
        index: i32,
        value: Option<Cow<'a, [u8]>>,
    },
    Discard {
        column: ColumnId,
        element: &'a CqlType,
        values: Vec<Vec<u8>>,
    },
    Count {
        column: ColumnId,
        delta: i64,
    },
}

/// Gives list elements their places: what is appended comes after, what is prepended before everything else.
#[derive(Debug, Default)]
pub(crate) struct ListClock(AtomicU64);

/// The place between what was appended and what was prepended.
const LIST_MIDDLE: u64 = 1 << 63;

impl ListClock {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, atomic::Ordering::Relaxed) + 1
    }

    fn after(&self) -> Vec<u8> {
        (LIST_MIDDLE + self.next()).to_be_bytes().to_vec()
    }

    fn before(&self) -> Vec<u8> {
        (LIST_MIDDLE - self.next()).to_be_bytes().to_vec()
    }
}

/// When a write happens and how long its values live.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Microseconds.
    pub(super) timestamp: i64,
    pub(super) expiry: Option<Expiry>,
    /// The second it is.
    pub(super) now: u32,
}

impl Operation {
    /// Evaluates the operation. Nothing comes of it if its value is unset.
    pub(super) fn bind<'a>(
        &'a self,
        environment: &Environment<'a>,
        clock: &ListClock,
        changes: &mut Vec<Change<'a>>,
    ) -> Result<(), CqlError> {
        let column = self.id;
        let cell = |path, value| Change::Cell { column, path, value };
        match &self.kind {
            OperationKind::Set(value) => match value.evaluate(environment)? {
                Value::Unset => {}
                value => changes.push(cell(None, value.bytes())),
            },
            OperationKind::Delete => changes.push(cell(None, None)),
            OperationKind::Clear => changes.push(Change::Cleared { column, before: false }),
            OperationKind::Replace { typ, value } => match value.evaluate(environment)? {
                Value::Unset => {}
                value => {
                    changes.push(Change::Cleared { column, before: true });
                    if let Some(value) = value.bytes() {
                        push_elements(column, typ, value, clock, changes);
                    }
                }
            },
            OperationKind::Append(value) => {
                if let Some(list) = value.evaluate(environment)?.bytes() {
                    changes.extend(
                        owned_elements(&list).map(|item| cell(Some(clock.after().into()), Some(item.into()))),
                    );
                }
            }
            OperationKind::Prepend(value) => {
                if let Some(list) = value.evaluate(environment)?.bytes() {
                    let items: Vec<_> = owned_elements(&list).collect();
                    changes.extend(
                        items
                            .into_iter()
                            .rev()
                            .map(|item| cell(Some(clock.before().into()), Some(item.into()))),
                    );
                }
            }
            OperationKind::Add { typ, value } => {
                if let Some(value) = value.evaluate(environment)?.bytes() {
                    push_elements(column, typ, value, clock, changes);
                }
            }
            OperationKind::Remove(value) => {
                if let Some(set) = value.evaluate(environment)?.bytes() {
                    changes.extend(owned_elements(&set).map(|item| cell(Some(item.into()), None)));
                }
            }
            OperationKind::Discard { element, value } => {
                if let Some(list) = value.evaluate(environment)?.bytes() {
                    changes.push(Change::Discard {
                        column,
                        element,
                        values: owned_elements(&list).collect(),
                    });
                }
            }
            OperationKind::SetIndex { index, value } => {
                let index = list_index(index.evaluate(environment)?)?;
                match value.evaluate(environment)? {
                    Value::Unset => {}
                    value => changes.push(Change::SetIndex { column, index, value: value.bytes() }),
                }
            }
            OperationKind::DeleteIndex(index) => {
                let index = list_index(index.evaluate(environment)?)?;
                changes.push(Change::SetIndex { column, index, value: None });
            }
            OperationKind::SetKey { key, value } => {
                let key = element_key(key.evaluate(environment)?, "map")?;
                match value.evaluate(environment)? {
                    Value::Unset => {}
                    value => changes.push(cell(Some(key), value.bytes())),
                }
            }
            OperationKind::DeleteKey(key) => {
                changes.push(cell(Some(element_key(key.evaluate(environment)?, "element")?), None));
            }
            OperationKind::SetField { field, value } => match value.evaluate(environment)? {
                Value::Unset => {}
                value => changes.push(cell(Some(field.to_be_bytes().to_vec().into()), value.bytes())),
            },
            OperationKind::DeleteField(field) => {
                changes.push(cell(Some(field.to_be_bytes().to_vec().into()), None))
            }
            OperationKind::Count { by, negative } => match by.evaluate(environment)? {
                Value::Unset => {}
                Value::Null => {
                    return Err(CqlError::invalid("Invalid null value for counter increment/decrement"));
                }
                Value::Bytes(bytes) => {
                    let delta = read_i64(&bytes)
                        .filter(|_| bytes.len() == 8)
                        .ok_or_else(|| CqlError::invalid("Invalid empty value for counter increment"))?;
                    if *negative && delta == i64::MIN {
                        return Err(CqlError::invalid(format!(
                            "The negation of {delta} overflows supported counter precision (signed 8 bytes integer)"
                        )));
                    }
                    changes.push(Change::Count { column, delta: if *negative { -delta } else { delta } });
                }
            },
        }
        Ok(())
    }
}

fn owned_elements(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    elements(bytes).flatten().map(<[u8]>::to_vec)
}

fn push_elements<'a>(
    column: ColumnId,
    typ: &CqlType,
    value: Cow<'a, [u8]>,
    clock: &ListClock,
    changes: &mut Vec<Change<'a>>,
) {
    let mut cell = |path: Vec<u8>, value: &[u8]| {
        changes.push(Change::Cell { column, path: Some(path.into()), value: Some(value.to_vec().into()) });
    };
    match typ {
        CqlType::Set(_) => elements(&value).flatten().for_each(|item| cell(item.to_vec(), &[])),
        CqlType::Map(_) => pairs(&value).for_each(|(key, item)| cell(key.to_vec(), item.unwrap_or_default())),
        CqlType::Udt(udt) => {
            for (index, field) in fields(&value, udt.fields.len()).enumerate() {
                if let Some(field) = field {
                    cell((index as u16).to_be_bytes().to_vec(), field);
                }
            }
        }
        _ => elements(&value).flatten().for_each(|item| cell(clock.after(), item)),
    }
}

fn list_index(value: Value<'_>) -> Result<i32, CqlError> {
    match value {
        Value::Bytes(bytes) => match bytes.as_ref().try_into() {
            Ok(four) => Ok(i32::from_be_bytes(four)),
            Err(_) => Err(CqlError::invalid("Invalid empty value for list index")),
        },
        Value::Null => Err(CqlError::invalid("Invalid null value for list index")),
        Value::Unset => Err(CqlError::invalid("Invalid unset value for list index")),
    }
}

fn element_key<'a>(value: Value<'a>, what: &str) -> Result<Cow<'a, [u8]>, CqlError> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        Value::Null => Err(CqlError::invalid(format!("Invalid null {what} key"))),
        Value::Unset => Err(CqlError::invalid(format!("Invalid unset {what} key"))),
    }
}

/// Makes the row that is merged into what is stored. `current` is that, for changes that depend on it.
pub(super) fn build_row(
    changes: &[Change<'_>],
    schema: &TableSchema,
    moment: &Moment,
    live: bool,
    clustering: &[u8],
    current: Option<&Row>,
) -> Result<Option<Row>, CqlError> {
    let base = Liveness { timestamp: moment.timestamp, expiry: moment.expiry };
    let mut builder = RowBuilder::new(base, live, None, clustering);
    let mut records = Vec::with_capacity(changes.len());
    let mut counters = Vec::new();
    for change in changes {
        resolve(change, moment, current, &mut records, &mut counters)?;
    }
    for counter in &counters {
        records.push(value_record(counter.column, None, &counter.value, counter.timestamp, None));
    }
    let sorted = records.is_sorted_by(|left, right| position(left, right, schema).is_lt());
    if !sorted {
        // Of several cells in one place the last one stays, as if they had been written one after the other.
        records.sort_by(|left, right| position(left, right, schema));
        let mut kept: Vec<Record<'_>> = Vec::with_capacity(records.len());
        for record in records {
            match kept.last_mut() {
                Some(last) if position(last, &record, schema).is_eq() => *last = record,
                _ => kept.push(record),
            }
        }
        records = kept;
    }
    records.iter().for_each(|record| builder.push(record));
    Ok((!builder.is_empty()).then(|| builder.finish()))
}

/// A counter's new sum.
struct Counter {
    column: ColumnId,
    value: [u8; 8],
    timestamp: i64,
}

fn resolve<'r>(
    change: &'r Change<'_>,
    moment: &Moment,
    current: Option<&'r Row>,
    records: &mut Vec<Record<'r>>,
    counters: &mut Vec<Counter>,
) -> Result<(), CqlError> {
    let deleted = Some(Expiry { ttl: 0, at: moment.now });
    let live = |column: ColumnId| {
        current
            .into_iter()
            .flat_map(Row::records)
            .filter(move |record| record.column == column && record.is_live(moment.now))
    };
    let tombstone = |column, path| Record {
        kind: RecordKind::Tombstone,
        expiry: deleted,
        ..value_record(column, path, &[], moment.timestamp, None)
    };
    match change {
        Change::Cell { column, path, value: Some(value) } => {
            records.push(value_record(*column, path.as_deref(), value, moment.timestamp, moment.expiry));
        }
        Change::Cell { column, path, value: None } => records.push(tombstone(*column, path.as_deref())),
        Change::Cleared { column, before } => records.push(Record {
            kind: RecordKind::Cleared,
            // What the same write puts in comes one tick later.
            timestamp: moment.timestamp.saturating_sub(i64::from(*before)),
            ..tombstone(*column, None)
        }),
        Change::SetIndex { column, index, value } => {
            let places: Vec<&[u8]> = live(*column).filter_map(|record| record.path).collect();
            if places.is_empty() {
                let verb = if value.is_some() { "set" } else { "delete" };
                let preposition = if value.is_some() { "on" } else { "from" };
                return Err(CqlError::invalid(format!(
                    "Attempted to {verb} an element {preposition} a list which is null"
                )));
            }
            let place =
                usize::try_from(*index).ok().and_then(|index| places.get(index)).ok_or_else(|| {
                    CqlError::invalid(format!(
                        "List index {index} out of bound, list has size {}",
                        places.len()
                    ))
                })?;
            records.push(match value {
                Some(value) => value_record(*column, Some(place), value, moment.timestamp, moment.expiry),
                None => tombstone(*column, Some(place)),
            });
        }
        Change::Discard { column, element, values } => {
            for record in live(*column) {
                if values.iter().any(|value| compare(element, value, record.value).is_eq()) {
                    records.push(tombstone(*column, record.path));
                }
            }
        }
        Change::Count { column, delta } => {
            if let Some(counter) = counters.iter_mut().find(|counter| counter.column == *column) {
                counter.value = i64::from_be_bytes(counter.value).wrapping_add(*delta).to_be_bytes();
                return Ok(());
            }
            let before = live(*column).next().and_then(|record| read_i64(record.value)).unwrap_or(0);
            // Increments add up whatever their times: this one has to win over the sum it was added to.
            let stored = current.into_iter().flat_map(Row::records).filter(|record| record.column == *column);
            let latest = stored.map(|record| record.timestamp.saturating_add(1)).max();
            counters.push(Counter {
                column: *column,
                value: before.wrapping_add(*delta).to_be_bytes(),
                timestamp: latest.map_or(moment.timestamp, |latest| latest.max(moment.timestamp)),
            });
        }
    }
    Ok(())
}

fn value_record<'r>(
    column: ColumnId,
    path: Option<&'r [u8]>,
    value: &'r [u8],
    timestamp: i64,
    expiry: Option<Expiry>,
) -> Record<'r> {
    Record { column, kind: RecordKind::Value, timestamp, expiry, path, value }
}

fn position(left: &Record<'_>, right: &Record<'_>, schema: &TableSchema) -> Ordering {
    left.column.cmp(&right.column).then_with(|| match (left.path, right.path) {
        (Some(a), Some(b)) => match schema.path_type(left.column) {
            Some(typ) => compare(typ, a, b),
            None => a.cmp(b),
        },
        (a, b) => a.is_some().cmp(&b.is_some()),
    })
}

impl Change<'_> {
    /// Whether its cells depend on what is stored.
    pub(super) fn reads(&self) -> bool {
        !matches!(self, Self::Cell { .. } | Self::Cleared { .. })
    }
}

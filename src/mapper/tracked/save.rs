//! Writing what has changed.

use chorus_protocol::{CqlType, FromCql};

use super::Tracked;
use super::cells::{Cell, cells_of};
use super::difference::{Difference, difference};
use crate::mapper::facts::TableFacts;
use crate::mapper::insert::Nulls;
use crate::mapper::operation::sealed::Writes;
use crate::mapper::operation::{Operation, sent_when_awaited};
use crate::mapper::update::{Assignment, Change, Changes, Condition, Target};
use crate::mapper::using::{Using, condition_setters, ttl_setter, write_setters};
use crate::mapper::value::Value;
use crate::mapper::{ColumnDefinition, Mapper, MapperError, Model, TableDefinition};
use crate::statement::StatementOptions;

/// The saving of a tracked row, made by [`Mapper::save`]. Sent when it is awaited, unless nothing has changed, and then conditions are not
/// looked at either. The row's memory follows when it has been written.
///
/// # Errors
///
/// [`MapperError::Invalid`] for a value that is not what its column wants; [`MapperError::Statement`] for a condition that does not
/// go with what has to be written; [`MapperError::NotApplied`] when a condition does not hold; the errors of requests.
#[derive(Debug)]
#[must_use = "nothing is sent before it is awaited"]
pub struct Save<'v, M> {
    mapper: &'v Mapper,
    tracked: &'v mut Tracked<M>,
    if_not_exists: bool,
    condition: Condition,
    using: Using,
    idempotent: Option<bool>,
    options: StatementOptions,
}

impl Mapper {
    /// Writes what has changed of a row since it was read or written, in one request, or none when nothing has.
    ///
    /// * A row that is not there yet, and one whose primary key has changed, is inserted; the row of the former key stays. Columns that became
    ///   null are written as null.
    /// * Otherwise an UPDATE assigns the columns that have changed. What became null is set to null, which deletes it. When only static
    ///   columns have changed, the clustering key is left out.
    /// * Sets get what was added, and lose what was removed. Lists that were added to at their ends get that; any other list is written anew.
    ///   Maps get the entries that are new or changed, and lose the keys that are gone. Collections of user-defined types, or of sets and maps,
    ///   are written anew.
    /// * Counters are incremented or decremented by the difference.
    pub fn save<'v, M: Model>(&'v self, row: &'v mut Tracked<M>) -> Save<'v, M> {
        Save {
            mapper: self,
            tracked: row,
            if_not_exists: false,
            condition: Condition::None,
            using: Using::default(),
            idempotent: None,
            options: StatementOptions::default(),
        }
    }
}

impl<'v, M: Model> Save<'v, M> {
    /// For a row that is inserted: only when no row has its key; otherwise it fails with [`MapperError::NotApplied`]. A lightweight
    /// transaction.
    pub fn if_not_exists(mut self) -> Self {
        self.if_not_exists = true;
        self
    }

    condition_setters!(
        "For a row that is updated: only when it",
        "For a row that is updated: only when this"
    );
    write_setters!();
    ttl_setter!();
}

impl<'v, M: Model> Writes<'v> for Save<'v, M> {
    fn mapper(&self) -> &'v Mapper {
        self.mapper
    }

    fn into_operation(self) -> Result<Option<Operation<'v>>, MapperError> {
        let Self { mapper, tracked, if_not_exists, condition, using, idempotent, options } = self;
        let Tracked { model, stored } = tracked;
        let model: &'v M = model;
        let table = M::table();
        model.validate()?;
        let now = cells_of(model);
        let of_key = |index: &usize| table.columns[*index].is_key();
        let same_row =
            |stored: &Vec<Cell>| (0..now.len()).filter(of_key).all(|index| stored[index] == now[index]);
        let before = stored.as_ref().filter(|stored| same_row(stored));
        let operation = if before.is_some() || table.counts() {
            if if_not_exists {
                return Err(table.error("if_not_exists is for rows that are not there yet, and this one is"));
            }
            let assignments = assignments(model, table, before.map(Vec::as_slice), &now);
            let target = Target::of(model);
            Changes { target, assignments, condition, using, idempotent, options }
                .into_operation(mapper, table)?
        } else {
            if !condition.is_none() {
                return Err(table.error(
                    "conditions are for rows that are there already, and this one is to be inserted",
                ));
            }
            let became_null = |index: &usize| {
                let before = stored.as_ref().map_or(&Cell::Null, |stored| &stored[*index]);
                *before != Cell::Null && now[*index] == Cell::Null
            };
            let nulls = Nulls::Of((0..now.len()).filter(became_null).collect());
            let insert = mapper.insert(model).with(nulls, using, idempotent, options);
            if if_not_exists { insert.if_not_exists() } else { insert }.into_operation()?
        };
        Ok(operation
            .map(|operation| Operation { then: Some(Box::new(move || *stored = Some(now))), ..operation }))
    }
}

sent_when_awaited!([M: Model] Save<'v, M>);

/// What makes the row that was there the one that is; of a row that was not there, its counters.
fn assignments<'v, M: Model>(
    model: &'v M,
    table: &'static TableDefinition,
    before: Option<&[Cell]>,
    now: &[Cell],
) -> Vec<Assignment<'v>> {
    let mut assignments = Vec::new();
    for (index, column) in table.columns.iter().enumerate() {
        let before = before.map(|before| &before[index]);
        if column.is_key() || before == Some(&now[index]) {
            continue;
        }
        let before = before.unwrap_or(&Cell::Null);
        if column.typ.is_counter() {
            assignments.push(counted(column, before, &now[index]));
            continue;
        }
        let anew = || Assignment::repeatable(&*column.name, Change::Assign(Value::Lent(model.value(index))));
        match (before, &now[index]) {
            (_, Cell::Null) => {
                assignments.push(Assignment::repeatable(&*column.name, Change::Assign(Value::Null)));
            }
            (Cell::Bytes(before), Cell::Bytes(now)) if is_in_parts(column) => {
                match difference(&column.typ.typ, before, now) {
                    Difference::Rewrite => assignments.push(anew()),
                    parts => assignments.extend(parts_of(column, parts)),
                }
            }
            _ => assignments.push(anew()),
        }
    }
    assignments
}

/// Whether a column is a collection that is stored element by element.
fn is_in_parts(column: &ColumnDefinition) -> bool {
    !column.typ.frozen && matches!(column.typ.typ, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_))
}

fn parts_of(column: &'static ColumnDefinition, parts: Difference) -> Vec<Assignment<'static>> {
    let name = &*column.name;
    let assignments = match parts {
        Difference::Rewrite => [None, None],
        Difference::Parts { added, removed } => [
            added.map(|cell| Assignment::repeatable(name, Change::Add(Value::Cell(cell)))),
            removed.map(|cell| Assignment::repeatable(name, Change::Subtract(Value::Cell(cell)))),
        ],
        Difference::Around { before, after } => [
            before.map(|cell| Assignment::once(name, Change::Prepend(Value::Cell(cell)))),
            after.map(|cell| Assignment::once(name, Change::Add(Value::Cell(cell)))),
        ],
    };
    assignments.into_iter().flatten().collect()
}

/// The step from one count to another.
fn counted(column: &'static ColumnDefinition, before: &Cell, now: &Cell) -> Assignment<'static> {
    let count = |cell: &Cell| i64::from_cql(&CqlType::Counter, cell.bytes()).map_or(0, i128::from);
    let step = count(now) - count(before);
    // Two numbers of 64 bits may be further apart than one can say; twice around the circle is the same place.
    let by = |amount: i128| Value::one(amount as i64);
    let change = if step < 0 { Change::Subtract(by(-step)) } else { Change::Add(by(step)) };
    Assignment::once(&*column.name, change)
}

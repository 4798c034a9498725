//! Changing columns of rows that need not be read before.
//!
//! `assignment.rs` is what is done to one column, `changes.rs` what was asked for as a whole: it checks, and writes the text; tracked
//! rows are saved through it too.

mod assignment;
mod changes;
mod setters;

use std::marker::PhantomData;
use std::sync::Arc;

pub(super) use assignment::{Assignment, Change};
pub(super) use changes::{Changes, Condition, Target};

use super::operation::Operation;
use super::operation::sealed::Writes;
use super::operation::sent_when_awaited;
use super::relation::Relation;
use super::tracked::encoded;
use super::using::{Using, condition_setters, ttl_setter, write_setters};
use super::value::Value;
use super::{Filter, Mapper, MapperError, Model, Operator};
use crate::statement::StatementOptions;

/// An update, made by [`Mapper::update`] and [`Mapper::update_where`]. Sent when it is awaited; without assignments nothing is sent.
///
/// Rows that do not exist come into being, unless a condition says otherwise. The values are not held against what the model
/// [demands](super::ModelFields::validate). When only static columns are assigned, the clustering key is left out, as it must be.
///
/// # Errors
///
/// [`MapperError::Statement`] when this makes no statement: a column is part of the primary key, is frozen and changed in part, or is
/// unknown; [`MapperError::NotApplied`] when a condition does not hold; the errors of requests.
#[must_use = "nothing is sent before it is awaited"]
pub struct Update<'v, M> {
    mapper: &'v Mapper,
    target: Target,
    assignments: Vec<Assignment<'v>>,
    condition: Condition,
    using: Using,
    idempotent: Option<bool>,
    options: StatementOptions,
    of: PhantomData<fn() -> M>,
}

impl Mapper {
    /// Changes columns of the row of a primary key, which is a tuple of all its columns.
    ///
    /// ```no_run
    /// # use std::collections::BTreeSet;
    /// # use chorus::mapper::{Column, Mapper, MapperError, Model};
    /// # async fn example<User: Model<PrimaryKey = (i64,)>>(
    /// #     mapper: Mapper,
    /// #     name: Column<User, String>,
    /// #     tags: Column<User, BTreeSet<String>>,
    /// #     version: Column<User, i32>,
    /// # ) -> Result<(), MapperError> {
    /// mapper
    ///     .update::<User>((7,))
    ///     .set(name, "Cassandra")
    ///     .add(tags, ["seer"])
    ///     .if_(version.eq(3))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn update<M: Model>(&self, key: M::PrimaryKey) -> Update<'_, M> {
        self.update_of(Target::key::<M>(key))
    }

    /// Changes columns of all rows that filters name: all columns of the partition key by `=` or `IN`, and of the clustering key, or no
    /// clustering column when static columns are assigned.
    pub fn update_where<M: Model>(&self, filters: impl IntoIterator<Item = Filter<M>>) -> Update<'_, M> {
        self.update_of(Target::Rows(filters.into_iter().map(|filter| filter.relation).collect()))
    }

    fn update_of<M: Model>(&self, target: Target) -> Update<'_, M> {
        Update {
            mapper: self,
            target,
            assignments: Vec::new(),
            condition: Condition::None,
            using: Using::default(),
            idempotent: None,
            options: StatementOptions::default(),
            of: PhantomData,
        }
    }
}

impl<'v, M: Model> Update<'v, M> {
    condition_setters!("Changes the row only when it", "Changes the row only when this");
    write_setters!();
    ttl_setter!();

    fn assign(mut self, assignment: Assignment<'v>) -> Self {
        self.assignments.push(assignment);
        self
    }
}

impl Target {
    /// The row of a whole primary key.
    pub(super) fn key<M: Model>(key: M::PrimaryKey) -> Self {
        let table = M::table();
        let columns = table.partition_key().count() + table.clustering_key().count();
        Target::Key(Value::Key(Arc::new(key), columns))
    }

    /// The row of a model, by the columns of its primary key that are not null.
    pub(super) fn of<M: Model>(model: &M) -> Self {
        let table = M::table();
        let keys = || (0..table.columns.len()).filter(|index| table.columns[*index].is_key());
        if !keys().any(|index| model.is_null(index)) {
            return Self::key::<M>(model.primary_key());
        }
        let relation = |index: usize| {
            let column = &table.columns[index];
            // What cannot be encoded is null, which nothing is compared with.
            let cell = encoded(model.value(index), &column.typ.typ).ok().flatten();
            let value = cell.map_or(Value::Null, |cell| Value::Cell(cell.into()));
            Relation::of_column(column.name.clone(), Operator::Equal, Some(value))
        };
        Target::Rows(keys().filter(|index| !model.is_null(*index)).map(relation).collect())
    }
}

impl<'v, M: Model> Writes<'v> for Update<'v, M> {
    fn mapper(&self) -> &'v Mapper {
        self.mapper
    }

    fn into_operation(self) -> Result<Option<Operation<'v>>, MapperError> {
        Changes {
            target: self.target,
            assignments: self.assignments,
            condition: self.condition,
            using: self.using,
            idempotent: self.idempotent,
            options: self.options,
        }
        .into_operation(self.mapper, M::table())
    }
}

sent_when_awaited!([M: Model] Update<'v, M>);

impl<M: Model> std::fmt::Debug for Update<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns: Vec<&str> = self.assignments.iter().map(|assignment| &*assignment.column).collect();
        f.debug_struct("Update")
            .field("table", &M::table().name)
            .field("columns", &columns)
            .field("condition", &self.condition)
            .finish_non_exhaustive()
    }
}

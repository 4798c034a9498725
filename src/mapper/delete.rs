//! Deleting rows, and columns of them.

use std::borrow::Cow;
use std::marker::PhantomData;

use super::collections::MapType;
use super::common::{Common, Verb};
use super::facts::{Part, TableFacts};
use super::operation::sealed::Writes;
use super::operation::{Operation, Source, sent_when_awaited};
use super::statement_text::StatementText;
use super::update::{Condition, Target};
use super::using::{Using, condition_setters, write_setters};
use super::value::{Use, Value, Values};
use super::{Column, Filter, Mapper, MapperError, Model, TableDefinition};
use crate::statement::StatementOptions;

/// A deletion, made by [`Mapper::delete`], [`Mapper::delete_where`] and [`Mapper::remove`]. Sent when it is awaited.
///
/// # Errors
///
/// [`MapperError::Statement`] when this makes no statement: it is open which partitions are meant, or a column is of the primary key or
/// unknown; [`MapperError::NotApplied`] when a condition does not hold; the errors of requests.
#[must_use = "nothing is sent before it is awaited"]
pub struct Delete<'v, M> {
    mapper: &'v Mapper,
    target: Target,
    /// What is deleted of the rows; everything when empty.
    parts: Vec<Deleted>,
    condition: Condition,
    using: Using,
    idempotent: Option<bool>,
    options: StatementOptions,
    pub(super) then: Option<Box<dyn FnOnce() + Send + 'v>>,
    of: PhantomData<fn() -> M>,
}

/// A part of a row.
struct Deleted {
    column: &'static str,
    /// The entry of a map.
    key: Option<Value<'static>>,
}

impl Mapper {
    /// Deletes the row of a primary key, which is a tuple of all its columns; or [columns](Delete::column) of it.
    pub fn delete<M: Model>(&self, key: M::PrimaryKey) -> Delete<'_, M> {
        self.delete_of(Target::key::<M>(key))
    }

    /// Deletes all rows that filters name: all columns of the partition key by `=` or `IN`, and as much of the clustering key, in its
    /// order, as is wanted, its last column also by `<` and `>`.
    ///
    /// ```no_run
    /// # use chorus::mapper::{Column, Mapper, MapperError, Model};
    /// # async fn example<Reading: Model>(mapper: Mapper, sensor: Column<Reading, i64>, at: Column<Reading, i64>) -> Result<(), MapperError> {
    /// mapper.delete_where([sensor.eq(7), at.lt(1_700_000_000_000_i64)]).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn delete_where<M: Model>(&self, filters: impl IntoIterator<Item = Filter<M>>) -> Delete<'_, M> {
        self.delete_of(Target::Rows(filters.into_iter().map(|filter| filter.relation).collect()))
    }

    /// Deletes the row of a model, by its primary key. Clustering columns that are null are left out: what stands for a whole partition
    /// deletes it.
    pub fn remove<'v, M: Model>(&'v self, model: &M) -> Delete<'v, M> {
        self.delete_of(Target::of(model))
    }

    fn delete_of<M: Model>(&self, target: Target) -> Delete<'_, M> {
        Delete {
            mapper: self,
            target,
            parts: Vec::new(),
            condition: Condition::None,
            using: Using::default(),
            idempotent: None,
            options: StatementOptions::default(),
            then: None,
            of: PhantomData,
        }
    }
}

impl<'v, M: Model> Delete<'v, M> {
    /// Deletes this column instead of the whole row. May be called for several.
    pub fn column<T>(mut self, column: Column<M, T>) -> Self {
        self.parts.push(Deleted { column: column.name(), key: None });
        self
    }

    /// Deletes the entry of a map instead of the whole row. May be called for several.
    pub fn entry<T: MapType>(mut self, column: Column<M, T>, key: impl Into<T::Key>) -> Self {
        self.parts.push(Deleted { column: column.name(), key: Some(Value::one(key.into())) });
        self
    }

    condition_setters!("Deletes only when the row", "Deletes only when this");
    write_setters!();

    /// Whether static columns are all it deletes.
    fn check_parts(&self, table: &TableDefinition) -> Result<bool, MapperError> {
        let mut only_static = !self.parts.is_empty();
        for part in &self.parts {
            let facts = table.require(part.column)?;
            if matches!(facts.part, Part::Partition | Part::Clustering) {
                return Err(table.error(format!(
                    "column {} is of the primary key, and goes only with its row",
                    part.column
                )));
            }
            let frozen = table.column(part.column).is_some_and(|column| column.typ.frozen);
            if part.key.is_some() && frozen {
                return Err(table.error(format!("column {} is frozen: it is set as a whole", part.column)));
            }
            only_static &= facts.part == Part::Static;
        }
        Ok(only_static)
    }
}

impl<'v, M: Model> Writes<'v> for Delete<'v, M> {
    fn mapper(&self) -> &'v Mapper {
        self.mapper
    }

    fn into_operation(self) -> Result<Option<Operation<'v>>, MapperError> {
        let table = M::table();
        self.target.check(table)?;
        self.condition.check(table)?;
        let only_static = self.check_parts(table)?;
        let keyspace = self.mapper.keyspace_of(table)?;
        let (statement, values) = match (&self.target, &self.condition) {
            (Target::Key(key), Condition::None | Condition::Exists) if self.parts.is_empty() => {
                let mut values = Values::default();
                if let Some(timestamp) = self.using.timestamp {
                    values.push(Value::one(timestamp), Use::Written);
                }
                values.push(key.clone(), Use::Compared);
                let verb = Verb::Delete {
                    timestamp: self.using.timestamp.is_some(),
                    if_exists: !self.condition.is_none(),
                };
                (Source::Common(Common::new::<M>(&keyspace, verb), table), values)
            }
            _ => {
                let mut text = StatementText::new("DELETE ");
                let some = !self.parts.is_empty();
                text.list(self.parts, ", ", |text, part| {
                    text.name(part.column);
                    if let Some(key) = part.key {
                        text.push("[").marker(key, Use::Compared).push("]");
                    }
                });
                text.push(if some { " FROM " } else { "FROM " })
                    .table(&keyspace, &table.name)
                    .using(None, self.using.timestamp);
                self.target.write(table, only_static, &mut text);
                self.condition.write(&mut text);
                (Source::Text(text.cql), text.values)
            }
        };
        Ok(Some(Operation {
            table: Cow::Borrowed(&*table.name),
            statement,
            values,
            options: self.options,
            idempotent: self.idempotent.unwrap_or(self.condition.is_none()),
            then: self.then,
        }))
    }
}

sent_when_awaited!([M: Model] Delete<'v, M>);

impl<M: Model> std::fmt::Debug for Delete<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns: Vec<&str> = self.parts.iter().map(|part| part.column).collect();
        f.debug_struct("Delete")
            .field("table", &M::table().name)
            .field("columns", &columns)
            .field("condition", &self.condition)
            .finish_non_exhaustive()
    }
}

//! Inserting a row.

use std::borrow::Cow;

use super::common::{Common, Verb, insert_text, inserted};
use super::operation::sealed::Writes;
use super::operation::{Operation, Source, sent_when_awaited};
use super::using::{Using, ttl_setter, write_setters};
use super::value::{Use, Value, Values};
use super::{Mapper, MapperError, Model, TableDefinition};
use crate::statement::StatementOptions;

/// The insertion of a row, made by [`Mapper::insert`]. Sent when it is awaited; dropping the future cancels, as that of any request.
///
/// Columns that are null are left as they are, rather than deleted: that costs no tombstones, and of a row that exists they stay.
/// [`write_nulls`](Self::write_nulls) says otherwise.
///
/// When all clustering columns are null, what is written is the partition's: its key and the static columns.
///
/// # Errors
///
/// [`MapperError::Invalid`] for a value that is not what its column wants, [`MapperError::Statement`] for tables of counters, which know no
/// INSERT, [`MapperError::NotApplied`] when the row exists and must not, and the errors of requests.
#[derive(Debug)]
#[must_use = "nothing is sent before it is awaited"]
pub struct Insert<'v, M> {
    mapper: &'v Mapper,
    model: &'v M,
    if_not_exists: bool,
    nulls: Nulls,
    using: Using,
    idempotent: Option<bool>,
    options: StatementOptions,
}

/// Which columns that are null are written as such.
#[derive(Debug, Clone)]
pub(super) enum Nulls {
    None,
    All,
    /// Those of these places.
    Of(Vec<usize>),
}

impl Nulls {
    fn are_written(&self, index: usize) -> bool {
        match self {
            Nulls::None => false,
            Nulls::All => true,
            Nulls::Of(columns) => columns.contains(&index),
        }
    }
}

impl Mapper {
    /// Inserts a row, or overwrites the one that has its key.
    ///
    /// ```no_run
    /// # use chorus::mapper::{Mapper, MapperError, Model};
    /// # async fn example(mapper: Mapper, user: impl Model) -> Result<(), MapperError> {
    /// use std::time::Duration;
    ///
    /// mapper.insert(&user).if_not_exists().ttl(Duration::from_secs(3600)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn insert<'v, M: Model>(&'v self, model: &'v M) -> Insert<'v, M> {
        Insert {
            mapper: self,
            model,
            if_not_exists: false,
            nulls: Nulls::None,
            using: Using::default(),
            idempotent: None,
            options: StatementOptions::default(),
        }
    }
}

impl<M: Model> Insert<'_, M> {
    /// Inserts only when no row has the key; otherwise it fails with [`MapperError::NotApplied`], which has the row there is. A
    /// lightweight transaction: four times the round trips between replicas.
    pub fn if_not_exists(mut self) -> Self {
        self.if_not_exists = true;
        self
    }

    /// Writes null for columns that are null, which deletes what an existing row has there, and leaves tombstones.
    pub fn write_nulls(mut self) -> Self {
        self.nulls = Nulls::All;
        self
    }

    write_setters!();
    ttl_setter!();

    /// With what somebody else was asked for.
    pub(super) fn with(
        mut self,
        nulls: Nulls,
        using: Using,
        idempotent: Option<bool>,
        options: StatementOptions,
    ) -> Self {
        (self.nulls, self.using, self.idempotent, self.options) = (nulls, using, idempotent, options);
        self
    }
}

/// # Errors
///
/// For tables of counters.
pub(super) fn refuse_counters(table: &TableDefinition) -> Result<(), MapperError> {
    match table.counts() {
        false => Ok(()),
        true => Err(MapperError::Statement {
            table: table.name.to_string(),
            reason: "counters are not inserted: increment them (`update`), or save a tracked row".into(),
        }),
    }
}

/// Whether a row stands for its partition alone: it has a clustering key, and all of it is null.
pub(super) fn is_of_partition<M: Model>(model: &M, table: &TableDefinition) -> bool {
    let mut clustering = (0..table.columns.len())
        .filter(|index| matches!(table.columns[*index].role, super::ColumnRole::Clustering(_)))
        .peekable();
    clustering.peek().is_some() && clustering.all(|index| model.is_null(index))
}

impl<'v, M: Model> Writes<'v> for Insert<'v, M> {
    fn mapper(&self) -> &'v Mapper {
        self.mapper
    }

    fn into_operation(self) -> Result<Option<Operation<'v>>, MapperError> {
        let (table, model, using) = (M::table(), self.model, self.using);
        refuse_counters(table)?;
        model.validate()?;
        let keyspace = self.mapper.keyspace_of(table)?;
        let only_static = is_of_partition(model, table);
        let has_unset = self.mapper.session.protocol_version().has_unset();
        let mut values = Values::default();
        let mut columns = Vec::new();
        for index in inserted(table, only_static) {
            let value = match model.is_null(index) {
                false => Value::Lent(model.value(index)),
                true if self.nulls.are_written(index) => Value::Null,
                true if has_unset => Value::Unset,
                // Before version 4 a column is left alone by not being named.
                true => continue,
            };
            values.push(value, if table.columns[index].is_key() { Use::Compared } else { Use::Written });
            if !has_unset {
                columns.push(&*table.columns[index].name);
            }
        }
        if let Some(ttl) = using.ttl {
            values.push(Value::one(ttl), Use::Written);
        }
        if let Some(timestamp) = using.timestamp {
            values.push(Value::one(timestamp), Use::Written);
        }
        let statement = if has_unset {
            let verb = Verb::Insert {
                if_not_exists: self.if_not_exists,
                ttl: using.ttl.is_some(),
                timestamp: using.timestamp.is_some(),
                only_static,
            };
            Source::Common(Common::new::<M>(&keyspace, verb), table)
        } else {
            Source::Text(insert_text(
                &keyspace,
                table,
                &columns,
                self.if_not_exists,
                using.ttl,
                using.timestamp,
            ))
        };
        Ok(Some(Operation {
            table: Cow::Borrowed(&*table.name),
            statement,
            values,
            options: self.options,
            idempotent: self.idempotent.unwrap_or(!self.if_not_exists),
            then: None,
        }))
    }
}

sent_when_awaited!([M: Model] Insert<'v, M>);

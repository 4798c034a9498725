//! Reading a row by its key.

use std::marker::PhantomData;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::common::{Common, Verb};
use super::operation::{Source, prepare};
use super::using::idempotent_setter;
use super::value::{Use, Value, Values};
use super::{Mapper, MapperError, Model, Tracked};
use crate::statement::{StatementOptions, request_setters};

/// The reading of one row by its whole primary key, made by [`Mapper::get`] and [`Mapper::find`]. Sent when it is awaited.
///
/// `O` is what comes of it: a model, an option of one, or either as [`Tracked`].
#[must_use = "nothing is sent before it is awaited"]
pub struct Get<'v, M: Model, O = M> {
    mapper: &'v Mapper,
    key: Arc<M::PrimaryKey>,
    idempotent: Option<bool>,
    options: StatementOptions,
    found: PhantomData<fn() -> O>,
}

impl Mapper {
    /// Reads the row of a primary key, which is a tuple of all its columns: `(id,)` for one.
    ///
    /// # Errors
    ///
    /// When awaited: [`MapperError::NotFound`] when there is none, and the errors of requests.
    pub fn get<M: Model>(&self, key: M::PrimaryKey) -> Get<'_, M> {
        Get::new(self, key)
    }

    /// Reads the row of a primary key if there is one.
    ///
    /// # Errors
    ///
    /// When awaited: the errors of requests.
    pub fn find<M: Model>(&self, key: M::PrimaryKey) -> Get<'_, M, Option<M>> {
        Get::new(self, key)
    }
}

impl<'v, M: Model, O> Get<'v, M, O> {
    fn new(mapper: &'v Mapper, key: M::PrimaryKey) -> Self {
        let options = StatementOptions::default();
        Self { mapper, key: Arc::new(key), idempotent: None, options, found: PhantomData }
    }

    request_setters!(unchanged);
    idempotent_setter!();

    fn tracked_as<T>(self) -> Get<'v, M, T> {
        Get {
            mapper: self.mapper,
            key: self.key,
            idempotent: self.idempotent,
            options: self.options,
            found: PhantomData,
        }
    }
}

impl<'v, M: Model> Get<'v, M> {
    /// The row with a memory of what it was like, so that [`save`](Mapper::save) writes what changed.
    pub fn tracked(self) -> Get<'v, M, Tracked<M>> {
        self.tracked_as()
    }
}

impl<'v, M: Model> Get<'v, M, Option<M>> {
    /// The row with a memory of what it was like, so that [`save`](Mapper::save) writes what changed.
    pub fn tracked(self) -> Get<'v, M, Option<Tracked<M>>> {
        self.tracked_as()
    }
}

/// What comes of looking for a row. Implemented for models, options of them, and either as [`Tracked`].
pub trait Found<M>: Sized {
    /// # Errors
    ///
    /// [`MapperError::NotFound`] where there must be one.
    #[doc(hidden)]
    fn found(row: Option<M>, table: &str) -> Result<Self, MapperError>;
}

fn required<M>(row: Option<M>, table: &str) -> Result<M, MapperError> {
    row.ok_or_else(|| MapperError::NotFound { table: table.into() })
}

impl<M: Model> Found<M> for M {
    fn found(row: Option<M>, table: &str) -> Result<Self, MapperError> {
        required(row, table)
    }
}

impl<M: Model> Found<M> for Option<M> {
    fn found(row: Option<M>, _: &str) -> Result<Self, MapperError> {
        Ok(row)
    }
}

impl<M: Model> Found<M> for Tracked<M> {
    fn found(row: Option<M>, table: &str) -> Result<Self, MapperError> {
        required(row, table).map(Tracked::stored)
    }
}

impl<M: Model> Found<M> for Option<Tracked<M>> {
    fn found(row: Option<M>, _: &str) -> Result<Self, MapperError> {
        Ok(row.map(Tracked::stored))
    }
}

/// Sends it.
impl<'v, M: Model, O: Found<M> + 'v> IntoFuture for Get<'v, M, O> {
    type Output = Result<O, MapperError>;
    type IntoFuture = BoxFuture<'v, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { mapper, key, idempotent, options, .. } = self;
        Box::pin(async move {
            let table = M::table();
            let keyspace = mapper.keyspace_of(table)?;
            let columns = table.partition_key().count() + table.clustering_key().count();
            let mut values = Values::default();
            values.push(Value::Key(key, columns), Use::Compared);
            let source = Source::Common(Common::new::<M>(&keyspace, Verb::Get), table);
            let statement = prepare(mapper, &source, options, idempotent.unwrap_or(true)).await?;
            let result = mapper.session.execute(&statement, &values).await?;
            O::found(result.first_row()?, &table.name)
        })
    }
}

impl<M: Model, O> std::fmt::Debug for Get<'_, M, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Get").field("table", &M::table().name).finish_non_exhaustive()
    }
}

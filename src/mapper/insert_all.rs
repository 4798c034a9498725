//! Inserting many rows, as fast as the servers take them.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::pin::pin;

use chorus_protocol::{ColumnSpec, IntoRow, RowWriter, Unset, ValueError, ValueErrorReason};
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};

use super::common::{Common, Verb};
use super::insert::refuse_counters;
use super::operation::{Source, prepare};
use super::using::{Using, ttl_setter, write_setters};
use super::{Mapper, MapperError, Model};
use crate::statement::StatementOptions;
use crate::{BulkInsert, BulkProgress, BulkReport};

/// The insertion of many rows, made by [`Mapper::insert_all`] and [`Mapper::insert_stream`]. Begins when it is awaited; dropping the future ends
/// it, and rows under way may still be written.
///
/// One statement is prepared, rows are encoded straight into the chunks they travel in, and nobody is woken for a single row; see
/// [`BulkInsert`], which this is. Each row is [validated](super::ModelFields::validate) when its turn comes.
///
/// Columns that are null are left as they are, as by [`Insert`](super::Insert); on protocol version 3 they are written as null.
///
/// # Errors
///
/// The failure that was one too many, with the [index](crate::Error::index) of its row, a row that is not valid included; rows before and after
/// it may have been written. [`MapperError::Statement`] for tables of counters.
#[must_use = "nothing is sent before it is awaited"]
pub struct InsertAll<'v, M, Rows> {
    mapper: &'v Mapper,
    rows: Rows,
    nulls: bool,
    concurrency: usize,
    chunk_bytes: Option<usize>,
    errors_allowed: usize,
    progress: BulkProgress,
    using: Using,
    idempotent: Option<bool>,
    options: StatementOptions,
    of: PhantomData<fn() -> M>,
}

/// Rows of an iterator.
#[derive(Debug, Clone)]
pub struct Listed<I>(I);

/// Rows of a stream.
#[derive(Debug, Clone)]
pub struct Streamed<S>(S);

impl Mapper {
    /// Inserts all rows of an iterator: models, or references to them. The iterator is consumed as fast as rows are taken, on the task that
    /// awaits this.
    ///
    /// ```no_run
    /// # use chorus::mapper::{Mapper, MapperError, Model};
    /// # async fn example<Reading: Model>(mapper: Mapper, readings: Vec<Reading>) -> Result<(), MapperError> {
    /// let report = mapper.insert_all::<Reading>(&readings).errors_allowed(100).await?;
    /// println!("{} rows in {:?}", report.written, report.elapsed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn insert_all<M: Model>(
        &self,
        rows: impl IntoIterator<Item: Borrow<M> + Send, IntoIter: Send>,
    ) -> InsertAll<'_, M, Listed<impl Iterator<Item: Borrow<M> + Send> + Send>> {
        self.insert_many(Listed(rows.into_iter()))
    }

    /// Inserts all rows of a stream. While it has nothing to give, rows that were taken from it are sent.
    pub fn insert_stream<M: Model, S>(&self, rows: S) -> InsertAll<'_, M, Streamed<S>>
    where
        S: Stream<Item = M> + Send,
    {
        self.insert_many(Streamed(rows))
    }

    fn insert_many<M, Rows>(&self, rows: Rows) -> InsertAll<'_, M, Rows> {
        InsertAll {
            mapper: self,
            rows,
            nulls: false,
            concurrency: BulkInsert::DEFAULT_CONCURRENCY,
            chunk_bytes: None,
            errors_allowed: 0,
            progress: BulkProgress::default(),
            using: Using::default(),
            idempotent: None,
            options: StatementOptions::default(),
            of: PhantomData,
        }
    }
}

impl<M: Model, Rows> InsertAll<'_, M, Rows> {
    /// How many rows may be under way, all connections together. Defaults to 2048; zero is an error.
    pub fn concurrency(mut self, rows: usize) -> Self {
        self.concurrency = rows;
        self
    }

    /// How many bytes travel to a connection as one piece. Defaults to 8 KiB.
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = Some(bytes);
        self
    }

    /// How many rows may fail before the whole does. Failed rows are listed in the [report](BulkReport::failed). Defaults to 0: the
    /// first failure ends it.
    pub fn errors_allowed(mut self, rows: usize) -> Self {
        self.errors_allowed = rows;
        self
    }

    /// Writes null for columns that are null; see [`Insert::write_nulls`](super::Insert::write_nulls).
    pub fn write_nulls(mut self) -> Self {
        self.nulls = true;
        self
    }

    /// How far it is, for another task to look at.
    pub fn progress(&self) -> BulkProgress {
        self.progress.clone()
    }

    write_setters!();
    ttl_setter!();

    /// The statement, ready to take rows, and what to do with them.
    async fn begin(self) -> Result<(BulkInsert, Rows, Manner), MapperError> {
        let table = M::table();
        refuse_counters(table)?;
        let keyspace = self.mapper.keyspace_of(table)?;
        let verb = Verb::Insert {
            if_not_exists: false,
            ttl: self.using.ttl.is_some(),
            timestamp: self.using.timestamp.is_some(),
            only_static: false,
        };
        let source = Source::Common(Common::new::<M>(&keyspace, verb), table);
        let idempotent = self.idempotent.unwrap_or(true);
        let statement = prepare(self.mapper, &source, self.options, idempotent).await?;
        let session = &self.mapper.session;
        let bulk = session
            .bulk(&statement)
            .concurrency(self.concurrency)
            .errors_allowed(self.errors_allowed)
            .telling(self.progress);
        let bulk = match self.chunk_bytes {
            Some(bytes) => bulk.chunk_bytes(bytes),
            None => bulk,
        };
        let manner = Manner {
            nulls: self.nulls || !session.protocol_version().has_unset(),
            columns: table.columns.len(),
            using: self.using,
        };
        Ok((bulk, self.rows, manner))
    }
}

/// How rows are written.
#[derive(Clone, Copy)]
struct Manner {
    /// As null, not left alone.
    nulls: bool,
    columns: usize,
    using: Using,
}

/// A model as a row of the statement.
struct OneOfMany<R, M> {
    row: R,
    manner: Manner,
    of: PhantomData<fn() -> M>,
}

impl<M: Model, R: Borrow<M>> OneOfMany<R, M> {
    fn new(row: R, manner: Manner) -> Self {
        Self { row, manner, of: PhantomData }
    }
}

impl<M: Model, R: Borrow<M>> IntoRow for OneOfMany<R, M> {
    fn write_row(&self, _: &[ColumnSpec], out: &mut RowWriter<'_>) -> Result<(), ValueError> {
        let (model, Manner { nulls, columns, using }) = (self.row.borrow(), self.manner);
        model
            .validate()
            .map_err(|invalid| ValueError::new(ValueErrorReason::Custom(invalid.to_string().into())))?;
        for index in 0..columns {
            match nulls || !model.is_null(index) {
                true => out.value(model.value(index))?,
                false => out.value(&Unset)?,
            }
        }
        if let Some(ttl) = using.ttl {
            out.value(&ttl)?;
        }
        match using.timestamp {
            Some(timestamp) => out.value(&timestamp),
            None => Ok(()),
        }
    }
}

/// Sends them.
impl<'v, M: Model, I> IntoFuture for InsertAll<'v, M, Listed<I>>
where
    I: Iterator<Item: Borrow<M> + Send> + Send + 'v,
{
    type Output = Result<BulkReport, MapperError>;
    type IntoFuture = BoxFuture<'v, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (bulk, Listed(rows), manner) = self.begin().await?;
            Ok(bulk.load(rows.map(|row| OneOfMany::<_, M>::new(row, manner))).await?)
        })
    }
}

/// Sends them.
impl<'v, M: Model, S> IntoFuture for InsertAll<'v, M, Streamed<S>>
where
    S: Stream<Item = M> + Send + 'v,
{
    type Output = Result<BulkReport, MapperError>;
    type IntoFuture = BoxFuture<'v, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (bulk, Streamed(rows), manner) = self.begin().await?;
            let rows = pin!(rows);
            Ok(bulk.load_stream(rows.map(|row| OneOfMany::<M, M>::new(row, manner))).await?)
        })
    }
}

impl<M: Model, Rows> fmt::Debug for InsertAll<'_, M, Rows> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsertAll")
            .field("table", &M::table().name)
            .field("concurrency", &self.concurrency)
            .field("errors_allowed", &self.errors_allowed)
            .finish_non_exhaustive()
    }
}

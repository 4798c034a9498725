//! Reading rows that are chosen by filters.
//!
//! `query.rs` (untyped) is what was asked for, `check.rs` refuses what a server would refuse, or would answer by reading the whole
//! table, `selection.rs` is what rows become, `run.rs` sends and reads.

mod check;
mod order;
mod query;
mod rows;
mod run;
mod selection;

use std::marker::PhantomData;

pub use order::Order;
pub(super) use query::{Query, row_setters};
pub use rows::{Page, SelectStream};
pub(super) use run::{Request, all, count, first, one, page, stream};
pub use selection::{Fields, Kept, Optional, PartitionKeys, ReadColumn, Selection, Whole};

use super::statement_text::StatementText;
use super::using::idempotent_setter;
use super::{Filter, Mapper, MapperError, Model, ModelFields};
use crate::PagingState;
use crate::statement::{StatementOptions, page_size_setter, request_setters};

/// A selection of rows, made by [`Mapper::select`]. Each method returns the selection refined; nothing is sent before one of its ends:
/// [`all`](Self::all), [`first`](Self::first), [`one`](Self::one), [`at_most_one`](Self::at_most_one), [`count`](Self::count),
/// [`stream`](Self::stream) and [`page`](Self::page).
///
/// There is no hidden limit: results come page by page, as many as there are. `S` is what a row becomes: the whole model, or what
/// [`only`](Self::only) was given.
///
/// **Checked before it is sent**: filters on rows must find them by the partition key, an index, or a token, or the selection must be told
/// to [read everything there is](Self::allow_filtering); orders are by clustering columns; [`distinct`](Self::distinct) reads partition keys and
/// static columns. What is wrong comes back as [`MapperError::Statement`].
///
/// ```no_run
/// # use chorus::mapper::{Column, Mapper, MapperError, Model};
/// # async fn example<Reading: Model>(mapper: Mapper, sensor: Column<Reading, i64>, at: Column<Reading, i64>) -> Result<(), MapperError> {
/// let newest = mapper.select::<Reading>().filter(sensor.eq(7)).order_by(at.desc()).limit(10).all().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent before one of its ends"]
pub struct Select<'v, M, S = Whole> {
    mapper: &'v Mapper,
    query: Query,
    selection: S,
    idempotent: Option<bool>,
    options: StatementOptions,
    of: PhantomData<fn() -> M>,
}

impl Mapper {
    /// Reads rows of a model.
    pub fn select<M: Model>(&self) -> Select<'_, M> {
        Select {
            mapper: self,
            query: Query::default(),
            selection: Whole,
            idempotent: None,
            options: StatementOptions::default(),
            of: PhantomData,
        }
    }
}

/// What a row becomes.
impl<'v, M: Model> Select<'v, M> {
    /// Reads these columns only: one of them, which becomes its value, or a tuple of up to twelve, which becomes a tuple of values. A value that
    /// may be null is asked for as [`optional`](super::Column::optional).
    ///
    /// ```no_run
    /// # use chorus::mapper::{Column, Mapper, MapperError, Model};
    /// # async fn example<User: Model>(mapper: Mapper, name: Column<User, String>, email: Column<User, String>) -> Result<(), MapperError> {
    /// let names: Vec<String> = mapper.select::<User>().only(name).all().await?;
    /// let both: Vec<(String, Option<String>)> = mapper.select::<User>().only((name, email.optional())).all().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn only<S: Selection<M>>(self, columns: S) -> Select<'v, M, S> {
        self.select(columns)
    }

    /// Reads the columns of a struct that has some of the model's: a part of it, derived with `#[derive(ModelFields)]`.
    pub fn fields<P>(self) -> Select<'v, M, Fields<P>>
    where
        P: ModelFields + for<'f> chorus_protocol::FromRow<'f>,
    {
        self.select(Fields::new())
    }

    /// Rows with a memory of what they were like, so that [`save`](Mapper::save) writes what changed.
    pub fn tracked(self) -> Select<'v, M, Kept> {
        self.select(Kept)
    }

    /// Reads the partition keys there are, each once: `SELECT DISTINCT` of them.
    pub fn partition_keys(self) -> Select<'v, M, PartitionKeys>
    where
        M::PartitionKey: for<'f> chorus_protocol::FromRow<'f>,
    {
        self.select(PartitionKeys).distinct()
    }

    fn select<S>(self, selection: S) -> Select<'v, M, S> {
        Select {
            mapper: self.mapper,
            query: self.query,
            selection,
            idempotent: self.idempotent,
            options: self.options,
            of: PhantomData,
        }
    }
}

/// Which rows, and in which order.
impl<M: Model, S> Select<'_, M, S> {
    /// Only rows for which the comparison holds. Several filters must all hold.
    pub fn filter(mut self, filter: Filter<M>) -> Self {
        self.query.filters.push(filter.relation);
        self
    }

    /// Only rows for which all of these hold.
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter<M>>) -> Self {
        self.query.filters.extend(filters.into_iter().map(|filter| filter.relation));
        self
    }

    /// The order of the rows in each partition, by clustering columns: [`asc`](super::Column::asc) and
    /// [`desc`](super::Column::desc). Called several times, the first column comes first. Defaults to the table's order.
    pub fn order_by(mut self, order: Order<M>) -> Self {
        self.query.order.push((order.column.into(), order.descending));
        self
    }

    /// Takes back all that [`order_by`](Self::order_by) said.
    pub fn unordered(mut self) -> Self {
        self.query.order.clear();
        self
    }

    row_setters!();

    /// One row for each partition (`SELECT DISTINCT`), of [`only`](Self::only) columns of the partition key and static ones.
    pub fn distinct(mut self) -> Self {
        self.query.distinct = true;
        self
    }

    request_setters!(unchanged);
    page_size_setter!(unchanged);
    idempotent_setter!();
}

/// The ends.
impl<M: Model, S: Selection<M>> Select<'_, M, S> {
    /// All rows, fetched page by page and held in memory; for more than that see [`stream`](Self::stream).
    ///
    /// # Errors
    ///
    /// See [`Select`]; the errors of requests.
    pub async fn all(self) -> Result<Vec<S::Item>, MapperError> {
        let request = self.request()?;
        all::<S::Row, _>(request, S::item).await
    }

    /// The first row, if there is one: `LIMIT 1`.
    ///
    /// # Errors
    ///
    /// See [`Select`]; the errors of requests.
    pub async fn first(mut self) -> Result<Option<S::Item>, MapperError> {
        self.query.limit = Some(1);
        Ok(first::<S::Row>(self.request()?).await?.map(S::item))
    }

    /// The only row.
    ///
    /// # Errors
    ///
    /// [`MapperError::NotFound`] and [`MapperError::MultipleRows`], told apart by reading two at most; those of [`Select`]; the
    /// errors of requests.
    pub async fn one(self) -> Result<S::Item, MapperError> {
        let table = &M::table().name;
        self.at_most_one().await?.ok_or_else(|| MapperError::NotFound { table: table.to_string() })
    }

    /// The only row, if there is one.
    ///
    /// # Errors
    ///
    /// [`MapperError::MultipleRows`]; those of [`Select`]; the errors of requests.
    pub async fn at_most_one(mut self) -> Result<Option<S::Item>, MapperError> {
        self.query.read_two();
        Ok(one::<S::Row>(self.request()?).await?.map(S::item))
    }

    /// How many rows there are, counted by the servers. Order and limit are of no account.
    ///
    /// # Errors
    ///
    /// See [`Select`]; [`MapperError::Statement`] for distinct rows, which CQL does not count; the errors of requests.
    pub async fn count(mut self) -> Result<u64, MapperError> {
        self.query.counted = true;
        count(self.request()?).await
    }

    /// The rows one by one; the next page is fetched while one is read, so that memory is bounded by two pages.
    ///
    /// # Errors
    ///
    /// See [`Select`]; the errors of the request for the first page.
    pub async fn stream(self) -> Result<SelectStream<S::Row, S::Item>, MapperError> {
        let request = self.request()?;
        stream(request, S::item).await
    }

    /// The page that begins at `page`, the first for `None`, and where the next one begins: for handing pages on to others, and going on
    /// later with the same selection. How large pages are says [`page_size`](Self::page_size).
    ///
    /// # Errors
    ///
    /// See [`Select`]; the errors of requests.
    pub async fn page(self, page: Option<PagingState>) -> Result<Page<S::Item>, MapperError> {
        self::page::<S::Row, _>(self.request()?, page, S::item).await
    }

    /// The text that would be sent, for golden tests.
    #[cfg(test)]
    pub(super) fn cql(&self) -> Result<String, MapperError> {
        Ok(self.text()?.cql)
    }

    #[cfg(test)]
    pub(super) fn count_only(&mut self) {
        self.query.counted = true;
    }

    fn text(&self) -> Result<StatementText<'static>, MapperError> {
        let table = M::table();
        let columns = self.selection.columns(table);
        self.query.check(table, &columns)?;
        Ok(self.query.text(&self.mapper.keyspace_of(table)?, table, &columns))
    }

    fn request(self) -> Result<Request, MapperError> {
        let text = self.text()?;
        Ok(Request {
            mapper: self.mapper.clone(),
            table: M::table().name.to_string(),
            text,
            options: self.options,
            idempotent: self.idempotent.unwrap_or(true),
        })
    }
}

impl<M, S: Clone> Clone for Select<'_, M, S> {
    fn clone(&self) -> Self {
        Self {
            mapper: self.mapper,
            query: self.query.clone(),
            selection: self.selection.clone(),
            idempotent: self.idempotent,
            options: self.options.clone(),
            of: PhantomData,
        }
    }
}

impl<M: Model, S> std::fmt::Debug for Select<'_, M, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Select")
            .field("table", &M::table().name)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

//! Tables without a model, by the names of their columns.

use std::borrow::Cow;
use std::sync::Arc;

use chorus_protocol::{FromRow, ToCql};

use super::relation::{Left, Relation};
use super::select::{Page, Query, SelectStream, all, count, first, one, page, row_setters, stream};
use super::statement_text::StatementText;
use super::using::idempotent_setter;
use super::value::Value;
use super::{Mapper, MapperError, Operator};
use crate::PagingState;
use crate::statement::{StatementOptions, page_size_setter, request_setters};

/// A table of which there is no model, made by [`Mapper::table`]: its rows are read, not written.
///
/// What its columns are is taken from the schema as the session knows it. Rows become whatever reads them:
/// [`Row`](crate::Row), a `HashMap<String, Option<CqlValue>>`, a tuple, a struct that derives `FromRow`.
#[derive(Debug, Clone)]
pub struct NamedTable {
    mapper: Mapper,
    keyspace: Arc<str>,
    name: Arc<str>,
}

impl Mapper {
    /// A table by its name, of any keyspace; both as they are spelled in the schema.
    pub fn table(&self, keyspace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> NamedTable {
        NamedTable { mapper: self.clone(), keyspace: keyspace.into(), name: name.into() }
    }
}

impl NamedTable {
    /// Reads rows of it.
    ///
    /// ```no_run
    /// # use std::collections::HashMap;
    /// # use chorus::mapper::{Mapper, MapperError, Operator};
    /// # async fn example(mapper: Mapper) -> Result<(), MapperError> {
    /// use chorus::CqlValue;
    ///
    /// let rows: Vec<HashMap<String, Option<CqlValue>>> = mapper
    ///     .table("system", "peers")
    ///     .select()
    ///     .filter("peer", Operator::Equal, std::net::Ipv4Addr::LOCALHOST)
    ///     .all()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn select(&self) -> NamedSelect {
        NamedSelect {
            table: self.clone(),
            columns: Vec::new(),
            query: Query::default(),
            idempotent: None,
            options: StatementOptions::default(),
        }
    }
}

/// A selection of rows of a [`NamedTable`]; as [`Select`](super::Select), with names instead of columns that know their type.
///
/// Filters without a value are those of [`Operator::IsNotNull`]. Values are bound as the types of their columns, and those that
/// do not fit are errors of kind [`Values`](crate::ErrorKind::Values).
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before one of its ends"]
pub struct NamedSelect {
    table: NamedTable,
    /// All of them when empty.
    columns: Vec<String>,
    query: Query,
    idempotent: Option<bool>,
    options: StatementOptions,
}

/// Which rows, and what of them.
impl NamedSelect {
    /// Only rows for which the comparison holds. Several filters must all hold. For [`Operator::In`] the value is a list of values.
    pub fn filter(
        mut self,
        column: impl Into<String>,
        operator: Operator,
        value: impl ToCql + Send + Sync + 'static,
    ) -> Self {
        let value = (operator != Operator::IsNotNull).then(|| Value::one(value));
        self.query.filters.push(Relation::of_column(column.into(), operator, value));
        self
    }

    /// Only rows whose partition key has a token for which the comparison holds.
    pub fn filter_token(mut self, operator: Operator, token: i64) -> Self {
        let value = Some(Value::one(token));
        self.query.filters.push(Relation { left: Left::Token, operator, value });
        self
    }

    /// Only these columns. Defaults to all.
    pub fn only(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.columns = columns.into_iter().map(Into::into).collect();
        self
    }

    /// The order of the rows in each partition, by a clustering column, smallest first. Called several times, the first column comes first.
    pub fn ascending_by(mut self, column: impl Into<String>) -> Self {
        self.query.order.push((column.into().into(), false));
        self
    }

    /// The same, largest first.
    pub fn descending_by(mut self, column: impl Into<String>) -> Self {
        self.query.order.push((column.into().into(), true));
        self
    }

    row_setters!();

    /// One row for each partition (`SELECT DISTINCT`): of [`only`](Self::only) columns of the partition key and static ones, by default
    /// the partition key.
    pub fn distinct(mut self) -> Self {
        self.query.distinct = true;
        self
    }

    request_setters!(unchanged);
    page_size_setter!(unchanged);
    idempotent_setter!();
}

/// The ends.
impl NamedSelect {
    /// All rows; see [`Select::all`](super::Select::all).
    ///
    /// # Errors
    ///
    /// [`MapperError::Statement`] when there is no such table, and as for [`Select`](super::Select); the errors of requests.
    pub async fn all<R: for<'f> FromRow<'f>>(self) -> Result<Vec<R>, MapperError> {
        all(self.request()?, std::convert::identity::<R>).await
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    ///
    /// Those of [`all`](Self::all).
    pub async fn first<R: for<'f> FromRow<'f>>(mut self) -> Result<Option<R>, MapperError> {
        self.query.limit = Some(1);
        first(self.request()?).await
    }

    /// The only row.
    ///
    /// # Errors
    ///
    /// [`MapperError::NotFound`] and [`MapperError::MultipleRows`]; those of [`all`](Self::all).
    pub async fn one<R: for<'f> FromRow<'f>>(self) -> Result<R, MapperError> {
        let table = self.table.name.to_string();
        self.at_most_one().await?.ok_or(MapperError::NotFound { table })
    }

    /// The only row, if there is one.
    ///
    /// # Errors
    ///
    /// [`MapperError::MultipleRows`]; those of [`all`](Self::all).
    pub async fn at_most_one<R: for<'f> FromRow<'f>>(mut self) -> Result<Option<R>, MapperError> {
        self.query.read_two();
        one(self.request()?).await
    }

    /// How many rows there are, counted by the servers.
    ///
    /// # Errors
    ///
    /// Those of [`all`](Self::all).
    pub async fn count(mut self) -> Result<u64, MapperError> {
        self.query.counted = true;
        count(self.request()?).await
    }

    /// The rows one by one; see [`Select::stream`](super::Select::stream).
    ///
    /// # Errors
    ///
    /// Those of [`all`](Self::all).
    pub async fn stream<R: for<'f> FromRow<'f>>(self) -> Result<SelectStream<R, R>, MapperError> {
        stream(self.request()?, std::convert::identity::<R>).await
    }

    /// A page; see [`Select::page`](super::Select::page).
    ///
    /// # Errors
    ///
    /// Those of [`all`](Self::all).
    pub async fn page<R: for<'f> FromRow<'f>>(
        self,
        from: Option<PagingState>,
    ) -> Result<Page<R>, MapperError> {
        page(self.request()?, from, std::convert::identity::<R>).await
    }

    fn request(self) -> Result<super::select::Request, MapperError> {
        let text = self.text()?;
        Ok(super::select::Request {
            mapper: self.table.mapper,
            table: self.table.name.to_string(),
            text,
            options: self.options,
            idempotent: self.idempotent.unwrap_or(true),
        })
    }

    fn text(&self) -> Result<StatementText<'static>, MapperError> {
        let NamedTable { mapper, keyspace, name } = &self.table;
        let state = mapper.session.state();
        let Some(table) = state.table(keyspace, name) else {
            let reason =
                format!("there is no such table in keyspace {keyspace}, as far as the session knows");
            return Err(MapperError::Statement { table: name.to_string(), reason });
        };
        let named: Vec<Cow<'_, str>> = match self.columns.is_empty() && self.query.distinct {
            true => super::facts::TableFacts::partition_columns(table),
            false => self.columns.iter().map(|column| Cow::Borrowed(&**column)).collect(),
        };
        self.query.check(table, &named)?;
        Ok(self.query.text(keyspace, table, &named))
    }
}

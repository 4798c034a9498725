//! Sending a selection and reading what comes.

use chorus_protocol::{FromRow, Scalar};
use futures::TryStreamExt;

use super::{Page, SelectStream};
use crate::mapper::operation::{Source, prepare};
use crate::mapper::statement_text::StatementText;
use crate::mapper::value::Values;
use crate::mapper::{Mapper, MapperError};
use crate::statement::StatementOptions;
use crate::{PagingState, PreparedStatement};

/// A selection with its text and all it is sent with.
pub(in crate::mapper) struct Request {
    pub(in crate::mapper) mapper: Mapper,
    /// For errors.
    pub(in crate::mapper) table: String,
    pub(in crate::mapper) text: StatementText<'static>,
    pub(in crate::mapper) options: StatementOptions,
    pub(in crate::mapper) idempotent: bool,
}

impl Request {
    async fn prepare(self) -> Result<(Mapper, PreparedStatement, Values<'static>), MapperError> {
        let source = Source::Text(self.text.cql);
        let statement = prepare(&self.mapper, &source, self.options, self.idempotent).await?;
        Ok((self.mapper, statement, self.text.values))
    }
}

/// All rows.
pub(in crate::mapper) async fn all<R, T>(request: Request, item: fn(R) -> T) -> Result<Vec<T>, MapperError>
where
    R: for<'f> FromRow<'f>,
{
    let (mapper, statement, values) = request.prepare().await?;
    let mut rows = mapper.session.execute_iter(&statement, values).await?.rows::<R>()?;
    let mut items = Vec::new();
    while let Some(row) = rows.try_next().await? {
        items.push(item(row));
    }
    Ok(items)
}

/// The first row. Pages may be empty although others follow.
pub(in crate::mapper) async fn first<R>(request: Request) -> Result<Option<R>, MapperError>
where
    R: for<'f> FromRow<'f>,
{
    let (mapper, statement, values) = request.prepare().await?;
    let mut rows = mapper.session.execute_iter(&statement, values).await?.rows::<R>()?;
    Ok(rows.try_next().await?)
}

/// The only row.
pub(in crate::mapper) async fn one<R>(request: Request) -> Result<Option<R>, MapperError>
where
    R: for<'f> FromRow<'f>,
{
    let table = request.table.clone();
    let (mapper, statement, values) = request.prepare().await?;
    let mut rows = mapper.session.execute_iter(&statement, values).await?.rows::<R>()?;
    let Some(row) = rows.try_next().await? else { return Ok(None) };
    match rows.try_next().await? {
        None => Ok(Some(row)),
        Some(_) => Err(MapperError::MultipleRows { table }),
    }
}

/// The number of rows.
pub(in crate::mapper) async fn count(request: Request) -> Result<u64, MapperError> {
    let count = first::<Scalar<i64>>(request).await?;
    Ok(count.map_or(0, |Scalar(count)| u64::try_from(count).unwrap_or_default()))
}

/// The rows one by one.
pub(in crate::mapper) async fn stream<R, T>(
    request: Request,
    item: fn(R) -> T,
) -> Result<SelectStream<R, T>, MapperError>
where
    R: for<'f> FromRow<'f>,
{
    let (mapper, statement, values) = request.prepare().await?;
    let rows = mapper.session.execute_iter(&statement, values).await?.rows::<R>()?;
    Ok(SelectStream::new(rows, item))
}

/// One page.
pub(in crate::mapper) async fn page<R, T>(
    request: Request,
    page: Option<PagingState>,
    item: fn(R) -> T,
) -> Result<Page<T>, MapperError>
where
    R: for<'f> FromRow<'f>,
{
    let (mapper, statement, values) = request.prepare().await?;
    let result = mapper.session.execute_page(&statement, values, page).await?;
    let mut items = Vec::with_capacity(result.row_count());
    for row in result.rows::<R>()? {
        items.push(item(row?));
    }
    Ok(Page { items, next: result.paging_state() })
}

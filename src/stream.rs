//! Results of many pages.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use chorus_protocol::{ColumnSpec, FromRow, Uuid};
use futures::Stream;
use futures::future::BoxFuture;

use crate::Session;
use crate::error::{Error, ResultProblem};
use crate::observe::{CallSpan, SpanOf};
use crate::request::{AnyStatement, send};
use crate::result::{PagingState, QueryResult, RowCursor};

/// The pages of a result.
///
/// Made by [`Session::execute_iter`] and [`Session::query_iter`], when the first page is here. While a page is read, the
/// next one is already on its way: one page and no more, so that memory is bounded by two pages. Each page has the whole
/// timeout for itself, and may come from another host. Dropping it cancels the page on its way.
///
/// ```no_run
/// # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
/// use futures::TryStreamExt;
///
/// let select = session.prepare("SELECT id, total FROM shop.orders WHERE customer = ?").await?.page_size(1000);
/// let mut rows = session.execute_iter(&select, (7_i64,)).await?.rows::<(i64, i32)>()?;
/// while let Some((id, total)) = rows.try_next().await? {
///     println!("{id}: {total}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Pages {
    session: Session,
    statement: AnyStatement,
    state: State,
    /// Of the pages that were handed out, where they were traced.
    tracing_ids: Vec<Uuid>,
    /// The span of all pages together, if somebody wants one.
    span: Option<Arc<CallSpan>>,
}

enum State {
    /// A page that was not handed out yet.
    Here(QueryResult),
    /// The next page, on its way since the one before was handed out.
    Coming(BoxFuture<'static, Result<QueryResult, Error>>),
    /// All pages were handed out, or one failed.
    Done,
}

impl Pages {
    /// Fetches the first page.
    pub(crate) async fn open(session: Session, statement: AnyStatement) -> Result<Self, Error> {
        let span = session.inner.observers.pages_span(&session, &statement);
        let first = send(&session, &statement, None, SpanOf::Call(span.as_ref()))?.finish(&session).await?;
        Ok(Self { session, statement, state: State::Here(first), tracing_ids: Vec::new(), span })
    }

    /// The next page; `None` after the last. Pages may be empty although others follow.
    ///
    /// # Errors
    ///
    /// Those of [`Session::execute`]. After an error there are no more pages.
    pub async fn next_page(&mut self) -> Result<Option<QueryResult>, Error> {
        std::future::poll_fn(|cx| self.poll_next_page(cx)).await
    }

    pub(crate) fn poll_next_page(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<QueryResult>, Error>> {
        let page = match &mut self.state {
            State::Done => return Poll::Ready(Ok(None)),
            State::Here(page) => page.clone(),
            State::Coming(page) => {
                let page = ready!(page.as_mut().poll(cx));
                self.state = State::Done;
                page?
            }
        };
        self.tracing_ids.extend(page.tracing_id());
        self.state = match page.paging_state() {
            None => State::Done,
            Some(next) => self.fetch(&next)?,
        };
        Poll::Ready(Ok(Some(page)))
    }

    /// The first page, as long as it was not handed out.
    #[cfg(feature = "arrow")]
    pub(crate) fn waiting(&self) -> Option<&QueryResult> {
        match &self.state {
            State::Here(page) => Some(page),
            State::Coming(_) | State::Done => None,
        }
    }

    /// Hands out no further page.
    #[cfg(feature = "arrow")]
    pub(crate) fn stop(&mut self) {
        self.state = State::Done;
    }

    /// The ids of the traces of all pages handed out so far, one a page; empty unless the statement asked to be
    /// [traced](crate::Statement::tracing).
    pub fn tracing_ids(&self) -> &[Uuid] {
        &self.tracing_ids
    }

    /// Sends for a page without waiting for it.
    fn fetch(&self, page: &PagingState) -> Result<State, Error> {
        let mut sent = send(&self.session, &self.statement, Some(page), SpanOf::Call(self.span.as_ref()))?;
        // A full queue is no reason to fail: the request is then handed over when the page is waited for.
        let _ = sent.reply.try_send();
        let session = self.session.clone();
        Ok(State::Coming(Box::pin(async move { sent.finish(&session).await })))
    }

    /// The rows of all pages as `T`, which owns what it holds: a tuple, a derived struct, [`Row`](crate::Row). To borrow text
    /// and blobs from the pages, take the [pages](Self::next_page) and their [rows](QueryResult::rows).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Result`](crate::ErrorKind::Result) when the statement returns no rows,
    /// [`ErrorKind::Rows`](crate::ErrorKind::Rows) when `T` does not fit the columns.
    pub fn rows<T>(self) -> Result<RowStream<T>, Error>
    where
        T: for<'f> FromRow<'f>,
    {
        if let State::Here(first) = &self.state {
            if !first.is_rows() {
                return Err(ResultProblem::NotRows.into());
            }
            T::check(first.columns()).map_err(Error::rows)?;
        }
        Ok(RowStream { pages: self, page: None, row: PhantomData })
    }
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("statement", &self.statement).finish_non_exhaustive()
    }
}

/// The rows of all pages of a result, in order; see [`Pages`].
///
/// Ends after the first error of a page. A row that cannot be read is an error of its own, and the rows after it follow.
#[must_use = "a stream does nothing unless it is polled"]
pub struct RowStream<T> {
    pages: Pages,
    /// The page being read.
    page: Option<RowCursor>,
    row: PhantomData<fn() -> T>,
}

impl<T> RowStream<T> {
    /// The ids of the traces of all pages begun so far; see [`Pages::tracing_ids`].
    pub fn tracing_ids(&self) -> &[Uuid] {
        self.pages.tracing_ids()
    }

    /// The description of the rows, as long as a page is being read; empty before the first row.
    pub fn columns(&self) -> &[ColumnSpec] {
        self.page.as_ref().map_or(&[], |page| page.columns())
    }
}

impl<T> RowStream<T> {
    /// Hands out an error after which no page makes sense.
    fn end(&mut self, error: Error) -> Poll<Option<Result<T, Error>>> {
        self.pages.state = State::Done;
        Poll::Ready(Some(Err(error)))
    }
}

impl<T> Stream for RowStream<T>
where
    T: for<'f> FromRow<'f>,
{
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(row) = this.page.as_mut().and_then(RowCursor::next::<T>) {
                return Poll::Ready(Some(row));
            }
            let page = match ready!(this.pages.poll_next_page(cx)) {
                Ok(Some(page)) => page,
                Ok(None) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            let cursor = match page.into_rows() {
                Ok(rows) => RowCursor::new(rows),
                Err(error) => return this.end(error),
            };
            // The type was checked against the first page; a table altered meanwhile may have changed the rest.
            let same = this.page.as_ref().is_some_and(|page| Arc::ptr_eq(page.columns(), cursor.columns()));
            if !same && let Err(error) = T::check(cursor.columns()) {
                return this.end(Error::rows(error));
            }
            this.page = Some(cursor);
        }
    }
}

impl<T> std::fmt::Debug for RowStream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowStream").field("pages", &self.pages).finish_non_exhaustive()
    }
}

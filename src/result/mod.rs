//! What comes back.
//!
//! A [`QueryResult`] keeps the bytes of the answer; rows are decoded when they are asked for, in the caller's task, and may
//! borrow from those bytes.

mod paging;
mod rows;

use std::fmt;
use std::sync::Arc;

use chorus_protocol::response::SchemaChange;
use chorus_protocol::{ColumnSpec, CustomPayload, FromRow};
use chorus_topology::HostIndex;
use uuid::Uuid;

pub use paging::PagingState;
pub use rows::Rows;
pub(crate) use rows::{RowCursor, RowSet};

use crate::Session;
use crate::error::{Attempt, Attempts, Error, ResultProblem};
use crate::trace::Trace;

/// The answer to a request.
///
/// An answer that says no more than "done", as that to most writes, holds no memory.
#[derive(Clone)]
pub struct QueryResult {
    host: HostIndex,
    /// Zero when it is not known.
    request_bytes: u32,
    /// `None` for an answer without rows, warnings and the like.
    content: Option<Arc<Content>>,
}

/// Whatever an answer has besides "done".
#[derive(Clone, Default)]
pub(crate) struct Content {
    pub(crate) rows: Option<RowSet>,
    /// Apart, because an answer with rows and nothing else is moved a few times on its way to the caller.
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few answers have.
#[derive(Clone, Default)]
pub(crate) struct Rare {
    pub(crate) tracing_id: Option<Uuid>,
    pub(crate) warnings: Vec<String>,
    pub(crate) custom_payload: CustomPayload,
    pub(crate) schema_change: Option<SchemaChange>,
    pub(crate) schema_disagrees: bool,
    /// What went wrong before the answer came.
    pub(crate) attempts: Box<[chorus_actors::Attempt]>,
}

impl QueryResult {
    #[inline]
    pub(crate) fn void(host: HostIndex) -> Self {
        Self { host, request_bytes: 0, content: None }
    }

    pub(crate) fn new(host: HostIndex, content: Content) -> Self {
        Self { host, request_bytes: 0, content: Some(Arc::new(content)) }
    }

    #[inline(always)]
    pub(crate) fn of_request(mut self, bytes: usize) -> Self {
        // Frames are much shorter than that.
        self.request_bytes = bytes as u32;
        self
    }

    /// Keeps what went wrong before the answer came.
    pub(crate) fn after(mut self, attempts: Box<[chorus_actors::Attempt]>) -> Self {
        let content = Arc::make_mut(self.content.get_or_insert_default());
        content.rare.get_or_insert_default().attempts = attempts;
        self
    }

    fn rare(&self) -> Option<&Rare> {
        self.content.as_ref()?.rare.as_deref()
    }

    fn row_set(&self) -> Option<&RowSet> {
        self.content.as_ref()?.rows.as_ref()
    }

    pub(crate) fn into_rows(self) -> Result<RowSet, Error> {
        let rows = match self.content.map(Arc::try_unwrap) {
            Some(Ok(content)) => content.rows,
            Some(Err(shared)) => shared.rows.clone(),
            None => None,
        };
        rows.ok_or_else(|| ResultProblem::NotRows.into())
    }

    pub(crate) fn required_rows(&self) -> Result<&RowSet, Error> {
        self.row_set().ok_or_else(|| ResultProblem::NotRows.into())
    }

    /// Whether the answer has rows, possibly none of them: true for every SELECT and for conditional statements.
    pub fn is_rows(&self) -> bool {
        self.row_set().is_some()
    }

    /// The description of the rows; empty when the answer has none.
    pub fn columns(&self) -> &[ColumnSpec] {
        self.row_set().map_or(&[], |rows| &rows.columns)
    }

    /// How many rows this page has.
    pub fn row_count(&self) -> usize {
        self.row_set().map_or(0, RowSet::len)
    }

    /// The rows of this page as `T`: a tuple, a derived struct, [`Row`](crate::Row), or whatever implements [`FromRow`]. The
    /// type is checked against the columns once, here. Text and blobs may borrow from the result.
    ///
    /// ```no_run
    /// # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
    /// let result = session.query("SELECT id, name FROM shop.customers", ()).await?;
    /// for row in result.rows::<(i64, &str)>()? {
    ///     let (id, name) = row?;
    ///     println!("{id}: {name}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Result`](crate::ErrorKind::Result) when the statement returns no rows,
    /// [`ErrorKind::Rows`](crate::ErrorKind::Rows) when `T` does not fit the columns. Each row is an error of its own when one
    /// of its cells does not fit, such as a null where `T` has no place for it.
    pub fn rows<'f, T: FromRow<'f>>(&'f self) -> Result<Rows<'f, T>, Error> {
        self.required_rows()?.rows()
    }

    /// The first row of this page, if there is one.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows).
    pub fn first_row<'f, T: FromRow<'f>>(&'f self) -> Result<Option<T>, Error> {
        self.rows()?.next().transpose()
    }

    /// The only row.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows), and [`ErrorKind::Result`](crate::ErrorKind::Result) when there are no rows or several.
    pub fn single_row<'f, T: FromRow<'f>>(&'f self) -> Result<T, Error> {
        let rows = self.required_rows()?;
        match rows.len() {
            0 => Err(ResultProblem::NoRow.into()),
            1 => rows.rows()?.next().unwrap_or_else(|| Err(ResultProblem::NoRow.into())),
            several => Err(ResultProblem::TooManyRows(several).into()),
        }
    }

    /// Whether a conditional statement (`IF ..`) or batch was applied.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Result`](crate::ErrorKind::Result) when the statement was not conditional.
    pub fn was_applied(&self) -> Result<bool, Error> {
        self.row_set().and_then(RowSet::applied).ok_or_else(|| ResultProblem::NotConditional.into())
    }

    /// Where the next page begins; `None` when this page is the last. Only
    /// [`query_page`](crate::Session::query_page) and [`execute_page`](crate::Session::execute_page) leave pages to
    /// their caller.
    pub fn paging_state(&self) -> Option<PagingState> {
        self.row_set()?.paging_state.clone().map(PagingState::new)
    }

    /// Whether there are no further pages.
    pub fn is_last_page(&self) -> bool {
        self.row_set().is_none_or(|rows| rows.paging_state.is_none())
    }

    /// What the server warns of, such as a batch that is too large or a read over many tombstones.
    pub fn warnings(&self) -> &[String] {
        self.rare().map_or(&[], |rare| &rare.warnings)
    }

    /// The id of the trace, when the statement asked for tracing.
    pub fn tracing_id(&self) -> Option<Uuid> {
        self.rare()?.tracing_id
    }

    /// What a query handler on the server sent along.
    pub fn custom_payload(&self) -> Option<&CustomPayload> {
        let payload = &self.rare()?.custom_payload;
        (!payload.is_empty()).then_some(payload)
    }

    /// What the statement changed in the schema.
    pub fn schema_change(&self) -> Option<&SchemaChange> {
        self.rare()?.schema_change.as_ref()
    }

    /// Whether all hosts knew the schema change when the result was returned. False when they still disagreed after
    /// [`schema_agreement_timeout`](crate::SessionBuilder::schema_agreement_timeout); true for everything but schema
    /// changes.
    pub fn schema_agreed(&self) -> bool {
        self.rare().is_none_or(|rare| !rare.schema_disagrees)
    }

    /// The host that answered; [`ClusterState`](crate::ClusterState) knows more about it.
    pub fn host(&self) -> HostIndex {
        self.host
    }

    /// The attempts that failed before this answer came, the oldest first: hosts that had no connection, errors that the retry
    /// policy or speculation made up for. Nearly always none. Items of concurrent work do not tell theirs.
    pub fn attempts(&self) -> impl ExactSizeIterator<Item = Attempt<'_>> {
        self.attempts_made()
    }

    pub(crate) fn attempts_made(&self) -> Attempts<'_> {
        Attempts::of_request(self.rare().map_or(&[], |rare| &rare.attempts))
    }

    /// The bytes of the request, header included and before compression. `None` for items of concurrent work.
    pub fn request_bytes(&self) -> Option<usize> {
        (self.request_bytes > 0).then_some(self.request_bytes as usize)
    }

    /// What servers did for this request, which asked to be [traced](crate::Statement::tracing); see
    /// [`Session::trace`](crate::Session::trace).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Result`](crate::ErrorKind::Result) when it did not ask; the errors of
    /// [`Session::trace`](crate::Session::trace).
    pub async fn trace(&self, session: &Session) -> Result<Trace, Error> {
        session.trace(self.tracing_id().ok_or(ResultProblem::NotTraced)?).await
    }

    /// Marks a schema change that not every host knows yet.
    pub(crate) fn disagreed(mut self) -> Self {
        if let Some(content) = self.content.as_mut().and_then(Arc::get_mut) {
            content.rare.get_or_insert_default().schema_disagrees = true;
        }
        self
    }
}

impl fmt::Debug for QueryResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("QueryResult");
        match self.row_set() {
            Some(rows) => debug.field("rows", &rows.len()).field("columns", &rows.columns.len()),
            None => debug.field("rows", &None::<usize>),
        };
        debug.field("host", &self.host).finish_non_exhaustive()
    }
}

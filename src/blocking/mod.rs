//! The session for programs without a runtime.
//!
//! Every method waits on the calling thread, which sleeps meanwhile. The engine has a thread of its own (or several, see
//! [`Placement::Dedicated`](crate::Placement)), so no runtime is needed, and many threads may share a session: they share its
//! connections and their requests leave together.
//!
//! ```no_run
//! # fn example() -> Result<(), chorus::Error> {
//! use chorus::blocking::Session;
//!
//! let session = Session::connect(chorus::Session::builder().contact_point("127.0.0.1"))?;
//! let version = session.query("SELECT release_version FROM system.local", ())?.single_row::<(String,)>()?;
//! println!("{}", version.0);
//! # Ok(())
//! # }
//! ```
//!
//! Everything an asynchronous session does there is here, under the same name; a test compares the two. Streams are iterators
//! here: [`query_iter`](Session::query_iter), [`Concurrent::iter`], [`events`](Session::events).
//!
//! These methods work on a thread of a runtime as well, since the engine does not live there, and hold up whatever else that
//! thread has to do: in asynchronous code, use [`chorus::Session`](crate::Session), or the one behind a blocking session
//! ([`as_async`](Session::as_async)).

#[cfg(feature = "arrow")]
mod batches;
mod cluster;
mod iter;
mod many;
mod park;
mod publisher;
mod scan;

use chorus_protocol::{IntoRow, Uuid};

#[cfg(feature = "arrow")]
pub use self::batches::RecordBatchIter;
use self::park::{block_apart, block_on};
use crate::concurrent::{StatementSource, ValueSource};
use crate::error::Error;
use crate::request::AnyStatement;
use crate::{
    Batch, BulkReport, PagingState, PreparedStatement, QueryResult, SessionBuilder, Statement, Trace,
    TraceOptions,
};

pub use cluster::Cluster;
pub use iter::{ConcurrentIter, EventIter, PageIter, RowIter};
pub use many::{BulkInsert, BulkSink, Concurrent};
pub use publisher::Publisher;
pub use scan::{Scan, TableScan};

/// Waits for a future on this thread, which sleeps meanwhile: for what has no method of its own here, as the operations of a
/// [mapper](crate::mapper) over the session behind a blocking one ([`as_async`](Session::as_async)).
///
/// ```no_run
/// # use chorus::mapper::{Mapper, MapperError, Model};
/// use chorus::blocking::{Session, wait};
///
/// # fn example<User: Model>(session: Session, user: User) -> Result<(), MapperError> {
/// let mapper = Mapper::new(session.as_async());
/// wait(mapper.insert(&user))?;
/// let users: Vec<User> = wait(mapper.select::<User>().all())?;
/// # Ok(())
/// # }
/// ```
///
/// Futures that need a runtime, such as tokio's timers and sockets, do not run here.
pub fn wait<F: IntoFuture>(future: F) -> F::Output {
    block_on(future.into_future())
}

/// A connection to a cluster whose methods wait. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Session {
    inner: crate::Session,
}

impl Session {
    /// Connects. The engine gets one thread of its own unless the builder names a
    /// [dedicated placement](crate::Placement::Dedicated) with more.
    ///
    /// # Errors
    ///
    /// Those of [`SessionBuilder::connect`]; [`ErrorKind::Config`](crate::ErrorKind::Config) when the builder asks for the
    /// engine to live on the caller's runtime, of which there is none.
    pub fn connect(builder: SessionBuilder) -> Result<Self, Error> {
        Ok(Self { inner: block_apart(builder.for_blocking().connect())? })
    }

    /// The session behind it, for asynchronous code. It works in any runtime, as its engine has threads of its own.
    pub fn as_async(&self) -> &crate::Session {
        &self.inner
    }
}

/// Requests.
impl Session {
    /// See [`Session::query`](crate::Session::query).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn query(&self, statement: impl Into<Statement>, values: impl IntoRow) -> Result<QueryResult, Error> {
        block_on(self.inner.query(statement, values))
    }

    /// See [`Session::query_page`](crate::Session::query_page).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn query_page(
        &self,
        statement: impl Into<Statement>,
        values: impl IntoRow,
        page: Option<PagingState>,
    ) -> Result<QueryResult, Error> {
        block_on(self.inner.query_page(statement, values, page))
    }

    /// See [`Session::query_iter`](crate::Session::query_iter).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn query_iter(
        &self,
        statement: impl Into<Statement>,
        values: impl IntoRow,
    ) -> Result<PageIter, Error> {
        block_on(self.inner.query_iter(statement, values)).map(PageIter)
    }

    /// See [`Session::prepare`](crate::Session::prepare).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn prepare(&self, statement: impl Into<Statement>) -> Result<PreparedStatement, Error> {
        block_on(self.inner.prepare(statement))
    }

    /// See [`Session::bind`](crate::Session::bind).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn bind(
        &self,
        statement: impl Into<Statement>,
        values: impl IntoRow,
    ) -> Result<crate::BoundStatement, Error> {
        block_on(self.inner.bind(statement, values))
    }

    /// See [`Session::execute`](crate::Session::execute).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn execute(&self, statement: &PreparedStatement, values: impl IntoRow) -> Result<QueryResult, Error> {
        block_on(self.inner.execute(statement, values))
    }

    /// See [`Session::execute_page`](crate::Session::execute_page).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn execute_page(
        &self,
        statement: &PreparedStatement,
        values: impl IntoRow,
        page: Option<PagingState>,
    ) -> Result<QueryResult, Error> {
        block_on(self.inner.execute_page(statement, values, page))
    }

    /// See [`Session::execute_iter`](crate::Session::execute_iter).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn execute_iter(
        &self,
        statement: &PreparedStatement,
        values: impl IntoRow,
    ) -> Result<PageIter, Error> {
        block_on(self.inner.execute_iter(statement, values)).map(PageIter)
    }

    /// See [`Session::batch`](crate::Session::batch).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn batch(&self, batch: &Batch) -> Result<QueryResult, Error> {
        block_on(self.inner.batch(batch))
    }

    /// See [`Session::run`](crate::Session::run).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn run(&self, statement: impl Into<AnyStatement>) -> Result<QueryResult, Error> {
        block_on(self.inner.run(statement))
    }

    /// See [`Session::run_page`](crate::Session::run_page).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn run_page(
        &self,
        statement: impl Into<AnyStatement>,
        page: Option<PagingState>,
    ) -> Result<QueryResult, Error> {
        block_on(self.inner.run_page(statement, page))
    }

    /// See [`Session::run_iter`](crate::Session::run_iter).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn run_iter(&self, statement: impl Into<AnyStatement>) -> Result<PageIter, Error> {
        block_on(self.inner.run_iter(statement)).map(PageIter)
    }

    /// See [`Session::trace`](crate::Session::trace).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn trace(&self, id: Uuid) -> Result<Trace, Error> {
        block_on(self.inner.trace(id))
    }

    /// See [`Session::trace_with`](crate::Session::trace_with).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn trace_with(&self, id: Uuid, options: TraceOptions) -> Result<Trace, Error> {
        block_on(self.inner.trace_with(id, options))
    }
}

/// Many requests.
impl Session {
    /// See [`Session::execute_concurrent`](crate::Session::execute_concurrent).
    pub fn execute_concurrent<I>(&self, statements: I) -> Concurrent<StatementSource<I::IntoIter>>
    where
        I: IntoIterator,
        I::Item: Into<AnyStatement>,
    {
        Concurrent(self.inner.execute_concurrent(statements))
    }

    /// See [`Session::execute_concurrent_with_args`](crate::Session::execute_concurrent_with_args).
    pub fn execute_concurrent_with_args<I>(
        &self,
        statement: &PreparedStatement,
        rows: I,
    ) -> Concurrent<ValueSource<I::IntoIter>>
    where
        I: IntoIterator,
        I::Item: IntoRow,
    {
        Concurrent(self.inner.execute_concurrent_with_args(statement, rows))
    }

    /// See [`Session::bulk`](crate::Session::bulk).
    pub fn bulk(&self, statement: &PreparedStatement) -> BulkInsert {
        BulkInsert(self.inner.bulk(statement))
    }

    /// Writes all rows with one statement and every default of [`bulk`](Self::bulk).
    ///
    /// # Errors
    ///
    /// Those of [`BulkInsert::load`].
    pub fn bulk_insert<I>(&self, statement: &PreparedStatement, rows: I) -> Result<BulkReport, Error>
    where
        I: IntoIterator,
        I::Item: IntoRow,
    {
        self.bulk(statement).load(rows)
    }
}

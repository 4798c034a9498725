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
//! These methods block, so they have no place in asynchronous code; there, use [`chorus::Session`](crate::Session).

#[cfg(feature = "arrow")]
mod batches;
mod park;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chorus_actors::{MetricsSnapshot, ShutdownReport};
use chorus_protocol::{FromRow, IntoRow, Uuid};
use chorus_topology::ClusterState;
use futures::StreamExt;

#[cfg(feature = "arrow")]
pub use self::batches::RecordBatchIter;
use self::park::block_on;
use crate::concurrent::{StatementSource, ValueSource};
use crate::error::Error;
use crate::request::AnyStatement;
use crate::{
    Batch, BulkInsert, BulkReport, ConcurrentStream, Pages, PoolState, PreparedStatement, QueryResult,
    RowStream, SessionBuilder, ShardStats, Source, Statement, Trace,
};

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
        Ok(Self { inner: block_on(builder.for_blocking().connect())? })
    }

    /// The session behind it, for asynchronous code. It works in any runtime, as its engine has threads of its own.
    pub fn as_async(&self) -> &crate::Session {
        &self.inner
    }

    /// See [`Session::query`](crate::Session::query).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn query(&self, statement: impl Into<Statement>, values: impl IntoRow) -> Result<QueryResult, Error> {
        block_on(self.inner.query(statement, values))
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

    /// See [`Session::execute`](crate::Session::execute).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn execute(&self, statement: &PreparedStatement, values: impl IntoRow) -> Result<QueryResult, Error> {
        block_on(self.inner.execute(statement, values))
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

    /// See [`Session::trace`](crate::Session::trace).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn trace(&self, id: Uuid) -> Result<Trace, Error> {
        block_on(self.inner.trace(id))
    }

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

    /// Writes all rows with one statement; see [`Session::bulk`](crate::Session::bulk).
    ///
    /// # Errors
    ///
    /// Those of [`BulkInsert::load`].
    pub fn bulk_insert<I>(&self, statement: &PreparedStatement, rows: I) -> Result<BulkReport, Error>
    where
        I: IntoIterator,
        I::Item: IntoRow,
    {
        self.bulk_insert_with(statement, rows, |bulk| bulk)
    }

    /// Writes all rows with one statement and the settings that `configure` makes.
    ///
    /// # Errors
    ///
    /// Those of [`BulkInsert::load`].
    pub fn bulk_insert_with<I>(
        &self,
        statement: &PreparedStatement,
        rows: I,
        configure: impl FnOnce(BulkInsert) -> BulkInsert,
    ) -> Result<BulkReport, Error>
    where
        I: IntoIterator,
        I::Item: IntoRow,
    {
        block_on(configure(self.inner.bulk(statement)).load(rows))
    }

    /// See [`Session::use_keyspace`](crate::Session::use_keyspace).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn use_keyspace(&self, name: impl Into<String>) -> Result<(), Error> {
        block_on(self.inner.use_keyspace(name))
    }

    /// See [`Session::state`](crate::Session::state).
    pub fn state(&self) -> Arc<ClusterState> {
        self.inner.state()
    }

    /// See [`Session::pool_state`](crate::Session::pool_state).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn pool_state(&self) -> Result<Vec<PoolState>, Error> {
        block_on(self.inner.pool_state())
    }

    /// See [`Session::is_shard_aware`](crate::Session::is_shard_aware).
    pub fn is_shard_aware(&self) -> bool {
        self.inner.is_shard_aware()
    }

    /// See [`Session::shard_stats`](crate::Session::shard_stats).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn shard_stats(&self) -> Result<BTreeMap<SocketAddr, ShardStats>, Error> {
        block_on(self.inner.shard_stats())
    }

    /// See [`Session::metrics`](crate::Session::metrics).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn metrics(&self) -> Result<MetricsSnapshot, Error> {
        block_on(self.inner.metrics())
    }

    /// See [`Session::shutdown`](crate::Session::shutdown).
    pub fn shutdown(&self, limit: Duration) -> ShutdownReport {
        block_on(self.inner.shutdown(limit))
    }
}

/// The pages of a result, one by one; see [`Pages`].
#[derive(Debug)]
pub struct PageIter(Pages);

impl PageIter {
    /// The rows of all pages as `T`; see [`Pages::rows`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn rows<T>(self) -> Result<RowIter<T>, Error>
    where
        T: for<'f> FromRow<'f>,
    {
        self.0.rows().map(RowIter)
    }
}

impl Iterator for PageIter {
    type Item = Result<QueryResult, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        block_on(self.0.next_page()).transpose()
    }
}

/// The rows of all pages of a result; see [`RowStream`].
#[derive(Debug)]
pub struct RowIter<T>(RowStream<T>);

impl<T> Iterator for RowIter<T>
where
    T: for<'f> FromRow<'f>,
{
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        block_on(self.0.next())
    }
}

/// Many requests with a bounded number in flight; see [`chorus::Concurrent`](crate::Concurrent).
#[derive(Debug)]
#[must_use = "nothing is sent before run(), run_all() or iter()"]
pub struct Concurrent<S>(crate::Concurrent<S>);

impl<S: Source> Concurrent<S> {
    /// How many requests may be in flight. Defaults to 100; zero is an error.
    pub fn concurrency(self, requests: usize) -> Self {
        Self(self.0.concurrency(requests))
    }

    /// Whether [`iter`](Self::iter) keeps to the order of the input. Defaults to true.
    pub fn ordered(self, ordered: bool) -> Self {
        Self(self.0.ordered(ordered))
    }

    /// Whether [`iter`](Self::iter) ends after the first error. Defaults to true.
    pub fn stop_at_first_error(self, stop: bool) -> Self {
        Self(self.0.stop_at_first_error(stop))
    }

    /// See [`Concurrent::run`](crate::Concurrent::run).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn run(self) -> Result<Vec<QueryResult>, Error> {
        block_on(self.0.run())
    }

    /// See [`Concurrent::run_all`](crate::Concurrent::run_all).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn run_all(self) -> Result<Vec<Result<QueryResult, Error>>, Error> {
        block_on(self.0.run_all())
    }

    /// The results one by one, requests being sent as results are taken; see
    /// [`Concurrent::stream`](crate::Concurrent::stream).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn iter(self) -> Result<ConcurrentIter<S>, Error> {
        self.0.stream().map(ConcurrentIter)
    }
}

/// Results of concurrent requests, one by one.
#[derive(Debug)]
pub struct ConcurrentIter<S: Source>(ConcurrentStream<S>);

impl<S: Source> Iterator for ConcurrentIter<S> {
    type Item = Result<(u64, QueryResult), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        block_on(self.0.next())
    }
}

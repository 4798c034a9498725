//! What comes one by one: pages, rows, results, news.

use chorus_actors::{ClusterEvent, ClusterEvents};
use chorus_protocol::{ColumnSpec, FromRow, Uuid};
use futures::StreamExt;

use super::park::block_on;
use crate::error::Error;
use crate::{ConcurrentStream, Pages, QueryResult, RowStream, Source};

/// The pages of a result, one by one; see [`Pages`].
#[derive(Debug)]
pub struct PageIter(pub(super) Pages);

impl PageIter {
    /// See [`Pages::tracing_ids`].
    pub fn tracing_ids(&self) -> &[Uuid] {
        self.0.tracing_ids()
    }

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

impl<T> RowIter<T> {
    /// See [`RowStream::tracing_ids`].
    pub fn tracing_ids(&self) -> &[Uuid] {
        self.0.tracing_ids()
    }

    /// See [`RowStream::columns`].
    pub fn columns(&self) -> &[ColumnSpec] {
        self.0.columns()
    }
}

impl<T> Iterator for RowIter<T>
where
    T: for<'f> FromRow<'f>,
{
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        block_on(self.0.next())
    }
}

/// Results of concurrent requests, one by one.
#[derive(Debug)]
pub struct ConcurrentIter<S: Source>(pub(super) ConcurrentStream<S>);

impl<S: Source> Iterator for ConcurrentIter<S> {
    type Item = Result<(u64, QueryResult), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        block_on(self.0.next())
    }
}

/// News of the cluster, one by one, each waited for; ends with the session. See
/// [`Session::events`](crate::Session::events).
#[derive(Debug)]
pub struct EventIter(pub(super) ClusterEvents);

impl EventIter {
    /// The next event if it happened already.
    pub fn try_next(&mut self) -> Option<ClusterEvent> {
        self.0.try_next()
    }
}

impl Iterator for EventIter {
    type Item = ClusterEvent;

    fn next(&mut self) -> Option<Self::Item> {
        block_on(self.0.next())
    }
}

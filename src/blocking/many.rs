//! Many requests and many rows, waited for.

use std::time::Duration;

use chorus_protocol::IntoRow;

use super::ConcurrentIter;
use super::park::block_on;
use crate::error::Error;
use crate::{BulkOutcome, BulkProgress, BulkReport, QueryResult, Source};

/// Many requests with a bounded number in flight; see [`chorus::Concurrent`](crate::Concurrent).
#[derive(Debug)]
#[must_use = "nothing is sent before run(), run_all() or iter()"]
pub struct Concurrent<S>(pub(super) crate::Concurrent<S>);

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

/// A bulk insert, not started yet; see [`chorus::BulkInsert`](crate::BulkInsert).
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before load(), load_returning() or sink()"]
pub struct BulkInsert(pub(super) crate::BulkInsert);

impl BulkInsert {
    /// How many rows may be under way, all connections together. Defaults to 2048; zero is an error.
    pub fn concurrency(self, rows: usize) -> Self {
        Self(self.0.concurrency(rows))
    }

    /// How many bytes travel to a connection as one piece. Defaults to 8 KiB.
    pub fn chunk_bytes(self, bytes: usize) -> Self {
        Self(self.0.chunk_bytes(bytes))
    }

    /// How many rows may fail before the insert as a whole does. Defaults to 0.
    pub fn errors_allowed(self, rows: usize) -> Self {
        Self(self.0.errors_allowed(rows))
    }

    /// See [`BulkInsert::progress`](crate::BulkInsert::progress).
    pub fn progress(&self) -> BulkProgress {
        self.0.progress()
    }

    /// See [`BulkInsert::load`](crate::BulkInsert::load).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn load<I>(self, rows: I) -> Result<BulkReport, Error>
    where
        I: IntoIterator,
        I::Item: IntoRow,
    {
        block_on(self.0.load(rows))
    }

    /// See [`BulkInsert::load_returning`](crate::BulkInsert::load_returning).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn load_returning<I>(self, rows: I) -> Result<BulkOutcome<I::Item>, Error>
    where
        I: IntoIterator,
        I::Item: IntoRow,
    {
        block_on(self.0.load_returning(futures::stream::iter(rows)))
    }

    /// See [`BulkInsert::sink`](crate::BulkInsert::sink).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn sink(self) -> Result<BulkSink, Error> {
        self.0.sink().map(BulkSink)
    }
}

/// Takes rows one by one and writes them; see [`chorus::BulkSink`](crate::BulkSink).
///
/// Nothing happens between two calls but what the engine does with the rows it has: answers are looked at when a row is put in.
#[derive(Debug)]
pub struct BulkSink(crate::BulkSink);

impl BulkSink {
    /// See [`BulkSink::send`](crate::BulkSink::send).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn send(&mut self, row: impl IntoRow) -> Result<(), Error> {
        block_on(self.0.send(row))
    }

    /// See [`BulkSink::try_send`](crate::BulkSink::try_send).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn try_send(&mut self, row: &impl IntoRow) -> Result<bool, Error> {
        self.0.try_send(row)
    }

    /// See [`BulkSink::flush`](crate::BulkSink::flush).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn flush(&mut self) -> Result<(), Error> {
        block_on(self.0.flush())
    }

    /// See [`BulkSink::finish`](crate::BulkSink::finish).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn finish(self) -> Result<BulkReport, Error> {
        block_on(self.0.finish())
    }

    /// What is known so far; rows under way are missing.
    pub fn report(&self) -> &BulkReport {
        self.0.report()
    }

    /// Rows put in and neither acknowledged nor failed.
    pub fn under_way(&self) -> usize {
        self.0.under_way()
    }

    /// How long it has been taking rows.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

//! As many rows as the servers take.
//!
//! A bulk insert is one job: rows are encoded into chunks for the connections of their replicas, the engine keeps every
//! window full, and nobody is woken for single answers. Memory is bounded by the concurrency, whatever the number of rows.

mod progress;
mod report;
mod returning;
mod sink;

use std::fmt;
use std::pin::pin;

use chorus_actors::BulkOptions;
use chorus_protocol::IntoRow;
use futures::{Stream, StreamExt};

pub use progress::BulkProgress;
pub use report::{BulkOutcome, BulkReport, ReturnedRow};
pub use sink::BulkSink;
use sink::Nobody;

use crate::Session;
use crate::error::{Error, UsageProblem};
use crate::statement::PreparedStatement;

/// A bulk insert, not started yet: made by [`Session::bulk`].
///
/// ```no_run
/// # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
/// let insert = session.prepare("INSERT INTO shop.squares (n, square) VALUES (?, ?)").await?.idempotent(true);
/// let rows = (0..10_000_000_i64).map(|n| (n, n.wrapping_mul(n)));
/// let report = session.bulk(&insert).load(rows).await?;
/// println!("{} rows in {:?}", report.written, report.elapsed);
/// # Ok(())
/// # }
/// ```
///
/// Mark the statement [idempotent](PreparedStatement::idempotent) when writing a row twice does no harm, as with most
/// inserts: rows that were under way when a connection broke are then sent again to another host instead of counted as
/// failed. How many depends on the session's retry budget, which traffic fills and retries spend: it covers about a hundred
/// rows at first. For loads that have to survive a cluster that goes away for a while there is `chorus::bulk`.
#[derive(Clone)]
#[must_use = "nothing is sent before load(), load_stream(), load_returning() or sink()"]
pub struct BulkInsert {
    session: Session,
    statement: PreparedStatement,
    concurrency: usize,
    chunk_bytes: usize,
    errors_allowed: usize,
    progress: BulkProgress,
}

impl BulkInsert {
    /// How many rows are under way unless told otherwise.
    pub const DEFAULT_CONCURRENCY: usize = 2048;

    pub(crate) fn new(session: Session, statement: PreparedStatement) -> Self {
        Self {
            session,
            statement,
            concurrency: Self::DEFAULT_CONCURRENCY,
            chunk_bytes: BulkOptions::default().chunk_bytes,
            errors_allowed: 0,
            progress: BulkProgress::default(),
        }
    }

    /// How many rows may be under way, all connections together. Defaults to 2048; zero is an error of the method that starts
    /// the insert.
    pub fn concurrency(mut self, rows: usize) -> Self {
        self.concurrency = rows;
        self
    }

    /// How many bytes travel to a connection as one piece. Defaults to 8 KiB.
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = bytes;
        self
    }

    /// How many rows may fail before the insert as a whole does. Failed rows are listed in the [report](BulkReport::failed),
    /// so this bounds its size too. Defaults to 0: the first failure ends the insert.
    pub fn errors_allowed(mut self, rows: usize) -> Self {
        self.errors_allowed = rows;
        self
    }

    /// Tells how far it is to somebody who has asked already.
    pub(crate) fn telling(mut self, progress: BulkProgress) -> Self {
        self.progress = progress;
        self
    }

    /// How far it is, for another task to look at, and for whoever drops it before its end. Clones of the insert have it in
    /// common.
    pub fn progress(&self) -> BulkProgress {
        self.progress.clone()
    }

    /// Writes all rows of an iterator and returns when each has been acknowledged or has failed. The iterator is consumed as
    /// fast as rows are taken, on the task that awaits this; an iterator that blocks belongs on a thread of its own.
    ///
    /// # Errors
    ///
    /// The failure that was one too many, with the [index](Error::index) of its row; rows before and after it may have been
    /// written. [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a concurrency of zero.
    pub async fn load<I>(self, rows: I) -> Result<BulkReport, Error>
    where
        I: IntoIterator,
        I::Item: IntoRow,
    {
        let mut sink = self.sink()?;
        for row in rows {
            // What most rows need is no future.
            if !sink.try_send(&row)? {
                sink.send(row).await?;
            }
        }
        sink.finish().await
    }

    /// Writes all rows of a stream; otherwise as [`load`](Self::load). While the stream has nothing to give, rows that were
    /// taken from it are sent.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load).
    pub async fn load_stream<S>(self, rows: S) -> Result<BulkReport, Error>
    where
        S: Stream,
        S::Item: IntoRow,
    {
        let mut sink = self.sink()?;
        let mut rows = pin!(rows);
        while let Some(row) = sink.while_driving(rows.next(), &mut Nobody).await? {
            sink.send(row).await?;
        }
        sink.finish().await
    }

    /// Writes all rows of a stream and gives those back that were not written, or may not have been, each with its index and
    /// its error. Rows are kept until their outcome is known, which costs a look into a map for each; never more are kept than
    /// the [concurrency](Self::concurrency), and given back than [errors allowed](Self::errors_allowed) plus those under way
    /// at the failure that is one too many. After that one no row is taken from the stream, which is still the caller's if
    /// this was given a reference to it.
    ///
    /// ```no_run
    /// # async fn example(session: chorus::Session, orders: Vec<(i64, i32)>) -> Result<(), chorus::Error> {
    /// let insert = session.prepare("INSERT INTO shop.orders (id, total) VALUES (?, ?)").await?.idempotent(true);
    /// let mut orders = futures::stream::iter(orders);
    /// let outcome = session.bulk(&insert).errors_allowed(100).load_returning(&mut orders).await?;
    /// for failed in &outcome.returned {
    ///     println!("row {}, {:?}: {}", failed.index, failed.row, failed.error);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a concurrency of zero. Whatever goes wrong later is in the outcome.
    pub async fn load_returning<S>(self, rows: S) -> Result<BulkOutcome<S::Item>, Error>
    where
        S: Stream,
        S::Item: IntoRow,
    {
        Ok(returning::load(self.sink()?, rows).await)
    }

    /// Starts the insert and returns where to put its rows.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a concurrency of zero.
    pub fn sink(self) -> Result<BulkSink, Error> {
        if self.concurrency == 0 {
            return Err(UsageProblem::ZeroConcurrency.into());
        }
        self.session.check_process()?;
        let options =
            BulkOptions { concurrency: self.concurrency, chunk_bytes: self.chunk_bytes, keep_replies: false };
        Ok(BulkSink::new(self.session, self.statement, options, self.errors_allowed, self.progress))
    }
}

impl fmt::Debug for BulkInsert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkInsert")
            .field("statement", &self.statement)
            .field("concurrency", &self.concurrency)
            .field("errors_allowed", &self.errors_allowed)
            .finish_non_exhaustive()
    }
}

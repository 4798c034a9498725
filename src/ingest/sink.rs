//! Where the rows of a bulk insert are put.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use chorus_actors::{BulkJob, BulkOptions, CompletedChunk};
use chorus_protocol::IntoRow;

use super::{BulkProgress, BulkReport};
use crate::Session;
use crate::error::Error;
use crate::observe::{Call, CallSpan};
use crate::request::Executions;
use crate::statement::PreparedStatement;

/// Takes rows one by one and writes them; made by [`BulkInsert::sink`](super::BulkInsert::sink).
///
/// Rows leave in pieces, so a row put in may wait for others until [`flush`](Self::flush) or [`finish`](Self::finish), or
/// until there is no room for more. Dropping the sink stops it; rows under way may still be written.
pub struct BulkSink {
    session: Session,
    executions: Executions,
    job: BulkJob,
    /// Index of the next row.
    next: u64,
    errors_allowed: usize,
    started: Instant,
    report: BulkReport,
    progress: BulkProgress,
    /// Failures end it no more: it has ended.
    stopped: bool,
    /// The span of the job, if somebody wants one.
    span: Option<Arc<CallSpan>>,
}

/// Who wants to know what became of each row.
pub(super) trait Keeper {
    /// False for nobody.
    const KEEPS: bool;

    fn settled(&mut self, index: u64, error: Option<&Error>);
}

/// Nobody.
pub(super) struct Nobody;

impl Keeper for Nobody {
    const KEEPS: bool = false;

    fn settled(&mut self, _: u64, _: Option<&Error>) {}
}

impl BulkSink {
    pub(super) fn new(
        session: Session,
        statement: PreparedStatement,
        options: BulkOptions,
        errors_allowed: usize,
        progress: BulkProgress,
    ) -> Self {
        Self {
            span: session.inner.observers.job_span(&session, Call::Bulk, Some(&statement)),
            job: session.inner.engine.bulk(options),
            session,
            executions: Executions::new(statement),
            next: 0,
            errors_allowed,
            started: Instant::now(),
            report: BulkReport::default(),
            progress,
            stopped: false,
        }
    }

    /// Puts a row in, waiting while there is no room. The row is encoded before this returns.
    ///
    /// # Errors
    ///
    /// A failure, of this row or an earlier one, that is one more than [allowed](super::BulkInsert::errors_allowed). The
    /// sink is of no use after that.
    pub async fn send(&mut self, row: impl IntoRow) -> Result<(), Error> {
        self.make_room(&mut Nobody).await?;
        self.put(&row)
    }

    /// Puts a row in if there is room now; otherwise returns false, and the row is not taken.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn try_send(&mut self, row: &impl IntoRow) -> Result<bool, Error> {
        if !self.job.has_room() {
            return Ok(false);
        }
        self.put(row).map(|()| true)
    }

    /// Waits until every row put in so far is acknowledged or has failed.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.settle_all(&mut Nobody).await
    }

    /// Waits for the rest and says what became of all rows.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub async fn finish(mut self) -> Result<BulkReport, Error> {
        self.flush().await?;
        Ok(self.into_report())
    }

    /// What is known so far; rows under way are missing.
    pub fn report(&self) -> &BulkReport {
        &self.report
    }

    /// Rows put in and neither acknowledged nor failed.
    pub fn under_way(&self) -> usize {
        self.job.outstanding()
    }

    /// How long it has been taking rows.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The same as [`write`](Self::write) for whoever does not ask for the index: without the result in the result.
    #[inline]
    fn put(&mut self, row: &impl IntoRow) -> Result<(), Error> {
        let index = self.next;
        self.next += 1;
        match self.executions.write(&self.session, row, None, &mut self.job) {
            Ok(token) => Ok(self.job.commit(index, token, self.executions.options())?),
            Err(error) => {
                let refused = self.refused(index, error);
                self.fail(refused)
            }
        }
    }

    /// Encodes a row as the next one: its index, or why it cannot be sent. Every row has an index, also one that cannot.
    ///
    /// # Errors
    ///
    /// When nothing can be sent any more.
    #[inline]
    pub(super) fn write(&mut self, row: &impl IntoRow) -> Result<Result<u64, Error>, Error> {
        let index = self.next;
        self.next += 1;
        match self.executions.write(&self.session, row, None, &mut self.job) {
            Ok(token) => {
                self.job.commit(index, token, self.executions.options())?;
                Ok(Ok(index))
            }
            Err(error) => Ok(Err(self.refused(index, error))),
        }
    }

    /// A row that cannot be sent.
    #[cold]
    fn refused(&mut self, index: u64, error: Error) -> Error {
        self.progress.settle(0, 1, 0);
        error.at(index)
    }

    pub(super) async fn make_room(&mut self, keeper: &mut impl Keeper) -> Result<(), Error> {
        while !self.job.has_room() {
            self.absorb_next(keeper).await?;
        }
        Ok(())
    }

    pub(super) async fn settle_all(&mut self, keeper: &mut impl Keeper) -> Result<(), Error> {
        while self.job.outstanding() > 0 {
            self.absorb_next(keeper).await?;
        }
        Ok(())
    }

    /// Rows taken so far, which is the index of the next.
    pub(super) fn taken(&self) -> u64 {
        self.next
    }

    /// From now on failures are only noted.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(super) fn into_report(mut self) -> BulkReport {
        self.report.elapsed = self.started.elapsed();
        // In the order of the input, whatever came first.
        self.report.failed.sort_by_key(Error::index);
        std::mem::take(&mut self.report)
    }

    async fn absorb_next(&mut self, keeper: &mut impl Keeper) -> Result<(), Error> {
        poll_fn(|cx| self.poll_absorb(cx, keeper)).await.map(drop)
    }

    /// Ready with whether anything came back, once something did or nothing is under way.
    fn poll_absorb(&mut self, cx: &mut Context<'_>, keeper: &mut impl Keeper) -> Poll<Result<bool, Error>> {
        match std::task::ready!(self.job.poll_completed(cx)) {
            None => Poll::Ready(Ok(false)),
            Some(Ok(chunk)) => Poll::Ready(self.absorb(chunk, keeper).map(|()| true)),
            Some(Err(error)) => Poll::Ready(Err(error.into())),
        }
    }

    fn absorb<K: Keeper>(&mut self, chunk: CompletedChunk, keeper: &mut K) -> Result<(), Error> {
        let (written, failed) = ((chunk.len() - chunk.failed()) as u64, chunk.failed() as u64);
        self.report.written += written;
        self.report.retries += chunk.retries();
        self.progress.take(self.next);
        self.progress.settle(written, failed, chunk.retries());
        if let Some(span) = &self.span {
            span.items_succeeded(written, chunk.retries());
        }
        let failures: Vec<Error> =
            chunk.failures().map(|(row, error)| Error::from(error.clone()).at(chunk.tags()[row])).collect();
        if K::KEEPS {
            let mut failed = failures.iter().peekable();
            for tag in chunk.tags() {
                keeper.settled(*tag, failed.next_if(|error| error.index() == Some(*tag)));
            }
        }
        self.job.recycle(chunk);
        // Each is noted, also behind one that is one too many.
        failures.into_iter().map(|error| self.fail(error)).fold(Ok(()), Result::and)
    }

    pub(super) fn fail(&mut self, error: Error) -> Result<(), Error> {
        if let Some(span) = &self.span {
            span.item_failed(&error);
        }
        if self.report.failed.len() >= self.errors_allowed && !self.stopped {
            return Err(error);
        }
        self.report.failed.push(error);
        Ok(())
    }

    /// Waits for `supply` and keeps the job going meanwhile: a supply that pauses must not hold back the rows before it.
    pub(super) async fn while_driving<T>(
        &mut self,
        supply: impl Future<Output = T>,
        keeper: &mut impl Keeper,
    ) -> Result<T, Error> {
        let mut supply = pin!(supply);
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(item) = supply.as_mut().poll(cx) {
                    return Poll::Ready(Ok(item));
                }
                match self.poll_absorb(cx, keeper) {
                    Poll::Ready(Ok(true)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Ready(Ok(false)) | Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }
}

impl Drop for BulkSink {
    fn drop(&mut self) {
        self.progress.take(self.next);
        if let Some(span) = &self.span
            && self.job.outstanding() > 0
        {
            span.cancelled();
        }
    }
}

impl fmt::Debug for BulkSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkSink")
            .field("under_way", &self.under_way())
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

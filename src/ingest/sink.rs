//! Where the rows of a bulk insert are put.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use chorus_actors::{BulkJob, BulkOptions, CompletedChunk};
use chorus_protocol::IntoRow;

use super::BulkReport;
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
    /// The span of the job, if somebody wants one.
    span: Option<Arc<CallSpan>>,
}

impl BulkSink {
    pub(super) fn new(
        session: Session,
        statement: PreparedStatement,
        options: BulkOptions,
        errors_allowed: usize,
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
        }
    }

    /// Puts a row in, waiting while there is no room. The row is encoded before this returns.
    ///
    /// # Errors
    ///
    /// A failure, of this row or an earlier one, that is one more than [allowed](super::BulkInsert::errors_allowed). The
    /// sink is of no use after that.
    pub async fn send(&mut self, row: impl IntoRow) -> Result<(), Error> {
        while !self.job.has_room() {
            self.absorb_next().await?;
        }
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
        while self.job.outstanding() > 0 {
            self.absorb_next().await?;
        }
        Ok(())
    }

    /// Waits for the rest and says what became of all rows.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub async fn finish(mut self) -> Result<BulkReport, Error> {
        self.flush().await?;
        self.report.elapsed = self.started.elapsed();
        Ok(std::mem::take(&mut self.report))
    }

    /// What is known so far; rows under way are missing.
    pub fn report(&self) -> &BulkReport {
        &self.report
    }

    /// Rows put in and neither acknowledged nor failed.
    pub fn under_way(&self) -> usize {
        self.job.outstanding()
    }

    fn put(&mut self, row: &impl IntoRow) -> Result<(), Error> {
        let index = self.next;
        self.next += 1;
        match self.executions.write(&self.session, row, None, &mut self.job) {
            Ok(token) => Ok(self.job.commit(index, token, self.executions.options())?),
            Err(error) => self.fail(error.at(index)),
        }
    }

    async fn absorb_next(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_absorb(cx)).await.map(drop)
    }

    /// Ready with whether anything came back, once something did or nothing is under way.
    fn poll_absorb(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        match std::task::ready!(self.job.poll_completed(cx)) {
            None => Poll::Ready(Ok(false)),
            Some(Ok(chunk)) => Poll::Ready(self.absorb(chunk).map(|()| true)),
            Some(Err(error)) => Poll::Ready(Err(error.into())),
        }
    }

    fn absorb(&mut self, chunk: CompletedChunk) -> Result<(), Error> {
        let written = (chunk.len() - chunk.failed()) as u64;
        self.report.written += written;
        self.report.retries += chunk.retries();
        if let Some(span) = &self.span {
            span.items_succeeded(written, chunk.retries());
        }
        let failures: Vec<Error> =
            chunk.failures().map(|(row, error)| Error::from(error.clone()).at(chunk.tags()[row])).collect();
        self.job.recycle(chunk);
        failures.into_iter().try_for_each(|error| self.fail(error))
    }

    fn fail(&mut self, error: Error) -> Result<(), Error> {
        if let Some(span) = &self.span {
            span.item_failed(&error);
        }
        if self.report.failed.len() >= self.errors_allowed {
            return Err(error);
        }
        self.report.failed.push(error);
        Ok(())
    }

    /// Waits for `supply` and keeps the job going meanwhile: a supply that pauses must not hold back the rows before it.
    pub(super) async fn while_driving<T>(&mut self, supply: impl Future<Output = T>) -> Result<T, Error> {
        let mut supply = pin!(supply);
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(item) = supply.as_mut().poll(cx) {
                    return Poll::Ready(Ok(item));
                }
                match self.poll_absorb(cx) {
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

//! Keeps the window full and reads what comes back.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use chorus_actors::{BulkJob, BulkOptions, CompletedChunk, RequestError, RowOutcome};
use chorus_topology::HostIndex;
use futures::Stream;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::Source;
use super::awaited::Awaited;
use crate::Session;
use crate::error::Error;
use crate::observe::{Call, CallSpan, Observed};
use crate::request::{Expected, follow_up, read_parts};
use crate::result::QueryResult;

/// An item's index and outcome.
pub(super) type Arrival = (u64, Result<QueryResult, Error>);

/// A job, its source, and what is between them.
///
/// Items that were handed to an engine that has ended have no outcome of their own: [`broken`](Self::broken) is theirs.
pub(super) struct Driver<S> {
    session: Session,
    source: S,
    job: BulkJob,
    concurrency: usize,
    /// Index of the next item.
    next: u64,
    /// Whether nothing more is to be taken from the source.
    exhausted: bool,
    /// How to read the rows of requests in flight, for those that return any.
    expected: Awaited<Expected>,
    /// Whom to tell of the ends of requests in flight, where somebody watches.
    observed: Awaited<Box<Observed>>,
    /// The span of the job, if somebody wants one.
    span: Option<Arc<CallSpan>>,
    /// Results that wait until the schema is agreed upon.
    follow_ups: FuturesUnordered<BoxFuture<'static, Arrival>>,
    /// Outcomes in the order they arrived.
    arrived: VecDeque<Arrival>,
    broken: Option<Error>,
}

impl<S: Source> Driver<S> {
    pub(super) fn new(session: Session, source: S, concurrency: usize) -> Self {
        let options = BulkOptions { concurrency, keep_replies: true, ..BulkOptions::default() };
        let job = session.inner.engine.bulk(options);
        let span = session.inner.observers.job_span(&session, Call::Concurrent, source.statement());
        Self {
            session,
            source,
            job,
            concurrency,
            next: 0,
            exhausted: false,
            expected: Awaited::new(),
            observed: Awaited::new(),
            span,
            follow_ups: FuturesUnordered::new(),
            arrived: VecDeque::new(),
            broken: None,
        }
    }

    /// Takes nothing more from the source.
    pub(super) fn stop(&mut self) {
        self.exhausted = true;
    }

    /// Why items are without an outcome, when the engine ended under them.
    pub(super) fn broken(&self) -> Option<&Error> {
        self.broken.as_ref()
    }

    /// How many items were taken from the source.
    pub(super) fn taken(&self) -> u64 {
        self.next
    }

    /// See [`poll_arrival`](Self::poll_arrival).
    pub(super) async fn next_arrival(&mut self, held: usize) -> Option<Arrival> {
        poll_fn(|cx| self.poll_arrival(cx, held)).await
    }

    /// An outcome that is here already.
    #[inline]
    pub(super) fn arrived(&mut self) -> Option<Arrival> {
        self.arrived.pop_front()
    }

    /// The next outcome to arrive; `None` when all have. `held` results are kept by the caller and count towards the window.
    pub(super) fn poll_arrival(&mut self, cx: &mut Context<'_>, held: usize) -> Poll<Option<Arrival>> {
        loop {
            if let Some(arrival) = self.arrived.pop_front() {
                return Poll::Ready(Some(arrival));
            }
            self.fill(held);
            if !self.arrived.is_empty() {
                continue;
            }
            if let Poll::Ready(Some(arrival)) = Pin::new(&mut self.follow_ups).poll_next(cx) {
                return Poll::Ready(Some(arrival));
            }
            match self.job.poll_completed(cx) {
                Poll::Ready(Some(Ok(chunk))) => self.read(chunk),
                Poll::Ready(Some(Err(error))) => self.give_up(error),
                // Nothing is with the engine, and filling added nothing: what is left are follow-ups.
                Poll::Ready(None) if self.follow_ups.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Takes items from the source until the window is full. An item that cannot be written has its outcome at once and takes
    /// a place in the window until that is handed out, so that a source of nothing but such items does not run away.
    fn fill(&mut self, held: usize) {
        let occupied = held + self.follow_ups.len();
        while !self.exhausted
            && occupied + self.job.outstanding() + self.arrived.len() < self.concurrency
            && self.job.has_room()
        {
            let index = self.next;
            match self.source.write_next(&self.session, &mut self.job) {
                None => {
                    self.exhausted = true;
                    return;
                }
                Some(Ok(work)) => {
                    self.next += 1;
                    if let Some(expected) = work.expected {
                        self.expected.put(index, expected);
                    }
                    if let Some(observed) = work.observed {
                        self.observed.put(index, observed);
                    }
                    if let Err(error) = self.job.commit(index, work.token, work.options) {
                        self.give_up(error);
                    }
                }
                Some(Err(error)) => {
                    self.next += 1;
                    let outcome = Err(error.at(index));
                    self.arrive(index, None, outcome);
                }
            }
        }
    }

    fn read(&mut self, mut chunk: CompletedChunk) {
        for (index, outcome) in chunk.into_rows() {
            let expected = self.expected.take(index);
            let observed = self.observed.take(index);
            let result = match outcome {
                RowOutcome::Applied => Ok((QueryResult::void(HostIndex(0)), None)),
                RowOutcome::Failed(error) => Err(error.into()),
                RowOutcome::Reply { opcode, flags, host, body } => {
                    read_parts(opcode, flags, host, body, &self.session, expected.as_ref())
                }
            };
            match result {
                Ok((result, Some(effect))) => {
                    let session = self.session.clone();
                    let span = self.span.clone();
                    self.follow_ups.push(Box::pin(async move {
                        let result = follow_up(&session, result, effect).await;
                        let outcome = result.map_err(|error| error.at(index));
                        tell(&session, observed, &outcome);
                        count(span.as_deref(), &outcome);
                        (index, outcome)
                    }));
                }
                Ok((result, None)) => self.arrive(index, observed, Ok(result)),
                Err(error) => self.arrive(index, observed, Err(error.at(index))),
            }
        }
        self.job.recycle(chunk);
    }

    #[inline]
    fn arrive(&mut self, index: u64, observed: Option<Box<Observed>>, outcome: Result<QueryResult, Error>) {
        tell(&self.session, observed, &outcome);
        count(self.span.as_deref(), &outcome);
        self.arrived.push_back((index, outcome));
    }

    #[cold]
    fn give_up(&mut self, error: RequestError) {
        self.exhausted = true;
        self.broken.get_or_insert_with(|| error.into());
    }
}

impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        if let Some(span) = &self.span
            && self.job.outstanding() + self.follow_ups.len() > 0
        {
            span.cancelled();
        }
    }
}

#[inline]
fn count(span: Option<&CallSpan>, outcome: &Result<QueryResult, Error>) {
    if let Some(span) = span {
        match outcome {
            Ok(_) => span.items_succeeded(1, 0),
            Err(error) => span.item_failed(error),
        }
    }
}

#[inline]
fn tell(session: &Session, observed: Option<Box<Observed>>, outcome: &Result<QueryResult, Error>) {
    if let Some(observed) = observed {
        observed.end(session, outcome);
    }
}

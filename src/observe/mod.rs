//! Who is told of requests, and what: listeners of the program, spans, the log of slow requests.
//!
//! Everything happens in the task of whoever waits for the request. A session that nobody watches asks one flag about it and
//! nothing else; [`Observers::any`] is that flag, and all that lies behind it is cold.
//!
//! | what | file |
//! |---|---|
//! | hooks of the program | `listener.rs` |
//! | spans for calls | `span.rs` |
//! | the log of slow requests | `slow.rs` |
//! | a statement without its values | `outline.rs` |

mod label;
mod listener;
mod outline;
mod slow;
mod span;
mod subject;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use chorus_actors::Effort;
use chorus_protocol::IntoRow;
use tracing::Span;

use self::listener::Listeners;
use self::slow::{SlowLog, Values};
use self::subject::Subject;
use crate::Session;
use crate::error::Error;
use crate::request::AnyStatement;
use crate::result::QueryResult;
use crate::statement::{Batch, BoundStatement, PreparedStatement, Statement};

pub use listener::{RequestInfo, RequestListener};
pub(crate) use outline::{Outline, skip_blank};
pub use slow::SlowRequestLog;
pub use span::RequestSpans;
pub(crate) use span::{Call, CallSpan};

/// What a session's requests are watched by, as it was configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observation {
    pub(crate) listeners: Vec<Arc<dyn RequestListener>>,
    pub(crate) spans: Option<RequestSpans>,
    pub(crate) slow: Option<SlowRequestLog>,
}

/// Those who watch the requests of a session.
#[derive(Debug)]
pub(crate) struct Observers {
    /// Whether there are any: all that is looked at where there are none.
    any: AtomicBool,
    listeners: Listeners,
    spans: Option<RequestSpans>,
    slow: Option<Arc<SlowLog>>,
    requests: AtomicU64,
}

/// Whose span a request is told to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SpanOf<'c> {
    /// It is a call of its own.
    Request,
    /// It is a part of a call, which has a span if somebody wants one.
    Call(Option<&'c Arc<CallSpan>>),
}

impl Observers {
    pub(crate) fn new(observation: Observation) -> Self {
        let Observation { listeners, spans, slow } = observation;
        Self {
            any: AtomicBool::new(!listeners.is_empty() || spans.is_some() || slow.is_some()),
            listeners: Listeners::new(listeners),
            spans,
            slow: slow.map(|options| Arc::new(SlowLog::new(options))),
            requests: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Whether the slow-request log wants to know what was bound.
    pub(crate) fn wants_values(&self) -> bool {
        self.slow.as_ref().is_some_and(|slow| slow.wants_values())
    }

    pub(crate) fn add(&self, listener: &Arc<dyn RequestListener>) {
        self.change(|all| all.push(Arc::clone(listener)));
    }

    /// False when it was not there.
    pub(crate) fn remove(&self, listener: &Arc<dyn RequestListener>) -> bool {
        let mut found = false;
        self.change(|all| {
            all.retain(|known| {
                let is_it = std::ptr::addr_eq(Arc::as_ptr(known), Arc::as_ptr(listener));
                found |= is_it;
                !is_it
            });
        });
        found
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<dyn RequestListener>>)) {
        let others = self.spans.is_some() || self.slow.is_some();
        self.listeners.change(change, |any| self.any.store(any || others, Ordering::Relaxed));
    }
}

/// Beginnings, each told if anybody watches.
impl Observers {
    /// An execution of a prepared statement whose values nobody wants to know.
    #[inline]
    pub(crate) fn execution(
        &self,
        session: &Session,
        statement: &PreparedStatement,
        span: SpanOf<'_>,
    ) -> Option<Box<Observed>> {
        if self.any() { Some(self.begin_execution(session, statement, span)) } else { None }
    }

    #[inline]
    pub(crate) fn statement(
        &self,
        session: &Session,
        statement: &AnyStatement,
        span: SpanOf<'_>,
    ) -> Option<Box<Observed>> {
        if self.any() { Some(self.begin_statement(session, statement, span)) } else { None }
    }

    /// What is bound, if somebody wants to know it. To be asked with values that were encoded before, so that they fit.
    pub(crate) fn values_of(
        &self,
        statement: &PreparedStatement,
        values: &impl IntoRow,
    ) -> Option<BoundStatement> {
        self.wants_values().then(|| statement.bind_ref(values).ok())?
    }

    /// An execution with those values.
    pub(crate) fn execution_of(
        &self,
        session: &Session,
        statement: &PreparedStatement,
        values: Option<BoundStatement>,
        span: SpanOf<'_>,
    ) -> Option<Box<Observed>> {
        match values {
            Some(bound) => self.statement(session, &AnyStatement::Bound(bound), span),
            None => self.execution(session, statement, span),
        }
    }

    pub(crate) fn batch(&self, session: &Session, batch: &Batch) -> Option<Box<Observed>> {
        if self.any() { Some(self.begin_batch(session, batch)) } else { None }
    }

    #[cold]
    fn begin_execution(
        &self,
        session: &Session,
        statement: &PreparedStatement,
        span: SpanOf<'_>,
    ) -> Box<Observed> {
        let subject = self.subject(|| Subject::of_prepared(session, statement));
        self.begin(RequestInfo::of_execution(statement), subject, Values::None, span)
    }

    #[cold]
    fn begin_statement(
        &self,
        session: &Session,
        statement: &AnyStatement,
        span: SpanOf<'_>,
    ) -> Box<Observed> {
        let subject = self.subject(|| Subject::of_statement(session, statement));
        let values = if self.wants_values() { Values::of(statement) } else { Values::None };
        self.begin(RequestInfo::of_statement(statement), subject, values, span)
    }

    #[cold]
    fn begin_batch(&self, session: &Session, batch: &Batch) -> Box<Observed> {
        let subject = self.subject(|| Subject::of_batch(session, batch));
        let values = if self.wants_values() { Values::Batch(batch.clone()) } else { Values::None };
        self.begin(RequestInfo::of_batch(batch), subject, values, SpanOf::Request)
    }

    fn subject(&self, subject: impl FnOnce() -> Result<Subject, Error>) -> Option<Subject> {
        // What cannot be sent is told to whoever sends it.
        if self.spans.is_some() || self.slow.is_some() { subject().ok() } else { None }
    }

    fn begin(
        &self,
        request: RequestInfo,
        subject: Option<Subject>,
        values: Values,
        span: SpanOf<'_>,
    ) -> Box<Observed> {
        let request = request.numbered(self.requests.fetch_add(1, Ordering::Relaxed));
        let listeners = self.listeners.current();
        listeners.iter().for_each(|listener| listener.started(&request));
        let span = match span {
            SpanOf::Call(span) => span.cloned(),
            SpanOf::Request => self.call_span(Call::Request, subject.as_ref()),
        };
        Box::new(Observed {
            request,
            listeners,
            span,
            slow: self
                .slow
                .as_ref()
                .zip(subject)
                .map(|(log, subject)| slow::Watched::new(log, subject, values)),
            effort: Effort::default(),
            began: Instant::now(),
            is_over: false,
        })
    }

    fn call_span(&self, call: Call, subject: Option<&Subject>) -> Option<Arc<CallSpan>> {
        CallSpan::begin(self.spans.as_ref()?, call, subject)
    }

    /// The span of a call that reads all pages of a result.
    pub(crate) fn pages_span(&self, session: &Session, statement: &AnyStatement) -> Option<Arc<CallSpan>> {
        self.spans.as_ref()?;
        self.call_span(Call::Pages, Subject::of_statement(session, statement).ok().as_ref())
    }

    /// The span of a call that has a statement prepared.
    pub(crate) fn prepare_span(&self, session: &Session, statement: &Statement) -> Option<Arc<CallSpan>> {
        self.spans.as_ref()?;
        self.call_span(Call::Prepare, Subject::of_text(session, statement).ok().as_ref())
    }

    /// The span of a job of many requests: with one statement for all of them, or with many.
    pub(crate) fn job_span(
        &self,
        session: &Session,
        call: Call,
        statement: Option<&PreparedStatement>,
    ) -> Option<Arc<CallSpan>> {
        self.spans.as_ref()?;
        let subject = statement.and_then(|statement| Subject::of_prepared(session, statement).ok());
        self.call_span(call, subject.as_ref())
    }
}

/// A request whose end is to be told to those who were told of its beginning.
pub(crate) struct Observed {
    request: RequestInfo,
    listeners: Arc<Vec<Arc<dyn RequestListener>>>,
    span: Option<Arc<CallSpan>>,
    slow: Option<slow::Watched>,
    effort: Effort,
    began: Instant,
    is_over: bool,
}

impl Observed {
    /// What the request is carried out in.
    pub(crate) fn span(&self) -> Span {
        self.span.as_ref().map_or_else(Span::none, |span| span.span().clone())
    }

    /// Keeps what was done for an answer that is here; of one that is not, the error tells.
    pub(crate) fn note(&mut self, effort: Effort) {
        self.effort = effort;
    }

    pub(crate) fn end(mut self: Box<Self>, session: &Session, outcome: &Result<QueryResult, Error>) {
        self.is_over = true;
        let took = self.began.elapsed();
        let effort = outcome.as_ref().err().and_then(Error::effort).unwrap_or(self.effort);
        if let Some(span) = &self.span {
            span.end(session, outcome, effort, took);
        }
        if let Some(slow) = &self.slow {
            slow.end(session, outcome, effort, took);
        }
        for listener in self.listeners.iter() {
            match outcome {
                Ok(result) => listener.succeeded(&self.request, result, took),
                Err(error) => listener.failed(&self.request, error, took),
            }
        }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        if let (false, Some(span)) = (self.is_over, &self.span) {
            span.cancelled();
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("request", &self.request).finish_non_exhaustive()
    }
}

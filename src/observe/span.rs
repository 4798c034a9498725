//! A span for a call, with the attributes that OpenTelemetry names for databases.
//!
//! The span is made when the call is, with everything known by then; what the answer tells is recorded when it is there. A
//! call is what the program calls: one request, all pages of a result, a bulk insert. Attempts that failed on the way are events.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chorus_actors::Effort;
use chorus_topology::HostIndex;
use tracing::Span;
use tracing::field::Empty;

use super::{Subject, label};
use crate::Session;
use crate::error::{Attempt, Error};
use crate::result::QueryResult;

/// Turns on a `tracing` span for each call; see
/// [`SessionBuilder::request_spans`](crate::SessionBuilder::request_spans).
///
/// The span is called `request` with the target `chorus::request`, at the level INFO; `otel.name` is what OpenTelemetry calls it.
/// `docs/tracing.md` lists its attributes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestSpans {
    pub(super) text: bool,
}

impl RequestSpans {
    /// Spans with every attribute there is.
    pub fn new() -> Self {
        Self { text: true }
    }

    /// Whether spans have the text of the statement as `db.query.text`: without literals, each of which becomes a question mark,
    /// and without comments, up to 4096 bytes. Defaults to true.
    #[must_use]
    pub fn query_text(mut self, text: bool) -> Self {
        self.text = text;
        self
    }
}

impl Default for RequestSpans {
    fn default() -> Self {
        Self::new()
    }
}

/// How many failed attempts of a call are told in full.
const EVENTS: usize = 32;

/// The span of a call. Several requests may belong to it: pages, rows.
pub(crate) struct CallSpan {
    span: Span,
    call: Call,
    /// Requests that were answered, for calls of several, and rows that were read.
    succeeded: AtomicU64,
    failed: AtomicU64,
    rows: AtomicU64,
    retries: AtomicU64,
}

/// What a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// One request.
    Request,
    /// All pages of a result, each a request.
    Pages,
    /// Having a statement prepared.
    Prepare,
    /// Many requests whose results somebody reads.
    Concurrent,
    /// Many rows.
    Bulk,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Call::Request => "request",
            Call::Pages => "pages",
            Call::Prepare => "prepare",
            Call::Concurrent => "concurrent",
            Call::Bulk => "bulk",
        }
    }
}

/// Whether anybody wants to see such spans.
fn is_wanted() -> bool {
    tracing::span_enabled!(target: "chorus::request", tracing::Level::INFO)
}

macro_rules! call_span {
    () => {
        tracing::info_span!(
            target: "chorus::request",
            "request",
            otel.kind = "client",
            otel.name = Empty,
            otel.status_code = Empty,
            db.system.name = "cassandra",
            db.namespace = Empty,
            db.collection.name = Empty,
            db.operation.name = Empty,
            db.operation.batch.size = Empty,
            db.query.summary = Empty,
            db.query.text = Empty,
            db.response.status_code = Empty,
            db.response.returned_rows = Empty,
            "error.type" = Empty,
            server.address = Empty,
            server.port = Empty,
            cassandra.consistency.level = Empty,
            cassandra.coordinator.dc = Empty,
            cassandra.coordinator.id = Empty,
            cassandra.page.size = Empty,
            cassandra.query.idempotent = Empty,
            cassandra.speculative_execution.count = Empty,
            chorus.call = Empty,
            chorus.retries = Empty,
            chorus.pages = Empty,
            chorus.items.succeeded = Empty,
            chorus.items.failed = Empty,
            chorus.cancelled = Empty,
        )
    };
}

impl CallSpan {
    /// The span of a call; `None` where nobody wants it. A job of different statements has no subject.
    pub(super) fn begin(options: &RequestSpans, call: Call, subject: Option<&Subject>) -> Option<Arc<Self>> {
        if !is_wanted() {
            return None;
        }
        let span = call_span!();
        span.record("chorus.call", call.name());
        match subject {
            Some(subject) => describe(&span, options, subject, call),
            None => {
                span.record("otel.name", call.name());
            }
        }
        let none = || AtomicU64::new(0);
        Some(Arc::new(Self { span, call, succeeded: none(), failed: none(), rows: none(), retries: none() }))
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Tells how a request ended that is the whole call, or a part of it.
    pub(super) fn end(
        &self,
        session: &Session,
        outcome: &Result<QueryResult, Error>,
        effort: Effort,
        took: Duration,
    ) {
        match outcome {
            Ok(result) => {
                self.answered_by(session, Some(result.host()));
                self.attempts(result.attempts());
                let rows = result.row_count() as u64;
                if self.call == Call::Pages {
                    self.succeeded.fetch_add(1, Ordering::Relaxed);
                    self.rows.fetch_add(rows, Ordering::Relaxed);
                    self.retries.fetch_add(effort.retries.into(), Ordering::Relaxed);
                    let took_us = micros(took);
                    tracing::info!(target: "chorus::request", parent: &self.span, rows, took_us, "a page came");
                } else {
                    if result.is_rows() {
                        self.span.record("db.response.returned_rows", rows);
                    }
                    self.effort(effort);
                }
            }
            Err(error) => {
                self.answered_by(session, effort.host);
                self.attempts(error.attempts());
                if self.call != Call::Pages {
                    self.effort(effort);
                }
                self.failed(error);
            }
        }
        if effort.speculative > 0 {
            let (count, won) = (effort.speculative, effort.won_by_speculation);
            tracing::info!(target: "chorus::request", parent: &self.span, count, won, "speculation");
        }
    }

    /// Says why the call failed. Not in the server's words, which may quote values.
    pub(crate) fn failed(&self, error: &Error) {
        self.span.record("otel.status_code", "ERROR");
        self.span.record("error.type", label::of_error(error).as_str());
        if let Some(body) = error.db() {
            self.span.record("db.response.status_code", body.code.to_string().as_str());
        }
    }

    /// The caller left before the answer.
    pub(crate) fn cancelled(&self) {
        self.span.record("chorus.cancelled", true);
    }

    /// Counts items of a job that succeeded, and how often items were sent again.
    pub(crate) fn items_succeeded(&self, items: u64, retries: u64) {
        self.succeeded.fetch_add(items, Ordering::Relaxed);
        self.retries.fetch_add(retries, Ordering::Relaxed);
    }

    /// Counts an item of a job that failed, and tells of it as one of the first few.
    pub(crate) fn item_failed(&self, error: &Error) {
        if self.failed.fetch_add(1, Ordering::Relaxed) < EVENTS as u64 {
            let (index, kind) = (error.index(), label::of_error(error));
            tracing::info!(target: "chorus::request", parent: &self.span, index, "error.type" = kind, "an item failed");
        }
    }

    /// Counts items that failed and were told of elsewhere.
    #[cfg(feature = "bulk")]
    pub(crate) fn items_failed(&self, items: u64) {
        self.failed.fetch_add(items, Ordering::Relaxed);
    }

    /// Says how a load of a file ended.
    #[cfg(feature = "bulk")]
    pub(crate) fn load_ended(&self, ending: &crate::bulk::Ending) {
        use crate::bulk::Ending;

        let reason = match ending {
            Ending::Complete | Ending::NothingToResume => return,
            Ending::Interrupted => return self.cancelled(),
            Ending::ServerLost(error) | Ending::Refused(error) => return self.failed(error),
            Ending::TooManyRejects => "too_many_rejects",
            Ending::SourceFailed(_) => "source_failed",
            Ending::RejectsFailed(_) => "rejects_failed",
        };
        self.span.record("otel.status_code", "ERROR");
        self.span.record("error.type", reason);
    }

    fn answered_by(&self, session: &Session, host: Option<HostIndex>) {
        let route = session.inner.engine.peek_route();
        let Some(host) = host.and_then(|host| route.host(host)).map(|known| &known.host) else { return };
        self.span.record("server.address", host.address.ip().to_string().as_str());
        self.span.record("server.port", host.address.port());
        self.span.record("cassandra.coordinator.id", host.id.to_string().as_str());
        self.span.record("cassandra.coordinator.dc", &*host.datacenter);
    }

    fn effort(&self, effort: Effort) {
        self.span.record("chorus.retries", effort.retries);
        if effort.speculative > 0 {
            self.span.record("cassandra.speculative_execution.count", effort.speculative);
        }
    }

    fn attempts<'a>(&self, attempts: impl Iterator<Item = Attempt<'a>>) {
        for attempt in attempts.take(EVENTS) {
            let Some((failure, after)) = attempt.of_request() else { continue };
            let after_us = micros(after);
            let kind = label::of_attempt(failure);
            let (address, port) = address(failure.host);
            tracing::info!(
                target: "chorus::request",
                parent: &self.span,
                after_us,
                "error.type" = kind,
                server.address = address,
                server.port = port,
                "an attempt failed"
            );
        }
    }
}

/// What is counted while it happens is recorded once.
impl Drop for CallSpan {
    fn drop(&mut self) {
        match self.call {
            Call::Pages => {
                self.span.record("chorus.pages", *self.succeeded.get_mut());
                self.span.record("db.response.returned_rows", *self.rows.get_mut());
            }
            Call::Concurrent | Call::Bulk => {
                self.span.record("chorus.items.succeeded", *self.succeeded.get_mut());
                self.span.record("chorus.items.failed", *self.failed.get_mut());
            }
            Call::Request | Call::Prepare => return,
        }
        // Items of concurrent work do not tell their retries.
        if self.call != Call::Concurrent {
            self.span.record("chorus.retries", *self.retries.get_mut());
        }
    }
}

fn describe(span: &Span, options: &RequestSpans, subject: &Subject, call: Call) {
    let prepares = call == Call::Prepare;
    let outline = &subject.outline;
    let summary = outline.summary();
    let operation = if prepares { "PREPARE" } else { &*outline.operation };
    let name = match (prepares, summary.is_empty()) {
        (true, _) => format!("PREPARE {summary}"),
        (false, true) => "cassandra".to_owned(),
        (false, false) => summary.clone(),
    };
    span.record("otel.name", name.trim_end());
    if !operation.is_empty() {
        span.record("db.operation.name", operation);
    }
    if !summary.is_empty() {
        span.record("db.query.summary", name.trim_end());
    }
    if let Some(keyspace) = &subject.keyspace {
        span.record("db.namespace", &**keyspace);
    }
    if let Some(table) = &outline.table {
        span.record("db.collection.name", &**table);
    }
    if options.text && !outline.text.is_empty() {
        span.record("db.query.text", &*outline.text);
    }
    if subject.members > 1 {
        span.record("db.operation.batch.size", subject.members as u64);
    }
    if prepares {
        return;
    }
    span.record("cassandra.consistency.level", subject.consistency.name().to_ascii_lowercase().as_str());
    span.record("cassandra.query.idempotent", subject.idempotent);
    if let Some(rows) = subject.page_size {
        span.record("cassandra.page.size", rows);
    }
}

fn address(address: SocketAddr) -> (String, u16) {
    (address.ip().to_string(), address.port())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl fmt::Debug for CallSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.span.fmt(f)
    }
}

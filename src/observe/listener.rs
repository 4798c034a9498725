//! Hooks into every request of a session.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use chorus_actors::RequestKind;

use crate::error::Error;
use crate::request::AnyStatement;
use crate::result::QueryResult;
use crate::statement::{Batch, PreparedStatement, kind_of};

/// Told of every request of a session: before it is sent, and when it has ended. For logs, traces and tests.
///
/// Called in the task of whoever waits for the request, so that what is set for a task (a span, a context) is in force; it holds
/// up that request and nothing else. Pages after the first are requests of their own. Told are requests by
/// [`query`](crate::Session::query), [`execute`](crate::Session::execute), [`batch`](crate::Session::batch),
/// [`run`](crate::Session::run), their pages, and the items of
/// [`execute_concurrent`](crate::Session::execute_concurrent); not the driver's own, such as PREPARE, nor rows of
/// [`bulk`](crate::Session::bulk), for which there are [metrics](crate::Session::metrics).
///
/// Without a listener nothing of this costs anything.
///
/// ```
/// use std::time::Duration;
///
/// use chorus::{Error, RequestInfo, RequestListener};
///
/// #[derive(Debug)]
/// struct SlowRequests(Duration);
///
/// impl RequestListener for SlowRequests {
///     fn succeeded(&self, request: &RequestInfo, result: &chorus::QueryResult, took: Duration) {
///         if took > self.0 {
///             println!("{} took {took:?} at {:?}", request.text(), result.host());
///         }
///     }
///
///     fn failed(&self, request: &RequestInfo, error: &Error, took: Duration) {
///         println!("{} failed after {took:?}: {error}", request.text());
///     }
/// }
/// ```
pub trait RequestListener: fmt::Debug + Send + Sync {
    /// A request is about to be handed to the engine.
    fn started(&self, request: &RequestInfo) {
        let _ = request;
    }

    /// It was answered. [`attempts`](QueryResult::attempts) has what went wrong before.
    fn succeeded(&self, request: &RequestInfo, result: &QueryResult, took: Duration) {
        let _ = (request, result, took);
    }

    /// It failed for good. A request whose future is dropped has no end.
    fn failed(&self, request: &RequestInfo, error: &Error, took: Duration) {
        let _ = (request, error, took);
    }
}

/// A request, as a [`RequestListener`] is told of it. Bound values are not part of it.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    text: Arc<str>,
    kind: RequestKind,
    is_prepared: bool,
    members: usize,
    number: u64,
}

impl RequestInfo {
    /// The text of the statement; of a batch, that of its first member.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is a read, a write, a batch or something else, judged by its first word.
    pub fn kind(&self) -> RequestKind {
        self.kind
    }

    /// Whether it is an execution of a prepared statement.
    pub fn is_prepared(&self) -> bool {
        self.is_prepared
    }

    /// How many statements it has; more than one only in a batch.
    pub fn statements(&self) -> usize {
        self.members
    }

    /// Tells requests of this session apart. Numbers rise in the order in which requests are made.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl RequestInfo {
    /// A request that is not numbered yet.
    pub(super) fn of_execution(statement: &PreparedStatement) -> Self {
        let shared = &statement.shared;
        Self::new(Arc::clone(&shared.preparation.cql), shared.kind, true, 1)
    }

    pub(super) fn of_statement(statement: &AnyStatement) -> Self {
        match statement {
            AnyStatement::Text(statement) => {
                Self::new(Arc::clone(&statement.text), kind_of(&statement.text), false, 1)
            }
            AnyStatement::Bound(bound) => Self::of_execution(&bound.prepared),
            AnyStatement::Batch(batch) => Self::of_batch(batch),
        }
    }

    pub(super) fn of_batch(batch: &Batch) -> Self {
        Self::new(batch.first_text().unwrap_or_default(), RequestKind::Batch, false, batch.len())
    }

    fn new(text: Arc<str>, kind: RequestKind, is_prepared: bool, members: usize) -> Self {
        Self { text, kind, is_prepared, members, number: 0 }
    }

    pub(super) fn numbered(mut self, number: u64) -> Self {
        self.number = number;
        self
    }
}

/// Those of a session.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    all: ArcSwap<Vec<Arc<dyn RequestListener>>>,
    /// Held by whoever changes the above.
    changing: Mutex<()>,
}

impl Listeners {
    pub(super) fn new(listeners: Vec<Arc<dyn RequestListener>>) -> Self {
        Self { all: ArcSwap::from_pointee(listeners), changing: Mutex::new(()) }
    }

    pub(super) fn current(&self) -> Arc<Vec<Arc<dyn RequestListener>>> {
        self.all.load_full()
    }

    /// Changes the list, and tells `and_then` whether there are any now, before somebody else changes it.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut Vec<Arc<dyn RequestListener>>),
        and_then: impl FnOnce(bool),
    ) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::clone(&self.all.load());
        change(&mut all);
        let any = !all.is_empty();
        self.all.store(Arc::new(all));
        and_then(any);
    }
}

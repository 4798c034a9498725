//! Hooks into every request of a session.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use chorus_actors::RequestKind;

use crate::error::Error;
use crate::request::AnyStatement;
use crate::result::QueryResult;
use crate::statement::{Batch, PreparedStatement};

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

/// The listeners of a session.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    /// Whether there are any: all that is looked at where there are none.
    any: AtomicBool,
    all: ArcSwap<Vec<Arc<dyn RequestListener>>>,
    /// Held by whoever changes the above.
    changing: Mutex<()>,
    requests: AtomicU64,
}

impl Listeners {
    pub(crate) fn new(listeners: Vec<Arc<dyn RequestListener>>) -> Self {
        Self {
            any: AtomicBool::new(!listeners.is_empty()),
            all: ArcSwap::from_pointee(listeners),
            ..Self::default()
        }
    }

    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
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
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::clone(&self.all.load());
        change(&mut all);
        self.any.store(!all.is_empty(), Ordering::Relaxed);
        self.all.store(Arc::new(all));
    }

    /// Tells that an execution of a prepared statement begins, if anybody listens.
    #[inline]
    pub(crate) fn execution(&self, statement: &PreparedStatement) -> Option<Box<Listened>> {
        if self.any() { Some(self.begin_execution(statement)) } else { None }
    }

    /// Tells that a request begins, if anybody listens.
    #[inline]
    pub(crate) fn statement(&self, statement: &AnyStatement) -> Option<Box<Listened>> {
        if self.any() { Some(self.begin_statement(statement)) } else { None }
    }

    /// Tells that a batch begins, if anybody listens.
    pub(crate) fn batch(&self, batch: &Batch) -> Option<Box<Listened>> {
        if self.any() { Some(self.begin_batch(batch)) } else { None }
    }

    #[cold]
    fn begin_execution(&self, statement: &PreparedStatement) -> Box<Listened> {
        self.begin(RequestInfo {
            text: Arc::clone(&statement.shared.preparation.cql),
            kind: statement.shared.kind,
            is_prepared: true,
            members: 1,
            number: 0,
        })
    }

    #[cold]
    fn begin_statement(&self, statement: &AnyStatement) -> Box<Listened> {
        match statement {
            AnyStatement::Text(statement) => self.begin(RequestInfo {
                text: Arc::clone(&statement.text),
                kind: crate::statement::kind_of(&statement.text),
                is_prepared: false,
                members: 1,
                number: 0,
            }),
            AnyStatement::Bound(bound) => self.begin_execution(&bound.prepared),
            AnyStatement::Batch(batch) => self.begin_batch(batch),
        }
    }

    #[cold]
    fn begin_batch(&self, batch: &Batch) -> Box<Listened> {
        self.begin(RequestInfo {
            text: batch.first_text().unwrap_or_default(),
            kind: RequestKind::Batch,
            is_prepared: false,
            members: batch.len(),
            number: 0,
        })
    }

    fn begin(&self, mut request: RequestInfo) -> Box<Listened> {
        request.number = self.requests.fetch_add(1, Ordering::Relaxed);
        let listeners = self.all.load_full();
        listeners.iter().for_each(|listener| listener.started(&request));
        Box::new(Listened { request, listeners, began: Instant::now() })
    }
}

/// A request whose end is to be told to those who were told of its beginning.
#[derive(Debug)]
pub(crate) struct Listened {
    request: RequestInfo,
    listeners: Arc<Vec<Arc<dyn RequestListener>>>,
    began: Instant,
}

impl Listened {
    pub(crate) fn end(&self, outcome: &Result<QueryResult, Error>) {
        let took = self.began.elapsed();
        for listener in self.listeners.iter() {
            match outcome {
                Ok(result) => listener.succeeded(&self.request, result, took),
                Err(error) => listener.failed(&self.request, error, took),
            }
        }
    }
}

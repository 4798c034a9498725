//! The statements a session has prepared, and what servers told the sessions of a cluster about statements.
//!
//! Two callers who prepare the same text get the same statement, also when the second asks while the first is still
//! waiting: they share one PREPARE. So do sessions of one cluster: each makes a statement of its own from what the servers told
//! the first of them. Everything is held weakly, so what nobody keeps is forgotten; statements that a session
//! prepares on its own, for text with values, are kept in a bounded queue.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};

use crate::error::Error;

/// Statements prepared for text with values that are kept alive.
const KEPT_FOR_TEXT: usize = 256;
/// Forgotten statements are cleared out when there are this many entries, and again whenever their number has doubled.
const FIRST_SWEEP: usize = 256;

/// What makes two statements the same: the text, and the keyspace in which unqualified names are looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StatementKey {
    pub(crate) text: Arc<str>,
    pub(crate) keyspace: Option<Arc<str>>,
}

type Outcome<T> = Result<Arc<T>, Error>;
type Preparing<T> = Shared<BoxFuture<'static, Outcome<T>>>;

enum Known<T> {
    /// Somebody waits for the server's answer. Weak, so that a PREPARE that everybody gave up on ends.
    Preparing(WeakShared<BoxFuture<'static, Outcome<T>>>),
    Ready(Weak<T>),
}

/// What is remembered of a statement.
pub(crate) trait Remembered: Send + Sync + 'static {
    /// Whether a server has said that the text means something else by now.
    fn is_outdated(&self) -> bool;
}

/// See the module documentation.
pub(crate) struct StatementCache<T> {
    statements: DashMap<StatementKey, Known<T>>,
    /// Oldest first.
    kept: Mutex<VecDeque<Arc<T>>>,
    next_sweep: AtomicUsize,
}

impl<T: Remembered> StatementCache<T> {
    pub(crate) fn new() -> Self {
        Self {
            statements: DashMap::with_shard_amount(8),
            kept: Mutex::new(VecDeque::new()),
            next_sweep: AtomicUsize::new(FIRST_SWEEP),
        }
    }

    /// The statement of `key`, prepared by `prepare` unless it is known or already being prepared.
    ///
    /// # Errors
    ///
    /// Those of `prepare`, for everybody who waited for it. A failure is not remembered.
    pub(crate) async fn get_or_prepare<F>(&self, key: StatementKey, prepare: impl FnOnce() -> F) -> Outcome<T>
    where
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        let preparing = match self.join(&key, prepare) {
            Ok(ready) => return Ok(ready),
            Err(preparing) => preparing,
        };
        let outcome = preparing.clone().await;
        self.settle(&key, &preparing, &outcome);
        outcome
    }

    /// The statement, or the future of the one who prepares it.
    fn join<F>(&self, key: &StatementKey, prepare: impl FnOnce() -> F) -> Result<Arc<T>, Preparing<T>>
    where
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        self.sweep_if_due();
        let mut entry = match self.statements.entry(key.clone()) {
            Entry::Vacant(vacant) => {
                let preparing = prepare().boxed().shared();
                let weak = preparing.downgrade().expect("not polled yet, so not done");
                vacant.insert(Known::Preparing(weak));
                return Err(preparing);
            }
            Entry::Occupied(occupied) => occupied,
        };
        match entry.get() {
            Known::Ready(weak) => {
                if let Some(ready) = weak.upgrade()
                    && !ready.is_outdated()
                {
                    return Ok(ready);
                }
            }
            Known::Preparing(weak) => {
                if let Some(preparing) = weak.upgrade() {
                    return Err(preparing);
                }
            }
        }
        let preparing = prepare().boxed().shared();
        entry.insert(Known::Preparing(preparing.downgrade().expect("not polled yet, so not done")));
        Err(preparing)
    }

    /// Remembers how a PREPARE ended, unless somebody began another one meanwhile.
    fn settle(&self, key: &StatementKey, preparing: &Preparing<T>, outcome: &Outcome<T>) {
        let Entry::Occupied(mut entry) = self.statements.entry(key.clone()) else { return };
        let is_ours = match entry.get() {
            Known::Preparing(weak) => weak.upgrade().is_none_or(|current| current.ptr_eq(preparing)),
            Known::Ready(_) => false,
        };
        if !is_ours {
            return;
        }
        match outcome {
            Ok(prepared) => {
                entry.insert(Known::Ready(Arc::downgrade(prepared)));
            }
            Err(_) => {
                entry.remove();
            }
        }
    }

    /// Forgets statements: whoever asks for one of them has it prepared anew. Those who hold it keep it.
    pub(crate) fn forget(&self, mut is_gone: impl FnMut(&T) -> bool) {
        self.statements.retain(|_, known| match known {
            Known::Ready(weak) => weak.upgrade().is_some_and(|ready| !is_gone(&ready)),
            Known::Preparing(_) => true,
        });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|ready| !is_gone(ready));
    }

    /// Keeps a statement alive for its next use, until many others were kept after it.
    pub(crate) fn keep(&self, prepared: &Arc<T>) {
        // A panic elsewhere cannot leave a queue of `Arc`s in a bad state.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // A statement used again has two owners at least and is usually near the end.
        if kept.iter().rev().any(|known| Arc::ptr_eq(known, prepared)) {
            return;
        }
        if kept.len() == KEPT_FOR_TEXT {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(prepared));
    }

    fn sweep_if_due(&self) {
        let due = self.next_sweep.load(Ordering::Relaxed);
        if self.statements.len() < due {
            return;
        }
        self.statements.retain(|_, known| match known {
            Known::Ready(weak) => weak.strong_count() > 0,
            Known::Preparing(weak) => weak.upgrade().is_some(),
        });
        self.next_sweep.store((self.statements.len() * 2).max(FIRST_SWEEP), Ordering::Relaxed);
    }
}

impl<T> std::fmt::Debug for StatementCache<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatementCache").field("statements", &self.statements.len()).finish_non_exhaustive()
    }
}

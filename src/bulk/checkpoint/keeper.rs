//! When checkpoints are written, and what happens when they cannot be.
//!
//! One at the beginning, one every few seconds, one at the end. One that cannot be written costs nothing but itself: it
//! is said once, tried again soon, and shows in the metrics; the load goes on.

use std::fs::File;
use std::io;
use std::time::Duration;

use super::state::State;
use super::store::{Lock, Store};
use super::writer::Writer;
use crate::bulk::progress::Progress;

/// How soon one that could not be written is tried again, in milliseconds, unless the next is due before that.
const AGAIN: u64 = 1_000;
/// How often the last one is tried.
const LAST_TRIES: u32 = 3;

/// Keeps the checkpoint of a load.
#[derive(Debug)]
pub(crate) struct Keeper {
    state: State,
    store: Store,
    writer: Writer,
    every: u64,
    /// When the next one is to be written, in milliseconds of the load's clock.
    due: u64,
    failing: bool,
    progress: Progress,
    _lock: Option<Lock>,
}

impl Keeper {
    /// `every` is how often one is written.
    pub(crate) fn start(
        store: Store,
        lock: Option<Lock>,
        state: State,
        every: Duration,
        progress: Progress,
    ) -> io::Result<Self> {
        let writer = Writer::start(store.clone())?;
        let every = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1);
        progress.checkpoints_begin();
        Ok(Self { state, store, writer, every, due: 0, failing: false, progress, _lock: lock })
    }

    /// What was said last, or is to be said next.
    pub(crate) fn state(&mut self) -> &mut State {
        &mut self.state
    }

    /// Where checkpoints are kept.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn is_due(&self, now: u64) -> bool {
        !self.writer.is_writing() && now >= self.due
    }

    /// When to look again.
    pub(crate) fn next_due(&self) -> Option<u64> {
        (!self.writer.is_writing()).then_some(self.due)
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.writer.is_writing()
    }

    /// Begins to write the state, after `first` are synced.
    pub(crate) fn save(&mut self, now: u64, first: Vec<File>) {
        self.progress.checkpoint_noted();
        self.writer.write(self.state.clone(), first);
        self.due = now.saturating_add(self.every);
    }

    /// Takes in what became of the one being written. Cancel safe.
    pub(crate) async fn saved(&mut self, now: impl Fn() -> u64) {
        if self.take_outcome().await.is_err() {
            self.due = self.due.min(now().saturating_add(AGAIN));
        }
    }

    async fn take_outcome(&mut self) -> io::Result<()> {
        let outcome = self.writer.outcome().await;
        self.progress.checkpoint_written(outcome.is_ok());
        let run = self.store.folder().display();
        match &outcome {
            Err(error) if !self.failing => {
                tracing::warn!(%run, %error, "the checkpoint cannot be written; the load goes on and tries again");
            }
            Ok(()) if self.failing => tracing::warn!(%run, "checkpoints are written again"),
            _ => {}
        }
        self.failing = outcome.is_err();
        outcome
    }

    /// Writes the state for the last time, within `limit`; says whether that is what is on disk now.
    pub(crate) async fn save_last(
        &mut self,
        limit: Duration,
        first: impl Fn() -> io::Result<Vec<File>>,
    ) -> bool {
        let write = async {
            if self.writer.is_writing() {
                drop(self.take_outcome().await);
            }
            for _ in 0..LAST_TRIES {
                let Ok(first) = first() else { return false };
                self.save(0, first);
                if self.take_outcome().await.is_ok() {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            false
        };
        tokio::time::timeout(limit, write).await.unwrap_or(false)
    }
}

/// However the load ends, nothing grows old after it.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.progress.checkpoints_end();
    }
}

//! How far an unload has come, for whoever watches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::scan::ScanProgress;

/// A view of an unload that may be looked at from anywhere at any time, and a way to stop it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct UnloadProgress {
    scan: ScanProgress,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    rows: AtomicU64,
    bytes: AtomicU64,
    began: AtomicBool,
    stop: AtomicBool,
    wake: Notify,
}

/// Numbers of an unload at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct UnloadSnapshot {
    /// Whether the table is being read: not while the statement is prepared.
    pub began: bool,
    /// The share of the token ring that was read: 0 to 1.
    pub share: f64,
    /// Rows that were written.
    pub rows: u64,
    /// Bytes that were written, as they lie on the disk.
    pub bytes: u64,
    /// How often a page was asked for again.
    pub retries: u64,
    /// How often a piece of the table was cut because it took too long.
    pub splits: u64,
    /// Requests under way.
    pub in_flight: u64,
}

impl UnloadProgress {
    /// The numbers now.
    #[must_use]
    pub fn snapshot(&self) -> UnloadSnapshot {
        UnloadSnapshot {
            began: self.shared.began.load(Ordering::Relaxed),
            share: self.scan.share(),
            rows: self.shared.rows.load(Ordering::Relaxed),
            bytes: self.shared.bytes.load(Ordering::Relaxed),
            retries: self.scan.retries(),
            splits: self.scan.splits(),
            in_flight: self.scan.in_flight(),
        }
    }

    /// Asks the unload to end: nothing more is read, writers are awaited for a second, files keep `.partial` behind their names, and the
    /// report says [`UnloadEnding::Interrupted`](super::UnloadEnding::Interrupted).
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake.notify_one();
    }

    /// Resolves once [`stop`](Self::stop) was called.
    pub(super) async fn stopped(&self) {
        while !self.shared.stop.load(Ordering::Acquire) {
            self.shared.wake.notified().await;
        }
    }

    /// Of an unload that reads with the scan of this progress.
    pub(super) fn of(scan: ScanProgress) -> Self {
        Self { scan, shared: Arc::default() }
    }

    pub(super) fn begin(&self) {
        self.shared.began.store(true, Ordering::Relaxed);
    }

    pub(super) fn add_rows(&self, rows: u64) {
        self.shared.rows.fetch_add(rows, Ordering::Relaxed);
    }

    pub(super) fn add_bytes(&self, bytes: u64) {
        self.shared.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

//! How far a bulk insert is, for whoever does not hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a bulk insert is: cheap to clone, readable from any task, and still there when the insert was dropped, which is how
/// one learns what a cancelled insert has done. Made by [`BulkInsert::progress`](super::BulkInsert::progress).
///
/// Kept up piece by piece, and exact once the insert has ended. Rows of a piece that was not answered as a whole when the insert was
/// dropped are unsettled, also those that were.
#[derive(Clone, Debug, Default)]
pub struct BulkProgress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicU64,
    written: AtomicU64,
    failed: AtomicU64,
    retries: AtomicU64,
}

impl BulkProgress {
    /// Rows taken from the input.
    pub fn taken(&self) -> u64 {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Rows that the cluster has acknowledged.
    pub fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    /// Rows that failed for good.
    pub fn failed(&self) -> u64 {
        self.0.failed.load(Ordering::Relaxed)
    }

    /// How often a row was sent again.
    pub fn retries(&self) -> u64 {
        self.0.retries.load(Ordering::Relaxed)
    }

    /// Rows that were taken and have no outcome: under way, or, when the insert was dropped, written or not and nobody knows.
    pub fn unsettled(&self) -> u64 {
        self.taken().saturating_sub(self.written() + self.failed())
    }

    pub(super) fn take(&self, rows: u64) {
        self.0.taken.store(rows, Ordering::Relaxed);
    }

    pub(super) fn settle(&self, written: u64, failed: u64, retries: u64) {
        self.0.written.fetch_add(written, Ordering::Relaxed);
        self.0.failed.fetch_add(failed, Ordering::Relaxed);
        self.0.retries.fetch_add(retries, Ordering::Relaxed);
    }
}

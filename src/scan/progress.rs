//! How far a scan is, for whoever does not hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;

/// How far a scan or a count is: cheap to clone, readable from any task, and still there when the scan has ended. Made by
/// [`Scan::progress`](super::Scan::progress); a scan that is begun again with the same builder adds to it.
#[derive(Clone, Debug, Default)]
pub struct ScanProgress(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    /// The bits of a float between 0 and 1.
    share: AtomicU64,
    rows: AtomicU64,
    pages: AtomicU64,
    pieces: AtomicU64,
    done: AtomicU64,
    retries: AtomicU64,
    splits: AtomicU64,
    in_flight: AtomicU64,
    stop: AtomicBool,
    /// The task that drives the scan.
    driver: AtomicWaker,
}

impl ScanProgress {
    /// The share of the token ring, or of the ranges asked for, whose pieces are complete: 0 to 1, and 1 only at the end.
    pub fn share(&self) -> f64 {
        f64::from_bits(self.0.share.load(Ordering::Relaxed))
    }

    /// Rows that have come, those of pages that nobody took yet among them; of a count the rows counted.
    pub fn rows(&self) -> u64 {
        self.0.rows.load(Ordering::Relaxed)
    }

    /// Pages that have come.
    pub fn pages(&self) -> u64 {
        self.0.pages.load(Ordering::Relaxed)
    }

    /// Pieces known by now; more when one that was too slow is cut.
    pub fn pieces(&self) -> u64 {
        self.0.pieces.load(Ordering::Relaxed)
    }

    /// Pieces that are complete.
    pub fn pieces_done(&self) -> u64 {
        self.0.done.load(Ordering::Relaxed)
    }

    /// How often a page was asked for again. What the session's retry policy does is not counted here.
    pub fn retries(&self) -> u64 {
        self.0.retries.load(Ordering::Relaxed)
    }

    /// How often a piece was cut because it took too long.
    pub fn splits(&self) -> u64 {
        self.0.splits.load(Ordering::Relaxed)
    }

    /// Requests under way, or about to be sent again after a pause.
    pub fn in_flight(&self) -> u64 {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// Ends the scan: [`next_page`](super::TableScan::next_page) fails from now on, and a count reports what is known.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Release);
        self.0.driver.wake();
    }

    /// Whether somebody has stopped it.
    pub fn is_stopped(&self) -> bool {
        self.0.stop.load(Ordering::Acquire)
    }

    /// Has [`stop`](Self::stop) wake the scan.
    pub(super) fn watch(&self, driver: &Waker) {
        self.0.driver.register(driver);
    }

    pub(super) fn add_pieces(&self, pieces: usize) {
        self.0.pieces.fetch_add(pieces as u64, Ordering::Relaxed);
    }

    pub(super) fn add_page(&self, rows: u64) {
        self.0.rows.fetch_add(rows, Ordering::Relaxed);
        self.0.pages.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_retry(&self) {
        self.0.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_split(&self) {
        self.0.splits.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_in_flight(&self, requests: usize) {
        self.0.in_flight.store(requests as u64, Ordering::Relaxed);
    }

    /// One more piece is complete. Only the scan itself writes the share.
    pub(super) fn finish_piece(&self, share: f64) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
        // Sums of fractions come near one, and must not reach it before the end.
        self.set_share((self.share() + share).min(1.0 - f64::EPSILON));
    }

    pub(super) fn finish(&self) {
        self.set_share(1.0);
    }

    fn set_share(&self, share: f64) {
        self.0.share.store(share.to_bits(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_reached_at_the_end_and_not_before() {
        let progress = ScanProgress::default();
        for _ in 0..10 {
            progress.finish_piece(0.1);
        }
        assert!(progress.share() > 0.999 && progress.share() < 1.0);
        progress.finish();
        assert!((progress.share() - 1.0).abs() < f64::EPSILON && progress.pieces_done() == 10);
    }
}

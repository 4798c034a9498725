//! How far a load has come, for whoever watches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// What a load is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Opening the source, looking at the table.
    Preparing,
    /// Reading and writing rows.
    Loading,
    /// Nothing gets through to the cluster; trying again until the patience ends.
    Waiting,
    /// No more rows are read; the last answers are awaited.
    Draining,
    /// Over.
    Done,
}

/// What keeps a load from going faster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The source has no more rows ready.
    Source,
    /// As many rows are in flight as may be: the cluster takes as long as it takes.
    Window,
    /// Servers are overloaded or gone, so fewer rows are in flight than might be.
    Server,
    /// Nothing: it has not begun, or it is over.
    #[default]
    None,
}

impl Limit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Source, Self::Window, Self::Server, Self::None];

    /// The value of the label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Window => "window",
            Self::Server => "server",
            Self::None => "none",
        }
    }
}

/// A view of a load that may be looked at from anywhere at any time, and a way to stop it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    phase: AtomicU8,
    read: AtomicU64,
    written: AtomicU64,
    rejected: AtomicU64,
    retried: AtomicU64,
    in_flight: AtomicU64,
    bound: AtomicU64,
    rejected_by: [AtomicU64; 3],
    limit: AtomicU64,
    limited_by: AtomicU8,
    source_size: AtomicU64,
    source_read: AtomicU64,
    checkpoints: Checkpoints,
    stop: AtomicBool,
    wake: Notify,
}

#[derive(Debug)]
struct Checkpoints {
    /// What moments are counted from.
    origin: Instant,
    /// One more than the milliseconds until what the last one says was so; zero while none is kept.
    at: AtomicU64,
    /// The same of the one being written.
    next: AtomicU64,
    written: AtomicU64,
    failed: AtomicU64,
}

impl Default for Checkpoints {
    fn default() -> Self {
        let zero = AtomicU64::default;
        Self { origin: Instant::now(), at: zero(), next: zero(), written: zero(), failed: zero() }
    }
}

impl Checkpoints {
    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn age(&self) -> Option<Duration> {
        let at = self.at.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.origin.elapsed().saturating_sub(Duration::from_millis(at)))
    }
}

/// Numbers of a load at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgressSnapshot {
    /// What the load is doing.
    pub phase: Phase,
    /// Records read.
    pub read: u64,
    /// Rows acknowledged.
    pub written: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Rows sent again.
    pub retried: u64,
    /// Rows sent or about to be, without an outcome.
    pub in_flight: u64,
    /// Rows that fit the table.
    pub bound: u64,
    /// Rows rejected, by how far they came; in the order of the variants of [`RejectStage`](super::RejectStage).
    pub rejected_by: [u64; 3],
    /// The most rows that may be in flight now: fewer than asked for while servers are overloaded.
    pub in_flight_limit: u64,
    /// What keeps the load from going faster.
    pub limited_by: Limit,
    /// Bytes of the file that were taken in, as it lies on disk.
    pub source_read: u64,
    /// Bytes of the file; zero when unknown.
    pub source_size: u64,
    /// How old what the latest checkpoint says is; since the load began while there is none, and nothing for a load that keeps none
    /// or is over.
    pub checkpoint_age: Option<Duration>,
    /// Checkpoints that were written.
    pub checkpoints_written: u64,
    /// Checkpoints that could not be written.
    pub checkpoints_failed: u64,
}

impl Progress {
    /// The numbers now.
    #[must_use]
    pub fn snapshot(&self) -> ProgressSnapshot {
        let shared = &*self.shared;
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        ProgressSnapshot {
            phase: match shared.phase.load(Ordering::Relaxed) {
                0 => Phase::Preparing,
                1 => Phase::Loading,
                2 => Phase::Waiting,
                3 => Phase::Draining,
                _ => Phase::Done,
            },
            read: load(&shared.read),
            written: load(&shared.written),
            rejected: load(&shared.rejected),
            retried: load(&shared.retried),
            in_flight: load(&shared.in_flight),
            bound: load(&shared.bound),
            rejected_by: [0, 1, 2].map(|stage| load(&shared.rejected_by[stage])),
            in_flight_limit: load(&shared.limit),
            // Kept one higher, so that zero is nothing.
            limited_by: match shared.limited_by.load(Ordering::Relaxed) {
                1 => Limit::Source,
                2 => Limit::Window,
                3 => Limit::Server,
                _ => Limit::None,
            },
            source_read: load(&shared.source_read),
            source_size: load(&shared.source_size),
            checkpoint_age: shared.checkpoints.age(),
            checkpoints_written: load(&shared.checkpoints.written),
            checkpoints_failed: load(&shared.checkpoints.failed),
        }
    }

    /// Asks the load to end: no more rows are read, rows under way are awaited for a second, and the report says
    /// [`Ending::Interrupted`](super::Ending::Interrupted).
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake.notify_one();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    /// Resolves once [`Progress::stop`] was called.
    pub(super) async fn stopped(&self) {
        while !self.is_stopped() {
            self.shared.wake.notified().await;
        }
    }

    pub(super) fn set_source_size(&self, size: Option<u64>) {
        self.shared.source_size.store(size.unwrap_or(0), Ordering::Relaxed);
    }

    pub(super) fn set_source_read(&self, read: u64) {
        self.shared.source_read.store(read, Ordering::Relaxed);
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.shared.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(super) fn set_rows(&self, read: u64, written: u64, rejected: u64, retried: u64, in_flight: u64) {
        let shared = &*self.shared;
        shared.read.store(read, Ordering::Relaxed);
        shared.written.store(written, Ordering::Relaxed);
        shared.rejected.store(rejected, Ordering::Relaxed);
        shared.retried.store(retried, Ordering::Relaxed);
        shared.in_flight.store(in_flight, Ordering::Relaxed);
    }
}

impl Progress {
    pub(super) fn set_rejected(&self, by_stage: [u64; 3]) {
        for (shown, rejected) in self.shared.rejected_by.iter().zip(by_stage) {
            shown.store(rejected, Ordering::Relaxed);
        }
    }

    /// From now on checkpoints have an age.
    pub(super) fn checkpoints_begin(&self) {
        let checkpoints = &self.shared.checkpoints;
        checkpoints.at.store(checkpoints.now(), Ordering::Relaxed);
    }

    /// The one that is written next says what is so now.
    pub(super) fn checkpoint_noted(&self) {
        let checkpoints = &self.shared.checkpoints;
        checkpoints.next.store(checkpoints.now(), Ordering::Relaxed);
    }

    pub(super) fn checkpoint_written(&self, is: bool) {
        let checkpoints = &self.shared.checkpoints;
        if is {
            checkpoints.at.store(checkpoints.next.load(Ordering::Relaxed), Ordering::Relaxed);
            checkpoints.written.fetch_add(1, Ordering::Relaxed);
        } else {
            checkpoints.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Nothing is acknowledged any more.
    pub(super) fn checkpoints_end(&self) {
        self.shared.checkpoints.at.store(0, Ordering::Relaxed);
    }

    pub(super) fn set_bound(&self, bound: u64) {
        self.shared.bound.store(bound, Ordering::Relaxed);
    }

    pub(super) fn set_limit(&self, rows: u64, by: Limit) {
        self.shared.limit.store(rows, Ordering::Relaxed);
        let number = if by == Limit::None { 0 } else { by as u8 + 1 };
        self.shared.limited_by.store(number, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_sees_what_the_load_says() {
        let progress = Progress::default();
        assert_eq!(progress.snapshot().phase, Phase::Preparing);
        for phase in [Phase::Loading, Phase::Waiting, Phase::Draining, Phase::Done, Phase::Preparing] {
            progress.set_phase(phase);
            assert_eq!(progress.clone().snapshot().phase, phase);
        }
        progress.set_source_size(Some(10));
        progress.set_source_read(4);
        progress.set_rows(5, 3, 1, 0, 1);
        let seen = progress.snapshot();
        assert_eq!((seen.read, seen.written, seen.rejected, seen.in_flight), (5, 3, 1, 1));
        assert_eq!((seen.source_read, seen.source_size), (4, 10));
        progress.set_rejected([1, 2, 3]);
        progress.set_bound(9);
        for limit in Limit::ALL {
            progress.set_limit(64, limit);
            let seen = progress.snapshot();
            assert_eq!((seen.in_flight_limit, seen.limited_by), (64, limit));
            assert_eq!((seen.rejected_by, seen.bound), ([1, 2, 3], 9));
        }
    }

    #[test]
    fn a_checkpoint_grows_older_until_the_next_is_written() {
        let progress = Progress::default();
        assert_eq!(progress.snapshot().checkpoint_age, None);
        progress.checkpoints_begin();
        std::thread::sleep(Duration::from_millis(30));
        progress.checkpoint_written(false);
        let age = progress.snapshot().checkpoint_age.unwrap();
        assert!(age >= Duration::from_millis(29), "{age:?}");
        let noted = Instant::now();
        progress.checkpoint_noted();
        std::thread::sleep(Duration::from_millis(10));
        progress.checkpoint_written(true);
        assert!(progress.snapshot().checkpoint_age.unwrap() >= Duration::from_millis(9), "it was so then");
        let seen = progress.snapshot();
        // From then, and not from the beginning; in whole milliseconds.
        assert!(seen.checkpoint_age.unwrap() <= noted.elapsed() + Duration::from_millis(2));
        assert_eq!((seen.checkpoints_written, seen.checkpoints_failed), (1, 1));
        progress.checkpoints_end();
        assert_eq!(progress.snapshot().checkpoint_age, None);
    }

    #[tokio::test]
    async fn stop_is_seen_before_and_after_it_is_awaited() {
        let progress = Progress::default();
        let waiter = progress.clone();
        let waiting = tokio::spawn(async move { waiter.stopped().await });
        tokio::task::yield_now().await;
        progress.stop();
        waiting.await.unwrap();
        progress.stopped().await;
    }
}

//! How many rows may be on their way, and when to stop trying.
//!
//! Overload is back-pressure and not an error: the window halves when the cluster says it has too much to do, and
//! grows again while it keeps up. When nothing can be written at all the load pauses, tries again with growing
//! gaps, and gives up after its patience. Time is an argument: milliseconds on any clock that only goes forward.

/// The window never shrinks below this.
const SMALLEST_WINDOW: usize = 16;
/// One halving covers all the complaints of one overload.
const HALVING_GAP: u64 = 200;
const FIRST_PAUSE: u64 = 100;
const LONGEST_PAUSE: u64 = 2_000;

/// The pace of one load.
#[derive(Debug)]
pub(super) struct Pace {
    window: usize,
    largest: usize,
    last_halving: Option<u64>,
    /// Acknowledgements since the window last grew.
    acknowledged: usize,
    pause: u64,
    resume_at: u64,
    /// Since when nothing has been acknowledged although rows failed.
    failing_since: Option<u64>,
    patience: u64,
}

impl Pace {
    /// `patience` is how long, in milliseconds, rows may fail without one getting through.
    pub(super) fn new(window: usize, patience: u64) -> Self {
        let largest = window.max(1);
        Self {
            window: largest,
            largest,
            last_halving: None,
            acknowledged: 0,
            pause: 0,
            resume_at: 0,
            failing_since: None,
            patience,
        }
    }

    /// Rows were acknowledged.
    pub(super) fn on_written(&mut self, rows: usize) {
        self.failing_since = None;
        self.pause = 0;
        self.resume_at = 0;
        if self.window < self.largest {
            self.acknowledged += rows;
            // One window's worth of answers adds a sixteenth to the window.
            if self.acknowledged >= self.window {
                self.acknowledged = 0;
                self.window = (self.window + self.window / 16 + 1).min(self.largest);
            }
        }
    }

    /// The cluster was too busy for a row, which will be sent again.
    pub(super) fn on_overload(&mut self, now: u64) {
        if self.last_halving.is_none_or(|last| now >= last + HALVING_GAP) {
            self.last_halving = Some(now);
            self.acknowledged = 0;
            self.window = (self.window / 2).max(SMALLEST_WINDOW.min(self.largest));
            self.hold(now);
        }
    }

    /// A row could not reach the cluster, or the cluster could not serve it; it will be sent again.
    pub(super) fn on_unreachable(&mut self, now: u64) {
        if now >= self.resume_at {
            self.hold(now);
        }
    }

    fn hold(&mut self, now: u64) {
        self.failing_since.get_or_insert(now);
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.resume_at = now + self.pause;
    }

    /// How many more rows may be sent with `outstanding` on their way. While nothing gets through, one at a time.
    pub(super) fn room(&self, now: u64, outstanding: usize) -> usize {
        if now < self.resume_at {
            return 0;
        }
        let window =
            if self.failing_since.is_some() { SMALLEST_WINDOW.min(self.window) } else { self.window };
        window.saturating_sub(outstanding)
    }

    /// When a pause ends, if there is one.
    pub(super) fn paused_until(&self, now: u64) -> Option<u64> {
        (now < self.resume_at).then_some(self.resume_at)
    }

    /// The most rows that may be on their way.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Whether that is less than was asked for.
    pub(super) fn is_held_back(&self) -> bool {
        self.window < self.largest || self.failing_since.is_some()
    }

    /// Since when rows fail and none gets through.
    pub(super) fn failing_since(&self) -> Option<u64> {
        self.failing_since
    }

    /// Whether it has been failing for longer than its patience.
    pub(super) fn is_lost(&self, now: u64) -> bool {
        self.failing_since.is_some_and(|since| now.saturating_sub(since) >= self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_full_until_the_cluster_complains() {
        let mut pace = Pace::new(1024, 60_000);
        assert_eq!(pace.room(0, 0), 1024);
        assert_eq!(pace.room(0, 1000), 24);
        pace.on_overload(0);
        assert_eq!(pace.room(0, 0), 0);
        pace.on_written(1);
        assert_eq!(pace.room(1, 0), 512);
    }

    #[test]
    fn complaints_of_one_overload_halve_once() {
        let mut pace = Pace::new(1024, 60_000);
        for now in 0..HALVING_GAP {
            pace.on_overload(now);
        }
        pace.on_written(1);
        assert_eq!(pace.room(HALVING_GAP, 0), 512);
        pace.on_overload(HALVING_GAP);
        pace.on_written(1);
        assert_eq!(pace.room(2 * HALVING_GAP, 0), 256);
    }

    #[test]
    fn the_window_grows_back_and_not_beyond() {
        let mut pace = Pace::new(1024, 60_000);
        pace.on_overload(0);
        for _ in 0..100 {
            pace.on_written(1024);
        }
        assert_eq!(pace.room(1, 0), 1024);
    }

    #[test]
    fn the_window_never_shrinks_to_nothing() {
        let mut pace = Pace::new(64, 60_000);
        for step in 0..100 {
            pace.on_overload(step * HALVING_GAP);
        }
        pace.on_written(1);
        assert_eq!(pace.room(1_000_000, 0), SMALLEST_WINDOW);
        assert_eq!(Pace::new(0, 1).room(0, 0), 1);
    }

    #[test]
    fn pauses_grow_until_one_row_gets_through() {
        let mut pace = Pace::new(1024, 60_000);
        let (mut now, mut pauses) = (0, Vec::new());
        for _ in 0..7 {
            pace.on_unreachable(now);
            pace.on_unreachable(now + 1);
            let until = pace.paused_until(now + 1).unwrap();
            pauses.push(until - now);
            now = until;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(pace.room(now, 0), SMALLEST_WINDOW);
        pace.on_written(1);
        assert_eq!((pace.room(now, 0), pace.paused_until(now)), (1024, None));
    }

    #[test]
    fn patience_counts_from_the_first_failure_without_a_success() {
        let mut pace = Pace::new(1024, 1_000);
        pace.on_unreachable(5_000);
        assert!(!pace.is_lost(5_999));
        assert!(pace.is_lost(6_000));
        pace.on_written(1);
        assert!(!pace.is_lost(100_000));
    }
}

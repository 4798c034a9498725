//! One piece of a table while it is read: pure, time as a number.
//!
//! ```text
//!  begun ──page──> between pages ──last page──> done
//!    │                  │
//!    failure            failure
//!    ├─ slow: in parts  ├─ slow: smaller pages, the same place again
//!    └─ away: again     └─ away: the same place again
//!                  every time after a longer pause, until the patience ends
//! ```

use std::time::Duration;

use chorus_topology::{HostIndex, Rng};

use super::range::ScanRange;
use super::verdict::Trouble;
use crate::PagingState;

/// The pause after the first failure; it doubles from failure to failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Pauses do not become longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Pages do not become smaller than this.
const SMALLEST_PAGE: u32 = 16;
/// A piece is cut into at most so many parts at once.
const MOST_PARTS: u128 = 16;

/// A piece and how far it has come.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) number: u32,
    pub(super) range: ScanRange,
    /// The hosts that hold it, the first replica first.
    pub(super) replicas: Box<[HostIndex]>,
    /// The share of the scan that it is.
    pub(super) share: f64,
    pub(super) page_size: u32,
    /// Where the next page begins.
    pub(super) next: Option<PagingState>,
    /// Whether a page of it is here: it is read to its end then, and not cut any more.
    pub(super) begun: bool,
    /// How often it was cut because it took too long; its parts know.
    cuts: u32,
    /// The host that it is read from, as long as that answers: it may have kept open what the next page needs.
    pub(super) host: Option<HostIndex>,
    /// The host that failed it last.
    pub(super) failed_at: Option<HostIndex>,
    /// Failures since it last got on, those of the piece that it was cut from among them.
    pub(super) failures: u32,
    /// Failures since it last got on or was cut: what pauses follow.
    repeats: u32,
    /// When the first failure was.
    failing_since_ms: Option<u64>,
    /// How long the piece that it was cut from had not got on.
    spent_ms: u64,
}

/// What to do after a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask for the same page again, after a [pause](Piece::pause).
    Again,
    /// Go on with so many parts of it instead.
    Cut(u128),
    /// It did not get on for as long as it may.
    GiveUp,
}

impl Piece {
    pub(super) fn new(
        number: u32,
        range: ScanRange,
        replicas: Box<[HostIndex]>,
        share: f64,
        page_size: u32,
    ) -> Self {
        Self {
            number,
            range,
            replicas,
            share,
            page_size,
            next: None,
            begun: false,
            cuts: 0,
            host: None,
            failed_at: None,
            failures: 0,
            repeats: 0,
            failing_since_ms: None,
            spent_ms: 0,
        }
    }

    /// A page has come; `next` is where the one behind it begins.
    pub(super) fn on_page(&mut self, next: Option<PagingState>) {
        self.next = next;
        self.begun = true;
        self.failed_at = None;
        (self.failures, self.repeats) = (0, 0);
        (self.failing_since_ms, self.spent_ms) = (None, 0);
    }

    /// It is asked for. A part goes on with the time that is left of its whole, which does not pass while other parts are read.
    pub(super) fn on_asked(&mut self, now_ms: u64) {
        if self.cuts > 0 && !self.begun {
            self.failing_since_ms.get_or_insert(now_ms.saturating_sub(self.spent_ms));
        }
    }

    /// A page has not come. `tokens` is how many it has, where it can be cut.
    pub(super) fn on_failure(
        &mut self,
        trouble: Trouble,
        now_ms: u64,
        patience: Duration,
        tokens: Option<u128>,
    ) -> Step {
        self.failures += 1;
        self.repeats += 1;
        self.failed_at = self.host.take();
        let since = *self.failing_since_ms.get_or_insert(now_ms);
        if u128::from(now_ms.saturating_sub(since)) >= patience.as_millis() {
            return Step::GiveUp;
        }
        if trouble == Trouble::Slow {
            self.page_size = (self.page_size / 2).max(SMALLEST_PAGE.min(self.page_size));
            if !self.begun && tokens.is_some_and(|tokens| tokens > 1) {
                // Halves, then quarters of those: within a patience of six time limits pieces become small enough for any table.
                return Step::Cut((2 << self.cuts.min(8)).min(MOST_PARTS));
            }
        }
        Step::Again
    }

    /// How long to wait before it is asked for: longer with each failure. Parts are asked for at once, being less to do.
    pub(super) fn pause(&self, rng: &mut Rng) -> Duration {
        let Some(earlier) = self.repeats.checked_sub(1) else { return Duration::ZERO };
        let longest = FIRST_PAUSE.saturating_mul(1 << earlier.min(16)).min(LONGEST_PAUSE).as_micros() as u64;
        // Pieces that failed together do not come back together.
        Duration::from_micros(rng.between(longest / 2, longest))
    }

    /// How often the page that it waits for was asked for, when the last time is not counted as a failure yet.
    pub(super) fn tries(&self) -> u32 {
        self.failures + 1
    }

    /// How long it has not got on.
    pub(super) fn failing_for(&self, now_ms: u64) -> Duration {
        Duration::from_millis(self.failing_since_ms.map_or(0, |since| now_ms.saturating_sub(since)))
    }

    /// A part of it, which has as little time left as it.
    pub(super) fn part(&self, number: u32, range: ScanRange, share: f64, now_ms: u64) -> Self {
        Self {
            number,
            range,
            replicas: self.replicas.clone(),
            share,
            page_size: self.page_size,
            next: None,
            begun: false,
            cuts: self.cuts + 1,
            host: None,
            failed_at: self.failed_at,
            failures: self.failures,
            repeats: 0,
            failing_since_ms: None,
            spent_ms: self.failing_since_ms.map_or(0, |since| now_ms.saturating_sub(since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn piece() -> Piece {
        Piece::new(0, ScanRange::ALL, Box::default(), 1.0, 5000)
    }

    fn fail(piece: &mut Piece, trouble: Trouble, now_ms: u64, tokens: Option<u128>) -> Step {
        piece.on_failure(trouble, now_ms, PATIENCE, tokens)
    }

    #[test]
    fn pauses_grow_until_the_piece_gets_on() {
        let mut piece = piece();
        for longest in [100, 200, 400, 800, 1600, 2000, 2000_u64] {
            assert_eq!(fail(&mut piece, Trouble::Away, 0, Some(9)), Step::Again);
            let pause = piece.pause(&mut Rng::seeded(longest)).as_millis() as u64;
            assert!((longest / 2..=longest).contains(&pause), "{pause} of {longest}");
        }
        piece.on_page(None);
        assert_eq!(piece.pause(&mut Rng::seeded(1)), Duration::ZERO);
        assert_eq!(fail(&mut piece, Trouble::Away, 1_000_000, None), Step::Again);
        assert!(piece.pause(&mut Rng::seeded(1)) <= FIRST_PAUSE);
    }

    #[test]
    fn patience_counts_from_the_first_failure_since_the_piece_got_on() {
        let mut piece = piece();
        assert_eq!(fail(&mut piece, Trouble::Away, 1_000, None), Step::Again);
        assert_eq!(fail(&mut piece, Trouble::Away, 60_999, None), Step::Again);
        piece.on_page(None);
        assert_eq!(fail(&mut piece, Trouble::Away, 100_000, None), Step::Again);
        assert_eq!(fail(&mut piece, Trouble::Away, 160_000, None), Step::GiveUp);
    }

    #[test]
    fn a_slow_piece_is_cut_into_more_parts_each_time_and_its_parts_have_its_time() {
        let mut piece = piece();
        let mut now = 0;
        for parts in [2, 4, 8, 16, 16] {
            now += 10_000;
            assert_eq!(fail(&mut piece, Trouble::Slow, now, Some(1 << 60)), Step::Cut(parts));
            piece = piece.part(1, ScanRange::ALL, 0.5, now);
            assert_eq!(piece.pause(&mut Rng::seeded(1)), Duration::ZERO, "less to do is asked for at once");
            // Others are read first, for an hour.
            now += 3_600_000;
            piece.on_asked(now);
        }
        assert_eq!(piece.page_size, 5000 / 32);
        assert_eq!(fail(&mut piece, Trouble::Slow, now + 19_999, Some(1 << 60)), Step::Cut(16));
        assert_eq!(fail(&mut piece, Trouble::Slow, now + 20_000, Some(1 << 60)), Step::GiveUp);
        piece.on_page(None);
        assert_eq!(piece.failing_for(now + 20_000), Duration::ZERO, "it got on");
    }

    #[test]
    fn a_piece_that_has_begun_or_is_one_token_gets_smaller_pages_instead() {
        let mut piece = piece();
        assert_eq!(fail(&mut piece, Trouble::Slow, 0, Some(1)), Step::Again);
        assert_eq!(fail(&mut piece, Trouble::Slow, 0, None), Step::Again);
        piece.on_page(Some(PagingState::new(&b"here"[..])));
        for _ in 0..20 {
            assert_eq!(fail(&mut piece, Trouble::Slow, 0, Some(1 << 60)), Step::Again);
        }
        assert_eq!(piece.page_size, SMALLEST_PAGE);
        assert!(piece.next.is_some(), "the same place");
        let mut few = Piece::new(0, ScanRange::ALL, Box::default(), 1.0, 3);
        fail(&mut few, Trouble::Slow, 0, None);
        assert_eq!(few.page_size, 3, "never larger than asked for");
    }

    #[test]
    fn whoever_is_away_is_no_reason_for_smaller_pages() {
        let mut piece = piece();
        assert_eq!(fail(&mut piece, Trouble::Away, 0, Some(1 << 60)), Step::Again);
        assert_eq!(piece.page_size, 5000);
    }
}

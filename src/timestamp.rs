//! Client-side write timestamps.
//!
//! A timestamp chosen by the client decides which of two writes to the same cell wins, in the order this client issued
//! them and not in the order two coordinators happened to see them. Every request carries one unless the session or the
//! statement says otherwise; `USING TIMESTAMP` in the CQL text wins over it on the server.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Where write timestamps come from. One generator is shared by every session of a [`Cluster`](crate::Cluster).
pub trait TimestampGenerator: Debug + Send + Sync {
    /// The timestamp of the next request, in microseconds since 1970-01-01T00:00Z.
    fn next(&self) -> i64;

    /// Reserves `count` consecutive timestamps and returns the first. Bulk jobs call this once for many rows, so that a
    /// row costs an addition and no clock reading. By default every one is the same as [`next`](Self::next).
    fn reserve(&self, count: u32) -> i64 {
        let _ = count;
        self.next()
    }
}

/// The time of day, for generators that follow it.
pub trait WallClock: Debug + Send + Sync {
    /// Microseconds since 1970-01-01T00:00Z. May jump, stand still and go back. Not negative.
    fn now(&self) -> i64;
}

/// The clock of the operating system. Before 1970 it shows zero: the protocol forbids negative timestamps.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    #[inline]
    fn now(&self) -> i64 {
        wall_clock()
    }
}

/// Strictly increasing across all threads, following the clock whenever the clock is ahead.
///
/// When the clock stands still or steps back, each timestamp is its predecessor plus one. Running ahead of the clock by
/// more than a threshold is reported at `warn`, at most once per interval.
#[derive(Debug)]
pub struct MonotonicTimestampGenerator<C = SystemClock> {
    clock: C,
    last: AtomicI64,
    last_warning: AtomicI64,
    /// Microseconds ahead of the clock that are worth a warning; `None` never warns.
    warning_threshold: Option<i64>,
    warning_interval: i64,
}

impl MonotonicTimestampGenerator {
    /// A generator that follows the clock of the operating system, and warns when it runs one second ahead of it, at most
    /// once a second.
    pub fn new() -> Self {
        Self::following(SystemClock)
    }
}

impl<C: WallClock> MonotonicTimestampGenerator<C> {
    /// A generator that follows another clock: one that is kept in step with the servers', or one that a test sets. Warns as
    /// [`new`](MonotonicTimestampGenerator::new) does.
    pub fn following(clock: C) -> Self {
        Self {
            clock,
            last: AtomicI64::new(0),
            last_warning: AtomicI64::new(0),
            warning_threshold: Some(1_000_000),
            warning_interval: 1_000_000,
        }
    }

    /// Warns once the generator is `threshold` ahead of the clock, at most once per `interval`. Defaults to one second
    /// each.
    #[must_use]
    pub fn warn(mut self, threshold: Duration, interval: Duration) -> Self {
        self.warning_threshold = Some(micros(threshold));
        self.warning_interval = micros(interval);
        self
    }

    /// Never warns about drift.
    #[must_use]
    pub fn without_warnings(mut self) -> Self {
        self.warning_threshold = None;
        self
    }

    /// Takes `count` timestamps when the clock shows `now` (microseconds) and returns the first of them.
    #[inline(always)]
    fn take(&self, now: i64, count: i64) -> i64 {
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let first = if now > last { now } else { last.saturating_add(1) };
            let reserved = first.saturating_add(count - 1);
            match self.last.compare_exchange_weak(last, reserved, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    if now <= last {
                        self.warn_of_drift(now, last);
                    }
                    return first;
                }
                Err(newer) => last = newer,
            }
        }
    }

    /// Whether a warning was due (and has been written).
    #[cold]
    #[inline(never)]
    fn warn_of_drift(&self, now: i64, last: i64) -> bool {
        let Some(threshold) = self.warning_threshold else { return false };
        let drift = last.saturating_sub(now);
        if drift < threshold {
            return false;
        }
        let warned = self.last_warning.load(Ordering::Relaxed);
        // A clock that has gone back past the last warning would otherwise be silent until it gets there again.
        if now.saturating_sub(warned).saturating_abs() < self.warning_interval {
            return false;
        }
        // Of several threads that see the drift at once, the one that wins this exchange speaks.
        if self.last_warning.compare_exchange(warned, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return false;
        }
        tracing::warn!(
            clock_us = now,
            ahead_us = drift,
            last_us = last,
            "clock skew: write timestamps run ahead of the clock; they stay unique and increase by one each"
        );
        true
    }
}

impl Default for MonotonicTimestampGenerator {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: WallClock> TimestampGenerator for MonotonicTimestampGenerator<C> {
    fn next(&self) -> i64 {
        self.take(self.clock.now(), 1)
    }

    fn reserve(&self, count: u32) -> i64 {
        self.take(self.clock.now(), i64::from(count.max(1)))
    }
}

/// The clock as it is. Two requests in the same microsecond get the same timestamp; the server then keeps the greater
/// value of a cell, not the later one.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimpleTimestampGenerator;

impl TimestampGenerator for SimpleTimestampGenerator {
    fn next(&self) -> i64 {
        SystemClock.now()
    }
}

/// Timestamps reserved for rows to come, so that rows do not each read the clock.
///
/// A supply that pauses must not be stamped with the time before the pause: what is left of a reservation is given up when it
/// is older than [`FRESH_FOR`](Self::FRESH_FOR), by a clock that is coarse and nearly free.
#[derive(Debug, Default)]
pub(crate) struct Reserved {
    next: i64,
    left: u32,
    at: Option<coarsetime::Instant>,
}

impl Reserved {
    /// How many are taken at a time.
    const AT_ONCE: u32 = 256;
    /// How old a reservation may be; the coarse clock adds a few milliseconds.
    const FRESH_FOR: coarsetime::Duration = coarsetime::Duration::from_millis(5);

    /// The next timestamp of `generator`.
    #[inline]
    pub(crate) fn next(&mut self, generator: &dyn TimestampGenerator) -> i64 {
        let now = coarsetime::Instant::now();
        let stale = self.at.is_none_or(|at| now.duration_since(at) > Self::FRESH_FOR);
        if self.left == 0 || stale {
            self.next = generator.reserve(Self::AT_ONCE);
            self.left = Self::AT_ONCE;
            self.at = Some(now);
        }
        self.left -= 1;
        self.next += 1;
        self.next - 1
    }
}

/// Microseconds since 1970. A clock set before that yields zero: the protocol forbids negative timestamps.
#[cfg(unix)]
#[inline]
fn wall_clock() -> i64 {
    // The same as below without the arithmetic on durations, which costs as much as reading the clock.
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    // No kernel's clock comes near the end of this: theirs are 64 bits of nanoseconds.
    now.tv_sec.max(0).wrapping_mul(1_000_000).wrapping_add(i64::from(now.tv_nsec as u32 / 1_000))
}

/// See above.
#[cfg(not(unix))]
fn wall_clock() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, micros)
}

fn micros(duration: Duration) -> i64 {
    // In halves, because whole microseconds of a Duration are a number of 128 bits.
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    seconds.saturating_mul(1_000_000).saturating_add(i64::from(duration.subsec_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_that_steps_back_yields_successors() {
        let generator = MonotonicTimestampGenerator::new().without_warnings();
        let clock = [15_000_000, 13_000_000, 14_000_000, 13_500_000, 15_010_000];
        let taken: Vec<i64> = clock.iter().map(|now| generator.take(*now, 1)).collect();
        assert_eq!(taken, [15_000_000, 15_000_001, 15_000_002, 15_000_003, 15_010_000]);
    }

    #[test]
    fn reserved_timestamps_are_not_handed_out_again() {
        let generator = MonotonicTimestampGenerator::new().without_warnings();
        assert_eq!(generator.take(100, 256), 100);
        assert_eq!(generator.take(101, 1), 356);
        assert_eq!(generator.take(1_000, 2), 1_000);
        assert_eq!(generator.take(1_001, 1), 1_002);
    }

    #[derive(Debug, Default)]
    struct Counting(AtomicI64);

    impl TimestampGenerator for Counting {
        fn next(&self) -> i64 {
            unreachable!("rows take reserved timestamps")
        }

        fn reserve(&self, count: u32) -> i64 {
            self.0.fetch_add(i64::from(count), Ordering::Relaxed)
        }
    }

    #[test]
    fn rows_take_consecutive_timestamps_from_few_reservations() {
        let generator = Counting::default();
        let mut reserved = Reserved::default();
        let mut last = -1;
        for _ in 0..600 {
            let next = reserved.next(&generator);
            assert!(next > last);
            last = next;
        }
        assert!(generator.0.load(Ordering::Relaxed) < 600 * i64::from(Reserved::AT_ONCE) / 2);
    }

    #[test]
    fn a_supply_that_pauses_is_not_stamped_with_the_time_before() {
        let generator = MonotonicTimestampGenerator::new();
        let mut reserved = Reserved::default();
        reserved.next(&generator);
        std::thread::sleep(Duration::from_millis(40));
        let before = SystemClock.now();
        assert!(reserved.next(&generator) >= before);
    }

    #[test]
    fn drift_is_reported_at_the_threshold_and_at_most_once_an_interval() {
        let generator =
            MonotonicTimestampGenerator::new().warn(Duration::from_secs(1), Duration::from_secs(1));
        assert!(!generator.warn_of_drift(15_000_000, 15_999_999), "below the threshold");
        assert!(generator.warn_of_drift(15_000_000, 16_000_000));
        assert!(!generator.warn_of_drift(15_999_999, 17_000_000), "within the interval");
        assert!(generator.warn_of_drift(16_000_000, 17_000_000));
        assert!(
            generator.warn_of_drift(4_000_000, 17_000_000),
            "F76: the clock went back past the last warning"
        );
        assert!(!generator.warn_of_drift(4_500_000, 17_000_001));
    }

    #[test]
    fn plain_clock_gives_what_the_clock_shows_even_twice() {
        let plain = SimpleTimestampGenerator;
        let before = SystemClock.now();
        let (first, reserved) = (plain.next(), plain.reserve(100));
        assert!((before..=SystemClock.now()).contains(&first), "{first}");
        assert!((before..=SystemClock.now()).contains(&reserved), "nothing is set aside");
        assert!((0..1_000_000).any(|_| plain.next() == plain.next()), "faster than microseconds");
    }

    #[test]
    fn timestamps_are_unique_across_threads() {
        let generator = MonotonicTimestampGenerator::new();
        let mut all: Vec<i64> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..2_000).map(|_| generator.next()).collect::<Vec<_>>()))
                .collect();
            workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
        });
        let taken = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), taken);
    }

    #[test]
    fn real_clock_is_read_in_microseconds() {
        let before = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("a clock after 1970")
            .as_micros() as i64;
        let taken = MonotonicTimestampGenerator::new().next();
        assert!((before..before + 60_000_000).contains(&taken), "{taken} against {before}");
    }
}

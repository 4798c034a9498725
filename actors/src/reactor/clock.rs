//! One clock read a reactor poll, shared by everything that happens in it.

use std::{cell::Cell, time::Duration};

use tokio::time::Instant;

/// The reactor's notion of now: microseconds since the reactor started.
///
/// Requests and connections stamp times from here, so a batch of a thousand answers costs one clock read. The
/// value is refreshed when the reactor wakes and after each read from a socket, so it is old by at most the
/// work done between two reads; the first read after waking shares the reading of the wake. Time is the runtime's: where that is paused or set, so is the reactor's.
pub(crate) struct Clock {
    epoch: Instant,
    now_us: Cell<u64>,
    /// Nothing to speak of was done since it was read.
    fresh: Cell<bool>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { epoch: Instant::now(), now_us: Cell::new(0), fresh: Cell::new(false) }
    }

    /// Since when it counts.
    pub(crate) fn epoch(&self) -> Instant {
        self.epoch
    }

    /// Reads the clock.
    pub(crate) fn refresh(&self) -> u64 {
        let now = micros_since(self.epoch);
        self.now_us.set(now);
        now
    }

    /// Called by the reactor when it wakes: reads the clock for whoever comes first.
    pub(super) fn wake(&self) -> u64 {
        self.fresh.set(true);
        self.refresh()
    }

    /// Called by the reactor after each actor's turn: time has passed.
    #[inline]
    pub(super) fn spend(&self) {
        self.fresh.set(false);
    }

    /// Reads the clock for what was just read from a socket, unless it was read right before.
    #[inline]
    pub(crate) fn refresh_for_read(&self) {
        if !self.fresh.take() {
            self.refresh();
        }
    }

    /// The last refreshed time.
    #[inline]
    pub(crate) fn now_us(&self) -> u64 {
        self.now_us.get()
    }

    /// The deadline that lies `timeout` after the last refreshed time; zero means none.
    #[inline]
    pub(crate) fn deadline(&self, timeout: Option<Duration>) -> u64 {
        deadline_after(self.now_us.get(), timeout)
    }
}

/// Microseconds since `epoch`.
pub(super) fn micros_since(epoch: Instant) -> u64 {
    let elapsed = epoch.elapsed();
    // In halves, because whole microseconds of a Duration are a number of 128 bits.
    elapsed.as_secs().wrapping_mul(1_000_000).wrapping_add(u64::from(elapsed.subsec_micros()))
}

/// The deadline that lies `timeout` after `start_us`; zero means none.
#[inline]
pub(crate) fn deadline_after(start_us: u64, timeout: Option<Duration>) -> u64 {
    match timeout {
        Some(timeout) => {
            // In halves, because whole microseconds of a Duration are a number of 128 bits.
            let micros = timeout.as_secs().saturating_mul(1_000_000);
            let micros = micros.saturating_add(u64::from(timeout.subsec_micros()));
            start_us.saturating_add(micros).max(1)
        }
        None => 0,
    }
}

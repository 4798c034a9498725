//! A time of day that jumps when told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chorus::{SystemClock, WallClock};

/// The clock of the session's write timestamps: the real one, shifted; or standing still.
#[derive(Clone, Debug, Default)]
pub(crate) struct JumpingClock(Arc<State>);

#[derive(Debug, Default)]
struct State {
    shift: AtomicI64,
    /// Where it stands still; zero while it goes.
    stopped_at: AtomicI64,
}

impl JumpingClock {
    /// Jumps by that many microseconds, and goes on from there.
    pub(crate) fn jump(&self, micros: i64) {
        self.0.stopped_at.store(0, Ordering::Relaxed);
        self.0.shift.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn stop(&self) {
        self.0.stopped_at.store(self.now(), Ordering::Relaxed);
    }
}

impl WallClock for JumpingClock {
    fn now(&self) -> i64 {
        match self.0.stopped_at.load(Ordering::Relaxed) {
            0 => SystemClock.now().saturating_add(self.0.shift.load(Ordering::Relaxed)).max(0),
            standing => standing,
        }
    }
}

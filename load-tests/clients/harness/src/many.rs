//! Rows for interfaces that take many statements at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::phases::{Phase, Phases};
use crate::scenario::PAYLOAD;

/// Rows between two looks at the phase, which then cost nothing to speak of.
const BATCH: u64 = 64;

/// Rows for `bench.kv` until the phases are over. Counts those taken in the measured part: as many as were
/// acknowledged in it, because equally many are under way when it begins and when it ends.
#[derive(Debug)]
pub struct Rows {
    phases: Phases,
    taken: Arc<AtomicU64>,
    next: i64,
    /// Before the phase is looked at again.
    left: u64,
}

impl Rows {
    /// The rows, and how many were taken in the measured part.
    pub fn new(phases: Phases) -> (Rows, Arc<AtomicU64>) {
        let taken = Arc::new(AtomicU64::new(0));
        (Rows { phases, taken: Arc::clone(&taken), next: 0, left: 0 }, taken)
    }

    pub fn is_over(&self) -> bool {
        self.phases.now() == Phase::Over
    }

    #[cold]
    fn look(&mut self) -> Option<()> {
        match self.phases.now() {
            Phase::WarmUp => {}
            Phase::Measured => {
                self.taken.fetch_add(BATCH, Ordering::Relaxed);
            }
            Phase::Over => return None,
        }
        self.left = BATCH;
        Some(())
    }
}

impl Iterator for Rows {
    type Item = (i64, &'static [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            self.look()?;
        }
        self.left -= 1;
        self.next += 1;
        Some((self.next, &PAYLOAD))
    }
}

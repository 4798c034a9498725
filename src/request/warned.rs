//! What servers warn of, in the log: once for each answer, and not more than a line a second.
//!
//! A statement that makes a server warn is often sent by the thousand. Nothing is lost by leaving lines out: every result
//! carries its own [`warnings`](crate::QueryResult::warnings).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The least time between two lines, milliseconds.
const PAUSE_MS: u64 = 1_000;

/// Which warnings are logged. Answers with warnings alone come here.
#[derive(Debug)]
struct WarningLog {
    /// No line before this time, milliseconds.
    next_ms: AtomicU64,
    /// Answers that got no line since the last one.
    left_out: AtomicU64,
}

impl WarningLog {
    const fn new() -> Self {
        Self { next_ms: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// Whether an answer at `now_ms` is logged, and how many before it were not.
    fn admit(&self, now_ms: u64) -> Option<u64> {
        let next = self.next_ms.load(Ordering::Relaxed);
        let taken = now_ms >= next
            && self
                .next_ms
                .compare_exchange(next, now_ms + PAUSE_MS, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if taken {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Logs the warnings of an answer, if it is their turn.
#[cold]
pub(super) fn log(warnings: &[String]) {
    static LOG: WarningLog = WarningLog::new();
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let now_ms = BEGAN.get_or_init(Instant::now).elapsed().as_millis() as u64;
    if let Some(left_out) = LOG.admit(now_ms) {
        tracing::warn!(warnings = ?warnings, answers_left_out = left_out, "the server warns");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f41_one_answer_a_second_is_logged_and_the_others_are_counted() {
        let log = WarningLog::new();
        assert_eq!(log.admit(0), Some(0), "the first at once");
        assert_eq!([log.admit(1), log.admit(999)], [None, None]);
        assert_eq!(log.admit(1_000), Some(2));
        assert_eq!(log.admit(1_001), None);
        assert_eq!(log.admit(60_000), Some(1));
        assert_eq!(log.admit(61_000), Some(0));
    }
}

//! What a shutdown leaves behind: a report.

use std::time::Duration;

/// The truth about the work that was in hand when the session was shut down.
///
/// Every reactor counts its own requests, so `completed + failed + abandoned` is what was in flight or queued when the
/// drain began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Requests that were answered while draining.
    pub completed: u64,
    /// Requests that ended with an error while draining, for example because their connection was lost.
    pub failed: u64,
    /// Requests that were still unanswered at the deadline. Their effect on the server is unknown.
    pub abandoned: u64,
    /// Connections closed.
    pub connections: u64,
    /// Whether every request ended and every connection was closed before the deadline.
    pub in_time: bool,
    /// How long the shutdown took, from the call to the last closed socket.
    pub took: Duration,
}

impl ShutdownReport {
    /// A report to which nothing was added yet.
    pub fn empty() -> Self {
        Self { in_time: true, ..Self::default() }
    }

    /// Whether no request was lost: none failed and none was abandoned.
    pub fn is_clean(&self) -> bool {
        self.failed == 0 && self.abandoned == 0
    }
}

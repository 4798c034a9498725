//! What it took to carry out a request.

use std::time::Duration;

use chorus_topology::HostIndex;

use super::Progress;

/// What a request took besides its answer, for whoever looks closer at a single one. Read from what the engine notes on every
/// request anyway, when somebody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// The host of its last attempt; `None` when it was given to no connection.
    pub host: Option<HostIndex>,
    /// How often it was sent again because a policy said so.
    pub retries: u32,
    /// How many attempts were made before an earlier one had failed or was answered.
    pub speculative: u32,
    /// Whether the answer is that of such an attempt.
    pub won_by_speculation: bool,
    /// From when the engine took it until its last attempt was given to a connection: waiting for room, and earlier attempts.
    pub until_attempt: Duration,
    /// From then until that attempt was written: waiting in the connection's queue. Zero for one that was not written.
    pub until_written: Duration,
}

impl Effort {
    pub(super) fn of(progress: &Progress) -> Self {
        let between = |from: u64, to: u64| Duration::from_micros(to.saturating_sub(from));
        // Times stay from the request before: what was never given to a connection has none.
        let was_sent = progress.host.is_some();
        let until_attempt = if was_sent {
            between(progress.stamps.admitted_us, progress.stamps.queued_us)
        } else {
            Duration::ZERO
        };
        let until_written = if was_sent {
            between(progress.stamps.queued_us, progress.stamps.written_us)
        } else {
            Duration::ZERO
        };
        Self {
            host: progress.host,
            retries: progress.retries,
            speculative: progress.race.as_ref().map_or(0, |race| race.sent().saturating_sub(1)),
            won_by_speculation: progress.ahead_of_answer,
            until_attempt,
            until_written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Stamps;

    #[test]
    fn times_are_those_of_the_last_attempt_and_none_of_a_request_that_had_none() {
        let stamps = Stamps { entered_us: 90, admitted_us: 100, queued_us: 130, written_us: 180 };
        let mut progress = Progress { stamps, retries: 2, ..Progress::default() };
        assert_eq!(Effort::of(&progress), Effort { retries: 2, ..Effort::default() });
        progress.host = Some(HostIndex(1));
        let effort = Effort::of(&progress);
        assert_eq!((effort.until_attempt.as_micros(), effort.until_written.as_micros()), (30, 50));
        // An attempt that was not written has the time of the one before.
        progress.stamps.written_us = 120;
        assert_eq!(Effort::of(&progress).until_written, Duration::ZERO);
    }
}

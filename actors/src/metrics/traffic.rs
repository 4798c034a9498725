//! What went over connections, as plain data.

#[cfg(feature = "json")]
use serde::{Deserialize, Serialize};

#[cfg(feature = "json")]
use super::json;
use super::{FailureReason, LatencySnapshot, SmallHistogram, snapshot::ByReason};

/// What went over connections.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "json", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "json", serde(default))]
pub struct TrafficSnapshot {
    /// Attempts written.
    pub attempts: u64,
    /// Answers received.
    pub answers: u64,
    /// Answers that were errors, to attempts that somebody waited for.
    pub server_errors: u64,
    /// The same by what they said.
    #[cfg_attr(feature = "json", serde(with = "json::reasons"))]
    pub errors: ByReason,
    /// Attempts whose deadline passed.
    pub timeouts: u64,
    /// Attempts whose connection broke before the answer came.
    pub aborted: u64,
    /// Requests whose connection broke before they were written.
    pub unsent: u64,
    /// Attempts whose caller left before the answer came.
    pub cancelled: u64,
    /// Stream ids that became orphans.
    pub orphaned: u64,
    /// Answers to orphans.
    pub late_answers: u64,
    /// Answers on streams nothing was sent on.
    pub unknown_streams: u64,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Bytes read.
    pub bytes_received: u64,
    /// System calls that wrote.
    pub writes: u64,
    /// System calls that read.
    pub reads: u64,
    /// Heartbeats sent.
    pub heartbeats: u64,
    /// Answers to heartbeats.
    pub heartbeats_answered: u64,
    /// How long answers took, all together, microseconds.
    pub service_us: u64,
    /// Frames that left with one write.
    pub frames_per_write: SmallHistogram,
    /// Answers that came with one read.
    pub frames_per_read: SmallHistogram,
    /// From the write buffer to the answer.
    pub service: LatencySnapshot,
    /// From the coordinator to the write buffer.
    pub queue_wait: LatencySnapshot,
}

impl TrafficSnapshot {
    /// Attempts that ended, by how: answered, answered with an error, timed out, cancelled, aborted, unsent.
    pub fn outcomes(&self) -> [(&'static str, u64); 6] {
        // Answers to orphans belong to attempts that ended before.
        let answered = self.answers.saturating_sub(self.late_answers + self.heartbeats_answered);
        [
            ("ok", answered.saturating_sub(self.server_errors)),
            ("server_error", self.server_errors),
            ("timeout", self.timeouts),
            ("cancelled", self.cancelled),
            ("aborted", self.aborted),
            ("unsent", self.unsent),
        ]
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.merge_counts(other);
        self.frames_per_write.absorb(&other.frames_per_write);
        self.frames_per_read.absorb(&other.frames_per_read);
        self.service.merge(&other.service);
        self.queue_wait.merge(&other.queue_wait);
    }

    /// All but the distributions.
    pub(crate) fn merge_counts(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.answers += other.answers;
        self.server_errors += other.server_errors;
        for reason in FailureReason::ALL {
            self.errors[reason as usize] += other.errors[reason as usize];
        }
        self.timeouts += other.timeouts;
        self.aborted += other.aborted;
        self.unsent += other.unsent;
        self.cancelled += other.cancelled;
        self.orphaned += other.orphaned;
        self.late_answers += other.late_answers;
        self.unknown_streams += other.unknown_streams;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.writes += other.writes;
        self.reads += other.reads;
        self.heartbeats += other.heartbeats;
        self.heartbeats_answered += other.heartbeats_answered;
        self.service_us += other.service_us;
    }
}

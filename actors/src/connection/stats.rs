//! What a connection counts: plain integers that only its reactor touches.

use crate::{
    coordinator::Measured,
    metrics::{LatencyRecorder, SmallHistogram, TrafficSnapshot},
};

/// Counters of one connection since it was made.
#[derive(Default)]
pub(crate) struct ConnectionStats {
    pub(crate) requests: u64,
    pub(crate) answers: u64,
    pub(crate) server_errors: u64,
    pub(crate) timeouts: u64,
    /// Requests among them that were on the wire, and how long they were waited for; microseconds.
    pub(crate) unanswered: u64,
    pub(crate) unanswered_us: u64,
    pub(crate) orphaned: u64,
    pub(crate) late_answers: u64,
    pub(crate) unknown_streams: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) writes: u64,
    pub(crate) reads: u64,
    pub(crate) heartbeats: u64,
    /// Frames handed to the socket by one write.
    pub(crate) frames_per_write: SmallHistogram,
    /// From the write buffer to the answer, microseconds.
    pub(crate) service: LatencyRecorder,
    /// From the coordinator to the write buffer, microseconds.
    pub(crate) queue_wait: LatencyRecorder,
}

impl ConnectionStats {
    /// How many answers came or were waited for in vain, and how long that took.
    pub(crate) fn measured(&self) -> Measured {
        let (answers, sum_us) = self.service.totals();
        Measured { answers: answers + self.unanswered, sum_us: sum_us + self.unanswered_us }
    }

    /// A copy.
    pub(crate) fn snapshot(&mut self) -> TrafficSnapshot {
        TrafficSnapshot {
            attempts: self.requests,
            answers: self.answers,
            server_errors: self.server_errors,
            timeouts: self.timeouts,
            orphaned: self.orphaned,
            late_answers: self.late_answers,
            unknown_streams: self.unknown_streams,
            bytes_sent: self.bytes_sent,
            bytes_received: self.bytes_received,
            writes: self.writes,
            reads: self.reads,
            heartbeats: self.heartbeats,
            frames_per_write: self.frames_per_write.clone(),
            service: self.service.snapshot(),
            queue_wait: self.queue_wait.snapshot(),
        }
    }
}

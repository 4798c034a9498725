//! What a connection counts: plain integers that only its reactor touches.

use crate::{
    coordinator::Measured,
    metrics::{ByReason, LatencyRecorder, SmallHistogram, TrafficSnapshot},
};

/// Counters of one connection since it was made.
#[derive(Default)]
pub(crate) struct ConnectionStats {
    pub(crate) requests: u64,
    pub(crate) answers: u64,
    pub(crate) server_errors: u64,
    pub(crate) errors: ByReason,
    pub(crate) timeouts: u64,
    /// Requests among them that were on the wire, and how long they were waited for; microseconds.
    pub(crate) unanswered: u64,
    pub(crate) unanswered_us: u64,
    /// Requests lost with the connection: on the wire, and before.
    pub(crate) aborted: u64,
    pub(crate) unsent: u64,
    /// Requests whose caller left while they were on the wire.
    pub(crate) cancelled: u64,
    pub(crate) orphaned: u64,
    pub(crate) late_answers: u64,
    pub(crate) unknown_streams: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) writes: u64,
    pub(crate) reads: u64,
    pub(crate) heartbeats: u64,
    pub(crate) heartbeats_answered: u64,
    /// Frames handed to the socket by one write.
    pub(crate) frames_per_write: SmallHistogram,
    /// Answers brought by one read.
    pub(crate) frames_per_read: SmallHistogram,
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

    /// Bytes were written; with the last of a buffer, how many frames were in it.
    pub(super) fn wrote(&mut self, bytes: usize, frames: Option<u32>) {
        self.writes += 1;
        self.bytes_sent += bytes as u64;
        if let Some(frames) = frames {
            self.frames_per_write.record(u64::from(frames));
        }
    }

    /// Bytes were read, which brought so many answers.
    pub(super) fn brought(&mut self, bytes: usize, answers: u64) {
        self.reads += 1;
        self.bytes_received += bytes as u64;
        if answers > 0 {
            self.frames_per_read.record(answers);
        }
    }

    /// Adds everything to `totals`, and to `host` what is kept by host: with distributions or without.
    pub(crate) fn add_to(
        &mut self,
        totals: &mut TrafficSnapshot,
        host: Option<(&mut TrafficSnapshot, bool)>,
    ) {
        let counts = self.counts();
        totals.merge_counts(&counts);
        totals.frames_per_write.absorb(&self.frames_per_write);
        totals.frames_per_read.absorb(&self.frames_per_read);
        self.service.add_to(&mut totals.service);
        self.queue_wait.add_to(&mut totals.queue_wait);
        if let Some((host, in_full)) = host {
            host.merge_counts(&counts);
            if in_full {
                self.service.add_to(&mut host.service);
            }
        }
    }

    fn counts(&self) -> TrafficSnapshot {
        TrafficSnapshot {
            attempts: self.requests,
            answers: self.answers,
            server_errors: self.server_errors,
            errors: self.errors,
            timeouts: self.timeouts,
            aborted: self.aborted,
            unsent: self.unsent,
            cancelled: self.cancelled,
            orphaned: self.orphaned,
            late_answers: self.late_answers,
            unknown_streams: self.unknown_streams,
            bytes_sent: self.bytes_sent,
            bytes_received: self.bytes_received,
            writes: self.writes,
            reads: self.reads,
            heartbeats: self.heartbeats,
            heartbeats_answered: self.heartbeats_answered,
            service_us: self.service.totals().1,
            ..TrafficSnapshot::default()
        }
    }
}

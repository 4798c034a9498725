//! What is sent and what comes back, without the socket between.

use std::time::Instant;

use harness::{Phase, Phases};

use crate::HEADER;

const READ_BYTES: usize = 256 * 1024;
/// One latency in so many is kept.
const SAMPLED: u64 = 16;
const SAMPLES: usize = 1 << 21;

/// Keeps every frame in flight: a reply is the cause to send its frame again.
pub(crate) struct Exchange {
    frames: Vec<Vec<u8>>,
    phases: Phases,
    output: Vec<u8>,
    input: Vec<u8>,
    filled: usize,
    /// Bytes of a body that have not come yet.
    skip: usize,
    sent: Vec<Instant>,
    every: u64,
    replies: u64,
    latencies: Vec<u32>,
}

impl Exchange {
    /// All frames are to be sent first.
    pub(crate) fn new(frames: Vec<Vec<u8>>, phases: Phases) -> Self {
        Self {
            output: frames.concat(),
            input: vec![0; READ_BYTES],
            filled: 0,
            skip: 0,
            sent: vec![Instant::now(); frames.len()],
            every: if frames.len() as u64 >= SAMPLED { SAMPLED } else { 1 },
            replies: 0,
            latencies: Vec::with_capacity(SAMPLES),
            frames,
            phases,
        }
    }

    /// What is to be sent. Nothing after a part of a reply that is longer than the buffer.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output
    }

    /// Tells that all of it was.
    pub(crate) fn sent(&mut self) {
        self.output.clear();
    }

    /// Where the next bytes go. Never empty.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.input[self.filled..]
    }

    /// Tells how many bytes were put there. False when it is over.
    pub(crate) fn received(&mut self, bytes: usize) -> bool {
        self.filled += bytes;
        let phase = self.phases.now();
        if phase == Phase::Over {
            return false;
        }
        let now = Instant::now();
        let mut at = 0;
        loop {
            let skipped = self.skip.min(self.filled - at);
            (at, self.skip) = (at + skipped, self.skip - skipped);
            let waiting = &self.input[at..self.filled];
            let Some(header) = waiting.first_chunk::<HEADER>().filter(|_| self.skip == 0) else {
                break;
            };
            let stream = usize::from(u16::from_be_bytes([header[2], header[3]]));
            self.skip = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize;
            at += HEADER;
            if phase == Phase::Measured {
                self.replies += 1;
                if self.replies.is_multiple_of(self.every) && self.latencies.len() < SAMPLES {
                    self.latencies.push((now - self.sent[stream]).as_nanos() as u32);
                }
            }
            self.sent[stream] = now;
            self.output.extend_from_slice(&self.frames[stream]);
        }
        self.input.copy_within(at..self.filled, 0);
        self.filled -= at;
        true
    }

    /// The number of replies in the measured part, and some latencies in nanoseconds.
    pub(crate) fn counted(self) -> (u64, Vec<u32>) {
        (self.replies, self.latencies)
    }
}

//! What is on its way to a client.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use chorus_protocol::segment::SegmentEncoder;
use chorus_protocol::{Compression, HEADER_LEN, LENGTH_OFFSET, flags};

/// Bodies shorter than this are not worth compressing.
const COMPRESS_FROM: usize = 512;

/// Envelopes of one batch of answers, then bytes of the connection.
///
/// Answers are written behind each other in one buffer; [`Outbound::seal`] turns all of them into bytes of the connection at
/// once, so that a batch of requests is answered with one write and, in version 5, with few segments.
#[derive(Default)]
pub(crate) struct Outbound {
    /// Whole envelopes, not yet in segments.
    envelopes: Vec<u8>,
    /// What the socket gets, from `written` on.
    ready: Vec<u8>,
    written: usize,
    compression: Option<Compression>,
    segments: Option<SegmentEncoder>,
    scratch: Vec<u8>,
    delayed: BinaryHeap<Reverse<Delayed>>,
    delayed_bytes: usize,
    delayed_count: u64,
}

/// Envelopes that a fault rule holds back.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Delayed {
    until: Instant,
    /// Keeps answers with the same time in their order.
    order: u64,
    envelopes: Vec<u8>,
}

impl Outbound {
    /// Compresses bodies from now on (versions 3 and 4).
    pub(crate) fn compress(&mut self, compression: Compression) {
        self.compression = Some(compression);
    }

    /// Puts everything behind what was already answered into segments (version 5).
    pub(crate) fn use_segments(&mut self, encoder: SegmentEncoder) {
        self.seal();
        self.segments = Some(encoder);
    }

    /// The buffer for envelopes. Whoever appends one calls [`Outbound::finish`] with the offset it begins at.
    #[inline]
    pub(crate) fn envelopes(&mut self) -> &mut Vec<u8> {
        &mut self.envelopes
    }

    /// Closes the envelope that begins at `start`: its length, and compression if that was negotiated.
    #[inline]
    pub(crate) fn finish(&mut self, start: usize) {
        let length = self.envelopes.len() - start - HEADER_LEN;
        if length >= COMPRESS_FROM && self.compression.is_some() {
            self.compress_body(start);
        }
        let length = (self.envelopes.len() - start - HEADER_LEN) as u32;
        self.envelopes[start + LENGTH_OFFSET..start + HEADER_LEN].copy_from_slice(&length.to_be_bytes());
    }

    fn compress_body(&mut self, start: usize) {
        let Some(compression) = self.compression else { return };
        let body = start + HEADER_LEN;
        self.scratch.clear();
        // A body that cannot be compressed, or not well, is sent as it is: the flag tells.
        if compression.compress_body(&self.envelopes[body..], &mut self.scratch).is_ok()
            && self.scratch.len() < self.envelopes.len() - body
        {
            self.envelopes.truncate(body);
            self.envelopes.extend_from_slice(&self.scratch);
            self.envelopes[start + 1] |= flags::COMPRESSED;
        }
    }

    /// Takes back every envelope from `start` on.
    pub(crate) fn discard(&mut self, start: usize) {
        self.envelopes.truncate(start);
    }

    /// Holds every envelope from `start` on back until that time.
    pub(crate) fn delay(&mut self, start: usize, until: Instant) {
        let envelopes = self.envelopes.split_off(start);
        self.delayed_bytes += envelopes.len();
        self.delayed.push(Reverse(Delayed { until, order: self.delayed_count, envelopes }));
        self.delayed_count += 1;
    }

    /// How many answers are held back.
    pub(crate) fn delayed(&self) -> usize {
        self.delayed.len()
    }

    /// When the next answer that is held back is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.delayed.peek().map(|Reverse(delayed)| delayed.until)
    }

    /// Lets go of the answers that are due.
    pub(crate) fn release(&mut self, now: Instant) {
        while self.next_due().is_some_and(|due| due <= now) {
            let Some(Reverse(delayed)) = self.delayed.pop() else { break };
            self.delayed_bytes -= delayed.envelopes.len();
            self.envelopes.extend_from_slice(&delayed.envelopes);
        }
    }

    /// Puts bytes behind everything else, whatever they mean.
    pub(crate) fn garbage(&mut self, bytes: &[u8]) {
        self.seal();
        self.ready.extend_from_slice(bytes);
    }

    /// Makes bytes of the connection of all envelopes.
    pub(crate) fn seal(&mut self) {
        if self.envelopes.is_empty() {
            return;
        }
        if self.written == self.ready.len() {
            self.ready.clear();
            self.written = 0;
        }
        match &mut self.segments {
            None if self.ready.is_empty() => std::mem::swap(&mut self.ready, &mut self.envelopes),
            None => self.ready.extend_from_slice(&self.envelopes),
            Some(encoder) => encoder
                .encode(&self.envelopes, &mut self.ready)
                .expect("a piece of at most 128 KiB can always be compressed into a buffer of the size for its worst case"),
        }
        self.envelopes.clear();
    }

    /// The sealed bytes that the socket has not taken yet.
    pub(crate) fn unwritten(&self) -> &[u8] {
        &self.ready[self.written..]
    }

    /// The socket took that many bytes.
    pub(crate) fn advance(&mut self, count: usize) {
        self.written += count;
        if self.written == self.ready.len() {
            self.ready.clear();
            self.written = 0;
            // One huge answer must not keep its memory for the life of the connection.
            if self.ready.capacity() > 1 << 20 {
                self.ready = Vec::new();
            }
            if self.envelopes.capacity() > 1 << 20 && self.envelopes.is_empty() {
                self.envelopes = Vec::new();
            }
        }
    }

    /// Bytes the client has still to read.
    pub(crate) fn backlog(&self) -> usize {
        self.ready.len() - self.written + self.envelopes.len()
    }

    /// All bytes held for the client, those that are held back included.
    pub(crate) fn held(&self) -> usize {
        self.backlog() + self.delayed_bytes
    }
}

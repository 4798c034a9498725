//! What is on its way to a client.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use chorus_protocol::response::Envelope;
use chorus_protocol::segment::SegmentEncoder;
use chorus_protocol::{Compression, HEADER_LEN, LENGTH_OFFSET, STREAM_OFFSET, flags};

use super::fault::{RuleId, Trickling};

/// Where the flags of an envelope are.
const FLAGS_OFFSET: usize = 1;

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
    /// Held back until their rules are gone, in the order they came.
    kept: Vec<(RuleId, Vec<u8>)>,
    /// Of delayed and kept ones together.
    delayed_bytes: usize,
    delayed_count: u64,
    slow: Option<Slow>,
}

/// Bytes of `ready` that go out one by one.
struct Slow {
    from: usize,
    until: usize,
    pause: Duration,
    /// When the next one may.
    next: Instant,
    _trickling: Trickling,
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

    /// Holds every envelope from `start` on back until that rule is gone.
    pub(crate) fn hold(&mut self, start: usize, rule: RuleId) {
        let envelopes = self.envelopes.split_off(start);
        self.delayed_bytes += envelopes.len();
        self.kept.push((rule, envelopes));
    }

    /// How many answers are held back.
    pub(crate) fn delayed(&self) -> usize {
        self.delayed.len() + self.kept.len()
    }

    /// Whether any is held back by a rule.
    pub(crate) fn keeps(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Lets go of the answers whose rules are gone.
    pub(crate) fn let_go(&mut self, is_there: impl Fn(RuleId) -> bool) {
        let (envelopes, bytes) = (&mut self.envelopes, &mut self.delayed_bytes);
        self.kept.retain(|(rule, answer)| {
            let stays = is_there(*rule);
            if !stays {
                *bytes -= answer.len();
                envelopes.extend_from_slice(answer);
            }
            stays
        });
    }

    /// When the next answer that is held back is due.
    fn next_delayed(&self) -> Option<Instant> {
        self.delayed.peek().map(|Reverse(delayed)| delayed.until)
    }

    /// When the next byte of an answer that trickles is due, if it is its turn.
    pub(crate) fn next_byte(&self) -> Option<Instant> {
        self.slow.as_ref().filter(|slow| slow.from <= self.written).map(|slow| slow.next)
    }

    /// When there will be something to do.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        [self.next_delayed(), self.next_byte()].into_iter().flatten().min()
    }

    /// Lets go of the answers that are due.
    pub(crate) fn release(&mut self, now: Instant) {
        while self.next_delayed().is_some_and(|due| due <= now) {
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

    /// Lets the body of the envelope at `start`, if there is one, end after `keep` bytes.
    pub(crate) fn truncate_body(&mut self, start: usize, keep: usize) {
        let end = start + HEADER_LEN + keep;
        if self.envelopes.len() > end {
            self.envelopes.truncate(end);
            self.envelopes[start + LENGTH_OFFSET..start + HEADER_LEN]
                .copy_from_slice(&(keep as u32).to_be_bytes());
        }
    }

    /// Puts warnings and a custom payload into the envelope at `start`, if there is one and it has no payload yet.
    pub(crate) fn put_beside(&mut self, start: usize, beside: &Envelope) {
        let Some(&before) = self.envelopes.get(start + FLAGS_OFFSET) else { return };
        let mut prefix = Vec::new();
        let Ok(added) = beside.encode_prefix(&mut prefix) else { return };
        if before & (flags::CUSTOM_PAYLOAD | flags::WARNING) != 0 {
            return;
        }
        // A tracing id comes first of all.
        let traced = if before & flags::TRACING == 0 { 0 } else { 16 };
        let at = start + HEADER_LEN + traced;
        self.envelopes.splice(at..at, prefix);
        let length = (self.envelopes.len() - start - HEADER_LEN) as u32;
        self.envelopes[start + FLAGS_OFFSET] = before | added;
        self.envelopes[start + LENGTH_OFFSET..start + HEADER_LEN].copy_from_slice(&length.to_be_bytes());
    }

    /// Sends the envelope at `start`, if there is one, to another stream.
    pub(crate) fn redirect(&mut self, start: usize, distance: i16) {
        if let Some(stream) = self.envelopes[start..].get_mut(STREAM_OFFSET..STREAM_OFFSET + 2) {
            let number = i16::from_be_bytes([stream[0], stream[1]]);
            stream.copy_from_slice(&(number.wrapping_add(distance) & i16::MAX).to_be_bytes());
        }
    }

    /// Puts a custom payload before the body of the envelope at `start`, if there is one with nothing before its body.
    pub(crate) fn put_payload(&mut self, start: usize, key: &str, value: &[u8]) {
        if self.envelopes.get(start + 1) != Some(&0) {
            return;
        }
        let mut payload = vec![0, 1];
        payload.extend_from_slice(&(key.len() as u16).to_be_bytes());
        payload.extend_from_slice(key.as_bytes());
        payload.extend_from_slice(&(value.len() as i32).to_be_bytes());
        payload.extend_from_slice(value);
        self.envelopes[start + 1] = flags::CUSTOM_PAYLOAD;
        self.envelopes.splice(start + HEADER_LEN..start + HEADER_LEN, payload);
        let length = (self.envelopes.len() - start - HEADER_LEN) as u32;
        self.envelopes[start + LENGTH_OFFSET..start + HEADER_LEN].copy_from_slice(&length.to_be_bytes());
    }

    /// Sends everything from `start` on once more.
    pub(crate) fn repeat(&mut self, start: usize) {
        self.envelopes.extend_from_within(start..);
    }

    /// Sends only that many bytes of what is from `start` on, and never all of it.
    pub(crate) fn cut(&mut self, start: usize, bytes: usize) {
        let from = self.seal_apart(start);
        let most = (self.ready.len() - from).saturating_sub(1);
        self.ready.truncate(from + bytes.min(most));
    }

    /// Sends what is from `start` on byte by byte.
    pub(crate) fn trickle(&mut self, start: usize, pause: Duration, now: Instant, trickling: Trickling) {
        let from = self.seal_apart(start);
        let until = self.ready.len();
        // An answer that trickles already goes on before this one.
        let from = self.slow.as_ref().map_or(from, |slow| slow.from);
        self.slow = Some(Slow { from, until, pause, next: now + pause, _trickling: trickling });
    }

    /// Seals what is before `start`, then what is from there on, and says where in `ready` that begins.
    fn seal_apart(&mut self, start: usize) -> usize {
        let apart = self.envelopes.split_off(start);
        self.seal();
        let before = self.ready.len() - self.written;
        self.envelopes = apart;
        self.seal();
        self.written + before
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

    /// The sealed bytes that the socket has not taken yet and may have now.
    pub(crate) fn unwritten(&self, now: Instant) -> &[u8] {
        match &self.slow {
            None => &self.ready[self.written..],
            Some(slow) if self.written < slow.from => &self.ready[self.written..slow.from],
            Some(slow) if now >= slow.next => &self.ready[self.written..self.written + 1],
            Some(_) => &[],
        }
    }

    /// The socket took that many bytes.
    pub(crate) fn advance(&mut self, count: usize, now: Instant) {
        self.written += count;
        if let Some(slow) = &mut self.slow {
            slow.next = now + slow.pause;
            if self.written >= slow.until {
                self.slow = None;
            }
        }
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

#[cfg(test)]
mod tests {
    use super::super::fault::FaultRules;
    use super::*;

    /// An envelope on stream 5 with a body of that length.
    fn envelope(out: &mut Outbound, body: u8) -> usize {
        let start = out.envelopes().len();
        out.envelopes().extend([0x84, 0, 0, 5, 8, 0, 0, 0, 0]);
        out.envelopes().extend(1..=body);
        out.finish(start);
        start
    }

    fn drain(out: &mut Outbound, now: Instant) -> Vec<u8> {
        let bytes = out.unwritten(now).to_vec();
        out.advance(bytes.len(), now);
        bytes
    }

    #[test]
    fn the_last_envelope_can_be_shortened_redirected_and_repeated() {
        let now = Instant::now();
        let mut out = Outbound::default();
        envelope(&mut out, 1);
        let start = envelope(&mut out, 4);
        out.truncate_body(start, 2);
        out.truncate_body(start, 200);
        out.redirect(start, 3);
        out.repeat(start);
        out.seal();
        let whole = [0x84, 0, 0, 5, 8, 0, 0, 0, 1, 1];
        let short = [0x84, 0, 0, 8, 8, 0, 0, 0, 2, 1, 2];
        assert_eq!(drain(&mut out, now), [&whole[..], &short, &short].concat());
        let nothing = out.envelopes().len();
        out.truncate_body(nothing, 1);
        out.redirect(nothing, 1);
        out.repeat(nothing);
        out.cut(nothing, 1);
        assert!(out.unwritten(now).is_empty());
    }

    #[test]
    fn a_cut_answer_is_never_whole_and_those_before_it_are() {
        for (bytes, left) in [(0, 0), (3, 3), (13, 12), (usize::MAX, 12)] {
            let now = Instant::now();
            let mut out = Outbound::default();
            envelope(&mut out, 1);
            let start = envelope(&mut out, 4);
            out.cut(start, bytes);
            assert_eq!(drain(&mut out, now).len(), 10 + left);
        }
    }

    #[test]
    fn a_trickling_answer_goes_byte_by_byte_and_holds_up_the_rest() {
        let (start, pause) = (Instant::now(), Duration::from_millis(5));
        let (mut out, faults) = (Outbound::default(), FaultRules::new(1));
        envelope(&mut out, 1);
        let slow = envelope(&mut out, 1);
        out.trickle(slow, pause, start, faults.begin_trickling());
        envelope(&mut out, 2);
        out.seal();
        assert_eq!(drain(&mut out, start).len(), 10, "what was before it is not held up");
        assert_eq!(out.next_due(), Some(start + pause));
        assert!(out.unwritten(start + pause / 2).is_empty());
        let mut now = start;
        for byte in 0..10 {
            now = out.next_due().unwrap();
            assert_eq!(faults.trickling(), 1);
            assert_eq!(drain(&mut out, now).len(), 1, "byte {byte}");
        }
        assert!(now >= start + 10 * pause);
        assert_eq!((out.next_due(), drain(&mut out, now).len()), (None, 11));
        assert_eq!((out.backlog(), faults.trickling()), (0, 0));
    }

    #[test]
    fn a_connection_is_counted_once_however_many_of_its_answers_trickle_and_not_after_its_end() {
        let (now, faults) = (Instant::now(), FaultRules::new(1));
        let mut out = Outbound::default();
        for _ in 0..3 {
            let start = envelope(&mut out, 1);
            out.trickle(start, Duration::from_millis(5), now, faults.begin_trickling());
            assert_eq!(faults.trickling(), 1);
        }
        drop(out);
        assert_eq!(faults.trickling(), 0);
    }
}

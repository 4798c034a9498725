//! What a client has sent: bytes to envelopes.

use bytes::{Buf, BytesMut};
use chorus_protocol::segment::SegmentDecoder;
use chorus_protocol::{FrameError, FrameHeader, HEADER_LEN, ProtocolVersion, flags};

use super::startup::Versions;

const LEAST_ROOM: usize = 4 << 10;
const MOST_ROOM: usize = 256 << 10;

/// The next thing a client wants.
pub(crate) enum Received<'a> {
    /// A whole envelope. Its body may be compressed.
    Request(FrameHeader, &'a [u8]),
    /// An envelope whose body is larger than allowed. The body is skipped as it arrives.
    TooLarge(FrameHeader),
    /// What came is no envelope, and what follows cannot be understood either.
    Broken(Refusal),
}

/// Why a client cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A version of the protocol that the node does not speak.
    Version(u8),
    /// A version in beta, in a frame that does not say that its sender knows.
    Beta(u8),
    /// A negative length, or a damaged segment.
    Frame(FrameError),
}

/// The bytes a client has sent that were not dealt with yet.
pub(crate) struct Inbound {
    /// Bytes of the connection.
    received: BytesMut,
    /// Version 5: takes segments apart. Envelopes come out of `unpacked` then.
    segments: Option<SegmentDecoder>,
    unpacked: Vec<u8>,
    /// How much of `unpacked` has been dealt with.
    unpacked_done: usize,
    /// Length of the envelope that was given out last, which is still at the front of its buffer.
    taken: usize,
    /// Bytes of an oversized body that have still to be skipped.
    skip: usize,
    max_request: usize,
    versions: Versions,
    /// How many bytes the next read may bring.
    room: usize,
    /// There may be a whole envelope left.
    stalled: bool,
}

impl Inbound {
    pub(crate) fn new(max_request: usize, versions: Versions) -> Self {
        Self {
            received: BytesMut::new(),
            segments: None,
            unpacked: Vec::new(),
            unpacked_done: 0,
            taken: 0,
            skip: 0,
            max_request,
            versions,
            room: LEAST_ROOM,
            stalled: false,
        }
    }

    /// Where to put what arrives. Whoever has put something there calls [`Inbound::arrived`].
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        self.release();
        if self.received.is_empty() && self.received.capacity() > 4 * self.room {
            self.received = BytesMut::new();
        }
        self.received.reserve(self.room);
        &mut self.received
    }

    /// That many bytes were put into the buffer. Room for the next ones follows what a client sends: idle connections are
    /// many and keep little, busy ones are read with few calls.
    pub(crate) fn arrived(&mut self, count: usize) {
        self.stalled = true;
        if count >= self.room {
            self.room = (self.room * 4).min(MOST_ROOM);
        } else if count < self.room / 8 {
            self.room = (self.room / 2).max(LEAST_ROOM);
        }
    }

    /// True if what was received has not been looked through to its end.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// What follows is in segments (version 5).
    pub(crate) fn use_segments(&mut self, decoder: SegmentDecoder) {
        self.release();
        self.segments = Some(decoder);
    }

    /// The next envelope, if it has arrived whole.
    pub(crate) fn next(&mut self) -> Option<Received<'_>> {
        self.release();
        loop {
            match self.peek() {
                Peek::Whole(header) => {
                    self.taken = HEADER_LEN + header.length as usize;
                    let body = &self.source()[HEADER_LEN..][..header.length as usize];
                    return Some(Received::Request(header, body));
                }
                Peek::TooLarge(header) => {
                    self.skip = HEADER_LEN + header.length as usize;
                    self.release();
                    return Some(Received::TooLarge(header));
                }
                Peek::Broken(refusal) => return Some(Received::Broken(refusal)),
                Peek::Incomplete => match self.unpack() {
                    Ok(true) => self.release(),
                    Ok(false) => {
                        self.stalled = false;
                        return None;
                    }
                    Err(error) => return Some(Received::Broken(Refusal::Frame(error))),
                },
            }
        }
    }

    fn source(&self) -> &[u8] {
        if self.segments.is_some() { &self.unpacked[self.unpacked_done..] } else { &self.received }
    }

    fn peek(&self) -> Peek {
        let source = self.source();
        let Some(&version) = source.first() else { return Peek::Incomplete };
        // The answer does not wait for a whole header: those of versions 1 and 2 are shorter, and what is not this
        // protocol at all has none.
        if !self.versions.contains(version & 0x7f) {
            return Peek::Broken(Refusal::Version(version & 0x7f));
        }
        let Some(bytes) = source.first_chunk::<HEADER_LEN>() else { return Peek::Incomplete };
        let header = match FrameHeader::decode(bytes, u32::MAX) {
            Ok(header) => header,
            Err(error) => return Peek::Broken(Refusal::Frame(error)),
        };
        let is_beta = ProtocolVersion::try_from(header.version).is_ok_and(ProtocolVersion::is_beta);
        if is_beta && header.flags & flags::USE_BETA == 0 {
            return Peek::Broken(Refusal::Beta(header.version));
        }
        let length = header.length as usize;
        if length > self.max_request {
            Peek::TooLarge(header)
        } else if source.len() - HEADER_LEN < length {
            Peek::Incomplete
        } else {
            Peek::Whole(header)
        }
    }

    /// Forgets what has been dealt with.
    fn release(&mut self) {
        let taken = std::mem::take(&mut self.taken) + self.skip;
        let released = taken.min(self.source().len());
        self.skip = taken - released;
        if self.segments.is_some() {
            self.unpacked_done += released;
        } else {
            self.received.advance(released);
        }
    }

    /// Takes the segments apart that have arrived whole. False if there is none.
    fn unpack(&mut self) -> Result<bool, FrameError> {
        let Some(decoder) = &mut self.segments else { return Ok(false) };
        self.unpacked.drain(..self.unpacked_done);
        self.unpacked_done = 0;
        let consumed = decoder.decode(&self.received, &mut self.unpacked)?;
        self.received.advance(consumed);
        Ok(consumed > 0)
    }
}

enum Peek {
    Whole(FrameHeader),
    TooLarge(FrameHeader),
    Broken(Refusal),
    Incomplete,
}

#[cfg(test)]
mod tests {
    use chorus_protocol::ProtocolVersion;

    use super::*;

    fn receiving(max_request: usize) -> Inbound {
        Inbound::new(max_request, Versions::up_to(ProtocolVersion::V5))
    }

    fn frame(stream: u8, length: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![4, 0, 0, stream, 5];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    fn streams(inbound: &mut Inbound) -> Vec<(i16, usize)> {
        let mut seen = Vec::new();
        while let Some(received) = inbound.next() {
            match received {
                Received::Request(header, body) => seen.push((header.stream, body.len())),
                Received::TooLarge(header) => seen.push((-header.stream, 0)),
                Received::Broken(refusal) => panic!("{refusal:?}"),
            }
        }
        seen
    }

    fn feed(inbound: &mut Inbound, bytes: &[u8]) {
        inbound.buffer().extend_from_slice(bytes);
        inbound.arrived(bytes.len());
    }

    #[test]
    fn room_follows_what_a_client_sends() {
        let mut inbound = receiving(1 << 20);
        for _ in 0..10 {
            let bytes = vec![0; inbound.room];
            inbound.buffer().extend_from_slice(&bytes);
            inbound.arrived(bytes.len());
            inbound.received.clear();
        }
        assert_eq!(inbound.room, MOST_ROOM);
        for _ in 0..10 {
            inbound.buffer();
            inbound.arrived(1);
        }
        assert_eq!(inbound.room, LEAST_ROOM);
        assert!(inbound.buffer().capacity() <= 8 * LEAST_ROOM);
    }

    #[test]
    fn envelopes_are_found_wherever_the_bytes_are_cut() {
        let mut bytes = frame(1, 3, b"abc");
        bytes.extend(frame(2, 0, b""));
        bytes.extend(frame(3, 1, b"x"));
        for cut in 0..=bytes.len() {
            let mut inbound = receiving(100);
            feed(&mut inbound, &bytes[..cut]);
            let mut seen = streams(&mut inbound);
            feed(&mut inbound, &bytes[cut..]);
            seen.extend(streams(&mut inbound));
            assert_eq!(seen, [(1, 3), (2, 0), (3, 1)], "cut at {cut}");
            assert!(!inbound.is_stalled());
        }
    }

    #[test]
    fn an_oversized_body_is_skipped_as_it_arrives_and_never_kept() {
        let mut inbound = receiving(100);
        feed(&mut inbound, &frame(1, 1_000_000, b"start"));
        assert_eq!(streams(&mut inbound), [(-1, 0)]);
        let mut left = 1_000_000 - 5;
        while left > 0 {
            let chunk = left.min(4096);
            feed(&mut inbound, &vec![9; chunk]);
            left -= chunk;
            assert_eq!(streams(&mut inbound), []);
            assert!(inbound.received.is_empty());
        }
        feed(&mut inbound, &frame(2, 0, b""));
        assert_eq!(streams(&mut inbound), [(2, 0)]);
    }

    #[test]
    fn an_announced_length_reserves_no_memory() {
        let mut inbound = receiving(256 << 20);
        feed(&mut inbound, &frame(1, 200 << 20, b"a little"));
        assert!(inbound.next().is_none());
        assert!(inbound.buffer().capacity() < 1 << 20);
    }

    #[test]
    fn a_negative_length_and_a_strange_version_are_refused() {
        let mut inbound = receiving(100);
        feed(&mut inbound, &frame(1, u32::MAX, b""));
        let Some(Received::Broken(refusal)) = inbound.next() else { panic!("accepted") };
        assert_eq!(refusal, Refusal::Frame(FrameError::NegativeLength(-1)));
        let mut inbound = receiving(100);
        feed(&mut inbound, b"GET / HTTP/1.1\r\n");
        let Some(Received::Broken(refusal)) = inbound.next() else { panic!("accepted") };
        assert_eq!(refusal, Refusal::Version(b'G'));
    }
}

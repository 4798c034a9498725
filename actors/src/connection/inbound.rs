//! Bytes from the socket, cut into envelopes.

use std::{
    io,
    pin::Pin,
    task::{Context as Task, Poll, ready},
};

use bytes::{BufMut, Bytes, BytesMut};
use chorus_protocol::{FrameError, FrameHeader, HEADER_LEN, Opcode};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

/// How much one read may bring. Larger did not help with small answers, smaller costs system calls with large ones.
const READ_BUFFER: usize = 64 * 1024;
/// The length of an envelope that says "done" and no more.
const ACKNOWLEDGEMENT: usize = HEADER_LEN + 4;
/// How much a large body may get at once because the one before was as large.
const MOST_EXPECTED: usize = 4 << 20;

/// The body of an envelope: in the read buffer, or collected because it did not fit there.
pub(super) enum Body<'a> {
    Borrowed(&'a [u8]),
    Owned(Bytes),
}

impl Body<'_> {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// Cuts a stream of bytes into envelopes. Small ones are looked at in place; one that does not fit the buffer is read straight
/// into memory of its own, which grows as its bytes arrive, never from the announced length.
pub(super) struct Inbound {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    large: Option<Large>,
    /// The size of the last large body, which the next one is likely to have: pages of one query resemble each other.
    last_large: usize,
    max_length: u32,
    /// A whole envelope has come since somebody asked.
    delivered: bool,
}

/// An envelope under way that does not fit the buffer.
struct Large {
    header: FrameHeader,
    body: BytesMut,
}

impl Large {
    fn missing(&self) -> usize {
        self.header.length as usize - self.body.len()
    }

    /// Makes room for what comes next: twice what came, or what came the last time.
    fn make_room(&mut self, last: usize) {
        if self.body.capacity() == self.body.len() {
            let expected = last.min(MOST_EXPECTED).saturating_sub(self.body.len());
            let room = expected.max(self.body.len()).max(READ_BUFFER);
            self.body.reserve(room.min(self.missing()));
        }
    }

    fn take(&mut self, bytes: &[u8], last: usize) -> usize {
        let length = bytes.len().min(self.missing());
        let mut rest = &bytes[..length];
        while !rest.is_empty() {
            self.make_room(last);
            let (now, later) = rest.split_at(rest.len().min(self.body.capacity() - self.body.len()));
            self.body.extend_from_slice(now);
            rest = later;
        }
        length
    }
}

impl Inbound {
    /// `leftover` are bytes that the handshake had read too many.
    pub(super) fn new(max_length: u32, leftover: &[u8]) -> Self {
        let mut inbound = Self { buffer: vec![0; READ_BUFFER], max_length, ..Self::empty() };
        inbound.feed(leftover);
        inbound
    }

    /// One without a buffer, to stand in while the real one is lent out.
    pub(super) fn empty() -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            end: 0,
            large: None,
            last_large: 0,
            max_length: 0,
            delivered: false,
        }
    }

    /// Reads once, into the buffer or, when only the rest of a large body is missing, straight into that. Ready with how many
    /// bytes came; zero is the end of the stream.
    pub(super) fn poll_read<S: AsyncRead>(
        &mut self,
        socket: Pin<&mut S>,
        task: &mut Task<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.start == self.end
            && let Some(large) = &mut self.large
            && large.missing() > 0
        {
            large.make_room(self.last_large);
            // Not beyond the end: what follows belongs into the buffer.
            let missing = large.missing();
            return poll_read_buf(socket, task, &mut (&mut large.body).limit(missing));
        }
        let mut buffer = ReadBuf::new(self.space());
        ready!(socket.poll_read(task, &mut buffer))?;
        let length = buffer.filled().len();
        self.advance(length);
        Poll::Ready(Ok(length))
    }

    /// Where the next bytes go. Never empty.
    fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            let length = self.buffer.len();
            self.buffer.resize(length + READ_BUFFER, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Tells how many bytes were put into [`space`](Self::space).
    fn advance(&mut self, bytes: usize) {
        self.end += bytes;
        debug_assert!(self.end <= self.buffer.len());
    }

    /// Adds bytes that were read elsewhere.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = self.space();
            let length = space.len().min(bytes.len());
            space[..length].copy_from_slice(&bytes[..length]);
            self.advance(length);
            bytes = &bytes[length..];
        }
    }

    /// Shows the stream id of each acknowledgement (a RESULT of kind void with nothing around it) at the front of what was
    /// read, until one is not to be settled so or something else comes. That and the rest are for
    /// [`envelopes`](Self::envelopes).
    #[inline]
    pub(super) fn acknowledgements(&mut self, version: u8, mut settle: impl FnMut(i16) -> bool) {
        const BEHIND_STREAM: [u8; 9] = [Opcode::Result as u8, 0, 0, 0, 4, 0, 0, 0, 1];
        if self.large.is_some() {
            return;
        }
        let mut waiting = &self.buffer[self.start..self.end];
        while let Some(([first, flags, high, low, behind @ ..], rest)) =
            waiting.split_first_chunk::<ACKNOWLEDGEMENT>()
        {
            let void = *first == version | 0x80 && *flags == 0 && *behind == BEHIND_STREAM;
            if !void || !settle(i16::from_be_bytes([*high, *low])) {
                break;
            }
            waiting = rest;
        }
        self.delivered |= self.start != self.end - waiting.len();
        self.start = self.end - waiting.len();
    }

    /// Whether a whole envelope has come since the last time this was asked.
    pub(super) fn take_delivered(&mut self) -> bool {
        std::mem::take(&mut self.delivered)
    }

    /// Hands each whole envelope to `deliver`, which may stop the loop with an error of its own.
    pub(super) fn envelopes<E: From<FrameError>>(
        &mut self,
        mut deliver: impl FnMut(FrameHeader, Body<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let available = &self.buffer[self.start..self.end];
            if let Some(large) = &mut self.large {
                self.start += large.take(available, self.last_large);
                if large.missing() > 0 {
                    return Ok(());
                }
                if let Some(Large { header, body }) = self.large.take() {
                    self.last_large = body.len();
                    self.delivered = true;
                    deliver(header, Body::Owned(body.freeze()))?;
                }
                continue;
            }
            let Some(head) = available.first_chunk::<HEADER_LEN>() else { return Ok(()) };
            let header = FrameHeader::decode(head, self.max_length)?;
            let total = HEADER_LEN + header.length as usize;
            if available.len() >= total {
                let body = &available[HEADER_LEN..total];
                self.start += total;
                self.delivered = true;
                deliver(header, Body::Borrowed(body))?;
            } else if total > READ_BUFFER {
                self.start += HEADER_LEN;
                self.large = Some(Large { header, body: BytesMut::new() });
            } else {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(stream: i16, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x84, 0];
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.push(0x08);
        bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    fn collect(inbound: &mut Inbound) -> Vec<(i16, Vec<u8>)> {
        let mut seen = Vec::new();
        inbound
            .envelopes::<FrameError>(|header, body| {
                seen.push((header.stream, body.as_slice().to_vec()));
                Ok(())
            })
            .expect("well formed");
        seen
    }

    #[test]
    fn every_split_of_a_stream_gives_the_same_envelopes() {
        let large = vec![7; 3 * READ_BUFFER + 11];
        let mut stream = Vec::new();
        let expected = vec![(1, b"abc".to_vec()), (2, Vec::new()), (3, large.clone()), (4, b"z".to_vec())];
        for (id, body) in &expected {
            stream.extend_from_slice(&envelope(*id, body));
        }
        for step in [1, 2, 3, 8, 9, 10, 13, 4096, 65_535, 65_536, 65_537, stream.len()] {
            let mut inbound = Inbound::new(u32::MAX / 4, &[]);
            let mut seen = Vec::new();
            for piece in stream.chunks(step) {
                inbound.feed(piece);
                seen.extend(collect(&mut inbound));
            }
            assert_eq!(seen, expected, "in steps of {step}");
        }
    }

    #[test]
    fn f17_a_stream_cut_at_any_two_offsets_gives_the_same_envelopes() {
        let expected = vec![(1, b"abc".to_vec()), (2, Vec::new()), (3, vec![9; 40]), (4, b"z".to_vec())];
        let stream: Vec<u8> = expected.iter().flat_map(|(id, body)| envelope(*id, body)).collect();
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let mut inbound = Inbound::new(1_000, &[]);
                let mut seen = Vec::new();
                for piece in [&stream[..first], &stream[first..second], &stream[second..]] {
                    inbound.feed(piece);
                    seen.extend(collect(&mut inbound));
                }
                assert_eq!(seen, expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_at_the_header() {
        let mut inbound = Inbound::new(1_000, &[0x84, 0, 0, 0, 8, 0x7f, 0xff, 0xff, 0xff]);
        assert!(inbound.envelopes::<FrameError>(|_, _| Ok(())).is_err());
        assert!(inbound.large.is_none());
    }

    #[test]
    fn an_announced_length_allocates_nothing() {
        let mut inbound = Inbound::new(256 << 20, &[0x84, 0, 0, 0, 8, 0x0f, 0xff, 0xff, 0xff]);
        collect(&mut inbound);
        let large = inbound.large.as_ref().expect("waiting for the rest");
        assert_eq!(large.body.capacity(), 0);
    }

    #[test]
    fn acknowledgements_are_settled_up_to_the_first_that_is_none_or_is_refused() {
        const VOID: [u8; 4] = [0, 0, 0, 1];
        let mut stream = Vec::new();
        for (id, body) in [(5, &VOID[..]), (6, &VOID), (7, &VOID), (8, &[0, 0, 0, 2]), (9, &VOID)] {
            stream.extend_from_slice(&envelope(id, body));
        }
        let settled = |bytes: &[u8], version: u8, refused: i16| {
            let mut inbound = Inbound::new(1_000, bytes);
            let mut seen = Vec::new();
            inbound.acknowledgements(version, |id| {
                let settle = id != refused;
                if settle {
                    seen.push(id);
                }
                settle
            });
            (seen, collect(&mut inbound).into_iter().map(|(id, _)| id).collect::<Vec<_>>())
        };
        assert_eq!(settled(&stream, 4, 0), (vec![5, 6, 7], vec![8, 9]));
        assert_eq!(settled(&stream, 4, 6), (vec![5], vec![6, 7, 8, 9]));
        assert_eq!(settled(&stream, 3, 0), (vec![], vec![5, 6, 7, 8, 9]), "another version");
        assert_eq!(settled(&stream[..20], 4, 0), (vec![5], vec![]), "half of one is left");
        let mut warned = stream.clone();
        warned[1] = 8;
        assert!(settled(&warned, 4, 0).0.is_empty(), "flags say that there is more");
    }

    #[test]
    fn a_large_body_is_read_in_place_and_never_beyond_its_end() {
        let large = vec![7; 3 * READ_BUFFER + 11];
        let mut stream = envelope(1, &large);
        stream.extend_from_slice(&envelope(2, &large));
        stream.extend_from_slice(&envelope(3, b"abc"));
        let expected = vec![(1, large.clone()), (2, large), (3, b"abc".to_vec())];
        let mut inbound = Inbound::new(u32::MAX / 4, &[]);
        let mut socket = &stream[..];
        let mut seen = Vec::new();
        let mut task = Task::from_waker(std::task::Waker::noop());
        loop {
            match inbound.poll_read(Pin::new(&mut socket), &mut task) {
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(_)) => seen.extend(collect(&mut inbound)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, expected);
    }

    #[test]
    fn memory_for_a_large_body_grows_with_what_arrives() {
        let mut inbound = Inbound::new(256 << 20, &[0x84, 0, 0, 0, 8, 0x0f, 0xff, 0xff, 0xff]);
        collect(&mut inbound);
        for arrived in 1..=64 {
            inbound.feed(&[7; 1024]);
            collect(&mut inbound);
            let large = inbound.large.as_ref().expect("waiting for the rest");
            assert!(large.body.capacity() <= (2 * arrived * 1024).max(2 * READ_BUFFER));
        }
    }
}

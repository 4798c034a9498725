//! Bytes from the socket, cut into envelopes.

use chorus_protocol::{FrameError, FrameHeader, HEADER_LEN};

/// How much one read may bring. Larger did not help with small answers, smaller costs system calls with large ones.
const READ_BUFFER: usize = 64 * 1024;

/// The body of an envelope: in the read buffer, or collected because it did not fit there.
pub(super) enum Body<'a> {
    Borrowed(&'a [u8]),
    Owned(Vec<u8>),
}

impl Body<'_> {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// Cuts a stream of bytes into envelopes. Small ones are looked at in place; one that does not fit the buffer is
/// collected in a vector that grows as its bytes arrive, never from the announced length.
pub(super) struct Inbound {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    large: Option<(FrameHeader, Vec<u8>)>,
    max_length: u32,
}

impl Inbound {
    /// `leftover` are bytes that the handshake had read too many.
    pub(super) fn new(max_length: u32, leftover: &[u8]) -> Self {
        let mut inbound = Self { buffer: vec![0; READ_BUFFER], start: 0, end: 0, large: None, max_length };
        inbound.feed(leftover);
        inbound
    }

    /// One without a buffer, to stand in while the real one is lent out.
    pub(super) fn empty() -> Self {
        Self { buffer: Vec::new(), start: 0, end: 0, large: None, max_length: 0 }
    }

    /// Where the next read goes. Never empty.
    pub(super) fn space(&mut self) -> &mut [u8] {
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
    pub(super) fn advance(&mut self, bytes: usize) {
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

    /// Hands each whole envelope to `deliver`, which may stop the loop with an error of its own.
    pub(super) fn envelopes<E: From<FrameError>>(
        &mut self,
        mut deliver: impl FnMut(FrameHeader, Body<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let available = &self.buffer[self.start..self.end];
            if let Some((header, mut body)) = self.large.take() {
                let missing = header.length as usize - body.len();
                let length = missing.min(available.len());
                body.extend_from_slice(&available[..length]);
                self.start += length;
                if length < missing {
                    self.large = Some((header, body));
                    return Ok(());
                }
                deliver(header, Body::Owned(body))?;
                continue;
            }
            let Some(head) = available.first_chunk::<HEADER_LEN>() else { return Ok(()) };
            let header = FrameHeader::decode(head, self.max_length)?;
            let total = HEADER_LEN + header.length as usize;
            if available.len() >= total {
                let body = &available[HEADER_LEN..total];
                self.start += total;
                deliver(header, Body::Borrowed(body))?;
            } else if total > READ_BUFFER {
                self.start += HEADER_LEN;
                self.large = Some((header, Vec::new()));
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
    fn a_length_over_the_limit_is_refused_at_the_header() {
        let mut inbound = Inbound::new(1_000, &[0x84, 0, 0, 0, 8, 0x7f, 0xff, 0xff, 0xff]);
        assert!(inbound.envelopes::<FrameError>(|_, _| Ok(())).is_err());
        assert!(inbound.large.is_none());
    }

    #[test]
    fn an_announced_length_allocates_nothing() {
        let mut inbound = Inbound::new(256 << 20, &[0x84, 0, 0, 0, 8, 0x0f, 0xff, 0xff, 0xff]);
        collect(&mut inbound);
        let (_, body) = inbound.large.as_ref().expect("waiting for the rest");
        assert_eq!(body.capacity(), 0);
    }
}

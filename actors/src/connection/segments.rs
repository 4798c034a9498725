//! Segments of protocol v5, undone between the socket and the envelopes.

use chorus_protocol::{Compression, FrameError, segment::SegmentDecoder};

use super::inbound::Inbound;

/// How much one read may bring.
const READ_BUFFER: usize = 64 * 1024;

/// Collects bytes until a segment is complete, checks it and passes on what was inside. A segment has at most
/// 128 KiB, so the buffer stays below a few times that.
pub(super) struct Segments {
    decoder: SegmentDecoder,
    raw: Vec<u8>,
    end: usize,
    envelopes: Vec<u8>,
}

impl Segments {
    pub(super) fn new(compression: Option<Compression>, max_frame: u32) -> Self {
        Self {
            decoder: SegmentDecoder::new(compression, max_frame),
            raw: vec![0; READ_BUFFER],
            end: 0,
            envelopes: Vec::new(),
        }
    }

    /// Where the next read goes. Never empty.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.end == self.raw.len() {
            self.raw.resize(self.end + READ_BUFFER, 0);
        }
        &mut self.raw[self.end..]
    }

    /// Takes in how many bytes were read into [`space`](Self::space), and passes on complete segments.
    pub(super) fn advance(&mut self, bytes: usize, inbound: &mut Inbound) -> Result<(), FrameError> {
        self.end += bytes;
        let consumed = self.decoder.decode(&self.raw[..self.end], &mut self.envelopes)?;
        self.raw.copy_within(consumed..self.end, 0);
        self.end -= consumed;
        inbound.feed(&self.envelopes);
        self.envelopes.clear();
        Ok(())
    }
}

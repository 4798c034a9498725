//! Segments of protocol v5, undone between the socket and the envelopes.

use std::{
    io,
    pin::Pin,
    task::{Context as Task, Poll, ready},
};

use chorus_protocol::{Compression, FrameError, segment::SegmentDecoder};
use tokio::io::{AsyncRead, ReadBuf};

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

    /// Reads once. Ready with how many bytes came; zero is the end of the stream.
    pub(super) fn poll_read<S: AsyncRead>(
        &mut self,
        socket: Pin<&mut S>,
        task: &mut Task<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.end == self.raw.len() {
            self.raw.resize(self.end + READ_BUFFER, 0);
        }
        let mut buffer = ReadBuf::new(&mut self.raw[self.end..]);
        ready!(socket.poll_read(task, &mut buffer))?;
        let length = buffer.filled().len();
        self.end += length;
        Poll::Ready(Ok(length))
    }

    /// Passes on what is inside the segments that are complete.
    pub(super) fn pass_on(&mut self, inbound: &mut Inbound) -> Result<(), FrameError> {
        let consumed = self.decoder.decode(&self.raw[..self.end], &mut self.envelopes)?;
        self.raw.copy_within(consumed..self.end, 0);
        self.end -= consumed;
        inbound.feed(&self.envelopes);
        self.envelopes.clear();
        Ok(())
    }
}

//! Envelopes on their way to the socket: stream ids patched in, compressed or wrapped into segments as agreed.

use chorus_protocol::{
    Compression, CompressionError, HEADER_LEN, LENGTH_OFFSET, RequestExtensions, STREAM_OFFSET, flags,
    segment::SegmentEncoder,
};

use super::older::take_extensions;

/// Bodies smaller than this are not worth compressing.
const SMALLEST_COMPRESSED: usize = 512;
/// No more is encoded while this much waits for the socket.
const MOST_UNSENT: usize = 256 * 1024;

enum Layer {
    /// Envelopes as they are, bodies compressed with this.
    Plain(Option<Compression>),
    /// Envelopes collected here, then cut into segments.
    Segments { encoder: SegmentEncoder, envelopes: Vec<u8> },
    /// Envelopes without what the server lacks of the session's extensions, then as the layer below has them.
    Older { lacks: RequestExtensions, below: Box<Layer> },
}

impl Layer {
    /// The layer next to the socket.
    fn lowest(&self) -> &Layer {
        match self {
            Layer::Older { below, .. } => below,
            layer => layer,
        }
    }

    fn lowest_mut(&mut self) -> &mut Layer {
        match self {
            Layer::Older { below, .. } => below,
            layer => layer,
        }
    }
}

/// See the module documentation.
pub(crate) struct Outbound {
    layer: Layer,
    bytes: Vec<u8>,
    written: usize,
    frames: u32,
    scratch: Vec<u8>,
    /// Whether frames go out as they are; what `layer` says, in a byte.
    verbatim: bool,
}

impl Outbound {
    /// For protocol v3 and v4.
    pub(crate) fn plain(compression: Option<Compression>) -> Self {
        Self::new(Layer::Plain(compression))
    }

    /// For protocol v5.
    pub(crate) fn segments(compression: Option<Compression>) -> Self {
        Self::new(Layer::Segments { encoder: SegmentEncoder::new(compression), envelopes: Vec::new() })
    }

    /// The same for a server that lacks some of the extensions that the session's requests have.
    pub(crate) fn lacking(self, lacks: RequestExtensions) -> Self {
        if lacks.is_empty() {
            return self;
        }
        let layer = Layer::Older { lacks, below: Box::new(self.layer) };
        Self { layer, verbatim: false, ..self }
    }

    fn new(layer: Layer) -> Self {
        let verbatim = matches!(layer, Layer::Plain(None));
        let (bytes, scratch) = (Vec::with_capacity(64 * 1024), Vec::new());
        Self { layer, bytes, written: 0, frames: 0, scratch, verbatim }
    }

    /// Whether more may be appended before the socket takes some.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes.len() - self.written < MOST_UNSENT
    }

    /// Whether the server has no ids of result metadata where the session has them.
    #[inline]
    pub(crate) fn lacks_metadata_ids(&self) -> bool {
        matches!(self.layer, Layer::Older { lacks: RequestExtensions { metadata_id: true, .. }, .. })
    }

    /// Whether frames go out as they are, so that a run of them can be appended in one copy.
    pub(crate) fn is_verbatim(&self) -> bool {
        self.verbatim
    }

    /// Appends a run of `frames` envelopes whose stream ids are already in place.
    pub(crate) fn append_verbatim(&mut self, run: &[u8], frames: u32) {
        debug_assert!(self.is_verbatim());
        self.bytes.extend_from_slice(run);
        self.frames += frames;
    }

    /// Appends one envelope under a stream id.
    #[inline(always)]
    pub(crate) fn append(&mut self, envelope: &[u8], stream: u16) {
        if !self.verbatim {
            return self.append_to_layer(envelope, stream);
        }
        self.frames += 1;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(envelope);
        self.bytes[start + STREAM_OFFSET..start + STREAM_OFFSET + 2].copy_from_slice(&stream.to_be_bytes());
    }

    #[inline(never)]
    fn append_to_layer(&mut self, envelope: &[u8], stream: u16) {
        let (target, compression) = match &mut self.layer {
            Layer::Plain(compression) => (&mut self.bytes, *compression),
            Layer::Segments { envelopes, .. } => (envelopes, None),
            Layer::Older { .. } => return self.append_older(envelope, stream),
        };
        self.frames += 1;
        let start = target.len();
        match compression {
            Some(compression) if envelope.len() >= HEADER_LEN + SMALLEST_COMPRESSED => {
                self.scratch.clear();
                let body = &envelope[HEADER_LEN..];
                let compressed = compression.compress_body(body, &mut self.scratch);
                if compressed.is_ok() && self.scratch.len() < body.len() {
                    target.extend_from_slice(&envelope[..HEADER_LEN]);
                    target[start + 1] |= flags::COMPRESSED;
                    let length = self.scratch.len() as u32;
                    target[start + LENGTH_OFFSET..start + HEADER_LEN].copy_from_slice(&length.to_be_bytes());
                    target.extend_from_slice(&self.scratch);
                } else {
                    target.extend_from_slice(envelope);
                }
            }
            _ => target.extend_from_slice(envelope),
        }
        target[start + STREAM_OFFSET..start + STREAM_OFFSET + 2].copy_from_slice(&stream.to_be_bytes());
    }

    #[cold]
    #[inline(never)]
    fn append_older(&mut self, envelope: &[u8], stream: u16) {
        let whole = std::mem::replace(&mut self.layer, Layer::Plain(None));
        let Layer::Older { lacks, below } = whole else { unreachable!("whoever calls has looked") };
        let mut rewritten = Vec::with_capacity(envelope.len());
        take_extensions(lacks, envelope, &mut rewritten);
        self.layer = *below;
        self.append_to_layer(&rewritten, stream);
        let below = std::mem::replace(&mut self.layer, Layer::Plain(None));
        self.layer = Layer::Older { lacks, below: Box::new(below) };
    }

    /// What the socket should take next. Wraps what was appended since into segments first.
    ///
    /// # Errors
    ///
    /// When LZ4 itself fails.
    pub(crate) fn unsent(&mut self) -> Result<&[u8], CompressionError> {
        if let Layer::Segments { encoder, envelopes } = self.layer.lowest_mut()
            && !envelopes.is_empty()
        {
            encoder.encode(envelopes, &mut self.bytes)?;
            envelopes.clear();
        }
        Ok(&self.bytes[self.written..])
    }

    /// Whether everything appended was taken by the socket.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && (self.verbatim || self.is_layer_empty())
    }

    fn is_layer_empty(&self) -> bool {
        match self.layer.lowest() {
            Layer::Plain(_) | Layer::Older { .. } => true,
            Layer::Segments { envelopes, .. } => envelopes.is_empty(),
        }
    }

    /// Tells how much the socket took. Returns the number of frames when that emptied the buffer.
    pub(crate) fn sent(&mut self, bytes: usize) -> Option<u32> {
        self.written += bytes;
        if self.written < self.bytes.len() {
            return None;
        }
        self.bytes.clear();
        self.written = 0;
        Some(std::mem::take(&mut self.frames))
    }
}

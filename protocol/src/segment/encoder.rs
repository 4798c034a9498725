//! Envelopes into segments.

use crate::error::CompressionError;
use crate::frame::{Compression, compress_lz4_block};
use crate::segment::{LENGTH_BITS, LZ4_HEADER_LEN, MAX_PAYLOAD, PLAIN_HEADER_LEN, crc24, crc32};

/// Puts envelopes into segments: small ones together, large ones in pieces.
#[derive(Debug)]
pub struct SegmentEncoder {
    lz4: bool,
    /// Reused for each compressed segment.
    compressed: Vec<u8>,
}

impl SegmentEncoder {
    /// For a connection that negotiated LZ4, or no compression.
    pub fn new(compression: Option<Compression>) -> Self {
        Self { lz4: compression == Some(Compression::Lz4), compressed: Vec::new() }
    }

    /// Appends segments with all of `envelopes`: whole envelopes one after another, each with its header.
    ///
    /// As many whole envelopes as fit share a self-contained segment; one that fits in none is split. Bytes that are
    /// no whole envelope at the end are sent as they are.
    ///
    /// # Errors
    /// Only when LZ4 itself fails.
    pub fn encode(&mut self, envelopes: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        let mut rest = envelopes;
        while !rest.is_empty() {
            let whole = whole_envelopes(rest);
            if whole > 0 {
                let (together, after) = rest.split_at(whole);
                self.segment(together, true, out)?;
                rest = after;
            } else {
                let (large, after) =
                    rest.split_at(envelope_length(rest).unwrap_or(rest.len()).min(rest.len()));
                for piece in large.chunks(MAX_PAYLOAD) {
                    self.segment(piece, false, out)?;
                }
                rest = after;
            }
        }
        Ok(())
    }

    /// Appends one segment.
    pub(crate) fn segment(
        &mut self,
        payload: &[u8],
        self_contained: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let flag = u64::from(self_contained);
        if !self.lz4 {
            let header = payload.len() as u64 | flag << LENGTH_BITS;
            put_segment(&header.to_le_bytes()[..PLAIN_HEADER_LEN], payload, out);
            return Ok(());
        }
        self.compressed.clear();
        compress_lz4_block(payload, &mut self.compressed)?;
        // An uncompressed length of zero says that the payload is stored as it is.
        let (stored, uncompressed) = if self.compressed.len() < payload.len() {
            (self.compressed.as_slice(), payload.len() as u64)
        } else {
            (payload, 0)
        };
        let header = stored.len() as u64 | uncompressed << LENGTH_BITS | flag << (2 * LENGTH_BITS);
        put_segment(&header.to_le_bytes()[..LZ4_HEADER_LEN], stored, out);
        Ok(())
    }
}

fn put_segment(header: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(header.len() + 7 + payload.len());
    out.extend_from_slice(header);
    out.extend_from_slice(&crc24(header).to_le_bytes()[..3]);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32(payload).to_le_bytes());
}

/// Length of the first envelope, if its header is there.
pub(crate) fn envelope_length(bytes: &[u8]) -> Option<usize> {
    let length = bytes.get(crate::frame::LENGTH_OFFSET..)?.first_chunk::<4>()?;
    Some(crate::frame::HEADER_LEN + u32::from_be_bytes(*length) as usize)
}

/// Length of all whole envelopes at the start that fit in one segment together.
fn whole_envelopes(bytes: &[u8]) -> usize {
    let mut end = 0;
    while let Some(length) = envelope_length(&bytes[end..]) {
        if end + length > MAX_PAYLOAD.min(bytes.len()) {
            break;
        }
        end += length;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(payload: &[u8], self_contained: bool) -> Vec<u8> {
        let mut out = Vec::new();
        SegmentEncoder::new(None).segment(payload, self_contained, &mut out).unwrap();
        out
    }

    #[test]
    fn plain_segments_have_the_servers_bytes() {
        assert_eq!(
            encode(b"hello", true),
            [5, 0, 2, 0x19, 0x99, 0x9a, b'h', b'e', b'l', b'l', b'o', 0x74, 0x80, 0x0e, 0xb6,]
        );
        assert_eq!(encode(b"b", true), [1, 0, 2, 0x72, 0x56, 0xac, b'b', 0xe9, 0x1b, 0x20, 0x6e]);
        assert_eq!(encode(b"", true), [0, 0, 2, 0x6a, 0x36, 0xc4, 0xd3, 0x7e, 0x77, 0x44]);
        let fifty = encode(&[b'b'; 50], true);
        assert_eq!(fifty[..6], [0x32, 0, 2, 0xa5, 0xff, 0xee]);
        assert_eq!(fifty[56..], [0x7a, 0xae, 0xeb, 0x7c]);
    }
}

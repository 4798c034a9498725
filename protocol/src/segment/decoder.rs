//! Segments into envelopes.

use crate::error::FrameError;
use crate::frame::{Compression, FrameHeader, HEADER_LEN, decompress_lz4_block};
use crate::segment::encoder::envelope_length;
use crate::segment::{
    CRC24_LEN, CRC32_LEN, LENGTH_BITS, LZ4_HEADER_LEN, MAX_PAYLOAD, PLAIN_HEADER_LEN, crc24, crc32,
};

/// Takes segments off a byte stream, checks them and gives back the envelopes inside.
///
/// Keeps nothing but what it was created with and whether an envelope is in pieces: the bytes stay with the caller,
/// who feeds what has arrived and drops what was consumed.
#[derive(Debug)]
pub struct SegmentDecoder {
    lz4: bool,
    max_frame: u32,
    /// Bytes still to come of the envelope that is in pieces.
    missing: usize,
    /// What arrived of its header, as long as that is in pieces itself.
    header: Vec<u8>,
}

impl SegmentDecoder {
    /// For a connection that negotiated LZ4, or no compression. Envelopes with bodies of more than `max_frame` bytes
    /// are refused.
    pub fn new(compression: Option<Compression>, max_frame: u32) -> Self {
        Self { lz4: compression == Some(Compression::Lz4), max_frame, missing: 0, header: Vec::new() }
    }

    /// Takes every complete segment off the front of `stream`, appends their payloads to `envelopes`, and returns
    /// how many bytes of `stream` were consumed. `envelopes` then holds whole envelopes, the last one possibly with
    /// pieces still to come: headers say where each ends.
    ///
    /// # Errors
    /// Any is fatal for the connection.
    pub fn decode(&mut self, stream: &[u8], envelopes: &mut Vec<u8>) -> Result<usize, FrameError> {
        let mut consumed = 0;
        while let Some(length) = self.segment(&stream[consumed..], envelopes)? {
            consumed += length;
        }
        Ok(consumed)
    }

    /// One segment; `None` when it has not arrived completely.
    fn segment(&mut self, bytes: &[u8], envelopes: &mut Vec<u8>) -> Result<Option<usize>, FrameError> {
        let header_len = if self.lz4 { LZ4_HEADER_LEN } else { PLAIN_HEADER_LEN };
        let Some((header, rest)) = bytes.split_at_checked(header_len) else { return Ok(None) };
        let Some((checksum, rest)) = rest.split_first_chunk::<CRC24_LEN>() else { return Ok(None) };
        let [c0, c1, c2] = *checksum;
        let (found, computed) = (u32::from_le_bytes([c0, c1, c2, 0]), crc24(header));
        if found != computed {
            return Err(FrameError::HeaderChecksum { found, computed });
        }
        let mut wide = [0u8; 8];
        wide[..header_len].copy_from_slice(header);
        let fields = u64::from_le_bytes(wide);
        let length = (fields & MAX_PAYLOAD as u64) as usize;
        let (uncompressed, self_contained) = if self.lz4 {
            let uncompressed = (fields >> LENGTH_BITS & MAX_PAYLOAD as u64) as usize;
            (uncompressed, fields >> (2 * LENGTH_BITS) & 1 == 1)
        } else {
            (0, fields >> LENGTH_BITS & 1 == 1)
        };

        let Some((payload, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        let Some(checksum) = rest.first_chunk::<CRC32_LEN>() else { return Ok(None) };
        let (found, computed) = (u32::from_le_bytes(*checksum), crc32(payload));
        if found != computed {
            return Err(FrameError::PayloadChecksum { found, computed });
        }

        let start = envelopes.len();
        if uncompressed == 0 {
            envelopes.extend_from_slice(payload);
        } else {
            decompress_lz4_block(payload, uncompressed, MAX_PAYLOAD, envelopes)?;
        }
        self.follow(&envelopes[start..], self_contained)?;
        Ok(Some(header_len + CRC24_LEN + length + CRC32_LEN))
    }

    /// Follows envelope boundaries through a payload.
    fn follow(&mut self, mut payload: &[u8], self_contained: bool) -> Result<(), FrameError> {
        // "A self-contained segment contains one or more complete envelopes": it cannot come in the middle of one.
        if self_contained && (self.missing > 0 || !self.header.is_empty()) {
            return Err(FrameError::PartialEnvelope);
        }
        while !payload.is_empty() {
            if self.missing == 0 {
                let taken = payload.len().min(HEADER_LEN - self.header.len());
                self.header.extend_from_slice(&payload[..taken]);
                payload = &payload[taken..];
                let Some(header) = self.header.first_chunk::<HEADER_LEN>() else { break };
                self.missing = FrameHeader::decode(header, self.max_frame)?.length as usize;
                self.header.clear();
            }
            let taken = payload.len().min(self.missing);
            self.missing -= taken;
            payload = &payload[taken..];
        }
        if self_contained && (self.missing > 0 || !self.header.is_empty()) {
            return Err(FrameError::PartialEnvelope);
        }
        Ok(())
    }

    /// Splits the first whole envelope off `envelopes`; `None` when its end has not come.
    pub fn whole_envelope(envelopes: &[u8]) -> Option<usize> {
        envelope_length(envelopes).filter(|length| *length <= envelopes.len())
    }
}

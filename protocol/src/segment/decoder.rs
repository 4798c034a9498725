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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::CompressionError;
    use crate::segment::SegmentEncoder;

    const BOTH: [Option<Compression>; 2] = [None, Some(Compression::Lz4)];

    fn envelope(length: usize, seed: u8) -> Vec<u8> {
        let mut out = Vec::new();
        let length = length as u32;
        FrameHeader { version: 5, response: true, flags: 0, stream: 7, opcode: 8, length }.encode(&mut out);
        // Compressible, but not the same everywhere.
        out.extend((0..length).map(|i| (i / 100) as u8 ^ seed));
        out
    }

    fn encode(compression: Option<Compression>, envelopes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        SegmentEncoder::new(compression).encode(envelopes, &mut out).unwrap();
        out
    }

    fn decode_whole(compression: Option<Compression>, stream: &[u8]) -> Result<Vec<u8>, FrameError> {
        let mut envelopes = Vec::new();
        let consumed = SegmentDecoder::new(compression, 1 << 20).decode(stream, &mut envelopes)?;
        assert_eq!(consumed, stream.len());
        Ok(envelopes)
    }

    #[test]
    fn small_envelopes_share_a_segment_and_large_ones_are_split() {
        let small = [envelope(5, 0), envelope(0, 1), envelope(900, 2)].concat();
        let large = envelope(300_000, 3);
        for compression in BOTH {
            let stream = encode(compression, &[&small[..], &large, &small].concat());
            let mut headers = Vec::new();
            let mut rest = &stream[..];
            let mut decoder = SegmentDecoder::new(compression, 1 << 20);
            while !rest.is_empty() {
                let mut one = Vec::new();
                let length = decoder.segment(rest, &mut one).unwrap().unwrap();
                headers.push(one.len());
                rest = &rest[length..];
            }
            assert_eq!(
                headers,
                [small.len(), MAX_PAYLOAD, MAX_PAYLOAD, 300_009 - 2 * MAX_PAYLOAD, small.len()]
            );
            assert_eq!(decode_whole(compression, &stream), Ok([&small[..], &large, &small].concat()));
        }
    }

    #[test]
    fn envelopes_fill_a_segment_to_the_last_byte() {
        let half = envelope(MAX_PAYLOAD / 2 - HEADER_LEN, 0);
        let exact = [&half[..], &half, &envelope(MAX_PAYLOAD % 2, 0)[..]].concat();
        assert!(exact.len() > MAX_PAYLOAD);
        let whole = envelope(MAX_PAYLOAD - HEADER_LEN, 0);
        assert_eq!(encode(None, &whole).len(), MAX_PAYLOAD + 10);
        assert_eq!(decode_whole(None, &encode(None, &exact)), Ok(exact));
    }

    #[test]
    fn what_does_not_shrink_is_stored_as_it_is() {
        let stream = encode(Some(Compression::Lz4), &envelope(1, 0));
        let fields = u64::from_le_bytes([stream[0], stream[1], stream[2], stream[3], stream[4], 0, 0, 0]);
        assert_eq!(fields, 10 | 1 << 34, "length 10, uncompressed length 0, self-contained");
        assert_eq!(stream.len(), 8 + 10 + 4);
    }

    #[test]
    fn a_changed_bit_anywhere_is_found() {
        for compression in BOTH {
            let stream = encode(compression, &envelope(700, 9));
            for bit in 0..stream.len() * 8 {
                let mut changed = stream.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                let mut out = Vec::new();
                let result = SegmentDecoder::new(compression, 1 << 20).decode(&changed, &mut out);
                let found = matches!(
                    result,
                    Err(FrameError::HeaderChecksum { .. } | FrameError::PayloadChecksum { .. })
                );
                assert!(found, "bit {bit}: {result:?}");
            }
        }
    }

    #[test]
    fn self_contained_segments_hold_whole_envelopes_only() {
        let whole = envelope(20, 0);
        let mut encoder = SegmentEncoder::new(None);
        let mut part = Vec::new();
        encoder.segment(&whole[..15], true, &mut part).unwrap();
        assert_eq!(decode_whole(None, &part), Err(FrameError::PartialEnvelope));
        let mut header = Vec::new();
        encoder.segment(&whole[..5], true, &mut header).unwrap();
        assert_eq!(decode_whole(None, &header), Err(FrameError::PartialEnvelope));
        let mut mixed = Vec::new();
        encoder.segment(&whole[..15], false, &mut mixed).unwrap();
        encoder.segment(&whole, true, &mut mixed).unwrap();
        assert_eq!(decode_whole(None, &mixed), Err(FrameError::PartialEnvelope));
    }

    #[test]
    fn oversized_envelopes_are_refused_at_their_header() {
        let mut out = Vec::new();
        let mut decoder = SegmentDecoder::new(None, 1000);
        let error = decoder.decode(&encode(None, &envelope(1001, 0)), &mut out).unwrap_err();
        assert_eq!(error, FrameError::TooLarge { length: 1001, max: 1000 });
    }

    #[test]
    fn compressed_payloads_must_expand_to_what_they_announce() {
        let segment = |fields: u64, payload: &[u8]| {
            let header = &fields.to_le_bytes()[..LZ4_HEADER_LEN];
            let mut out = header.to_vec();
            out.extend_from_slice(&crc24(header).to_le_bytes()[..3]);
            out.extend_from_slice(payload);
            out.extend_from_slice(&crc32(payload).to_le_bytes());
            out
        };
        let lz4 = Some(Compression::Lz4);
        for announced in [1, 100, MAX_PAYLOAD as u64] {
            let stream = segment(2 | announced << 17 | 1 << 34, &[0xf0, 0xff]);
            let error = decode_whole(lz4, &stream).unwrap_err();
            assert_eq!(error, FrameError::Compression(CompressionError::Corrupt));
        }
        assert_eq!(decode_whole(lz4, &segment(1 << 34, &[])), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn every_split_of_a_stream_gives_the_same_envelopes(
            lengths in proptest::collection::vec(prop_oneof![0usize..200, 130_000usize..140_000], 1..5),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
            lz4: bool,
        ) {
            let compression = lz4.then_some(Compression::Lz4);
            let envelopes: Vec<u8> =
                lengths.iter().enumerate().flat_map(|(i, length)| envelope(*length, i as u8)).collect();
            let stream = encode(compression, &envelopes);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();

            let mut decoder = SegmentDecoder::new(compression, 1 << 20);
            let (mut waiting, mut out) = (Vec::new(), Vec::new());
            for pair in cuts.windows(2) {
                waiting.extend_from_slice(&stream[pair[0]..pair[1]]);
                let consumed = decoder.decode(&waiting, &mut out).unwrap();
                waiting.drain(..consumed);
            }
            prop_assert!(waiting.is_empty());
            prop_assert_eq!(&out, &envelopes);
            let mut rest = &out[..];
            for length in lengths {
                let end = SegmentDecoder::whole_envelope(rest);
                prop_assert_eq!(end, Some(length + HEADER_LEN));
                rest = &rest[length + HEADER_LEN..];
            }
        }

        #[test]
        fn arbitrary_streams_never_panic(stream: Vec<u8>, lz4: bool) {
            let mut out = Vec::new();
            let mut decoder = SegmentDecoder::new(lz4.then_some(Compression::Lz4), 1 << 20);
            let _ = decoder.decode(&stream, &mut out);
        }
    }
}

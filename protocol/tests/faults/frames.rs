//! Headers, compressed bodies and segments.

use chorus_protocol::segment::{SegmentDecoder, SegmentEncoder, crc24, crc32};
use chorus_protocol::{Compression, CompressionError, FrameError, FrameHeader, HEADER_LEN};

use crate::allocations::most_held;

const LIMIT: u32 = 1 << 20;

fn envelope(length: u32) -> Vec<u8> {
    let mut out = Vec::new();
    FrameHeader { version: 5, response: true, flags: 0, stream: 7, opcode: 8, length }.encode(&mut out);
    out.resize(HEADER_LEN + length as usize, 7);
    out
}

#[test]
fn f12_f13_impossible_lengths_are_refused_at_the_header() {
    let header = |length: u32| {
        let mut bytes = [0x84, 0, 0, 7, 8, 0, 0, 0, 0];
        bytes[5..].copy_from_slice(&length.to_be_bytes());
        FrameHeader::decode(&bytes, 256 << 20)
    };
    let negative = |length| Err(FrameError::NegativeLength(length));
    let too_large = |length| Err(FrameError::TooLarge { length, max: 256 << 20 });
    assert_eq!(header(u32::MAX).map(drop), negative(-1));
    assert_eq!(header(1 << 31).map(drop), negative(i32::MIN));
    assert_eq!(header(i32::MAX as u32).map(drop), too_large(i32::MAX as u32));
    assert_eq!(header((256 << 20) + 1).map(drop), too_large((256 << 20) + 1));
    assert_eq!(header(256 << 20).map(|header| header.length), Ok(256 << 20));
}

#[test]
fn f26_compressed_bodies_take_no_more_than_limit_and_input_allow() {
    let snappy_size = |mut size: u64| {
        let mut out = Vec::new();
        while size >= 0x80 {
            out.push(size as u8 | 0x80);
            size >>= 7;
        }
        out.push(size as u8);
        out
    };
    let lz4_size = |size: u32| size.to_be_bytes().to_vec();
    let zeros = vec![0; LIMIT as usize * 2];
    let mut bomb_lz4 = Vec::new();
    Compression::Lz4.compress_body(&zeros, &mut bomb_lz4).unwrap();
    let mut bomb_snappy = Vec::new();
    Compression::Snappy.compress_body(&zeros, &mut bomb_snappy).unwrap();
    assert!(bomb_lz4.len() < 20_000 && bomb_snappy.len() < 200_000, "they are bombs");
    let too_large = |length| CompressionError::TooLarge { length, max: LIMIT as usize };
    for (name, algorithm, body, expected) in [
        ("a bomb", Compression::Lz4, bomb_lz4, too_large(2 * u64::from(LIMIT))),
        ("a bomb", Compression::Snappy, bomb_snappy, too_large(2 * u64::from(LIMIT))),
        ("a negative length", Compression::Lz4, lz4_size(u32::MAX), too_large(u32::MAX.into())),
        ("the largest length", Compression::Snappy, snappy_size(u32::MAX.into()), too_large(u32::MAX.into())),
        ("no length that there is", Compression::Snappy, vec![0xff; 12], CompressionError::Corrupt),
        (
            "a length beyond its bytes",
            Compression::Lz4,
            [lz4_size(LIMIT), vec![0x10, 7]].concat(),
            CompressionError::Corrupt,
        ),
        (
            "a length beyond its bytes",
            Compression::Snappy,
            [snappy_size(LIMIT.into()), vec![0, 7]].concat(),
            CompressionError::Corrupt,
        ),
        (
            "a length before its bytes",
            Compression::Lz4,
            [lz4_size(3), vec![0x50, 1, 2, 3, 4, 5]].concat(),
            CompressionError::Corrupt,
        ),
        ("garbage", Compression::Lz4, [lz4_size(100), vec![0xff; 50]].concat(), CompressionError::Corrupt),
        ("garbage", Compression::Snappy, [vec![100], vec![0xff; 50]].concat(), CompressionError::Corrupt),
        ("nothing", Compression::Lz4, Vec::new(), CompressionError::Corrupt),
        ("nothing", Compression::Snappy, Vec::new(), CompressionError::Corrupt),
    ] {
        let (result, most) = most_held(|| algorithm.decompress_body(&body, LIMIT as usize));
        assert_eq!(result, Err(expected), "{name} for {algorithm:?}");
        assert!(most <= (LIMIT as usize).min(body.len() * 255 + 4096), "{name}: {most} bytes");
    }
    // What fits is expanded, and takes what it became.
    for algorithm in [Compression::Lz4, Compression::Snappy] {
        let mut body = Vec::new();
        algorithm.compress_body(&zeros[..LIMIT as usize], &mut body).unwrap();
        let (result, most) = most_held(|| algorithm.decompress_body(&body, LIMIT as usize));
        assert_eq!(result.map(|expanded| expanded.len()), Ok(LIMIT as usize));
        assert!(most <= LIMIT as usize + 4096, "{most} bytes");
    }
}

/// A segment with any header, its checksums right.
fn segment(fields: u64, header_len: usize, payload: &[u8]) -> Vec<u8> {
    let mut out = fields.to_le_bytes()[..header_len].to_vec();
    let checksum = crc24(&out);
    out.extend_from_slice(&checksum.to_le_bytes()[..3]);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32(payload).to_le_bytes());
    out
}

/// A plain segment.
fn plain(payload: &[u8], self_contained: bool) -> Vec<u8> {
    segment(payload.len() as u64 | u64::from(self_contained) << 17, 3, payload)
}

#[test]
fn f26_a_compressed_segment_takes_no_more_than_a_segment_may() {
    // 131071 bytes announced, and a payload that expands to as many, to fewer, to nothing.
    const MOST: u64 = (1 << 17) - 1;
    let header = |stored: usize, expanded: u64| stored as u64 | expanded << 17 | 1 << 34;
    for payload in [vec![0xff; 40], vec![0x1f, 0, 1, 0, 0xff, 0xff, 0xff], vec![0], Vec::new()] {
        for announced in [1, 100, MOST] {
            let stream = segment(header(payload.len(), announced), 5, &payload);
            let mut envelopes = Vec::new();
            let (result, most) = most_held(|| {
                SegmentDecoder::new(Some(Compression::Lz4), LIMIT).decode(&stream, &mut envelopes)
            });
            assert!(
                matches!(result, Err(FrameError::Compression(_))),
                "{payload:?} as {announced}: {result:?}"
            );
            assert!(envelopes.is_empty());
            assert!(most <= MOST as usize + 4096, "{most} bytes");
        }
    }
}

#[test]
fn f27_no_changed_bit_of_a_segment_is_delivered() {
    for compression in [None, Some(Compression::Lz4)] {
        let mut stream = Vec::new();
        SegmentEncoder::new(compression).encode(&envelope(300), &mut stream).unwrap();
        for bit in 0..stream.len() * 8 {
            let mut changed = stream.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let mut envelopes = Vec::new();
            let result = SegmentDecoder::new(compression, LIMIT).decode(&changed, &mut envelopes);
            let found =
                matches!(result, Err(FrameError::HeaderChecksum { .. } | FrameError::PayloadChecksum { .. }));
            assert!(found, "bit {bit}: {result:?}");
            assert!(envelopes.is_empty(), "bit {bit} was delivered");
        }
    }
}

#[test]
fn f29_pieces_that_do_not_belong_together_are_refused() {
    let whole = envelope(20);
    let decode = |segments: &[Vec<u8>]| {
        let mut envelopes = Vec::new();
        SegmentDecoder::new(None, LIMIT).decode(&segments.concat(), &mut envelopes).map(|_| envelopes)
    };
    let partial = Err(FrameError::PartialEnvelope);
    assert_eq!(decode(&[plain(&whole[..15], true)]), partial, "half an envelope, said to be whole");
    assert_eq!(decode(&[plain(&whole[..5], true)]), partial, "half a header");
    assert_eq!(decode(&[plain(&[&whole[..], &whole[..15]].concat(), true)]), partial, "one and a half");
    assert_eq!(decode(&[plain(&whole[..15], false), plain(&whole, true)]), partial, "another one between");
    assert_eq!(
        decode(&[plain(&[], true), plain(&whole, true), plain(&[], false)]),
        Ok(whole.clone()),
        "nothing"
    );
    // What stands between the parts of one without saying so is taken for a part: the next header tells.
    let mixed = decode(&[plain(&whole[..15], false), plain(&whole, false)]);
    assert_eq!(mixed, Err(FrameError::TooLarge { length: 0x0707_0707, max: LIMIT }));
}

#[test]
fn f29_an_announced_length_in_segments_of_a_byte_takes_what_arrived() {
    const ARRIVED: usize = 20_000;
    let mut head = Vec::new();
    FrameHeader { version: 5, response: true, flags: 0, stream: 7, opcode: 8, length: 256 << 20 }
        .encode(&mut head);
    let mut decoder = SegmentDecoder::new(None, 256 << 20);
    let mut envelopes = Vec::new();
    let ((), most) = most_held(|| {
        for byte in head.iter().copied().chain(std::iter::repeat_n(7, ARRIVED)) {
            let one = plain(&[byte], false);
            assert_eq!(decoder.decode(&one, &mut envelopes), Ok(one.len()));
        }
    });
    assert_eq!(envelopes.len(), HEADER_LEN + ARRIVED);
    assert!(most <= 4 * ARRIVED, "{most} bytes for {ARRIVED}");
    // Empty ones are nothing, however many.
    let empty = plain(&[], false);
    let ((), most) = most_held(|| {
        for _ in 0..100_000 {
            decoder.decode(&empty, &mut envelopes).unwrap();
        }
    });
    assert_eq!((envelopes.len(), most), (HEADER_LEN + ARRIVED, 0));
}

#[test]
fn f17_segments_cut_at_any_two_offsets_hold_the_same_frames() {
    for compression in [None, Some(Compression::Lz4)] {
        let envelopes = [envelope(3), envelope(0), envelope(40)].concat();
        let mut stream = Vec::new();
        let mut encoder = SegmentEncoder::new(compression);
        encoder.encode(&envelopes[..12], &mut stream).unwrap();
        encoder.encode(&envelopes[12..], &mut stream).unwrap();
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let mut decoder = SegmentDecoder::new(compression, LIMIT);
                let (mut waiting, mut out) = (Vec::new(), Vec::new());
                for piece in [&stream[..first], &stream[first..second], &stream[second..]] {
                    waiting.extend_from_slice(piece);
                    let consumed = decoder.decode(&waiting, &mut out).unwrap();
                    waiting.drain(..consumed);
                }
                assert!(waiting.is_empty() && out == envelopes, "cut at {first} and {second}");
            }
        }
    }
}

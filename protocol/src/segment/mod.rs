//! Protocol v5's outer framing: checksummed segments around envelopes.
//!
//! ```text
//! plain:  17 bits length, 1 self-contained, 6 zero             + CRC24 | payload | CRC32
//! LZ4:    17 bits length, 17 bits uncompressed length, 1, 5    + CRC24 | payload | CRC32
//! ```
//! All little-endian. A self-contained segment holds whole envelopes; others hold pieces of one.

mod crc;
mod decoder;
mod encoder;

pub use crc::{crc24, crc32};
pub use decoder::SegmentDecoder;
pub use encoder::SegmentEncoder;

/// The most a segment can hold, in bytes.
pub const MAX_PAYLOAD: usize = (1 << 17) - 1;

const CRC24_LEN: usize = 3;
const CRC32_LEN: usize = 4;
const PLAIN_HEADER_LEN: usize = 3;
const LZ4_HEADER_LEN: usize = 5;
const LENGTH_BITS: u32 = 17;

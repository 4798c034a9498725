//! Compression of whole bodies, protocol v3 and v4.

use std::fmt;
use std::str::FromStr;

use crate::error::CompressionError;

/// An algorithm for bodies (v3, v4) or segments (v5, LZ4 only).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// `lz4`: four bytes of big-endian size, then a raw block.
    Lz4,
    /// `snappy`: a plain block.
    Snappy,
}

impl Compression {
    /// The name in SUPPORTED and STARTUP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Snappy => "snappy",
        }
    }

    /// Appends the compressed form of `body`. An empty body must be sent uncompressed, without the flag.
    pub fn compress_body(self, body: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        let too_large = CompressionError::CannotCompress(body.len());
        match self {
            Self::Lz4 => {
                let length = u32::try_from(body.len()).map_err(|_| too_large)?;
                out.extend_from_slice(&length.to_be_bytes());
                compress_lz4_block(body, out)
            }
            Self::Snappy => {
                let bound = snap::raw::max_compress_len(body.len());
                if bound == 0 && !body.is_empty() {
                    return Err(too_large);
                }
                let start = out.len();
                out.resize(start + bound, 0);
                let written =
                    snap::raw::Encoder::new().compress(body, &mut out[start..]).map_err(|_| too_large)?;
                out.truncate(start + written);
                Ok(())
            }
        }
    }

    /// Expands a body to at most `max` bytes.
    ///
    /// The size a peer announces is believed only as far as the algorithm could have produced it from what
    /// arrived, so a short message cannot reserve much memory.
    pub fn decompress_body(self, body: &[u8], max: usize) -> Result<Vec<u8>, CompressionError> {
        match self {
            Self::Lz4 => {
                let Some((length, block)) = body.split_first_chunk::<4>() else {
                    return Err(CompressionError::Corrupt);
                };
                let length = u32::from_be_bytes(*length) as usize;
                let mut expanded = Vec::new();
                decompress_lz4_block(block, length, max, &mut expanded)?;
                Ok(expanded)
            }
            Self::Snappy => {
                let length = snap::raw::decompress_len(body).map_err(|_| CompressionError::Corrupt)?;
                // A copy element of at least two bytes produces at most 64.
                check_announced(length, body.len().saturating_mul(64), max)?;
                snap::raw::Decoder::new().decompress_vec(body).map_err(|_| CompressionError::Corrupt)
            }
        }
    }
}

/// Appends the raw LZ4 block of `data`.
pub(crate) fn compress_lz4_block(data: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
    let start = out.len();
    out.resize(start + lz4_flex::block::get_maximum_output_size(data.len()), 0);
    let written = lz4_flex::block::compress_into(data, &mut out[start..])
        .map_err(|_| CompressionError::CannotCompress(data.len()))?;
    out.truncate(start + written);
    Ok(())
}

/// Appends the `length` bytes that a raw LZ4 block must expand to.
pub(crate) fn decompress_lz4_block(
    block: &[u8],
    length: usize,
    max: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    // Each length byte of a block stands for at most 255 bytes of output; the first token for a few more.
    check_announced(length, block.len().saturating_mul(255).saturating_add(32), max)?;
    if length == 0 {
        return if block.is_empty() || block == [0] { Ok(()) } else { Err(CompressionError::Corrupt) };
    }
    let start = out.len();
    out.resize(start + length, 0);
    match lz4_flex::block::decompress_into(block, &mut out[start..]) {
        Ok(written) if written == length => Ok(()),
        _ => {
            out.truncate(start);
            Err(CompressionError::Corrupt)
        }
    }
}

fn check_announced(length: usize, possible: usize, max: usize) -> Result<(), CompressionError> {
    if length > max {
        return Err(CompressionError::TooLarge { length: length as u64, max });
    }
    if length > possible {
        return Err(CompressionError::Corrupt);
    }
    Ok(())
}

/// A name that is no supported compression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a supported compression, only lz4 and snappy are")]
pub struct UnknownCompression(pub String);

impl FromStr for Compression {
    type Err = UnknownCompression;

    fn from_str(name: &str) -> Result<Self, UnknownCompression> {
        [Self::Lz4, Self::Snappy]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownCompression(name.to_owned()))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Compression; 2] = [Compression::Lz4, Compression::Snappy];

    #[test]
    fn bodies_come_back() {
        for algorithm in BOTH {
            for body in [vec![7u8; 100_000], (0..=255).collect::<Vec<u8>>(), vec![1]] {
                let mut out = vec![0xaa];
                algorithm.compress_body(&body, &mut out).unwrap();
                assert_eq!(out[0], 0xaa);
                assert_eq!(algorithm.decompress_body(&out[1..], body.len()), Ok(body));
            }
        }
    }

    #[test]
    fn an_lz4_body_starts_with_its_big_endian_size() {
        let mut out = Vec::new();
        Compression::Lz4.compress_body(&[5; 300], &mut out).unwrap();
        assert_eq!(out[..4], [0, 0, 1, 44]);
        assert_eq!(Compression::Lz4.decompress_body(&[0, 0, 0, 2, 0x20, 8, 9], 10), Ok(vec![8, 9]));
    }

    #[test]
    fn announced_sizes_are_bounded_by_limit_and_by_what_arrived() {
        let bomb = [0x7f, 0xff, 0xff, 0xff, 0x1f, 1, 1, 0, 0xff];
        assert_eq!(
            Compression::Lz4.decompress_body(&bomb, 1000),
            Err(CompressionError::TooLarge { length: 0x7fff_ffff, max: 1000 })
        );
        assert_eq!(Compression::Lz4.decompress_body(&bomb, usize::MAX), Err(CompressionError::Corrupt));
        let bomb = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert!(matches!(
            Compression::Snappy.decompress_body(&bomb, 1000),
            Err(CompressionError::TooLarge { .. })
        ));
        assert_eq!(Compression::Snappy.decompress_body(&bomb, usize::MAX), Err(CompressionError::Corrupt));
    }

    #[test]
    fn cut_or_mangled_bodies_are_errors() {
        let body: Vec<u8> = (0..2000u32).flat_map(|i| (i / 3).to_be_bytes()).collect();
        for algorithm in BOTH {
            let mut out = Vec::new();
            algorithm.compress_body(&body, &mut out).unwrap();
            for length in 0..out.len() {
                assert!(algorithm.decompress_body(&out[..length], 1 << 20).is_err());
            }
            out.push(0);
            assert!(algorithm.decompress_body(&out, 1 << 20).is_err());
        }
    }

    #[test]
    fn names_come_back() {
        for algorithm in BOTH {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
        assert!("deflate".parse::<Compression>().is_err());
    }
}

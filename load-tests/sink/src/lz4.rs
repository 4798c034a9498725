//! Compressed bodies of protocol v3 and v4: four bytes of uncompressed length, then one LZ4 block.

use std::io;

/// No body we understand is longer; whoever says so is not a CQL client.
pub(crate) const LONGEST: usize = 64 * 1024 * 1024;

/// Replaces the content of `plain` by what `body` was before it was compressed.
pub(crate) fn decompress(body: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
    let (length, block) = body.split_first_chunk().ok_or_else(|| io::Error::other("no length"))?;
    let length = u32::from_be_bytes(*length) as usize;
    // A block cannot say more than 255 times what it is long.
    if length > LONGEST || length > block.len().saturating_mul(255) {
        return Err(io::Error::other("a body of an impossible length"));
    }
    plain.resize(length, 0);
    let written = lz4_flex::block::decompress_into(block, plain).map_err(io::Error::other)?;
    if written == length { Ok(()) } else { Err(io::Error::other("a body of another length")) }
}

/// `body` as it travels, if that is shorter.
pub(crate) fn compress(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = (body.len() as u32).to_be_bytes().to_vec();
    out.extend(lz4_flex::block::compress(body));
    (out.len() < body.len()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_comes_back_and_what_lies_about_its_length_is_refused() {
        let body = [[7; 100], [8; 100]].concat();
        let mut compressed = compress(&body).expect("it repeats itself");
        let mut plain = Vec::new();
        decompress(&compressed, &mut plain).expect("it is whole");
        assert_eq!(plain, body);
        compressed[3] += 1;
        assert!(decompress(&compressed, &mut plain).is_err());
        compressed[0] = 0x7F;
        assert!(decompress(&compressed, &mut plain).is_err());
        assert!(decompress(&[0, 0], &mut plain).is_err());
    }

    #[test]
    fn short_bodies_stay_as_they_are() {
        assert_eq!(compress(&[0, 0, 0, 1]), None);
    }
}

//! The two checksums of segments.

const CRC24_INIT: u32 = 0x875060;
const CRC24_POLYNOMIAL: u32 = 0x1974F0B;

/// For each value of the byte that is shifted out, what eight steps make of it.
const CRC24_TABLE: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << 16;
        let mut bit = 0;
        while bit < 8 {
            crc <<= 1;
            if crc & 0x1000000 != 0 {
                crc ^= CRC24_POLYNOMIAL;
            }
            bit += 1;
        }
        table[byte] = crc & 0xffffff;
        byte += 1;
    }
    table
};

/// The checksum of a segment header, whose bytes are taken in the order they are sent.
pub fn crc24(header: &[u8]) -> u32 {
    header.iter().fold(CRC24_INIT, |crc, byte| {
        let shifted_out = (crc >> 16) as u8 ^ byte;
        ((crc << 8) & 0xffffff) ^ CRC24_TABLE[usize::from(shifted_out)]
    })
}

/// The checksum of a segment payload as it is sent: CRC-32 as everywhere, after four bytes of seed.
pub fn crc32(payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[0xFA, 0x2D, 0x55, 0xCA]);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_checksums_are_the_servers() {
        for (value, length, crc) in [
            (0x000000u64, 3, 0x7de777),
            (0x000001, 3, 0x15876f),
            (0x020032, 3, 0xeeffa5),
            (0x03ffff, 3, 0x474025),
            (0x01ffff, 3, 0xfe9138),
            (0x123456, 3, 0xf5230f),
            (0x0102030405, 5, 0x55cd12),
        ] {
            assert_eq!(crc24(&value.to_le_bytes()[..length]), crc, "{value:#x}");
        }
    }

    #[test]
    fn payload_checksums_are_the_servers() {
        assert_eq!(crc32(b"hello").to_le_bytes(), [0x74, 0x80, 0x0e, 0xb6]);
        assert_eq!(crc32(b"b").to_le_bytes(), [0xe9, 0x1b, 0x20, 0x6e]);
        assert_eq!(crc32(b"").to_le_bytes(), [0xd3, 0x7e, 0x77, 0x44]);
    }
}

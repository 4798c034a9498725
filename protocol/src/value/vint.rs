//! Variable-length integers: leading one bits of the first byte count the bytes that follow.

/// Appends an unsigned one, in the fewest bytes.
pub(crate) fn put_unsigned(out: &mut Vec<u8>, value: u64) {
    // n extra bytes leave 7 - n bits in the first byte, so 7 + 7n bits in all; nine bytes hold everything.
    let bits = 64 - (value | 1).leading_zeros() as usize;
    let extra = ((bits - 1) / 7).min(8);
    let bytes = value.to_be_bytes();
    if extra == 8 {
        out.push(0xff);
        out.extend_from_slice(&bytes);
        return;
    }
    let start = out.len();
    out.extend_from_slice(&bytes[7 - extra..]);
    out[start] |= !(0xffu8 >> extra);
}

/// Takes an unsigned one off the front.
pub(crate) fn take_unsigned(rest: &mut &[u8]) -> Option<u64> {
    let (&first, after) = rest.split_first()?;
    let extra = first.leading_ones() as usize;
    let (following, after) = after.split_at_checked(extra)?;
    let head = if extra >= 8 { 0 } else { first & (0xff >> extra) };
    *rest = after;
    Some(following.iter().fold(u64::from(head), |value, byte| value << 8 | u64::from(*byte)))
}

/// Appends a signed one, zig-zag encoded.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_unsigned(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Takes a signed one off the front.
pub(crate) fn take_signed(rest: &mut &[u8]) -> Option<i64> {
    take_unsigned(rest).map(|value| (value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VECTORS: [(u64, &[u8]); 17] = [
        (0, &[0]),
        (127, &[0x7f]),
        (128, &[0x80, 0x80]),
        (255, &[0x80, 0xff]),
        (256, &[0x81, 0]),
        (16383, &[0xbf, 0xff]),
        (16384, &[0xc0, 0x40, 0]),
        (256000, &[0xc3, 0xe8, 0]),
        (2097151, &[0xdf, 0xff, 0xff]),
        (2097152, &[0xe0, 0x20, 0, 0]),
        (268435456, &[0xf0, 0x10, 0, 0, 0]),
        (1 << 35, &[0xf8, 8, 0, 0, 0, 0]),
        (1 << 42, &[0xfc, 4, 0, 0, 0, 0, 0]),
        (1 << 49, &[0xfe, 2, 0, 0, 0, 0, 0, 0]),
        ((1 << 56) - 1, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        (1 << 56, &[0xff, 1, 0, 0, 0, 0, 0, 0, 0]),
        (u64::MAX, &[0xff; 9]),
    ];

    #[test]
    fn lengths_follow_the_leading_one_bits() {
        for (value, bytes) in VECTORS {
            let mut out = Vec::new();
            put_unsigned(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            let mut rest = bytes;
            assert_eq!(take_unsigned(&mut rest), Some(value));
            assert!(rest.is_empty());
            for length in 0..bytes.len() {
                assert_eq!(take_unsigned(&mut &bytes[..length]), None);
            }
        }
    }

    proptest! {
        #[test]
        fn signed_integers_come_back(value: i64) {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            prop_assert_eq!(take_signed(&mut &out[..]), Some(value));
        }
    }
}

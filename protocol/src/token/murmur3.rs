//! The default partitioner's hash.

use std::fmt;
use std::str::FromStr;

/// A position on the ring of the Murmur3 partitioner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub i64);

impl Token {
    /// The lowest possible position; no key hashes to it.
    pub const MIN: Token = Token(i64::MIN);
    /// The highest position.
    pub const MAX: Token = Token(i64::MAX);
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Token {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The token of a routing key.
#[inline]
pub fn murmur3_token(key: &[u8]) -> Token {
    let mut hasher = Murmur3Hasher::new();
    hasher.update(key);
    hasher.finish()
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// Murmur3 x64 128, seed 0, as servers compute it: bytes of an incomplete last block are sign-extended, which
/// stock implementations do not do. Takes a key in pieces, so that composite keys need no buffer.
#[derive(Debug, Clone)]
pub struct Murmur3Hasher {
    h1: u64,
    h2: u64,
    length: u64,
    pending: [u8; 16],
    pending_length: usize,
}

impl Default for Murmur3Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Murmur3Hasher {
    /// Before the first byte.
    #[inline]
    pub const fn new() -> Self {
        Self { h1: 0, h2: 0, length: 0, pending: [0; 16], pending_length: 0 }
    }

    /// Takes the next bytes of the key.
    #[inline]
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.pending_length > 0 {
            let taken = bytes.len().min(16 - self.pending_length);
            self.pending[self.pending_length..self.pending_length + taken].copy_from_slice(&bytes[..taken]);
            self.pending_length += taken;
            if self.pending_length < 16 {
                return;
            }
            bytes = &bytes[taken..];
            let block = self.pending;
            self.block(&block);
        }
        let (blocks, tail) = bytes.as_chunks::<16>();
        for block in blocks {
            self.block(block);
        }
        self.pending[..tail.len()].copy_from_slice(tail);
        self.pending_length = tail.len();
    }

    #[inline]
    fn block(&mut self, block: &[u8; 16]) {
        let block = u128::from_le_bytes(*block);
        let (k1, k2) = (block as u64, (block >> 64) as u64);
        self.h1 ^= k1.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
        self.h1 = self.h1.rotate_left(27).wrapping_add(self.h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        self.h2 ^= k2.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
        self.h2 = self.h2.rotate_left(31).wrapping_add(self.h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }

    /// The token of everything taken. The lowest number is nobody's token; its key gets the highest.
    #[inline]
    pub fn finish(&self) -> Token {
        let (mut k1, mut k2) = (0u64, 0u64);
        for (index, byte) in self.pending[..self.pending_length].iter().enumerate() {
            // Servers compute this in a language of signed bytes: each byte is widened with its sign.
            let widened = i64::from(*byte as i8) as u64;
            if index < 8 {
                k1 ^= widened << (8 * index);
            } else {
                k2 ^= widened << (8 * (index - 8));
            }
        }
        let mut h1 = self.h1 ^ k1.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
        let mut h2 = self.h2 ^ k2.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
        h1 ^= self.length;
        h2 ^= self.length;
        h1 = h1.wrapping_add(h2);
        h2 = h2.wrapping_add(h1);
        let token = mix(h1).wrapping_add(mix(h2)) as i64;
        Token(if token == i64::MIN { i64::MAX } else { token })
    }
}

#[inline]
fn mix(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_have_the_tokens_servers_compute() {
        let vectors: [(&[u8], i64); 19] = [
            (b"", 0),
            (b"123", -7468325962851647638),
            (&[0x00, 0xff, 0x10, 0xfa, 0x99].repeat(10), 5837342703291459765),
            (&[0xfe; 8], -8927430733708461935),
            (&[0x10; 8], 1446172840243228796),
            (b"9223372036854775807", 7162290910810015547),
            (b"a", -8839064797231613815),
            (b"b", 8833996863197925870),
            (b"c", -8198557465434950441),
            (b"e", -4200008757497435756),
            (b"100000", 2739050094959918959),
            (&[0, 0, 0, 1], -4069959284402364209),
            (&[0, 0, 0, 0, 0, 0, 0, 1], 6292367497774912474),
            (&[0xff], -4442228696663692417),
            (&[0x80], -5284281814142962636),
            (&[0xff; 9], 8434364767658694854),
            (&[0x80; 15], -5979218241483680930),
            (&[0xff; 16], -2824192546314762522),
            (&[0xff; 17], -4128212798341382003),
        ];
        for (key, token) in vectors {
            assert_eq!(murmur3_token(key), Token(token), "{key:02x?}");
        }
        let mut key = [0x7f; 16];
        key[15] = 0xff;
        assert_eq!(murmur3_token(&key), Token(4737146532984018802));
    }

    proptest! {
        #[test]
        fn stock_murmur3_agrees_while_the_tail_is_below_128(
            blocks in proptest::collection::vec(any::<[u8; 16]>(), 0..5),
            tail in proptest::collection::vec(0u8..0x80, 0..16),
        ) {
            let key = [blocks.as_flattened(), &tail].concat();
            let stock = murmur3::murmur3_x64_128(&mut &key[..], 0).unwrap() as u64 as i64;
            let expected = if stock == i64::MIN { i64::MAX } else { stock };
            prop_assert_eq!(murmur3_token(&key), Token(expected));
        }

        #[test]
        fn pieces_hash_as_the_whole(key: Vec<u8>, cut: proptest::sample::Index, again: proptest::sample::Index) {
            let (first, rest) = key.split_at(cut.index(key.len() + 1));
            let (second, third) = rest.split_at(again.index(rest.len() + 1));
            let mut hasher = Murmur3Hasher::new();
            [first, second, third].into_iter().for_each(|piece| hasher.update(piece));
            prop_assert_eq!(hasher.finish(), murmur3_token(&key));
        }
    }
}

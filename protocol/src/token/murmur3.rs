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
    let (blocks, tail) = key.as_chunks::<16>();
    let (mut h1, mut h2) = (0, 0);
    for block in blocks {
        (h1, h2) = absorb(h1, h2, block);
    }
    let (low, high) = match tail.split_first_chunk::<8>() {
        Some((low, rest)) => (u64::from_le_bytes(*low), short_word(rest)),
        None => (short_word(tail), 0),
    };
    finalize(h1, h2, low, high, key.len() as u64)
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
            (self.h1, self.h2) = absorb(self.h1, self.h2, &self.pending);
        }
        let (blocks, tail) = bytes.as_chunks::<16>();
        for block in blocks {
            (self.h1, self.h2) = absorb(self.h1, self.h2, block);
        }
        self.pending[..tail.len()].copy_from_slice(tail);
        self.pending_length = tail.len();
    }

    /// The token of everything taken. The lowest number is nobody's token; its key gets the highest.
    #[inline]
    pub fn finish(&self) -> Token {
        let mut pending = self.pending;
        pending[self.pending_length..].fill(0);
        let words = u128::from_le_bytes(pending);
        finalize(self.h1, self.h2, words as u64, (words >> 64) as u64, self.length)
    }
}

/// One whole block into the state.
#[inline]
fn absorb(mut h1: u64, mut h2: u64, block: &[u8; 16]) -> (u64, u64) {
    let block = u128::from_le_bytes(*block);
    let (k1, k2) = (block as u64, (block >> 64) as u64);
    h1 ^= k1.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
    h2 ^= k2.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    (h1, h2)
}

/// The last, incomplete block, filled up with zeros, and the end of the computation.
#[inline]
fn finalize(h1: u64, h2: u64, low: u64, high: u64, length: u64) -> Token {
    let (k1, k2) = (widened(low), widened(high));
    let mut h1 = h1 ^ k1.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let mut h2 = h2 ^ k2.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    h1 ^= length;
    h2 ^= length;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    let token = mix(h1).wrapping_add(mix(h2)) as i64;
    Token(if token == i64::MIN { i64::MAX } else { token })
}

/// The exclusive or of eight bytes, each widened with its sign and shifted to its place: servers compute this in a language
/// of signed bytes.
///
/// A negative byte turns over every bit above itself, so byte `n` is turned over once for each negative byte below it. The
/// multiplication counts those for all places at once (at most seven, so no count spills), and what matters is whether the
/// count is odd.
#[inline]
fn widened(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let negative = (word >> 7) & ONES;
    let below = negative.wrapping_mul(ONES << 8);
    word ^ (below & ONES).wrapping_mul(0xff)
}

/// Fewer than eight bytes as a little-endian word.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    debug_assert!(length < 8);
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        // Where the two overlap they agree.
        let last = u64::from(u32::from_le_bytes(*last)) << (8 * (length - 4));
        return u64::from(u32::from_le_bytes(*first)) | last;
    }
    match *bytes {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a, b, c, ..] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
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
        fn bytes_are_widened_as_one_by_one(bytes: [u8; 8], length in 0usize..=8) {
            let naive = |bytes: &[u8]| {
                let each = bytes.iter().enumerate();
                each.fold(0, |word, (place, byte)| word ^ (i64::from(*byte as i8) as u64) << (8 * place))
            };
            let mut padded = [0; 8];
            padded[..length].copy_from_slice(&bytes[..length]);
            prop_assert_eq!(widened(u64::from_le_bytes(padded)), naive(&bytes[..length]));
            if length < 8 {
                prop_assert_eq!(short_word(&bytes[..length]), u64::from_le_bytes(padded));
            }
        }

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

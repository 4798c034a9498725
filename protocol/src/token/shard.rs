//! Which shard of a host owns a token.

use crate::token::Token;

/// The shard of `token` among `nr_shards`, for hosts whose sharding algorithm is `biased-token-round-robin`.
/// `ignore_msb` is how many of the token's highest bits the host ignores.
#[inline]
pub fn shard_of(token: Token, nr_shards: u16, ignore_msb: u8) -> u32 {
    let biased = (token.0 as u64).wrapping_add(1 << 63);
    let shifted = biased.checked_shl(u32::from(ignore_msb)).unwrap_or(0);
    ((u128::from(shifted) * u128::from(nr_shards)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::murmur3_token;

    #[test]
    fn tokens_fall_on_the_shards_servers_choose() {
        let keys = ["a", "b", "c", "e", "100000"];
        assert_eq!(keys.map(|key| shard_of(murmur3_token(key.as_bytes()), 12, 12)), [4, 6, 6, 4, 2]);
        let shards = |tokens: &[i64], shards, msb| {
            tokens.iter().map(|token| shard_of(Token(*token), shards, msb)).collect::<Vec<_>>()
        };
        assert_eq!(shards(&[i64::MIN, -1, 0, i64::MAX], 1, 0), [0, 0, 0, 0]);
        assert_eq!(shards(&[i64::MIN, -1, 0, i64::MAX], 2, 0), [0, 0, 1, 1]);
        assert_eq!(shards(&[i64::MIN, -1, 0, 1, i64::MAX, 1 << 62], 4, 0), [0, 1, 2, 2, 3, 3]);
        assert_eq!(shards(&[i64::MIN, -1, 0, i64::MAX], 8, 12), [0, 7, 0, 7]);
        assert_eq!(shards(&[-1, 0], 64, 12), [63, 0]);
    }

    #[test]
    fn absurd_parameters_stay_in_range() {
        for token in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(shard_of(Token(token), 7, 255), 0);
            assert_eq!(shard_of(Token(token), 0, 0), 0);
            assert!(shard_of(Token(token), u16::MAX, 1) < u32::from(u16::MAX));
        }
    }
}

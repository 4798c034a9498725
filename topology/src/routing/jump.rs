//! Finding a token among sorted ones in about one step.
//!
//! The token range is cut into 2^k equal buckets, about two for each token, and for each bucket the table keeps the first
//! token at or after its start. Tokens are hashes, so a bucket holds half a token on average: one array read finds the
//! neighbourhood and a comparison or two the place. Skewed rings degrade to a binary search within one bucket.

/// Bucket table over the whole `i64` range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JumpTable {
    /// How far a token, read as an offset from `i64::MIN`, is shifted right to give its bucket.
    shift: u32,
    /// For each bucket, the number of tokens below its start; one entry more than there are buckets.
    starts: Box<[u32]>,
}

/// Up to this many tokens in a bucket are compared one by one; a search by halves costs more branches than it saves.
const LINEAR_LIMIT: usize = 8;

/// 2^20 buckets (4 MiB) serve clusters of a thousand hosts with 256 tokens each; beyond that buckets get fuller, not more.
const MAX_BITS: u32 = 20;

impl JumpTable {
    /// The table for `tokens`, which must be sorted.
    pub(super) fn new(tokens: &[i64]) -> JumpTable {
        let bits = (usize::BITS - tokens.len().leading_zeros() + 1).clamp(1, MAX_BITS);
        let shift = u64::BITS - bits;
        let buckets = 1usize << bits;
        let mut starts = Vec::with_capacity(buckets + 1);
        let mut below = 0usize;
        for bucket in 0..buckets {
            while below < tokens.len() && ((offset(tokens[below]) >> shift) as usize) < bucket {
                below += 1;
            }
            starts.push(below as u32);
        }
        starts.push(tokens.len() as u32);
        JumpTable { shift, starts: starts.into_boxed_slice() }
    }

    /// Bytes of its buckets.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.starts)
    }

    /// The index of the first of `tokens` that is not below `token`; `tokens.len()` when all are below.
    #[inline]
    pub(super) fn lower_bound(&self, tokens: &[i64], token: i64) -> usize {
        let bucket = (offset(token) >> self.shift) as usize;
        let mut low = self.starts[bucket] as usize;
        let high = self.starts[bucket + 1] as usize;
        if high - low > LINEAR_LIMIT {
            return low + tokens[low..high].partition_point(|&candidate| candidate < token);
        }
        while low < high && tokens[low] < token {
            low += 1;
        }
        low
    }
}

/// The distance from the smallest token, which orders as the token does.
#[inline]
fn offset(token: i64) -> u64 {
    (token as u64) ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(tokens: &[i64], token: i64) {
        let expected = tokens.partition_point(|&candidate| candidate < token);
        assert_eq!(JumpTable::new(tokens).lower_bound(tokens, token), expected, "{token} in {tokens:?}");
    }

    #[test]
    fn the_ends_of_the_range_are_found() {
        for tokens in [&[][..], &[0][..], &[i64::MIN][..], &[i64::MAX][..], &[i64::MIN, -1, 0, i64::MAX][..]]
        {
            for token in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX] {
                check(tokens, token);
            }
        }
    }

    #[test]
    fn tokens_crowded_into_one_bucket_are_still_found() {
        let tokens: Vec<i64> = (0..10_000).map(|n| n * 3).collect();
        for token in [-1, 0, 1, 2, 3, 14_999, 29_996, 29_997, 29_998, i64::MAX] {
            check(&tokens, token);
        }
    }

    proptest! {
        #[test]
        fn every_lookup_equals_a_binary_search(
            mut tokens in prop::collection::vec(any::<i64>(), 0..200),
            probes in prop::collection::vec(any::<i64>(), 1..20),
        ) {
            tokens.sort_unstable();
            let table = JumpTable::new(&tokens);
            for probe in probes.into_iter().chain(tokens.iter().copied()) {
                let expected = tokens.partition_point(|&candidate| candidate < probe);
                prop_assert_eq!(table.lower_bound(&tokens, probe), expected);
            }
        }
    }
}

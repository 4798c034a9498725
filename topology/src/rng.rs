//! A small seedable random number generator for load balancing and jitter.
//!
//! Choices here need to be cheap and spread, not secret: this is xorshift64* over a seed mixed by splitmix64.
//! Every function that needs chance takes `&mut Rng`, so a test with a fixed seed sees the same choices each time.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A random number generator of 8 bytes. Not for secrets.
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The generator of `seed`; equal seeds give equal sequences, neighbouring seeds unrelated ones.
    pub fn seeded(seed: u64) -> Rng {
        // xorshift has one fixed point, zero, and weak first outputs for small seeds: splitmix64 avoids both.
        let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        Rng { state: if mixed == 0 { 0x9e37_79b9_7f4a_7c15 } else { mixed } }
    }

    /// A generator with a seed of its own, taken from the random keys the standard library gives to hash maps.
    pub fn from_entropy() -> Rng {
        Rng::seeded(RandomState::new().build_hasher().finish())
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let mut x = self.state;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.state = x;
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number in `0..bound`, near enough to uniform for bounds far below 2^32; 0 when `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        // Multiply-shift over the high half, which is the better half of this generator.
        (((self.next_u64() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// A number in `low..=high`; `low` when the range is empty.
    #[inline]
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low);
        low + ((u128::from(self.next_u64()) * (u128::from(span) + 1)) >> 64) as u64
    }

    /// True half of the time.
    #[inline]
    pub fn coin(&mut self) -> bool {
        self.next_u64() >> 63 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_sequences_and_neighbouring_seeds_do_not() {
        let draw = |seed| {
            let mut rng = Rng::seeded(seed);
            (0..8).map(|_| rng.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(0).iter().all(|&value| value != 0));
    }

    #[test]
    fn numbers_below_a_bound_are_spread_over_all_of_it() {
        let mut rng = Rng::seeded(1);
        let mut counts = [0u32; 5];
        for _ in 0..50_000 {
            counts[rng.below(5) as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (9_500..10_500).contains(&count)), "{counts:?}");
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn a_range_includes_both_ends_even_when_it_is_everything() {
        let mut rng = Rng::seeded(3);
        let seen: std::collections::BTreeSet<u64> = (0..200).map(|_| rng.between(5, 8)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [5, 6, 7, 8]);
        assert_eq!(rng.between(9, 9), 9);
        assert_eq!(rng.between(9, 3), 9);
        rng.between(0, u64::MAX);
    }

    #[test]
    fn a_coin_is_fair_and_entropy_differs_between_generators() {
        let mut rng = Rng::seeded(11);
        let heads = (0..10_000).filter(|_| rng.coin()).count();
        assert!((4_800..5_200).contains(&heads), "{heads}");
        assert_ne!(Rng::from_entropy().next_u64(), Rng::from_entropy().next_u64());
    }
}

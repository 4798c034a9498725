//! Who owns which tokens, and what the members of a cluster are called.

use uuid::Uuid;

/// A repeatable sequence of numbers (SplitMix64): the same seed gives the same cluster.
#[derive(Debug, Clone)]
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A random (version 4) uuid.
    pub(crate) fn next_uuid(&mut self) -> Uuid {
        let bytes = (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Gives each of `nodes` nodes `per_node` tokens, sorted.
///
/// The ring is cut into equal pieces, each token somewhere in its own piece, and every run of `nodes` pieces belongs to
/// all the nodes in some order: nodes own about the same, whatever the seed.
pub(crate) fn tokens(nodes: usize, per_node: usize, sequence: &mut Sequence) -> Vec<Vec<i64>> {
    let mut owned = vec![Vec::with_capacity(per_node); nodes];
    let pieces = (nodes * per_node) as u128;
    let mut order: Vec<usize> = (0..nodes).collect();
    for round in 0..per_node {
        for last in (1..nodes).rev() {
            order.swap(last, sequence.below(last + 1));
        }
        for (position, &node) in order.iter().enumerate() {
            let piece = (round * nodes + position) as u128;
            let (start, end) = ((piece << 64) / pieces, ((piece + 1) << 64) / pieces);
            let token = start + u128::from(sequence.next()) % (end - start);
            // The minimum token marks the start of the ring and is never owned.
            owned[node].push(((token as u64) ^ (1 << 63)) as i64);
        }
    }
    for tokens in &mut owned {
        for token in tokens.iter_mut() {
            *token = (*token).max(i64::MIN + 1);
        }
        tokens.sort_unstable();
    }
    owned
}

/// Tokens anywhere on the ring, sorted.
pub(crate) fn scattered_tokens(count: usize, sequence: &mut Sequence) -> Vec<i64> {
    let mut tokens: Vec<i64> = (0..count).map(|_| (sequence.next() as i64).max(i64::MIN + 1)).collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_distinct_sorted_and_repeat_with_the_seed() {
        let owned = tokens(5, 16, &mut Sequence::new(3));
        assert_eq!(owned, tokens(5, 16, &mut Sequence::new(3)));
        assert_ne!(owned, tokens(5, 16, &mut Sequence::new(4)));
        assert!(owned.iter().all(|tokens| tokens.len() == 16 && tokens.is_sorted()));
        let mut all: Vec<i64> = owned.into_iter().flatten().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 80);
    }

    #[test]
    fn nodes_own_about_the_same_share_of_the_ring() {
        let owned = tokens(4, 16, &mut Sequence::new(11));
        let mut ring: Vec<(i64, usize)> = owned
            .iter()
            .enumerate()
            .flat_map(|(node, tokens)| tokens.iter().map(move |&token| (token, node)))
            .collect();
        ring.sort_unstable();
        let mut shares = [0u128; 4];
        for (index, &(token, node)) in ring.iter().enumerate() {
            let previous = ring[(index + ring.len() - 1) % ring.len()].0;
            shares[node] += u128::from((token as u64).wrapping_sub(previous as u64));
        }
        for share in shares {
            let fraction = share as f64 / 2f64.powi(64);
            assert!((0.2..0.3).contains(&fraction), "{fraction}");
        }
    }

    #[test]
    fn one_node_with_one_token_owns_the_ring() {
        let owned = tokens(1, 1, &mut Sequence::new(0));
        assert_eq!(owned[0].len(), 1);
    }

    #[test]
    fn uuids_are_random_ones_and_differ() {
        let mut sequence = Sequence::new(9);
        let (a, b) = (sequence.next_uuid(), sequence.next_uuid());
        assert_eq!((a.get_version_num(), b.get_version_num()), (4, 4));
        assert_ne!(a, b);
    }
}

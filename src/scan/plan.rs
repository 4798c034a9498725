//! Which pieces a table is read in: pure.
//!
//! The places where hosts or tablets begin cut the tokens first, so that all rows of a piece have the same replicas; what is still
//! wide is cut further. Every token is in exactly one piece. Servers take the lowest token for no bound at all, so that it never
//! stands as one.

use std::collections::VecDeque;

use chorus_protocol::token::{AnyToken, Partitioner, Token};
use chorus_topology::{ClusterState, HostIndex, TableId};

use super::piece::Piece;
use super::range::ScanRange;

/// What a plan is made of.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) partitioner: Partitioner,
    /// The tokens at which a piece ends, in order: of the ring, or of the table's tablets where those are known.
    ends: Vec<AnyToken>,
}

impl Layout {
    pub(super) fn of(state: &ClusterState, table: Option<TableId>) -> Self {
        let tablets =
            table.and_then(|table| state.route.tablets(table)).filter(|tablets| !tablets.is_empty());
        let ends = match tablets {
            Some(tablets) => {
                tablets.iter().flat_map(|tablet| [tablet.first, tablet.last]).map(AnyToken::Murmur3).collect()
            }
            None => state.route.ring().tokens().collect(),
        };
        Self::new(state.partitioner, ends)
    }

    fn new(partitioner: Partitioner, mut ends: Vec<AnyToken>) -> Self {
        ends.retain(|token| !is_the_lowest(token) && !is_the_highest(token));
        ends.sort_unstable();
        ends.dedup();
        Self { partitioner, ends }
    }

    /// The pieces of `wanted`, at least so many where they can be cut; in the order of their tokens.
    pub(super) fn ranges(&self, wanted: &[ScanRange], at_least: usize) -> Vec<ScanRange> {
        let afters = std::iter::once(None).chain(self.ends.iter().cloned().map(Some));
        let lasts = self.ends.iter().cloned().map(Some).chain(std::iter::once(None));
        let stretches: Vec<ScanRange> =
            afters.zip(lasts).map(|(after, last)| ScanRange { after, last }).collect();
        let mut ranges = Vec::new();
        for wanted in united(wanted) {
            let first = stretches.partition_point(|stretch| match (&stretch.last, &wanted.after) {
                (Some(last), Some(after)) => last <= after,
                _ => false,
            });
            for stretch in &stretches[first..] {
                let Some(both) = stretch.within(&wanted) else { break };
                ranges.push(both);
            }
        }
        let widths = ranges.iter().map(|range| range.width(self.partitioner));
        let Some(total) = widths.sum::<Option<u128>>() else { return ranges };
        let widest = (total / at_least.max(1) as u128).max(1);
        ranges.iter().flat_map(|range| self.cut_to(range, widest)).collect()
    }

    /// Cuts a range into parts that are not wider than `widest`.
    pub(super) fn cut_to(&self, range: &ScanRange, widest: u128) -> Vec<ScanRange> {
        let parts = range.width(self.partitioner).map_or(1, |width| width.div_ceil(widest.max(1)));
        range.cut(self.partitioner, parts)
    }

    /// The share of all tokens that each of these ranges has; equal ones where they cannot be counted.
    pub(super) fn shares(&self, ranges: &[ScanRange]) -> Vec<f64> {
        let widths: Option<Vec<u128>> = ranges.iter().map(|range| range.width(self.partitioner)).collect();
        match widths.map(|widths| (widths.iter().sum::<u128>(), widths)) {
            Some((total, widths)) if total > 0 => {
                widths.iter().map(|width| *width as f64 / total as f64).collect()
            }
            _ => vec![1.0 / ranges.len().max(1) as f64; ranges.len()],
        }
    }

    /// The hosts that hold a range, the first replica first; none where that is not known.
    pub(super) fn replicas(
        &self,
        state: &ClusterState,
        keyspace: &str,
        table: Option<TableId>,
        range: &ScanRange,
    ) -> Box<[HostIndex]> {
        // Behind the ring's last token its first one's owner comes again.
        let highest = || match self.partitioner {
            Partitioner::Murmur3 => Some(AnyToken::Murmur3(Token::MAX)),
            _ => self.ends.first().cloned(),
        };
        match (range.last.clone().or_else(highest), table) {
            (Some(AnyToken::Murmur3(token)), Some(table)) => {
                state.route.replicas(table, token).iter().map(|replica| replica.host).collect()
            }
            (Some(token), _) => match state.route.keyspace_id(keyspace) {
                Some(keyspace) => state.route.ring_replicas(keyspace, &token).into(),
                None => Box::default(),
            },
            (None, _) => Box::default(),
        }
    }
}

/// Whether no key has a token that is lower, nor that one itself: servers take it for the end of the ring where it stands as a bound.
fn is_the_lowest(token: &AnyToken) -> bool {
    match token {
        AnyToken::Murmur3(token) => *token == Token::MIN,
        AnyToken::Random(_) => false,
        AnyToken::Bytes(token) => token.0.is_empty(),
    }
}

/// Whether no key has a token that is higher: no piece begins there.
fn is_the_highest(token: &AnyToken) -> bool {
    match token {
        AnyToken::Murmur3(token) => *token == Token::MAX,
        AnyToken::Random(token) => token.0 >= 1 << 127,
        AnyToken::Bytes(_) => false,
    }
}

/// The same tokens in ranges that neither meet nor overlap, in order.
fn united(ranges: &[ScanRange]) -> Vec<ScanRange> {
    let has_tokens =
        |range: &&ScanRange| !range.is_empty() && !range.last.as_ref().is_some_and(is_the_lowest);
    let mut ranges: Vec<ScanRange> = ranges.iter().filter(has_tokens).cloned().collect();
    ranges.sort_by(|one, two| one.after.cmp(&two.after));
    let mut united: Vec<ScanRange> = Vec::new();
    for range in ranges {
        match united.last_mut() {
            Some(before) if before.last.is_none() || before.last >= range.after => {
                if before.ends_before(&range).is_lt() {
                    before.last = range.last;
                }
            }
            _ => united.push(range),
        }
    }
    united
}

/// The order in which pieces are begun: one of each first replica in turn, so that from the beginning all hosts have work.
pub(super) fn in_turn(pieces: Vec<Piece>) -> VecDeque<Piece> {
    let mut by_host: Vec<(Option<HostIndex>, VecDeque<Piece>)> = Vec::new();
    for piece in pieces {
        let host = piece.replicas.first().copied();
        match by_host.iter_mut().find(|(known, _)| *known == host) {
            Some((_, pieces)) => pieces.push_back(piece),
            None => by_host.push((host, VecDeque::from([piece]))),
        }
    }
    let mut order = VecDeque::new();
    while !by_host.is_empty() {
        by_host.retain_mut(|(_, pieces)| {
            order.extend(pieces.pop_front());
            !pieces.is_empty()
        });
    }
    order
}

#[cfg(test)]
mod tests {
    use chorus_protocol::token::{BytesToken, RandomToken};
    use chorus_topology::Rng;

    use super::*;

    fn murmur3(tokens: impl IntoIterator<Item = i64>) -> Layout {
        Layout::new(Partitioner::Murmur3, tokens.into_iter().map(|token| Token(token).into()).collect())
    }

    fn random(tokens: impl IntoIterator<Item = u128>) -> Layout {
        let tokens = tokens.into_iter().map(|token| AnyToken::Random(RandomToken(token))).collect();
        Layout::new(Partitioner::Random, tokens)
    }

    /// Fails unless the ranges follow each other from no bound to no bound, none of them empty.
    #[track_caller]
    fn have_every_token_once(ranges: &[ScanRange]) {
        assert_eq!((&ranges[0].after, &ranges[ranges.len() - 1].last), (&None, &None));
        for two in ranges.windows(2) {
            assert_eq!(two[0].last, two[1].after);
            assert!(two[0].last.is_some());
        }
        assert!(ranges.iter().all(|range| !range.is_empty()));
    }

    #[test]
    fn every_token_of_rings_of_every_size_is_in_one_piece_that_no_host_begins_in() {
        let mut rng = Rng::seeded(7);
        for nodes in 1..=64 {
            for vnodes in [1, 16] {
                let tokens: Vec<i64> = (0..nodes * vnodes).map(|_| rng.next_u64() as i64).collect();
                let layout = murmur3(tokens.iter().copied());
                let ranges = layout.ranges(&[ScanRange::ALL], 64);
                have_every_token_once(&ranges);
                assert!(ranges.len() >= 64 && ranges.len() <= 64 + tokens.len() + 1, "{}", ranges.len());
                let edges = tokens.iter().flat_map(|token| [*token, token.wrapping_add(1)]);
                for token in edges.chain((0..100).map(|_| rng.next_u64() as i64)).chain([i64::MIN, i64::MAX])
                {
                    let token = AnyToken::from(Token(token));
                    assert_eq!(ranges.iter().filter(|range| range.contains(&token)).count(), 1, "{token}");
                }
                // Where a host begins a piece ends.
                for token in &tokens {
                    assert!(ranges.iter().any(|range| range.last == Some(Token(*token).into())));
                }
                let widest = ranges.iter().filter_map(|range| range.width(Partitioner::Murmur3)).max();
                assert!(widest <= Some((1 << 64) / 64));
            }
        }
    }

    #[test]
    fn tokens_at_the_ends_of_the_ring_are_no_bounds() {
        have_every_token_once(&murmur3([i64::MIN, i64::MAX, 0]).ranges(&[ScanRange::ALL], 1));
        let ranges = murmur3([i64::MIN, i64::MAX]).ranges(&[ScanRange::ALL], 1);
        assert_eq!(ranges, [ScanRange::ALL]);
        let lowest: AnyToken = Token::MIN.into();
        assert!(
            murmur3([]).ranges(&[ScanRange::ALL], 50).iter().all(|range| range.last != Some(lowest.clone()))
        );
        assert_eq!(random([1 << 127]).ranges(&[ScanRange::ALL], 1), [ScanRange::ALL]);
        let nothing = ScanRange::new(None, lowest);
        assert!(murmur3([]).ranges(&[nothing], 9).is_empty(), "its end would be taken for that of the ring");
    }

    #[test]
    fn a_ring_that_is_not_known_is_cut_all_the_same() {
        let ranges = murmur3([]).ranges(&[ScanRange::ALL], 10);
        have_every_token_once(&ranges);
        assert!(ranges.len() >= 10);
    }

    #[test]
    fn rings_of_other_partitioners_are_cut_as_far_as_they_can_be() {
        for nodes in 1..=64_u128 {
            let tokens = (0..nodes).map(|node| (1 << 127) / nodes * node);
            let ranges = random(tokens).ranges(&[ScanRange::ALL], 48);
            have_every_token_once(&ranges);
            assert!(ranges.len() >= 48 && ranges.len() <= 48 + nodes as usize + 1);

            let tokens = (0..nodes).map(|node| AnyToken::Bytes(BytesToken(vec![node as u8, 7]))).collect();
            let ranges = Layout::new(Partitioner::ByteOrdered, tokens).ranges(&[ScanRange::ALL], 48);
            have_every_token_once(&ranges);
            assert_eq!(ranges.len(), nodes as usize + 1, "the ring's own ranges");
        }
        let whole = Layout::new(Partitioner::Other, Vec::new()).ranges(&[ScanRange::ALL], 48);
        assert_eq!(whole, [ScanRange::ALL]);
    }

    #[test]
    fn of_some_ranges_every_token_is_in_one_piece_and_no_other_token_in_any() {
        let range =
            |after: i64, last: i64| ScanRange::new(AnyToken::from(Token(after)), AnyToken::from(Token(last)));
        let wanted = [range(50, 60), range(0, 10), range(5, 20), range(20, 30), range(9, 9)];
        assert_eq!(united(&wanted), [range(0, 30), range(50, 60)]);
        let ranges = murmur3([-100, 7, 20, 55, 100]).ranges(&wanted, 1);
        assert_eq!(ranges, [range(0, 7), range(7, 20), range(20, 30), range(50, 55), range(55, 60)]);
        assert!(murmur3([7]).ranges(&[], 10).is_empty());
        let tail = ScanRange::new(AnyToken::from(Token(0)), None);
        let ranges = murmur3([5]).ranges(&[tail.clone(), range(3, 9)], 1);
        assert_eq!(ranges, [range(0, 5), ScanRange::new(AnyToken::from(Token(5)), None)]);
        assert_eq!(united(&[ScanRange::ALL, tail]), [ScanRange::ALL]);
    }

    #[test]
    fn shares_add_up_to_the_whole() {
        let layout = murmur3([0]);
        let shares = layout.shares(&layout.ranges(&[ScanRange::ALL], 2));
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let bytes = Layout::new(Partitioner::ByteOrdered, Vec::new());
        assert_eq!(bytes.shares(&[ScanRange::ALL]), [1.0]);
    }

    #[test]
    fn hosts_take_turns_from_the_beginning() {
        let piece = |number, host: Option<u32>| {
            Piece::new(number, ScanRange::ALL, host.map(HostIndex).into_iter().collect(), 0.1, 100)
        };
        let pieces =
            vec![piece(0, Some(1)), piece(1, Some(1)), piece(2, Some(2)), piece(3, None), piece(4, Some(1))];
        let order: Vec<u32> = in_turn(pieces).iter().map(|piece| piece.number).collect();
        assert_eq!(order, [0, 2, 3, 1, 4]);
    }
}

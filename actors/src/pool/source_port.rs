//! Local ports that lead to a shard: on the shard-aware port the server takes `source port mod shards` as the shard.

use std::ops::RangeInclusive;

use chorus_topology::Rng;

/// The ports that systems leave to programs like us.
const EPHEMERAL: RangeInclusive<u16> = 49152..=65535;

/// Candidates beyond these are not worth the system calls: the local side is exhausted.
const MOST_CANDIDATES: usize = 64;

/// Local ports for `shard` of `nr_shards`, from a random place in the range, each at most once.
pub(crate) fn source_ports(
    nr_shards: u16,
    shard: u16,
    rng: &mut Rng,
) -> impl Iterator<Item = u16> + Send + use<> {
    let start = rng.between(u64::from(*EPHEMERAL.start()), u64::from(*EPHEMERAL.end()));
    candidates(EPHEMERAL, start as u16, nr_shards, shard).take(MOST_CANDIDATES)
}

/// Every port of `range` that leads to `shard`, beginning at `start` rounded up to a multiple of `nr_shards` plus the
/// shard, wrapping round to the beginning of the range.
fn candidates(
    range: RangeInclusive<u16>,
    start: u16,
    nr_shards: u16,
    shard: u16,
) -> impl Iterator<Item = u16> + Send + use<> {
    let (low, high) = (u32::from(*range.start()), u32::from(*range.end()));
    // A host without shards leads everywhere from every port.
    let step = u32::from(nr_shards.max(1));
    let shard = u32::from(shard) % step;
    let first_from = move |from: u32| from.next_multiple_of(step) + shard;
    let first = first_from(u32::from(start));
    let wrapped = {
        // The first one of the range may lie a whole step below the rounded-up start.
        let first = first_from(low);
        if first >= low + step { first - step } else { first }
    };
    let upper = (first..=high).step_by(step as usize);
    let lower = (wrapped..first.min(high + 1)).step_by(step as usize);
    upper.chain(lower).map(|port| port as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_follow_the_published_vectors() {
        let ports =
            |start, nr_shards, shard| candidates(10000..=10020, start, nr_shards, shard).collect::<Vec<_>>();
        assert_eq!(ports(10005, 3, 1)[..5], [10006, 10009, 10012, 10015, 10018]);
        assert_eq!(ports(10008, 4, 2), [10010, 10014, 10018, 10002, 10006]);
    }

    #[test]
    fn every_candidate_leads_to_its_shard_and_none_comes_twice() {
        for (nr_shards, shard) in [(1, 0), (3, 2), (12, 7), (255, 254), (1024, 0)] {
            for start in [49152, 50001, 65535] {
                let mut ports: Vec<u16> = candidates(EPHEMERAL, start, nr_shards, shard).collect();
                assert!(ports.iter().all(|port| port % nr_shards == shard && EPHEMERAL.contains(port)));
                let expected = EPHEMERAL.filter(|port| port % nr_shards == shard).count();
                assert_eq!(ports.len(), expected, "{nr_shards} shards from {start}");
                ports.sort_unstable();
                ports.dedup();
                assert_eq!(ports.len(), expected);
            }
        }
    }

    #[test]
    fn a_host_that_claims_no_shards_does_not_divide_by_zero() {
        assert_eq!(candidates(10000..=10002, 10001, 0, 9).collect::<Vec<_>>(), [10001, 10002, 10000]);
    }

    #[test]
    fn no_more_ports_are_tried_than_make_sense() {
        assert_eq!(source_ports(1, 0, &mut Rng::seeded(1)).count(), MOST_CANDIDATES);
    }
}

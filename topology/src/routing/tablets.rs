//! Tablets: ranges of one table's tokens with replicas of their own, as learned from the server.
//!
//! A server that divides a table into tablets tells the range and its replicas when a request arrived at a host or shard
//! that does not serve it. The map of a table is therefore partial, and a missing entry means the ring's answer is used.

use std::sync::Arc;

use super::jump::JumpTable;
use super::route::Replica;
use crate::host::HostIndex;
use chorus_protocol::token::Token;

/// One range of a table's tokens and the replicas that serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tablet {
    /// The token just before the range.
    pub first: Token,
    /// The last token of the range.
    pub last: Token,
    /// Who serves it; never empty in a map.
    pub replicas: Arc<[Replica]>,
    /// Its version, where the server tells it.
    pub version: Option<u64>,
}

impl Tablet {
    fn overlaps(&self, other: &Tablet) -> bool {
        self.first < other.last && other.first < self.last
    }
}

/// The known tablets of one table: sorted, never overlapping. Immutable; learning makes a new map that shares the
/// replica lists of the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabletMap {
    /// The last token of each tablet, in the same order; what a lookup reads first.
    lasts: Box<[i64]>,
    jump: JumpTable,
    tablets: Box<[Tablet]>,
}

impl Default for TabletMap {
    fn default() -> Self {
        Self::sorted(Vec::new())
    }
}

impl TabletMap {
    /// This map after learning `news`, the latest last. Each one drops every known tablet it overlaps. Empty ranges and
    /// tablets without replicas are not cached.
    #[must_use]
    pub fn learn(&self, news: impl IntoIterator<Item = Tablet>) -> TabletMap {
        let mut tablets = self.tablets.to_vec();
        for tablet in news {
            if tablet.first >= tablet.last || tablet.replicas.is_empty() {
                continue;
            }
            let start = tablets.partition_point(|known| known.last <= tablet.first);
            let overlapping = tablets[start..].iter().take_while(|known| known.overlaps(&tablet)).count();
            tablets.splice(start..start + overlapping, [tablet]);
        }
        Self::sorted(tablets)
    }

    /// This map without the tablets that have `host` among their replicas; `None` when there are none such.
    pub fn without_host(&self, host: HostIndex) -> Option<TabletMap> {
        let served_by = |tablet: &&Tablet| tablet.replicas.iter().any(|replica| replica.host == host);
        if !self.tablets.iter().any(|tablet| served_by(&tablet)) {
            return None;
        }
        Some(Self::sorted(self.tablets.iter().filter(|tablet| !served_by(tablet)).cloned().collect()))
    }

    /// The tablet that serves `token`, when it is known.
    #[inline]
    pub fn find(&self, token: Token) -> Option<&Tablet> {
        self.tablets.get(self.jump.lower_bound(&self.lasts, token.0)).filter(|tablet| token > tablet.first)
    }

    /// The replicas that serve `token`; empty when its tablet is not known.
    #[inline]
    pub fn lookup(&self, token: Token) -> &[Replica] {
        self.find(token).map_or(&[], |tablet| &tablet.replicas)
    }

    /// The known tablets, in token order.
    pub fn tablets(&self) -> &[Tablet] {
        &self.tablets
    }

    fn sorted(tablets: Vec<Tablet>) -> TabletMap {
        let lasts: Box<[i64]> = tablets.iter().map(|tablet| tablet.last.0).collect();
        TabletMap { jump: JumpTable::new(&lasts), lasts, tablets: tablets.into_boxed_slice() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tablet(first: i64, last: i64, host: u32) -> Tablet {
        let replica = Replica { host: HostIndex(host), shard: Some(host as u16) };
        Tablet { first: Token(first), last: Token(last), replicas: Arc::from([replica]), version: None }
    }

    fn ranges(map: &TabletMap) -> Vec<(i64, i64)> {
        map.tablets().iter().map(|tablet| (tablet.first.0, tablet.last.0)).collect()
    }

    fn map(known: &[(i64, i64)]) -> TabletMap {
        TabletMap::default().learn(known.iter().map(|(first, last)| tablet(*first, *last, 1)))
    }

    fn hosts(map: &TabletMap, token: i64) -> Vec<u32> {
        map.lookup(Token(token)).iter().map(|replica| replica.host.0).collect()
    }

    const APART: [(i64, i64); 2] =
        [(-8611686018427387905, -7917529027641081857), (-6917529027641081857, -4611686018427387905)];

    #[test]
    fn a_tablet_within_the_first_replaces_it() {
        let learned = map(&APART).learn([tablet(-8011686018427387905, -7987529027641081857, 2)]);
        assert_eq!(ranges(&learned), [(-8011686018427387905, -7987529027641081857), APART[1]]);
    }

    #[test]
    fn a_tablet_over_the_end_of_the_last_replaces_it() {
        let learned = map(&APART).learn([tablet(-5011686018427387905, -2987529027641081857, 2)]);
        assert_eq!(ranges(&learned), [APART[0], (-5011686018427387905, -2987529027641081857)]);
    }

    #[test]
    fn a_tablet_over_several_drops_them_all_and_keeps_the_outer_ones() {
        let known = map(&[
            (-6917529027641081857, -4611686018427387905),
            (-4611686018427387905, -2305843009213693953),
            (-2305843009213693953, -1),
            (-1, 2305843009213693951),
        ]);
        let learned = known.learn([tablet(-3611686018427387905, -6, 2)]);
        assert_eq!(
            ranges(&learned),
            [
                (-6917529027641081857, -4611686018427387905),
                (-3611686018427387905, -6),
                (-1, 2305843009213693951)
            ]
        );
    }

    #[test]
    fn ranges_exclude_their_first_token_and_include_their_last() {
        let known = map(&[(-100, 100), (100, 200)]).learn([tablet(300, 400, 3)]);
        assert_eq!(hosts(&known, -100), []);
        assert_eq!(hosts(&known, -99), [1]);
        assert_eq!(hosts(&known, 100), [1]);
        assert_eq!(hosts(&known, 250), []);
        assert_eq!(hosts(&known, 300), []);
        assert_eq!(hosts(&known, 400), [3]);
        assert_eq!(hosts(&known, i64::MAX), []);
        assert_eq!(hosts(&TabletMap::default(), 0), []);
    }

    #[test]
    fn neighbours_that_only_touch_are_kept() {
        let learned = map(&[(0, 10), (20, 30)]).learn([tablet(10, 20, 2)]);
        assert_eq!(ranges(&learned), [(0, 10), (10, 20), (20, 30)]);
    }

    #[test]
    fn empty_ranges_and_tablets_without_replicas_are_not_cached() {
        let nobody = Tablet { replicas: Arc::from([]), ..tablet(0, 5, 2) };
        let learned = map(&[(0, 10)]).learn([nobody, tablet(7, 7, 2), tablet(9, 3, 2)]);
        assert_eq!(ranges(&learned), [(0, 10)]);
    }

    #[test]
    fn a_departed_host_takes_its_tablets_with_it() {
        let known = map(&[(0, 10)]).learn([tablet(10, 20, 2)]);
        assert_eq!(known.without_host(HostIndex(1)).map(|left| ranges(&left)), Some(vec![(10, 20)]));
        assert_eq!(known.without_host(HostIndex(9)), None);
    }

    proptest! {
        #[test]
        fn the_latest_tablet_over_a_token_wins_or_was_dropped_by_an_overlap(
            learned in prop::collection::vec((any::<i8>(), any::<i8>()), 0..30),
        ) {
            // The definition: a plain list, filtered at each insertion.
            let mut expected: Vec<Tablet> = Vec::new();
            let mut map = TabletMap::default();
            for (number, (first, last)) in learned.into_iter().enumerate() {
                let news = tablet(first.into(), last.into(), number as u32);
                map = map.learn([news.clone()]);
                if news.first < news.last {
                    expected.retain(|known| known.last <= news.first || known.first >= news.last);
                    expected.push(news);
                }
            }
            expected.sort_by_key(|known| known.last);
            prop_assert_eq!(map.tablets(), &expected[..]);
            for token in -129..=128 {
                let found = expected.iter().find(|known| known.first.0 < token && token <= known.last.0);
                prop_assert_eq!(map.lookup(Token(token)), found.map_or(&[][..], |known| &known.replicas));
            }
        }
    }
}

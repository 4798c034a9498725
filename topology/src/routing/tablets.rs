//! Tablets: ranges of one table's tokens with replicas of their own, as learned from the server.
//!
//! A server that divides a table into tablets tells the range and its replicas when a request arrived at a host or shard
//! that does not serve it. The map of a table is therefore partial, and a missing entry means the ring's answer is used.
//!
//! A map is made of pages that its successors share: learning a tablet among a hundred thousand copies the page it is on
//! and the list of pages, not the map.

use std::sync::Arc;

use super::jump::JumpTable;
use super::route::Replica;
use super::tablet_page::{Holes, MOST, TabletPage, merged};
use crate::host::HostIndex;
use chorus_protocol::token::Token;

/// One range of a table's tokens and the replicas that serve it, to be learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tablet {
    /// The token just before the range.
    pub first: Token,
    /// The last token of the range.
    pub last: Token,
    /// Who serves it.
    pub replicas: Vec<Replica>,
    /// Its version, where the server tells it.
    pub version: Option<u64>,
}

/// A tablet as its map has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownTablet<'m> {
    /// The token just before the range.
    pub first: Token,
    /// The last token of the range.
    pub last: Token,
    /// Who serves it; never empty.
    pub replicas: &'m [Replica],
    /// Its version, where the server tells it.
    pub version: Option<u64>,
}

impl Tablet {
    fn overlaps(&self, other: &Tablet) -> bool {
        self.first < other.last && other.first < self.last
    }

    fn known(&self) -> KnownTablet<'_> {
        let Tablet { first, last, replicas, version } = self;
        KnownTablet { first: *first, last: *last, replicas, version: *version }
    }
}

/// The known tablets of one table: sorted, never overlapping. Immutable; learning makes a new map that shares with the old
/// one what it has not changed.
#[derive(Debug, Clone)]
pub struct TabletMap {
    /// The last token of each page, in the same order; what a lookup reads first.
    lasts: Box<[i64]>,
    jump: JumpTable,
    pages: Box<[Arc<TabletPage>]>,
    len: usize,
}

impl Default for TabletMap {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

/// Maps are equal when their tablets are, whatever pages they are on.
impl PartialEq for TabletMap {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for TabletMap {}

impl TabletMap {
    /// This map after learning `news`, the latest last. Each one drops every known tablet it overlaps. Empty ranges and
    /// tablets without replicas are not cached.
    #[must_use]
    pub fn learn(&self, news: impl IntoIterator<Item = Tablet>) -> TabletMap {
        let sound = |tablet: &Tablet| tablet.first < tablet.last && !tablet.replicas.is_empty();
        let news: Vec<Tablet> = news.into_iter().filter(sound).collect();
        if news.is_empty() {
            return self.clone();
        }
        let holes = Holes::of(&news);
        let news = latest(news);
        let mut news = news.iter().map(Tablet::known).peekable();
        let mut pages = PageList::default();
        for page in &self.pages {
            let last = page.last();
            let arrives = news.peek().is_some_and(|tablet| tablet.last.0 <= last);
            if !arrives && !holes.touch(page.first(), last) {
                pages.keep(page);
                continue;
            }
            let left = page.iter().filter(|tablet| !holes.touch(tablet.first.0, tablet.last.0));
            let here = std::iter::from_fn(|| news.next_if(|tablet| tablet.last.0 <= last));
            pages.add(merged(left, here));
        }
        pages.add(news.collect());
        Self::of(pages.0)
    }

    /// This map without the tablets that have `host` among their replicas; `None` when there are none such.
    pub fn without_host(&self, host: HostIndex) -> Option<TabletMap> {
        if !self.pages.iter().any(|page| page.names(host)) {
            return None;
        }
        let mut pages = PageList::default();
        for page in &self.pages {
            if page.names(host) {
                let served_by = |tablet: &KnownTablet<'_>| tablet.replicas.iter().any(|at| at.host == host);
                pages.add(page.iter().filter(|tablet| !served_by(tablet)).collect());
            } else {
                pages.keep(page);
            }
        }
        Some(Self::of(pages.0))
    }

    /// The tablet that serves `token`, when it is known.
    #[inline]
    pub fn find(&self, token: Token) -> Option<KnownTablet<'_>> {
        self.pages.get(self.jump.lower_bound(&self.lasts, token.0))?.find(token)
    }

    /// The replicas that serve `token`; empty when its tablet is not known.
    #[inline]
    pub fn lookup(&self, token: Token) -> &[Replica] {
        self.find(token).map_or(&[], |tablet| tablet.replicas)
    }

    /// The known tablets, in token order.
    pub fn iter(&self) -> impl Iterator<Item = KnownTablet<'_>> {
        self.pages.iter().flat_map(|page| page.iter())
    }

    /// How many tablets are known.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when none is known.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes the map takes, pages shared with other maps included, the allocator's own not.
    pub fn bytes(&self) -> usize {
        let list = size_of_val(&*self.lasts) + size_of_val(&*self.pages) + self.jump.bytes();
        // Two counts stand before what is shared.
        let pages = self.pages.iter().map(|page| 2 * size_of::<usize>() + page.bytes());
        size_of::<TabletMap>() + list + pages.sum::<usize>()
    }

    fn of(pages: Vec<Arc<TabletPage>>) -> TabletMap {
        let lasts: Box<[i64]> = pages.iter().map(|page| page.last()).collect();
        let len = pages.iter().map(|page| page.len()).sum();
        TabletMap { jump: JumpTable::new(&lasts), lasts, pages: pages.into_boxed_slice(), len }
    }
}

/// Of news about the same tokens the latest, in token order. What an earlier one says of other tokens goes with it.
fn latest(news: Vec<Tablet>) -> Vec<Tablet> {
    let mut kept: Vec<Tablet> = Vec::with_capacity(news.len());
    for tablet in news {
        let start = kept.partition_point(|known| known.last <= tablet.first);
        let overlapping = kept[start..].iter().take_while(|known| known.overlaps(&tablet)).count();
        kept.splice(start..start + overlapping, [tablet]);
    }
    kept
}

/// The pages of a map in the making.
#[derive(Default)]
struct PageList(Vec<Arc<TabletPage>>);

impl PageList {
    fn keep(&mut self, page: &Arc<TabletPage>) {
        self.0.push(Arc::clone(page));
    }

    /// Adds tablets: to the page before them, if all fit on it, else on as many pages as they need, equally filled.
    fn add(&mut self, tablets: Vec<KnownTablet<'_>>) {
        if tablets.is_empty() {
            return;
        }
        if let Some(before) = self.0.last()
            && before.len() + tablets.len() <= MOST
        {
            let all: Vec<KnownTablet<'_>> = before.iter().chain(tablets).collect();
            let page = Arc::new(TabletPage::new(&all));
            self.0.pop();
            self.0.push(page);
            return;
        }
        let pages = tablets.len().div_ceil(MOST);
        let size = tablets.len().div_ceil(pages);
        self.0.extend(tablets.chunks(size).map(|chunk| Arc::new(TabletPage::new(chunk))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tablet(first: i64, last: i64, host: u32) -> Tablet {
        let replica = Replica { host: HostIndex(host), shard: Some(host as u16) };
        Tablet { first: Token(first), last: Token(last), replicas: vec![replica], version: None }
    }

    fn ranges(map: &TabletMap) -> Vec<(i64, i64)> {
        map.iter().map(|tablet| (tablet.first.0, tablet.last.0)).collect()
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
        assert!(hosts(&known, -100).is_empty());
        assert_eq!(hosts(&known, -99), [1]);
        assert_eq!(hosts(&known, 100), [1]);
        assert!(hosts(&known, 250).is_empty());
        assert!(hosts(&known, 300).is_empty());
        assert_eq!(hosts(&known, 400), [3]);
        assert!(hosts(&known, i64::MAX).is_empty());
        assert!(hosts(&TabletMap::default(), 0).is_empty());
    }

    #[test]
    fn neighbours_that_only_touch_are_kept() {
        let learned = map(&[(0, 10), (20, 30)]).learn([tablet(10, 20, 2)]);
        assert_eq!(ranges(&learned), [(0, 10), (10, 20), (20, 30)]);
    }

    #[test]
    fn empty_ranges_and_tablets_without_replicas_are_not_cached() {
        let nobody = Tablet { replicas: Vec::new(), ..tablet(0, 5, 2) };
        let learned = map(&[(0, 10)]).learn([nobody, tablet(7, 7, 2), tablet(9, 3, 2)]);
        assert_eq!(ranges(&learned), [(0, 10)]);
    }

    #[test]
    fn a_departed_host_takes_its_tablets_with_it() {
        let known = map(&[(0, 10)]).learn([tablet(10, 20, 2)]);
        assert_eq!(known.without_host(HostIndex(1)).map(|left| ranges(&left)), Some(vec![(10, 20)]));
        assert_eq!(known.without_host(HostIndex(9)), None);
    }

    #[test]
    fn versions_are_kept_beside_tablets_that_have_none() {
        let versioned = Tablet { version: Some(7), ..tablet(10, 20, 2) };
        let known = map(&[(0, 10)]).learn([versioned]);
        assert_eq!(known.find(Token(5)).map(|tablet| tablet.version), Some(None));
        assert_eq!(known.find(Token(15)).map(|tablet| tablet.version), Some(Some(7)));
    }

    #[test]
    fn learning_one_of_many_shares_all_other_pages() {
        let whole = map(&(0..10_000).map(|n| (n * 10, n * 10 + 10)).collect::<Vec<_>>());
        assert_eq!(whole.len(), 10_000);
        let learned = whole.learn([tablet(50_000, 50_010, 9)]);
        let shared = |map: &TabletMap| {
            map.pages.iter().filter(|page| whole.pages.iter().any(|other| Arc::ptr_eq(page, other))).count()
        };
        assert_eq!(learned.pages.len() - shared(&learned), 1);
        assert_eq!((learned.len(), hosts(&learned, 50_005)), (10_000, vec![9]));
        assert_eq!(hosts(&learned, 49_999), [1]);
        let without = learned.without_host(HostIndex(9)).unwrap();
        assert_eq!(without.pages.len() - shared(&without), 1);
        assert_eq!((without.len(), hosts(&without, 50_005)), (9_999, vec![]));
        assert!(whole.bytes() < 10_000 * 40, "{}", whole.bytes());
    }

    #[test]
    fn pages_stay_filled_however_tablets_come_and_go() {
        let mut map = TabletMap::default();
        for n in 0..5_000i64 {
            // Anywhere, one by one.
            let first = n * 7919 % 5_000 * 10;
            map = map.learn([tablet(first, first + 10, 1)]);
        }
        assert_eq!((map.len(), map.iter().count()), (5_000, 5_000));
        assert!(map.pages.len() < 5_000 / (MOST / 4), "{} pages", map.pages.len());
        assert!(map.pages.iter().all(|page| (1..=MOST).contains(&page.len())));
        map = map.learn((0..500).map(|n| tablet(n * 100, n * 100 + 100, 2)));
        assert_eq!(map.len(), 500);
        assert!(map.pages.len() < 30, "{} pages", map.pages.len());
    }

    #[test]
    fn of_news_that_overlap_each_other_the_latest_counts_and_what_the_others_covered_is_forgotten() {
        let known = map(&[(0, 10), (10, 20), (20, 30)]);
        let learned = known.learn([tablet(5, 15, 2), tablet(12, 14, 3)]);
        assert_eq!(ranges(&learned), [(12, 14), (20, 30)]);
    }

    proptest! {
        #[test]
        fn learning_together_is_learning_one_after_another(
            known in prop::collection::vec((any::<i16>(), 1..300i64), 0..400),
            news in prop::collection::vec((any::<i16>(), 1..3_000i64), 0..40),
        ) {
            let tablets = |ranges: &[(i16, i64)], host| {
                let tablet = |(first, size): &(i16, i64)| tablet((*first).into(), i64::from(*first) + size, host);
                ranges.iter().map(tablet).collect::<Vec<_>>()
            };
            let known = tablets(&known, 1).into_iter().fold(TabletMap::default(), |map, one| map.learn([one]));
            let news = tablets(&news, 2);
            let together = known.learn(news.clone());
            let apart = news.into_iter().fold(known, |map, one| map.learn([one]));
            prop_assert_eq!(together, apart);
        }

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
            prop_assert!(map.iter().eq(expected.iter().map(Tablet::known)));
            for token in -129..=128 {
                let found = expected.iter().find(|known| known.first.0 < token && token <= known.last.0);
                prop_assert_eq!(map.lookup(Token(token)), found.map_or(&[][..], |known| &known.replicas));
            }
        }
    }
}

//! A page of a tablet map: some neighbouring tablets, packed.

use std::iter::once;

use chorus_protocol::token::Token;

use super::route::Replica;
use super::tablets::{KnownTablet, Tablet};
use crate::host::HostIndex;

/// Most tablets of a page. Learning one tablet copies its page, and finding one searches a page by halves.
pub(super) const MOST: usize = 64;

/// Tablets in token order, not overlapping, never none. A column each for what they consist of, because a lookup reads the
/// last tokens of many and everything else of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TabletPage {
    lasts: Box<[i64]>,
    firsts: Box<[i64]>,
    /// Where the replicas of each tablet end.
    ends: Box<[u32]>,
    replicas: Box<[Replica]>,
    /// Empty when none of them has a version.
    versions: Box<[Option<u64>]>,
}

impl TabletPage {
    /// A page of these tablets, which are in order and not none.
    pub(super) fn new(tablets: &[KnownTablet<'_>]) -> TabletPage {
        let mut end = 0;
        let mut next_end = |tablet: &KnownTablet<'_>| {
            end += tablet.replicas.len() as u32;
            end
        };
        let versioned = tablets.iter().any(|tablet| tablet.version.is_some());
        TabletPage {
            lasts: tablets.iter().map(|tablet| tablet.last.0).collect(),
            firsts: tablets.iter().map(|tablet| tablet.first.0).collect(),
            ends: tablets.iter().map(&mut next_end).collect(),
            replicas: tablets.iter().flat_map(|tablet| tablet.replicas).copied().collect(),
            versions: tablets.iter().filter(|_| versioned).map(|tablet| tablet.version).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lasts.len()
    }

    /// The token just before the first tablet.
    pub(super) fn first(&self) -> i64 {
        self.firsts[0]
    }

    /// The last token of the last tablet.
    pub(super) fn last(&self) -> i64 {
        self.lasts[self.lasts.len() - 1]
    }

    /// The tablet with `token`, which is not beyond the last one.
    #[inline]
    pub(super) fn find(&self, token: Token) -> Option<KnownTablet<'_>> {
        let place = self.lasts.partition_point(|last| *last < token.0);
        (self.firsts[place] < token.0).then(|| self.get(place))
    }

    #[inline]
    fn get(&self, place: usize) -> KnownTablet<'_> {
        let start = if place == 0 { 0 } else { self.ends[place - 1] as usize };
        KnownTablet {
            first: Token(self.firsts[place]),
            last: Token(self.lasts[place]),
            replicas: &self.replicas[start..self.ends[place] as usize],
            version: self.versions.get(place).copied().flatten(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = KnownTablet<'_>> {
        (0..self.len()).map(|place| self.get(place))
    }

    pub(super) fn names(&self, host: HostIndex) -> bool {
        self.replicas.iter().any(|replica| replica.host == host)
    }

    /// Bytes it takes, the allocator's own not counted.
    pub(super) fn bytes(&self) -> usize {
        size_of::<TabletPage>()
            + size_of_val(&*self.lasts)
            + size_of_val(&*self.firsts)
            + size_of_val(&*self.ends)
            + size_of_val(&*self.replicas)
            + size_of_val(&*self.versions)
    }
}

/// Ranges of tokens that news are about: sorted, and joined where they overlap.
pub(super) struct Holes(Vec<(i64, i64)>);

impl Holes {
    pub(super) fn of(news: &[Tablet]) -> Holes {
        let mut ranges: Vec<(i64, i64)> = news.iter().map(|tablet| (tablet.first.0, tablet.last.0)).collect();
        ranges.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::new();
        for (first, last) in ranges {
            match joined.last_mut() {
                // Touching is not overlapping, but joined they cover the same.
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        Holes(joined)
    }

    /// Whether any of them has a token in `(first, last]`.
    pub(super) fn touch(&self, first: i64, last: i64) -> bool {
        let place = self.0.partition_point(|hole| hole.1 <= first);
        self.0.get(place).is_some_and(|hole| hole.0 < last)
    }
}

/// Tablets in token order out of what is left of a page and what is new; both in order, neither overlapping the other.
pub(super) fn merged<'t>(
    old: impl Iterator<Item = KnownTablet<'t>>,
    new: impl Iterator<Item = KnownTablet<'t>>,
) -> Vec<KnownTablet<'t>> {
    let mut new = new.peekable();
    let mut all = Vec::new();
    for tablet in old {
        while let Some(earlier) = new.next_if(|other| other.last < tablet.last) {
            all.push(earlier);
        }
        all.extend(once(tablet));
    }
    all.extend(new);
    all
}

//! Deleted ranges of clustering keys within a partition.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use super::cell::Deletion;

type Key = Box<[u8]>;

/// Ranges that do not overlap, each with its deletion. A range includes its start and excludes its end; without an end it
/// reaches to the last row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DeletedRanges(BTreeMap<Key, (Option<Key>, Deletion)>);

impl DeletedRanges {
    /// The deletion that covers a key.
    pub(crate) fn covering(&self, key: &[u8]) -> Option<Deletion> {
        let (_, (end, deletion)) =
            self.0.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back()?;
        end.as_deref().is_none_or(|end| key < end).then_some(*deletion)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Deletes one more range; where it overlaps others, the later deletion stays.
    pub(crate) fn insert(&mut self, start: &[u8], end: Option<&[u8]>, deletion: Deletion) {
        if end.is_some_and(|end| end <= start) {
            return;
        }
        let mut cursor = Some(start.to_vec());
        for (old_start, old_end, old) in self.take_overlapping(start, end) {
            if *old_start < *start {
                self.put(&old_start, Some(start), old);
            }
            let overlap_start = if *old_start < *start { start } else { &old_start };
            let overlap_end =
                if compare_ends(old_end.as_deref(), end).is_lt() { old_end.as_deref() } else { end };
            if old.timestamp >= deletion.timestamp {
                if let Some(from) = &cursor
                    && from.as_slice() < overlap_start
                {
                    self.put(&from.clone(), Some(overlap_start), deletion);
                }
                self.put(overlap_start, overlap_end, old);
                cursor = overlap_end.map(<[u8]>::to_vec);
            }
            if let Some(end) = end
                && compare_ends(old_end.as_deref(), Some(end)).is_gt()
            {
                self.put(end, old_end.as_deref(), old);
            }
        }
        if let Some(from) = cursor
            && end.is_none_or(|end| from.as_slice() < end)
        {
            self.put(&from, end, deletion);
        }
    }

    /// Forgets deletions made before a second.
    pub(crate) fn forget(&mut self, gc_before: u32) {
        self.0.retain(|_, (_, deletion)| deletion.at >= gc_before);
    }

    fn put(&mut self, start: &[u8], end: Option<&[u8]>, deletion: Deletion) {
        self.0.insert(start.into(), (end.map(Into::into), deletion));
    }

    fn take_overlapping(&mut self, start: &[u8], end: Option<&[u8]>) -> Vec<(Key, Option<Key>, Deletion)> {
        let first = self
            .0
            .range::<[u8], _>((Bound::Unbounded, Bound::Included(start)))
            .next_back()
            .filter(|(_, (range_end, _))| range_end.as_deref().is_none_or(|range_end| range_end > start))
            .map_or_else(|| start.into(), |(key, _)| key.clone());
        let upper = end.map_or(Bound::Unbounded, Bound::Excluded);
        let keys: Vec<Key> =
            self.0.range::<[u8], _>((Bound::Included(&*first), upper)).map(|(key, _)| key.clone()).collect();
        keys.into_iter()
            .filter_map(|key| self.0.remove(&key).map(|(range_end, deletion)| (key, range_end, deletion)))
            .collect()
    }
}

fn compare_ends(left: Option<&[u8]>, right: Option<&[u8]>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => left.cmp(right),
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_later_deletion_covers_an_earlier_one_and_not_the_other_way_round() {
        let mut ranges = DeletedRanges::default();
        let at = |timestamp| Deletion { timestamp, at: 1 };
        ranges.insert(&[10], Some(&[20]), at(5));
        ranges.insert(&[15], None, at(3));
        ranges.insert(&[12], Some(&[14]), at(9));
        for (key, expected) in [
            (9, None),
            (10, Some(5)),
            (13, Some(9)),
            (14, Some(5)),
            (19, Some(5)),
            (20, Some(3)),
            (99, Some(3)),
        ] {
            assert_eq!(ranges.covering(&[key]).map(|deletion| deletion.timestamp), expected, "{key}");
        }
        ranges.forget(2);
        assert!(ranges.is_empty());
    }

    proptest! {
        #[test]
        fn any_sequence_of_deletions_is_the_latest_at_every_key(
            inserts in proptest::collection::vec((0u8..30, proptest::option::of(0u8..30), 0i64..8), 0..24)
        ) {
            let mut ranges = DeletedRanges::default();
            for (start, end, timestamp) in &inserts {
                ranges.insert(&[*start], end.as_ref().map(std::slice::from_ref), Deletion { timestamp: *timestamp, at: 1 });
            }
            for key in 0u8..32 {
                let expected = inserts
                    .iter()
                    .filter(|(start, end, _)| *start <= key && end.is_none_or(|end| key < end))
                    .map(|(_, _, timestamp)| *timestamp)
                    .max();
                prop_assert_eq!(ranges.covering(&[key]).map(|deletion| deletion.timestamp), expected, "{}", key);
            }
        }
    }
}

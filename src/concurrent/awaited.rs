//! What is needed to read answers that have not come yet.

use std::collections::{BTreeMap, VecDeque};

/// Values by index, for indexes that are put in rising order and taken out in nearly the same. Statements that return no rows
/// put nothing, and then nothing is looked up.
///
/// Memory is in proportion to the values that are kept: a few that nobody takes for long are set aside, so that those behind them
/// leave no gaps.
#[derive(Debug)]
pub(super) struct Awaited<T> {
    /// The index of the first entry.
    first: u64,
    entries: VecDeque<Option<T>>,
    /// Entries that are not empty.
    live: usize,
    /// Values from before the first entry.
    aside: BTreeMap<u64, T>,
}

/// As many entries are kept whatever is in them.
const FEW: usize = 1024;

impl<T> Awaited<T> {
    pub(super) fn new() -> Self {
        Self { first: 0, entries: VecDeque::new(), live: 0, aside: BTreeMap::new() }
    }

    /// Keeps a value under an index above all before it.
    pub(super) fn put(&mut self, index: u64, value: T) {
        if self.entries.is_empty() {
            self.first = index;
        }
        while self.first + (self.entries.len() as u64) < index {
            self.entries.push_back(None);
        }
        self.entries.push_back(Some(value));
        self.live += 1;
        if self.entries.len() >= FEW && self.entries.len() > 8 * self.live {
            self.set_aside();
        }
    }

    /// Takes values from the front until the rest is dense.
    #[cold]
    fn set_aside(&mut self) {
        while self.entries.len() > 2 * self.live {
            let Some(entry) = self.entries.pop_front() else { return };
            if let Some(value) = entry {
                self.aside.insert(self.first, value);
                self.live -= 1;
            }
            self.first += 1;
        }
    }

    /// The value under an index, once.
    #[inline]
    pub(super) fn take(&mut self, index: u64) -> Option<T> {
        if self.entries.is_empty() && self.aside.is_empty() {
            return None;
        }
        if index < self.first {
            return self.aside.remove(&index);
        }
        let place = usize::try_from(index.checked_sub(self.first)?).ok()?;
        let value = self.entries.get_mut(place)?.take();
        self.live -= usize::from(value.is_some());
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_once_in_any_order_and_gaps_are_skipped() {
        let mut awaited = Awaited::new();
        assert_eq!(awaited.take(0), None::<char>);
        for (index, value) in [(3, 'a'), (4, 'b'), (7, 'c')] {
            awaited.put(index, value);
        }
        assert_eq!(awaited.take(5), None);
        assert_eq!(awaited.take(2), None);
        assert_eq!(awaited.take(4), Some('b'));
        assert_eq!(awaited.take(4), None);
        assert_eq!(awaited.take(3), Some('a'));
        assert_eq!((awaited.first, awaited.entries.len()), (7, 1));
        assert_eq!(awaited.take(7), Some('c'));
        assert!(awaited.entries.is_empty());
        awaited.put(20, 'd');
        assert_eq!(awaited.take(20), Some('d'));
    }

    #[test]
    fn a_value_that_nobody_takes_for_long_keeps_no_room_for_those_behind_it() {
        let mut awaited = Awaited::new();
        awaited.put(0, 0);
        awaited.put(1, 1);
        for index in 2..1_000_000 {
            awaited.put(index, index);
            assert_eq!(awaited.take(index), Some(index));
            assert!(awaited.entries.len() <= FEW && awaited.aside.len() <= 2);
        }
        assert_eq!((awaited.take(1), awaited.take(1)), (Some(1), None));
        awaited.put(1_000_000, 7);
        assert_eq!((awaited.take(0), awaited.take(1_000_000)), (Some(0), Some(7)));
        assert_eq!((awaited.live, awaited.aside.len()), (0, 0));
    }
}

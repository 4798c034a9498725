//! What is needed to read answers that have not come yet.

use std::collections::VecDeque;

/// Values by index, for indexes that are put in rising order and taken out in nearly the same. Statements that return no rows
/// put nothing, and then nothing is looked up.
#[derive(Debug)]
pub(super) struct Awaited<T> {
    /// The index of the first entry.
    first: u64,
    entries: VecDeque<Option<T>>,
}

impl<T> Awaited<T> {
    pub(super) fn new() -> Self {
        Self { first: 0, entries: VecDeque::new() }
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
    }

    /// The value under an index, once.
    #[inline]
    pub(super) fn take(&mut self, index: u64) -> Option<T> {
        if self.entries.is_empty() {
            return None;
        }
        let place = usize::try_from(index.checked_sub(self.first)?).ok()?;
        let value = self.entries.get_mut(place)?.take();
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
}

//! A partition: its rows in clustering order, its static row, its deletions.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::cell::Deletion;
use super::merge::{MergeRules, later};
use super::ranges::DeletedRanges;
use super::row::Row;

/// Everything under one partition key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partition {
    rows: Rows,
    /// What few partitions have.
    extra: Option<Box<Extra>>,
}

/// Rows by the sortable form of their clustering key.
#[derive(Debug, Clone)]
enum Rows {
    /// At most the row of the empty key, as in every table without clustering columns.
    Single(Option<Row>),
    Many(BTreeMap<Box<[u8]>, Row>),
}

impl Default for Rows {
    fn default() -> Self {
        Self::Single(None)
    }
}

#[derive(Debug, Clone, Default)]
struct Extra {
    deletion: Option<Deletion>,
    static_row: Option<Row>,
    ranges: DeletedRanges,
}

/// Bytes that a row of a map takes beside its own and its key's.
const ENTRY_OVERHEAD: i64 = 48;

impl Partition {
    pub(crate) fn is_empty(&self) -> bool {
        let no_rows = match &self.rows {
            Rows::Single(row) => row.is_none(),
            Rows::Many(rows) => rows.is_empty(),
        };
        no_rows && self.extra.is_none()
    }

    pub(crate) fn static_row(&self) -> Option<&Row> {
        self.extra.as_ref()?.static_row.as_ref()
    }

    pub(crate) fn row(&self, key: &[u8]) -> Option<&Row> {
        match &self.rows {
            Rows::Single(row) => row.as_ref().filter(|_| key.is_empty()),
            Rows::Many(rows) => rows.get(key),
        }
    }

    /// The rows from `start` (included) to `end` (excluded), in clustering order or against it.
    pub(crate) fn range<'a>(
        &'a self,
        start: Bound<&'a [u8]>,
        end: Option<&'a [u8]>,
        reversed: bool,
    ) -> Box<dyn Iterator<Item = (&'a [u8], &'a Row)> + 'a> {
        match &self.rows {
            Rows::Single(row) => {
                // The empty key is before every end, and after an excluded start.
                let included = !matches!(start, Bound::Excluded(_)) && end.is_none_or(|end| !end.is_empty());
                Box::new(row.iter().filter(move |_| included).map(|row| (&[][..], row)))
            }
            Rows::Many(rows) => {
                let empty = match (start, end) {
                    (Bound::Included(start), Some(end)) => start >= end,
                    (Bound::Excluded(start), Some(end)) => start >= end,
                    _ => false,
                };
                if empty {
                    return Box::new(std::iter::empty());
                }
                let range = rows.range::<[u8], _>((start, end.map_or(Bound::Unbounded, Bound::Excluded)));
                let range = range.map(|(key, row)| (&**key, row));
                if reversed { Box::new(range.rev()) } else { Box::new(range) }
            }
        }
    }

    /// Merges a row in. Returns by how many bytes the partition grew.
    pub(crate) fn apply(&mut self, key: &[u8], new: Row, rules: &MergeRules<'_>) -> i64 {
        let shadow = self.extra.as_ref().and_then(|extra| later(extra.deletion, extra.ranges.covering(key)));
        if key.is_empty()
            && let Rows::Single(row) = &mut self.rows
        {
            return apply_to(row, new, shadow, rules);
        }
        let rows = self.many();
        let Some(old) = rows.get_mut(key) else {
            let Some(row) = admitted(new, shadow, rules) else {
                return 0;
            };
            let grown = (row.size() + key.len()) as i64 + ENTRY_OVERHEAD;
            rows.insert(key.into(), row);
            return grown;
        };
        let before = old.size() as i64;
        match rules.merge(old, &new, shadow) {
            Some(merged) => {
                let grown = merged.size() as i64 - before;
                *old = merged;
                grown
            }
            None => {
                rows.remove(key);
                -(before + key.len() as i64 + ENTRY_OVERHEAD)
            }
        }
    }

    /// Merges cells of static columns in.
    pub(crate) fn apply_static(&mut self, new: Row, rules: &MergeRules<'_>) -> i64 {
        let extra = self.extra.get_or_insert_default();
        let grown = apply_to(&mut extra.static_row, new, extra.deletion, rules);
        self.drop_empty_extra();
        grown
    }

    /// Deletes everything written up to a moment.
    pub(crate) fn delete(&mut self, deletion: Deletion, rules: &MergeRules<'_>) -> i64 {
        let extra = self.extra.get_or_insert_default();
        extra.deletion = later(extra.deletion, Some(deletion));
        let mut grown = 0;
        if let Some(row) = &extra.static_row {
            let purged = rules.purge(row, deletion);
            grown += purged.as_ref().map_or(0, |row| row.size() as i64) - row.size() as i64;
            extra.static_row = purged;
        }
        grown + self.purge_rows(Bound::Unbounded, None, deletion, rules)
    }

    /// Deletes the rows from `start` (included) to `end` (excluded) that were written up to a moment.
    pub(crate) fn delete_range(
        &mut self,
        start: &[u8],
        end: Option<&[u8]>,
        deletion: Deletion,
        rules: &MergeRules<'_>,
    ) -> i64 {
        let extra = self.extra.get_or_insert_default();
        extra.ranges.forget(rules.gc_before());
        extra.ranges.insert(start, end, deletion);
        self.purge_rows(Bound::Included(start), end, deletion, rules)
    }

    fn purge_rows(
        &mut self,
        start: Bound<&[u8]>,
        end: Option<&[u8]>,
        deletion: Deletion,
        rules: &MergeRules<'_>,
    ) -> i64 {
        let rows = match &mut self.rows {
            Rows::Single(row) => {
                let Some(old) = row else {
                    return 0;
                };
                let before = old.size() as i64;
                *row = rules.purge(old, deletion);
                return row.as_ref().map_or(0, |row| row.size() as i64) - before;
            }
            Rows::Many(rows) => rows,
        };
        if matches!((start, end), (Bound::Included(start), Some(end)) if start >= end) {
            return 0;
        }
        let mut grown = 0;
        let mut gone = Vec::new();
        for (key, row) in rows.range_mut::<[u8], _>((start, end.map_or(Bound::Unbounded, Bound::Excluded))) {
            let before = row.size() as i64;
            match rules.purge(row, deletion) {
                Some(purged) => {
                    grown += purged.size() as i64 - before;
                    *row = purged;
                }
                None => {
                    grown -= before + key.len() as i64 + ENTRY_OVERHEAD;
                    gone.push(key.clone());
                }
            }
        }
        for key in gone {
            rows.remove(&key);
        }
        grown
    }

    /// The rows as a map, turning the single one into its first entry.
    fn many(&mut self) -> &mut BTreeMap<Box<[u8]>, Row> {
        if let Rows::Single(row) = &mut self.rows {
            let entry = row.take().map(|row| (Box::default(), row));
            self.rows = Rows::Many(entry.into_iter().collect());
        }
        match &mut self.rows {
            Rows::Many(rows) => rows,
            Rows::Single(_) => unreachable!("turned into a map above"),
        }
    }

    fn drop_empty_extra(&mut self) {
        self.extra.take_if(|extra| {
            extra.deletion.is_none() && extra.static_row.is_none() && extra.ranges.is_empty()
        });
    }
}

/// A row that meets no other, without what deletions cover.
fn admitted(new: Row, shadow: Option<Deletion>, rules: &MergeRules<'_>) -> Option<Row> {
    match shadow {
        Some(shadow) => rules.purge(&new, shadow),
        None => Some(new),
    }
}

fn apply_to(place: &mut Option<Row>, new: Row, shadow: Option<Deletion>, rules: &MergeRules<'_>) -> i64 {
    let before = place.as_ref().map_or(0, |row| row.size() as i64);
    *place = match place.as_ref() {
        Some(old) => rules.merge(old, &new, shadow),
        None => admitted(new, shadow, rules),
    };
    place.as_ref().map_or(0, |row| row.size() as i64) - before
}

#[cfg(test)]
mod tests {
    use super::super::cell::{Liveness, Record, RecordKind};
    use super::super::row::RowBuilder;
    use super::*;
    use crate::catalog::{ColumnKind, ColumnType, TableBuilder, TableSchema};
    use chorus_protocol::CqlType;
    use uuid::Uuid;

    fn schema() -> TableSchema {
        let mut builder = TableBuilder::new(Uuid::nil(), "ks", "t");
        let int = || ColumnType::frozen(CqlType::Int);
        builder.column("k", ColumnKind::PartitionKey, int(), false).expect("a column");
        builder.column("v", ColumnKind::Regular, int(), false).expect("a column");
        builder.build()
    }

    fn written(timestamp: i64) -> Row {
        let mut builder = RowBuilder::new(Liveness { timestamp, expiry: None }, true, None, &[]);
        let kind = RecordKind::Value;
        builder.push(&Record { column: 1, kind, timestamp, expiry: None, path: None, value: &[1] });
        builder.finish()
    }

    fn keys(partition: &Partition, start: Bound<&[u8]>, end: Option<&[u8]>, reversed: bool) -> Vec<u8> {
        partition
            .range(start, end, reversed)
            .map(|(key, _)| key.first().copied().unwrap_or_default())
            .collect()
    }

    #[test]
    fn ranges_are_read_in_both_directions_and_empty_ones_are_empty() {
        let schema = schema();
        let rules = MergeRules { schema: &schema, now: 100 };
        let mut partition = Partition::default();
        for key in [3u8, 1, 2, 4] {
            partition.apply(&[key], written(1), &rules);
        }
        assert_eq!(keys(&partition, Bound::Unbounded, None, false), [1, 2, 3, 4]);
        assert_eq!(keys(&partition, Bound::Included(&[2]), Some(&[4]), true), [3, 2]);
        assert_eq!(keys(&partition, Bound::Excluded(&[2]), None, false), [3, 4]);
        assert!(keys(&partition, Bound::Included(&[3]), Some(&[2]), false).is_empty());
        assert!(keys(&partition, Bound::Excluded(&[3]), Some(&[3]), false).is_empty());
    }

    #[test]
    fn what_a_deletion_covers_does_not_come_back_with_a_late_write() {
        let schema = schema();
        let rules = MergeRules { schema: &schema, now: 100 };
        let mut partition = Partition::default();
        let mut size = 0;
        for key in [1u8, 2, 3] {
            size += partition.apply(&[key], written(10), &rules);
        }
        size += partition.delete_range(&[2], Some(&[3]), Deletion { timestamp: 10, at: 100 }, &rules);
        assert_eq!(keys(&partition, Bound::Unbounded, None, false), [1, 3]);
        size += partition.apply(&[2], written(9), &rules);
        assert!(partition.row(&[2]).is_none());
        size += partition.apply(&[2], written(11), &rules);
        assert!(partition.row(&[2]).is_some());
        size += partition.delete(Deletion { timestamp: 10, at: 100 }, &rules);
        assert_eq!(keys(&partition, Bound::Unbounded, None, false), [2]);
        size += partition.apply_static(written(10), &rules);
        assert!(partition.static_row().is_none());
        size += partition.delete(Deletion { timestamp: 20, at: 100 }, &rules);
        assert_eq!(size, 0, "sizes add up to nothing when nothing is left");
    }
}

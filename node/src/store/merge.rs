//! Which of two writes wins.
//!
//! The later timestamp. At equal timestamps: a deletion over what it covers, a tombstone over a value, a value that expires
//! over one that does not, the later end over the earlier, and at last the greater bytes, so that every order of arrival
//! ends with the same row.

use std::cmp::Ordering;

use super::cell::{Deletion, Liveness, Record, RecordKind};
use super::row::{Row, RowBuilder};
use crate::catalog::TableSchema;
use crate::value::compare;

/// What a merge has to know besides the two rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MergeRules<'a> {
    /// Orders the elements of collections, and says which columns still exist.
    pub(crate) schema: &'a TableSchema,
    /// The second it is.
    pub(crate) now: u32,
}

impl MergeRules<'_> {
    /// Tombstones made before this second have outlived their grace period.
    pub(crate) fn gc_before(&self) -> u32 {
        self.now.saturating_sub(self.schema.options.gc_grace_seconds.unsigned_abs())
    }

    /// One row out of two, without what a deletion around the row (`shadow`) covers. `None` when nothing is left.
    pub(crate) fn merge(&self, old: &Row, new: &Row, shadow: Option<Deletion>) -> Option<Row> {
        let (left, right) = (old.header(), new.header());
        let deletion = later(left.deletion, right.deletion)
            .filter(|deletion| shadow.is_none_or(|shadow| deletion.timestamp > shadow.timestamp))
            .filter(|deletion| deletion.at >= self.gc_before());
        let limit = later(later(left.deletion, right.deletion), shadow);
        let survives = |timestamp: i64| limit.is_none_or(|limit| timestamp > limit.timestamp);
        let liveness = match (left.liveness, right.liveness) {
            (Some(left), Some(right)) => Some(if supersedes(right, left, self.now) { right } else { left }),
            (left, right) => left.or(right),
        }
        .filter(|liveness| survives(liveness.timestamp))
        .filter(|liveness| liveness.expiry.is_none_or(|expiry| expiry.at >= self.gc_before()));
        let base =
            liveness.or(right.liveness).or(left.liveness).unwrap_or(Liveness { timestamp: 0, expiry: None });
        let clustering = if left.clustering.is_empty() { right.clustering } else { left.clustering };
        let mut builder = RowBuilder::new(base, liveness.is_some(), deletion, clustering);
        self.merge_records(left.records(), right.records(), &survives, &mut builder);
        (!builder.is_empty()).then(|| builder.finish())
    }

    /// The row without what a deletion covers.
    pub(crate) fn purge(&self, row: &Row, shadow: Deletion) -> Option<Row> {
        let nothing = RowBuilder::new(Liveness { timestamp: 0, expiry: None }, false, None, &[]).finish();
        self.merge(row, &nothing, Some(shadow))
    }

    fn merge_records<'a>(
        &self,
        left: impl Iterator<Item = Record<'a>>,
        right: impl Iterator<Item = Record<'a>>,
        survives: &impl Fn(i64) -> bool,
        builder: &mut RowBuilder,
    ) {
        let (mut left, mut right) = (left.peekable(), right.peekable());
        // The collection at hand and when it was last cleared.
        let mut cleared: Option<(u16, i64)> = None;
        let mut emit = |record: Record<'a>| {
            if !survives(record.timestamp) || self.schema.column_of_id(record.column).is_none() {
                return;
            }
            match cleared {
                Some((column, timestamp)) if column == record.column => {
                    if record.timestamp <= timestamp {
                        return;
                    }
                }
                _ => cleared = None,
            }
            if record.kind == RecordKind::Cleared {
                cleared = Some((record.column, record.timestamp));
            }
            if !record.is_purgeable(self.gc_before()) {
                builder.push(&record);
            }
        };
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(left), Some(right)) => self.position(left, right),
            };
            let winner = match order {
                Ordering::Less => left.next(),
                Ordering::Greater => right.next(),
                Ordering::Equal => left.next().zip(right.next()).map(|(left, right)| reconcile(left, right)),
            };
            if let Some(record) = winner {
                emit(record);
            }
        }
    }

    fn position(&self, left: &Record<'_>, right: &Record<'_>) -> Ordering {
        left.column.cmp(&right.column).then_with(|| match (left.path, right.path) {
            (None, None) => Ordering::Equal,
            // The clearing of a collection has no path and comes first.
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match self.schema.path_type(left.column) {
                Some(typ) => compare(typ, a, b),
                None => a.cmp(b),
            },
        })
    }
}

pub(super) fn later(left: Option<Deletion>, right: Option<Deletion>) -> Option<Deletion> {
    match (left, right) {
        (Some(left), Some(right)) => Some(if right.timestamp > left.timestamp { right } else { left }),
        (left, right) => left.or(right),
    }
}

fn supersedes(new: Liveness, old: Liveness, now: u32) -> bool {
    if new.timestamp != old.timestamp {
        return new.timestamp > old.timestamp;
    }
    let over = |liveness: Liveness| liveness.expiry.is_some_and(|expiry| expiry.is_over(now));
    if over(new) != over(old) {
        return over(new);
    }
    match (new.expiry, old.expiry) {
        (Some(new), Some(old)) => new.at > old.at,
        (new, _) => new.is_some(),
    }
}

fn reconcile<'a>(left: Record<'a>, right: Record<'a>) -> Record<'a> {
    let order = left
        .timestamp
        .cmp(&right.timestamp)
        .then_with(|| left.expiry.is_some().cmp(&right.expiry.is_some()))
        .then_with(|| (left.kind != RecordKind::Value).cmp(&(right.kind != RecordKind::Value)))
        .then_with(|| left.expiry.map(|expiry| expiry.at).cmp(&right.expiry.map(|expiry| expiry.at)))
        .then_with(|| left.value.cmp(right.value));
    if order.is_lt() { right } else { left }
}

#[cfg(test)]
mod tests;

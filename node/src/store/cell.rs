//! Cells and what surrounds them: when they were written, until when they live.

use crate::catalog::ColumnId;

/// The end of a value that lives for a while only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiry {
    /// Seconds it was given.
    pub(crate) ttl: u32,
    /// Second since the epoch at which it is gone.
    pub(crate) at: u32,
}

impl Expiry {
    pub(crate) fn is_over(self, now: u32) -> bool {
        self.at <= now
    }
}

/// The mark an INSERT leaves: the row exists even if all its columns are null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Liveness {
    /// Microseconds.
    pub(crate) timestamp: i64,
    pub(crate) expiry: Option<Expiry>,
}

/// Everything written up to a moment is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deletion {
    /// Microseconds; what was written at that moment or before is deleted.
    pub(crate) timestamp: i64,
    /// Second since the epoch when the deletion was made, after which the grace period begins.
    pub(crate) at: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    Value,
    /// A deleted cell.
    Tombstone,
    /// Everything the collection held up to the timestamp is deleted. Comes before the column's cells.
    Cleared,
}

/// One entry of a row: a cell, or the deletion of a whole collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) column: ColumnId,
    pub(crate) kind: RecordKind,
    /// Microseconds.
    pub(crate) timestamp: i64,
    /// Of a value its end, if it has one; of a tombstone `at` says when it was made.
    pub(crate) expiry: Option<Expiry>,
    /// Which element of a collection this is: the position's UUID in a list, the element in a set, the key in a map, the
    /// number of the field in a user type. `None` in a column that is one cell.
    pub(crate) path: Option<&'a [u8]>,
    pub(crate) value: &'a [u8],
}

impl Record<'_> {
    pub(crate) fn is_live(&self, now: u32) -> bool {
        self.kind == RecordKind::Value && !self.expiry.is_some_and(|expiry| expiry.is_over(now))
    }

    /// Whether nobody can need it any more: dead for longer than the grace period.
    pub(crate) fn is_purgeable(&self, gc_before: u32) -> bool {
        self.expiry.is_some_and(|expiry| expiry.at < gc_before)
    }
}

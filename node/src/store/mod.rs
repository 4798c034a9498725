//! Where rows live: tables, partitions, rows and cells, with their timestamps, tombstones and times to live.
//!
//! A [`Store`] holds one table. Partitions are in token order, split by token over locks of their own. A [`Row`] is one
//! block of bytes that is never changed but merged with another into a third; which write wins is decided in `merge.rs` and
//! nowhere else. Nothing here knows CQL: the executor turns statements into rows to merge and reads rows back.

mod cell;
mod merge;
mod partition;
mod ranges;
mod row;
mod table;

pub(crate) use cell::{Deletion, Expiry, Liveness, Record, RecordKind};
pub(crate) use merge::MergeRules;
pub(crate) use partition::Partition;
pub(crate) use row::{Row, RowBuilder, push_part, read_parts};
pub(crate) use table::{PartitionKey, Store};

//! Whole tables.

use std::time::Duration;

use chorus_protocol::{ColumnSpec, Consistency};

use super::Session;
use super::park::block_on;
use crate::error::Error;
use crate::scan::{CountReport, PartitionReport, ScanPage, ScanProgress, ScanRange};
use crate::{ExecutionProfile, Timeout, scan};

impl Session {
    /// See [`Session::scan`](crate::Session::scan).
    pub fn scan(&self, keyspace: impl Into<String>, table: impl Into<String>) -> Scan {
        Scan(self.inner.scan(keyspace, table))
    }
}

/// A table to be read; see [`scan::Scan`].
#[derive(Clone, Debug)]
#[must_use = "nothing is read before open(), count() or top_partitions()"]
pub struct Scan(scan::Scan);

impl Scan {
    /// See [`scan::Scan::columns`].
    pub fn columns<C: Into<String>>(self, columns: impl IntoIterator<Item = C>) -> Self {
        Self(self.0.columns(columns))
    }

    /// See [`scan::Scan::selector`].
    pub fn selector(self, cql: impl Into<String>) -> Self {
        Self(self.0.selector(cql))
    }

    /// See [`scan::Scan::filter`].
    pub fn filter(self, relation: impl Into<String>) -> Self {
        Self(self.0.filter(relation))
    }

    /// See [`scan::Scan::allow_filtering`].
    pub fn allow_filtering(self, allow: bool) -> Self {
        Self(self.0.allow_filtering(allow))
    }

    /// See [`scan::Scan::ranges`].
    pub fn ranges(self, ranges: impl IntoIterator<Item = ScanRange>) -> Self {
        Self(self.0.ranges(ranges))
    }

    /// See [`scan::Scan::page_size`].
    pub fn page_size(self, rows: u32) -> Self {
        Self(self.0.page_size(rows))
    }

    /// See [`scan::Scan::consistency`].
    pub fn consistency(self, consistency: Consistency) -> Self {
        Self(self.0.consistency(consistency))
    }

    /// See [`scan::Scan::timeout`].
    pub fn timeout(self, timeout: impl Into<Timeout>) -> Self {
        Self(self.0.timeout(timeout))
    }

    /// See [`scan::Scan::profile`].
    pub fn profile(self, profile: &ExecutionProfile) -> Self {
        Self(self.0.profile(profile))
    }

    /// See [`scan::Scan::concurrency`].
    pub fn concurrency(self, requests: usize) -> Self {
        Self(self.0.concurrency(requests))
    }

    /// See [`scan::Scan::patience`].
    pub fn patience(self, patience: Duration) -> Self {
        Self(self.0.patience(patience))
    }

    /// See [`scan::Scan::progress`].
    #[must_use]
    pub fn progress(&self) -> ScanProgress {
        self.0.progress()
    }

    /// See [`scan::Scan::open`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn open(self) -> Result<TableScan, Error> {
        block_on(self.0.open()).map(TableScan)
    }

    /// See [`scan::Scan::count`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn count(self) -> Result<CountReport, Error> {
        block_on(self.0.count())
    }

    /// See [`scan::Scan::top_partitions`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn top_partitions(self, most: usize) -> Result<PartitionReport, Error> {
        block_on(self.0.top_partitions(most))
    }
}

/// A table being read; see [`scan::TableScan`]. Its pages one by one are what it yields.
#[derive(Debug)]
#[must_use = "a scan reads while pages are asked for"]
pub struct TableScan(scan::TableScan);

impl TableScan {
    /// See [`scan::TableScan::columns`].
    pub fn columns(&self) -> &[ColumnSpec] {
        self.0.columns()
    }

    /// See [`scan::TableScan::progress`].
    #[must_use]
    pub fn progress(&self) -> ScanProgress {
        self.0.progress()
    }

    /// See [`scan::TableScan::is_complete`].
    pub fn is_complete(&self) -> bool {
        self.0.is_complete()
    }

    /// See [`scan::TableScan::next_page`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn next_page(&mut self) -> Result<Option<ScanPage>, Error> {
        block_on(self.0.next_page())
    }
}

impl Iterator for TableScan {
    type Item = Result<ScanPage, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_page().transpose()
    }
}

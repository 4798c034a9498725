//! What counting found.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chorus_protocol::CqlValue;
use chorus_topology::Host;

use super::range::ScanRange;
use crate::Error;

/// How many rows a table has; made by [`Scan::count`](super::Scan::count).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CountReport {
    /// The table, as it stands in CQL.
    pub table: String,
    /// The pieces that were counted, in the order of their tokens. Of a count that ended early some are missing.
    pub ranges: Vec<RangeCount>,
    /// Why it ended.
    pub ending: CountEnding,
    /// The share of the tokens that was counted: 1 for a complete count.
    pub share: f64,
    /// How often a piece was asked for again.
    pub retries: u64,
    /// How often a piece was cut because it took too long.
    pub splits: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// The rows of one piece of a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RangeCount {
    /// Its tokens.
    pub range: ScanRange,
    /// The host of its first replica, where that is known.
    pub host: Option<Arc<Host>>,
    /// Its rows.
    pub rows: u64,
}

/// Why counting ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CountEnding {
    /// Every row was counted.
    Complete,
    /// Somebody stopped it.
    Stopped,
    /// A piece could not be counted.
    Failed(Error),
}

impl CountReport {
    /// The rows of the whole table; `None` when the count ended early, because then nobody knows.
    pub fn total(&self) -> Option<u64> {
        self.is_complete().then(|| self.counted())
    }

    /// The rows that were counted: all of them, or those of the pieces that are known.
    pub fn counted(&self) -> u64 {
        self.ranges.iter().map(|range| range.rows).sum()
    }

    /// Whether every row was counted.
    pub fn is_complete(&self) -> bool {
        matches!(self.ending, CountEnding::Complete)
    }

    /// The rows by the host that is their first replica, the most first.
    pub fn by_host(&self) -> Vec<(Option<Arc<Host>>, u64)> {
        let mut hosts: HashMap<Option<chorus_topology::HostIndex>, (Option<Arc<Host>>, u64)> = HashMap::new();
        for range in &self.ranges {
            let index = range.host.as_ref().map(|host| host.index);
            hosts.entry(index).or_insert_with(|| (range.host.clone(), 0)).1 += range.rows;
        }
        let mut hosts: Vec<_> = hosts.into_values().collect();
        hosts.sort_by_key(|(host, rows)| (std::cmp::Reverse(*rows), host.as_ref().map(|host| host.index)));
        hosts
    }
}

/// `shop.orders: 5 rows`, or what is known of a count that ended early.
impl fmt::Display for CountReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.total() {
            Some(rows) => write!(f, "{}: {rows} rows", self.table),
            None => write!(
                f,
                "{}: at least {} rows, counted in {:.1} % of the tokens",
                self.table,
                self.counted(),
                self.share * 100.0
            ),
        }
    }
}

/// The largest partitions of a table; made by [`Scan::top_partitions`](super::Scan::top_partitions).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartitionReport {
    /// The table, as it stands in CQL.
    pub table: String,
    /// The names of the columns of the partition key.
    pub key: Vec<String>,
    /// The partitions with the most rows, the largest first.
    pub largest: Vec<PartitionCount>,
    /// How many partitions were seen.
    pub partitions: u64,
    /// How many rows were seen.
    pub rows: u64,
    /// Why it ended. Unless it is complete there may be larger partitions.
    pub ending: CountEnding,
    /// The share of the tokens that was read: 1 when it is complete.
    pub share: f64,
    /// How often a page was asked for again.
    pub retries: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl PartitionReport {
    /// Whether every row was seen.
    pub fn is_complete(&self) -> bool {
        matches!(self.ending, CountEnding::Complete)
    }
}

/// A partition and its size.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PartitionCount {
    /// The values of its key.
    pub key: Vec<CqlValue>,
    /// Its rows.
    pub rows: u64,
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use chorus_topology::HostIndex;
    use uuid::Uuid;

    use super::*;

    fn host(number: u32) -> Arc<Host> {
        let mut host = Host::new(Uuid::from_u128(number.into()), SocketAddr::from(([10, 0, 0, 1], 9042)));
        host.index = HostIndex(number);
        Arc::new(host)
    }

    fn report(ending: CountEnding) -> CountReport {
        let range = |host, rows| RangeCount { range: ScanRange::ALL, host, rows };
        CountReport {
            table: "shop.orders".into(),
            ranges: vec![
                range(Some(host(1)), 5),
                range(Some(host(2)), 10),
                range(Some(host(1)), 7),
                range(None, 1),
            ],
            ending,
            share: 0.256,
            retries: 0,
            splits: 0,
            elapsed: Duration::ZERO,
        }
    }

    #[test]
    fn a_count_that_ended_early_has_no_total_and_does_not_look_as_if_it_had() {
        let report = report(CountEnding::Stopped);
        assert_eq!((report.total(), report.counted()), (None, 23));
        assert_eq!(report.to_string(), "shop.orders: at least 23 rows, counted in 25.6 % of the tokens");
    }

    #[test]
    fn rows_are_added_up_by_host() {
        let report = report(CountEnding::Complete);
        assert_eq!(report.total(), Some(23));
        assert_eq!(report.to_string(), "shop.orders: 23 rows");
        let hosts: Vec<_> = report
            .by_host()
            .iter()
            .map(|(host, rows)| (host.as_ref().map(|host| host.index.0), *rows))
            .collect();
        assert_eq!(hosts, [(Some(1), 12), (Some(2), 10), (None, 1)]);
    }
}

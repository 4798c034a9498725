//! Counting rows, piece by piece.

use std::collections::HashMap;
use std::time::Instant;

use super::page::ScanPage;
use super::table_scan::{TableScan, counted};
use super::{CountEnding, CountReport, RangeCount, Scan};
use crate::error::Error;

impl Scan {
    /// Counts the rows: each piece by a `SELECT count(*)` of its own, so that no request has more to do than it has time for. A piece
    /// whose count fails is counted again as a whole, one that takes too long in smaller parts; a row is counted once.
    ///
    /// The columns do not matter; filters do. A count that cannot go on, or is [stopped](super::ScanProgress::stop), reports what is
    /// known, and has no [total](CountReport::total).
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open): when counting could not begin.
    pub async fn count(self) -> Result<CountReport, Error> {
        let began = Instant::now();
        let table = self.known_table().await?;
        let session = self.session.clone();
        let mut scan = self.begin(&table, "count(*)".to_owned(), true).await?;
        let mut pieces: HashMap<u32, Tally> = HashMap::new();
        let ending = loop {
            match scan.next_page().await {
                Ok(Some(page)) => {
                    let rows = counted(page.result())?;
                    let tally = pieces.entry(page.piece()).or_default();
                    tally.rows += rows;
                    if page.is_last() {
                        tally.whole = Some(page);
                    }
                }
                Ok(None) => break CountEnding::Complete,
                Err(error) => break ending_of(&scan, error),
            }
        };
        let state = session.state();
        let host = |page: &ScanPage| Some(state.route.host(page.first_replica()?)?.host.clone());
        // A piece that was not counted to its end would be a part of a number.
        let whole = pieces.into_values().filter_map(|tally| Some((tally.whole?, tally.rows)));
        let mut ranges: Vec<RangeCount> = whole
            .map(|(page, rows)| RangeCount { host: host(&page), range: page.range().clone(), rows })
            .collect();
        ranges.sort_by(|one, two| one.range.after.cmp(&two.range.after));
        let progress = scan.progress();
        Ok(CountReport {
            table: scan.table_text().to_owned(),
            ranges,
            ending,
            share: progress.share(),
            retries: progress.retries(),
            splits: progress.splits(),
            elapsed: began.elapsed(),
        })
    }
}

/// What is known of a piece.
#[derive(Default)]
struct Tally {
    rows: u64,
    /// Its last page, once that has come.
    whole: Option<ScanPage>,
}

/// Why a scan ended that has an error instead of a page.
pub(super) fn ending_of(scan: &TableScan, error: Error) -> CountEnding {
    if scan.progress().is_stopped() { CountEnding::Stopped } else { CountEnding::Failed(error) }
}

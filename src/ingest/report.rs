//! What a bulk insert did.

use std::time::Duration;

use crate::error::Error;

/// The truth about a bulk insert: each row that was put in is written or failed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BulkReport {
    /// Rows the cluster has acknowledged.
    pub written: u64,
    /// Rows that failed for good, each with the [index](Error::index) it was put in at, in that order once the insert has
    /// ended. Some may have been written all the same: [`may_have_been_applied`](Error::may_have_been_applied) tells which.
    pub failed: Vec<Error>,
    /// How often a row was sent again.
    pub retries: u64,
    /// From the first row to the last acknowledgement.
    pub elapsed: Duration,
}

impl BulkReport {
    /// Acknowledged rows a second.
    pub fn rows_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.written as f64 / seconds } else { 0.0 }
    }
}

/// The truth about a bulk insert that gives rows back; see [`BulkInsert::load_returning`](super::BulkInsert::load_returning).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BulkOutcome<R> {
    /// What became of all rows that were taken.
    pub report: BulkReport,
    /// The rows that were not written, or may not have been, by their index.
    pub returned: Vec<ReturnedRow<R>>,
    /// Why not all rows were taken: the failure that was one too many, or the end of the session.
    pub stopped_by: Option<Error>,
}

/// A row that was not written, or may not have been.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReturnedRow<R> {
    /// Its place in the input, from zero.
    pub index: u64,
    /// The row itself.
    pub row: R,
    /// Why it comes back. [`may_have_been_applied`](Error::may_have_been_applied) tells whether it may be there all the same.
    pub error: Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_of_nothing_has_no_rate() {
        assert_eq!(BulkReport::default().rows_per_second(), 0.0);
        let report =
            BulkReport { written: 500, elapsed: Duration::from_millis(250), ..BulkReport::default() };
        assert_eq!(report.rows_per_second(), 2_000.0);
    }
}

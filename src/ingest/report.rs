//! What a bulk insert did.

use std::time::Duration;

use crate::error::Error;

/// The truth about a bulk insert: each row that was put in is written or failed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BulkReport {
    /// Rows the cluster has acknowledged.
    pub written: u64,
    /// Rows that failed for good, each with the [index](Error::index) it was put in at. Some may have been written all the
    /// same: [`may_have_been_applied`](Error::may_have_been_applied) tells which.
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

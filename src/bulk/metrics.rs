//! The numbers of a load for the `metrics` facade, under the names of [`catalog`](crate::metrics::catalog).

use super::progress::Progress;
use crate::metrics::catalog;

impl Progress {
    /// Publishes the numbers of this moment through the `metrics` facade: `chorus_bulk_rows_total` by stage,
    /// `chorus_bulk_in_flight`, `chorus_bulk_source_bytes_total` and `chorus_bulk_source_size_bytes`. Call it as often
    /// as somebody looks.
    pub fn publish(&self) {
        let now = self.snapshot();
        let stages = [
            ("read", now.read),
            ("written", now.written),
            ("rejected", now.rejected),
            ("retried", now.retried),
        ];
        for (stage, rows) in stages {
            metrics::counter!(catalog::BULK_ROWS.name, "stage" => stage).absolute(rows);
        }
        metrics::gauge!(catalog::BULK_IN_FLIGHT.name).set(now.in_flight as f64);
        metrics::counter!(catalog::BULK_SOURCE_BYTES.name).absolute(now.source_read);
        metrics::gauge!(catalog::BULK_SOURCE_SIZE.name).set(now.source_size as f64);
    }
}

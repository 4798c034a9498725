//! The numbers of a load for the `metrics` facade, under the names of [`catalog`](crate::metrics::catalog).

use super::progress::Progress;

impl Progress {
    /// Publishes the numbers of this moment through the `metrics` facade: `chorus_bulk_rows_total` by stage,
    /// `chorus_bulk_in_flight`, `chorus_bulk_source_bytes_total` and `chorus_bulk_source_size_bytes`. Call it as often
    /// as they are looked at; [`PrometheusEndpoint::start_with`](crate::metrics::PrometheusEndpoint::start_with) does.
    pub fn publish(&self) {
        let now = self.snapshot();
        let stages =
            [("read", now.read), ("written", now.written), ("rejected", now.rejected), ("retried", now.retried)];
        for (stage, rows) in stages {
            metrics::counter!("chorus_bulk_rows_total", "stage" => stage).absolute(rows);
        }
        metrics::gauge!("chorus_bulk_in_flight").set(now.in_flight as f64);
        metrics::counter!("chorus_bulk_source_bytes_total").absolute(now.source_read);
        metrics::gauge!("chorus_bulk_source_size_bytes").set(now.source_size as f64);
    }
}

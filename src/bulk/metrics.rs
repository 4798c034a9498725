//! The numbers of a load for the `metrics` facade, under the names of [`catalog`](crate::metrics::catalog).

use super::progress::{Limit, Progress};
use crate::metrics::catalog;

impl Progress {
    /// Publishes the numbers of this moment through the `metrics` facade: everything in the catalogue that begins with
    /// `chorus_bulk_`. Call it as often as somebody looks.
    pub fn publish(&self) {
        let now = self.snapshot();
        for metric in catalog::CATALOG.iter().filter(|metric| metric.owner == catalog::Owner::Bulk) {
            crate::metrics::describe(metric);
        }
        let stages = [
            ("read", now.read),
            ("bound", now.bound),
            ("written", now.written),
            ("rejected", now.rejected),
            ("retried", now.retried),
        ];
        for (stage, rows) in stages {
            metrics::counter!(catalog::BULK_ROWS.name, "stage" => stage).absolute(rows);
        }
        for (stage, rows) in ["read", "bind", "write"].into_iter().zip(now.rejected_by) {
            metrics::counter!(catalog::BULK_REJECTED.name, "stage" => stage).absolute(rows);
        }
        metrics::gauge!(catalog::BULK_IN_FLIGHT.name).set(now.in_flight as f64);
        metrics::gauge!(catalog::BULK_LIMIT.name).set(now.in_flight_limit as f64);
        for limit in Limit::ALL {
            let is_it = f64::from(u8::from(limit == now.limited_by));
            metrics::gauge!(catalog::BULK_LIMITED_BY.name, "by" => limit.name()).set(is_it);
        }
        metrics::counter!(catalog::BULK_SOURCE_BYTES.name).absolute(now.source_read);
        metrics::gauge!(catalog::BULK_SOURCE_SIZE.name).set(now.source_size as f64);
        let age = now.checkpoint_age.unwrap_or_default();
        metrics::gauge!(catalog::BULK_CHECKPOINT_AGE.name).set(age.as_secs_f64());
        for (outcome, count) in [("written", now.checkpoints_written), ("failed", now.checkpoints_failed)] {
            metrics::counter!(catalog::BULK_CHECKPOINTS.name, "outcome" => outcome).absolute(count);
        }
    }
}

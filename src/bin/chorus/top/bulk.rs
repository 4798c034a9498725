//! A bulk load, from the numbers that its program publishes.

use chorus::metrics::ProgramNumber;
use chorus::metrics::catalog;
use serde::Serialize;

/// A bulk load in one interval.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BulkView {
    /// Rows by how far they came: all of them, and by the second.
    pub(crate) rows: Vec<Rows>,
    pub(crate) in_flight: u64,
    pub(crate) in_flight_limit: u64,
    /// What keeps it from going faster.
    pub(crate) limited_by: &'static str,
    pub(crate) source_bytes: f64,
    /// `None` when unknown, as of a pipe.
    pub(crate) source_size: Option<f64>,
    pub(crate) source_bytes_per_second: f64,
    /// At the rate of the interval; `None` when that is unknown.
    pub(crate) seconds_left: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Rows {
    pub(crate) stage: &'static str,
    pub(crate) total: f64,
    pub(crate) per_second: f64,
}

/// How far rows come, in the order in which they do; then why they were rejected.
const STAGES: [(&str, &catalog::Metric, &str); 8] = [
    ("read", &catalog::BULK_ROWS, "read"),
    ("bound", &catalog::BULK_ROWS, "bound"),
    ("written", &catalog::BULK_ROWS, "written"),
    ("retried", &catalog::BULK_ROWS, "retried"),
    ("rejected", &catalog::BULK_ROWS, "rejected"),
    ("rejected: no record", &catalog::BULK_REJECTED, "read"),
    ("rejected: unfit", &catalog::BULK_REJECTED, "bind"),
    ("rejected: by server", &catalog::BULK_REJECTED, "write"),
];

impl BulkView {
    /// `None` when the program publishes nothing of a load.
    pub(super) fn between(before: &[ProgramNumber], now: &[ProgramNumber], seconds: f64) -> Option<Self> {
        let number = |numbers: &[ProgramNumber], metric: &catalog::Metric, stage: Option<&str>| {
            let is_it =
                |number: &&ProgramNumber| number.name == metric.name && number.label("stage") == stage;
            numbers.iter().find(is_it).map(|number| number.value.max(0.0))
        };
        let read = |metric, stage| number(now, metric, stage);
        // Everything is published together, so one of them says that there is a load.
        read(&catalog::BULK_ROWS, Some("read"))?;
        let per_second = |metric, stage| {
            let (now, before) =
                (read(metric, stage).unwrap_or(0.0), number(before, metric, stage).unwrap_or(0.0));
            // What began anew counts from there.
            let more = if now >= before { now - before } else { now };
            if seconds > 0.0 { more / seconds } else { 0.0 }
        };
        let rows = STAGES.map(|(name, metric, stage)| Rows {
            stage: name,
            total: read(metric, Some(stage)).unwrap_or(0.0),
            per_second: per_second(metric, Some(stage)),
        });
        let mut limits = catalog::BULK_LIMITED_BY.labels[0].values.iter().copied();
        let limited_by = limits.find(|limit| {
            let is_it = |number: &ProgramNumber| {
                number.name == catalog::BULK_LIMITED_BY.name
                    && number.label("by") == Some(*limit)
                    && number.value > 0.0
            };
            now.iter().any(is_it)
        });
        let source_bytes = read(&catalog::BULK_SOURCE_BYTES, None).unwrap_or(0.0);
        let source_size = read(&catalog::BULK_SOURCE_SIZE, None).filter(|size| *size > 0.0);
        let source_bytes_per_second = per_second(&catalog::BULK_SOURCE_BYTES, None);
        let seconds_left = source_size
            .filter(|_| source_bytes_per_second > 0.0)
            .map(|size| (size - source_bytes).max(0.0) / source_bytes_per_second);
        Some(Self {
            rows: rows.into(),
            in_flight: read(&catalog::BULK_IN_FLIGHT, None).unwrap_or(0.0) as u64,
            in_flight_limit: read(&catalog::BULK_LIMIT, None).unwrap_or(0.0) as u64,
            limited_by: limited_by.unwrap_or("none"),
            source_bytes,
            source_size,
            source_bytes_per_second,
            seconds_left,
        })
    }

    /// The share of the source that was read.
    pub(crate) fn progress(&self) -> Option<f64> {
        self.source_size.map(|size| (self.source_bytes / size).min(1.0))
    }

    /// Rows acknowledged by the second.
    pub(crate) fn written_per_second(&self) -> f64 {
        self.rows.iter().find(|rows| rows.stage == "written").map_or(0.0, |rows| rows.per_second)
    }
}

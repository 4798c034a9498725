//! Alerts about loads.

use super::{Alert, Severity, series};

/// Rows are under way and none gets through.
pub(super) const STALLED: Alert = Alert {
    name: "ChorusBulkStalled",
    severity: Severity::Page,
    hold: "2m",
    summary: "A bulk load does not get on.",
    expression: "sum by (instance) (rate(chorus_bulk_rows_total{stage=\"written\"}[2m])) == 0 and on (instance) chorus_bulk_in_flight > 0",
    meaning: "Rows are under way and none was written for minutes.",
    look: "Limited by and Rejected by stage; Hosts up.",
    action: "When the servers are gone the load waits for them, for as long as its patience allows, and goes on by itself.",
    fires: &[
        series(r#"chorus_bulk_rows_total{instance="app:9184",stage="written"}"#, "700x20"),
        series(r#"chorus_bulk_in_flight{instance="app:9184"}"#, "64x20"),
    ],
    quiet: &[
        series(r#"chorus_bulk_rows_total{instance="app:9184",stage="written"}"#, "0+600x20"),
        series(r#"chorus_bulk_in_flight{instance="app:9184"}"#, "64x20"),
    ],
    labels: &[],
    at: "10m",
};

/// Too many rows are rejected.
pub(super) const REJECTS: Alert = Alert {
    name: "ChorusBulkRejects",
    severity: Severity::Warn,
    hold: "1m",
    summary: "A bulk load rejects rows.",
    expression: "sum by (instance) (chorus_bulk_rows_total{stage=\"rejected\"}) / sum by (instance) (chorus_bulk_rows_total{stage=\"read\"}) > 0.01",
    meaning: "More than one row in a hundred could not be loaded.",
    look: "Rejected by stage, and the file of reasons beside the rejected rows.",
    action: "read: the file is not CSV as it was announced. bind: cells do not fit their columns. write: the server refuses them.",
    fires: &[
        series(r#"chorus_bulk_rows_total{instance="app:9184",stage="rejected"}"#, "0+10x20"),
        series(r#"chorus_bulk_rows_total{instance="app:9184",stage="read"}"#, "0+100x20"),
    ],
    quiet: &[
        series(r#"chorus_bulk_rows_total{instance="app:9184",stage="rejected"}"#, "0x20"),
        series(r#"chorus_bulk_rows_total{instance="app:9184",stage="read"}"#, "0+100x20"),
    ],
    labels: &[],
    at: "10m",
};

/// What is acknowledged is not written down.
pub(super) const CHECKPOINT: Alert = Alert {
    name: "ChorusBulkCheckpointOld",
    severity: Severity::Warn,
    hold: "1m",
    summary: "A bulk load writes rows and no checkpoint.",
    expression: "max by (instance) (chorus_bulk_checkpoint_age_seconds) > 60 and on (instance) sum by (instance) (rate(chorus_bulk_rows_total{stage=\"written\"}[2m])) > 0",
    meaning: "If the load is stopped now, everything since the last checkpoint is loaded again when it is resumed.",
    look: "Checkpoint age and Checkpoints; what the load says on standard error, with the reason; the disk that its run directory is on.",
    action: "Make room on that disk, or the directory writable. The load tries again every second and goes on meanwhile; nothing is lost as long as it runs.",
    fires: &[
        series(r#"chorus_bulk_checkpoint_age_seconds{instance="app:9184"}"#, "5+60x20"),
        series(r#"chorus_bulk_rows_total{instance="app:9184",stage="written"}"#, "0+600x20"),
    ],
    quiet: &[
        series(r#"chorus_bulk_checkpoint_age_seconds{instance="app:9184"}"#, "4x20"),
        series(r#"chorus_bulk_rows_total{instance="app:9184",stage="written"}"#, "0+600x20"),
        // One whose cluster is away acknowledges nothing, so there is nothing to write down.
        series(r#"chorus_bulk_checkpoint_age_seconds{instance="other:9184"}"#, "5+60x20"),
        series(r#"chorus_bulk_rows_total{instance="other:9184",stage="written"}"#, "700x20"),
    ],
    labels: &[],
    at: "10m",
};

//! The labels of metrics, and the values they may have.

use crate::metrics::{ControlSnapshot, FailureReason, MetricsSnapshot, StageTimes};

/// A label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// The values it may have; empty when they depend on the cluster or the program.
    pub values: &'static [&'static str],
}

const fn open(name: &'static str) -> Label {
    Label { name, values: &[] }
}

pub(super) const KIND: Label = Label { name: "kind", values: &["read", "write", "batch", "other"] };
pub(super) const OUTCOME: Label = Label { name: "outcome", values: &["ok", "error", "timeout", "cancelled"] };
pub(super) const STAGE: Label = Label { name: "stage", values: &StageTimes::NAMES };
pub(super) const WRITTEN: Label = Label { name: "written", values: &["yes", "no"] };
pub(super) const DECISION: Label = Label { name: "decision", values: &MetricsSnapshot::DECISIONS };
pub(super) const RETRY_REASON: Label = Label { name: "reason", values: &FailureReason::NAMES };
/// All but a connection that broke, which is no answer.
pub(super) const SERVER_ERROR: Label =
    Label { name: "error", values: FailureReason::NAMES.split_at(FailureReason::ALL.len() - 1).0 };
pub(super) const HIT: Label = Label {
    name: "hit",
    values: &["replica_shard", "replica_other_shard", "replica", "non_replica", "remote_dc", "unrouted"],
};
pub(super) const ATTEMPT_OUTCOME: Label =
    Label { name: "outcome", values: &["ok", "server_error", "timeout", "cancelled", "aborted", "unsent"] };
pub(super) const CLOSE_REASON: Label = Label {
    name: "reason",
    values: &["peer", "io", "tls", "heartbeat", "orphan_limit", "protocol", "shutdown", "lost"],
};
pub(super) const CONNECT_RESULT: Label = Label {
    name: "result",
    values: &["ok", "refused", "io", "timeout", "tls", "auth", "protocol", "server", "other"],
};
pub(super) const ACTOR: Label = Label {
    name: "actor",
    values: &["coordinator", "connection", "pool", "host", "control", "cluster", "metrics"],
};
pub(super) const STATE: Label = Label { name: "state", values: &["up", "down", "ignored"] };
pub(super) const TO: Label = Label { name: "to", values: &["up", "down"] };
pub(super) const EVENT: Label = Label { name: "event", values: &ControlSnapshot::EVENTS };
pub(super) const REFRESH_RESULT: Label = Label { name: "result", values: &["ok", "failed"] };
pub(super) const HINT: Label = Label { name: "hint", values: &["taken", "malformed"] };
pub(super) const ROW_STAGE: Label =
    Label { name: "stage", values: &["read", "bound", "written", "rejected", "retried"] };
pub(super) const REJECT_STAGE: Label = Label { name: "stage", values: &["read", "bind", "write"] };
pub(super) const LIMIT: Label = Label { name: "by", values: &["source", "window", "server", "none"] };
pub(super) const CHECKPOINT_OUTCOME: Label = Label { name: "outcome", values: &["written", "failed"] };
pub(super) const NODE: Label = open("node");
pub(super) const HOST_ID: Label = open("host_id");
pub(super) const DC: Label = open("dc");
pub(super) const RACK: Label = open("rack");
pub(super) const VERSION: Label = open("version");
pub(super) const SHARDS: Label = open("shards");
pub(super) const REACTOR: Label = open("reactor");

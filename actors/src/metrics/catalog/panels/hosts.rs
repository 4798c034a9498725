//! Hosts, their pools, and the control plane.

use super::super::query::Query::{self, Now, Quantile, Rate, Ratio};
use super::super::table::*;
use super::{
    Form::{Lines, Number, Stack},
    PanelUnit::{BytesPerSecond, Count as Things, PerSecond, Seconds, Share},
    Row, of_shards, only, panel, series,
};

const SERVICE: Query = Rate(&NODE_SERVICE, &["node"], None);
const ANSWERED: Query = Rate(&NODE_ATTEMPTS, &["node"], only("outcome", &["ok", "server_error"]));
const MISSED: &[&str] = &["server_error", "timeout", "cancelled", "aborted", "unsent"];

pub(super) const HOSTS: Row = Row {
    title: "Hosts",
    panels: &[
        panel(
            "Members",
            Stack,
            Things,
            "The cluster as the driver knows it.",
            &[series("{{state}}", Now(&NODES, &["state"], None))],
        ),
        panel(
            "Up",
            Lines,
            Things,
            "1 while a host is reachable.",
            &[series("{{node}}", Now(&NODE_UP, &["node"], None))],
        ),
        panel(
            "Attempts by host",
            Stack,
            PerSecond,
            "Who does the work; unequal shares are a sign of bad routing or slow hosts.",
            &[series("{{node}}", Rate(&NODE_ATTEMPTS, &["node"], None))],
        ),
        panel(
            "Failed attempts by host",
            Stack,
            PerSecond,
            "Errors, timeouts, and what was lost with connections.",
            &[series("{{node}}", Rate(&NODE_ATTEMPTS, &["node"], only("outcome", MISSED)))],
        ),
        panel(
            "Mean service time by host",
            Lines,
            Seconds,
            "From the write buffer to the answer.",
            &[series("{{node}}", Ratio(&SERVICE, &ANSWERED))],
        ),
        panel(
            "p99 service time by host",
            Lines,
            Seconds,
            "Only in clusters of few hosts.",
            &[series("{{node}}", Quantile(0.99, &NODE_DURATION, &["node"]))],
        ),
        panel(
            "In flight by host",
            Lines,
            Things,
            "Requests on the way or queued.",
            &[series("{{node}}", Now(&NODE_IN_FLIGHT, &["node"], None))],
        ),
        panel(
            "Bytes sent by host",
            Stack,
            BytesPerSecond,
            "After compression.",
            &[series("{{node}}", Rate(&NODE_SENT_BYTES, &["node"], None))],
        ),
        panel(
            "Bytes received by host",
            Stack,
            BytesPerSecond,
            "Before decompression.",
            &[series("{{node}}", Rate(&NODE_RECEIVED_BYTES, &["node"], None))],
        ),
        panel(
            "Status changes",
            Lines,
            Things,
            "How often hosts came up and went down.",
            &[series("{{node}} {{to}}", Now(&NODE_STATUS_CHANGES, &["node", "to"], None))],
        ),
        panel(
            "Who is who",
            Number,
            Things,
            "Versions of hosts by datacenter and rack.",
            &[series("{{dc}} {{rack}} {{version}}", Now(&NODE_INFO, &["dc", "rack", "version"], None))],
        ),
        panel(
            "Without series of their own",
            Number,
            Things,
            "Hosts that share one series, because there would be too many.",
            &[series("folded", Now(&NODES_FOLDED, &[], None))],
        ),
    ],
};

pub(super) const POOLS: Row = Row {
    title: "Pools",
    panels: &[
        panel(
            "Connections",
            Lines,
            Things,
            "Connections in service, by host.",
            &[series("{{node}}", Now(&CONNECTIONS, &["node"], None))],
        ),
        panel(
            "Connections there should be",
            Lines,
            Things,
            "By host.",
            &[series("{{node}}", Now(&CONNECTIONS_TARGET, &["node"], None))],
        ),
        panel(
            "Hosts connected",
            Lines,
            Things,
            "Hosts that there is a connection to.",
            &[series("connected", Now(&NODES_CONNECTED, &[], None))],
        ),
        of_shards(panel(
            "Shards covered",
            Lines,
            Share,
            "The share of a host's shards that a connection leads to.",
            &[series("{{node}}", Ratio(&SHARDS_CONNECTED, &ALL_SHARDS))],
        )),
        panel(
            "Dials by result",
            Stack,
            PerSecond,
            "Connections that were tried.",
            &[series("{{result}}", Rate(&CONNECTS, &["result"], None))],
        ),
        panel(
            "Connections that ended",
            Stack,
            PerSecond,
            "By reason.",
            &[series("{{reason}}", Rate(&DISCONNECTS, &["reason"], None))],
        ),
        panel(
            "Orphaned streams",
            Lines,
            Things,
            "Stream ids whose answer nobody waits for, by host.",
            &[series("{{node}}", Now(&ORPHANED_STREAMS, &["node"], None))],
        ),
        panel(
            "Heartbeats",
            Lines,
            PerSecond,
            "Probes on connections that were silent.",
            &[series("heartbeats", Rate(&HEARTBEATS, &[], None))],
        ),
    ],
};
const SHARDS_CONNECTED: Query = Now(&NODE_SHARDS_CONNECTED, &["node"], None);
const ALL_SHARDS: Query = Now(&NODE_SHARDS, &["node"], None);

pub(super) const CONTROL: Row = Row {
    title: "Control plane",
    panels: &[
        panel(
            "Control connection",
            Lines,
            Things,
            "1 while there is one.",
            &[
                series("up", Now(&CONTROL_UP, &[], None)),
                series("made", Now(&CONTROL_ESTABLISHED, &[], None)),
            ],
        ),
        panel(
            "Events",
            Lines,
            PerSecond,
            "What servers announce.",
            &[series("{{event}}", Rate(&EVENTS, &["event"], None))],
        ),
        panel(
            "Refreshes",
            Lines,
            PerSecond,
            "Reads of the system tables.",
            &[series("{{result}}", Rate(&REFRESHES, &["result"], None))],
        ),
        panel(
            "Tablets",
            Lines,
            Things,
            "Tablets learned from the servers.",
            &[series("known", Now(&TABLETS, &[], None))],
        ),
        panel(
            "Tablet hints",
            Lines,
            PerSecond,
            "Answers that told where a tablet is.",
            &[series("{{hint}}", Rate(&TABLET_HINTS, &["hint"], None))],
        ),
    ],
};

//! How requests fare.

use super::super::query::Query::{self, Count, Mean, Now, Quantile, Rate, Ratio};
use super::super::table::*;
use super::{
    Form::{Lines, Number, Stack},
    PanelUnit::{Bytes, BytesPerSecond, Count as Things, PerSecond, Seconds, Share},
    Row, of_shards, only, panel, series,
};

const ALL_REQUESTS: Query = Rate(&REQUESTS, &[], None);
const FAILED: Query = Rate(&REQUESTS, &[], only("outcome", &["error", "timeout"]));
const ENDED: Query = Count(&REQUEST_DURATION, &[]);
const STAGES: Query = Rate(&REQUEST_STAGES, &["stage"], None);
const ROUTED: Query = Rate(&ROUTING, &[], None);
const TO_SHARDS: Query = Rate(&ROUTING, &[], only("hit", &["replica_shard"]));
const TO_REPLICAS: Query =
    Rate(&ROUTING, &[], only("hit", &["replica_shard", "replica_other_shard", "replica"]));

pub(super) const NOW: Row = Row {
    title: "Now",
    panels: &[
        panel(
            "Requests",
            Number,
            PerSecond,
            "Requests that end in a second.",
            &[series("requests", ALL_REQUESTS)],
        ),
        panel(
            "Failures",
            Number,
            Share,
            "The share of requests that end with an error or a timeout.",
            &[series("failures", Ratio(&FAILED, &ALL_REQUESTS))],
        ),
        panel(
            "p50",
            Number,
            Seconds,
            "Half of the requests take no longer.",
            &[series("p50", Quantile(0.5, &REQUEST_DURATION, &[]))],
        ),
        panel(
            "p99",
            Number,
            Seconds,
            "One request in a hundred takes longer.",
            &[series("p99", Quantile(0.99, &REQUEST_DURATION, &[]))],
        ),
        panel(
            "In flight",
            Number,
            Things,
            "Requests whose answer has not come.",
            &[series("in flight", Now(&REQUESTS_IN_FLIGHT, &[], None))],
        ),
        panel(
            "Hosts up",
            Number,
            Things,
            "Members of the cluster that are reachable.",
            &[series("up", Now(&NODES, &[], only("state", &["up"])))],
        ),
        panel(
            "To replicas",
            Number,
            Share,
            "The share of first attempts that go to a replica of their partition.",
            &[series("to replicas", Ratio(&TO_REPLICAS, &ROUTED))],
        ),
        of_shards(panel(
            "To their shard",
            Number,
            Share,
            "The share of first attempts that go to the very shard that owns their partition.",
            &[series("to their shard", Ratio(&TO_SHARDS, &ROUTED))],
        )),
    ],
};

pub(super) const TRAFFIC: Row = Row {
    title: "Traffic",
    panels: &[
        panel(
            "Requests by kind",
            Stack,
            PerSecond,
            "What the program asks for.",
            &[series("{{kind}}", Rate(&REQUESTS, &["kind"], None))],
        ),
        panel(
            "Requests by outcome",
            Stack,
            PerSecond,
            "How requests end, each counted once.",
            &[series("{{outcome}}", Rate(&REQUESTS, &["outcome"], None))],
        ),
        panel(
            "Routing",
            Stack,
            PerSecond,
            "Where first attempts go, from the shard that owns the partition to any host.",
            &[series("{{hit}}", Rate(&ROUTING, &["hit"], None))],
        ),
        panel(
            "Further pages",
            Lines,
            PerSecond,
            "Pages fetched after the first one of their result.",
            &[series("pages", Rate(&NEXT_PAGES, &[], None))],
        ),
    ],
};

pub(super) const LATENCY: Row = Row {
    title: "Latency",
    panels: &[
        panel(
            "Request latency",
            Lines,
            Seconds,
            "From the caller handing a request over to its end.",
            &[
                series("p50", Quantile(0.5, &REQUEST_DURATION, &[])),
                series("p95", Quantile(0.95, &REQUEST_DURATION, &[])),
                series("p99", Quantile(0.99, &REQUEST_DURATION, &[])),
                series("p99.9", Quantile(0.999, &REQUEST_DURATION, &[])),
                series("mean", Mean(&REQUEST_DURATION, &[])),
            ],
        ),
        panel(
            "Where the time goes",
            Stack,
            Seconds,
            "The mean request, stage by stage: the height is its latency.",
            &[series("{{stage}}", Ratio(&STAGES, &ENDED))],
        ),
        panel(
            "Service time",
            Lines,
            Seconds,
            "What servers take, without any wait in this program.",
            &[
                series("p50", Quantile(0.5, &ATTEMPT_DURATION, &[])),
                series("p99", Quantile(0.99, &ATTEMPT_DURATION, &[])),
            ],
        ),
    ],
};

pub(super) const TROUBLE: Row = Row {
    title: "Trouble",
    panels: &[
        panel(
            "Errors of servers",
            Stack,
            PerSecond,
            "Answers that were errors, before anything was decided about them.",
            &[series("{{error}}", Rate(&SERVER_ERRORS, &["error"], None))],
        ),
        panel(
            "Retries by reason",
            Stack,
            PerSecond,
            "Requests sent again.",
            &[series("{{reason}}", Rate(&RETRIES, &["reason"], None))],
        ),
        panel(
            "Decisions",
            Lines,
            PerSecond,
            "What becomes of failed attempts.",
            &[
                series("{{decision}}", Rate(&RETRIES, &["decision"], None)),
                series("given up", Rate(&GIVEN_UP, &[], None)),
                series("ignored", Rate(&IGNORED_ERRORS, &[], None)),
                series("refused by the budget", Rate(&RETRIES_REFUSED, &[], None)),
            ],
        ),
        panel(
            "Retry budget",
            Lines,
            Things,
            "Retries that are allowed now; at nothing, failures are not retried.",
            &[series("left", Now(&RETRY_BUDGET, &[], None))],
        ),
        panel(
            "Speculation",
            Lines,
            PerSecond,
            "Requests sent to a second host, and whether that paid.",
            &[
                series("sent", Rate(&SPECULATIVE, &[], None)),
                series("won", Rate(&SPECULATIVE_WINS, &[], None)),
                series("wasted", Rate(&SPECULATIVE_WASTED, &[], None)),
            ],
        ),
        panel(
            "Timeouts",
            Lines,
            PerSecond,
            "Requests that timed out; written ones may have been applied.",
            &[series("written: {{written}}", Rate(&REQUEST_TIMEOUTS, &["written"], None))],
        ),
        panel(
            "Attempts by outcome",
            Stack,
            PerSecond,
            "How single attempts end.",
            &[series("{{outcome}}", Rate(&ATTEMPT_OUTCOMES, &["outcome"], None))],
        ),
        panel(
            "Answers nobody waits for",
            Lines,
            PerSecond,
            "Stream ids left behind, and their answers when they come.",
            &[
                series("left behind", Rate(&ORPHANS, &[], None)),
                series("came late", Rate(&LATE_RESPONSES, &[], None)),
                series("never asked for", Rate(&UNKNOWN_STREAMS, &[], None)),
            ],
        ),
    ],
};

pub(super) const RESOURCES: Row = Row {
    title: "Resources",
    panels: &[
        panel(
            "Processor",
            Lines,
            Things,
            "Cores that the whole program keeps busy.",
            &[series("cores", Rate(&PROCESS_CPU, &[], None))],
        ),
        panel(
            "Memory",
            Lines,
            Bytes,
            "What the whole program occupies.",
            &[series("resident", Now(&PROCESS_MEMORY, &[], None))],
        ),
        panel(
            "Bytes",
            Lines,
            BytesPerSecond,
            "Over all connections.",
            &[
                series("sent", Rate(&SENT_BYTES, &[], None)),
                series("received", Rate(&RECEIVED_BYTES, &[], None)),
            ],
        ),
        panel(
            "Attempts and answers",
            Lines,
            PerSecond,
            "Frames out and in.",
            &[series("attempts", Rate(&ATTEMPTS, &[], None)), series("answers", Rate(&RESPONSES, &[], None))],
        ),
        panel(
            "System calls",
            Lines,
            PerSecond,
            "Reads and writes of sockets.",
            &[series("writes", Rate(&WRITES, &[], None)), series("reads", Rate(&READS, &[], None))],
        ),
        panel(
            "Frames together",
            Lines,
            Things,
            "Frames in one write, answers in one read: more is cheaper.",
            &[
                series("per write", Mean(&FRAMES_PER_WRITE, &[])),
                series("per read", Mean(&FRAMES_PER_READ, &[])),
            ],
        ),
        panel(
            "Prepared statements",
            Lines,
            Things,
            "Statements that the session knows.",
            &[series("prepared", Now(&PREPARED, &[], None))],
        ),
        panel(
            "Prepared again",
            Lines,
            PerSecond,
            "Statements that a server had forgotten.",
            &[series("prepared again", Rate(&REPREPARES, &[], None))],
        ),
        panel(
            "Version",
            Number,
            Things,
            "Sessions by the version of the driver.",
            &[series("{{version}}", Now(&BUILD_INFO, &["version"], None))],
        ),
    ],
};

//! The engine from inside, and bulk loads.

use super::super::query::Query::{self, Mean, Most, Now, Quantile, Rate, Ratio};
use super::super::table::*;
use super::{
    Form::{Lines, Number, Stack},
    PanelUnit::{BytesPerSecond, Count as Things, PerSecond, Seconds, Share},
    Row, of_load, panel, series,
};

const READ_BYTES: Query = Now(&BULK_SOURCE_BYTES, &[], None);
const SOURCE_SIZE: Query = Now(&BULK_SOURCE_SIZE, &[], None);

pub(super) const REACTORS: Row = Row {
    title: "Reactors",
    panels: &[
        panel(
            "Busy",
            Lines,
            Share,
            "The share of its time that a reactor works; near one, it is what limits.",
            &[series("{{reactor}}", Rate(&REACTOR_BUSY, &["reactor"], None))],
        ),
        panel(
            "Ticks",
            Lines,
            PerSecond,
            "How often reactors work.",
            &[series("{{reactor}}", Rate(&REACTOR_TICKS, &["reactor"], None))],
        ),
        panel(
            "Tick length",
            Lines,
            Seconds,
            "How long they work at a time.",
            &[series("mean", Mean(&REACTOR_TICK, &[])), series("p99", Quantile(0.99, &REACTOR_TICK, &[]))],
        ),
        panel(
            "Stalls of reactors",
            Lines,
            PerSecond,
            "Ticks of more than ten milliseconds.",
            &[series("{{reactor}}", Rate(&REACTOR_STALLS, &["reactor"], None))],
        ),
    ],
};

pub(super) const QUEUES: Row = Row {
    title: "Queues",
    panels: &[
        panel(
            "Waiting",
            Stack,
            Things,
            "What waits in all queues, by kind of actor.",
            &[series("{{actor}}", Now(&ACTOR_QUEUE_DEPTH, &["actor"], None))],
        ),
        panel(
            "Deepest queue",
            Lines,
            Things,
            "What waits in the deepest queue of a kind.",
            &[series("{{actor}}", Most(&ACTOR_QUEUE_DEPTH_MAX, &["actor"]))],
        ),
        panel(
            "Wait, mean",
            Lines,
            Seconds,
            "How long things wait in queues.",
            &[series("{{actor}}", Mean(&ACTOR_QUEUE_WAIT, &["actor"]))],
        ),
        panel(
            "Wait, p99",
            Lines,
            Seconds,
            "One in a hundred waits longer.",
            &[series("{{actor}}", Quantile(0.99, &ACTOR_QUEUE_WAIT, &["actor"]))],
        ),
    ],
};

pub(super) const HEALTH: Row = Row {
    title: "Actors",
    panels: &[
        panel(
            "Alive",
            Lines,
            Things,
            "Actors of each kind.",
            &[series("{{actor}}", Now(&ACTORS, &["actor"], None))],
        ),
        panel(
            "Messages",
            Lines,
            PerSecond,
            "Messages handled.",
            &[series("{{actor}}", Rate(&ACTOR_MESSAGES, &["actor"], None))],
        ),
        panel(
            "Stalls of actors",
            Lines,
            PerSecond,
            "Messages that took more than ten milliseconds to handle.",
            &[series("{{actor}}", Rate(&ACTOR_STALLS, &["actor"], None))],
        ),
        panel(
            "Restarts",
            Lines,
            Things,
            "Panics caught so far.",
            &[series("{{actor}}", Now(&ACTOR_RESTARTS, &["actor"], None))],
        ),
        panel(
            "Reactors that do not answer",
            Number,
            Things,
            "Their numbers are missing from everything else.",
            &[series("stale", Now(&STALE_REACTORS, &[], None))],
        ),
    ],
};

pub(super) const BULK: Row = Row {
    title: "Bulk load",
    panels: &[
        of_load(panel(
            "Progress",
            Number,
            Share,
            "The share of the source that was read; nothing for a pipe.",
            &[series("read", Ratio(&READ_BYTES, &SOURCE_SIZE))],
        )),
        of_load(panel(
            "Rows by stage",
            Lines,
            PerSecond,
            "How fast rows go through.",
            &[series("{{stage}}", Rate(&BULK_ROWS, &["stage"], None))],
        )),
        of_load(panel(
            "Rows so far",
            Lines,
            Things,
            "How many have come how far.",
            &[series("{{stage}}", Now(&BULK_ROWS, &["stage"], None))],
        )),
        of_load(panel(
            "Rejected by stage",
            Lines,
            Things,
            "Rows that were not loaded: not a record, not fit for the table, refused.",
            &[series("{{stage}}", Now(&BULK_REJECTED, &["stage"], None))],
        )),
        of_load(panel(
            "Rows in flight",
            Lines,
            Things,
            "Rows on their way, and how many may be.",
            &[
                series("in flight", Now(&BULK_IN_FLIGHT, &[], None)),
                series("limit", Now(&BULK_LIMIT, &[], None)),
            ],
        )),
        of_load(panel(
            "Limited by",
            Stack,
            Things,
            "What keeps the load from going faster.",
            &[series("{{by}}", Now(&BULK_LIMITED_BY, &["by"], None))],
        )),
        of_load(panel(
            "Source",
            Lines,
            BytesPerSecond,
            "How fast the source is read.",
            &[series("read", Rate(&BULK_SOURCE_BYTES, &[], None))],
        )),
        of_load(panel(
            "Checkpoint age",
            Lines,
            Seconds,
            "How much of the load would be done again if it were killed now and resumed.",
            &[series("age", Most(&BULK_CHECKPOINT_AGE, &[]))],
        )),
        of_load(panel(
            "Checkpoints",
            Lines,
            PerSecond,
            "Checkpoints written, and those that could not be.",
            &[series("{{outcome}}", Rate(&BULK_CHECKPOINTS, &["outcome"], None))],
        )),
    ],
};

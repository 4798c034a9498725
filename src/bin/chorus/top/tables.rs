//! What happened, as tables: by host, by reactor, by actor, and of a bulk load.

use super::bulk::BulkView;
use super::table::{Cell, Column, Table, Tone};
use super::text::{bytes, count, share, span, time};
use super::view::{ActorView, HostView, ReactorView, State, View};

const HOSTS: &[Column] = &[
    Column::text("HOST", 0),
    Column::text("DC/RACK", 4),
    Column::text("STATE", 0),
    Column::number("CONN", 2),
    Column::number("SHARDS", 5),
    Column::number("IN-FL", 2),
    Column::number("REQ/S", 1),
    Column::number("P50", 3),
    Column::number("P99", 1),
    Column::number("ERRORS", 1),
    Column::number("MEAN", 7),
    Column::number("ORPH", 6),
    Column::number("SENT/S", 7),
    Column::number("RECV/S", 7),
    Column::number("DOWNS", 6),
    Column::text("VERSION", 8),
];

const REACTORS: &[Column] = &[
    Column::text("REACTOR", 0),
    Column::number("BUSY", 0),
    Column::number("REQ/S", 1),
    Column::number("TICKS/S", 3),
    Column::number("TICK P99", 4),
    Column::number("STALLS", 2),
    Column::number("WAITING", 2),
    Column::number("IN-FL", 3),
    Column::number("CONN", 4),
];

const ACTORS: &[Column] = &[
    Column::text("ACTOR", 0),
    Column::number("N", 1),
    Column::number("MSG/S", 1),
    Column::number("QUEUE", 1),
    Column::number("DEEPEST", 3),
    Column::number("WAIT P50", 4),
    Column::number("WAIT P99", 2),
    Column::number("STALLS", 3),
    Column::number("RESTARTS", 3),
];

const BULK: &[Column] = &[Column::text("ROWS", 0), Column::number("TOTAL", 1), Column::number("A SECOND", 0)];

/// By host.
pub(crate) fn hosts(view: &View) -> Table {
    let rows = view.hosts.iter().map(host).collect();
    Table { columns: HOSTS, rows, empty: "the program knows no host" }
}

fn host(host: &HostView) -> Vec<Cell> {
    let (state, tone) = match host.state {
        State::Up if host.connections < host.target => ("up", Tone::Warning),
        State::Up => ("up", Tone::Good),
        State::Down => ("down", Tone::Bad),
        State::Ignored => ("ignored", Tone::Dim),
        State::Left => ("left", Tone::Dim),
    };
    let place = match (&*host.datacenter, &*host.rack) {
        ("", "") => "–".to_owned(),
        (datacenter, rack) => format!("{datacenter}/{rack}"),
    };
    let covered = host.shards.map(|shards| (host.shards_connected.unwrap_or(0), shards));
    let shards = Cell::maybe(covered.map(|(connected, _)| connected as f64), |connected| {
        format!("{connected:.0}/{}", host.shards.unwrap_or(0))
    });
    let missing = host.connections < host.target && host.state != State::Ignored;
    vec![
        Cell::text(host.address.to_string()),
        Cell::text(place),
        Cell::text(state).tone(tone),
        Cell::number(host.connections as f64, format!("{}/{}", host.connections, host.target))
            .tone_if(missing, Tone::Warning),
        shards
            .tone_if(covered.is_some_and(|(connected, shards)| connected < u64::from(shards)), Tone::Warning),
        whole(host.in_flight),
        Cell::number(host.attempts_per_second, count(host.attempts_per_second)),
        micros(host.p50_us),
        micros(host.p99_us),
        errors(host.error_share),
        Cell::maybe(host.mean_us, time),
        whole(host.orphans).tone_if(host.orphans > 0, Tone::Warning),
        Cell::number(host.bytes_sent_per_second, bytes(host.bytes_sent_per_second)),
        Cell::number(host.bytes_received_per_second, bytes(host.bytes_received_per_second)),
        whole(host.downs),
        Cell::text(host.version.clone().unwrap_or_else(|| "–".to_owned())),
    ]
}

/// By reactor.
pub(crate) fn reactors(view: &View) -> Table {
    let rows = view.reactors.iter().map(reactor).collect();
    Table { columns: REACTORS, rows, empty: "no reactor has answered" }
}

fn reactor(reactor: &ReactorView) -> Vec<Cell> {
    vec![
        Cell::number(reactor.reactor as f64, reactor.reactor.to_string()).tone(Tone::Plain),
        Cell::number(reactor.busy, share(reactor.busy))
            .tone_if(reactor.busy > 0.7, Tone::Warning)
            .tone_if(reactor.busy > 0.9, Tone::Bad),
        Cell::number(reactor.requests_per_second, count(reactor.requests_per_second)),
        Cell::number(reactor.ticks_per_second, count(reactor.ticks_per_second)),
        Cell::maybe(reactor.tick_p99_us.map(|micros| micros as f64), |micros| format!("≤ {}", time(micros))),
        whole(reactor.stalls).tone_if(reactor.stalls > 0, Tone::Warning),
        whole(reactor.waiting),
        whole(reactor.in_flight),
        whole(reactor.connections),
    ]
}

/// By kind of actor.
pub(crate) fn actors(view: &View) -> Table {
    let rows = view.actors.iter().map(actor).collect();
    Table { columns: ACTORS, rows, empty: "the program tells of no actor" }
}

fn actor(actor: &ActorView) -> Vec<Cell> {
    vec![
        Cell::text(actor.actor),
        whole(actor.alive),
        Cell::number(actor.messages_per_second, count(actor.messages_per_second)),
        whole(actor.queue_depth),
        whole(actor.queue_depth_max),
        micros(actor.wait_p50_us),
        micros(actor.wait_p99_us),
        whole(actor.stalls).tone_if(actor.stalls > 0, Tone::Warning),
        whole(actor.restarts).tone_if(actor.restarts > 0, Tone::Bad),
    ]
}

/// Of a bulk load; without rows when there is none.
pub(crate) fn bulk(view: &View) -> Table {
    let rows = view.bulk.iter().flat_map(|bulk| &bulk.rows).map(|rows| {
        let rejected = rows.stage.starts_with("rejected") && rows.total > 0.0;
        vec![
            Cell::text(rows.stage),
            Cell::number(rows.total, format!("{:.0}", rows.total)).tone_if(rejected, Tone::Warning),
            Cell::number(rows.per_second, count(rows.per_second)).tone_if(rejected, Tone::Warning),
        ]
    });
    let empty = "this program publishes nothing of a bulk load; chorus load --metrics does";
    Table { columns: BULK, rows: rows.collect(), empty }
}

/// How far a bulk load is in its source.
pub(crate) fn bulk_source(bulk: &BulkView) -> Vec<String> {
    let read = match (bulk.progress(), bulk.source_size) {
        (Some(progress), Some(size)) => format!("{} of {}", share(progress), bytes(size)),
        _ => format!("{} read", bytes(bulk.source_bytes)),
    };
    let left = bulk.seconds_left.map(|left| format!("{} left", span(left.min(1e9) as u64)));
    [read, format!("{}/s", bytes(bulk.source_bytes_per_second))].into_iter().chain(left).collect()
}

/// How fast it writes, and why not faster.
pub(crate) fn bulk_pace(bulk: &BulkView) -> Vec<String> {
    vec![
        format!("{} rows/s", count(bulk.written_per_second())),
        format!("in flight {}/{}", bulk.in_flight, bulk.in_flight_limit),
        format!("limited by {}", bulk.limited_by),
    ]
}

fn whole(number: u64) -> Cell {
    let shown = if number < 100_000 { number.to_string() } else { count(number as f64) };
    Cell::number(number as f64, shown)
}

fn micros(micros: Option<u64>) -> Cell {
    Cell::maybe(micros.map(|micros| micros as f64), time)
}

fn errors(errors: Option<f64>) -> Cell {
    let some = errors.is_some_and(|share| share > 0.0);
    let many = errors.is_some_and(|share| share > 0.01);
    let none = errors.is_some_and(|share| share == 0.0);
    Cell::maybe(errors, share).tone_if(none, Tone::Dim).tone_if(some, Tone::Warning).tone_if(many, Tone::Bad)
}

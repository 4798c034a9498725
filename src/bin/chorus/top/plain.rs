//! A view as lines of text: what `--once` prints.

use super::source::Endpoint;
use super::table::Table;
use super::tables;
use super::text::{bytes, count, share, time};
use super::view::View;

/// A report of one interval. Wide: whoever reads it has pipes and files.
pub(crate) fn report(view: &View, endpoint: &Endpoint) -> String {
    let mut lines = vec![format!("chorus top   {}   {endpoint}   over {:.1} s", title(view), view.seconds)];
    lines.push(figures(view).map(|(name, value)| format!("{name} {value}")).join("   "));
    if !view.stages.is_empty() {
        lines.push(format!("where the time goes   {}", stages(view).join("   ")));
    }
    if let Some(trouble) = trouble(view) {
        lines.push(trouble);
    }
    section(&mut lines, "hosts", &tables::hosts(view));
    section(&mut lines, "reactors", &tables::reactors(view));
    section(&mut lines, "actors", &tables::actors(view));
    if let Some(bulk) = &view.bulk {
        section(&mut lines, "bulk load", &tables::bulk(view));
        lines.push([tables::bulk_source(bulk), tables::bulk_pace(bulk)].concat().join("   "));
    }
    lines.join("\n")
}

fn section(lines: &mut Vec<String>, name: &str, table: &Table) {
    lines.push(String::new());
    lines.push(format!("[{name}]"));
    lines.extend(table.layout(usize::MAX).lines(table));
}

/// `session@cluster`, as far as there are names.
pub(crate) fn title(view: &View) -> String {
    match (&view.session, &*view.cluster) {
        (Some(session), "") => session.clone(),
        (Some(session), cluster) => format!("{session}@{cluster}"),
        (None, "") => "a cluster without a name".to_owned(),
        (None, cluster) => cluster.to_owned(),
    }
}

/// The most important numbers with their names.
pub(crate) fn figures(view: &View) -> [(&'static str, String); 8] {
    let maybe = |number: Option<f64>, shown: fn(f64) -> String| number.map_or_else(|| "–".to_owned(), shown);
    [
        ("requests/s", count(view.requests_per_second)),
        ("p50", maybe(view.p50_us.map(|micros| micros as f64), time)),
        ("p99", maybe(view.p99_us.map(|micros| micros as f64), time)),
        ("errors", maybe(view.error_share, share)),
        ("in flight", view.in_flight.to_string()),
        (if view.sharded { "shard hit" } else { "replica hit" }, maybe(view.hit_share, share)),
        ("cores", format!("{:.2}", view.cores)),
        ("memory", bytes(view.resident_bytes as f64)),
    ]
}

/// Where the time goes: each stage with the mean of it.
pub(crate) fn stages(view: &View) -> Vec<String> {
    view.stages
        .iter()
        .map(|stage| format!("{} {}", stage.stage.replace('_', " "), time(stage.mean_us)))
        .collect()
}

/// What makes the numbers less than whole.
pub(crate) fn trouble(view: &View) -> Option<String> {
    let (stale, are) = match view.stale_reactors {
        0 => return None,
        1 => ("one reactor".to_owned(), "is"),
        many => (format!("{many} reactors"), "are"),
    };
    Some(format!("{stale} did not answer in time and {are} not counted"))
}

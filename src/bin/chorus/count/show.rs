//! What was counted, as text and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use chorus::scan::{AnyToken, CountEnding, CountReport, PartitionReport};
use chorus::{CqlValue, Host};
use serde_json::{Map, Value, json};

use super::args::By;

/// The count for people. A part is called one in its first line.
pub(super) fn count(report: &CountReport, by: By) -> String {
    let mut text = match report.total() {
        Some(rows) => format!("{}   {rows} rows", report.table),
        None => format!("{}   at least {} rows: a PARTIAL count", report.table, report.counted()),
    };
    text.push_str(&how(&report.ending, report.share, report.elapsed));
    match by {
        By::Ranges => {
            let _ = write!(text, "\n{:>20} {:>20} {:>12}  host", "after", "last", "rows");
            for range in &report.ranges {
                let (after, last) = (bound(&range.range.after), bound(&range.range.last));
                let host =
                    range.host.as_deref().map_or_else(|| "?".to_owned(), |host| host.address.to_string());
                let _ = write!(text, "\n{after:>20} {last:>20} {:>12}  {host}", range.rows);
            }
        }
        By::Hosts => {
            let _ = write!(text, "\n{:>12} {:>7}  host, as first replica", "rows", "share");
            for (host, rows) in report.by_host() {
                let share = rows as f64 * 100.0 / report.counted().max(1) as f64;
                let _ = write!(text, "\n{rows:>12} {share:>6.1}%  {}", place(host.as_deref()));
            }
        }
        By::Total | By::Partitions => {}
    }
    text
}

/// The count for scripts.
pub(super) fn count_json(report: &CountReport, by: By) -> String {
    let mut object = json!({
        "table": report.table,
        "complete": report.is_complete(),
        "rows": report.total(),
        "counted": report.counted(),
        "share": report.share,
        "seconds": report.elapsed.as_secs_f64(),
        "retries": report.retries,
        "splits": report.splits,
    });
    match by {
        By::Ranges => {
            let range = |range: &chorus::scan::RangeCount| {
                let text = |token: &Option<AnyToken>| token.as_ref().map(ToString::to_string);
                json!({
                    "after": text(&range.range.after),
                    "last": text(&range.range.last),
                    "rows": range.rows,
                    "host": range.host.as_ref().map(|host| host.address.to_string()),
                })
            };
            object["ranges"] = report.ranges.iter().map(range).collect();
        }
        By::Hosts => {
            let host = |(host, rows): (Option<std::sync::Arc<Host>>, u64)| {
                json!({
                    "host": host.as_ref().map(|host| host.address.to_string()),
                    "host_id": host.as_ref().map(|host| host.id.to_string()),
                    "datacenter": host.as_ref().map(|host| host.datacenter.to_string()),
                    "rack": host.as_ref().map(|host| host.rack.to_string()),
                    "rows": rows,
                })
            };
            object["hosts"] = report.by_host().into_iter().map(host).collect();
        }
        By::Total | By::Partitions => {}
    }
    object.to_string()
}

/// The largest partitions for people.
pub(super) fn partitions(report: &PartitionReport) -> String {
    let seen = format!("{} rows in {} partitions", report.rows, report.partitions);
    let mut text = match report.is_complete() {
        true => format!("{}   {seen}", report.table),
        false => format!("{}   at least {seen}: a PARTIAL count, there may be larger ones", report.table),
    };
    text.push_str(&how(&report.ending, report.share, report.elapsed));
    let _ = write!(text, "\n{:>12}  {}", "rows", report.key.join(", "));
    for partition in &report.largest {
        let key: Vec<String> = partition.key.iter().map(ToString::to_string).collect();
        let _ = write!(text, "\n{:>12}  {}", partition.rows, key.join(", "));
    }
    text
}

/// The largest partitions for scripts. Numbers and texts of keys are themselves, everything else is a CQL literal.
pub(super) fn partitions_json(report: &PartitionReport) -> String {
    let partition = |partition: &chorus::scan::PartitionCount| {
        let key: Map<String, Value> =
            report.key.iter().cloned().zip(partition.key.iter().map(value)).collect();
        json!({ "rows": partition.rows, "key": key })
    };
    json!({
        "table": report.table,
        "complete": report.is_complete(),
        "rows": report.is_complete().then_some(report.rows),
        "counted": report.rows,
        "partitions": report.partitions,
        "share": report.share,
        "seconds": report.elapsed.as_secs_f64(),
        "retries": report.retries,
        "largest": report.largest.iter().map(partition).collect::<Vec<_>>(),
    })
    .to_string()
}

fn value(value: &CqlValue) -> Value {
    match value {
        CqlValue::Text(text) | CqlValue::Ascii(text) => text.as_str().into(),
        CqlValue::Tinyint(number) => (*number).into(),
        CqlValue::Smallint(number) => (*number).into(),
        CqlValue::Int(number) => (*number).into(),
        CqlValue::Bigint(number) => (*number).into(),
        CqlValue::Boolean(value) => (*value).into(),
        other => other.to_string().into(),
    }
}

/// In what time, or why only a part.
fn how(ending: &CountEnding, share: f64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let why = match ending {
        CountEnding::Complete => return format!("   counted in {seconds:.2} s"),
        CountEnding::Failed(_) => "stopped: the rest cannot be read",
        _ => "interrupted",
    };
    format!("   {:.1} % of the tokens in {seconds:.2} s, {why}", share * 100.0)
}

fn bound(token: &Option<AnyToken>) -> String {
    token.as_ref().map_or_else(|| "..".to_owned(), ToString::to_string)
}

fn place(host: Option<&Host>) -> String {
    match host {
        None => "not known".to_owned(),
        Some(host) => format!("{}  {} {}", host.address, host.datacenter, host.rack).trim_end().to_owned(),
    }
}

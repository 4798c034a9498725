//! The table and the JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::Failure;
use crate::clients::Client;
use crate::plan::{CellResult, Plan};
use crate::statistics::{
    CPU, CPU_PERCENT, LATENESS, METRICS, P50, P99, P999, PEAK, RATE, RESIDENT, SINK_CPU, Spread,
};

/// A column and its digits; those nobody has a number for are left out.
type Column = (&'static str, usize, fn(&CellResult, &[&CellResult]) -> Option<f64>);

const COLUMNS: [Column; 19] = [
    ("ops/s", 0, |own, _| own.median(RATE)),
    ("CPU µs/op", 3, |own, _| own.median(CPU)),
    ("least", 3, |own, _| own.spread(CPU).map(|spread| spread.least)),
    ("most", 3, |own, _| own.spread(CPU).map(|spread| spread.most)),
    ("spread", 2, |own, _| own.spread(CPU).and_then(Spread::factor)),
    ("p50 µs", 0, |own, _| own.median(P50)),
    ("p99 µs", 0, |own, _| own.median(P99)),
    ("p99.9 µs", 0, |own, _| own.median(P999)),
    ("worst lateness ms", 2, |own, _| own.spread(LATENESS).map(|spread| spread.most / 1000.0)),
    ("CPU %", 3, |own, _| own.median(CPU_PERCENT).filter(|_| own.is_idle())),
    ("resident MB", 1, |own, _| own.median(RESIDENT).filter(|_| own.is_idle())),
    ("peak MB", 0, |own, _| own.median(PEAK)),
    ("sink busy %", 0, |own, _| own.median(SINK_CPU)),
    ("allocations/op", 4, |own, _| own.allocations),
    ("system calls/op", 4, |own, _| own.system_calls),
    ("CPU to scylla-tuned", 2, |own, all| cpu_ratio(own, all, Client::ScyllaTuned)),
    ("CPU to cdrs", 2, |own, all| cpu_ratio(own, all, Client::Cdrs)),
    ("CPU to raw", 2, |own, all| cpu_ratio(own, all, Client::Raw)),
    ("CPU to raw-async", 2, |own, all| cpu_ratio(own, all, Client::RawAsync)),
];

fn cpu_ratio(own: &CellResult, all: &[&CellResult], client: Client) -> Option<f64> {
    let other = all.iter().find(|result| result.client == client)?;
    own.median(CPU).zip(other.median(CPU)).map(|(own, other)| own / other)
}

/// A Markdown table for each cell.
pub(crate) fn tables(results: &[CellResult]) -> String {
    let mut text = String::new();
    for rows in results.chunk_by(|one, next| one.cell == next.cell) {
        let cell = &rows[0].cell;
        let rows: Vec<&CellResult> = rows.iter().collect();
        let columns: Vec<&Column> = COLUMNS
            .iter()
            .filter(|(_, _, value)| rows.iter().any(|row| value(row, &rows).is_some()))
            .collect();
        let _ = writeln!(text, "\n### {cell}\n");
        let titles: Vec<&str> = columns.iter().map(|(title, _, _)| *title).collect();
        let _ = writeln!(text, "| client | {} |", titles.join(" | "));
        let _ = writeln!(text, "|---|{}", "--:|".repeat(columns.len()));
        for row in &rows {
            let numbers: Vec<String> =
                columns.iter().map(|(_, digits, value)| number(value(row, &rows), *digits)).collect();
            let _ = writeln!(text, "| {} | {} |", row.client, numbers.join(" | "));
        }
        for row in &rows {
            for failure in &row.failures {
                let _ = writeln!(text, "\n{} failed: {failure}", row.client);
            }
        }
    }
    text
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map(|value| format!("{value:.digits$}")).unwrap_or_default()
}

/// Everything: settings, machine, medians with their spread, and each run.
pub(crate) fn json(results: &[CellResult], plan: &Plan) -> Result<Value, Failure> {
    let cells: Vec<Value> = results
        .iter()
        .map(|result| {
            let metrics: Map<String, Value> = METRICS
                .iter()
                .filter_map(|metric| {
                    let spread = result.spread(*metric)?;
                    let Spread { median, least, most } = spread;
                    let numbers =
                        json!({ "median": median, "min": least, "max": most, "spread": spread.factor() });
                    Some((metric.name.to_owned(), numbers))
                })
                .collect();
            json!({
                "client": result.client.name(),
                "scenario": result.cell.to_string(),
                "metrics": metrics,
                "allocations_per_operation": result.allocations,
                "system_calls_per_operation": result.system_calls,
                "runs": result.reports,
                "failures": result.failures,
            })
        })
        .collect();
    Ok(json!({
        "machine": { "cpu": processor(), "cores": std::thread::available_parallelism()?.get() },
        "settings": { "runs": plan.runs, "seconds": plan.seconds, "warm_up": plan.warm_up },
        "results": cells,
    }))
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

//! The performance we promise, line by line, and whether it holds here and now.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::Failure;
use crate::cell::Cell;
use crate::clients::Client;
use crate::plan::{CellResult, Entry};
use crate::statistics::{CPU, CPU_PERCENT, LATENESS, Metric, P50, P99, RATE, RESIDENT, Spread};

/// What is promised about one number.
pub(crate) struct Line {
    /// What it is about, for a reader.
    pub(crate) about: &'static str,
    cell: &'static str,
    client: Client,
    measure: Measure,
    target: Target,
}

#[derive(Clone, Copy)]
enum Measure {
    /// The median.
    Own(Metric),
    /// The highest of all runs.
    Worst(Metric),
    /// The median over that of somebody else in the same cell.
    To(Client, Metric),
    /// The median over that of a client in another cell.
    ToCell(&'static str, Client, Metric),
    Allocations,
    SystemCalls,
}

#[derive(Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
}

use Client::{Cdrs, ChorusDedicated, ChorusHosted, ChorusLocal, ChorusLocal2, Scylla, ScyllaTuned};
use Measure::{Allocations, Own, SystemCalls, To, ToCell, Worst};
use Target::{AtLeast, AtMost};

/// Less than one in two thousand is nothing: connections keep their own books now and then.
const NONE: Target = AtMost(0.0005);

/// Every promise.
pub(crate) fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |about, cell, client, promises: &[(Measure, Target)]| {
        for (measure, target) in promises {
            lines.push(Line { about, cell, client, measure: *measure, target: *target });
        }
    };
    let to_scylla = |most| (To(ScyllaTuned, CPU), AtMost(most));
    let tail = [(To(ScyllaTuned, P99), AtMost(1.0)), (To(Cdrs, P99), AtMost(1.0))];
    add("a lone request", "insert@1", ChorusLocal, &[to_scylla(0.75), (To(ScyllaTuned, P50), AtMost(0.9))]);
    for cell in ["insert@1", "insert@1+unpinned"] {
        let as_it_comes = [(To(Scylla, P50), AtMost(1.1)), (To(Scylla, CPU), AtMost(1.0))];
        add("a lone request of a multi-thread program", cell, ChorusHosted, &as_it_comes);
    }
    for cell in ["insert@64", "insert@1024"] {
        add("single requests", cell, ChorusLocal, &[to_scylla(0.25), (To(Cdrs, CPU), AtMost(0.3))]);
        add("their tail", cell, ChorusLocal, &tail);
    }
    add("single requests, dedicated", "insert@64", ChorusDedicated, &[to_scylla(0.5)]);
    add("single requests, dedicated", "insert@1024", ChorusDedicated, &[to_scylla(0.3)]);
    add("execute_concurrent_with_args", "concurrent", ChorusLocal, &[to_scylla(0.1)]);
    add("bulk", "bulk", ChorusLocal, &[to_scylla(0.07), (Own(RATE), AtLeast(4e6))]);
    for cell in ["read@64", "read@1024"] {
        add("selects of one row", cell, ChorusLocal, &[to_scylla(0.3)]);
    }
    add("pages of 5,000 rows", "page@1", ChorusLocal, &[to_scylla(0.7)]);
    for cell in ["insert@1", "insert@64", "insert@1024"] {
        add("allocations of a request", cell, ChorusLocal, &[(Allocations, NONE)]);
    }
    add("allocations of a bulk row", "bulk", ChorusLocal, &[(Allocations, AtMost(0.01))]);
    add("system calls of a request", "insert@64", ChorusLocal, &[(SystemCalls, AtMost(0.1))]);
    add("system calls of a bulk row", "bulk", ChorusLocal, &[(SystemCalls, AtMost(0.01))]);
    add("a CSV file", "csv", ChorusLocal, &[(Own(RATE), AtLeast(1.5e6))]);
    let one_core = ToCell("bulk+hosts=2+one-core", ChorusLocal, RATE);
    add("two cores", "bulk+hosts=2+two-cores", ChorusLocal2, &[(one_core, AtLeast(1.7))]);
    let delayed = [(To(ScyllaTuned, P99), AtMost(1.0)), to_scylla(0.25)];
    add("a server that takes a millisecond", "insert@1024+delay=1", ChorusLocal, &delayed);
    for (about, cell) in [
        ("LZ4", "insert@64+lz4"),
        ("LZ4", "insert@1024+lz4"),
        ("TLS", "insert@64+tls"),
        ("TLS", "insert@1024+tls"),
    ] {
        add(about, cell, ChorusLocal, &[to_scylla(0.6)]);
    }
    let idle = [(Own(CPU_PERCENT), AtMost(0.1)), (Own(RESIDENT), AtMost(10.0))];
    add("an idle session", "idle+hosts=3", ChorusLocal, &idle);
    add("a deadline of 10 ms under load", "deadline@1024", ChorusLocal, &[(Worst(LATENESS), AtMost(5000.0))]);
    lines
}

impl Line {
    /// Whether the line is about this.
    pub(crate) fn is_about(&self, word: &str) -> bool {
        self.about.contains(word) || self.cell.contains(word)
    }

    /// What has to be run for it.
    fn entries(&self) -> Result<Vec<Entry>, Failure> {
        let counts = matches!(self.measure, Allocations | SystemCalls);
        let mut entries = vec![Entry { cell: self.cell.parse()?, client: self.client, counts }];
        match self.measure {
            To(client, _) => entries.push(Entry { cell: self.cell.parse()?, client, counts: false }),
            ToCell(cell, client, _) => entries.push(Entry { cell: cell.parse()?, client, counts: false }),
            _ => {}
        }
        Ok(entries)
    }

    fn measured(&self, results: &[CellResult]) -> Option<f64> {
        let find = |cell: &str, client| {
            let cell: Cell = cell.parse().ok()?;
            results.iter().find(|result| result.cell == cell && result.client == client)
        };
        let own = find(self.cell, self.client)?;
        let ratio = |metric, other: &CellResult| Some(own.median(metric)? / other.median(metric)?);
        match self.measure {
            Own(metric) => own.median(metric),
            Worst(metric) => own.spread(metric).map(|spread| spread.most),
            To(client, metric) => ratio(metric, find(self.cell, client)?),
            ToCell(cell, client, metric) => ratio(metric, find(cell, client)?),
            Allocations => own.allocations,
            SystemCalls => own.system_calls,
        }
    }

    /// How far the runs of its own client lie apart.
    fn spread(&self, results: &[CellResult]) -> Option<f64> {
        let cell: Cell = self.cell.parse().ok()?;
        let own = results.iter().find(|result| result.cell == cell && result.client == self.client)?;
        match self.measure {
            Own(metric) | Worst(metric) | To(_, metric) | ToCell(_, _, metric) => {
                own.spread(metric).and_then(Spread::factor)
            }
            Allocations | SystemCalls => None,
        }
    }

    fn name(&self) -> String {
        let measure = match self.measure {
            Own(metric) | Worst(metric) => metric.name.to_owned(),
            To(client, metric) => format!("{} / {client}", metric.name),
            ToCell(cell, client, metric) => format!("{} / {client} {cell}", metric.name),
            Allocations => "allocations/op".to_owned(),
            SystemCalls => "system calls/op".to_owned(),
        };
        format!("{} {}: {measure}", self.client, self.cell)
    }
}

impl Target {
    fn is_met(self, measured: f64) -> bool {
        match self {
            AtMost(most) => measured <= most,
            AtLeast(least) => measured >= least,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AtMost(most) => write!(formatter, "<= {most}"),
            AtLeast(least) => write!(formatter, ">= {least}"),
        }
    }
}

/// Everything that has to be run, each thing once.
pub(crate) fn entries(lines: &[Line]) -> Result<Vec<Entry>, Failure> {
    let mut entries: Vec<Entry> = Vec::new();
    for wanted in lines.iter().map(Line::entries).collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
        match entries.iter_mut().find(|entry| entry.cell == wanted.cell && entry.client == wanted.client) {
            Some(entry) => entry.counts |= wanted.counts,
            None => entries.push(wanted),
        }
    }
    // Rivals in one cell run one after the other.
    let mut cells: Vec<Cell> = Vec::new();
    for entry in &entries {
        if !cells.contains(&entry.cell) {
            cells.push(entry.cell.clone());
        }
    }
    entries.sort_by_key(|entry| cells.iter().position(|cell| *cell == entry.cell));
    Ok(entries)
}

/// A table of lines, targets and what was measured; the same as JSON; and whether every target is met.
pub(crate) fn judge(lines: &[Line], results: &[CellResult]) -> (String, Value, bool) {
    let mut table = String::from("| line | | target | measured | spread | |\n|---|---|--:|--:|--:|---|\n");
    let mut rows = Vec::new();
    let mut all_met = true;
    for line in lines {
        let measured = line.measured(results);
        let met = measured.is_some_and(|measured| line.target.is_met(measured));
        all_met &= met;
        let number = measured.map_or_else(|| "nothing".to_owned(), readable);
        let spread = line.spread(results).map_or_else(String::new, |spread| format!("{spread:.2}"));
        let verdict = if met { "ok" } else { "**missed**" };
        let (about, name, target) = (line.about, line.name(), line.target);
        let _ = writeln!(table, "| {about} | {name} | {target} | {number} | {spread} | {verdict} |");
        rows.push(json!({ "line": name, "target": target.to_string(), "measured": measured, "met": met }));
    }
    (table, Value::Array(rows), all_met)
}

fn readable(number: f64) -> String {
    match number {
        large if large >= 1000.0 => format!("{large:.0}"),
        small if small.abs() < 0.1 => format!("{small:.4}"),
        usual => format!("{usual:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_can_be_run_and_each_thing_is_run_once() {
        let lines = lines();
        let entries = entries(&lines).expect("all cells are cells");
        for entry in &entries {
            assert!(entry.client.takes_part_in(&entry.cell), "{} {}", entry.cell, entry.client);
            let same =
                entries.iter().filter(|other| other.cell == entry.cell && other.client == entry.client);
            assert_eq!(same.count(), 1);
        }
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        let (table, _, met) = judge(&lines(), &[]);
        assert!(!met);
        assert!(!table.contains("| ok |"));
    }

    #[test]
    fn a_target_includes_its_number() {
        assert!(AtMost(1.0).is_met(1.0) && !AtMost(1.0).is_met(1.01));
        assert!(AtLeast(1.7).is_met(1.7) && !AtLeast(1.7).is_met(1.69));
    }
}

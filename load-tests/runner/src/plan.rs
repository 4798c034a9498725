//! What is run, and in which order: all clients take turns, so that a machine that slows down slows down for all.

use std::str::FromStr;

use crate::clients::{Client, Programs, Report, Run};
use crate::sink::Sink;
use crate::{Compare, Failure};

/// A column of the comparison: a scenario, and for single requests how many are in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) scenario: String,
    pub(crate) concurrency: Option<usize>,
}

const SINGLE: [&str; 3] = ["insert", "read", "page"];
const WHOLE: [&str; 2] = ["concurrent", "bulk"];

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Cell, String> {
        let known =
            || format!("{text}: one of {} with @ and a number, or {}", SINGLE.join(", "), WHOLE.join(", "));
        match text.split_once('@') {
            Some((scenario, number)) if SINGLE.contains(&scenario) => {
                let concurrency = number.parse().ok().filter(|number| *number > 0).ok_or_else(known)?;
                Ok(Cell { scenario: scenario.to_owned(), concurrency: Some(concurrency) })
            }
            None if WHOLE.contains(&text) => Ok(Cell { scenario: text.to_owned(), concurrency: None }),
            _ => Err(known()),
        }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.concurrency {
            Some(concurrency) => write!(formatter, "{}@{concurrency}", self.scenario),
            None => formatter.write_str(&self.scenario),
        }
    }
}

/// Everything one client did in one cell.
pub(crate) struct CellResult {
    pub(crate) client: Client,
    pub(crate) cell: Cell,
    pub(crate) reports: Vec<Report>,
    pub(crate) allocations: Option<f64>,
    pub(crate) system_calls: Option<f64>,
    pub(crate) failures: Vec<String>,
}

pub(crate) fn carry_out(compare: &Compare, programs: &Programs, sink: &Sink) -> Vec<CellResult> {
    let mut results: Vec<CellResult> = Vec::new();
    for cell in &compare.scenarios {
        for client in &compare.clients {
            results.push(CellResult {
                client: *client,
                cell: cell.clone(),
                reports: Vec::new(),
                allocations: None,
                system_calls: None,
                failures: Vec::new(),
            });
        }
    }
    for turn in 1..=compare.runs {
        for result in &mut results {
            eprintln!("run {turn} of {}: {} {}", compare.runs, result.cell, result.client);
            let (client, cell) = (result.client, result.cell.clone());
            let run = Run { compare, programs, contact_point: &sink.contact_point, client, cell: &cell };
            match run.measure() {
                Ok(report) => result.reports.push(report),
                Err(error) => result.failed(error),
            }
        }
    }
    if compare.counts {
        for result in &mut results {
            eprintln!("counting: {} {}", result.cell, result.client);
            let (client, cell) = (result.client, result.cell.clone());
            let run = Run { compare, programs, contact_point: &sink.contact_point, client, cell: &cell };
            match run.allocations() {
                Ok(allocations) => result.allocations = allocations,
                Err(error) => result.failed(error),
            }
            match run.system_calls() {
                Ok(system_calls) => result.system_calls = system_calls,
                Err(error) => result.failed(error),
            }
        }
    }
    results
}

impl CellResult {
    fn failed(&mut self, error: Failure) {
        eprintln!("{} {}: {error}", self.cell, self.client);
        self.failures.push(error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_scenario_with_a_number_only_for_single_requests() {
        let cell: Cell = "insert@64".parse().expect("it is one");
        assert_eq!((cell.scenario.as_str(), cell.concurrency), ("insert", Some(64)));
        assert_eq!("bulk".parse::<Cell>().expect("it is one").to_string(), "bulk");
        for wrong in ["insert", "bulk@4", "insert@0", "insert@x", "sleep@1"] {
            assert!(wrong.parse::<Cell>().is_err(), "{wrong}");
        }
    }
}

//! What is run, and in which order: all clients take turns, so that a machine that slows down slows down for all.

use crate::cell::Cell;
use crate::clients::Client;
use crate::counting::Counter;
use crate::programs::Programs;
use crate::run::{Report, Run};
use crate::sink::Sinks;
use crate::{Failure, Machine};

/// A whole comparison.
pub(crate) struct Plan {
    pub(crate) entries: Vec<Entry>,
    pub(crate) runs: usize,
    pub(crate) seconds: f64,
    /// An idle session is looked at once, for as long as it takes a heartbeat to come by.
    pub(crate) idle_seconds: f64,
    pub(crate) warm_up: f64,
    pub(crate) machine: Machine,
}

/// One client in one cell.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) cell: Cell,
    pub(crate) client: Client,
    /// Whether allocations and system calls are counted too, in runs of their own.
    pub(crate) counts: bool,
}

/// Everything one client did in one cell.
pub(crate) struct CellResult {
    pub(crate) client: Client,
    pub(crate) cell: Cell,
    pub(crate) reports: Vec<Report>,
    pub(crate) allocations: Option<f64>,
    pub(crate) system_calls: Option<f64>,
    pub(crate) failures: Vec<String>,
    counts: bool,
}

impl Plan {
    /// Whether this is true of any part of it.
    pub(crate) fn any(&self, of: impl Fn(&Entry) -> bool) -> bool {
        self.entries.iter().any(of)
    }

    /// Runs everything. What fails is noted with its cell, and the others go on.
    pub(crate) fn carry_out(&self, programs: &Programs) -> Vec<CellResult> {
        let mut sinks = Sinks::new(programs, &self.machine);
        let mut results: Vec<CellResult> = self.entries.iter().map(CellResult::new).collect();
        for turn in 1..=self.runs {
            for result in results.iter_mut().filter(|result| turn == 1 || !result.is_idle()) {
                eprintln!("run {turn} of {}: {} {}", self.runs, result.cell, result.client);
                match self.with(&mut sinks, programs, result, |run| run.measure()) {
                    Ok(report) => result.reports.push(report),
                    Err(error) => result.failed(error),
                }
            }
        }
        if self.any(|entry| entry.counts) {
            self.count(&mut sinks, programs, &mut results);
        }
        results
    }

    fn count(&self, sinks: &mut Sinks<'_>, programs: &Programs, results: &mut [CellResult]) {
        let counter = Counter::find();
        match counter {
            Some(Counter::Perf) => {}
            Some(Counter::Strace) => eprintln!("perf may not count system calls here; strace does, slowly"),
            None => eprintln!("neither perf nor strace can count system calls here: they are not counted"),
        }
        for result in results.iter_mut().filter(|result| result.counts && !result.is_idle()) {
            eprintln!("counting: {} {}", result.cell, result.client);
            match self.with(sinks, programs, result, |run| run.allocations()) {
                Ok(allocations) => result.allocations = allocations,
                Err(error) => result.failed(error),
            }
            let Some(counter) = counter else { continue };
            match self.with(sinks, programs, result, |run| run.system_calls(counter)) {
                Ok(system_calls) => result.system_calls = system_calls,
                Err(error) => result.failed(error),
            }
        }
    }

    fn with<T>(
        &self,
        sinks: &mut Sinks<'_>,
        programs: &Programs,
        result: &CellResult,
        work: impl FnOnce(&Run<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        work(&Run {
            programs,
            machine: &self.machine,
            sink: sinks.of(result.cell.surroundings)?,
            client: result.client,
            cell: &result.cell,
            seconds: if result.is_idle() { self.idle_seconds } else { self.seconds },
            warm_up: self.warm_up,
        })
    }
}

impl CellResult {
    fn new(entry: &Entry) -> CellResult {
        CellResult {
            client: entry.client,
            cell: entry.cell.clone(),
            reports: Vec::new(),
            allocations: None,
            system_calls: None,
            failures: Vec::new(),
            counts: entry.counts,
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.cell.scenario == "idle"
    }

    fn failed(&mut self, error: Failure) {
        eprintln!("{} {}: {error}", self.cell, self.client);
        self.failures.push(error.to_string());
    }
}

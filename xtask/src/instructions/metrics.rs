//! `cargo xtask instructions --metrics`: what metrics cost a request. The bench is built twice from the working tree, once with the
//! feature of the engine that compiles recording out, and both are counted.

use std::fmt::Write as _;

use crate::steps::{Outcome, Stop};
use crate::tree::Tree;

use super::atomics::Atomics;
use super::program::{Counted, Program};
use super::valgrind::Valgrind;

/// The feature with which nothing is recorded for metrics.
const UNMETERED: &str = "chorus-actors/unmetered";
/// Differences below are of numbers that are rounded.
const NOTHING: f64 = 0.000_5;

/// A workload with metrics, and without.
struct Line {
    with: Cost,
    without: Cost,
}

struct Cost {
    counted: Counted,
    /// Of all of them together.
    atomics: f64,
}

impl Cost {
    fn of(program: &Program, atomics: &Atomics, valgrind: &Valgrind, name: &str) -> Result<Cost, Stop> {
        let (counted, executed) = program.count_atomics(valgrind, name, atomics)?;
        Ok(Cost { counted, atomics: executed as f64 })
    }

    /// Each.
    fn atomics(&self) -> f64 {
        self.atomics / self.counted.times
    }
}

/// Counts both; fails when metrics cost an atomic read-modify-write or an allocation.
pub(super) fn compare(tree: &Tree, valgrind: &Valgrind, wanted: &[String]) -> Outcome {
    let with = Program::build(tree, &tree.root, &tree.target)?;
    let without = Program::build_with(tree, &tree.root, &tree.target, &[UNMETERED])?;
    let atomics = (with.atomics()?, without.atomics()?);
    let mut lines = Vec::new();
    for name in &with.workloads(wanted)? {
        let with = Cost::of(&with, &atomics.0, valgrind, name)?;
        lines.push(Line { with, without: Cost::of(&without, &atomics.1, valgrind, name)? });
    }
    println!("\n{}", table(&lines));
    let complaints = complaints(&lines);
    if complaints.is_empty() {
        Ok(format!("({} workloads)", lines.len()))
    } else {
        Err(Stop::failed(complaints))
    }
}

fn table(lines: &[Line]) -> String {
    let mut table = format!(
        "{:<24}{:>10}{:>10}{:>12}{:>12}{:>10}{:>14}{:>10}\n",
        "with metrics, without",
        "instr.",
        "instr.",
        "difference",
        "atomics",
        "atomics",
        "allocations",
        "alloc."
    );
    for Line { with, without } in lines {
        let (more, less) = (with.counted.instructions(), without.counted.instructions());
        let _ = writeln!(
            table,
            "{:<24}{:>10.1}{:>10.1}{:>12.1}{:>12.3}{:>10.3}{:>14.4}{:>10.4}",
            with.counted.name,
            more,
            less,
            more - less,
            with.atomics(),
            without.atomics(),
            with.counted.allocations(),
            without.counted.allocations(),
        );
    }
    table
}

/// What metrics must not cost, a line each.
fn complaints(lines: &[Line]) -> String {
    let mut complaints = Vec::new();
    for Line { with, without } in lines {
        let mut complain = |what: &str, with_metrics: f64, without: f64| {
            if with_metrics > without + NOTHING {
                complaints.push(format!(
                    "{} with metrics: {with_metrics:.4} {what} each, {without:.4} without",
                    with.counted.name
                ));
            }
        };
        complain("atomic read-modify-writes", with.atomics(), without.atomics());
        complain("allocations", with.counted.allocations(), without.counted.allocations());
    }
    complaints.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(instructions: f64, atomics: f64, allocations: f64) -> Cost {
        let (most_instructions, most_allocations) = (None, None);
        let name = "request".to_owned();
        let counted =
            Counted { name, times: 1.0, instructions, allocations, most_instructions, most_allocations };
        Cost { counted, atomics }
    }

    #[test]
    fn instructions_may_differ_and_atomics_and_allocations_may_not() {
        let fine = Line { with: cost(1060.0, 18.0, 0.0), without: cost(1000.0, 18.0, 0.0) };
        assert_eq!(complaints(&[fine]), "");
        let locks = Line { with: cost(1060.0, 19.0, 0.0), without: cost(1060.0, 18.0, 0.0) };
        assert!(complaints(&[locks]).contains("atomic"));
        let allocates = Line { with: cost(1060.0, 18.0, 0.01), without: cost(1060.0, 18.0, 0.0) };
        assert!(complaints(&[allocates]).contains("allocations"));
    }

    #[test]
    fn the_table_has_a_line_for_each_workload() {
        let table = table(&[Line { with: cost(1060.0, 18.0, 0.0), without: cost(1000.0, 17.5, 0.0) }]);
        assert_eq!(table.lines().count(), 2);
        assert!(table.contains("60.0"), "{table}");
    }
}

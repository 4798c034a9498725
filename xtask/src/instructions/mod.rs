//! `cargo xtask instructions`: what a request costs, in instructions, now and before.
//!
//! Times move by tens of percent with what else a machine does; instructions do not. The bench `instructions` is built from the
//! working tree and from a commit before it ([`base`]), each of its workloads runs under callgrind in both ([`program`]), and
//! [`verdict`] compares, also with the figures that are recorded in the repository ([`record`]). Whether a workload took more
//! than it ever may, in instructions or in allocations, is the bench's own knowledge. What metrics cost is a question of its own
//! ([`metrics`]), answered with what each instruction is ([`atomics`]).

mod atomics;
mod base;
mod metrics;
mod program;
mod record;
mod valgrind;
mod verdict;

use std::process::ExitCode;

use clap::Args;

use crate::steps::{Outcome, Stop};
use crate::tree::Tree;

use base::Base;
use program::{Counted, Program};
use record::{Record, Toolchain};
use valgrind::Valgrind;
use verdict::Comparison;

#[derive(Args)]
pub(crate) struct InstructionsArguments {
    /// The commit to compare with [default: where this branch left main; on main, the commit before]
    #[arg(long, value_name = "REV", conflicts_with = "alone")]
    base: Option<String>,
    /// Compare with the recorded figures only
    #[arg(long)]
    alone: bool,
    /// Compare with the same bench without metrics instead: instructions, atomic read-modify-writes, allocations
    #[arg(long, conflicts_with_all = ["base", "alone", "record"])]
    metrics: bool,
    /// How many percent more instructions are too many
    #[arg(long, value_name = "PERCENT", default_value_t = LIMIT)]
    limit: f64,
    /// Only this workload; repeat for several
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Write what was counted into benches/instructions.json; what slowed down on purpose is said so by this
    #[arg(long)]
    record: bool,
}

/// A slow-down by more is seen. Counts of one build differ by less than a thousandth of this.
const LIMIT: f64 = 3.0;

pub(crate) fn run(tree: &Tree, arguments: &InstructionsArguments) -> Result<ExitCode, Stop> {
    println!("{}", check(tree, arguments)?);
    Ok(ExitCode::SUCCESS)
}

/// With every default, as a step of a test run.
pub(crate) fn checked(tree: &Tree) -> Outcome {
    let arguments = InstructionsArguments {
        base: None,
        alone: false,
        metrics: false,
        limit: LIMIT,
        only: Vec::new(),
        record: false,
    };
    check(tree, &arguments)
}

fn check(tree: &Tree, arguments: &InstructionsArguments) -> Outcome {
    let valgrind = Valgrind::find(tree)?;
    if arguments.metrics {
        return metrics::compare(tree, &valgrind, &arguments.only);
    }
    let toolchain = Toolchain::of(tree, &valgrind)?;
    let record = Record::read(tree)?;
    let now = Program::build(tree, &tree.root, &tree.target)?;
    let names = now.workloads(&arguments.only)?;
    let before = match arguments.alone {
        true => None,
        false => before(tree, arguments.base.as_deref())?,
    };
    // At the same time: what else the processor does moves no instruction.
    let (now, base) = std::thread::scope(|scope| {
        let base = scope.spawn(|| -> Result<Vec<Option<Counted>>, Stop> {
            let Some((program, _)) = &before else { return Ok(names.iter().map(|_| None).collect()) };
            names.iter().map(|name| program.try_count(&valgrind, name)).collect()
        });
        let now: Result<Vec<Counted>, Stop> = names.iter().map(|name| now.count(&valgrind, name)).collect();
        (now, base.join().unwrap_or_else(|_| Err(Stop::failed("counting the base panicked"))))
    });
    let mut comparison = Comparison::default();
    for ((name, counted), base) in names.iter().zip(now?).zip(base?) {
        comparison.add(counted, base, record.figure(&toolchain, name));
    }
    println!("\n{}", comparison.table());
    match &before {
        Some((_, base)) => println!("base: {base}"),
        None => println!("base: none"),
    }
    if !record.is_of(&toolchain) {
        println!("the recorded figures are of {}, this is {toolchain}: not compared", record.toolchain());
    }
    if arguments.record {
        record.with(toolchain, &comparison.figures()).write(tree)?;
        println!("recorded in {}", Record::PATH);
    }
    let complaints = comparison.complaints(arguments.limit, arguments.record);
    if complaints.is_empty() {
        Ok(format!("({} workloads)", names.len()))
    } else {
        Err(Stop::failed(complaints))
    }
}

/// The program of the commit to compare with, if there is one that has it.
fn before(tree: &Tree, wanted: Option<&str>) -> Result<Option<(Program, Base)>, Stop> {
    let Some(base) = Base::choose(tree, wanted)? else { return Ok(None) };
    if !base.has_bench(tree) {
        println!("{base} has no such bench yet");
        return Ok(None);
    }
    let (place, target) = base.check_out(tree)?;
    match Program::build(tree, &place, &target) {
        Ok(program) => Ok(Some((program, base))),
        // A commit that repairs the bench must be able to pass.
        Err(stop) if wanted.is_none() => {
            println!("{base} cannot be compared with: {stop}");
            Ok(None)
        }
        Err(stop) => Err(stop),
    }
}

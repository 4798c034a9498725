//! What `cargo xtask test` runs, cheapest first.
//!
//! * [`sources`]: format, lints, documentation.
//! * [`dependencies`]: licences and sources.
//! * [`provisions`]: what is fetched, before anybody waits for it.
//! * [`cargo_tests`]: unit, documentation and embedded-node tests, with cargo.
//! * [`examples`]: each program there runs to its end.
//! * [`instructions`]: what the hot path takes, and took before.
//! * [`foreign`]: other people's clients against the embedded node.
//! * [`real`]: our tests and other people's clients against a real Cassandra.
//! * [`rolling`]: a rolling restart of real nodes under load.
//! * [`load`]: the loader as a user runs it, its results read back by somebody else's driver.
//! * [`prometheus`]: a real Prometheus scrapes a load that runs.
//! * [`page`]: the page beside the metrics, in a browser.
//!
//! A layer adds its steps to the report; a step that lacks Java, Maven or Python is skipped and says so.
//!
//! What compiles and what counts instead of measuring time goes first, in two lanes at once ([`beside`]): compilers leave a core
//! idle again and again, each crate waiting for the one below it. What has a clock runs afterwards, one after the other.

mod beside;
mod cargo_tests;
mod dependencies;
mod embedded_node;
mod examples;
mod foreign;
mod load;
pub(crate) mod page;
mod prometheus;
mod provisions;
mod real;
mod rolling;
mod sources;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use self::beside::Beside;
use crate::instructions;
use crate::steps::{Report, Stop};
use crate::tree::Tree;

#[derive(Args)]
pub(crate) struct TestArguments {
    /// A skipped step fails the run (for CI)
    #[arg(long)]
    require_all: bool,
    /// Run only this layer; repeat for several
    #[arg(long, value_name = "NAME", value_parser = names())]
    only: Vec<String>,
    /// Only name the layers
    #[arg(long)]
    list: bool,
    /// Write how the steps ended into this file instead of a summary
    #[arg(long = beside::ENTRIES, hide = true)]
    entries: Option<PathBuf>,
}

struct Layer {
    name: &'static str,
    about: &'static str,
    turn: Turn,
    run: fn(&Tree, &mut Report),
}

/// When a layer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// At first, one after the other: Cargo locks the directory that all of these compile in.
    First,
    /// Beside those: compiles elsewhere, and minds as little as they do what else the machine is at.
    Beside,
    /// After both, and nothing at the same time: has a clock in it.
    Alone,
}

const LAYERS: &[Layer] = &[
    Layer { name: "fmt", about: "cargo fmt --check", turn: Turn::First, run: sources::fmt },
    Layer {
        name: "clippy",
        about: "clippy on all targets, warnings denied",
        turn: Turn::First,
        run: sources::clippy,
    },
    Layer { name: "doc", about: "cargo doc, warnings denied", turn: Turn::First, run: sources::doc },
    Layer {
        name: "dependencies",
        about: "licences and sources against deny.toml",
        turn: Turn::First,
        run: dependencies::run,
    },
    Layer {
        name: "compile",
        about: "tests, examples and programs compile",
        turn: Turn::First,
        run: cargo_tests::compile,
    },
    Layer {
        name: "load-tests",
        about: "the measuring workspace: lints and tests",
        turn: Turn::First,
        run: sources::load_tests,
    },
    Layer {
        name: "clients",
        about: "other people's clients in Go and Rust compile",
        turn: Turn::First,
        run: foreign::compile,
    },
    Layer {
        name: "provisions",
        about: "other people's programs, fetched before they are needed",
        turn: Turn::Beside,
        run: provisions::run,
    },
    Layer {
        name: "instructions",
        about: "instructions and allocations of the hot path, against their limits and the commit before",
        turn: Turn::Beside,
        run: |tree, report| report.step("instructions and allocations", || instructions::checked(tree)),
    },
    Layer {
        name: "readme",
        about: "the README's first command, from a release build",
        turn: Turn::Beside,
        run: load::readme,
    },
    Layer {
        name: "tests",
        about: "unit, doc and embedded-node tests",
        turn: Turn::Alone,
        run: cargo_tests::run,
    },
    Layer {
        name: "examples",
        about: "every example runs to its end, on embedded nodes",
        turn: Turn::Alone,
        run: examples::run,
    },
    Layer {
        name: "foreign",
        about: "other people's clients against the embedded node",
        turn: Turn::Alone,
        run: foreign::run,
    },
    Layer {
        name: "cassandra",
        about: "tests and clients against a real Apache Cassandra",
        turn: Turn::Alone,
        run: real::run,
    },
    Layer {
        name: "load",
        about: "the loader: real tables, a killed Cassandra, ten million rows",
        turn: Turn::Alone,
        run: load::run,
    },
    Layer {
        name: "three-nodes",
        about: "three real nodes: where replicas are, and a rolling restart under load",
        turn: Turn::Alone,
        run: real::three_nodes,
    },
    Layer {
        name: "prometheus",
        about: "a real Prometheus scrapes a running load",
        turn: Turn::Alone,
        run: prometheus::run,
    },
    Layer {
        name: "page",
        about: "the page beside the metrics, in a headless Chromium",
        turn: Turn::Alone,
        run: page::run,
    },
];

fn names() -> clap::builder::PossibleValuesParser {
    LAYERS.iter().map(|layer| layer.name).collect::<Vec<_>>().into()
}

pub(crate) fn run(tree: &Tree, arguments: &TestArguments) -> Result<ExitCode, Stop> {
    let only = &arguments.only;
    let chosen = LAYERS.iter().filter(|layer| only.is_empty() || only.iter().any(|name| name == layer.name));
    let chosen: Vec<&Layer> = chosen.collect();
    if arguments.list {
        chosen.iter().for_each(|layer| println!("{:<14}{}", layer.name, layer.about));
        return Ok(ExitCode::SUCCESS);
    }
    let mut report = Report::default();
    let (beside, mut rest): (Vec<_>, Vec<_>) =
        chosen.into_iter().partition(|layer| layer.turn == Turn::Beside);
    let names: Vec<&str> = beside.iter().map(|layer| layer.name).collect();
    if names.is_empty() || rest.iter().all(|layer| layer.turn != Turn::First) {
        // There is nothing that they could run beside.
        beside.iter().for_each(|layer| (layer.run)(tree, &mut report));
    } else {
        let started = Beside::start(tree, &names)?;
        let alone = rest.split_off(rest.partition_point(|layer| layer.turn == Turn::First));
        rest.iter().for_each(|layer| (layer.run)(tree, &mut report));
        started.join(&mut report);
        rest = alone;
    }
    rest.iter().for_each(|layer| (layer.run)(tree, &mut report));
    let good = match &arguments.entries {
        Some(file) => report.write(file)?,
        None => report.close(arguments.require_all),
    };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_first_stands_before_what_is_alone() {
        let turns = LAYERS.iter().map(|layer| layer.turn).filter(|turn| *turn != Turn::Beside);
        assert!(
            turns.is_sorted_by_key(|turn| turn == Turn::Alone),
            "the first ones are cut off at the first alone"
        );
    }
}

//! What `cargo xtask test` runs, cheapest first.
//!
//! * [`sources`]: format, lints, documentation.
//! * [`dependencies`]: licences and sources.
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

mod cargo_tests;
mod dependencies;
mod embedded_node;
mod examples;
mod foreign;
mod load;
pub(crate) mod page;
mod prometheus;
mod real;
mod rolling;
mod sources;

use std::process::ExitCode;

use clap::Args;

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
}

struct Layer {
    name: &'static str,
    about: &'static str,
    run: fn(&Tree, &mut Report),
}

const LAYERS: &[Layer] = &[
    Layer { name: "fmt", about: "cargo fmt --check", run: sources::fmt },
    Layer { name: "clippy", about: "clippy on all targets, warnings denied", run: sources::clippy },
    Layer { name: "doc", about: "cargo doc, warnings denied", run: sources::doc },
    Layer { name: "dependencies", about: "licences and sources against deny.toml", run: dependencies::run },
    Layer { name: "tests", about: "unit, doc and embedded-node tests", run: cargo_tests::run },
    Layer { name: "examples", about: "every example runs to its end, on embedded nodes", run: examples::run },
    Layer {
        name: "instructions",
        about: "instructions and allocations of the hot path, against their limits and the commit before",
        run: |tree, report| report.step("instructions and allocations", || instructions::checked(tree)),
    },
    Layer { name: "load-tests", about: "the measuring workspace: lints and tests", run: sources::load_tests },
    Layer { name: "foreign", about: "other people's clients against the embedded node", run: foreign::run },
    Layer { name: "cassandra", about: "tests and clients against a real Apache Cassandra", run: real::run },
    Layer {
        name: "load",
        about: "the loader: README, real tables, a killed Cassandra, ten million rows",
        run: load::run,
    },
    Layer {
        name: "three-nodes",
        about: "three real nodes: where replicas are, and a rolling restart under load",
        run: real::three_nodes,
    },
    Layer { name: "prometheus", about: "a real Prometheus scrapes a running load", run: prometheus::run },
    Layer { name: "page", about: "the page beside the metrics, in a headless Chromium", run: page::run },
];

fn names() -> clap::builder::PossibleValuesParser {
    LAYERS.iter().map(|layer| layer.name).collect::<Vec<_>>().into()
}

pub(crate) fn run(tree: &Tree, arguments: &TestArguments) -> Result<ExitCode, Stop> {
    let only = &arguments.only;
    let chosen = LAYERS.iter().filter(|layer| only.is_empty() || only.iter().any(|name| name == layer.name));
    if arguments.list {
        chosen.for_each(|layer| println!("{:<14}{}", layer.name, layer.about));
        return Ok(ExitCode::SUCCESS);
    }
    let mut report = Report::default();
    chosen.for_each(|layer| (layer.run)(tree, &mut report));
    let good = report.close(arguments.require_all);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

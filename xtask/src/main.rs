//! `cargo xtask`: everything that tests Chorus, in one command, and the servers that needs.
//!
//! * [`layers`]: what `cargo xtask test` runs, one file a layer.
//! * [`steps`]: a step, how it can end, the summary.
//! * [`transcript`]: of what a command said, the part that explains why it failed.
//! * [`cassandra`]: a real Apache Cassandra from Maven jars.
//! * [`certificates`]: certificates for servers and clients.
//! * [`instructions`]: what a request costs now and what it did before.
//! * [`python`]: virtual environments for other people's drivers.
//! * [`debian`]: programs of Debian packages.
//! * [`process`]: child processes that never outlive us unless told to.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks on its standard streams"
)]

mod cassandra;
mod certificates;
mod debian;
mod instructions;
mod layers;
mod process;
mod python;
mod steps;
mod transcript;
mod tree;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::tree::Tree;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Runs the tests of Chorus and the servers they need")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every layer: format, lints, docs, tests, other people's clients, real servers
    Test(layers::TestArguments),
    /// Count what the hot path takes, and compare with the commit before
    Instructions(instructions::InstructionsArguments),
    /// Take the pictures of the page beside the metrics anew: writes docs/images
    Pictures,
    /// Run a real Apache Cassandra, for use by hand
    Cassandra(cassandra::hands_on::CassandraArguments),
}

fn main() -> ExitCode {
    process::stop_children_on_signals();
    let tree = match Tree::locate() {
        Ok(tree) => tree,
        Err(stop) => return refuse(&stop),
    };
    let ended = match Arguments::parse().command {
        Command::Test(arguments) => layers::run(&tree, &arguments),
        Command::Instructions(arguments) => instructions::run(&tree, &arguments),
        Command::Pictures => layers::page::pictures(&tree),
        Command::Cassandra(arguments) => cassandra::hands_on::run(&tree, &arguments),
    };
    match ended {
        Ok(code) => code,
        Err(stop) => refuse(&stop),
    }
}

fn refuse(stop: &steps::Stop) -> ExitCode {
    eprintln!("xtask: {stop}");
    ExitCode::FAILURE
}

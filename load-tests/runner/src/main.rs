//! Runs every client against the sink in turns, and makes the table.
//!
//! ```text
//! cargo run --release --manifest-path load-tests/Cargo.toml -- compare
//! ```
//!
//! * [`clients`]: who is compared, and how each is started.
//! * [`sink`]: the server, in a process of its own.
//! * [`plan`]: what is run, in which order.
//! * [`summary`]: medians, spread, the table.

mod clients;
mod plan;
mod sink;
mod summary;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::clients::Client;
use crate::plan::Cell;

/// Any error, as text for whoever started the run.
type Failure = Box<dyn Error>;

#[derive(Parser)]
#[command(
    name = "load-tests",
    about = "Measures Chorus beside other drivers, on the same machine in the same run"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every client in every scenario, in turns, each in a process of its own
    Compare(Compare),
}

#[derive(Args, Clone)]
pub(crate) struct Compare {
    /// Who takes part
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Client::everybody())]
    clients: Vec<Client>,
    /// What is done: a scenario, for single requests with @ and the number in flight
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "insert@1,insert@16,insert@64,insert@256,insert@1024,insert@4096,concurrent,bulk,read@64,page@1"
    )]
    scenarios: Vec<Cell>,
    /// How often; the table has medians
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Measured time of one run
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Time before it
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// Hosts of the sink
    #[arg(long, default_value_t = 1)]
    hosts: u8,
    /// Answers are held back for this long
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Cores of the clients; empty for all
    #[arg(long, value_delimiter = ',', default_value = "0")]
    client_cores: Vec<usize>,
    /// Core of the sink
    #[arg(long, default_value_t = 1)]
    sink_core: usize,
    /// Pin nobody
    #[arg(long)]
    unpinned: bool,
    /// One more run each to count allocations and, where perf is to be had, system calls
    #[arg(long)]
    counts: bool,
    /// Everything measured, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Command::Compare(compare) = Arguments::parse().command;
    match run(&compare) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load-tests: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(compare: &Compare) -> Result<bool, Failure> {
    let programs = clients::build(compare)?;
    let sink = sink::Sink::start(&programs, compare)?;
    let results = plan::carry_out(compare, &programs, &sink);
    println!("{}", summary::table(&results, compare));
    if let Some(path) = &compare.json {
        std::fs::write(path, summary::json(&results, compare)?)?;
    }
    Ok(results.iter().all(|result| result.failures.is_empty()))
}

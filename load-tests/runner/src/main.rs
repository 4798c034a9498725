//! Runs every client against the sink in turns, and makes the table.
//!
//! ```text
//! cargo run --release --manifest-path load-tests/Cargo.toml -- compare --set quick
//! ```
//!
//! * [`cell`]: what is done in which surroundings. [`clients`]: who is compared.
//! * [`programs`]: how the programs are built. [`people`]: the file that is loaded.
//! * [`plan`]: what is run, in which order. [`run`]: one run. [`sink`]: the servers. [`affinity`]: on which cores.
//! * [`counting`]: system calls.
//! * [`statistics`], [`summary`]: medians, spread, the table, the JSON.

mod affinity;
mod cell;
mod clients;
mod counting;
mod people;
mod plan;
mod programs;
mod run;
mod sink;
mod statistics;
mod summary;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cell::{Cell, Cores};
use crate::clients::Client;
use crate::plan::Plan;
use crate::programs::Programs;

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
    /// Every client in every cell, in turns, each in a process of its own
    Compare(Compare),
}

#[derive(Args)]
struct Compare {
    /// Which cells, with as many runs as they deserve
    #[arg(long, value_enum, default_value_t = Set::Quick)]
    set: Set,
    /// These cells instead: a scenario, for single requests @ and the number in flight, and surroundings after +
    #[arg(long, value_delimiter = ',')]
    scenarios: Vec<Cell>,
    /// Who takes part; everybody who is to be had unless named
    #[arg(long, value_delimiter = ',', value_enum)]
    clients: Vec<Client>,
    /// In cells that do not say how many hosts the sink has
    #[arg(long, default_value_t = 1)]
    hosts: u8,
    /// In cells that do not say how long answers are held back
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Pin nobody, in cells that do not say where to run
    #[arg(long)]
    unpinned: bool,
    /// One more run each to count allocations and one to count system calls
    #[arg(long)]
    counts: bool,
    #[command(flatten)]
    timing: Timing,
}

/// What the kinds of comparison have in common.
#[derive(Args)]
struct Timing {
    /// How often; tables have medians
    #[arg(long)]
    runs: Option<usize>,
    /// Measured time of one run
    #[arg(long)]
    seconds: Option<f64>,
    /// Measured time of an idle session
    #[arg(long, default_value_t = 35.0)]
    idle_seconds: f64,
    /// Time before the measured one
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    #[command(flatten)]
    machine: Machine,
    /// Everything measured, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Set {
    /// The main cells, once, for a second each
    Quick,
    /// Every kind of cell, five times
    Full,
}

impl Set {
    fn cells(self) -> &'static str {
        match self {
            Set::Quick => "insert@1,insert@64,insert@1024,read@64,page@1,concurrent,bulk",
            Set::Full => {
                "insert@1,insert@1+unpinned,insert@16,insert@64,insert@256,insert@1024,insert@4096,\
                 read@1,read@64,read@1024,page@1,concurrent,bulk,csv,\
                 insert@1024+delay=1,insert@64+lz4,insert@1024+lz4,read@64+lz4,insert@64+tls,insert@1024+tls,\
                 insert@64+hosts=3,insert@1024+shards=2,bulk+hosts=2+one-core,bulk+hosts=2+two-cores,\
                 deadline@1024,idle+hosts=3"
            }
        }
    }
}

/// Which cores there are for whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct Machine {
    /// Core of the clients
    #[arg(long, default_value_t = 0)]
    client_core: usize,
    /// Core of the sink
    #[arg(long, default_value_t = 1)]
    sink_core: usize,
}

impl Machine {
    /// None means all.
    pub(crate) fn client_cores(&self, cores: Cores) -> Vec<usize> {
        match cores {
            Cores::Apart | Cores::One => vec![self.client_core],
            Cores::Two => vec![self.client_core, self.sink_core],
            Cores::Any => Vec::new(),
        }
    }

    /// None means all.
    pub(crate) fn sink_cores(&self, cores: Cores) -> Vec<usize> {
        if cores == Cores::Apart { vec![self.sink_core] } else { self.client_cores(cores) }
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Compare(compare) => run(compare),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load-tests: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(compare: Compare) -> Result<bool, Failure> {
    let (runs, seconds) = if compare.set == Set::Full { (5, 2.0) } else { (1, 1.0) };
    let mut cells = compare.scenarios;
    if cells.is_empty() {
        cells = compare.set.cells().split(',').map(str::parse).collect::<Result<_, _>>()?;
    }
    for surroundings in cells.iter_mut().map(|cell| &mut cell.surroundings) {
        let usual = cell::Surroundings::default();
        if surroundings.hosts == usual.hosts {
            surroundings.hosts = compare.hosts.max(1);
        }
        if surroundings.delay_ms == usual.delay_ms {
            surroundings.delay_ms = compare.delay_ms;
        }
        if compare.unpinned && surroundings.cores == usual.cores {
            surroundings.cores = Cores::Any;
        }
    }
    let programs = Programs::new()?;
    let timing = &compare.timing;
    let mut plan = Plan {
        cells,
        clients: compare.clients,
        runs: timing.runs.unwrap_or(runs),
        seconds: timing.seconds.unwrap_or(seconds),
        idle_seconds: timing.idle_seconds,
        warm_up: timing.warm_up,
        counts: compare.counts,
        machine: timing.machine.clone(),
    };
    prepare(&mut plan, &programs)?;
    let results = plan.carry_out(&programs);
    println!("{}", summary::tables(&results, &plan));
    if let Some(path) = &timing.json {
        std::fs::write(path, serde_json::to_string_pretty(&summary::json(&results, &plan)?)?)?;
    }
    Ok(results.iter().all(|result| result.failures.is_empty()))
}

/// Builds what takes part. Without names, everybody does who is to be had on this machine; the others are said goodbye to.
fn prepare(plan: &mut Plan, programs: &Programs) -> Result<(), Failure> {
    programs.build(plan.any(|cell| cell.surroundings.tls), plan.counts)?;
    if plan.any(|cell| cell.scenario == "csv") {
        people::make(&programs.target(people::FILE))?;
    }
    let named = !plan.clients.is_empty();
    let clients = if named { plan.clients.clone() } else { Client::everybody() };
    plan.clients.clear();
    for client in clients {
        match programs.make(client) {
            Ok(()) => plan.clients.push(client),
            Err(error) if named => return Err(format!("{client}: {error}").into()),
            Err(error) => eprintln!("{client} does not take part: {error}"),
        }
    }
    Ok(())
}

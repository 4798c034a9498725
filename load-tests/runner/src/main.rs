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
//! * [`accept`]: what we promise, and whether it holds.
//! * [`statistics`], [`summary`]: medians, spread, the table, the JSON.

mod accept;
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

use crate::cell::{Cell, Cores, Surroundings};
use crate::clients::Client;
use crate::plan::{Entry, Plan};
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
    /// What Chorus promises, measured: ends with failure when a line of it does not hold
    Accept(Accept),
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

#[derive(Args)]
struct Accept {
    /// Only the lines about this, such as bulk or insert@64
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
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
    /// Take the Rust programs as they are
    #[arg(long)]
    no_build: bool,
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
        Command::Compare(compare) => compare.run(),
        Command::Accept(accept) => accept.run(),
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

impl Compare {
    /// True if everything could be measured.
    fn run(self) -> Result<bool, Failure> {
        let (runs, seconds) = if self.set == Set::Full { (5, 2.0) } else { (1, 1.0) };
        let cells = self.cells()?;
        let programs = Programs::new()?;
        let clients = available(&self.clients, &programs)?;
        let entries = cells.iter().flat_map(|cell| {
            let clients = clients.iter().copied().filter(|client| client.takes_part_in(cell));
            clients.map(|client| Entry { cell: cell.clone(), client, counts: self.counts })
        });
        let plan = self.timing.plan(entries.collect(), runs, seconds);
        self.timing.build(&plan, &programs)?;
        let results = plan.carry_out(&programs);
        println!("{}", summary::tables(&results));
        self.timing.keep(&summary::json(&results, &plan)?)?;
        Ok(results.iter().all(|result| result.failures.is_empty()))
    }

    fn cells(&self) -> Result<Vec<Cell>, Failure> {
        let mut cells = self.scenarios.clone();
        if cells.is_empty() {
            cells = self.set.cells().split(',').map(str::parse).collect::<Result<_, _>>()?;
        }
        for surroundings in cells.iter_mut().map(|cell| &mut cell.surroundings) {
            let usual = Surroundings::default();
            if surroundings.hosts == usual.hosts {
                surroundings.hosts = self.hosts.max(1);
            }
            if surroundings.delay_ms == usual.delay_ms {
                surroundings.delay_ms = self.delay_ms;
            }
            if self.unpinned && surroundings.cores == usual.cores {
                surroundings.cores = Cores::Any;
            }
        }
        Ok(cells)
    }
}

impl Accept {
    /// True if every line holds.
    fn run(self) -> Result<bool, Failure> {
        let mut lines = accept::lines();
        lines.retain(|line| self.only.is_empty() || self.only.iter().any(|word| line.is_about(word)));
        let programs = Programs::new()?;
        let plan = self.timing.plan(accept::entries(&lines)?, 5, 2.0);
        self.timing.build(&plan, &programs)?;
        let results = plan.carry_out(&programs);
        println!("{}", summary::tables(&results));
        let (table, judgement, met) = accept::judge(&lines, &results);
        println!("{table}");
        let mut everything = summary::json(&results, &plan)?;
        everything["lines"] = judgement;
        self.timing.keep(&everything)?;
        Ok(met)
    }
}

impl Timing {
    fn plan(&self, entries: Vec<Entry>, runs: usize, seconds: f64) -> Plan {
        Plan {
            entries,
            runs: self.runs.unwrap_or(runs),
            seconds: self.seconds.unwrap_or(seconds),
            idle_seconds: self.idle_seconds,
            warm_up: self.warm_up,
            machine: self.machine.clone(),
        }
    }

    /// Builds the Rust programs and the file that is loaded, as far as they are needed.
    fn build(&self, plan: &Plan, programs: &Programs) -> Result<(), Failure> {
        if !self.no_build {
            programs.build(plan)?;
        }
        if plan.any(|entry| entry.cell.scenario == "csv") {
            people::make(&programs.target(people::FILE))?;
        }
        Ok(())
    }

    fn keep(&self, everything: &serde_json::Value) -> Result<(), Failure> {
        if let Some(path) = &self.json {
            std::fs::write(path, serde_json::to_string_pretty(everything)?)?;
        }
        Ok(())
    }
}

/// Who is to be had on this machine. The others are said goodbye to, unless they were named: then it is an error.
fn available(named: &[Client], programs: &Programs) -> Result<Vec<Client>, Failure> {
    let wanted = if named.is_empty() { Client::everybody() } else { named.to_vec() };
    let mut clients = Vec::new();
    for client in wanted {
        match programs.make(client) {
            Ok(()) => clients.push(client),
            Err(error) if named.contains(&client) => return Err(format!("{client}: {error}").into()),
            Err(error) => eprintln!("{client} does not take part: {error}"),
        }
    }
    Ok(clients)
}

//! What an inline write by the caller, and a spin, could save at most.
//!
//! A driver whose connections live on a thread of their own hands a request over twice: out, and back. This program does just
//! that with frames encoded beforehand and nothing else, in each of the shapes such a driver can have, beside whole drivers
//! that answer the same question:
//!
//! ```text
//! taskset -c 1 sink --listen 127.0.0.1:9042 &
//! taskset -c 0 trial --contact-point 127.0.0.1:9042 --release target/release
//! ```
//!
//! * [`wire`]: the frames.
//! * [`one_thread`]: no handing over: the floor.
//! * [`two_threads`]: a caller, a reactor, and what wakes them.
//! * [`cost`]: what a run used.

mod cost;
mod one_thread;
mod two_threads;
mod wire;

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::Parser;

use crate::cost::Cost;
use crate::two_threads::{Shape, Writer};

type Failure = Box<dyn Error>;

#[derive(Parser)]
#[command(about = "Two threads, one socket: who writes, and who sleeps")]
struct Arguments {
    /// The sink
    #[arg(long)]
    contact_point: String,
    /// Requests in flight
    #[arg(long, value_delimiter = ',', default_value = "1,16")]
    in_flight: Vec<usize>,
    /// Longest spin where there is one
    #[arg(long, default_value_t = 50)]
    spin_us: u64,
    /// How often; the table has medians
    #[arg(long, default_value_t = 5)]
    runs: usize,
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    #[arg(long, default_value_t = 0.3)]
    warm_up: f64,
    /// Where this workspace's release builds are, to measure drivers in the same run
    #[arg(long)]
    release: Option<PathBuf>,
    /// Which: the client and its variant
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "chorus:local,chorus:hosted,chorus:dedicated,chorus:dedicated-spin,scylla:tuned"
    )]
    drivers: Vec<String>,
}

/// A row of the table.
enum Candidate {
    OneThread,
    TwoThreads(Shape),
    Driver(String),
}

impl Candidate {
    fn all(arguments: &Arguments) -> Vec<Candidate> {
        let spin = Some(Duration::from_micros(arguments.spin_us));
        let shape = |writer, spin| Candidate::TwoThreads(Shape { writer, spin });
        let mut all = vec![
            Candidate::OneThread,
            shape(Writer::Reactor, None),
            shape(Writer::Caller, None),
            shape(Writer::Reactor, spin),
            shape(Writer::Caller, spin),
        ];
        if arguments.release.is_some() {
            all.extend(arguments.drivers.iter().cloned().map(Candidate::Driver));
        }
        all
    }

    fn name(&self) -> String {
        match self {
            Candidate::OneThread => "one thread writes and reads".into(),
            Candidate::TwoThreads(Shape { writer, spin }) => {
                let who = match writer {
                    Writer::Reactor => "queue, the reactor writes",
                    Writer::Caller => "the caller writes",
                };
                format!("{who}{}", if spin.is_some() { ", both spin" } else { "" })
            }
            Candidate::Driver(name) => format!("`{name}`"),
        }
    }

    fn measure(&self, arguments: &Arguments, in_flight: usize) -> Result<Cost, Failure> {
        let (warm_up, measured) =
            (Duration::from_secs_f64(arguments.warm_up), Duration::from_secs_f64(arguments.seconds));
        match self {
            Candidate::OneThread => {
                let (socket, frames) = wire::prepare(&arguments.contact_point, in_flight)?;
                Ok(one_thread::run(socket, &frames, warm_up, measured)?)
            }
            Candidate::TwoThreads(shape) => {
                let (socket, frames) = wire::prepare(&arguments.contact_point, in_flight)?;
                Ok(two_threads::run(socket, frames, *shape, warm_up, measured)?)
            }
            Candidate::Driver(driver) => drive(arguments, driver, in_flight),
        }
    }
}

/// A whole driver, in a process of its own on the same cores.
fn drive(arguments: &Arguments, driver: &str, in_flight: usize) -> Result<Cost, Failure> {
    let release = arguments.release.as_ref().ok_or("where are the clients?")?;
    let (client, variant) = driver.split_once(':').ok_or("a client and its variant, with a colon between")?;
    let output = Command::new(release.join(format!("client-{client}-mimalloc")))
        .args(["--variant", variant, "--scenario", "insert", "--concurrency", &in_flight.to_string()])
        .args(["--contact-point", &arguments.contact_point])
        .args(["--seconds", &arguments.seconds.to_string(), "--warm-up", &arguments.warm_up.to_string()])
        .output()?;
    if !output.status.success() {
        return Err(format!("{driver}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let number = |name: &str| report[name].as_f64().ok_or_else(|| format!("{driver} tells no {name}"));
    Ok(Cost { cpu_us: number("cpu_us_per_operation")?, p50_us: number("p50_us")? })
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let candidates = Candidate::all(&arguments);
    let mut costs = vec![vec![Vec::new(); arguments.in_flight.len()]; candidates.len()];
    for _ in 0..arguments.runs.max(1) {
        for (row, candidate) in candidates.iter().enumerate() {
            for (column, in_flight) in arguments.in_flight.iter().enumerate() {
                costs[row][column].push(candidate.measure(&arguments, *in_flight)?);
            }
        }
    }
    print!("| CPU µs a request, p50 µs |");
    arguments.in_flight.iter().for_each(|in_flight| print!(" {in_flight} in flight |"));
    println!("\n|---|{}", "--:|".repeat(arguments.in_flight.len()));
    for (candidate, columns) in candidates.iter().zip(&costs) {
        print!("| {} |", candidate.name());
        for runs in columns {
            let median = Cost::median(runs);
            print!(" {:.2}, {:.0} |", median.cpu_us, median.p50_us);
        }
        println!();
    }
    Ok(())
}

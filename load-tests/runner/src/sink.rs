//! The servers, each in a process of its own, on addresses nobody else uses.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::affinity;
use crate::cell::{Cores, Surroundings};
use crate::programs::Programs;
use crate::{Failure, Machine};

const PORT: u16 = 9042;

/// One for each kind of surroundings, started when first asked for. A sink that nobody talks to costs nothing.
pub(crate) struct Sinks<'a> {
    programs: &'a Programs,
    machine: &'a Machine,
    running: Vec<Sink>,
}

impl<'a> Sinks<'a> {
    pub(crate) fn new(programs: &'a Programs, machine: &'a Machine) -> Sinks<'a> {
        Sinks { programs, machine, running: Vec::new() }
    }

    pub(crate) fn of(&mut self, surroundings: Surroundings) -> Result<&Sink, Failure> {
        let index = match self.running.iter().position(|sink| sink.surroundings == surroundings) {
            Some(index) => index,
            None => {
                self.running.push(Sink::start(self.programs, self.machine, surroundings)?);
                self.running.len() - 1
            }
        };
        Ok(&self.running[index])
    }
}

/// What ScyllaDB's reactors do unless told otherwise (Seastar's `--idle-poll-time-us`).
const IDLE_POLL_US: &str = "200";

/// Stopped when dropped.
pub(crate) struct Sink {
    surroundings: Surroundings,
    process: Child,
    pub(crate) contact_point: String,
    /// The certificate it speaks TLS with.
    pub(crate) certificate: Option<PathBuf>,
}

impl Sink {
    fn start(programs: &Programs, machine: &Machine, surroundings: Surroundings) -> Result<Sink, Failure> {
        let first = free_block(surroundings.hosts).ok_or("no free block of loopback addresses")?;
        let contact_point = format!("{first}:{PORT}");
        let mut command = Command::new(programs.release("sink"));
        command.args(["--listen", &contact_point, "--hosts", &surroundings.hosts.to_string()]);
        command.args(["--shards", &surroundings.shards.to_string()]);
        if surroundings.delay_ms > 0 {
            command.args(["--delay-ms", &surroundings.delay_ms.to_string()]);
        }
        if surroundings.poll {
            command.args(["--idle-poll-us", IDLE_POLL_US]);
        }
        let is_direct = surroundings.delay_ms == 0 && !surroundings.poll && !surroundings.tls;
        if surroundings.cores == Cores::Two && is_direct {
            command.arg("--follow");
        }
        if surroundings.lz4 {
            command.arg("--lz4");
        }
        let certificate = surroundings
            .tls
            .then(|| std::env::temp_dir().join(format!("load-tests-{}-{first}.pem", std::process::id())));
        if let Some(path) = &certificate {
            command.arg("--tls-certificate").arg(path);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = affinity::spawn_on(&machine.sink_cores(surroundings.cores), &mut command)?;
        let output = process.stdout.take().ok_or("the sink has no output")?;
        let sink = Sink { surroundings, process, contact_point, certificate };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.starts_with("listening") { Ok(sink) } else { Err("the sink did not start".into()) }
    }

    /// Seconds that its threads ran so far, those that ended included.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        const TICKS_A_SECOND: f64 = 100.0;
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        // The name, in parentheses, may contain anything.
        let (_, numbers) = text.rsplit_once(") ")?;
        let ticks = numbers.split_whitespace().skip(11).take(2).map(|number| number.parse::<f64>().ok());
        Some(ticks.sum::<Option<f64>>()? / TICKS_A_SECOND)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(path) = &self.certificate {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn free_block(hosts: u8) -> Option<Ipv4Addr> {
    let start = std::process::id();
    (0..250).map(|step| Ipv4Addr::new(127, 1, ((start + step) % 250) as u8, 1)).find(|first| {
        (0..u32::from(hosts))
            .all(|index| TcpListener::bind((Ipv4Addr::from_bits(first.to_bits() + index), PORT)).is_ok())
    })
}

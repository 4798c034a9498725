//! One run of one client: started, watched through its measured part, and asked what it cost.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::clients::{Client, Kind};
use crate::counting::Counter;
use crate::programs::{Allocator, Programs};
use crate::sink::Sink;
use crate::{Failure, Machine, affinity};

/// What a client prints; nothing where it does not measure something.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) operations: u64,
    pub(crate) seconds: f64,
    pub(crate) operations_per_second: f64,
    pub(crate) cpu_us_per_operation: Option<f64>,
    pub(crate) cpu_percent: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
    pub(crate) worst_lateness_us: Option<f64>,
    pub(crate) allocations_per_operation: Option<f64>,
    pub(crate) resident_kib: Option<u64>,
    pub(crate) peak_resident_kib: u64,
    /// How much of its time the sink was busy, in percent of one core: what we saw, not what the client says.
    #[serde(default)]
    pub(crate) sink_cpu_percent: Option<f64>,
    /// As above.
    #[serde(default)]
    pub(crate) system_calls: Option<u64>,
}

/// One run.
pub(crate) struct Run<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) machine: &'a Machine,
    pub(crate) sink: &'a Sink,
    pub(crate) client: Client,
    pub(crate) cell: &'a Cell,
    pub(crate) seconds: f64,
    pub(crate) warm_up: f64,
}

/// For starting and for stopping; a Java client on a busy machine needs most of it.
const PATIENCE: Duration = Duration::from_secs(60);

impl Run<'_> {
    /// For time and memory.
    pub(crate) fn measure(&self) -> Result<Report, Failure> {
        self.carry_out(if self.cell.scenario == "idle" { Allocator::System } else { Allocator::Usual }, None)
    }

    /// For the number of allocations an operation, if the client can count them.
    pub(crate) fn allocations(&self) -> Result<Option<f64>, Failure> {
        match self.client.kind() {
            Kind::Rust { .. } => Ok(self.carry_out(Allocator::Counting, None)?.allocations_per_operation),
            _ => Ok(None),
        }
    }

    /// For the number of system calls an operation of the measured part.
    pub(crate) fn system_calls(&self, counter: Counter) -> Result<Option<f64>, Failure> {
        let report = self.carry_out(Allocator::Usual, Some(counter))?;
        Ok(report.system_calls.map(|calls| calls as f64 / report.operations.max(1) as f64))
    }

    fn carry_out(&self, allocator: Allocator, counter: Option<Counter>) -> Result<Report, Failure> {
        let mut command = self.command(allocator);
        let cores = self.machine.client_cores(self.cell.surroundings.cores);
        let mut client = Watched::start(&cores, &mut command)?;
        client.expect("ready", Duration::from_secs_f64(self.warm_up()) + PATIENCE)?;
        let counting = counter.map(|counter| counter.attach(client.process.id())).transpose()?;
        let (before, started) = (self.sink.cpu_seconds(), Instant::now());
        client.go()?;
        let report = client.line(Duration::from_secs_f64(self.seconds) + PATIENCE)?;
        let sink = before.zip(self.sink.cpu_seconds()).map(|(before, after)| after - before);
        let elapsed = started.elapsed().as_secs_f64();
        let system_calls = counting.map(|counting| counting.finish()).transpose()?.flatten();
        client.go()?;
        client.end()?;
        let report: Report = serde_json::from_str(&report).map_err(|error| format!("{error}: {report}"))?;
        let sink_cpu_percent = sink.map(|seconds| seconds / elapsed * 100.0);
        Ok(Report { sink_cpu_percent, system_calls, ..report })
    }

    /// A virtual machine has to compile first what is hot.
    fn warm_up(&self) -> f64 {
        if self.client.kind() == Kind::Java { self.warm_up.max(4.0) } else { self.warm_up }
    }

    fn command(&self, allocator: Allocator) -> Command {
        let mut command = self.programs.command(self.client, allocator);
        command.args(["--scenario", &self.cell.scenario, "--contact-point", &self.sink.contact_point]);
        command.args(["--concurrency", &self.cell.concurrency.unwrap_or(1).to_string()]);
        command.args(["--seconds", &self.seconds.to_string(), "--warm-up", &self.warm_up().to_string()]);
        command.arg("--hand-shake");
        if self.cell.scenario == "csv" {
            command.arg("--csv").arg(self.programs.target(crate::people::FILE));
        }
        if self.cell.surroundings.lz4 {
            command.arg("--lz4");
        }
        if let Some(certificate) = &self.sink.certificate {
            command.arg("--tls-certificate").arg(certificate);
        }
        command
    }
}

/// A client whose lines we read and who waits for ours. Stopped when dropped.
struct Watched {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Watched {
    fn start(cores: &[usize], command: &mut Command) -> Result<Watched, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = affinity::spawn_on(cores, command)
            .map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))?;
        let input = process.stdin.take().ok_or("the client has no input")?;
        let output = process.stdout.take().ok_or("the client has no output")?;
        let (heard, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if heard.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Watched { process, input, lines })
    }

    fn line(&mut self, limit: Duration) -> Result<String, Failure> {
        match self.lines.recv_timeout(limit) {
            Ok(line) => Ok(line),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("said nothing for {limit:?}").into()),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Err(format!("ended with {}", self.process.wait()?).into())
            }
        }
    }

    fn expect(&mut self, expected: &str, limit: Duration) -> Result<(), Failure> {
        let line = self.line(limit)?;
        if line == expected { Ok(()) } else { Err(format!("said {line:?} instead of {expected:?}").into()) }
    }

    fn go(&mut self) -> Result<(), Failure> {
        Ok(self.input.write_all(b"\n")?)
    }

    /// It has said everything; a session that does not close does not hold us up.
    fn end(&mut self) -> Result<(), Failure> {
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait()? {
                return if status.success() { Ok(()) } else { Err(format!("ended with {status}").into()) };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("did not end".into())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

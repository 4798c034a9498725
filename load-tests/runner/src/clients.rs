//! Who is compared, and how each is started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::plan::Cell;
use crate::{Compare, Failure};

/// A driver in one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// Chorus, actors on the caller's current-thread runtime
    ChorusLocal,
    /// Chorus, actors as a task of the caller's multi-thread runtime
    ChorusHosted,
    /// Chorus, actors on a thread of their own
    ChorusDedicated,
    /// The scylla crate as it comes: two workers, the system's allocator, its own defaults
    Scylla,
    /// The scylla crate at its best: current-thread runtime, mimalloc, no client timeout
    ScyllaTuned,
    /// cdrs-tokio: current-thread runtime, mimalloc
    Cdrs,
    /// The Python driver
    Python,
}

impl Client {
    pub(crate) fn everybody() -> Vec<Client> {
        Client::value_variants().to_vec()
    }

    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What the client binary calls it, and whether its program would have mimalloc.
    fn driver(self) -> Option<(&'static str, bool)> {
        match self {
            Client::ChorusLocal => Some(("chorus-local", true)),
            Client::ChorusHosted => Some(("chorus-hosted", true)),
            Client::ChorusDedicated => Some(("chorus-dedicated", true)),
            Client::Scylla => Some(("scylla-default", false)),
            Client::ScyllaTuned => Some(("scylla-tuned", true)),
            Client::Cdrs => Some(("cdrs", true)),
            Client::Python => None,
        }
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name())
    }
}

/// Where the programs of a run are.
pub(crate) struct Programs {
    /// Cargo's directory of release builds.
    release: PathBuf,
    python: Option<PathBuf>,
    script: PathBuf,
}

impl Programs {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.release.join(name)
    }
}

/// Builds what takes part.
pub(crate) fn build(compare: &Compare) -> Result<Programs, Failure> {
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the runner is a folder of its workspace")?;
    let executable = std::env::current_exe()?;
    let target = executable.ancestors().nth(2).ok_or("the runner is not in a target directory")?;
    let cargo = |arguments: &[&str]| -> Result<(), Failure> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .current_dir(workspace)
            .args(["build", "--release"])
            .args(arguments)
            .env("CARGO_TARGET_DIR", target);
        if command.status()?.success() { Ok(()) } else { Err("cargo build failed".into()) }
    };
    cargo(&["--package", "sink", "--package", "clients"])?;
    if compare.counts {
        cargo(&["--package", "clients", "--features", "count-allocations", "--bin", "client-counting"])?;
    }
    let python =
        if compare.clients.contains(&Client::Python) { Some(python_environment(target)?) } else { None };
    Ok(Programs {
        release: target.join("release"),
        python,
        script: workspace.join("clients/python/client.py"),
    })
}

/// An interpreter that has the driver, made once.
fn python_environment(target: &Path) -> Result<PathBuf, Failure> {
    let directory = target.join("python-client");
    let python = directory.join("bin/python");
    let complete = directory.join(".complete");
    if !complete.exists() {
        let run = |command: &mut Command| -> Result<(), Failure> {
            let status = command.status().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
            if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
        };
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "cassandra-driver"]))?;
        std::fs::write(&complete, "")?;
    }
    Ok(python)
}

/// What a client prints; `null` where it does not measure something.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) operations: u64,
    pub(crate) all_operations: u64,
    pub(crate) seconds: f64,
    pub(crate) operations_per_second: f64,
    pub(crate) cpu_us_per_operation: f64,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
    pub(crate) allocations_per_operation: Option<f64>,
    pub(crate) peak_resident_kib: u64,
}

/// One run of one client.
pub(crate) struct Run<'a> {
    pub(crate) compare: &'a Compare,
    pub(crate) programs: &'a Programs,
    pub(crate) contact_point: &'a str,
    pub(crate) client: Client,
    pub(crate) cell: &'a Cell,
}

impl Run<'_> {
    /// For time and memory.
    pub(crate) fn measure(&self) -> Result<Report, Failure> {
        let binary = match self.client.driver() {
            Some((_, true)) => "client-mimalloc",
            _ => "client-system",
        };
        self.run(&mut self.command(binary, None)?)
    }

    /// For the number of allocations, if the client can count them.
    pub(crate) fn allocations(&self) -> Result<Option<f64>, Failure> {
        if self.client.driver().is_none() {
            return Ok(None);
        }
        let report = self.run(&mut self.command("client-counting", None)?)?;
        Ok(report.allocations_per_operation)
    }

    /// For the number of system calls of the whole process, shared among all its operations, if perf is here.
    pub(crate) fn system_calls(&self) -> Result<Option<f64>, Failure> {
        let binary = match self.client.driver() {
            Some((_, true)) => "client-mimalloc",
            _ => "client-system",
        };
        let counted = std::env::temp_dir().join(format!("load-tests-perf-{}", std::process::id()));
        let mut command = self.command(binary, Some(&counted))?;
        let report = match self.run(&mut command) {
            Ok(report) => report,
            Err(_) => return Ok(None),
        };
        let text = std::fs::read_to_string(&counted).unwrap_or_default();
        let _ = std::fs::remove_file(&counted);
        let count =
            text.lines().find(|line| line.contains("sys_enter")).and_then(|line| line.split(',').next());
        let count: Option<f64> = count.and_then(|count| count.trim().parse().ok());
        Ok(count.map(|count| count / report.all_operations.max(1) as f64))
    }

    fn command(&self, binary: &str, perf: Option<&Path>) -> Result<Command, Failure> {
        let compare = self.compare;
        let mut words: Vec<std::ffi::OsString> = Vec::new();
        if let Some(output) = perf {
            words.extend(["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-o"].map(Into::into));
            words.push(output.into());
        }
        match self.client.driver() {
            Some((driver, _)) => {
                words.push(self.programs.path(binary).into());
                words.extend(["--driver".into(), driver.into()]);
            }
            None => {
                let python = self.programs.python.as_ref().ok_or("no Python environment")?;
                words.extend([python.into(), (&self.programs.script).into()]);
            }
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.args(["--scenario", &self.cell.scenario, "--contact-point", self.contact_point]);
        command.args(["--concurrency", &self.cell.concurrency.unwrap_or(1).to_string()]);
        command.args(["--seconds", &compare.seconds.to_string(), "--warm-up", &compare.warm_up.to_string()]);
        if !compare.unpinned && !compare.client_cores.is_empty() {
            let cores: Vec<String> = compare.client_cores.iter().map(usize::to_string).collect();
            command.args(["--cores", &cores.join(",")]);
        }
        Ok(command)
    }

    fn run(&self, command: &mut Command) -> Result<Report, Failure> {
        let limit =
            Duration::from_secs_f64(self.compare.seconds + self.compare.warm_up) + Duration::from_secs(30);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let started = Instant::now();
        // One line fits into a pipe: the child never waits for us to read it.
        while child.try_wait()?.is_none() {
            if started.elapsed() > limit {
                child.kill()?;
                child.wait()?;
                return Err(format!("did not end within {limit:?}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("ended with {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

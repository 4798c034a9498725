//! Where the programs of a run are, and how they come to be.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::clients::{Client, Kind};
use crate::plan::Plan;

/// Which allocator a Rust client shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allocator {
    /// What the program of this client would have.
    Usual,
    /// The system's: mimalloc keeps six megabytes for itself, which says nothing about a driver.
    System,
    /// One that counts, for the number only.
    Counting,
}

/// Everything that was built.
pub(crate) struct Programs {
    /// This workspace.
    source: PathBuf,
    /// Cargo's target directory; what is made here disappears with it.
    target: PathBuf,
}

impl Programs {
    pub(crate) fn new() -> Result<Programs, Failure> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .ok_or("the runner is a folder of its workspace")?;
        let executable = std::env::current_exe()?;
        let target = executable.ancestors().nth(2).ok_or("the runner is not in a target directory")?;
        Ok(Programs { source: source.to_owned(), target: target.to_owned() })
    }

    /// A program of this workspace.
    pub(crate) fn release(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// A file of the target directory.
    pub(crate) fn target(&self, name: &str) -> PathBuf {
        self.target.join(name)
    }

    /// Builds the sink and the Rust clients of a plan.
    pub(crate) fn build(&self, plan: &Plan) -> Result<(), Failure> {
        let mut binaries = vec!["sink".to_owned()];
        for entry in &plan.entries {
            let usual = if entry.cell.scenario == "idle" { Allocator::System } else { Allocator::Usual };
            binaries.extend(binary(entry.client, usual));
            if entry.counts {
                binaries.extend(binary(entry.client, Allocator::Counting));
            }
        }
        binaries.sort();
        binaries.dedup();
        // Always the same packages together, so that dependencies have the same features whatever is asked for. The
        // scylla crate is on its own: its TLS brings a cryptography library that takes minutes to build.
        let (scylla, others): (Vec<String>, Vec<String>) =
            binaries.into_iter().partition(|name| name.starts_with("client-scylla"));
        self.cargo(&["sink", "client-raw", "client-chorus", "client-cdrs"], &[], &others)?;
        if scylla.is_empty() {
            Ok(())
        } else {
            self.cargo(&["client-scylla"], &["--features", "tls"], &scylla)
        }
    }

    fn cargo(&self, packages: &[&str], features: &[&str], binaries: &[String]) -> Result<(), Failure> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.source).env("CARGO_TARGET_DIR", &self.target).args(["build", "--release"]);
        packages.iter().for_each(|package| {
            command.args(["--package", package]);
        });
        binaries.iter().for_each(|name| {
            command.args(["--bin", name]);
        });
        run(command.args(features))
    }

    /// Makes what a client of another language needs, unless it is there.
    pub(crate) fn make(&self, client: Client) -> Result<(), Failure> {
        match client.kind() {
            Kind::Rust { .. } => Ok(()),
            Kind::Python { package } => self.python(package),
            Kind::Go { fork } => run(Command::new("go")
                .current_dir(self.source.join("clients/go"))
                .args(["build", "-tags", if fork { "scylla" } else { "" }, "-o"])
                .arg(self.target(go_program(fork)))),
            Kind::Java => run(Command::new("mvn")
                .current_dir(self.source.join("clients/java"))
                .args(["--quiet", "--batch-mode", "compile", "dependency:copy-dependencies"])
                .arg(format!("-Dmade={}", self.target(JAVA).display()))),
        }
    }

    /// An interpreter that has the driver.
    fn python(&self, package: &str) -> Result<(), Failure> {
        let directory = self.target(package);
        let complete = directory.join(".complete");
        if !complete.exists() {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))?;
            run(
                Command::new(directory.join("bin/python")).args(["-m", "pip", "install", "--quiet", package])
            )?;
            std::fs::write(&complete, "")?;
        }
        Ok(())
    }

    /// The beginning of a command that runs a client.
    pub(crate) fn command(&self, client: Client, allocator: Allocator) -> Command {
        match client.kind() {
            Kind::Rust { variant, .. } => {
                let binary = binary(client, allocator).unwrap_or_default();
                let mut command = Command::new(self.release(&binary));
                command.args(["--variant", variant]);
                command
            }
            Kind::Python { package } => {
                let mut command = Command::new(self.target(package).join("bin/python"));
                command.arg(self.source.join("clients/python/client.py"));
                command
            }
            Kind::Go { fork } => Command::new(self.target(go_program(fork))),
            Kind::Java => {
                let made = self.target(JAVA);
                let mut command = Command::new("java");
                command.arg("-cp").arg(format!("{0}/classes:{0}/dependency/*", made.display())).arg("Client");
                command
            }
        }
    }
}

/// The binary of a Rust client.
fn binary(client: Client, allocator: Allocator) -> Option<String> {
    let Kind::Rust { package, mimalloc, .. } = client.kind() else { return None };
    let with = match allocator {
        _ if client.is_raw() => "",
        Allocator::Counting => "-counting",
        Allocator::Usual if mimalloc => "-mimalloc",
        Allocator::Usual | Allocator::System => "-system",
    };
    Some(format!("client-{package}{with}"))
}

/// The folder of the Java client.
const JAVA: &str = "java-client";

fn go_program(fork: bool) -> &'static str {
    if fork { "gocql-scylla-client" } else { "gocql-client" }
}

/// Runs a step; what it says goes to standard error, because standard output is for the table.
fn run(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().to_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr())).status();
    let status = child.map_err(|error| format!("{name:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

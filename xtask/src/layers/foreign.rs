//! Other people's clients. Each file of `tests/foreign` takes `HOST:PORT` and ends with 0 when what it saw was right.
//!
//! A Python script says in its first lines what it needs from PyPI, and is run once for each driver it names:
//!
//! ```text
//! # drivers: cassandra-driver scylla-driver
//! ```
//!
//! One that says `# tls: yes` is run once more for the first of its drivers, over TLS, with `--tls-ca FILE --tls-cert FILE
//! --tls-key FILE` behind the address.
//!
//! A directory with a `go.mod` is a Go client, one with a `Cargo.toml` a Rust one.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cargo_tests::{self, FEATURES};
use super::embedded_node::{self, EmbeddedNode};
use crate::certificates::Certificates;
use crate::process;
use crate::python;
use crate::steps::{Outcome, Report, Stop};
use crate::tree::Tree;

pub(super) fn run(tree: &Tree, report: &mut Report) {
    let mut node = None;
    report.step("embedded node starts", || {
        node = Some(EmbeddedNode::start(tree, &embedded_node::debug_binary(tree)?)?);
        Ok(String::new())
    });
    let Some(node) = node else { return };
    against(tree, report, &node.address.to_string(), "embedded node", None);
    exchange(tree, report, &node.address.to_string(), "embedded node");
    let mut secured = None;
    report.step("embedded node starts with TLS", || {
        let certificates = Certificates::make(tree, "embedded", &[Ipv4Addr::LOCALHOST.into()])?;
        let chorus = embedded_node::debug_binary(tree)?;
        let node = EmbeddedNode::start_secured(tree, &chorus, &certificates)?;
        secured = Some((node, certificates));
        Ok(String::new())
    });
    if let Some((node, certificates)) = secured {
        over_tls(tree, report, &node.address.to_string(), "embedded node", &certificates);
    }
}

/// Values that we write and the Python driver reads, and the other way round.
fn exchange(tree: &Tree, report: &mut Report, server: &str, what: &str) {
    report.step(format!("values to and from the Python driver, {what}"), || {
        let mut command = tree.cargo();
        command
            .args(["test", "--workspace", "--test", "values", "--features", FEATURES, "--locked"])
            .args(["--", "--ignored", "exchange"])
            .env("CHORUS_CASSANDRA", server)
            .env(PYTHON, python::environment(tree, EXCHANGE)?);
        cargo_tests::counted(&mut command)
    });
}

/// Names the interpreter for the test that exchanges values, and the packages it needs.
pub(super) const PYTHON: &str = "CHORUS_PYTHON";
pub(super) const EXCHANGE: &[&str] = &["cassandra-driver", "cryptography"];

/// Runs the clients that can over TLS.
fn over_tls(tree: &Tree, report: &mut Report, server: &str, what: &str, certificates: &Certificates) {
    let clients = match clients(&tree.root.join("tests/foreign")) {
        Ok(clients) => clients,
        Err(stop) => return report.step(format!("clients over TLS, {what}"), || Err(stop)),
    };
    for client in clients.iter().filter(|client| client.speaks_tls()) {
        report.step(format!("{client} over TLS, {what}"), || {
            client.run(tree, server, &certificates.client_arguments())
        });
    }
}

/// Runs every client against a server, one step each; and over TLS if the server speaks it.
pub(super) fn against(
    tree: &Tree,
    report: &mut Report,
    server: &str,
    what: &str,
    certificates: Option<&Certificates>,
) {
    let clients = match clients(&tree.root.join("tests/foreign")) {
        Ok(clients) => clients,
        Err(stop) => return report.step(format!("clients, {what}"), || Err(stop)),
    };
    for client in clients {
        report.step(format!("{client}, {what}"), || client.run(tree, server, &[]));
    }
    if let Some(certificates) = certificates {
        over_tls(tree, report, server, what, certificates);
    }
}

/// What the Python clients need from PyPI, an environment each.
pub(super) fn python_packages(tree: &Tree) -> Result<Vec<Vec<String>>, Stop> {
    let packages = clients(&tree.root.join("tests/foreign"))?.into_iter().filter_map(|client| match client {
        Client::Python { package, .. } => Some(vec![package]),
        Client::Go { .. } | Client::Rust { .. } => None,
    });
    Ok(packages.collect())
}

/// Compiles the clients that are compiled.
pub(super) fn compile(tree: &Tree, report: &mut Report) {
    report.step("clients in Go and Rust compile", || compiled(tree));
}

fn compiled(tree: &Tree) -> Outcome {
    let clients = clients(&tree.root.join("tests/foreign"))?;
    let compiled: Vec<_> = clients.iter().filter(|client| !matches!(client, Client::Python { .. })).collect();
    for client in &compiled {
        client.ready(tree)?;
    }
    Ok(format!("({})", compiled.len()))
}

/// One program that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Client {
    Python { script: PathBuf, package: String, speaks_tls: bool },
    Go { directory: PathBuf },
    Rust { directory: PathBuf },
}

impl Client {
    fn speaks_tls(&self) -> bool {
        matches!(self, Client::Python { speaks_tls: true, .. })
    }

    fn run(&self, tree: &Tree, server: &str, more: &[OsString]) -> Outcome {
        process::run(&self.to_string(), self.ready(tree)?.arg(server).args(more))?;
        Ok(String::new())
    }

    /// Installs or compiles it, if that was not done before; what runs it.
    fn ready(&self, tree: &Tree) -> Result<Command, Stop> {
        match self {
            Client::Python { script, package, .. } => {
                let mut command = Command::new(python::environment(tree, &[package])?);
                command.arg(script);
                Ok(command)
            }
            Client::Go { directory } => {
                let program = tree.target.join("foreign").join(directory.file_name().unwrap_or_default());
                let mut build = Command::new("go");
                build.current_dir(directory).args(["build", "-o"]).arg(&program).arg(".");
                process::run("go build", &mut build)?;
                Ok(Command::new(program))
            }
            Client::Rust { directory } => {
                let cargo = |what: &str| {
                    let mut command = tree.cargo();
                    command.args([what, "--quiet", "--locked", "--manifest-path"]);
                    command.arg(directory.join("Cargo.toml")).env("CARGO_TARGET_DIR", &tree.target);
                    command
                };
                process::run("cargo build", &mut cargo("build"))?;
                let mut command = cargo("run");
                command.arg("--");
                Ok(command)
            }
        }
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match self {
            Client::Python { script, package, .. } => write!(formatter, "{} with {package}", name(script)),
            Client::Go { directory } => write!(formatter, "{} (Go)", name(directory)),
            Client::Rust { directory } => write!(formatter, "{} (Rust)", name(directory)),
        }
    }
}

fn clients(directory: &Path) -> Result<Vec<Client>, Stop> {
    let entries = std::fs::read_dir(directory)
        .map_err(|error| Stop::failed(format!("{}: {error}", directory.display())))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut clients = Vec::new();
    for path in paths {
        if path.extension().is_some_and(|extension| extension == "py") {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Stop::failed(format!("{}: {error}", path.display())))?;
            let speaks_tls = speaks_tls(&text);
            clients.extend(drivers(&text).iter().enumerate().map(|(index, package)| Client::Python {
                script: path.clone(),
                package: package.to_string(),
                speaks_tls: speaks_tls && index == 0,
            }));
        } else if path.join("go.mod").exists() {
            clients.push(Client::Go { directory: path });
        } else if path.join("Cargo.toml").exists() {
            clients.push(Client::Rust { directory: path });
        }
    }
    if clients.is_empty() {
        return Err(Stop::failed(format!("{} holds no client", directory.display())));
    }
    Ok(clients)
}

/// The packages of the line `# drivers: …`; a file without one is a module of the others.
fn drivers(script: &str) -> Vec<&str> {
    let line = script.lines().take(20).find_map(|line| line.strip_prefix("# drivers:"));
    line.map(|names| names.split([' ', ',']).filter(|name| !name.is_empty()).collect()).unwrap_or_default()
}

/// Whether a script takes certificates.
fn speaks_tls(script: &str) -> bool {
    script.lines().take(20).any(|line| line == "# tls: yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_run_once_for_each_driver_it_names() {
        assert_eq!(
            drivers("#!/usr/bin/env python3\n# drivers: cassandra-driver scylla-driver\n"),
            ["cassandra-driver", "scylla-driver"]
        );
        assert_eq!(drivers("# drivers: a, b"), ["a", "b"]);
        assert!(drivers("import cassandra\n").is_empty());
        assert!(speaks_tls("#!/usr/bin/env python3\n# drivers: a\n# tls: yes\n"));
        assert!(!speaks_tls("# drivers: a\n"));
    }
}

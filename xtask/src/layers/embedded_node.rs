//! `chorus node` in a process of its own, as a user would start it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::cargo_tests;
use crate::certificates::Certificates;
use crate::process::{self, Process};
use crate::steps::Stop;
use crate::tree::Tree;

/// Stopped when dropped.
pub(super) struct EmbeddedNode {
    pub(super) address: SocketAddr,
    _process: Process,
}

const START_LIMIT: Duration = Duration::from_secs(20);

impl EmbeddedNode {
    pub(super) fn start(tree: &Tree, chorus: &Path) -> Result<EmbeddedNode, Stop> {
        Self::start_with(tree, chorus, None, &[])
    }

    /// So many with so many shards each, at this address and the following ones of the loopback network.
    pub(super) fn start_many(
        tree: &Tree,
        chorus: &Path,
        nodes: u8,
        shards: u16,
    ) -> Result<EmbeddedNode, Stop> {
        let arguments = [format!("--nodes={nodes}"), format!("--shards={shards}")];
        Self::start_with(tree, chorus, None, &arguments)
    }

    /// One that speaks TLS alone, with clients that show a certificate.
    pub(super) fn start_secured(
        tree: &Tree,
        chorus: &Path,
        certificates: &Certificates,
    ) -> Result<EmbeddedNode, Stop> {
        Self::start_with(tree, chorus, Some(certificates), &[])
    }

    fn start_with(
        tree: &Tree,
        chorus: &Path,
        certificates: Option<&Certificates>,
        arguments: &[String],
    ) -> Result<EmbeddedNode, Stop> {
        let address = free_address()?;
        let log = tree.target.join(match certificates {
            None => "embedded-node.log",
            Some(_) => "embedded-node-tls.log",
        });
        let _ = std::fs::remove_file(&log);
        let mut command = Command::new(chorus);
        command.args(["node", "--listen", &address.to_string()]).args(arguments);
        if let Some(Certificates { authority, server, server_key, .. }) = certificates {
            command.arg("--tls-cert").arg(server).arg("--tls-key").arg(server_key);
            command.arg("--tls-client-ca").arg(authority);
        }
        let mut process = Process::server("chorus node", &mut command, &log)?;
        let started = Instant::now();
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            if process.ended().is_some() || started.elapsed() > START_LIMIT {
                return Err(Stop::failed(format!(
                    "chorus node does not listen; it said:\n{}",
                    process.last_words(20)
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(EmbeddedNode { address, _process: process })
    }
}

/// The path of our own binary, built for tests.
pub(super) fn debug_binary(tree: &Tree) -> Result<PathBuf, Stop> {
    cargo_tests::build(tree, &["--bin", "chorus"])?;
    Ok(tree.target.join("debug/chorus"))
}

/// The path of our own binary, built for use.
pub(super) fn release_binary(tree: &Tree) -> Result<PathBuf, Stop> {
    let mut command = tree.cargo();
    command.args(["build", "--release", "--locked", "--package", "chorus-cql", "--bin", "chorus"]);
    process::run("cargo build --release", &mut command)?;
    Ok(tree.target.join("release/chorus"))
}

/// An address that nobody listened on a moment ago.
pub(super) fn free_address() -> Result<SocketAddr, Stop> {
    let listener =
        TcpListener::bind("127.0.0.1:0").map_err(|error| Stop::failed(format!("no free port: {error}")))?;
    listener.local_addr().map_err(|error| Stop::failed(format!("no free port: {error}")))
}

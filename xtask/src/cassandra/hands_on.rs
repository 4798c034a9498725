//! `cargo xtask cassandra`: the same servers, for use by hand.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use rustix::process::{Pid, Signal, kill_process};

use super::{Cluster, Layout};
use crate::process::is_running;
use crate::steps::Stop;
use crate::tree::Tree;

/// The directory below `target/cassandra` that belongs to the cluster started by hand.
const NAME: &str = "by-hand";

#[derive(Args)]
pub(crate) struct CassandraArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Start it in the background; it runs until `stop`
    Start(Shape),
    /// Stop what `start` started, and remove its data
    Stop,
    /// Run it until Ctrl-C, then remove its data
    Run(Shape),
}

#[derive(Args)]
struct Shape {
    /// How many nodes, on following loopback addresses, one rack each
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
    /// Ask for a user and password (first user: cassandra / cassandra)
    #[arg(long)]
    auth: bool,
    /// The first node's address
    #[arg(long, default_value = "127.0.0.1")]
    address: Ipv4Addr,
}

pub(crate) fn run(tree: &Tree, arguments: &CassandraArguments) -> Result<ExitCode, Stop> {
    match &arguments.action {
        Action::Start(shape) => start(tree, shape)?,
        Action::Stop => stop(tree)?,
        Action::Run(shape) => {
            let cluster = launch(tree, shape)?;
            println!("Ctrl-C stops it");
            // Signals end the process and stop the children; nothing else does.
            loop {
                std::thread::park();
                let _ = &cluster;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn launch(tree: &Tree, shape: &Shape) -> Result<Cluster, Stop> {
    if !running(tree).is_empty() {
        return Err(Stop::failed(
            "a Cassandra started by hand is running already: cargo xtask cassandra stop",
        ));
    }
    let started = Instant::now();
    let (nodes, auth) = (shape.nodes, shape.auth);
    let layout = Layout { nodes, auth, durable: true, tls: None, first: Some(shape.address) };
    let cluster = Cluster::start(tree, NAME, &layout)?;
    println!("ready after {:.1} s: {}", started.elapsed().as_secs_f64(), cluster.contact_points().join(" "));
    if shape.auth {
        println!("first user: cassandra / cassandra");
    }
    println!("logs and data: {}", cluster.directory().display());
    Ok(cluster)
}

fn start(tree: &Tree, shape: &Shape) -> Result<(), Stop> {
    let cluster = launch(tree, shape)?;
    let pids: Vec<String> = cluster.detach().iter().map(i32::to_string).collect();
    let file = pid_file(tree);
    std::fs::write(&file, pids.join("\n"))
        .map_err(|error| Stop::failed(format!("{}: {error}", file.display())))?;
    println!("cargo xtask cassandra stop ends it");
    Ok(())
}

fn stop(tree: &Tree) -> Result<(), Stop> {
    let pids = running(tree);
    for pid in &pids {
        let _ = kill_process(*pid, Signal::TERM);
    }
    let asked = Instant::now();
    while pids.iter().any(|pid| is_running(*pid)) {
        if asked.elapsed() > Duration::from_secs(20) {
            for pid in pids.iter().filter(|pid| is_running(**pid)) {
                let _ = kill_process(*pid, Signal::KILL);
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = std::fs::remove_dir_all(directory(tree));
    println!("stopped {} nodes", pids.len());
    Ok(())
}

/// The processes of the last `start` that are still ours: an id may have gone to somebody else since.
fn running(tree: &Tree) -> Vec<Pid> {
    let home = directory(tree);
    let ids = std::fs::read_to_string(pid_file(tree)).unwrap_or_default();
    ids.lines()
        .filter_map(|line| line.trim().parse().ok().and_then(Pid::from_raw))
        .filter(|pid| belongs_to(*pid, &home))
        .collect()
}

fn belongs_to(pid: Pid, home: &Path) -> bool {
    let line = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    String::from_utf8_lossy(&line).contains(&*home.to_string_lossy())
}

fn directory(tree: &Tree) -> PathBuf {
    tree.target.join("cassandra").join(NAME)
}

fn pid_file(tree: &Tree) -> PathBuf {
    directory(tree).join("pids")
}

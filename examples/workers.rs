//! A server of several processes, such as one that forks its workers: each opens a session of its own.
//!
//! A session is threads and sockets. Threads do not survive a fork, and two processes that read from one socket steal each other's
//! answers. So nothing is connected before the workers are made; this holds as well for a host program that loads Chorus as a
//! library and forks (open the session in its post-fork hook), and for children made like here, by starting a program again.
//!
//! `cargo run --example workers`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::process::Command;

use chorus::Session;
use chorus_node::EmbeddedCluster;

/// Tells a process that it is a worker, and which.
const WORKER: &str = "CHORUS_WORKER";
const HOSTS: &str = "CHORUS_HOSTS";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::var(WORKER) {
        Ok(number) => work(&number),
        Err(_) => supervise(),
    }
}

/// The parent: makes the workers, and connects to nothing.
fn supervise() -> Result<(), Box<dyn std::error::Error>> {
    let embedded = std::env::var(HOSTS).is_err().then(|| EmbeddedCluster::start(1)).transpose()?;
    let mut workers = Vec::new();
    for number in 1..=3 {
        let mut worker = Command::new(std::env::current_exe()?);
        worker.env(WORKER, number.to_string());
        if let Some(cluster) = &embedded {
            worker.env(HOSTS, cluster.address(0).to_string());
        }
        workers.push(worker.spawn()?);
    }
    for mut worker in workers {
        let status = worker.wait()?;
        if !status.success() {
            return Err(format!("a worker ended with {status}").into());
        }
    }
    Ok(())
}

/// A worker: its runtime and its session begin here.
#[tokio::main(flavor = "current_thread")]
async fn work(number: &str) -> Result<(), Box<dyn std::error::Error>> {
    let hosts = std::env::var(HOSTS)?;
    let session = Session::builder().contact_points(hosts.split(',')).connect().await?;
    let result = session.query("SELECT cluster_name FROM system.local", ()).await?;
    let (cluster,) = result.single_row::<(&str,)>()?;
    println!("worker {number}, process {}: connected to {cluster}", std::process::id());
    Ok(())
}

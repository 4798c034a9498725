//! The loader as a user runs it: a release build, real tables, and somebody else's driver to read them back.
//!
//! * [`command`]: running `chorus load` and reading its report.
//! * [`interrupted`]: a load that goes on when its Cassandra is killed and comes back.
//! * [`killed`]: a load that is killed itself, and goes on where it was.
//! * [`memory`]: ten million rows in bounded memory.

pub(super) mod command;
mod interrupted;
mod killed;
pub(super) mod memory;

use std::path::PathBuf;
use std::process::Command;

use self::command::{Load, Summary};
use super::{embedded_node, embedded_node::EmbeddedNode, real};
use crate::cassandra::Cluster;
use crate::process;
use crate::python;
use crate::steps::{Outcome, Report, Stop};
use crate::tree::Tree;

pub(super) fn run(tree: &Tree, report: &mut Report) {
    let mut chorus = None;
    report.step("release build", || {
        chorus = Some(embedded_node::release_binary(tree)?);
        Ok(String::new())
    });
    let Some(chorus) = chorus else { return };
    let load = Load { tree, chorus: &chorus };
    let table = Table::find(tree);
    report.step(format!("{} into the embedded node", table.name), || {
        let node = EmbeddedNode::start(tree, &chorus)?;
        let server = node.address.to_string();
        table.load(&load, &server)?.and_then_verified(tree, &table, &server)
    });
    report.step("ten million rows in bounded memory", || memory::run(&load));
    let Some(mut cassandra) = real::start(tree, report, "Cassandra for loads starts", "loads", false) else {
        return;
    };
    report.step(format!("{} into Cassandra", table.name), || {
        let server = cassandra.contact_point();
        table.load(&load, &server)?.and_then_verified(tree, &table, &server)
    });
    report.step(format!("{} into a Cassandra that is killed", table.name), || {
        interrupted::run(&load, &table, &mut cassandra)
    });
    report.step(format!("{} into Cassandra by a load that is killed and resumed", table.name), || {
        killed::run(&load, &table, &mut cassandra)
    });
}

/// Exactly what the README tells a newcomer to type; the release build it makes is that of every load afterwards.
pub(super) fn readme(tree: &Tree, report: &mut Report) {
    report.step("the README's first command", || first_command(tree));
}

fn first_command(tree: &Tree) -> Outcome {
    let mut command = tree.cargo();
    command.args(["run", "--release", "--", "load", "load-tests/data/weather.csv"]);
    command.args(["--null", "NA", "--key", "origin,time_hour", "--to", "weather.hourly"]);
    let mut counted = false;
    process::run_watched("cargo run --release -- load", &mut command, |line| {
        counted |= line.replace([',', ' '], "").contains("26115");
    })?;
    if counted { Ok(String::new()) } else { Err(Stop::failed("its output does not show all 26115 rows")) }
}

/// What reads tables back, and large files.
pub(super) const VERIFYING: &[&str] = &["cassandra-driver", "zstandard"];

/// A real table, with what it takes to load it.
pub(super) struct Table {
    pub(super) name: &'static str,
    path: PathBuf,
    /// The table it goes to.
    target: &'static str,
    key: &'static str,
    rows: u64,
}

impl Table {
    /// The flights of 2013 where the larger tables are kept beside the repository, else the weather of 2013, which is in it.
    fn find(tree: &Tree) -> Table {
        let beside = tree.root.join("../shared/data/flights.csv.zst");
        if beside.exists() {
            Table {
                name: "flights.csv.zst",
                path: beside,
                target: "air.flights",
                key: "origin,time_hour,carrier,flight",
                rows: 336_776,
            }
        } else {
            Table {
                name: "weather.csv",
                path: tree.root.join("load-tests/data/weather.csv"),
                target: "weather.hourly",
                key: "origin,time_hour",
                rows: 26_115,
            }
        }
    }

    fn arguments(&self) -> [&str; 6] {
        ["--null", "NA", "--key", self.key, "--to", self.target]
    }

    fn load(&self, load: &Load<'_>, server: &str) -> Result<Loaded, Stop> {
        let summary = load.file(&self.path, server, &self.arguments())?;
        summary.expect_all(self.rows)?;
        Ok(Loaded(summary))
    }

    /// Compares every cell with the file.
    fn verify(&self, tree: &Tree, server: &str) -> Result<(), Stop> {
        let python = python::environment(tree, VERIFYING)?;
        let mut command = Command::new(python);
        command
            .arg(tree.root.join("xtask/load/verify.py"))
            .args([server, self.target, self.key, "NA"])
            .arg(&self.path);
        process::run("verify.py", &mut command)
    }
}

struct Loaded(Summary);

impl Loaded {
    fn and_then_verified(self, tree: &Tree, table: &Table, server: &str) -> Outcome {
        table.verify(tree, server)?;
        Ok(format!("({:.0} rows/s, every cell compared)", self.0.rows_per_second))
    }
}

/// The one node of a cluster started for loads.
fn only_node(cluster: &mut Cluster) -> Result<&mut crate::cassandra::Node, Stop> {
    cluster.node(0).ok_or_else(|| Stop::failed("the cluster has no node"))
}

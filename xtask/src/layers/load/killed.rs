//! A load that is killed half-way, as by a power cut, and resumed: the table is what it would have been.

use std::time::{Duration, Instant};

use super::Table;
use super::command::Load;
use super::interrupted::truncate;
use crate::cassandra::Cluster;
use crate::steps::{Outcome, Stop};

/// How often it is killed.
const KILLS: u32 = 3;

pub(super) fn run(load: &Load<'_>, table: &Table, cassandra: &mut Cluster) -> Outcome {
    let server = cassandra.contact_point();
    // The table is there from the step before; emptied, so that it hides nothing.
    truncate(load.tree, &server, table.target)?;
    let runs = load.tree.target.join("killed-loads");
    drop(std::fs::remove_dir_all(&runs));
    let runs_at = runs.display().to_string();
    let more = ["--resume", "auto", "--runs", &runs_at, "--checkpoint", "100ms"];
    let arguments = [&table.arguments()[..], &more].concat();
    // Few rows at a time, so that there is something to kill.
    let slowly = [&arguments[..], &["--concurrency", "32"]].concat();
    let mut half_way = 0;
    for kill in 0..KILLS {
        let mut process = load.of_file(&table.path, &server, &slowly)?;
        let began = Instant::now();
        // Until it has a run, and a little longer each time.
        while !runs.exists() && process.ended().is_none() && began.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(700 + 300 * u64::from(kill)));
        half_way += u32::from(process.ended().is_none());
        process.kill();
    }
    if half_way == 0 {
        return Err(Stop::failed("the load ended before it could be killed"));
    }
    let summary = load.file(&table.path, &server, &arguments)?;
    summary.expect_all(table.rows)?;
    table.verify(load.tree, &server)?;
    drop(std::fs::remove_dir_all(&runs));
    Ok(format!("(killed {half_way} times, every cell compared)"))
}

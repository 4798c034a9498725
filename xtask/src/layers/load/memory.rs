//! Ten million generated rows into a server in another process: memory does not grow with the file.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{ChildStdin, Command};
use std::time::{Duration, Instant};

use super::command::{self, Load};
use crate::layers::embedded_node::free_address;
use crate::process::{self, Process};
use crate::steps::{Outcome, Stop};
use crate::tree::Tree;

const ROWS: u64 = 10_000_000;
const MOST_MEGABYTES: u64 = 150;

pub(super) fn run(load: &Load<'_>) -> Outcome {
    let mut command = Command::new(sink(load.tree)?);
    let address = free_address()?;
    let log = load.tree.target.join("sink.log");
    let _sink = Process::server("sink", command.args(["--listen", &address.to_string()]), &log)?;
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        if started.elapsed() > Duration::from_secs(10) {
            return Err(Stop::failed("the sink does not listen"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut load = load.piped(&address.to_string(), &["--to", "bench.kv"])?;
    let input = load.child().stdin.take().ok_or_else(|| Stop::failed("chorus load has no input"))?;
    let generating = std::thread::spawn(move || generate(input));
    let summary = command::finish(load)?;
    generating
        .join()
        .map_err(|_| Stop::failed("generating rows panicked"))?
        .map_err(|error| Stop::failed(format!("chorus load stopped reading its input: {error}")))?;
    summary.expect_all(ROWS)?;
    let megabytes = summary.peak_resident_kib * 1024 / 1_000_000;
    let detail = format!("({:.0} rows/s, peak {megabytes} MB)", summary.rows_per_second);
    if megabytes == 0 || megabytes >= MOST_MEGABYTES {
        return Err(Stop::failed(format!("the peak must be under {MOST_MEGABYTES} MB {detail}")));
    }
    Ok(detail)
}

/// Builds the server that answers and forgets: as our own release, of whose packages it needs many, and not as where clients are
/// compared.
pub(in crate::layers) fn sink(tree: &Tree) -> Result<PathBuf, Stop> {
    let mut build = tree.cargo();
    build.current_dir(tree.root.join("load-tests")).env("CARGO_TARGET_DIR", &tree.target);
    build.args(["build", "--release", "--locked", "--package", "sink"]);
    build.args(["--config", "profile.release.lto=\"thin\""]);
    build.args(["--config", "profile.release.package.\"*\".codegen-units=1"]);
    process::run("cargo build (sink)", &mut build)?;
    Ok(tree.target.join("release/sink"))
}

fn generate(mut input: ChildStdin) -> io::Result<()> {
    let mut text = String::from("id,payload\n");
    for id in 0..ROWS {
        // Thirty-two bytes that differ from row to row.
        let _ = writeln!(text, "{id},0x{:064x}", u128::from(id) << 32 | u128::from(!id));
        if text.len() >= 64 * 1024 {
            input.write_all(text.as_bytes())?;
            text.clear();
        }
    }
    input.write_all(text.as_bytes())
}

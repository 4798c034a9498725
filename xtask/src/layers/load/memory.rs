//! Ten million generated rows into a server in another process: memory does not grow with the file.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::process::{ChildStdin, Command};
use std::time::{Duration, Instant};

use super::command::{self, Load};
use crate::layers::embedded_node::free_address;
use crate::process::{self, Process};
use crate::steps::{Outcome, Stop};

const ROWS: u64 = 10_000_000;
const MOST_MEGABYTES: u64 = 150;

pub(super) fn run(load: &Load<'_>) -> Outcome {
    let tree = load.tree;
    let target = tree.target.join("load-tests");
    let mut build = tree.cargo();
    build.current_dir(tree.root.join("load-tests")).env("CARGO_TARGET_DIR", &target);
    process::run("cargo build (sink)", build.args(["build", "--release", "--locked", "--package", "sink"]))?;
    let address = free_address()?;
    let mut command = Command::new(target.join("release/sink"));
    let log = tree.target.join("sink.log");
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

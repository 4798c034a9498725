//! A load whose Cassandra is killed half-way, as by a power cut, and comes back: no acknowledged row may be missing.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::command::{self, Load};
use super::{Table, VERIFYING, only_node};
use crate::cassandra::Cluster;
use crate::process;
use crate::python;
use crate::steps::{Outcome, Stop};
use crate::tree::Tree;

/// How long nobody answers, on top of what a start takes.
const OUTAGE: Duration = Duration::from_secs(3);

pub(super) fn run(load: &Load<'_>, table: &Table, cassandra: &mut Cluster) -> Outcome {
    let plain = decompressed(load.tree, &table.path)?;
    let server = cassandra.contact_point();
    // The table is there from the step before, so rows go out as soon as they are read; emptied, so that it hides nothing.
    truncate(load.tree, &server, table.target)?;
    let table = Table { path: plain, ..*table };
    let arguments = [&table.arguments()[..], &["--patience", "120s"]].concat();
    let mut process = load.piped(&server, &arguments)?;
    let mut input = process.child().stdin.take().ok_or_else(|| Stop::failed("chorus load has no input"))?;
    let mut bytes = Vec::new();
    File::open(&table.path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|error| Stop::failed(format!("{}: {error}", table.path.display())))?;
    let rest = bytes.split_off(bytes.len() / 2);
    let broken =
        |error: std::io::Error| Stop::failed(format!("chorus load stopped reading its input: {error}"));
    // The pipe is small: when this returns, all but the last few thousand rows of the first half are on their way or written.
    input.write_all(&bytes).map_err(broken)?;
    let node = only_node(cassandra)?;
    node.kill();
    println!("    killed Cassandra after half of the file");
    let feeding = std::thread::spawn(move || input.write_all(&rest));
    std::thread::sleep(OUTAGE);
    node.start()?;
    println!("    Cassandra is back");
    let summary = command::finish(process)?;
    feeding.join().map_err(|_| Stop::failed("feeding the load panicked"))?.map_err(broken)?;
    summary.expect_all(table.rows)?;
    table.verify(load.tree, &server)?;
    Ok("(nothing lost, every cell compared)".to_owned())
}

pub(super) fn truncate(tree: &Tree, server: &str, table: &str) -> Result<(), Stop> {
    let python = python::environment(tree, VERIFYING)?;
    let program = "import sys, cassandra.cluster as c; \
                   host, port = sys.argv[1].rsplit(':', 1); \
                   c.Cluster([host], port=int(port)).connect().execute('TRUNCATE ' + sys.argv[2], timeout=60)";
    process::run("TRUNCATE", Command::new(python).args(["-c", program, server, table]))
}

/// A plain copy of the file in the target directory, so that it can be fed in halves.
fn decompressed(tree: &Tree, path: &Path) -> Result<PathBuf, Stop> {
    if path.extension().is_none_or(|extension| extension != "zst") {
        return Ok(path.to_owned());
    }
    let plain = tree.target.join("flights.csv");
    let python = python::environment(tree, VERIFYING)?;
    let program = "import sys, zstandard; \
                   zstandard.ZstdDecompressor().copy_stream(open(sys.argv[1], 'rb'), open(sys.argv[2], 'wb'))";
    process::run("decompressing", Command::new(python).args(["-c", program]).arg(path).arg(&plain))?;
    Ok(plain)
}

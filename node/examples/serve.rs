//! Serves an embedded cluster until standard input is closed, for clients in other processes.
//!
//! `serve [--nodes N] [--listen ADDRESS] [--threads N] [--user USER --password PASSWORD]`
//!
//! Prints the address of each node on a line of its own.

use std::error::Error;
use std::io::{Read, Write};

use chorus_node::EmbeddedCluster;

fn main() -> Result<(), Box<dyn Error>> {
    let mut builder = EmbeddedCluster::builder();
    let mut user = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        builder = match argument.as_str() {
            "--nodes" => builder.nodes(value.parse()?),
            "--listen" => builder.listen(value.parse()?),
            "--threads" => builder.threads(value.parse()?),
            "--user" => {
                user = Some(value);
                builder
            }
            "--password" => {
                builder.authentication(user.clone().ok_or("--user comes before --password")?, value)
            }
            other => return Err(format!("unknown argument {other}").into()),
        };
    }
    let cluster = builder.start()?;
    let mut out = std::io::stdout();
    for address in cluster.addresses() {
        writeln!(out, "{address}")?;
    }
    out.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

//! The server, in a process of its own, on addresses nobody else uses.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use crate::clients::Programs;
use crate::{Compare, Failure};

const PORT: u16 = 9042;

/// Stopped when dropped.
pub(crate) struct Sink {
    process: Child,
    pub(crate) contact_point: String,
}

impl Sink {
    pub(crate) fn start(programs: &Programs, compare: &Compare) -> Result<Sink, Failure> {
        let first = free_block(compare.hosts).ok_or("no free block of loopback addresses")?;
        let contact_point = format!("{first}:{PORT}");
        let mut command = Command::new(programs.path("sink"));
        command.args(["--listen", &contact_point, "--hosts", &compare.hosts.to_string()]);
        command.args(["--delay-ms", &compare.delay_ms.to_string()]);
        if !compare.unpinned {
            command.args(["--core", &compare.sink_core.to_string()]);
        }
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("the sink has no output")?;
        let sink = Sink { process, contact_point };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.starts_with("listening") { Ok(sink) } else { Err("the sink did not start".into()) }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_block(hosts: u8) -> Option<Ipv4Addr> {
    let start = std::process::id();
    (0..250).map(|step| Ipv4Addr::new(127, 1, ((start + step) % 250) as u8, 1)).find(|first| {
        (0..u32::from(hosts))
            .all(|index| TcpListener::bind((Ipv4Addr::from_bits(first.to_bits() + index), PORT)).is_ok())
    })
}

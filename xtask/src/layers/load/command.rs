//! Running `chorus load` and reading the one JSON object it prints.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::Process;
use crate::steps::Stop;
use crate::tree::Tree;

/// The loader of this tree.
pub(in crate::layers) struct Load<'a> {
    pub(in crate::layers) tree: &'a Tree,
    pub(in crate::layers) chorus: &'a Path,
}

/// What the report says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::layers) struct Summary {
    pub(in crate::layers) read: u64,
    pub(in crate::layers) written: u64,
    pub(in crate::layers) rejected: u64,
    pub(in crate::layers) rows_per_second: f64,
    /// The most memory the process had while we looked.
    pub(in crate::layers) peak_resident_kib: u64,
}

/// No load of these tests may take longer.
const LIMIT: Duration = Duration::from_secs(15 * 60);

impl Load<'_> {
    /// Loads a file to the end.
    pub(in crate::layers) fn file(
        &self,
        path: &Path,
        server: &str,
        arguments: &[&str],
    ) -> Result<Summary, Stop> {
        let mut command = self.command(path, server, arguments);
        finish(self.start(command.stdin(Stdio::null()))?)
    }

    /// Starts a load of a file.
    pub(in crate::layers) fn of_file(
        &self,
        path: &Path,
        server: &str,
        arguments: &[&str],
    ) -> Result<Process, Stop> {
        let mut command = self.command(path, server, arguments);
        self.start(command.stdin(Stdio::null()))
    }

    /// Starts a load that reads what the caller writes to its standard input.
    pub(in crate::layers) fn piped(&self, server: &str, arguments: &[&str]) -> Result<Process, Stop> {
        let mut command = self.command(Path::new("-"), server, arguments);
        self.start(command.stdin(Stdio::piped()))
    }

    fn command(&self, path: &Path, server: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.chorus);
        // Where a rejects file would go.
        command.current_dir(&self.tree.target);
        command.arg("load").arg(path).args(["--host", server, "--json", "--quiet"]).args(arguments);
        command
    }

    fn start(&self, command: &mut Command) -> Result<Process, Stop> {
        Process::spawn("chorus load", command.stdout(Stdio::piped()), None)
    }
}

/// Waits for the end, and insists on success and a report.
pub(in crate::layers) fn finish(mut process: Process) -> Result<Summary, Stop> {
    drop(process.child().stdin.take());
    let started = Instant::now();
    let mut peak = 0;
    let status = loop {
        // The report is one line: the process never waits for us to read it.
        peak = peak.max(process.peak_resident_kib());
        match process.wait(Duration::from_millis(50)) {
            Some(status) => break status,
            None if started.elapsed() > LIMIT => {
                return Err(Stop::failed(format!("chorus load does not end within {LIMIT:?}")));
            }
            None => {}
        }
    };
    let mut text = String::new();
    if let Some(output) = process.child().stdout.as_mut() {
        output.read_to_string(&mut text).map_err(|error| Stop::failed(format!("chorus load: {error}")))?;
    }
    println!("    {}", text.trim());
    if !status.success() {
        return Err(Stop::failed(format!("chorus load: {status}; it printed: {}", text.trim())));
    }
    Summary::parse(&text, peak)
}

impl Summary {
    fn parse(text: &str, peak_resident_kib: u64) -> Result<Summary, Stop> {
        let report: Value = serde_json::from_str(text.trim())
            .map_err(|error| Stop::failed(format!("the report is not one JSON object: {error}: {text}")))?;
        let number = |name: &str| {
            report[name]
                .as_f64()
                .ok_or_else(|| Stop::failed(format!("the report has no number {name}: {text}")))
        };
        // What scripts are promised, whether or not we look at it.
        for name in ["retried", "seconds", "client_cpu_seconds"] {
            number(name)?;
        }
        for name in ["p50", "p99", "p999"] {
            if report["latency_us"][name].as_f64().is_none() {
                return Err(Stop::failed(format!("the report has no latency_us.{name}: {text}")));
            }
        }
        Ok(Summary {
            read: number("read")? as u64,
            written: number("written")? as u64,
            rejected: number("rejected")? as u64,
            rows_per_second: number("rows_per_second")?,
            peak_resident_kib,
        })
    }

    /// Every row was read and written.
    pub(in crate::layers) fn expect_all(&self, rows: u64) -> Result<(), Stop> {
        if (self.read, self.written, self.rejected) == (rows, rows, 0) {
            return Ok(());
        }
        Err(Stop::failed(format!(
            "of {rows} rows {} were read, {} written, {} rejected",
            self.read, self.written, self.rejected
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"read":3,"written":2,"rejected":1,"retried":0,"seconds":1.5,"rows_per_second":1.33,
        "client_cpu_seconds":0.1,"latency_us":{"p50":1,"p99":2,"p999":3}}"#;

    #[test]
    fn a_report_is_read_and_held_to_its_promises() {
        let summary = Summary::parse(REPORT, 10).expect("it is whole");
        assert_eq!(
            (summary.read, summary.written, summary.rejected, summary.peak_resident_kib),
            (3, 2, 1, 10)
        );
        assert!(summary.expect_all(3).is_err());
        assert!(Summary::parse(&REPORT.replace("\"p99\":2,", ""), 0).is_err());
        assert!(Summary::parse(&REPORT.replace("retried", "repeated"), 0).is_err());
        assert!(Summary::parse("26115 rows", 0).is_err());
    }
}

//! Layers that run beside others: in a process of their own, so that what they print stays together, each step as if it ran alone.
//!
//! The process is this program again, told which layers and where to write how their steps ended. Its output goes to a file that is
//! shown when it has ended. When it dies without a word that is a failed step.

use std::path::PathBuf;
use std::process::Command;

use crate::process::Process;
use crate::steps::{Report, Stop};
use crate::tree::Tree;

/// The option, hidden from users, that names the file for how steps ended.
pub(super) const ENTRIES: &str = "entries";

/// Layers under way.
pub(super) struct Beside {
    process: Process,
    log: PathBuf,
    entries: PathBuf,
}

impl Beside {
    pub(super) fn start(tree: &Tree, layers: &[&str]) -> Result<Beside, Stop> {
        let (log, entries) = (tree.target.join("beside.log"), tree.target.join("beside.json"));
        let fail = |error: std::io::Error| Stop::failed(format!("cannot run layers beside others: {error}"));
        for old in [&log, &entries] {
            match std::fs::remove_file(old) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fail(error)),
                _ => {}
            }
        }
        let mut command = Command::new(std::env::current_exe().map_err(fail)?);
        command.arg("test").arg(format!("--{ENTRIES}")).arg(&entries);
        for layer in layers {
            command.args(["--only", layer]);
        }
        println!("\n==> beside what follows: {}", layers.join(", "));
        println!(
            "    what they print follows when all of them have ended; until then it is in {}",
            log.display()
        );
        let process = Process::server("layers beside", &mut command, &log)?;
        Ok(Beside { process, log, entries })
    }

    /// Waits for the end, shows what was printed, and adds the steps to the report.
    pub(super) fn join(mut self, report: &mut Report) {
        let status = self.process.child().wait();
        let said = std::fs::read(&self.log).unwrap_or_default();
        println!("{}", String::from_utf8_lossy(&said).trim_end());
        let text = std::fs::read_to_string(&self.entries).unwrap_or_default();
        if report.add_beside(&text).is_none() {
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            let words = self.process.last_words(40);
            report.step("layers beside", || {
                Err(Stop::failed(format!("they ended without a report ({how})\n{words}")))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(name: &str, script: &str) -> Report {
        let file =
            |kind| std::env::temp_dir().join(format!("xtask-beside-{name}-{}.{kind}", std::process::id()));
        let (log, entries) = (file("log"), file("json"));
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(&entries);
        let process = Process::server("sh", &mut command, &log).expect("there is a shell");
        let mut report = Report::default();
        Beside { process, log: log.clone(), entries: entries.clone() }.join(&mut report);
        for file in [log, entries] {
            let _ = std::fs::remove_file(file);
        }
        report
    }

    #[test]
    fn steps_beside_count_as_others_do() {
        let written = r#"[{"name": "counting", "seconds": 1.5, "ended": "passed", "text": "(3)"}]"#;
        let report = ended("good", &format!("echo '{written}' > $1"));
        assert!(report.close(true));
        assert!(report.summary(true).contains("counting"));
    }

    #[test]
    fn layers_that_end_without_a_report_are_a_failure_with_their_last_words() {
        let report = ended("dead", "echo out of memory; exit 3");
        assert!(!report.close(false));
        let summary = report.summary(false);
        assert!(summary.contains("exit status: 3") && summary.contains("out of memory"), "{summary}");
    }
}

//! A step of a run, the three ways it can end, and the summary at the end.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Why a step did not pass.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    /// Something this machine does not have; the text names it and how to get it.
    Missing(String),
    /// What was tested is wrong, or a tool that is there refused: what happened in the first line, and below it
    /// what explains it.
    Failed(String),
}

impl Stop {
    pub(crate) fn failed(reason: impl Into<String>) -> Stop {
        Stop::Failed(reason.into())
    }

    pub(crate) fn missing(reason: impl Into<String>) -> Stop {
        Stop::Missing(reason.into())
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Missing(reason) => write!(formatter, "missing here: {reason}"),
            Stop::Failed(reason) => formatter.write_str(reason),
        }
    }
}

impl std::error::Error for Stop {}

/// A passed step says in a few words what it did; the words may be empty.
pub(crate) type Outcome = Result<String, Stop>;

/// What ran so far.
pub(crate) struct Report {
    entries: Vec<Entry>,
    began: Instant,
}

struct Entry {
    name: String,
    outcome: Outcome,
    took: Duration,
    /// Other steps ran at the same time, so it took longer than alone.
    beside: bool,
}

impl Default for Report {
    fn default() -> Self {
        Self { entries: Vec::new(), began: Instant::now() }
    }
}

impl Report {
    /// Runs one step, announces it, and keeps how it ended.
    pub(crate) fn step(&mut self, name: impl Into<String>, run: impl FnOnce() -> Outcome) {
        let name = name.into();
        println!("\n==> {name}");
        let started = Instant::now();
        let outcome = run();
        let took = started.elapsed();
        match &outcome {
            Ok(detail) => println!("    passed in {:.1} s {detail}", took.as_secs_f64()),
            Err(Stop::Missing(reason)) => println!("    skipped, {reason}"),
            Err(Stop::Failed(reason)) => println!("    FAILED after {:.1} s: {reason}", took.as_secs_f64()),
        }
        self.entries.push(Entry { name, outcome, took, beside: false });
    }

    /// Writes how the steps ended, for [`add_beside`](Self::add_beside) of another process; whether none failed or was skipped.
    pub(crate) fn write(&self, file: &Path) -> Result<bool, Stop> {
        let entries: Vec<Value> = self.entries.iter().map(Entry::to_json).collect();
        std::fs::write(file, Value::from(entries).to_string())
            .map_err(|error| Stop::failed(format!("{}: {error}", file.display())))?;
        Ok(self.entries.iter().all(|entry| entry.outcome.is_ok()))
    }

    /// Adds the steps that another process has written down; nothing if that is not what the text is.
    pub(crate) fn add_beside(&mut self, written: &str) -> Option<()> {
        let written: Value = serde_json::from_str(written).ok()?;
        let entries: Option<Vec<Entry>> = written.as_array()?.iter().map(Entry::beside).collect();
        self.entries.extend(entries?);
        Some(())
    }

    fn count(&self, matches: impl Fn(&Outcome) -> bool) -> usize {
        self.entries.iter().filter(|entry| matches(&entry.outcome)).count()
    }

    /// Prints the summary, and says whether the run is good: nothing failed, something ran, and nothing was skipped
    /// when everything is required.
    pub(crate) fn close(&self, require_all: bool) -> bool {
        print!("{}", self.summary(require_all));
        let passed = self.count(|outcome| outcome.is_ok());
        let (failed, skipped) = (self.count(has_failed), self.count(was_skipped));
        failed == 0 && passed > 0 && (!require_all || skipped == 0)
    }

    /// A table of the steps; why those failed that did, because their output may be thousands of lines above; and a
    /// last line `N passed, N failed, N skipped` that scripts can read.
    pub(crate) fn summary(&self, require_all: bool) -> String {
        let mut text = format!("\n{RULE}\n");
        let mut write = |line: &str| writeln!(text, "{line}").expect("a string takes everything");
        for entry in &self.entries {
            let (word, detail) = match &entry.outcome {
                Ok(detail) => ("passed", detail.clone()),
                Err(Stop::Missing(reason)) => ("SKIPPED", format!("for want of: {}", first_line(reason))),
                Err(Stop::Failed(reason)) => ("FAILED", first_line(reason)),
            };
            let beside = if entry.beside { '|' } else { ' ' };
            write(&format!(
                "{word:<8}{:>7.1} s{beside} {:<34} {detail}",
                entry.took.as_secs_f64(),
                entry.name
            ));
        }
        let any_beside = self.entries.iter().any(|entry| entry.beside);
        let beside = if any_beside { "; | ran beside other steps" } else { "" };
        write(&format!("{RULE}\n{:.0} s in all{beside}", self.began.elapsed().as_secs_f64()));
        for entry in &self.entries {
            let Err(Stop::Failed(reason)) = &entry.outcome else { continue };
            write(&format!("\nwhy \"{}\" failed:", entry.name));
            reason.lines().for_each(|line| write(&format!("  {line}")));
            write("");
        }
        if require_all && self.count(was_skipped) > 0 {
            write("everything was required, so what was skipped counts as a failure of the run");
        }
        let passed = self.count(|outcome| outcome.is_ok());
        let (failed, skipped) = (self.count(has_failed), self.count(was_skipped));
        write(&format!("{passed} passed, {failed} failed, {skipped} skipped"));
        text
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        let (word, text) = match &self.outcome {
            Ok(detail) => ("passed", detail),
            Err(Stop::Missing(reason)) => ("missing", reason),
            Err(Stop::Failed(reason)) => ("failed", reason),
        };
        json!({ "name": self.name, "seconds": self.took.as_secs_f64(), "ended": word, "text": text })
    }

    fn beside(value: &Value) -> Option<Entry> {
        let text = value["text"].as_str()?.to_owned();
        let outcome = match value["ended"].as_str()? {
            "passed" => Ok(text),
            "missing" => Err(Stop::Missing(text)),
            "failed" => Err(Stop::Failed(text)),
            _ => return None,
        };
        let took = Duration::try_from_secs_f64(value["seconds"].as_f64()?).ok()?;
        Some(Entry { name: value["name"].as_str()?.to_owned(), outcome, took, beside: true })
    }
}

const RULE: &str = "------------------------------------------------------------------------------";

fn has_failed(outcome: &Outcome) -> bool {
    matches!(outcome, Err(Stop::Failed(_)))
}

fn was_skipped(outcome: &Outcome) -> bool {
    matches!(outcome, Err(Stop::Missing(_)))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: &[Outcome]) -> Report {
        let mut report = Report::default();
        for outcome in outcomes {
            report.step("step", || outcome.clone());
        }
        report
    }

    #[test]
    fn a_skip_fails_the_run_only_when_everything_is_required() {
        let report = report(&[Ok(String::new()), Err(Stop::missing("Java"))]);
        assert!(report.close(false));
        assert!(!report.close(true));
    }

    #[test]
    fn a_failure_fails_the_run() {
        assert!(!report(&[Ok(String::new()), Err(Stop::failed("no"))]).close(false));
    }

    #[test]
    fn a_failure_is_explained_below_the_table_and_above_the_count() {
        let summary = report(&[Err(Stop::failed("cargo test: 101\npanicked")), Ok("(1 tests)".to_owned())])
            .summary(true);
        let (table, after) = summary.split_once("s in all\n").expect("the table ends so");
        assert!(table.contains("cargo test: 101") && !table.contains("panicked"), "{table}");
        assert_eq!(
            after,
            "\nwhy \"step\" failed:\n  cargo test: 101\n  panicked\n\n1 passed, 1 failed, 0 skipped\n"
        );
    }

    #[test]
    fn steps_of_another_process_end_here_as_they_ended_there() {
        let file = std::env::temp_dir().join(format!("xtask-steps-{}.json", std::process::id()));
        let outcomes = [Ok("(3 tests)".to_owned()), Err(Stop::missing("Java")), Err(Stop::failed("no\nwhy"))];
        let written = report(&outcomes).write(&file).expect("it can be written");
        assert!(!written, "one of them failed");
        let text = std::fs::read_to_string(&file).expect("it is there");
        let _ = std::fs::remove_file(file);
        let mut other = report(&[Ok(String::new())]);
        assert_eq!(other.add_beside(&text), Some(()));
        let summary = other.summary(true);
        assert!(summary.contains("s| step") && summary.contains("(3 tests)"), "{summary}");
        assert!(
            summary.contains("for want of: Java") && summary.contains("failed:\n  no\n  why\n"),
            "{summary}"
        );
        assert!(summary.ends_with("2 passed, 1 failed, 1 skipped\n"), "{summary}");
        assert!(!other.close(false));
    }

    #[test]
    fn what_another_process_did_not_finish_writing_is_not_taken() {
        let mut report = report(&[Ok(String::new())]);
        for text in ["", "[", "{}", r#"[{"name": "a", "seconds": 1.0, "ended": "asleep", "text": ""}]"#] {
            assert_eq!(report.add_beside(text), None, "{text}");
        }
        assert!(report.close(true));
    }

    #[test]
    fn a_run_in_which_nothing_ran_is_not_good() {
        assert!(!report(&[Err(Stop::missing("Java"))]).close(false));
        assert!(!report(&[]).close(false));
    }
}

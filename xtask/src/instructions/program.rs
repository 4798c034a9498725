//! The bench `instructions` of one tree: built, and counted under callgrind.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::process::{self, Process};
use crate::steps::Stop;
use crate::tree::Tree;

use super::atomics::{self, Atomics};
use super::valgrind::Valgrind;

/// Where its sources are, in every tree that has it.
pub(super) const SOURCE: &str = "benches/instructions/main.rs";

/// What is counted is as the release but for this: one unit a crate, so that a change moves nothing but itself. Given here, so that
/// a tree from before it was decided is built like any other.
const PROFILE: [&str; 2] =
    ["profile.release.codegen-units=1", "profile.release.package.\"*\".codegen-units=1"];

/// Packages that other benches and tests need and cargo builds for this one as well, which has nothing of them: they are heavy,
/// and not optimised.
const UNUSED: [&str; 7] =
    ["criterion", "proptest", "regex-automata", "regex-syntax", "rcgen", "tempfile", "zip"];

/// A built bench.
pub(super) struct Program {
    executable: PathBuf,
    /// Where callgrind's files go, for `callgrind_annotate`.
    profiles: PathBuf,
}

/// What one run of a workload came to.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) name: String,
    pub(super) times: f64,
    /// Of all of them together.
    pub(super) instructions: f64,
    /// The same.
    pub(super) allocations: f64,
    /// More than this many instructions each are too many, whatever there was before.
    pub(super) most_instructions: Option<f64>,
    /// The same for allocations.
    pub(super) most_allocations: Option<f64>,
}

impl Counted {
    /// Instructions each.
    pub(super) fn instructions(&self) -> f64 {
        self.instructions / self.times
    }

    /// Allocations each.
    pub(super) fn allocations(&self) -> f64 {
        self.allocations / self.times
    }
}

impl Program {
    /// Builds it from the sources in `place`, in the target directory `target`. Cargo knows a package of a workspace by its
    /// place in it, so two trees must not have one target directory: each would be taken for the other.
    pub(super) fn build(tree: &Tree, place: &Path, target: &Path) -> Result<Program, Stop> {
        Self::build_with(tree, place, target, &[])
    }

    /// The same with further features.
    pub(super) fn build_with(
        tree: &Tree,
        place: &Path,
        target: &Path,
        features: &[&str],
    ) -> Result<Program, Stop> {
        let mut command = tree.cargo();
        // Without the command line, which nobody here measures.
        command
            .current_dir(place)
            .env("CARGO_TARGET_DIR", target)
            .args(["build", "--locked", "--package", "chorus-cql", "--bench", "instructions"])
            .args(["--release", "--no-default-features", "--features", "bulk,tls"])
            .args(PROFILE.iter().flat_map(|setting| ["--config", setting]))
            .args(UNUSED.iter().flat_map(|package| {
                ["--config".to_owned(), format!("profile.release.package.{package}.opt-level=0")]
            }))
            .args(["--message-format", "json-render-diagnostics"]);
        features.iter().for_each(|feature| {
            command.args(["--features", feature]);
        });
        let mut executable = None;
        process::run_seen("cargo build", &mut command, |line| {
            executable = executable_in(line).or(executable.take());
        })?;
        let executable =
            executable.ok_or_else(|| Stop::failed("cargo built no bench of the name instructions"))?;
        let profiles = target.join("callgrind");
        std::fs::create_dir_all(&profiles)
            .map_err(|error| Stop::failed(format!("{}: {error}", profiles.display())))?;
        Ok(Program { executable, profiles })
    }

    /// The names of its workloads, or of those wanted.
    pub(super) fn workloads(&self, wanted: &[String]) -> Result<Vec<String>, Stop> {
        let mut command = Command::new(&self.executable);
        let mut names = Vec::new();
        process::run_seen("instructions --list", command.arg("--list"), |line| names.push(line.to_owned()))?;
        if let Some(unknown) = wanted.iter().find(|wanted| !names.contains(wanted)) {
            return Err(Stop::failed(format!("no workload {unknown}; there are {}", names.join(", "))));
        }
        names.retain(|name| wanted.is_empty() || wanted.contains(name));
        Ok(names)
    }

    /// The same count as [`count`](Self::count), or nothing when the program does not know that workload.
    pub(super) fn try_count(&self, valgrind: &Valgrind, name: &str) -> Result<Option<Counted>, Stop> {
        let known = self.workloads(&[])?;
        if known.iter().any(|known| known == name) { self.count(valgrind, name).map(Some) } else { Ok(None) }
    }

    /// Its instructions that are atomic read-modify-writes.
    pub(super) fn atomics(&self) -> Result<Atomics, Stop> {
        Atomics::of(&self.executable)
    }

    /// Runs a workload under callgrind.
    pub(super) fn count(&self, valgrind: &Valgrind, name: &str) -> Result<Counted, Stop> {
        self.count_and_keep(valgrind, name, &[]).map(|(counted, _)| counted)
    }

    /// The same, and how many atomic read-modify-writes were executed.
    pub(super) fn count_atomics(
        &self,
        valgrind: &Valgrind,
        name: &str,
        atomics: &Atomics,
    ) -> Result<(Counted, u64), Stop> {
        let (counted, profile) = self.count_and_keep(valgrind, name, &atomics::OPTIONS)?;
        let file = self.executable.file_name().unwrap_or_default().to_string_lossy();
        Ok((counted, atomics.executed(&profile, &file)))
    }

    /// What was counted, and callgrind's profile.
    fn count_and_keep(
        &self,
        valgrind: &Valgrind,
        name: &str,
        options: &[&str],
    ) -> Result<(Counted, String), Stop> {
        let directory = self.executable.parent().unwrap_or(Path::new("."));
        let file = self.executable.file_name().unwrap_or_default();
        let profile = self.profiles.join(format!("{name}.callgrind"));
        let log = self.profiles.join(format!("{name}.log"));
        let error = |error: std::io::Error| Stop::failed(format!("{}: {error}", log.display()));
        let mut command = valgrind.command();
        command
            // Relative, so that the stack begins at the same place wherever the tree is.
            .current_dir(directory)
            .args(["--tool=callgrind", "--vgdb=no"])
            .args(options)
            .args(["--toggle-collect=*instructions::measured*", "--toggle-collect=*instructions::left_out*"])
            .arg(format!("--callgrind-out-file={}", profile.display()))
            .arg(Path::new(".").join(file))
            .arg(name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).map_err(error)?);
        let mut process = Process::spawn("valgrind", &mut command, Some(log.clone()))?;
        let mut said = String::new();
        let output = process.child().stdout.as_mut().expect("standard output was asked for as a pipe");
        output.read_to_string(&mut said).map_err(error)?;
        let status = process.child().wait().map_err(error)?;
        let failed = |what: &str| {
            Stop::failed(format!("{name} under callgrind {what}; it said:\n{}", process.last_words(20)))
        };
        if !status.success() {
            return Err(failed(&format!("ended with {status}")));
        }
        let profile = std::fs::read_to_string(&profile).map_err(error)?;
        match (counted(&said), total(&profile)) {
            (Some(counted), Some(instructions)) if instructions > 0.0 => {
                Ok((Counted { instructions, ..counted }, profile))
            }
            _ => Err(failed("counted nothing")),
        }
    }
}

/// The executable that a line of cargo's messages tells of.
fn executable_in(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_it = message["reason"] == "compiler-artifact" && message["target"]["name"] == "instructions";
    is_it.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
}

/// The line of JSON that the program says, without the instructions it cannot know.
fn counted(said: &str) -> Option<Counted> {
    let value: Value = serde_json::from_str(said.lines().last()?).ok()?;
    Some(Counted {
        name: value["name"].as_str()?.to_owned(),
        times: value["times"].as_f64().filter(|times| *times > 0.0)?,
        instructions: 0.0,
        allocations: value["allocations"].as_f64()?,
        most_instructions: value["most_instructions"].as_f64(),
        most_allocations: value["most_allocations"].as_f64(),
    })
}

/// The line `totals: N` of callgrind's file.
fn total(profile: &str) -> Option<f64> {
    profile.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_that_of_the_bench() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"instructions"},"executable":"/t/instructions-1"}"#;
        assert_eq!(executable_in(line), Some(PathBuf::from("/t/instructions-1")));
        assert_eq!(executable_in(&line.replace(r#""name":"instructions""#, r#""name":"chorus""#)), None);
        assert_eq!(executable_in("   Compiling chorus"), None);
    }

    #[test]
    fn a_count_is_what_the_program_and_callgrind_say() {
        let said =
            r#"{"name":"a","times":200,"allocations":3,"most_instructions":900,"most_allocations":null}"#;
        let counted = counted(said).expect("it is well formed");
        assert_eq!((counted.times, counted.allocations()), (200.0, 0.015));
        assert_eq!((counted.most_instructions, counted.most_allocations), (Some(900.0), None));
        assert_eq!(
            total("version: 1\nsummary: 7\n\nfn=(1) main\n\ntotals: 106204767\n"),
            Some(106_204_767.0)
        );
        assert_eq!(total("version: 1\n"), None);
    }
}

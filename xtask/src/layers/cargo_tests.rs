//! Tests that need nothing but a Rust toolchain: cargo runs them, the embedded node serves them.

use std::process::Command;

use crate::process;
use crate::steps::{Outcome, Report, Stop};
use crate::tree::Tree;

/// Off by default, and to be tried and looked at all the same.
pub(super) const FEATURES: &str = "chorus-cql/arrow,chorus-cql/cloud,chorus-cql/encryption,chorus-cql/hdr-log,\
    chorus-cql/jiff,chorus-cql/rust_decimal,chorus-cql/secrecy,chorus-cql/serde_json,chorus-cql/time,\
    chorus-cql/unstable-tablets-v2";

/// Everything that [`run`] runs, and the programs that other layers need built as the tests are.
pub(super) fn compile(tree: &Tree, report: &mut Report) {
    report.step("tests and programs compile", || {
        process::run("cargo test --no-run", tests(tree).arg("--no-run"))?;
        build(tree, &["--bins", "--examples"])?;
        Ok(String::new())
    });
}

pub(super) fn run(tree: &Tree, report: &mut Report) {
    report.step("unit, doc and embedded tests", || counted(tests(tree).arg("--no-fail-fast")));
}

fn tests(tree: &Tree) -> Command {
    let mut command = tree.cargo();
    command.args(["test", "--workspace", "--features", FEATURES, "--locked"]);
    command
}

/// Builds programs as `cargo test` builds them: with the packages, the features and the dependencies of tests that it has, so
/// that after the tests there is nothing left to build.
pub(super) fn build(tree: &Tree, programs: &[&str]) -> Result<(), Stop> {
    let mut command = tree.cargo();
    command.args(["build", "--workspace", "--features", FEATURES, "--locked"]);
    // Cargo turns on what tests need of dependencies only where a target is built that may use it, as an example may.
    command.args(["--example", "rolling_restart"]).args(programs);
    process::run(&format!("cargo build {}", programs.join(" ")), &mut command)
}

/// Runs `cargo test …` and adds up its result lines.
pub(super) fn counted(command: &mut Command) -> Outcome {
    let mut passed = 0;
    if std::env::var_os(THREADS).is_none() {
        // Most of what they do is wait.
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        command.env(THREADS, (2 * cores).to_string());
    }
    process::run_watched("cargo test", command, |line| passed += passed_tests(line))?;
    Ok(format!("({passed} tests)"))
}

/// How many tests of a program run at once, unless its arguments say; the number of cores without it.
const THREADS: &str = "RUST_TEST_THREADS";

/// The number in `test result: ok. 12 passed; 0 failed; …`.
fn passed_tests(line: &str) -> u64 {
    let Some((_, rest)) = line.split_once("test result: ") else { return 0 };
    let before = rest.split(" passed").next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::passed_tests;

    #[test]
    fn result_lines_are_counted_and_others_are_not() {
        assert_eq!(
            passed_tests("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out"),
            12
        );
        assert_eq!(passed_tests("test result: FAILED. 3 passed; 1 failed; 0 ignored"), 3);
        assert_eq!(passed_tests("test a_result_is_kept ... ok"), 0);
        assert_eq!(passed_tests("running 12 tests"), 0);
    }
}

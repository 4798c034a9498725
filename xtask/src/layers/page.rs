//! The page beside the metrics, in a headless Chromium, while a cluster works: the ignored tests of `tests/library/page`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::cargo_tests::{self, FEATURES};
use super::prometheus::Programs;
use crate::debian;
use crate::process;
use crate::steps::{Outcome, Report, Stop};
use crate::tree::Tree;

/// The module of the tests; the layers that run other ignored tests leave it out.
pub(super) const TESTS: &str = "page::";
const PACKAGE: &str = "chromium-headless-shell";

pub(super) fn run(tree: &Tree, report: &mut Report) {
    report.step("the page draws every panel, and counts as Prometheus does", || {
        in_chromium(tree, "browser_", &tree.target)
    });
}

/// `cargo xtask pictures`: takes the pictures in `docs/images` anew.
pub(crate) fn pictures(tree: &Tree) -> Result<ExitCode, Stop> {
    in_chromium(tree, "pictures_", &fonts(tree)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the tests whose names begin so, with the fonts in a folder besides those of the system.
fn in_chromium(tree: &Tree, tests: &str, fonts: &Path) -> Outcome {
    let chromium = chromium(tree)?;
    let promtool = Programs::find(tree)?.promtool;
    let mut command = tree.cargo();
    command
        .args(["test", "--workspace", "--test", "library", "--features", FEATURES, "--locked"])
        // One after the other: each has a cluster at work and a browser.
        .args(["--", "--ignored", "--test-threads=1", tests])
        .env("XDG_DATA_HOME", fonts)
        .env("CHORUS_CHROMIUM", chromium)
        .env("CHORUS_PROMTOOL", promtool);
    cargo_tests::counted(&mut command)
}

/// The letters that the page asks for first, for pictures that look the same wherever they are taken.
fn fonts(tree: &Tree) -> Result<PathBuf, Stop> {
    let home = tree.target.join("inter");
    if !home.exists() {
        let missing = |stop: Stop| Stop::missing(format!("Inter (Debian: fonts-inter): {stop}"));
        debian::unpack("fonts-inter", &home).map_err(missing)?;
    }
    Ok(home.join("usr/share"))
}

/// An installed one, or Debian's package and what it depends on, unpacked into the target directory: nothing is installed.
pub(super) fn chromium(tree: &Tree) -> Result<PathBuf, Stop> {
    let installed = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/google-chrome"];
    if let Some(program) = installed.iter().map(Path::new).find(|program| program.exists()) {
        return Ok(program.to_owned());
    }
    let home = tree.target.join("chromium");
    let starter = home.join("chromium");
    if !starter.exists() {
        let missing = |stop: Stop| Stop::missing(format!("Chromium (Debian: {PACKAGE}): {stop}"));
        debian::unpack_with_dependencies(PACKAGE, &home).map_err(missing)?;
        std::fs::write(&starter, STARTER)
            .map_err(|error| Stop::failed(format!("{}: {error}", starter.display())))?;
        process::run("chmod", Command::new("chmod").arg("+x").arg(&starter))?;
    }
    Ok(starter)
}

/// Libraries that came with it lie beside it.
const STARTER: &str = r#"#!/bin/sh
home=$(dirname "$0")/usr/lib
LD_LIBRARY_PATH=$(find "$home" -name '*.so*' -exec dirname {} + | sort -u | tr '\n' ':')
export LD_LIBRARY_PATH
exec "$home/chromium/chromium-headless-shell" "$@"
"#;

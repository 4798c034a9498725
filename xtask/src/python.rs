//! Virtual environments for other people's Python drivers, kept in the target directory.

use std::path::PathBuf;
use std::process::Command;

use crate::process;
use crate::steps::Stop;
use crate::tree::Tree;

/// The interpreter of an environment that holds these packages (PyPI names) and what they need.
///
/// One environment for each set, because `cassandra-driver` and `scylla-driver` install the same module.
pub(crate) fn environment(tree: &Tree, packages: &[&str]) -> Result<PathBuf, Stop> {
    let directory = tree.target.join("python").join(packages.join("+"));
    let python = directory.join("bin/python");
    // Written last, so that an interrupted installation is started afresh.
    let complete = directory.join(".complete");
    if complete.exists() {
        return Ok(python);
    }
    let _ = std::fs::remove_dir_all(&directory);
    let available = Command::new("python3").args(["-c", "import venv, ensurepip"]).output();
    if !available.is_ok_and(|output| output.status.success()) {
        return Err(Stop::missing("Python 3 with its venv module (Debian: python3 python3-venv)"));
    }
    process::run("python3 -m venv", Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    process::run(
        &format!("pip install {}", packages.join(" ")),
        Command::new(&python).args(install).args(packages),
    )?;
    std::fs::write(&complete, "")
        .map_err(|error| Stop::failed(format!("{}: {error}", complete.display())))?;
    Ok(python)
}

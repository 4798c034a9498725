//! Valgrind: installed, or fetched from Debian.

use std::path::PathBuf;
use std::process::Command;

use crate::debian;
use crate::steps::Stop;
use crate::tree::Tree;

/// A valgrind that runs here.
pub(super) struct Valgrind {
    program: PathBuf,
    /// Where its tools are, when that is not where it was built for.
    tools: Option<PathBuf>,
    version: String,
}

/// `rep movsb` is one instruction to the processor and one a byte to callgrind, and which copies are made that way depends on
/// the processor. So none are.
const TUNABLES: &str =
    "glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.x86_rep_stosb_threshold=1000000000";

impl Valgrind {
    pub(super) fn find(tree: &Tree) -> Result<Valgrind, Stop> {
        let installed = Valgrind { program: "valgrind".into(), tools: None, version: String::new() };
        if let Some(valgrind) = installed.asked_for_its_version() {
            return Ok(valgrind);
        }
        let missing =
            |what: &dyn std::fmt::Display| Stop::missing(format!("valgrind (Debian: valgrind): {what}"));
        let home = tree.target.join("valgrind");
        let unpacked = Valgrind {
            program: home.join("usr/bin/valgrind"),
            tools: Some(home.join("usr/libexec/valgrind")),
            version: String::new(),
        };
        if !unpacked.program.exists() {
            debian::unpack("valgrind", &home).map_err(|stop| missing(&stop))?;
        }
        unpacked.asked_for_its_version().ok_or_else(|| missing(&"the package's does not run"))
    }

    fn asked_for_its_version(mut self) -> Option<Valgrind> {
        let output = self.command().arg("--version").output().ok()?;
        self.version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !self.version.is_empty()).then_some(self)
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// With an environment that is the same everywhere: it is on the stack of what runs, and decides where things lie.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("GLIBC_TUNABLES", TUNABLES);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if let Some(tools) = &self.tools {
            command.env("VALGRIND_LIB", tools);
        }
        command
    }
}

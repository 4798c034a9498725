//! What the compiler and its tools can say without running anything.

use crate::process;
use crate::steps::Report;
use crate::tree::Tree;

pub(super) fn fmt(tree: &Tree, report: &mut Report) {
    report.step("format", || {
        process::run("cargo fmt", tree.cargo().args(["fmt", "--all", "--check"]))?;
        Ok(String::new())
    });
}

pub(super) fn clippy(tree: &Tree, report: &mut Report) {
    report.step("lints", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        process::run("cargo clippy", tree.cargo().args(arguments))?;
        Ok(String::new())
    });
}

pub(super) fn doc(tree: &Tree, report: &mut Report) {
    report.step("documentation", || {
        let mut command = tree.cargo();
        command.args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings");
        process::run("cargo doc", &mut command)?;
        Ok(String::new())
    });
}

//! What the compiler and its tools can say without running anything.

use super::cargo_tests::FEATURES;
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
        let mut command = tree.cargo();
        command.args(["clippy", "--workspace", "--all-targets", "--features", FEATURES, "--locked"]);
        process::run("cargo clippy", command.args(["--", "-D", "warnings"]))?;
        Ok(String::new())
    });
    // Everything else turns the features for other crates' values on.
    report.step("lints without features", || {
        let mut command = tree.cargo();
        command.args([
            "clippy",
            "--package",
            "chorus-protocol",
            "--no-default-features",
            "--all-targets",
            "--locked",
        ]);
        process::run("cargo clippy", command.args(["--", "-D", "warnings"]))?;
        Ok(String::new())
    });
}

pub(super) fn doc(tree: &Tree, report: &mut Report) {
    report.step("documentation", || {
        let mut command = tree.cargo();
        command
            .args(["doc", "--workspace", "--no-deps", "--features", FEATURES, "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings");
        process::run("cargo doc", &mut command)?;
        Ok(String::new())
    });
}

/// The measuring workspace is another one, so that its dependencies are not everybody's; it must still compile.
pub(super) fn load_tests(tree: &Tree, report: &mut Report) {
    report.step("load tests compile", || {
        let cargo = |arguments: &[&str]| {
            let mut command = tree.cargo();
            command
                .current_dir(tree.root.join("load-tests"))
                // What both workspaces need is there already.
                .env("CARGO_TARGET_DIR", &tree.target)
                .args(arguments);
            process::run(&format!("cargo {} (load tests)", arguments[0]), &mut command)
        };
        cargo(&["fmt", "--all", "--check"])?;
        cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
        cargo(&["test", "--package", "sink", "--package", "load-tests", "--locked"])?;
        Ok(String::new())
    });
}

//! Every program in `examples/` runs to its end, with no database, as its first lines promise.

use std::process::Command;
use std::time::Duration;

use super::cargo_tests;
use crate::process::Process;
use crate::steps::{Outcome, Report, Stop};
use crate::tree::Tree;

/// Programs that need what the layers do not start here.
const ELSEWHERE: [&str; 1] = ["rolling_restart"];

/// How long one may take: seconds of their own, and a machine that is busy.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn run(tree: &Tree, report: &mut Report) {
    report.step("examples", || {
        cargo_tests::build(tree, &["--examples"])?;
        run_all(tree)
    });
}

fn run_all(tree: &Tree) -> Outcome {
    let mut count = 0;
    for name in names(tree)? {
        let log = tree.target.join(format!("example-{name}.log"));
        let mut command = Command::new(tree.target.join("debug/examples").join(&name));
        // Without it they start nodes of their own.
        command.env_remove("CHORUS_HOSTS");
        let mut example = Process::server(&name, &mut command, &log)?;
        match example.wait(LIMIT) {
            Some(status) if status.success() => count += 1,
            ended => {
                let how =
                    ended.map_or_else(|| "does not end".to_owned(), |status| format!("ended with {status}"));
                return Err(Stop::failed(format!("{name} {how}; it said:\n{}", example.last_words(20))));
            }
        }
    }
    Ok(format!("({count} programs)"))
}

/// The programs there are.
fn names(tree: &Tree) -> Result<Vec<String>, Stop> {
    let folder = tree.root.join("examples");
    let unreadable = |error: std::io::Error| Stop::failed(format!("{}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|kind| kind == "rs") && !ELSEWHERE.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

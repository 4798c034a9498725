//! Which commit to compare with, and its files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::steps::Stop;
use crate::tree::Tree;

use super::program::SOURCE;

/// A commit other than what is in the working tree.
pub(super) struct Base {
    commit: String,
    /// Its first line, for people.
    title: String,
}

impl Base {
    /// The commit that was asked for, or the one whose author would want to know: where this branch left main; on main, the
    /// last commit if the working tree has changed since, and otherwise the one before. Nothing outside of a repository, and
    /// for the first commit of one.
    pub(super) fn choose(tree: &Tree, wanted: Option<&str>) -> Result<Option<Base>, Stop> {
        if let Some(wanted) = wanted {
            let commit = commit_of(tree, wanted);
            return match commit {
                Some(commit) => Ok(Some(Base::new(tree, commit))),
                None => Err(Stop::failed(format!("there is no commit {wanted}"))),
            };
        }
        let Some(head) = commit_of(tree, "HEAD") else { return Ok(None) };
        let left_main = ["origin/HEAD", "origin/main", "main"]
            .iter()
            .find_map(|main| git(tree, &["merge-base", "HEAD", main]))
            .filter(|commit| *commit != head);
        let has_changed = git(tree, &["status", "--porcelain", "--untracked-files=no"]).is_some();
        let commit = match left_main {
            Some(commit) => Some(commit),
            None if has_changed => Some(head),
            None => commit_of(tree, "HEAD^"),
        };
        Ok(commit.map(|commit| Base::new(tree, commit)))
    }

    fn new(tree: &Tree, commit: String) -> Base {
        let title = git(tree, &["show", "--no-patch", "--format=%s", &commit]).unwrap_or_default();
        Base { commit, title }
    }

    pub(super) fn has_bench(&self, tree: &Tree) -> bool {
        let file = format!("{}:{SOURCE}", self.commit);
        git_command(tree).args(["cat-file", "-e", &file]).output().is_ok_and(|output| output.status.success())
    }

    /// Its files, in a work tree under the target directory, and a target directory for them. Both are kept from run to run,
    /// so that only what differs is built again.
    pub(super) fn check_out(&self, tree: &Tree) -> Result<(PathBuf, PathBuf), Stop> {
        let home = tree.target.join("instructions-base");
        let (place, target) = (home.join("tree"), home.join("target"));
        std::fs::create_dir_all(&home)
            .map_err(|error| Stop::failed(format!("{}: {error}", home.display())))?;
        // Forgets one that was deleted with the target directory.
        process::run("git worktree prune", git_command(tree).args(["worktree", "prune"]))?;
        if place.join(".git").exists() {
            let mut command = git_in(&place);
            command.args(["checkout", "--quiet", "--force", "--detach", &self.commit]);
            process::run("git checkout", &mut command)?;
        } else {
            let _ = std::fs::remove_dir_all(&place);
            let mut command = git_command(tree);
            command.args(["worktree", "add", "--quiet", "--force", "--detach"]).arg(&place).arg(&self.commit);
            process::run("git worktree add", &mut command)?;
        }
        if !target.exists() {
            seed(&tree.target, &target)?;
        }
        Ok((place, target))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", &self.commit[..self.commit.len().min(10)], self.title)
    }
}

/// Begins a target directory with what was just built of the registry's packages for our own tree; of the packages of the
/// workspace, nothing. These are links: what is built of a package of the registry is never written to again.
fn seed(ours: &Path, target: &Path) -> Result<(), Stop> {
    let error = |error: std::io::Error| Stop::failed(format!("{}: {error}", target.display()));
    // Under another name until it is complete.
    let fresh = target.with_extension("new");
    let _ = std::fs::remove_dir_all(&fresh);
    for part in [".fingerprint", "build", "deps"] {
        link_all(&ours.join("release").join(part), &fresh.join("release").join(part)).map_err(error)?;
    }
    std::fs::rename(&fresh, target).map_err(error)
}

/// Links every file below a folder, but for those of our own packages.
fn link_all(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        if is_ours(&entry.file_name().to_string_lossy()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            link_all(&entry.path(), &there)?;
        } else {
            std::fs::hard_link(entry.path(), there)?;
        }
    }
    Ok(())
}

/// Whether a file or folder of a target directory belongs to a package or target of the workspace.
fn is_ours(name: &str) -> bool {
    let name = name.strip_prefix("lib").unwrap_or(name);
    ["chorus", "instructions"].iter().any(|ours| name.starts_with(ours))
}

fn commit_of(tree: &Tree, revision: &str) -> Option<String> {
    git(tree, &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])
}

/// What git says, if it succeeds and says anything.
fn git(tree: &Tree, arguments: &[&str]) -> Option<String> {
    let output = git_command(tree).args(arguments).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !said.is_empty()).then_some(said)
}

fn git_command(tree: &Tree) -> Command {
    git_in(&tree.root)
}

fn git_in(place: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(place);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_our_own_packages_nothing_is_linked() {
        let home = std::env::temp_dir().join(format!("xtask-base-{}", std::process::id()));
        let (from, to) = (home.join("from"), home.join("to"));
        for file in
            ["deps/libserde-1.rlib", "deps/libchorus_actors-1.rlib", "deps/instructions-1", "chorus-cql-1/x"]
        {
            let file = from.join(file);
            std::fs::create_dir_all(file.parent().expect("it is in a folder")).expect("temporary");
            std::fs::write(file, "built").expect("temporary");
        }
        link_all(&from, &to).expect("on one file system");
        assert!(to.join("deps/libserde-1.rlib").exists());
        assert_eq!(std::fs::read_dir(to.join("deps")).expect("it was made").count(), 1);
        assert!(!to.join("chorus-cql-1").exists());
        std::fs::remove_dir_all(home).expect("temporary");
    }
}

//! Where things are: the sources and the target directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::Stop;

/// The two directories everything else is relative to.
pub(crate) struct Tree {
    /// The workspace: what is committed.
    pub(crate) root: PathBuf,
    /// Cargo's target directory: what may be deleted at any time, downloads included.
    pub(crate) target: PathBuf,
}

impl Tree {
    pub(crate) fn locate() -> Result<Tree, Stop> {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace");
        let output = cargo()
            .current_dir(root)
            .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
            .output()
            .map_err(|error| Stop::failed(format!("cargo metadata: {error}")))?;
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| Stop::failed(format!("cargo metadata: {error}")))?;
        let target = metadata["target_directory"]
            .as_str()
            .ok_or_else(|| Stop::failed("cargo metadata names no target directory"))?;
        Ok(Tree { root: root.to_owned(), target: PathBuf::from(target) })
    }

    /// `cargo`, run in the workspace.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }
}

/// The cargo that started us, or the one on the path.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

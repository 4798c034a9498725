//! The folder of a run.

use std::path::{Path, PathBuf};

use super::error::ResumeError;
use super::state::State;
use super::store::Store;
use crate::bulk::source::{Fingerprint, path_text};
use crate::bulk::table_name::TableName;

/// The folder a load keeps its checkpoint in, so that it can be resumed after it was stopped, or killed.
///
/// It is created when the first row is about to be read, and stays when the load is over. While a process loads, it
/// holds a lock on the folder.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    pub(crate) store: Store,
    /// Whether there is a checkpoint to go on from.
    pub(crate) resumed: bool,
    finished: bool,
}

impl RunDirectory {
    /// A new run, in a folder that may or may not exist. The load fails with [`ResumeError::Taken`] if it has a checkpoint.
    #[must_use]
    pub fn create(folder: impl Into<PathBuf>) -> Self {
        Self { store: Store::new(folder), resumed: false, finished: false }
    }

    /// A new run in a new folder inside of `runs`, named after the time and a number of its own.
    #[must_use]
    pub fn create_in(runs: impl AsRef<Path>) -> Self {
        let now = chrono::Utc::now().format("%Y%m%d-%H%M%S");
        let own = uuid::Uuid::new_v4().as_fields().0;
        Self::create(runs.as_ref().join(format!("{now}-{own:08x}")))
    }

    /// Goes on with the run in `folder`: what its checkpoint says is acknowledged is not loaded again.
    ///
    /// # Errors
    /// [`ResumeError`] when there is no checkpoint, or none that is whole.
    pub fn resume(folder: impl Into<PathBuf>) -> Result<Self, ResumeError> {
        let store = Store::new(folder);
        let finished = store.read()?.finished;
        Ok(Self { store, resumed: true, finished })
    }

    /// The latest run in `runs` that loads these files, in this order, into this table; nothing when there is none. One
    /// that is finished counts only as long as the files are what they were.
    ///
    /// # Errors
    /// [`ResumeError`] when a checkpoint there may be the one and cannot be read.
    pub fn latest(
        runs: impl AsRef<Path>,
        files: &[PathBuf],
        table: &TableName,
    ) -> Result<Option<Self>, ResumeError> {
        let failed = |source| ResumeError::Io { path: runs.as_ref().to_owned(), source };
        let folders = match std::fs::read_dir(runs.as_ref()) {
            Ok(folders) => folders,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut found: Option<(i64, Self)> = None;
        for folder in folders {
            let store = Store::new(folder.map_err(failed)?.path());
            if !store.exists() {
                continue;
            }
            let state = store.read()?;
            let newer = found.as_ref().is_none_or(|(began, _)| state.began_ns > *began);
            if newer && is_of(&state, files, table) {
                found = Some((state.began_ns, Self { store, resumed: true, finished: state.finished }));
            }
        }
        Ok(found.map(|(_, directory)| directory))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.store.folder()
    }

    /// Whether the run to resume has nothing left to do.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished
    }
}

fn is_of(state: &State, files: &[PathBuf], table: &TableName) -> bool {
    let same = |(input, file): (&super::state::InputState, &PathBuf)| {
        let unchanged = || {
            let now = std::fs::File::open(file).and_then(|file| Fingerprint::of(&file));
            matches!(now, Ok(Some(now)) if input.fingerprint.change(&now).is_none())
        };
        input.path == path_text(file) && (!state.finished || unchanged())
    };
    state.asked.table == table.to_string()
        && state.inputs.len() == files.len()
        && state.inputs.iter().zip(files).all(same)
}

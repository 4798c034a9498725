//! Checkpoints on disk: written whole or not at all, and never believed when they are not.
//!
//! A new one is written beside the last, synced, and takes its name; the last one is kept under another. The first line
//! is the state as JSON, the second its length and hash. One that is torn is refused, and the one before it is used
//! if that is whole: it knows of fewer rows, which are then written again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chorus_protocol::token::Murmur3Hasher;
use serde::{Deserialize, Serialize};

use super::error::ResumeError;
use super::state::{State, VERSION};
use crate::bulk::source::hash_text;

const LATEST: &str = "checkpoint.jsonl";
const PREVIOUS: &str = "checkpoint.previous.jsonl";
const NEW: &str = "checkpoint.new.jsonl";
const LOCK: &str = "lock";

/// The checkpoints of one run.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Seal {
    bytes: usize,
    hash: String,
}

/// What keeps others from writing to the same run while it is held; the system lets go of it when a process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Store {
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is anything that may be a checkpoint.
    pub(crate) fn exists(&self) -> bool {
        [LATEST, NEW, PREVIOUS].iter().any(|name| self.folder.join(name).exists())
    }

    /// Creates the folder and makes it this process's.
    pub(crate) fn lock(&self) -> Result<Lock, ResumeError> {
        let failed = |source| ResumeError::Io { path: self.folder.clone(), source };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let options = File::options().create(true).truncate(false).write(true).open(self.folder.join(LOCK));
        let file = options.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(ResumeError::Busy { folder: self.folder.clone() }),
            // File systems without locks are none to refuse to load on.
            Err(fs::TryLockError::Error(_)) => Ok(Lock { _file: file }),
        }
    }

    /// Writes a checkpoint. Either it is there when this returns, synced, or the one before is.
    pub(crate) fn write(&self, state: &State) -> io::Result<()> {
        let text = sealed(state)?;
        let at = |name: &str| self.folder.join(name);
        let new = at(NEW);
        let written = fs::create_dir_all(&self.folder).and_then(|()| {
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()
        });
        if let Err(error) = written {
            drop(fs::remove_file(&new));
            return Err(error);
        }
        match fs::rename(at(LATEST), at(PREVIOUS)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(&new, at(LATEST))?;
        sync_folder(&self.folder)
    }

    /// The latest checkpoint that is whole.
    pub(crate) fn read(&self) -> Result<State, ResumeError> {
        let mut damage = None;
        // Between two renames the newest has its first name yet.
        for name in [LATEST, NEW, PREVIOUS] {
            let path = self.folder.join(name);
            let text = match fs::read(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(ResumeError::Io { path, source }),
            };
            match unsealed(&text) {
                Ok(state) if damage.is_some() => {
                    tracing::warn!(run = %self.folder.display(), "the latest checkpoint is damaged; going on from the one before");
                    return Ok(state);
                }
                Ok(state) => return Ok(state),
                Err(Unusable::Version(version)) => return Err(ResumeError::Version { path, version }),
                Err(Unusable::Damaged(problem)) => {
                    damage.get_or_insert(ResumeError::Damaged { path, problem });
                }
            }
        }
        Err(damage.unwrap_or_else(|| ResumeError::NoCheckpoint { folder: self.folder.clone() }))
    }
}

enum Unusable {
    Version(u32),
    Damaged(&'static str),
}

fn sealed(state: &State) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(state)?;
    let seal = seal(&text);
    text.push(b'\n');
    serde_json::to_writer(&mut text, &seal)?;
    text.push(b'\n');
    Ok(text)
}

fn seal(state: &[u8]) -> Seal {
    let mut hasher = Murmur3Hasher::new();
    hasher.update(state);
    Seal { bytes: state.len(), hash: hash_text(&hasher) }
}

fn unsealed(text: &[u8]) -> Result<State, Unusable> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }

    let torn = Unusable::Damaged("it is torn: its end is missing");
    let Some((state, rest)) = memchr::memchr(b'\n', text).map(|at| (&text[..at], &text[at + 1..])) else {
        return Err(torn);
    };
    let Some(written) = rest.strip_suffix(b"\n") else { return Err(torn) };
    let written: Seal =
        serde_json::from_slice(written).map_err(|_| Unusable::Damaged("its seal is no seal"))?;
    if written != seal(state) {
        return Err(Unusable::Damaged("its content is not what was written"));
    }
    let head: Head = serde_json::from_slice(state).map_err(|_| Unusable::Damaged("it says no version"))?;
    if head.version != VERSION {
        return Err(Unusable::Version(head.version));
    }
    let state: State = serde_json::from_slice(state)
        .map_err(|_| Unusable::Damaged("it does not say what a checkpoint says"))?;
    if state.is_sound() { Ok(state) } else { Err(Unusable::Damaged("it says what cannot be")) }
}

/// Makes names in a folder survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        Ok(())
    }
}

//! Why a load cannot be resumed.

use std::io;
use std::path::PathBuf;

/// Why a run directory cannot be used, or a load in it cannot be resumed. Nothing was written to the table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// There is no checkpoint in the folder.
    #[error("there is nothing to resume in {}: it has no checkpoint", folder.display())]
    NoCheckpoint {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder of a new run has a checkpoint of another.
    #[error("{} belongs to another run: resume it, or choose another folder", folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process is loading.
    #[error("the run {} is being loaded by another process", folder.display())]
    Busy {
        /// The folder of the run.
        folder: PathBuf,
    },
    /// The checkpoint, and the one before it, are not what was written.
    #[error("the checkpoint {} cannot be used: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The checkpoint was written by another version of the loader.
    #[error("the checkpoint {} has version {version}, which this version does not know", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// An input is not what it was.
    #[error("{input} has changed since the checkpoint: {change}")]
    Changed {
        /// The path of the input.
        input: String,
        /// How it changed.
        change: String,
    },
    /// What is asked for is not what was asked for.
    #[error("this is not the load that was begun: {}", differences.join("; "))]
    Differs {
        /// Each difference as half a sentence.
        differences: Vec<String>,
    },
    /// A rejects file is not what it was, so rejected rows would be lost.
    #[error("the rejects file {} has changed since the checkpoint: {change}", path.display())]
    RejectsChanged {
        /// The file.
        path: PathBuf,
        /// How it changed.
        change: String,
    },
    /// The table is gone, and with it the rows that were written.
    #[error("table {table} is gone, and with it the rows that were written: load the file anew")]
    TableGone {
        /// The table.
        table: String,
    },
    /// The input cannot be read a second time.
    #[error("{input} cannot be resumed: it is no file that can be read again")]
    NotAFile {
        /// The name of the input.
        input: String,
    },
    /// The operating system refuses.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

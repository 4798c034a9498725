//! Why a source cannot be read.

use std::io;

use super::Compression;

/// Why a source cannot be read, or cannot be read further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is no such file.
    #[error("cannot read {name}: there is no such file")]
    NotFound {
        /// The path as it was given.
        name: String,
    },
    /// The path is a directory.
    #[error("cannot read {name}: it is a directory, not a file")]
    Directory {
        /// The path as it was given.
        name: String,
    },
    /// The file exists but may not be read.
    #[error("cannot read {name}: permission denied")]
    PermissionDenied {
        /// The path as it was given.
        name: String,
    },
    /// There is not one byte in it, so not even a header.
    #[error("cannot load {name}: it is empty, and a header line is needed")]
    Empty {
        /// The path as it was given.
        name: String,
    },
    /// The compressed stream ends before its own end mark.
    #[error(
        "cannot read {name} to its end: the {compression} stream is cut off after {decompressed} decompressed bytes"
    )]
    Truncated {
        /// The path as it was given.
        name: String,
        /// How it is compressed.
        compression: Compression,
        /// Bytes that could be decompressed before the cut; their complete records were loaded.
        decompressed: u64,
    },
    /// The compressed stream contradicts itself.
    #[error(
        "cannot read {name} to its end: the {compression} stream is corrupt after {decompressed} decompressed bytes"
    )]
    Corrupt {
        /// The path as it was given.
        name: String,
        /// How it is compressed.
        compression: Compression,
        /// Bytes that could be decompressed before the damage.
        decompressed: u64,
    },
    /// The text is UTF-16, which no CQL text is.
    #[error("cannot load {name}: it is UTF-16; convert it to UTF-8 first, for instance with iconv")]
    Utf16 {
        /// The path as it was given.
        name: String,
    },
    /// The header line cannot be used.
    #[error("cannot load {name}: {problem}")]
    Header {
        /// The path as it was given.
        name: String,
        /// What is wrong with the header.
        problem: String,
    },
    /// The file is not what it was when the load began.
    #[error("{name} was changed while it was loaded: {change}")]
    Changed {
        /// The path as it was given.
        name: String,
        /// How it changed.
        change: String,
    },
    /// Not one of several files: a pipe or a device.
    #[error("cannot load {name} with others: it is no file")]
    NotAFile {
        /// The path as it was given.
        name: String,
    },
    /// Anything else the operating system reported.
    #[error("cannot read {name}")]
    Io {
        /// The path as it was given.
        name: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

pub(super) fn from_io(name: &str, error: io::Error) -> SourceError {
    let name = name.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => SourceError::NotFound { name },
        io::ErrorKind::IsADirectory => SourceError::Directory { name },
        io::ErrorKind::PermissionDenied => SourceError::PermissionDenied { name },
        _ => SourceError::Io { name, source: error },
    }
}

impl SourceError {
    /// Whether reading the same file again may get further.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::PermissionDenied { .. } | Self::Io { .. })
    }
}

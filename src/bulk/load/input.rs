//! What is loaded: files, one after the other, or one thing that can be read once.

use std::path::PathBuf;

use crate::bulk::source::{Fingerprint, OpenSource, Source, SourceError, path_text};

/// One input.
#[derive(Debug)]
pub(super) struct Input {
    /// The name used in messages.
    pub(super) name: String,
    /// Bytes on disk, where that is known.
    pub(super) size: Option<u64>,
    /// The file it is; nothing for a pipe, a device or any other reader.
    pub(super) file: Option<InputFile>,
    opened: Option<OpenSource>,
}

/// A file, and how it was when the load began.
#[derive(Debug)]
pub(super) struct InputFile {
    path: PathBuf,
    /// The path as checkpoints have it.
    pub(super) text: String,
    pub(super) fingerprint: Fingerprint,
}

impl Input {
    /// A source that is open.
    pub(super) fn opened(source: OpenSource) -> Self {
        // A file that cannot be read here and there is read like a pipe.
        let file = match (source.file_path(), source.fingerprint()) {
            (Some(path), Ok(Some(fingerprint))) => {
                Some(InputFile { path: path.to_owned(), text: path_text(path), fingerprint })
            }
            _ => None,
        };
        Self { name: source.name().to_owned(), size: source.size(), file, opened: Some(source) }
    }

    /// One of several, which is looked at now and opened when its turn comes.
    pub(super) fn of_several(source: Source) -> Result<Self, SourceError> {
        let mut input = Self::opened(source.open()?);
        match input.file {
            Some(_) => {
                input.opened = None;
                Ok(input)
            }
            None => Err(SourceError::NotAFile { name: input.name }),
        }
    }

    /// Opens it, again if need be, in which case it must be what it was.
    pub(super) fn open(&mut self) -> Result<OpenSource, SourceError> {
        if let Some(source) = self.opened.take() {
            return Ok(source);
        }
        let Some(file) = &self.file else {
            return Err(SourceError::NotAFile { name: self.name.clone() });
        };
        let source = Source::path(&file.path).open()?;
        let change = match source.fingerprint()? {
            Some(now) => file.fingerprint.change(&now),
            None => Some("it is no file any more".to_owned()),
        };
        match change {
            None => Ok(source),
            Some(change) => Err(SourceError::Changed { name: self.name.clone(), change }),
        }
    }
}

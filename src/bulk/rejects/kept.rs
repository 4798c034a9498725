//! How much of the files of rejected rows counts: what a checkpoint says of them, and files that know their own hash.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chorus_protocol::token::Murmur3Hasher;
use serde::{Deserialize, Serialize};

use super::RejectFiles;
use crate::bulk::checkpoint::{ResumeError, sync_folder};
use crate::bulk::source::hash_text;

/// Where an input's rejected rows go, and how much of those files counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptRejects {
    rows: KeptFile,
    errors: KeptFile,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptFile {
    path: PathBuf,
    /// Zero while nothing was rejected: then there need not be a file.
    bytes: u64,
    hash: String,
}

impl KeptRejects {
    /// Of files that nothing was written to.
    pub(crate) fn of(files: &RejectFiles) -> Self {
        let file = |path: &Path| KeptFile {
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            bytes: 0,
            hash: String::new(),
        };
        Self { rows: file(&files.rows), errors: file(&files.errors) }
    }

    /// The files, if there is something in them.
    pub(crate) fn used(&self) -> Option<RejectFiles> {
        (self.rows.bytes > 0).then(|| self.files())
    }

    /// Removes files of which nothing counts, if they are of the run that began then: it was killed before it wrote down that
    /// it had rejected something, and that may be written this time. Older ones are of another load.
    pub(crate) fn remove_uncounted(&self, began: SystemTime) -> Result<(), ResumeError> {
        for file in [&self.rows, &self.errors].into_iter().filter(|file| file.bytes == 0) {
            let modified = std::fs::metadata(&file.path).and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|modified| modified >= began) {
                std::fs::remove_file(&file.path)
                    .map_err(|source| ResumeError::Io { path: file.path.clone(), source })?;
            }
        }
        Ok(())
    }

    /// Opens both at the end of what counts, and takes off what does not.
    pub(super) fn go_on(&self) -> Result<(Output, Output), ResumeError> {
        let open = |file: &KeptFile| {
            Output::go_on(file).map_err(|what| match what {
                Unfit::Changed(change) => ResumeError::RejectsChanged { path: file.path.clone(), change },
                Unfit::Io(source) => ResumeError::Io { path: file.path.clone(), source },
            })
        };
        // Both are looked at before either is cut.
        let (rows, errors) = (open(&self.rows)?, open(&self.errors)?);
        for (output, file) in [(&rows, &self.rows), (&errors, &self.errors)] {
            let cut = output.file().set_len(output.bytes);
            cut.map_err(|source| ResumeError::Io { path: file.path.clone(), source })?;
        }
        Ok((rows, errors))
    }

    /// Everything in both counts.
    pub(super) fn count(&mut self, rows: &Output, errors: &Output) {
        for (file, output) in [(&mut self.rows, rows), (&mut self.errors, errors)] {
            (file.bytes, file.hash) = (output.bytes, hash_text(&output.hasher));
        }
    }

    pub(crate) fn files(&self) -> RejectFiles {
        RejectFiles { rows: self.rows.path.clone(), errors: self.errors.path.clone() }
    }
}

/// A file, how long it is, and the hash of all of it.
#[derive(Debug)]
pub(super) struct Output {
    file: BufWriter<File>,
    bytes: u64,
    hasher: Murmur3Hasher,
}

enum Unfit {
    Changed(String),
    Io(io::Error),
}

impl Output {
    pub(super) fn file(&self) -> &File {
        self.file.get_ref()
    }

    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        // The name has to survive a power cut, too.
        sync_folder(path.parent().unwrap_or(Path::new("")))?;
        Ok(Self { file, bytes: 0, hasher: Murmur3Hasher::new() })
    }

    /// A file that had `kept.bytes` bytes, at their end.
    fn go_on(kept: &KeptFile) -> Result<Self, Unfit> {
        let mut file = match File::options().read(true).write(true).open(&kept.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Unfit::Changed("it is gone".to_owned()));
            }
            Err(error) => return Err(Unfit::Io(error)),
        };
        let mut hasher = Murmur3Hasher::new();
        let mut part = (&mut file).take(kept.bytes);
        let mut buffer = [0; 8192];
        let mut bytes = 0;
        loop {
            let count = part.read(&mut buffer).map_err(Unfit::Io)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            bytes += count as u64;
        }
        if bytes < kept.bytes {
            return Err(Unfit::Changed(format!("it has {bytes} bytes and had {}", kept.bytes)));
        }
        if hash_text(&hasher) != kept.hash {
            return Err(Unfit::Changed("its content is another".to_owned()));
        }
        Ok(Self { file: BufWriter::new(file), bytes, hasher })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

//! One file, or something like it, while it is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;

use super::destination::{DestinationError, partial};
use super::progress::UnloadProgress;
use crate::bulk::source::Compression;

/// A file whose bytes are all on the disk and that has not got its name yet.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) partial: PathBuf,
    pub(super) path: PathBuf,
}

/// What is written into.
pub(super) struct Output {
    encoder: Encoder,
    /// What messages call it.
    name: PathBuf,
    /// The name it gets, if it is a file that gets one.
    path: Option<PathBuf>,
}

enum Encoder {
    Plain(Counted),
    Gzip(Box<GzEncoder<Counted>>),
    Zstd(Box<zstd::Encoder<'static, Counted>>),
}

/// Counts what comes out at the end.
struct Counted {
    sink: Sink,
    progress: UnloadProgress,
}

enum Sink {
    File(File),
    Writer(Box<dyn Write + Send>),
}

impl Output {
    /// Creates the file `path`, under the name it has until it is whole. A pipe or a device that exists is opened as it is.
    pub(super) fn create(
        path: &Path,
        compression: Compression,
        progress: &UnloadProgress,
    ) -> Result<Self, DestinationError> {
        match path.metadata() {
            Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
                let file = OpenOptions::new().write(true).open(path);
                let file = file.map_err(|error| DestinationError::io(path, error))?;
                return Self::of(path, None, Sink::Writer(Box::new(file)), compression, progress);
            }
            Ok(_) => return Err(DestinationError::Exists { path: path.to_owned() }),
            Err(_) => {}
        }
        let partial = partial(path);
        let file = OpenOptions::new().write(true).create_new(true).open(&partial);
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => DestinationError::Unfinished { path: partial },
            _ => DestinationError::io(path, error),
        })?;
        Self::of(path, Some(path.to_owned()), Sink::File(file), compression, progress)
    }

    /// Something that is no file.
    pub(super) fn writer(
        name: &str,
        writer: Box<dyn Write + Send>,
        compression: Compression,
        progress: &UnloadProgress,
    ) -> Result<Self, DestinationError> {
        Self::of(Path::new(name), None, Sink::Writer(writer), compression, progress)
    }

    fn of(
        name: &Path,
        path: Option<PathBuf>,
        sink: Sink,
        compression: Compression,
        progress: &UnloadProgress,
    ) -> Result<Self, DestinationError> {
        let counted = Counted { sink, progress: progress.clone() };
        let encoder = match compression {
            Compression::None => Encoder::Plain(counted),
            Compression::Gzip => {
                Encoder::Gzip(Box::new(GzEncoder::new(counted, flate2::Compression::default())))
            }
            Compression::Zstd => {
                let encoder = zstd::Encoder::new(counted, zstd::DEFAULT_COMPRESSION_LEVEL);
                Encoder::Zstd(Box::new(encoder.map_err(|error| DestinationError::io(name, error))?))
            }
        };
        Ok(Self { encoder, name: name.to_owned(), path })
    }

    /// Writes all of it.
    pub(super) fn write(&mut self, text: &[u8]) -> Result<(), DestinationError> {
        let written = match &mut self.encoder {
            Encoder::Plain(sink) => sink.write_all(text),
            Encoder::Gzip(encoder) => encoder.write_all(text),
            Encoder::Zstd(encoder) => encoder.write_all(text),
        };
        written.map_err(|error| DestinationError::io(&self.name, error))
    }

    /// Ends it, and waits until the disk has it. What is left to do is its name, if it gets one.
    pub(super) fn finish(self) -> Result<Option<Whole>, DestinationError> {
        let ended = match self.encoder {
            Encoder::Plain(sink) => Ok(sink),
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        };
        let ended = ended.and_then(|counted| match counted.sink {
            Sink::File(file) => file.sync_all(),
            Sink::Writer(mut writer) => writer.flush(),
        });
        ended.map_err(|error| DestinationError::io(&self.name, error))?;
        Ok(self.path.map(|path| Whole { partial: partial(&path), path }))
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.sink {
            Sink::File(file) => file.write(bytes),
            Sink::Writer(writer) => writer.write(bytes),
        }?;
        self.progress.add_bytes(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::File(file) => file.flush(),
            Sink::Writer(writer) => writer.flush(),
        }
    }
}

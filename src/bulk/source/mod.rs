//! Where the bytes come from: a file, standard input or any reader, decompressed by what its first bytes say.
//!
//! [`Source`] names it, [`OpenSource`] reads it; [`blocks`] does so on a thread of its own. What can be wrong is a
//! [`SourceError`].

mod blocks;
mod compression;
mod error;
mod fingerprint;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

pub(crate) use blocks::{Block, BlockStream, Part};
pub use compression::Compression;
pub use error::SourceError;
pub(crate) use fingerprint::{Fingerprint, hash_text};

use blocks::BLOCK_BYTES;
use error::from_io;

/// A block of a decompressor is handed over once it holds this much, instead of waiting to be full.
const BLOCK_ENOUGH: usize = 64 * 1024;

/// A thing that can be opened and read from its beginning to its end.
pub struct Source {
    name: String,
    origin: Origin,
}

enum Origin {
    Path(PathBuf),
    Stdin,
    Reader(Box<dyn Read + Send>),
}

impl Source {
    /// A file. `-` is not special here; see [`Source::stdin`].
    pub fn path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { name: path.display().to_string(), origin: Origin::Path(path) }
    }

    /// Standard input.
    #[must_use]
    pub fn stdin() -> Self {
        Self { name: "stdin".to_owned(), origin: Origin::Stdin }
    }

    /// Any reader, with the name that messages use for it.
    pub fn reader(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Self { name: name.into(), origin: Origin::Reader(Box::new(reader)) }
    }

    /// The name used in messages: the path as given, or `stdin`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file behind it, when there is one.
    #[must_use]
    pub fn file_path(&self) -> Option<&Path> {
        match &self.origin {
            Origin::Path(path) => Some(path),
            Origin::Stdin | Origin::Reader(_) => None,
        }
    }

    /// Opens the source and looks at its first bytes.
    ///
    /// # Errors
    /// [`SourceError`] when the file is missing, is a directory, may not be read, or has not one byte.
    pub fn open(self) -> Result<OpenSource, SourceError> {
        let name = self.name;
        let (mut size, mut opened) = (None, None);
        let raw: Box<dyn Read + Send> = match self.origin {
            Origin::Stdin => Box::new(io::stdin()),
            Origin::Reader(reader) => reader,
            Origin::Path(path) => {
                let file = File::open(&path).map_err(|error| from_io(&name, error))?;
                let metadata = file.metadata().map_err(|error| from_io(&name, error))?;
                if metadata.is_dir() {
                    return Err(SourceError::Directory { name });
                }
                // A pipe or a device has a length of zero that says nothing.
                if metadata.is_file() {
                    size = Some(metadata.len());
                    let again = file.try_clone().map_err(|error| from_io(&name, error))?;
                    opened = Some(OpenFile { path, file: again });
                }
                Box::new(file)
            }
        };
        Ok(OpenSource { file: opened, ..OpenSource::sniff(name, raw, size)? })
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A file as text: absolute, with links followed where that is possible.
pub(crate) fn path_text(path: &Path) -> String {
    let absolute = path.canonicalize().or_else(|_| std::path::absolute(path));
    absolute.as_deref().unwrap_or(path).to_string_lossy().into_owned()
}

/// A file that can be opened again, and read from another place.
struct OpenFile {
    path: PathBuf,
    /// Has its place in common with what reads.
    file: File,
}

/// A source that has been opened: decompressed bytes, and how far the raw file has been read.
pub struct OpenSource {
    name: String,
    reader: Box<dyn Read + Send>,
    compression: Compression,
    size: Option<u64>,
    file: Option<OpenFile>,
    consumed: Arc<AtomicU64>,
    produced: u64,
}

impl OpenSource {
    fn sniff(name: String, mut raw: Box<dyn Read + Send>, size: Option<u64>) -> Result<Self, SourceError> {
        let mut magic = [0u8; 4];
        let mut have = 0;
        while have < magic.len() {
            match raw.read(&mut magic[have..]) {
                Ok(0) => break,
                Ok(n) => have += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(from_io(&name, error)),
            }
        }
        let magic = &magic[..have];
        if magic.is_empty() {
            return Err(SourceError::Empty { name });
        }
        if magic.starts_with(&[0xff, 0xfe]) || magic.starts_with(&[0xfe, 0xff]) {
            return Err(SourceError::Utf16 { name });
        }
        let compression = Compression::of(magic);
        let consumed = Arc::new(AtomicU64::new(0));
        let counted =
            Counted { reader: io::Cursor::new(magic.to_vec()).chain(raw), consumed: Arc::clone(&consumed) };
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(counted),
            Compression::Gzip => Box::new(MultiGzDecoder::new(counted)),
            Compression::Zstd => Box::new(
                zstd::stream::read::Decoder::new(counted)
                    .map_err(|source| SourceError::Io { name: name.clone(), source })?,
            ),
        };
        Ok(Self { name, reader, compression, size, file: None, consumed, produced: 0 })
    }

    /// The name used in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the source is compressed.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Bytes of the file as it lies on disk, when that is known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Raw (still compressed) bytes read so far.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }

    /// The path of the file behind it; nothing for a pipe, a device or any other reader.
    pub(crate) fn file_path(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }

    /// What tells the file from another, where there is one.
    pub(crate) fn fingerprint(&self) -> Result<Option<Fingerprint>, SourceError> {
        match &self.file {
            Some(file) => Fingerprint::of(&file.file).map_err(|error| from_io(&self.name, error)),
            None => Ok(None),
        }
    }

    /// Decompressed bytes given so far, or passed over.
    pub(crate) fn produced(&self) -> u64 {
        self.produced
    }

    /// Passes over everything before `offset`, counted in decompressed bytes; a plain file just goes there.
    ///
    /// # Errors
    /// [`SourceError`] as of reading, or when the source ends before that.
    pub(crate) fn skip_to(&mut self, offset: u64) -> Result<(), SourceError> {
        if self.compression == Compression::None
            && let Some(OpenFile { file, .. }) = &mut self.file
        {
            let there = file.seek(SeekFrom::Start(offset)).and_then(|_| file.try_clone());
            let reader = there.map_err(|error| from_io(&self.name, error))?;
            self.consumed.store(offset, Ordering::Relaxed);
            self.reader = Box::new(Counted { reader, consumed: Arc::clone(&self.consumed) });
            self.produced = offset;
            return Ok(());
        }
        let mut passed = Vec::with_capacity(BLOCK_BYTES);
        while self.produced < offset {
            passed.clear();
            if !self.fill_until(&mut passed, Some(offset))? && self.produced < offset {
                return Err(self.ends_early());
            }
        }
        Ok(())
    }

    /// The source has less than it had.
    pub(crate) fn ends_early(&self) -> SourceError {
        let change = format!("it ends after {} bytes", self.produced);
        SourceError::Changed { name: self.name.clone(), change }
    }

    /// Appends decompressed bytes to `block`, up to its capacity but at least something, and says whether the
    /// source may have more. Bytes that came before an error are kept.
    ///
    /// # Errors
    /// [`SourceError`] when the stream is cut off or corrupt, or the operating system fails.
    pub fn fill(&mut self, block: &mut Vec<u8>) -> Result<bool, SourceError> {
        self.fill_until(block, None)
    }

    /// The same up to the place `end`, which counts as the end of the source.
    pub(crate) fn fill_until(&mut self, block: &mut Vec<u8>, end: Option<u64>) -> Result<bool, SourceError> {
        let start = block.len();
        let room = block.capacity() - start;
        let mut room = if room == 0 { BLOCK_BYTES } else { room };
        if let Some(end) = end {
            room = room.min(usize::try_from(end.saturating_sub(self.produced)).unwrap_or(usize::MAX));
            if room == 0 {
                return Ok(false);
            }
        }
        block.resize(start + room, 0);
        let mut end = start;
        let outcome = loop {
            match self.reader.read(&mut block[end..]) {
                Ok(0) => break Ok(false),
                Ok(n) => {
                    end += n;
                    self.produced += n as u64;
                    // A plain read is handed over at once: a pipe may not say more for a long time.
                    let enough = self.compression == Compression::None || end - start >= BLOCK_ENOUGH;
                    if enough || end == block.len() {
                        break Ok(true);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(self.failed(error)),
            }
        };
        block.truncate(end);
        outcome
    }

    fn failed(&self, error: io::Error) -> SourceError {
        let (name, compression, decompressed) = (self.name.clone(), self.compression, self.produced);
        match (compression, error.kind()) {
            (Compression::None, _) => from_io(&name, error),
            (_, io::ErrorKind::UnexpectedEof) => SourceError::Truncated { name, compression, decompressed },
            // Both decoders report damage with kinds the operating system does not use for a read.
            (_, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other) => {
                SourceError::Corrupt { name, compression, decompressed }
            }
            _ => from_io(&name, error),
        }
    }
}

impl std::fmt::Debug for OpenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenSource")
            .field("name", &self.name)
            .field("compression", &self.compression)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Counts what passes through, for the progress bar: the place in the file, not in the decompressed text.
struct Counted<R> {
    reader: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.consumed.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read_all(source: Source) -> Result<Vec<u8>, (Vec<u8>, SourceError)> {
        let mut open = source.open().map_err(|error| (Vec::new(), error))?;
        let mut all = Vec::new();
        loop {
            let mut block = Vec::with_capacity(1000);
            let outcome = open.fill(&mut block);
            all.extend_from_slice(&block);
            match outcome {
                Ok(true) => {}
                Ok(false) => return Ok(all),
                Err(error) => return Err((all, error)),
            }
        }
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1u64;
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_gzip_and_zstd_give_the_same_bytes() {
        let bytes = noise(300_000);
        let zstd = zstd::encode_all(&bytes[..], 1).unwrap();
        for input in [bytes.clone(), gzip(&bytes), zstd] {
            let got = read_all(Source::reader("x", io::Cursor::new(input))).map_err(|(_, e)| e).unwrap();
            assert_eq!(got.len(), bytes.len());
            assert!(got == bytes);
        }
    }

    #[test]
    fn members_of_a_concatenated_gzip_are_all_read() {
        let input = [gzip(b"a,b\n"), gzip(b"1,2\n")].concat();
        let got = read_all(Source::reader("x", io::Cursor::new(input))).map_err(|(_, e)| e).unwrap();
        assert_eq!(got, b"a,b\n1,2\n");
    }

    #[test]
    fn truncated_streams_give_their_bytes_and_then_say_so() {
        let bytes = noise(300_000);
        let zstd = zstd::encode_all(&bytes[..], 1).unwrap();
        for (input, compression) in [(gzip(&bytes), Compression::Gzip), (zstd, Compression::Zstd)] {
            let cut = input[..input.len() / 2].to_vec();
            let (got, error) = read_all(Source::reader("x", io::Cursor::new(cut))).unwrap_err();
            assert!(got.len() > 100_000 && bytes.starts_with(&got), "{} bytes", got.len());
            match error {
                SourceError::Truncated { compression: said, decompressed, .. } => {
                    assert_eq!(said, compression);
                    assert_eq!(decompressed, got.len() as u64);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn damage_inside_a_compressed_stream_is_called_corrupt() {
        let mut input = gzip(&noise(300_000));
        let middle = input.len() / 2;
        for byte in &mut input[middle..middle + 2000] {
            *byte = 0xff;
        }
        let (_, error) = read_all(Source::reader("x", io::Cursor::new(input))).unwrap_err();
        assert!(matches!(error, SourceError::Corrupt { .. }), "{error:?}");
    }

    #[test]
    fn missing_directory_empty_and_utf16_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("empty.csv"), b"").unwrap();
        std::fs::write(at("wide.csv"), [0xff, 0xfe, b'a', 0]).unwrap();
        assert!(matches!(Source::path(at("none.csv")).open(), Err(SourceError::NotFound { .. })));
        assert!(matches!(Source::path(folder.path()).open(), Err(SourceError::Directory { .. })));
        assert!(matches!(Source::path(at("empty.csv")).open(), Err(SourceError::Empty { .. })));
        assert!(matches!(Source::path(at("wide.csv")).open(), Err(SourceError::Utf16 { .. })));
    }

    #[test]
    fn any_part_can_be_read_of_any_file_without_what_precedes_it() {
        let bytes = noise(600_000);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        for input in [bytes.clone(), gzip(&bytes), zstd::encode_all(&bytes[..], 1).unwrap()] {
            std::fs::write(&path, input).unwrap();
            let mut open = Source::path(&path).open().unwrap();
            let mut got = Vec::new();
            for (from, to) in [(0, 2), (3, 9), (9, 300_001), (599_990, 600_000)] {
                open.skip_to(from).unwrap();
                let mut part = Vec::new();
                while open.fill_until(&mut part, Some(to)).unwrap() {}
                got.extend_from_slice(&part);
                assert_eq!(open.produced(), to);
            }
            let expected = [&bytes[0..2], &bytes[3..9], &bytes[9..300_001], &bytes[599_990..]].concat();
            assert!(got == expected);
            assert_eq!(open.file_path(), Some(path.as_path()));
        }
    }

    #[test]
    fn a_compressed_source_that_ends_before_its_part_says_so() {
        let mut open = Source::reader("x", io::Cursor::new(gzip(b"a,b\n"))).open().unwrap();
        assert!(matches!(open.skip_to(5), Err(SourceError::Changed { .. })));
    }

    #[test]
    fn progress_counts_the_bytes_of_the_file_not_of_the_text() {
        let input = gzip(&vec![b'a'; 1_000_000]);
        let size = input.len() as u64;
        let mut open = Source::reader("x", io::Cursor::new(input)).open().unwrap();
        let mut block = Vec::with_capacity(2_000_000);
        while open.fill(&mut block).unwrap() {}
        assert_eq!(block.len(), 1_000_000);
        assert_eq!(open.consumed(), size);
    }
}

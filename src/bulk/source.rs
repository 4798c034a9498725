//! Where the bytes come from: a file, standard input or any reader, decompressed by what its first bytes say.
//!
//! Reading happens on a thread of its own ([`BlockStream`]), because a pipe may stay silent for an hour and the
//! engine must not wait with it. Blocks travel over a bounded channel and their buffers come back to be filled
//! again, so memory does not grow with the file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use tokio::sync::mpsc;

/// Bytes a block holds when the source can fill it. Large enough that handing one over costs nothing per row.
const BLOCK_BYTES: usize = 256 * 1024;
/// A block of a decompressor is handed over once it holds this much, instead of waiting to be full.
const BLOCK_ENOUGH: usize = 64 * 1024;
/// Blocks that may wait between the reading thread and the loader.
const BLOCKS_AHEAD: usize = 4;

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

/// How a source is compressed, known from its first bytes and never from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Plain bytes.
    None,
    /// One or more gzip members.
    Gzip,
    /// One or more Zstandard frames.
    Zstd,
}

impl Compression {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

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
        let mut size = None;
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
                size = metadata.is_file().then_some(metadata.len());
                Box::new(file)
            }
        };
        OpenSource::sniff(name, raw, size)
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

fn from_io(name: &str, error: io::Error) -> SourceError {
    let name = name.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => SourceError::NotFound { name },
        io::ErrorKind::IsADirectory => SourceError::Directory { name },
        io::ErrorKind::PermissionDenied => SourceError::PermissionDenied { name },
        _ => SourceError::Io { name, source: error },
    }
}

/// A source that has been opened: decompressed bytes, and how far the raw file has been read.
pub struct OpenSource {
    name: String,
    reader: Box<dyn Read + Send>,
    compression: Compression,
    size: Option<u64>,
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
        Ok(Self { name, reader, compression, size, consumed, produced: 0 })
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

    /// Appends decompressed bytes to `block`, up to its capacity but at least something, and says whether the
    /// source may have more. Bytes that came before an error are kept.
    ///
    /// # Errors
    /// [`SourceError`] when the stream is cut off or corrupt, or the operating system fails.
    pub fn fill(&mut self, block: &mut Vec<u8>) -> Result<bool, SourceError> {
        let start = block.len();
        let room = block.capacity() - start;
        let room = if room == 0 { BLOCK_BYTES } else { room };
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

/// Decompressed bytes, and how far the file had been read when they were complete.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    pub(crate) source_read: u64,
}

/// Blocks of decompressed bytes, read ahead by a thread.
///
/// The thread ends with the source, with its first error, or at its next block after this value is dropped. A
/// thread that sits in a read of a silent pipe is left behind until the pipe speaks or the process ends.
#[derive(Debug)]
pub(crate) struct BlockStream {
    blocks: mpsc::Receiver<Result<Block, SourceError>>,
    empties: std::sync::mpsc::Sender<Vec<u8>>,
}

impl BlockStream {
    /// Starts the reading thread. `cpu` is called by it after each block, so that its time can be counted.
    pub(crate) fn start(mut source: OpenSource, cpu: Arc<super::cpu::ThreadMeter>) -> io::Result<Self> {
        let (sender, blocks) = mpsc::channel(BLOCKS_AHEAD);
        let (empties, returned) = std::sync::mpsc::channel::<Vec<u8>>();
        std::thread::Builder::new().name("chorus-source".to_owned()).spawn(move || {
            loop {
                let mut bytes = returned.try_recv().unwrap_or_else(|_| Vec::with_capacity(BLOCK_BYTES));
                bytes.clear();
                let outcome = source.fill(&mut bytes);
                cpu.record();
                let block = Block { bytes, source_read: source.consumed() };
                if !block.bytes.is_empty() && sender.blocking_send(Ok(block)).is_err() {
                    return;
                }
                match outcome {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        // The loader may be gone already, and then nobody is left to tell.
                        drop(sender.blocking_send(Err(error)));
                        return;
                    }
                }
            }
        })?;
        Ok(Self { blocks, empties })
    }

    /// The next block; `None` at the end of the source. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Result<Block, SourceError>> {
        self.blocks.recv().await
    }

    /// Gives a buffer back to be filled again.
    pub(crate) fn recycle(&self, block: Vec<u8>) {
        // Those that were shrunk, or grown for a huge record, are not worth keeping.
        if (BLOCK_BYTES..=2 * BLOCK_BYTES).contains(&block.capacity()) {
            drop(self.empties.send(block));
        }
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
    fn progress_counts_the_bytes_of_the_file_not_of_the_text() {
        let input = gzip(&vec![b'a'; 1_000_000]);
        let size = input.len() as u64;
        let mut open = Source::reader("x", io::Cursor::new(input)).open().unwrap();
        let mut block = Vec::with_capacity(2_000_000);
        while open.fill(&mut block).unwrap() {}
        assert_eq!(block.len(), 1_000_000);
        assert_eq!(open.consumed(), size);
    }

    #[tokio::test]
    async fn blocks_arrive_in_order_and_end() {
        let bytes = noise(1_000_000);
        let open = Source::reader("x", io::Cursor::new(bytes.clone())).open().unwrap();
        let mut stream = BlockStream::start(open, Arc::default()).unwrap();
        let mut all = Vec::new();
        while let Some(block) = stream.next().await {
            let block = block.unwrap();
            all.extend_from_slice(&block.bytes);
            assert_eq!(block.source_read, all.len() as u64);
            stream.recycle(block.bytes);
        }
        assert!(all == bytes);
    }
}

//! Blocks of decompressed bytes, read ahead on a thread of its own.
//!
//! A pipe may stay silent for an hour and the engine must not wait with it. Blocks travel over a bounded channel and
//! their buffers come back to be filled again, so memory does not grow with the file.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{OpenSource, SourceError};
use crate::bulk::cpu::ThreadMeter;

/// Bytes a block holds when the source can fill it. Large enough that handing one over costs nothing per row.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;
/// Blocks that may wait between the reading thread and the loader.
const BLOCKS_AHEAD: usize = 4;

/// A part of the decompressed source, up to `to` or its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) from: u64,
    pub(crate) to: Option<u64>,
}

/// Decompressed bytes, and how far the file had been read when they were complete.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    pub(crate) source_read: u64,
    /// They are the first of a part, which may be empty.
    pub(crate) begins_part: bool,
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
    pub(crate) fn start(source: OpenSource, cpu: Arc<ThreadMeter>) -> io::Result<Self> {
        Self::start_with(source, None, cpu)
    }

    /// The same, with nothing but these parts, which follow each other.
    pub(crate) fn of_parts(source: OpenSource, parts: Vec<Part>, cpu: Arc<ThreadMeter>) -> io::Result<Self> {
        Self::start_with(source, Some(parts), cpu)
    }

    fn start_with(source: OpenSource, parts: Option<Vec<Part>>, cpu: Arc<ThreadMeter>) -> io::Result<Self> {
        let (blocks_in, blocks) = mpsc::channel(BLOCKS_AHEAD);
        let (empties, returned) = std::sync::mpsc::channel();
        let mut reading = Reading { source, cpu, seen: Duration::ZERO, blocks: blocks_in, returned };
        std::thread::Builder::new().name("chorus-source".to_owned()).spawn(move || {
            let outcome = match parts {
                None => reading.part(None),
                Some(parts) => parts.into_iter().try_for_each(|part| reading.part(Some(part))),
            };
            if let Err(Some(error)) = outcome {
                // The loader may be gone already, and then nobody is left to tell.
                drop(reading.blocks.blocking_send(Err(error)));
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

/// What the thread has.
struct Reading {
    source: OpenSource,
    cpu: Arc<ThreadMeter>,
    /// Of its time, what was counted.
    seen: Duration,
    blocks: mpsc::Sender<Result<Block, SourceError>>,
    returned: std::sync::mpsc::Receiver<Vec<u8>>,
}

impl Reading {
    /// Reads a part, or everything. An error without one says that nobody wants more.
    fn part(&mut self, part: Option<Part>) -> Result<(), Option<SourceError>> {
        let mut begins_part = part.is_some();
        if let Some(part) = part {
            self.source.skip_to(part.from)?;
        }
        let end = part.and_then(|part| part.to);
        loop {
            let mut bytes = self.returned.try_recv().unwrap_or_else(|_| Vec::with_capacity(BLOCK_BYTES));
            bytes.clear();
            let outcome = self.source.fill_until(&mut bytes, end);
            self.cpu.record(&mut self.seen);
            if !bytes.is_empty() || begins_part {
                let block = Block { bytes, source_read: self.source.consumed(), begins_part };
                self.blocks.blocking_send(Ok(block)).map_err(|_| None)?;
                begins_part = false;
            }
            if !outcome? {
                return match end {
                    Some(end) if self.source.produced() < end => Err(Some(self.source.ends_early())),
                    _ => Ok(()),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    #[tokio::test]
    async fn blocks_arrive_in_order_and_end() {
        let bytes: Vec<u8> = (0..1_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
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

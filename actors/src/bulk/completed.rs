//! Rows that came back, and what became of each.

use bytes::Bytes;
use chorus_topology::HostIndex;

use super::Chunk;
use crate::request::RequestError;

/// Rows that came back, in the order they were committed.
pub struct CompletedChunk {
    pub(super) chunk: Box<Chunk>,
}

/// What became of a row.
#[derive(Debug)]
pub enum RowOutcome {
    /// The server acknowledged it, with nothing to say.
    Applied,
    /// The server answered with something else, which was kept because the job asked for it.
    Reply {
        /// The answer's opcode.
        opcode: u8,
        /// The flags of its header.
        flags: u8,
        /// The host that answered.
        host: HostIndex,
        /// Its body as it came off the wire.
        body: Bytes,
    },
    /// It failed for good.
    Failed(RequestError),
}

impl CompletedChunk {
    /// How many rows came back.
    pub fn len(&self) -> usize {
        self.chunk.rows.len()
    }

    /// Whether there are none; never so for a chunk that a job returned.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them failed.
    pub fn failed(&self) -> usize {
        self.chunk.failures.len()
    }

    /// How often rows of it were sent again.
    pub fn retries(&self) -> u64 {
        self.chunk.retries
    }

    /// The rows' tags, in the order they were committed.
    pub fn tags(&self) -> &[u64] {
        &self.chunk.tags
    }

    /// The rows that failed, as places in [`tags`](Self::tags), in order.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &RequestError)> {
        self.chunk.failures.iter().map(|(row, error)| (*row as usize, error))
    }

    /// Each row's tag and outcome, in the order they were committed.
    pub fn into_rows(&mut self) -> impl Iterator<Item = (u64, RowOutcome)> {
        let bodies = self.chunk.take_bodies();
        let mut failures = std::mem::take(&mut self.chunk.failures).into_iter().peekable();
        let mut replies = std::mem::take(&mut self.chunk.replies).into_iter().peekable();
        self.chunk.tags.iter().enumerate().map(move |(row, tag)| {
            let row = row as u32;
            if let Some((_, error)) = failures.next_if(|(failed, _)| *failed == row) {
                return (*tag, RowOutcome::Failed(error));
            }
            match replies.next_if(|reply| reply.row == row) {
                Some(reply) => {
                    let (opcode, flags, host) = (reply.opcode, reply.flags, reply.host);
                    let body = bodies.slice(reply.start..reply.end);
                    (*tag, RowOutcome::Reply { opcode, flags, host, body })
                }
                None => (*tag, RowOutcome::Applied),
            }
        })
    }
}

//! Many requests, encoded back to back, travelling as one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
};

use bytes::Bytes;
use chorus_protocol::token::Token;
use chorus_topology::{HostIndex, RoutingQuality};
use crossbeam_queue::SegQueue;
use futures::task::AtomicWaker;

use crate::metrics::Stamps;
use crate::request::{RequestError, RequestErrorKind, RequestOptions};

/// A run of rows that share their options.
pub(crate) struct Run {
    /// One past the last row of the run.
    pub(crate) end: u32,
    pub(crate) options: Arc<RequestOptions>,
}

/// What is known of one row besides its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    /// Where its envelope ends.
    pub(crate) end: u32,
    pub(crate) token: Option<Token>,
}

/// The rows of one bulk job for one target. Owned by the job while it is filled and after it came back, by the
/// reactor in between.
pub(crate) struct Chunk {
    /// Whole envelopes, back to back. Stream ids are patched in place when they are sent.
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: Vec<Mark>,
    pub(crate) tags: Vec<u64>,
    pub(crate) runs: Vec<Run>,
    /// The target, when the rows have one.
    pub(crate) host: Option<HostIndex>,
    pub(crate) shard: Option<u16>,
    pub(crate) quality: RoutingQuality,
    /// When it came how far; rows share the times of their chunk. Zero for what has not happened.
    pub(crate) stamps: Stamps,
    /// How many reactors have handed it on, and how long it was with them, microseconds.
    pub(crate) hops: u8,
    pub(crate) spent_us: u64,
    /// Rows without an outcome.
    pub(crate) remaining: u32,
    pub(crate) failures: Vec<(u32, RequestError)>,
    pub(crate) replies: Vec<StoredReply>,
    pub(crate) bodies: Vec<u8>,
    pub(crate) retries: u64,
    /// Where it goes when every row has an outcome. `None` once it went.
    pub(crate) home: Option<Arc<Home>>,
}

/// An answer of a row that was more than an acknowledgement.
pub(crate) struct StoredReply {
    pub(crate) row: u32,
    pub(crate) opcode: u8,
    pub(crate) flags: u8,
    pub(crate) host: HostIndex,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Where the chunks of a job come back to.
pub(crate) struct Home {
    pub(crate) done: SegQueue<Box<Chunk>>,
    pub(crate) waker: AtomicWaker,
    /// Rows destroyed with their reactor.
    pub(crate) lost: AtomicUsize,
    /// Whether answers other than acknowledgements are kept.
    pub(crate) keep_replies: bool,
}

impl Home {
    pub(crate) fn new(keep_replies: bool) -> Self {
        Self { done: SegQueue::new(), waker: AtomicWaker::new(), lost: AtomicUsize::new(0), keep_replies }
    }
}

impl Chunk {
    pub(crate) fn new(home: Arc<Home>) -> Self {
        Self {
            bytes: Vec::new(),
            rows: Vec::new(),
            tags: Vec::new(),
            runs: Vec::new(),
            host: None,
            shard: None,
            quality: RoutingQuality::Unrouted,
            stamps: Stamps::default(),
            hops: 0,
            spent_us: 0,
            remaining: 0,
            failures: Vec::new(),
            replies: Vec::new(),
            bodies: Vec::new(),
            retries: 0,
            home: Some(home),
        }
    }

    /// Takes in the envelope that was appended to `bytes`.
    #[inline]
    pub(crate) fn push(&mut self, tag: u64, token: Option<Token>, options: &Arc<RequestOptions>) {
        self.rows.push(Mark { end: self.bytes.len() as u32, token });
        self.tags.push(tag);
        self.remaining += 1;
        let end = self.rows.len() as u32;
        match self.runs.last_mut() {
            Some(run) if Arc::ptr_eq(&run.options, options) => run.end = end,
            _ => self.runs.push(Run { end, options: Arc::clone(options) }),
        }
    }

    /// Where the envelopes taken in end; what lies behind is being written.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.rows.last().map_or(0, |mark| mark.end as usize)
    }

    /// Rows in it.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.rows.len() as u32
    }

    /// Where a row's envelope begins in `bytes`.
    #[inline]
    pub(crate) fn start(&self, row: u32) -> usize {
        if row == 0 { 0 } else { self.rows[row as usize - 1].end as usize }
    }

    /// Where a row's envelope lies in `bytes`.
    pub(crate) fn span(&self, row: u32) -> std::ops::Range<usize> {
        self.start(row)..self.rows[row as usize].end as usize
    }

    /// The options of a row.
    pub(crate) fn options(&self, row: u32) -> &Arc<RequestOptions> {
        let index = self.runs.partition_point(|run| run.end <= row);
        &self.runs[index].options
    }

    /// Keeps an answer.
    pub(crate) fn store(&mut self, row: u32, opcode: u8, flags: u8, host: HostIndex, body: &[u8]) {
        if self.home.as_ref().is_some_and(|home| home.keep_replies) {
            let start = self.bodies.len();
            self.bodies.extend_from_slice(body);
            let end = self.bodies.len();
            self.replies.push(StoredReply { row, opcode, flags, host, start, end });
        }
    }

    /// Sends it home and returns the waker of the job, if it waits.
    pub(crate) fn finish(mut self: Box<Self>) -> Option<Waker> {
        let home = self.home.take()?;
        home.done.push(self);
        home.waker.take()
    }

    /// Gives every row the same failure, when the chunk never reached a connection.
    pub(crate) fn fail_rows(&mut self, kind: &RequestErrorKind) {
        self.failures.clear();
        self.failures.extend((0..self.len()).map(|row| (row, kind.clone().into())));
        self.remaining = 0;
    }

    /// The same, and sends it home.
    pub(crate) fn fail_all(mut self: Box<Self>, kind: &RequestErrorKind) -> Option<Waker> {
        self.fail_rows(kind);
        self.finish()
    }

    /// Empties it for the next rows, buffers kept.
    pub(crate) fn reset(&mut self, home: Arc<Home>) {
        self.bytes.clear();
        self.rows.clear();
        self.tags.clear();
        self.runs.clear();
        self.failures.clear();
        self.replies.clear();
        self.bodies.clear();
        self.host = None;
        self.shard = None;
        self.quality = RoutingQuality::Unrouted;
        self.remaining = 0;
        self.retries = 0;
        self.hops = 0;
        self.home = Some(home);
    }

    /// The bodies of the kept answers as one shared buffer.
    pub(crate) fn take_bodies(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.bodies))
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(home) = self.home.take()
            && self.remaining > 0
        {
            home.lost.fetch_add(self.rows.len(), Ordering::Release);
            home.waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_bytes_tags_and_options() {
        let home = Arc::new(Home::new(false));
        let (first, second) = (Arc::new(RequestOptions::default()), Arc::new(RequestOptions::default()));
        let mut chunk = Chunk::new(home);
        for (row, tag, options) in [("aaa", 10, &first), ("bb", 11, &first), ("c", 12, &second)] {
            chunk.bytes.extend_from_slice(row.as_bytes());
            chunk.push(tag, None, options);
        }
        assert_eq!(&chunk.bytes[chunk.span(1)], b"bb");
        assert_eq!(chunk.runs.len(), 2);
        assert!(Arc::ptr_eq(chunk.options(1), &first));
        assert!(Arc::ptr_eq(chunk.options(2), &second));
        assert_eq!(chunk.tags, [10, 11, 12]);
        chunk.remaining = 0;
    }

    #[test]
    fn a_chunk_destroyed_with_its_reactor_reports_its_rows_lost() {
        let home = Arc::new(Home::new(false));
        let mut chunk = Box::new(Chunk::new(Arc::clone(&home)));
        chunk.bytes.extend_from_slice(b"aaa");
        chunk.push(0, None, &Arc::default());
        drop(chunk);
        assert_eq!(home.lost.load(Ordering::Acquire), 1);
    }
}

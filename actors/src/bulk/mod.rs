//! Bulk jobs: any number of requests as one job, not as so many futures.
//!
//! A [`BulkJob`] belongs to its caller. Rows are encoded into chunks, one open chunk for each target; a full chunk
//! travels to its reactor as a single message, its rows are written straight from it as the connection's window opens,
//! and it comes back when every row has an outcome. The job is woken once for all that came back in a tick. Rows that
//! fail leave their chunk and go through retries as requests of their own; the chunk waits for them. If the reactor
//! dies, the rows it held are reported lost.

mod chunk;

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use bytes::Bytes;
use chorus_protocol::token::Token;
use chorus_topology::{HostIndex, Load, Rng, Route, RoutingQuality, RoutingQuery};

pub(crate) use chunk::Chunk;

use chunk::Home;

use crate::{
    engine::Engine,
    reactor::{InboxClosed, Job},
    request::{RequestError, RequestErrorKind, RequestKind, RequestOptions},
};

/// How a job runs.
#[derive(Clone, Debug)]
pub struct BulkOptions {
    /// The most rows under way at a time: encoded or sent, and not yet returned by [`BulkJob::completed`]. Defaults to
    /// 2048.
    pub concurrency: usize,
    /// A chunk is sent when it has this many bytes. Defaults to 32 KiB.
    pub chunk_bytes: usize,
    /// Whether answers other than acknowledgements are kept for the caller. Defaults to false.
    pub keep_replies: bool,
}

impl Default for BulkOptions {
    fn default() -> Self {
        Self { concurrency: 2048, chunk_bytes: 32 * 1024, keep_replies: false }
    }
}

/// See the module documentation. Dropping it stops scheduling; rows that were handed over may still be applied.
pub struct BulkJob {
    engine: Engine,
    options: BulkOptions,
    home: Arc<Home>,
    route: Arc<Route>,
    scratch: Vec<u8>,
    /// Open chunks by host and shard; the first place of each host is for rows without a shard.
    lanes: Vec<Vec<Option<Box<Chunk>>>>,
    unrouted: Option<Box<Chunk>>,
    open: usize,
    rows_per_chunk: u32,
    // Boxes, because boxes are what travels.
    #[expect(clippy::vec_box)]
    spare: Vec<Box<Chunk>>,
    /// Chunks that found the inbox of their reactor full.
    unsent: VecDeque<(usize, Job)>,
    outstanding: usize,
    lost: usize,
    load: JobLoad,
    rng: Rng,
    next_reactor: usize,
}

/// The rows of this job under way at each host: the load its power of two choices compares.
struct JobLoad {
    rows: Vec<u32>,
    up: Vec<bool>,
}

impl Load for JobLoad {
    fn in_flight(&self, host: HostIndex) -> u32 {
        self.rows.get(host.0 as usize).copied().unwrap_or(0)
    }

    fn usable(&self, host: HostIndex) -> bool {
        self.up.get(host.0 as usize).copied().unwrap_or(false)
    }
}

impl BulkJob {
    pub(crate) fn new(engine: Engine, options: BulkOptions) -> Self {
        let route = engine.route();
        let rows_per_chunk = (options.concurrency / 4).clamp(1, 4096) as u32;
        let mut job = Self {
            home: Arc::new(Home::new(options.keep_replies)),
            engine,
            options,
            route: Arc::clone(&route),
            scratch: Vec::with_capacity(512),
            lanes: Vec::new(),
            unrouted: None,
            open: 0,
            rows_per_chunk,
            spare: Vec::new(),
            unsent: VecDeque::new(),
            outstanding: 0,
            lost: 0,
            load: JobLoad { rows: Vec::new(), up: Vec::new() },
            rng: Rng::from_entropy(),
            next_reactor: 0,
        };
        job.adopt(route);
        job
    }

    fn adopt(&mut self, route: Arc<Route>) {
        let hosts = route.hosts().iter().map(|host| host.host.index.0 as usize + 1).max().unwrap_or(0);
        self.load.up.clear();
        self.load.up.resize(hosts, false);
        for host in route.hosts() {
            self.load.up[host.host.index.0 as usize] = host.up;
        }
        if self.load.rows.len() < hosts {
            self.load.rows.resize(hosts, 0);
        }
        self.route = route;
    }

    /// Whether another row may be committed now.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.outstanding < self.options.concurrency && self.unsent.is_empty()
    }

    /// Rows committed and not yet returned.
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// The empty buffer for the next row: one whole envelope, stream id zero.
    #[inline]
    pub fn row(&mut self) -> &mut Vec<u8> {
        self.scratch.clear();
        &mut self.scratch
    }

    /// Adds the row in [`row`](Self::row) to the job under a tag of the caller's choice, which comes back with the
    /// outcome. Check [`has_room`](Self::has_room) first: this never waits.
    ///
    /// # Errors
    ///
    /// [`RequestErrorKind::SessionClosed`] after shutdown.
    pub fn commit(
        &mut self,
        tag: u64,
        token: Option<Token>,
        options: &Arc<RequestOptions>,
    ) -> Result<(), RequestError> {
        let query = RoutingQuery {
            table: options.table,
            token,
            consistency: options.consistency,
            is_lwt: options.lwt,
            is_read: options.kind == RequestKind::Read,
            preferred: None,
        };
        let policies = options.policies.as_ref().unwrap_or_else(|| self.engine.policies());
        let target = match options.host {
            Some(host) => Some((host, None, RoutingQuality::Unrouted)),
            None => policies
                .load_balancing
                .next(&query, self.route.view(policies.view), &self.load, &[], &mut self.rng)
                .map(|target| (target.host, target.shard, target.quality)),
        };
        let (lane, host, shard, quality) = match target {
            Some((host, shard, quality)) => {
                let (row, column) = (host.0 as usize, shard.map_or(0, |shard| usize::from(shard) + 1));
                if self.lanes.len() <= row {
                    self.lanes.resize_with(row + 1, Vec::new);
                }
                if self.lanes[row].len() <= column {
                    self.lanes[row].resize_with(column + 1, || None);
                }
                self.load.rows[row] += 1;
                (&mut self.lanes[row][column], Some(host), shard, quality)
            }
            None => (&mut self.unrouted, None, None, RoutingQuality::Unrouted),
        };
        let chunk = match lane {
            Some(chunk) => chunk,
            None => {
                self.open += 1;
                let chunk = self.spare.pop().unwrap_or_else(|| Box::new(Chunk::new(Arc::clone(&self.home))));
                let chunk = lane.insert(chunk);
                (chunk.host, chunk.shard, chunk.quality) = (host, shard, quality);
                chunk
            }
        };
        chunk.push(&self.scratch, tag, token, options);
        self.outstanding += 1;
        if chunk.bytes.len() >= self.options.chunk_bytes || chunk.len() >= self.rows_per_chunk {
            let chunk = lane.take().expect("filled above");
            self.open -= 1;
            self.send(chunk)?;
        }
        Ok(())
    }

    /// Sends the chunks that are not full. Called by [`completed`](Self::completed) before it waits.
    ///
    /// # Errors
    ///
    /// [`RequestErrorKind::SessionClosed`] after shutdown.
    pub fn flush(&mut self) -> Result<(), RequestError> {
        if self.open == 0 {
            return Ok(());
        }
        let mut open: Vec<_> = self.lanes.iter_mut().flatten().filter_map(Option::take).collect();
        open.extend(self.unrouted.take());
        self.open = 0;
        for chunk in open {
            self.send(chunk)?;
        }
        Ok(())
    }

    fn send(&mut self, chunk: Box<Chunk>) -> Result<(), RequestError> {
        let reactors = self.engine.inboxes().len();
        let reactor = match chunk.host {
            // Shards are owned by one reactor each; other hosts are reached from all of them.
            Some(host) if chunk.shard.is_some() => {
                (host.0 as usize + usize::from(chunk.shard.unwrap_or(0))) % reactors
            }
            _ => {
                self.next_reactor = (self.next_reactor + 1) % reactors;
                self.next_reactor
            }
        };
        self.push(reactor, Job::Chunk(chunk))
    }

    fn push(&mut self, reactor: usize, job: Job) -> Result<(), RequestError> {
        match self.engine.inboxes()[reactor].push(job) {
            Ok(None) => Ok(()),
            Ok(Some(job)) => {
                self.unsent.push_back((reactor, job));
                Ok(())
            }
            Err(InboxClosed(job)) => {
                if let Job::Chunk(mut chunk) = job {
                    self.outstanding -= chunk.len() as usize;
                    chunk.remaining = 0;
                }
                Err(RequestErrorKind::SessionClosed.into())
            }
        }
    }

    /// Waits for rows to come back, sending what is not sent yet first. `None` when nothing is under way.
    ///
    /// # Errors
    ///
    /// [`RequestErrorKind::EngineLost`] when a reactor ended with rows of this job, whose fate is then unknown.
    pub async fn completed(&mut self) -> Option<Result<CompletedChunk, RequestError>> {
        poll_fn(|cx| self.poll_completed(cx)).await
    }

    /// See [`completed`](Self::completed).
    pub fn poll_completed(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<CompletedChunk, RequestError>>> {
        if let Some(chunk) = self.take_done() {
            return Poll::Ready(Some(Ok(chunk)));
        }
        if self.outstanding == 0 {
            return Poll::Ready(None);
        }
        if let Err(error) = self.flush() {
            return Poll::Ready(Some(Err(error)));
        }
        while let Some((reactor, job)) = self.unsent.pop_front() {
            let before = self.unsent.len();
            if let Err(error) = self.push(reactor, job) {
                return Poll::Ready(Some(Err(error)));
            }
            if self.unsent.len() > before {
                // Still full: keep the order, and come back when there is room.
                self.unsent.rotate_right(1);
                self.engine.inboxes()[reactor].wait_for_room(cx.waker());
                break;
            }
        }
        self.home.waker.register(cx.waker());
        if let Some(chunk) = self.take_done() {
            return Poll::Ready(Some(Ok(chunk)));
        }
        let lost = self.home.lost.load(Ordering::Acquire);
        if lost > self.lost {
            self.outstanding = self.outstanding.saturating_sub(lost - self.lost);
            self.lost = lost;
            return Poll::Ready(Some(Err(RequestErrorKind::EngineLost.into())));
        }
        Poll::Pending
    }

    fn take_done(&mut self) -> Option<CompletedChunk> {
        let mut chunk = self.home.done.pop()?;
        let rows = chunk.len();
        self.outstanding -= rows as usize;
        if let Some(host) = chunk.host {
            let under_way = &mut self.load.rows[host.0 as usize];
            *under_way = under_way.saturating_sub(rows);
        }
        let route = self.engine.route();
        if route.version() != self.route.version() {
            self.adopt(route);
        }
        chunk.failures.sort_unstable_by_key(|(row, _)| *row);
        chunk.replies.sort_unstable_by_key(|reply| reply.row);
        Some(CompletedChunk { chunk })
    }

    /// Takes a chunk back whose outcomes were read, so that its buffers are used again.
    pub fn recycle(&mut self, completed: CompletedChunk) {
        let mut chunk = completed.chunk;
        if self.spare.len() < 64 {
            chunk.reset(Arc::clone(&self.home));
            self.spare.push(chunk);
        }
    }
}

/// Rows that came back, in the order they were committed.
pub struct CompletedChunk {
    chunk: Box<Chunk>,
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
        self.chunk.ends.len()
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

//! Bulk jobs: any number of requests as one job, not as so many futures.
//!
//! A [`BulkJob`] belongs to its caller. Rows are encoded into chunks, one open chunk for each target; a full chunk
//! travels to its reactor as a single message, its rows are written straight from it as the connection's window opens,
//! and it comes back when every row has an outcome. The job is woken once for all that came back in a tick. Rows that
//! fail leave their chunk and go through retries as requests of their own; the chunk waits for them. If the reactor
//! dies, the rows it held are reported lost.

mod chunk;
mod completed;
mod lanes;

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use chorus_protocol::token::Token;
use chorus_topology::{
    self as topology, HostIndex, Load, Rng, Route, RoutingQuality, RoutingQuery, SlowHosts, TableId,
    preferred_target,
};

pub(crate) use chunk::Chunk;
pub use completed::{CompletedChunk, RowOutcome};

use chunk::Home;
use lanes::{Lanes, Target};

use crate::{
    engine::Engine,
    metrics::Stamps,
    pool::owner,
    reactor::{InboxClosed, Job},
    request::{RequestError, RequestErrorKind, RequestKind, RequestOptions},
};

/// How a job runs.
#[derive(Clone, Debug)]
pub struct BulkOptions {
    /// The most rows under way at a time: encoded or sent, and not yet returned by [`BulkJob::completed`]. Defaults to
    /// 2048.
    pub concurrency: usize,
    /// A chunk is sent when it has this many bytes. Defaults to 8 KiB.
    pub chunk_bytes: usize,
    /// Whether answers other than acknowledgements are kept for the caller. Defaults to false.
    pub keep_replies: bool,
}

impl Default for BulkOptions {
    fn default() -> Self {
        Self { concurrency: 2048, chunk_bytes: 8 * 1024, keep_replies: false }
    }
}

/// See the module documentation. Dropping it stops scheduling; rows that were handed over may still be applied.
pub struct BulkJob {
    engine: Engine,
    options: BulkOptions,
    home: Arc<Home>,
    route: Arc<Route>,
    scratch: Vec<u8>,
    /// Open chunks, each for one target.
    lanes: Lanes,
    /// How many chunks are open.
    open: usize,
    /// The lane whose chunk the next row is written into. A row that turns out to belong elsewhere is moved.
    pen: Option<usize>,
    /// What `lanes[pen]` held before the row being written.
    row_start: usize,
    /// The table asked about last, and whether the token of its rows matters.
    tokens_matter: (Option<TableId>, bool),
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

    fn may_be_slow(&self, _: SlowHosts) -> bool {
        false
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
            lanes: Lanes::default(),
            open: 0,
            pen: None,
            row_start: 0,
            tokens_matter: (None, true),
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
        self.tokens_matter = (None, true);
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

    /// Where to append the next row: one whole envelope, stream id zero. Other rows may stand in front of it; a row that was
    /// begun and not committed is taken back by the next call.
    #[inline]
    pub fn row(&mut self) -> &mut Vec<u8> {
        match self.pen.and_then(|pen| self.lanes.open[pen].as_mut()) {
            Some(chunk) => {
                self.row_start = chunk.end();
                chunk.bytes.truncate(self.row_start);
                &mut chunk.bytes
            }
            None => {
                self.row_start = 0;
                self.scratch.clear();
                &mut self.scratch
            }
        }
    }

    /// Whether [`commit`](Self::commit) wants to know the token of a row of this table. Where every host has every row there
    /// is nothing to choose by it.
    #[inline]
    pub fn wants_token(&mut self, options: &RequestOptions) -> bool {
        if self.tokens_matter.0 != options.table {
            self.look_up_table(options);
        }
        self.tokens_matter.1
    }

    #[cold]
    fn look_up_table(&mut self, options: &RequestOptions) {
        let policies = options.policies.as_ref().unwrap_or_else(|| self.engine.policies());
        let matter = options.table.is_none_or(|table| {
            options.lwt
                || options.consistency.is_serial()
                || policies.load_balancing.wants_token(self.route.view(policies.view), table)
        });
        self.tokens_matter = (options.table, matter);
    }

    /// Adds the row that was appended to [`row`](Self::row) to the job under a tag of the caller's choice, which comes back
    /// with the outcome. Check [`has_room`](Self::has_room) first: this never waits.
    ///
    /// # Errors
    ///
    /// [`RequestErrorKind::SessionClosed`] after shutdown.
    #[inline]
    pub fn commit(
        &mut self,
        tag: u64,
        token: Option<Token>,
        options: &Arc<RequestOptions>,
    ) -> Result<(), RequestError> {
        // Where any host will do, the one that is written for now does as well as another.
        let anywhere = token.is_none() && options.host.is_none() && options.preferred.is_none();
        let pen = self.pen.filter(|pen| anywhere && !self.lanes.targets[*pen].only);
        let lane = match pen {
            Some(pen) if !self.wants_token(options) && self.lanes.open[pen].is_some() => pen,
            _ => self.choose(token, options),
        };
        self.outstanding += 1;
        if let Some(host) = self.lanes.targets[lane].host {
            self.load.rows[host.0 as usize] += 1;
        }
        if self.pen != Some(lane) || self.lanes.open[lane].is_none() {
            self.move_row(lane);
        }
        let Some(chunk) = &mut self.lanes.open[lane] else { unreachable!("opened above") };
        chunk.push(tag, token, options);
        if chunk.bytes.len() >= self.options.chunk_bytes || chunk.len() >= self.rows_per_chunk {
            return self.send_lane(lane);
        }
        Ok(())
    }

    /// The lane of a row.
    fn choose(&mut self, token: Option<Token>, options: &Arc<RequestOptions>) -> usize {
        let query = RoutingQuery {
            table: options.table,
            token,
            consistency: options.consistency,
            is_lwt: options.lwt,
            is_read: options.kind == RequestKind::Read,
            preferred: options.preferred,
        };
        let (shard, quality) = (None, RoutingQuality::Unrouted);
        if let Some(host) = options.host {
            if self.load.rows.len() <= host.0 as usize {
                self.load.rows.resize(host.0 as usize + 1, 0);
            }
            return self.lanes.find(Target { host: Some(host), shard, quality, only: true });
        }
        let policies = options.policies.as_ref().unwrap_or_else(|| self.engine.policies());
        let view = self.route.view(policies.view);
        let preferred = preferred_target(&query, view, &self.load, &[]);
        let target =
            preferred.or_else(|| policies.load_balancing.next(&query, view, &self.load, &[], &mut self.rng));
        self.lanes.find(match target {
            Some(topology::Target { host, shard, quality }) => {
                Target { host: Some(host), shard, quality, only: false }
            }
            None => Target { host: None, shard, quality, only: false },
        })
    }

    /// Takes the row just written to the chunk of another lane, opening it if need be, and goes on writing there.
    fn move_row(&mut self, lane: usize) {
        let pen = self.pen.replace(lane);
        let mut from = pen.and_then(|pen| self.lanes.open[pen].take());
        let row_start = self.row_start;
        let chunk = match &mut self.lanes.open[lane] {
            Some(chunk) => chunk,
            closed => {
                self.open += 1;
                let mut chunk =
                    self.spare.pop().unwrap_or_else(|| Box::new(Chunk::new(Arc::clone(&self.home))));
                let Target { host, shard, quality, .. } = self.lanes.targets[lane];
                (chunk.host, chunk.shard, chunk.quality) = (host, shard, quality);
                closed.insert(chunk)
            }
        };
        chunk.bytes.truncate(chunk.end());
        match &mut from {
            Some(from) => {
                chunk.bytes.extend_from_slice(&from.bytes[row_start..]);
                from.bytes.truncate(row_start);
            }
            None => chunk.bytes.extend_from_slice(&self.scratch),
        }
        if let (Some(pen), Some(from)) = (pen, from) {
            self.lanes.open[pen] = Some(from);
        }
    }

    /// Sends the open chunk of a lane.
    fn send_lane(&mut self, lane: usize) -> Result<(), RequestError> {
        let Some(mut chunk) = self.lanes.open[lane].take() else { return Ok(()) };
        self.open -= 1;
        chunk.bytes.truncate(chunk.end());
        self.send(chunk)
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
        (0..self.lanes.open.len()).try_for_each(|lane| self.send_lane(lane))
    }

    fn send(&mut self, mut chunk: Box<Chunk>) -> Result<(), RequestError> {
        let reactors = self.engine.inboxes().len();
        let reactor = match chunk.host {
            // Shards are owned by one reactor each; other hosts are reached from all of them.
            Some(host) if chunk.shard.is_some() => owner(host, chunk.shard, reactors),
            _ => {
                self.next_reactor = (self.next_reactor + 1) % reactors;
                self.next_reactor
            }
        };
        chunk.stamps = Stamps { entered_us: self.engine.inboxes()[reactor].stamp(), ..Stamps::default() };
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

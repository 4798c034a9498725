//! A scan under way: driven by whoever takes its pages.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use chorus_protocol::ColumnSpec;
use chorus_topology::{HostIndex, Rng, TableId};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, Stream, StreamExt};

use super::failure::ScanFailure;
use super::hosts::Load;
use super::page::ScanPage;
use super::piece::{Piece, Step};
use super::plan::{self, Layout};
use super::progress::ScanProgress;
use super::range::ScanRange;
use super::statements::Statements;
use super::verdict::Trouble;
use crate::Session;
use crate::error::{Cause, Error, UsageProblem};
use crate::observe::SpanOf;
use crate::request::send;
use crate::result::QueryResult;

/// What is the same for all pieces.
pub(super) struct Source {
    pub(super) session: Session,
    pub(super) keyspace: String,
    /// The table's number in routes.
    pub(super) table: Option<TableId>,
    /// As it stands in CQL.
    pub(super) table_text: String,
    pub(super) layout: Layout,
    pub(super) statements: Statements,
    pub(super) columns: Arc<[ColumnSpec]>,
    /// Whether each piece is one number instead of its rows.
    pub(super) counts: bool,
    pub(super) page_size: u32,
    pub(super) concurrency: usize,
    pub(super) patience: Duration,
    pub(super) progress: ScanProgress,
}

/// A table being read; made by [`Scan::open`](super::Scan::open).
///
/// Requests are sent while pages are waited for, so a scan that nobody asks for pages comes to rest once about two pages of each
/// piece under way are here. **Dropping** it cancels: no more requests are sent, and the answers of those under way are not waited
/// for. It is also a [`Stream`].
///
/// A page comes once, however often it had to be asked for; see the [module](super) for what is tried again.
#[must_use = "a scan reads while pages are asked for"]
pub struct TableScan {
    source: Arc<Source>,
    /// Pieces nobody has asked for yet.
    todo: VecDeque<Piece>,
    asked: FuturesUnordered<BoxFuture<'static, Asked>>,
    /// Pieces whose next page has to wait until the caller took some.
    held: Vec<Piece>,
    ready: VecDeque<ScanPage>,
    load: Load,
    next_number: u32,
    /// The most tokens that counting was quick enough for, once it was not.
    widest: Option<u128>,
    began: Instant,
    rng: Rng,
    end: End,
}

/// A request that has ended.
struct Asked {
    piece: Piece,
    host: Option<HostIndex>,
    outcome: Result<QueryResult, Error>,
}

enum End {
    /// There may be more pages.
    Open,
    /// Something went wrong that nobody was told of yet.
    Failing(Error),
    /// Something went wrong.
    Failed,
    /// All pages were handed out.
    Complete,
}

impl TableScan {
    pub(super) fn new(source: Source, ranges: Vec<ScanRange>) -> Self {
        let state = source.session.state();
        let shares = source.layout.shares(&ranges);
        let pieces: Vec<Piece> = (0_u32..)
            .zip(ranges.into_iter().zip(shares))
            .map(|(number, (range, share))| {
                let replicas = source.layout.replicas(&state, &source.keyspace, source.table, &range);
                Piece::new(number, range, replicas, share, source.page_size)
            })
            .collect();
        source.progress.add_pieces(pieces.len());
        Self {
            source: Arc::new(source),
            next_number: pieces.len() as u32,
            todo: plan::in_turn(pieces),
            asked: FuturesUnordered::new(),
            held: Vec::new(),
            ready: VecDeque::new(),
            load: Load::default(),
            widest: None,
            began: Instant::now(),
            rng: Rng::from_entropy(),
            end: End::Open,
        }
    }

    /// The columns of the pages.
    pub fn columns(&self) -> &[ColumnSpec] {
        &self.source.columns
    }

    /// The table, as it stands in CQL.
    pub(super) fn table_text(&self) -> &str {
        &self.source.table_text
    }

    /// How far it is.
    pub fn progress(&self) -> ScanProgress {
        self.source.progress.clone()
    }

    /// Whether every page of every piece was handed out: false for a scan that ended early.
    pub fn is_complete(&self) -> bool {
        matches!(self.end, End::Complete)
    }

    /// The next page of whichever piece has one; `None` when all were handed out. Pages of one piece come in order. Cancel safe.
    ///
    /// # Errors
    ///
    /// What went wrong for good: a failure that will not pass, or one that did not pass within the
    /// [patience](super::Scan::patience). It names the table and the tokens, answers as the server's error does
    /// ([`kind`](Error::kind), [`db`](Error::db)), and ends the scan: there are no pages after it.
    pub async fn next_page(&mut self) -> Result<Option<ScanPage>, Error> {
        poll_fn(|cx| self.poll_next_page(cx)).await
    }

    fn poll_next_page(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<ScanPage>, Error>> {
        if matches!(self.end, End::Open) {
            self.source.progress.watch(cx.waker());
            if self.source.progress.is_stopped() {
                self.end = End::Failing(UsageProblem::ScanStopped.into());
            } else {
                self.advance(cx);
            }
        }
        match std::mem::replace(&mut self.end, End::Failed) {
            End::Open => {}
            End::Failing(error) => {
                self.abandon();
                return Poll::Ready(Err(error));
            }
            ended => {
                self.end = ended;
                return Poll::Ready(Ok(None));
            }
        }
        self.end = End::Open;
        if let Some(page) = self.ready.pop_front() {
            // What this page held up goes on while the caller reads it.
            self.advance(cx);
            return Poll::Ready(Ok(Some(page)));
        }
        if self.todo.is_empty() && self.asked.is_empty() && self.held.is_empty() {
            self.end = End::Complete;
            self.source.progress.finish();
            return Poll::Ready(Ok(None));
        }
        Poll::Pending
    }

    /// Sends what may be sent, and takes in what has come.
    fn advance(&mut self, cx: &mut Context<'_>) {
        let mut step = || -> Result<bool, Error> {
            self.fill()?;
            match self.asked.poll_next_unpin(cx) {
                Poll::Ready(Some(asked)) => self.settle(asked).map(|()| true),
                Poll::Ready(None) | Poll::Pending => Ok(false),
            }
        };
        loop {
            match step() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.end = End::Failing(error);
                    break;
                }
            }
        }
        self.source.progress.set_in_flight(self.asked.len());
    }

    /// Asks for as many pages as may be under way.
    fn fill(&mut self) -> Result<(), Error> {
        let room = self.source.concurrency;
        while self.asked.len() < room
            && let Some(next) = self.held.iter().position(|piece| self.waiting(piece.number) < 2)
        {
            let piece = self.held.swap_remove(next);
            self.ask(piece)?;
        }
        while self.asked.len() + self.held.len() < room && self.asked.len() + self.ready.len() < 2 * room {
            let Some(piece) = self.todo.pop_front() else { break };
            match self.widest.filter(|widest| self.width(&piece.range).is_some_and(|width| width > *widest)) {
                Some(widest) => {
                    let parts = self.source.layout.cut_to(&piece.range, widest);
                    self.cut(&piece, parts);
                }
                None => self.ask(piece)?,
            }
        }
        Ok(())
    }

    /// How many pages of a piece nobody took yet.
    fn waiting(&self, number: u32) -> usize {
        self.ready.iter().filter(|page| page.piece == number).count()
    }

    fn width(&self, range: &ScanRange) -> Option<u128> {
        range.width(self.source.layout.partitioner)
    }

    fn ask(&mut self, mut piece: Piece) -> Result<(), Error> {
        let session = self.source.session.clone();
        let host = self.load.choose(&piece, &session.state().route);
        piece.host = host;
        let statement = self.source.statements.request(&piece, host)?;
        piece.on_asked(self.now_ms());
        let pause = piece.pause(&mut self.rng);
        self.load.begin(host);
        self.asked.push(Box::pin(async move {
            if !pause.is_zero() {
                session.inner.engine.pause(pause).await;
            }
            let outcome = match send(&session, &statement, piece.next.as_ref(), SpanOf::Request) {
                Ok(sent) => sent.finish(&session).await,
                Err(error) => Err(error),
            };
            Asked { piece, host, outcome }
        }));
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn settle(&mut self, asked: Asked) -> Result<(), Error> {
        let Asked { piece, host, outcome } = asked;
        self.load.end(host);
        match outcome {
            Ok(result) => self.take_in(piece, result),
            Err(error) => self.fail(piece, error),
        }
    }

    fn take_in(&mut self, mut piece: Piece, result: QueryResult) -> Result<(), Error> {
        let next = result.paging_state();
        let rows = match self.source.counts {
            true => counted(&result)?,
            false => result.row_count() as u64,
        };
        self.source.progress.add_page(rows);
        self.ready.push_back(ScanPage {
            piece: piece.number,
            range: piece.range.clone(),
            first_replica: piece.replicas.first().copied(),
            is_last: next.is_none(),
            result,
        });
        match next {
            None => self.source.progress.finish_piece(piece.share),
            next => {
                piece.on_page(next);
                self.held.push(piece);
            }
        }
        Ok(())
    }

    fn fail(&mut self, mut piece: Piece, error: Error) -> Result<(), Error> {
        let now = self.now_ms();
        let Some(trouble) = Trouble::of(&error) else { return Err(self.failure(&piece, now, error)) };
        let width = self.width(&piece.range);
        match piece.on_failure(trouble, now, self.source.patience, width) {
            Step::GiveUp => return Err(self.failure(&piece, now, error)),
            Step::Again => {
                tracing::debug!(table = self.source.table_text, range = %piece.range, %error, "a page is asked for again");
                self.source.progress.add_retry();
                self.ask(piece)?;
            }
            Step::Cut(parts) => {
                tracing::debug!(table = self.source.table_text, range = %piece.range, %error, parts, "a piece is cut");
                self.source.progress.add_split();
                let parts = piece.range.cut(self.source.layout.partitioner, parts);
                if self.source.counts {
                    let widest = parts.iter().filter_map(|part| self.width(part)).max();
                    self.widest = self.widest.into_iter().chain(widest).min();
                }
                self.cut(&piece, parts);
            }
        }
        Ok(())
    }

    /// Puts the parts of a piece before everything else: the first keeps its number.
    fn cut(&mut self, piece: &Piece, parts: Vec<ScanRange>) {
        self.source.progress.add_pieces(parts.len() - 1);
        let (shares, now) = (self.source.layout.shares(&parts), self.now_ms());
        let mut cut = Vec::with_capacity(parts.len());
        for (part, share) in parts.into_iter().zip(shares) {
            let number = if cut.is_empty() { piece.number } else { self.next_number };
            self.next_number += u32::from(!cut.is_empty());
            cut.push(piece.part(number, part, piece.share * share, now));
        }
        for part in cut.into_iter().rev() {
            self.todo.push_front(part);
        }
    }

    fn failure(&self, piece: &Piece, now: u64, error: Error) -> Error {
        let source = &self.source;
        // A session that has ended has nothing to do with tokens.
        if source.session.check_process().is_err() {
            return error;
        }
        let failure = ScanFailure {
            table: source.table_text.clone(),
            range: piece.range.clone(),
            tries: piece.tries(),
            lasted: piece.failing_for(now),
            error,
        };
        Error::new(Cause::Scan(Box::new(failure)))
    }

    /// Lets everything go.
    fn abandon(&mut self) {
        self.todo.clear();
        self.held.clear();
        self.ready.clear();
        self.asked.clear();
        self.source.progress.set_in_flight(0);
    }
}

/// What a page of counts adds up to.
pub(super) fn counted(result: &QueryResult) -> Result<u64, Error> {
    let mut rows = 0;
    for row in result.rows::<(i64,)>()? {
        rows += u64::try_from(row?.0).unwrap_or(0);
    }
    Ok(rows)
}

impl Stream for TableScan {
    type Item = Result<ScanPage, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_page(cx).map(Result::transpose)
    }
}

impl Drop for TableScan {
    fn drop(&mut self) {
        self.source.progress.set_in_flight(0);
    }
}

impl fmt::Debug for TableScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableScan")
            .field("table", &self.source.table_text)
            .field("progress", &self.source.progress)
            .finish_non_exhaustive()
    }
}

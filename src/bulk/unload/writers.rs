//! The threads that make text of pages and write it.
//!
//! They take pages from one queue, each when it has nothing to do, so that none waits for a slow one. The last that leaves gives the files
//! their names, when the whole table was read and nobody failed, and tells how it was. A thread that fails has all stop.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{io, mem};

use tokio::sync::{Notify, mpsc, oneshot};

use super::UnloadError;
use super::destination::{Destination, DestinationError, PartNames, Place};
use super::output::{Output, Whole};
use super::progress::UnloadProgress;
use super::publish::publish;
use crate::QueryResult;
use crate::bulk::source::Compression;
use crate::bulk::table_name::TableName;
use crate::bulk::text::{RawRows, RowFormat, RowText, RowTextError, WrittenAsNull};

/// Text that is written at a time.
const CHUNK: usize = 256 << 10;

/// What is to be written, and how.
pub(super) struct Task {
    pub(super) table: TableName,
    pub(super) text: RowText,
    pub(super) format: RowFormat,
    pub(super) compression: Compression,
    /// How many files of a directory at a time.
    pub(super) files: usize,
    pub(super) max_records: Option<NonZeroU64>,
    pub(super) progress: UnloadProgress,
}

/// Why a thread stopped.
#[derive(Debug)]
pub(super) enum WriteFailure {
    Text(RowTextError),
    Destination(DestinationError),
    /// A page that is none: its bytes end too early, or it has no rows at all.
    Page(crate::Error),
}

/// What was written when all have left.
#[derive(Debug)]
pub(super) struct Written {
    /// Files that have their names; empty unless all of them have.
    pub(super) files: Vec<PathBuf>,
    pub(super) written_as_null: Vec<WrittenAsNull>,
    pub(super) failure: Option<WriteFailure>,
}

/// The threads, seen from the task that reads. Dropping it has them stop.
pub(super) struct Writers {
    pages: Option<mpsc::Sender<QueryResult>>,
    shared: Arc<Shared>,
    written: oneshot::Receiver<Written>,
}

struct Shared {
    pages: Mutex<mpsc::Receiver<QueryResult>>,
    parts: Option<Parts>,
    /// What a file begins with.
    header: Vec<u8>,
    compression: Compression,
    progress: UnloadProgress,
    /// The table was read to its end; said before the queue is closed.
    complete: AtomicBool,
    /// What is still in the queue is of no use.
    abandoned: AtomicBool,
    /// Rung when a thread fails.
    failed: Notify,
    left: AtomicUsize,
    outcome: Mutex<Outcome>,
}

/// The files of a directory.
struct Parts {
    names: PartNames,
    /// How many there are.
    count: AtomicU32,
    max_records: Option<NonZeroU64>,
}

/// What the threads leave.
#[derive(Default)]
struct Outcome {
    whole: Vec<Whole>,
    written_as_null: Vec<WrittenAsNull>,
    failure: Option<WriteFailure>,
    written: Option<oneshot::Sender<Written>>,
}

impl Writers {
    /// Opens the destination, on a thread because that may take long (a pipe waits for its reader), and starts the others.
    pub(super) async fn start(task: Task, destination: Destination) -> Result<Self, UnloadError> {
        let count = if matches!(destination.0, Place::Directory(_)) { task.files } else { 1 };
        let (pages, queue) = mpsc::channel(count);
        let (tell_ready, ready) = oneshot::channel();
        let (tell_written, written) = oneshot::channel();
        let first = move || {
            let Task { table, text, format, compression, max_records, progress, .. } = task;
            let (parts, first) = match open(destination, &table, format, compression, max_records, &progress)
            {
                Ok(opened) => opened,
                Err(error) => return drop(tell_ready.send(Err(error))),
            };
            let mut header = Vec::new();
            text.header(&mut header);
            let shared = Arc::new(Shared {
                pages: Mutex::new(queue),
                parts,
                header,
                compression,
                progress,
                complete: AtomicBool::new(false),
                abandoned: AtomicBool::new(false),
                failed: Notify::new(),
                left: AtomicUsize::new(count),
                outcome: Mutex::new(Outcome { written: Some(tell_written), ..Outcome::default() }),
            });
            let leaving = Leaving::new(&shared);
            // When nobody hears it, nobody will send a page.
            drop(tell_ready.send(Ok((Arc::clone(&shared), text.clone()))));
            leaving.after(write(&shared, text, first));
        };
        spawn(0, first).map_err(UnloadError::Thread)?;
        let ready = ready.await.unwrap_or_else(|_| Err(DestinationError::io(Path::new("rows"), panicked())));
        let (shared, text) = ready?;
        let writers = Self { pages: Some(pages), shared, written };
        for number in 1..count {
            let leaving = Leaving::new(&writers.shared);
            let (shared, text) = (Arc::clone(&writers.shared), text.clone());
            // A thread that does not start leaves at once, with what was to run on it.
            spawn(number, move || leaving.after(write(&shared, text, None))).map_err(UnloadError::Thread)?;
        }
        Ok(writers)
    }

    /// Hands a page over, when one of the threads is about to take it. False when none will.
    pub(super) async fn write(&self, page: QueryResult) -> bool {
        match &self.pages {
            Some(pages) => pages.send(page).await.is_ok(),
            None => false,
        }
    }

    /// Resolves when a thread has failed.
    pub(super) async fn failed(&self) {
        self.shared.failed.notified().await;
    }

    /// No page follows: all of them were there when it is `complete`. Resolves when all threads have left.
    pub(super) async fn end(&mut self, complete: bool) -> Written {
        self.shared.complete.store(complete, Ordering::Release);
        self.shared.abandoned.fetch_or(!complete, Ordering::Release);
        self.pages = None;
        let lost = || Written {
            files: Vec::new(),
            written_as_null: Vec::new(),
            failure: Some(WriteFailure::Destination(DestinationError::io(Path::new("rows"), panicked()))),
        };
        (&mut self.written).await.unwrap_or_else(|_| lost())
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::Release);
    }
}

/// Opens what the first thread writes into. Files of a directory are made when there is something to put in.
fn open(
    destination: Destination,
    table: &TableName,
    format: RowFormat,
    compression: Compression,
    max_records: Option<NonZeroU64>,
    progress: &UnloadProgress,
) -> Result<(Option<Parts>, Option<Output>), DestinationError> {
    match destination.0 {
        Place::Directory(path) => {
            let names = PartNames::prepare(path, table, format, compression)?;
            Ok((Some(Parts { names, count: AtomicU32::new(0), max_records }), None))
        }
        Place::File(path) => Ok((None, Some(Output::create(&path, compression, progress)?))),
        Place::Writer(name, writer) => {
            Ok((None, Some(Output::writer(&name, writer, compression, progress)?)))
        }
    }
}

fn spawn(number: usize, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(format!("chorus-unload-{number}")).spawn(run).map(drop)
}

fn panicked() -> io::Error {
    io::Error::other("a writing thread panicked")
}

/// A file being written.
struct Open {
    output: Output,
    rows: u64,
}

/// What a thread does: pages to text, text into files, until there are no more pages.
fn write(shared: &Shared, mut text: RowText, first: Option<Output>) -> Result<(), WriteFailure> {
    let mut buffer = Vec::with_capacity(CHUNK);
    let mut open = first.map(|output| begin(shared, output, &mut buffer));
    while let Some(page) = shared.next_page() {
        write_page(shared, &mut text, &page, &mut open, &mut buffer)?;
    }
    let is_whole = shared.complete.load(Ordering::Acquire) && !shared.is_abandoned();
    if let Some(mut open) = open.filter(|_| is_whole) {
        // A header that no row followed.
        open.output.write(&buffer)?;
        shared.keep(open.output.finish()?);
    }
    shared.note(text.written_as_null());
    Ok(())
}

fn begin(shared: &Shared, output: Output, buffer: &mut Vec<u8>) -> Open {
    buffer.extend_from_slice(&shared.header);
    Open { output, rows: 0 }
}

fn write_page(
    shared: &Shared,
    text: &mut RowText,
    page: &QueryResult,
    open: &mut Option<Open>,
    buffer: &mut Vec<u8>,
) -> Result<(), WriteFailure> {
    let mut rows = RawRows::of(page)?;
    text.describe(rows.columns)?;
    let mut pending = 0;
    while rows.has_next() {
        let full = |open: &Open| shared.most_rows().is_some_and(|most| open.rows >= most);
        if open.as_ref().is_none_or(full) {
            if let Some(mut before) = open.take() {
                before.output.write(buffer)?;
                buffer.clear();
                shared.progress.add_rows(mem::take(&mut pending));
                shared.keep(before.output.finish()?);
            }
            *open = Some(begin(shared, shared.next_part()?, buffer));
        }
        let Some(open) = open else { continue };
        let Some(row) = rows.next(|cells| text.row(cells, buffer)) else { break };
        row??;
        open.rows += 1;
        pending += 1;
        if buffer.len() >= CHUNK {
            open.output.write(buffer)?;
            buffer.clear();
            shared.progress.add_rows(mem::take(&mut pending));
        }
    }
    if let Some(open) = open {
        open.output.write(buffer)?;
        buffer.clear();
        shared.progress.add_rows(pending);
    }
    Ok(())
}

impl Shared {
    /// The next page, unless it is of no use.
    fn next_page(&self) -> Option<QueryResult> {
        let page = locked(&self.pages).blocking_recv();
        page.filter(|_| !self.is_abandoned())
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    fn most_rows(&self) -> Option<u64> {
        self.parts.as_ref()?.max_records.map(NonZeroU64::get)
    }

    fn next_part(&self) -> Result<Output, DestinationError> {
        let parts = self.parts.as_ref().expect("one file, or a writer, is open from the beginning");
        let number = parts.count.fetch_add(1, Ordering::Relaxed) + 1;
        Output::create(&parts.names.part(number), self.compression, &self.progress)
    }

    fn keep(&self, whole: Option<Whole>) {
        locked(&self.outcome).whole.extend(whole);
    }

    fn note(&self, written_as_null: Vec<WrittenAsNull>) {
        let mut outcome = locked(&self.outcome);
        for one in written_as_null {
            match outcome.written_as_null.iter_mut().find(|seen| seen.column == one.column) {
                Some(seen) => {
                    seen.empty += one.empty;
                    seen.not_finite += one.not_finite;
                }
                None => outcome.written_as_null.push(one),
            }
        }
    }

    fn fail(&self, failure: WriteFailure) {
        locked(&self.outcome).failure.get_or_insert(failure);
        self.abandoned.store(true, Ordering::Release);
        self.failed.notify_one();
    }

    /// A directory has a file when there were no rows, too.
    fn file_without_rows(&self) -> Result<Option<Whole>, DestinationError> {
        let mut output = self.next_part()?;
        output.write(&self.header)?;
        output.finish()
    }

    /// All threads have left.
    fn finish(&self) {
        let mut outcome = locked(&self.outcome);
        let mut files = Vec::new();
        if self.complete.load(Ordering::Acquire) && outcome.failure.is_none() {
            let mut whole = mem::take(&mut outcome.whole);
            let published = match whole.is_empty() && self.parts.is_some() {
                true => self.file_without_rows().and_then(|file| {
                    whole.extend(file);
                    publish(whole)
                }),
                false => publish(whole),
            };
            match published {
                Ok(published) => files = published,
                Err(error) => outcome.failure = Some(WriteFailure::Destination(error)),
            }
        }
        let written_as_null = mem::take(&mut outcome.written_as_null);
        let written = Written { files, written_as_null, failure: outcome.failure.take() };
        if let Some(tell) = outcome.written.take() {
            // Nobody may be waiting any more.
            drop(tell.send(written));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a thread out, however it ends.
struct Leaving {
    shared: Arc<Shared>,
    outcome: Option<Result<(), WriteFailure>>,
}

impl Leaving {
    fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), outcome: None }
    }

    fn after(mut self, outcome: Result<(), WriteFailure>) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let panicked = || Err(WriteFailure::Destination(DestinationError::io(Path::new("rows"), panicked())));
        if let Err(failure) = self.outcome.take().unwrap_or_else(panicked) {
            self.shared.fail(failure);
        }
        if self.shared.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.finish();
        }
    }
}

impl From<RowTextError> for WriteFailure {
    fn from(error: RowTextError) -> Self {
        Self::Text(error)
    }
}

impl From<DestinationError> for WriteFailure {
    fn from(error: DestinationError) -> Self {
        Self::Destination(error)
    }
}

impl From<crate::Error> for WriteFailure {
    fn from(error: crate::Error) -> Self {
        Self::Page(error)
    }
}

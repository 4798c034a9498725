//! The way out: a table into files.
//!
//! [`Unloader`] holds the choices. [`run`] takes the pages of a [scan](crate::scan) and hands them to [`writers`], threads that make text of
//! them and write it, so that nothing of a disk or a compressor holds a reactor up. [`destination`] says where, [`output`] is one file being
//! written, [`publish`] gives files their names, and [`UnloadReport`] says what happened.
//!
//! A file has `.partial` behind its name until all of them are whole. When a writer fails, or the scan does, everything stops and they keep
//! that name; so it is when the future of the unload is dropped.

mod destination;
mod output;
mod progress;
mod publish;
mod report;
mod run;
mod writers;

use std::num::NonZeroU64;
use std::time::Duration;

use super::source::Compression;
use super::table_name::TableName;
use super::text::{RowFormat, RowTextError, TextStyle};
use crate::scan::Scan;
use crate::{Consistency, Error, Session};

pub use destination::{Destination, DestinationError};
pub use progress::{UnloadProgress, UnloadSnapshot};
pub use report::{UnloadEnding, UnloadReport};

/// Why an unload could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnloadError {
    /// The table, its columns or the filter are not what was thought, or the cluster could not be asked.
    #[error(transparent)]
    Session(#[from] Error),
    /// A column has values that cannot be written as text.
    #[error(transparent)]
    Text(#[from] RowTextError),
    /// There is no writing where the files should be.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// A thread for writing could not be started.
    #[error("cannot start a writing thread")]
    Thread(#[source] std::io::Error),
}

/// Writes the rows of one table into files.
///
/// The table is read by token ranges, with [what a scan promises](crate::scan): each row is in the files once, whatever happens to hosts
/// meanwhile, unless the report says otherwise. There is no order of rows, and no snapshot.
///
/// ```no_run
/// # async fn example(session: chorus::Session) -> Result<(), Box<dyn std::error::Error>> {
/// use chorus::bulk::{Destination, Unloader};
///
/// let unloader = Unloader::new(&session, "shop.orders".parse()?).columns(["id", "total"]);
/// let report = unloader.unload(Destination::file("orders.csv")).await?;
/// println!("{report}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "an unloader does nothing until unload() is called"]
pub struct Unloader {
    table: TableName,
    scan: Scan,
    style: TextStyle,
    compression: Compression,
    files: usize,
    max_records: Option<NonZeroU64>,
    progress: UnloadProgress,
}

/// What is written.
impl Unloader {
    /// Unloads `table` with every default.
    pub fn new(session: &Session, table: TableName) -> Self {
        let scan = session.scan(&table.keyspace, &table.table).consistency(Consistency::LocalOne);
        Self {
            table,
            progress: UnloadProgress::of(scan.progress()),
            scan,
            style: TextStyle::default(),
            compression: Compression::None,
            files: std::thread::available_parallelism().map_or(1, |threads| threads.get().min(4)),
            max_records: None,
        }
    }

    /// The columns, by their names in the schema, unquoted. Defaults to all, in the table's order.
    pub fn columns<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.scan = self.scan.columns(columns);
        self
    }

    /// Adds a relation that rows must fulfil, as it stands in CQL: `total > 100`; see [`Scan::filter`](crate::scan::Scan::filter). Defaults
    /// to none.
    pub fn filter(mut self, relation: impl Into<String>) -> Self {
        self.scan = self.scan.filter(relation);
        self
    }

    /// Lets servers read rows that they then leave out. Defaults to false.
    pub fn allow_filtering(mut self, allow: bool) -> Self {
        self.scan = self.scan.allow_filtering(allow);
        self
    }

    /// What a line looks like. Defaults to CSV.
    pub fn format(mut self, format: RowFormat) -> Self {
        self.style.format = format;
        self
    }

    /// The text of null, in CSV. Defaults to `\N`. A value with that very text ends the unload, because nobody could tell them apart.
    pub fn null(mut self, text: impl Into<String>) -> Self {
        self.style.null = text.into();
        self
    }

    /// Between fields, in CSV: an ASCII character that is no quote and no line end. Defaults to a comma.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.style.delimiter = delimiter;
        self
    }

    /// Whether each file of CSV begins with the names of the columns, which a load needs. Defaults to true.
    pub fn header(mut self, header: bool) -> Self {
        self.style.header = header;
        self
    }

    /// Defaults to none.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// How many files of a directory are written at a time, each by a thread of its own; at least 1. Defaults to the number of processors,
    /// at most 4.
    pub fn files(mut self, files: usize) -> Self {
        self.files = files.max(1);
        self
    }

    /// The most rows of a file in a directory; others follow in the next. Defaults to no limit.
    pub fn max_records(mut self, rows: NonZeroU64) -> Self {
        self.max_records = Some(rows);
        self
    }
}

/// How it is read.
impl Unloader {
    /// How many replicas must answer. Defaults to `LOCAL_ONE`.
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.scan = self.scan.consistency(consistency);
        self
    }

    /// The most requests in flight, each for a piece of the table; at least 1. Defaults to 16.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.scan = self.scan.concurrency(requests);
        self
    }

    /// The most rows of a page; at least 1. Defaults to that of the session's profile, which defaults to 5000.
    pub fn page_size(mut self, rows: u32) -> Self {
        self.scan = self.scan.page_size(rows);
        self
    }

    /// How long a piece of the table may go without getting on before the unload ends. Defaults to one minute.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.scan = self.scan.patience(patience);
        self
    }

    /// A view of the unload, and the way to stop it.
    #[must_use]
    pub fn progress(&self) -> UnloadProgress {
        self.progress.clone()
    }

    /// Reads the table to its end and writes its rows. Returns once everything is written, and files have their names, or the unload had to
    /// end before that; the report says which.
    ///
    /// Dropping the future ends the unload; files keep `.partial` behind their names.
    ///
    /// # Errors
    /// [`UnloadError`] when nothing could be written: the table or a column is not there, a column has no text form, the server refuses the
    /// filter, or files are in the way.
    pub async fn unload(self, destination: Destination) -> Result<UnloadReport, UnloadError> {
        run::run(self, destination).await
    }

    /// The same for programs without a runtime: waits on the calling thread, while the unload runs on others.
    ///
    /// # Errors
    /// Those of [`unload`](Self::unload); [`UnloadError::Thread`] when a thread cannot be started.
    pub fn unload_blocking(self, destination: Destination) -> Result<UnloadReport, UnloadError> {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(UnloadError::Thread)?.block_on(self.unload(destination))
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("chorus-unload".to_owned());
            let thread = thread.spawn_scoped(scope, run).map_err(UnloadError::Thread)?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

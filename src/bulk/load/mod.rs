//! The loader itself: from a source to a table.
//!
//! [`BulkLoader`] holds the choices. [`prepare`] turns them, the source's header and the table's schema into a plan;
//! [`run`] reads, sends, retries and rejects until the source ends. [`flight`] and [`pace`] are its pure state,
//! [`lane`] its only way to the engine. [`input`] is what is loaded, and [`resume`] says whether a load may go on where
//! one before was stopped.

mod flight;
mod input;
mod lane;
mod limit;
mod pace;
mod prepare;
mod resume;
mod run;
mod verdict;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::cell::EpochUnit;
use super::checkpoint::{ResumeError, RunDirectory};
use super::cpu::{CpuMeter, CpuScope, ThreadMeter};
use super::csv::Dialect;
use super::key::PrimaryKey;
use super::map::Mapping;
use super::progress::Progress;
use super::rejects::{RejectFiles, RejectLog};
use super::report::LoadReport;
use super::row::CellFormat;
use super::schema::SchemaError;
use super::source::{OpenSource, Source, SourceError};
use super::table_name::TableName;
use crate::{Consistency, Error, Session};

use input::Input;
pub use limit::{RejectLimit, RejectLimitError};
use resume::Beginning;

/// Why a load could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source and the table do not fit.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The cluster could not be asked, or said no.
    #[error(transparent)]
    Session(#[from] Error),
    /// The run directory cannot be used, or what is in it cannot be gone on with.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// A thread for reading could not be started.
    #[error("cannot start the reading thread")]
    Thread(#[source] std::io::Error),
}

/// Loads files into one table.
///
/// Each record becomes one prepared INSERT, sent to a replica of its partition with many others in flight. Rows are
/// written *at least once*: a row whose answer was lost is sent again, with the same write timestamp, so that the
/// table ends up the same. Timestamps follow the order of the file, so of two rows with the same key the later one
/// wins, however their requests overtook each other; those of a file count from the moment its load began, those of
/// anything else follow the clock. A null cell leaves the column alone: it makes no tombstone, and it does not erase what an
/// earlier row wrote.
///
/// A load of files can keep a checkpoint in a [`RunDirectory`], and be resumed from it after it was stopped or killed. Rows
/// whose outcome nobody wrote down are then written again, with the timestamps they had.
#[derive(Clone, Debug)]
#[must_use = "a loader does nothing until load() is called"]
pub struct BulkLoader {
    session: Session,
    table: TableName,
    dialect: Dialect,
    mapping: Mapping,
    format: CellFormat,
    key: Option<PrimaryKey>,
    consistency: Consistency,
    concurrency: usize,
    reject_limit: RejectLimit,
    reject_files: Option<RejectFiles>,
    patience: Duration,
    cpu_scope: CpuScope,
    run_directory: Option<RunDirectory>,
    checkpoint_every: Duration,
    progress: Progress,
}

impl BulkLoader {
    /// Loads into `table` with every default.
    pub fn new(session: &Session, table: TableName) -> Self {
        Self {
            session: session.clone(),
            table,
            dialect: Dialect::default(),
            mapping: Mapping::default(),
            format: CellFormat::default(),
            key: None,
            consistency: Consistency::LocalQuorum,
            concurrency: 1024,
            reject_limit: RejectLimit::default(),
            reject_files: None,
            patience: Duration::from_secs(60),
            cpu_scope: CpuScope::default(),
            run_directory: None,
            checkpoint_every: Duration::from_secs(5),
            progress: Progress::default(),
        }
    }

    /// Delimiter, quote and record limit. Defaults to commas and double quotes.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Which field goes into which column. Defaults to the column of the same name.
    pub fn mapping(mut self, mapping: Mapping) -> Self {
        self.mapping = mapping;
        self
    }

    /// Adds a text that means null, in every column. Defaults to none. An empty cell is null anyway where the type
    /// has no empty value; in a text column it is the empty text unless `""` is added here.
    pub fn null(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.format.nulls.push(text.into());
        self
    }

    /// Whether null cells are written as nulls, which erase what was there and leave tombstones. Defaults to false:
    /// the column is left alone.
    pub fn write_nulls(mut self, write: bool) -> Self {
        self.format.write_nulls = write;
        self
    }

    /// What a whole number means in a timestamp column. Defaults to milliseconds.
    pub fn epoch(mut self, unit: EpochUnit) -> Self {
        self.format.epoch = unit;
        self
    }

    /// Creates the table with this primary key if it does not exist, and its keyspace too, with types found in the
    /// first 32 MiB of the source. Defaults to none: the table must exist.
    pub fn create_with_key(mut self, key: PrimaryKey) -> Self {
        self.key = Some(key);
        self
    }

    /// The consistency of each write. Defaults to `LOCAL_QUORUM`.
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = consistency;
        self
    }

    /// The most rows in flight; fewer while the cluster is overloaded. Defaults to 1024; at least 1.
    pub fn concurrency(mut self, rows: usize) -> Self {
        self.concurrency = rows.max(1);
        self
    }

    /// When to stop because of rejected rows. Defaults to more than a thousand.
    pub fn reject_limit(mut self, limit: RejectLimit) -> Self {
        self.reject_limit = limit;
        self
    }

    /// Where rejected rows go. Defaults to `<name of the source>.rejects.csv` in the current folder, and to where they went
    /// before when a load is resumed. Of several sources each has files of its own, see [`RejectFiles::of_each`].
    pub fn reject_files(mut self, files: RejectFiles) -> Self {
        self.reject_files = Some(files);
        self
    }

    /// How long to wait for a cluster that cannot be written to, and how long to try a row that fails while others
    /// succeed. Defaults to one minute.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What counts as client CPU time. Defaults to the whole process.
    pub fn cpu_scope(mut self, scope: CpuScope) -> Self {
        self.cpu_scope = scope;
        self
    }

    /// Keeps a checkpoint of what is acknowledged in this folder, or goes on from the one that is there. Defaults to none: the
    /// load cannot be resumed. Only files can be loaded with one.
    ///
    /// ```no_run
    /// # async fn example(session: chorus::Session) -> Result<(), Box<dyn std::error::Error>> {
    /// use chorus::bulk::{BulkLoader, RunDirectory, Source};
    ///
    /// // The same program goes on where it was killed.
    /// let run = match RunDirectory::resume("runs/weather") {
    ///     Ok(run) => run,
    ///     Err(chorus::bulk::ResumeError::NoCheckpoint { .. }) => RunDirectory::create("runs/weather"),
    ///     Err(error) => return Err(error.into()),
    /// };
    /// let loader = BulkLoader::new(&session, "weather.hourly".parse()?).run_directory(run);
    /// println!("{}", loader.load(Source::path("weather.csv").open()?).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_directory(mut self, directory: RunDirectory) -> Self {
        self.run_directory = Some(directory);
        self
    }

    /// How often the checkpoint is written while rows are. Defaults to five seconds. One is written in any case before the
    /// first row and at the end.
    pub fn checkpoint_every(mut self, every: Duration) -> Self {
        self.checkpoint_every = every;
        self
    }

    /// A view of the load, and the way to stop it.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Reads the source to its end and writes its rows. Returns once every row has an outcome, or the load had to
    /// end before that; the report says which.
    ///
    /// Dropping the future abandons rows under way: they may or may not be written.
    ///
    /// # Errors
    /// [`LoadError`] when not one row could be tried: the source has no usable header, the table is not there or does
    /// not fit, the cluster refuses to prepare the statement, or there is no going on from the checkpoint.
    pub async fn load(self, source: OpenSource) -> Result<LoadReport, LoadError> {
        self.load_inputs(vec![Input::opened(source)]).await
    }

    /// Loads several files, one after the other, as one load: with one report, one limit of rejected rows, and one checkpoint. Each
    /// has a header of its own. All of them are looked at before a row of the first is written.
    ///
    /// # Errors
    /// Those of [`load`](Self::load), for any of the files; [`SourceError::NotAFile`] for what cannot be opened twice.
    pub async fn load_all(self, sources: impl IntoIterator<Item = Source>) -> Result<LoadReport, LoadError> {
        let inputs = sources.into_iter().map(Input::of_several).collect::<Result<Vec<_>, _>>()?;
        self.load_inputs(inputs).await
    }

    async fn load_inputs(self, inputs: Vec<Input>) -> Result<LoadReport, LoadError> {
        let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
        let mut rejects = RejectFiles::of_each(self.reject_files.as_ref(), &names, Path::new(""));
        let mut beginning = Beginning::of(&self, &inputs, &rejects)?;
        let source = match &names[..] {
            [name] => name.clone(),
            names => format!("{} files", names.len()),
        };
        if let Some(beginning) = beginning.as_ref().filter(|beginning| beginning.resumed) {
            for (files, input) in rejects.iter_mut().zip(&beginning.state.inputs) {
                *files = input.rejects.files();
            }
            if beginning.state.finished {
                return Ok(run::finished_before(&self, source, &beginning.state));
            }
        }
        let reader_cpu = Arc::new(ThreadMeter::default());
        let cpu = CpuMeter::start(self.cpu_scope, Arc::clone(&reader_cpu));
        let sizes = inputs.iter().map(|input| input.size.unwrap_or(0)).collect();
        let plan = prepare::prepare(&self, inputs, &mut beginning, &reader_cpu).await?;
        let log = log(&plan, &rejects, beginning.as_ref())?;
        let keeper = match beginning {
            Some(beginning) => Some(beginning.keep(self.checkpoint_every, &self.progress)?),
            None => None,
        };
        let aside = run::Aside { source, rejects, sizes, reader_cpu, cpu };
        Ok(run::run(self, plan, aside, log, keeper).await)
    }

    /// The same for programs without a runtime: waits on the calling thread, while the load runs on one of its own. Works on a
    /// thread of a runtime too, which it holds up.
    ///
    /// # Errors
    /// Those of [`load`](Self::load); [`LoadError::Thread`] when the thread cannot be started.
    pub fn load_blocking(self, source: OpenSource) -> Result<LoadReport, LoadError> {
        blocking(self.load(source))
    }

    /// [`load_all`](Self::load_all) in the same way.
    ///
    /// # Errors
    /// Those of [`load_all`](Self::load_all); [`LoadError::Thread`] when the thread cannot be started.
    pub fn load_all_blocking(
        self,
        sources: impl IntoIterator<Item = Source>,
    ) -> Result<LoadReport, LoadError> {
        let sources: Vec<Source> = sources.into_iter().collect();
        blocking(self.load_all(sources))
    }
}

fn blocking(
    load: impl Future<Output = Result<LoadReport, LoadError>> + Send,
) -> Result<LoadReport, LoadError> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(LoadError::Thread)?.block_on(load)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("chorus-load".to_owned());
        let thread = thread.spawn_scoped(scope, run).map_err(LoadError::Thread)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The rejects of the first input of which something is left, and how many there were before.
fn log(
    plan: &prepare::Plan,
    rejects: &[RejectFiles],
    beginning: Option<&Beginning>,
) -> Result<RejectLog, LoadError> {
    let first = plan.inputs.first();
    let files = first.and_then(|first| rejects.get(first.number)).or(rejects.first());
    let files = files.cloned().unwrap_or_else(|| RejectFiles::named_after("nothing", Path::new("")));
    let header = first.map(|first| first.header.raw.clone()).unwrap_or_default();
    let before = beginning.map(|beginning| beginning.state.totals.rejected).unwrap_or_default();
    let mut log = RejectLog::new(files, header, before);
    if let Some(first) = first.filter(|_| rejects.len() > 1) {
        log.of_several(first.input.name.clone());
    }
    if let Some(beginning) = beginning.filter(|beginning| beginning.resumed) {
        for (number, input) in beginning.state.inputs.iter().enumerate() {
            input.rejects.remove_uncounted(beginning.began())?;
            match first {
                Some(first) if first.number == number => log.go_on(&input.rejects)?,
                _ => log.passed(&input.rejects),
            }
        }
    }
    Ok(log)
}

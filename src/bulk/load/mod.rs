//! The loader itself: from a source to a table.
//!
//! [`BulkLoader`] holds the choices. [`prepare`] turns them, the source's header and the table's schema into a plan;
//! [`run`] reads, sends, retries and rejects until the source ends. [`flight`] and [`pace`] are its pure state,
//! [`lane`] its only way to the engine.

mod flight;
mod lane;
mod pace;
mod prepare;
mod run;
mod verdict;

use std::str::FromStr;
use std::time::Duration;

use super::cell::EpochUnit;
use super::cpu::CpuScope;
use super::csv::Dialect;
use super::key::PrimaryKey;
use super::map::Mapping;
use super::progress::Progress;
use super::rejects::RejectFiles;
use super::report::LoadReport;
use super::row::CellFormat;
use super::schema::SchemaError;
use super::source::{OpenSource, SourceError};
use super::table_name::TableName;
use crate::{Consistency, Error, Session};

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
    /// A thread for reading could not be started.
    #[error("cannot start the reading thread")]
    Thread(#[source] std::io::Error),
}

/// How many rows may be rejected before a load stops.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RejectLimit {
    /// Any number.
    Unlimited,
    /// This many. With zero the first rejected row stops the load.
    Rows(u64),
    /// This share of the rows read, in percent; looked at once a thousand rows were read.
    Percent(f64),
}

impl RejectLimit {
    pub(super) fn is_exceeded(self, rejected: u64, read: u64) -> bool {
        match self {
            Self::Unlimited => false,
            Self::Rows(most) => rejected > most,
            Self::Percent(most) => read >= 1000 && rejected as f64 * 100.0 > most * read as f64,
        }
    }
}

/// Defaults to a thousand rows.
impl Default for RejectLimit {
    fn default() -> Self {
        Self::Rows(1000)
    }
}

/// A limit that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a number of rows, a percentage such as 1%, or `unlimited`")]
pub struct RejectLimitError(String);

impl FromStr for RejectLimit {
    type Err = RejectLimitError;

    fn from_str(text: &str) -> Result<Self, RejectLimitError> {
        let error = || RejectLimitError(text.to_owned());
        if text.eq_ignore_ascii_case("unlimited") {
            return Ok(Self::Unlimited);
        }
        match text.strip_suffix('%') {
            Some(number) => match number.trim().parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Percent(percent)),
                _ => Err(error()),
            },
            None => text.parse().map(Self::Rows).map_err(|_| error()),
        }
    }
}

/// Loads files into one table.
///
/// Each record becomes one prepared INSERT, sent to a replica of its partition with many others in flight. Rows are
/// written *at least once*: a row whose answer was lost is sent again, with the same write timestamp, so that the
/// table ends up the same. Timestamps follow the order of the file, so of two rows with the same key the later one
/// wins, however their requests overtook each other. A null cell leaves the column alone: it makes no tombstone, and
/// it does not erase what an earlier row wrote.
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

    /// Where rejected rows go. Defaults to `<name of the source>.rejects.csv` in the current folder.
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
    /// not fit, or the cluster refuses to prepare the statement.
    pub async fn load(self, source: OpenSource) -> Result<LoadReport, LoadError> {
        let plan = prepare::prepare(&self, source).await?;
        Ok(run::run(self, plan).await)
    }

    /// The same for programs without a runtime: waits on the calling thread, while the load runs on one of its own. Works on a
    /// thread of a runtime too, which it holds up.
    ///
    /// # Errors
    /// Those of [`load`](Self::load); [`LoadError::Thread`] when the thread cannot be started.
    pub fn load_blocking(self, source: OpenSource) -> Result<LoadReport, LoadError> {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(LoadError::Thread)?.block_on(self.load(source))
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("chorus-load".to_owned());
            let thread = thread.spawn_scoped(scope, run).map_err(LoadError::Thread)?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_percentages() {
        assert_eq!("0".parse(), Ok(RejectLimit::Rows(0)));
        assert_eq!("1.5%".parse(), Ok(RejectLimit::Percent(1.5)));
        assert_eq!("Unlimited".parse(), Ok(RejectLimit::Unlimited));
        for bad in ["", "-1", "x", "101%", "%", "1.5"] {
            assert!(bad.parse::<RejectLimit>().is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_are_exceeded_by_one_more() {
        assert!(RejectLimit::Rows(0).is_exceeded(1, 1));
        assert!(!RejectLimit::Rows(5).is_exceeded(5, 5));
        assert!(RejectLimit::Rows(5).is_exceeded(6, 6));
        assert!(!RejectLimit::Percent(1.0).is_exceeded(999, 999));
        assert!(!RejectLimit::Percent(1.0).is_exceeded(10, 1000));
        assert!(RejectLimit::Percent(1.0).is_exceeded(11, 1000));
        assert!(!RejectLimit::Unlimited.is_exceeded(u64::MAX, 1));
    }
}

//! Bulk loading: a file of records into a table, with everything that can be wrong with either, and a table into files.
//!
//! ```no_run
//! # async fn example(session: chorus::Session) -> Result<(), Box<dyn std::error::Error>> {
//! use chorus::bulk::{BulkLoader, Source};
//!
//! let source = Source::path("weather.csv").open()?;
//! let report = BulkLoader::new(&session, "weather.hourly".parse()?)
//!     .null("NA")
//!     .create_with_key("origin,time_hour".parse()?)
//!     .load(source)
//!     .await?;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! A record walks through these files once: [`source`](Source) reads and decompresses, [`csv`] finds records and
//! fields, `row` and `cell` turn fields into the bytes of CQL values inside the frame that is sent, `load` sends,
//! retries and counts, `rejects` keeps what could not be loaded, and [`LoadReport`] says what happened.
//!
//! The way back: [`Unloader`] reads a table by token ranges, `text` makes lines of its rows, and `unload` writes them into files.

mod cell;
mod checkpoint;
mod cpu;
pub mod csv;
mod infer;
mod key;
mod load;
mod map;
mod metrics;
mod progress;
mod rejects;
mod report;
mod row;
mod schema;
mod source;
mod table_name;
mod text;
mod unload;

pub use cell::{CellError, CellReason, EpochUnit};
pub use checkpoint::{ResumeError, RunDirectory};
pub use cpu::CpuScope;
pub use csv::Dialect;
pub use key::{PrimaryKey, PrimaryKeyError};
pub use load::{BulkLoader, LoadError, RejectLimit, RejectLimitError};
pub use map::{Mapping, MappingError};
pub use progress::{Limit, Phase, Progress, ProgressSnapshot};
pub use rejects::{RejectFiles, RejectStage, Rejection};
pub use report::{Ending, LatencySummary, LoadReport};
pub use schema::SchemaError;
pub use source::{Compression, OpenSource, Source, SourceError};
pub use table_name::{TableName, TableNameError};
pub use text::{RowFormat, RowText, RowTextError, RowTextReason, TextStyle, WrittenAsNull};
pub use unload::{
    Destination, DestinationError, UnloadEnding, UnloadError, UnloadProgress, UnloadReport, UnloadSnapshot,
    Unloader,
};

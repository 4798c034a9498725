//! Columns instead of rows: results as Arrow record batches.
//!
//! A page becomes a record batch ([`QueryResult::record_batch`](crate::QueryResult::record_batch)), the pages of a result a
//! stream of them ([`Pages::record_batches`](crate::Pages::record_batches)), or without a runtime a
//! [reader](crate::blocking::RecordBatchIter). Cells go straight from the bytes of the page into
//! the columns, in the task that asks.
//!
//! ```no_run
//! # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
//! use chorus::arrow::array::{cast::AsArray as _, types::Int32Type};
//! use futures::TryStreamExt;
//!
//! let pages = session.query_iter("SELECT total FROM shop.orders", ()).await?;
//! let mut batches = pages.record_batches()?;
//! let mut sum = 0_i64;
//! while let Some(batch) = batches.try_next().await? {
//!     let totals = batch.column(0).as_primitive::<Int32Type>();
//!     sum += totals.iter().flatten().map(i64::from).sum::<i64>();
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | CQL | Arrow | |
//! |---|---|---|
//! | `ascii`, `text` | `Utf8` | |
//! | `blob`, custom types | `Binary` | |
//! | `boolean` | `Boolean` | |
//! | `tinyint`, `smallint`, `int` | `Int8`, `Int16`, `Int32` | |
//! | `bigint`, `counter` | `Int64` | |
//! | `float`, `double` | `Float32`, `Float64` | |
//! | `varint`, `decimal` | `Utf8` | their notation: neither has a fixed size, and each decimal has a scale of its own |
//! | `timestamp` | `Timestamp(ms, "UTC")` | |
//! | `date` | `Date32` | |
//! | `time` | `Time64(ns)` | |
//! | `duration` | `Interval(MonthDayNano)` | |
//! | `uuid`, `timeuuid` | `FixedSizeBinary(16)` | with the name of the extension `arrow.uuid` |
//! | `inet` | `Utf8` | addresses of both lengths |
//! | `list`, `set` | `List` | |
//! | `map` | `Map` | |
//! | `tuple` | `Struct` | fields are named `0`, `1` and so on |
//! | user-defined types | `Struct` | fields that a value was written without are null |
//! | `vector` | `FixedSizeList` | |
//!
//! Every field may be null but the key of a map. The empty value that some types have besides null is null here. Each column of
//! the schema tells its CQL type in its metadata, under [`CQL_TYPE`].
//!
//! A null vector takes as much room in Arrow as one with values, and a null struct a place in each of its fields. A page whose
//! nulls would take more than 16 Mi such places is refused, and so is one of more than 512 MiB: take smaller pages.

mod batch;
mod builders;
mod nested;
mod schema_of;
mod stream;
#[cfg(test)]
mod tests;

/// The arrays and record batches of Arrow, in the version that is used here.
pub use arrow_array as array;
/// The schemas of Arrow, in the version that is used here.
pub use arrow_schema as schema;

pub(crate) use batch::record_batch;
pub use schema_of::{CQL_TYPE, schema_of};
pub use stream::RecordBatches;

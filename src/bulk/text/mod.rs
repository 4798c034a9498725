//! Rows as text: from the bytes of cells to the lines of a file.
//!
//! The way back of [`cell`](super::cell): what is written as CSV is what a load reads as the same bytes again. JSON lines are what
//! `SELECT JSON` of Cassandra says. Everything is written from the bytes that came, straight behind the line so far; a steady stream of rows
//! allocates nothing, but for numbers of more than 38 digits.
//!
//! [`rows`] takes a row apart and knows the formats' lines, [`scalar`] writes values of one type without parameters, [`number`] and
//! [`temporal`] those that need arithmetic, [`literal`] and [`json`] what is nested. The writers of an unload call it, on threads of their
//! own. Bytes that are no value of their type are an error that names column and type, never a panic; the unload ends with it.

mod error;
mod json;
mod literal;
mod number;
mod rows;
mod scalar;
mod temporal;
#[cfg(test)]
mod tests;

pub use error::{RowTextError, RowTextReason};
pub(crate) use rows::RawRows;
pub use rows::{RowFormat, RowText, TextStyle, WrittenAsNull};

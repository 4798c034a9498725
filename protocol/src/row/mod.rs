//! Rows: many values at once, from Rust to a request and from a result to Rust.

mod from_row;
mod into_row;
mod iter;
mod named;
mod view;
mod writer;

pub use from_row::{FromRow, Row, RowCells, Scalar};
pub use into_row::{IntoNamedRow, IntoRow};
pub use iter::RowsIter;
pub use view::RowView;
pub use writer::{RowWriter, encode_row};

//! What can go wrong.

use super::ExistingRow;
use super::schema::SchemaError;
use crate::Error;

/// Why an operation of the mapper failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum MapperError {
    /// The request failed, or its result could not be read.
    #[error(transparent)]
    Request(#[from] Error),
    /// A value is not what its column wants. Nothing was sent.
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    /// The schema cannot become what a model says. Nothing was changed.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Nobody says which keyspace the table is in.
    #[error(
        "no keyspace for table {table}: name one at the model, the mapper (`with_keyspace`) or the session (`use_keyspace`)"
    )]
    NoKeyspace {
        /// The table.
        table: String,
    },
    /// A condition did not hold, and nothing was written.
    #[error("not applied: the condition does not hold for {table}")]
    NotApplied {
        /// The table.
        table: String,
        /// The row there is, as far as the server shows it.
        existing: Box<ExistingRow>,
    },
    /// One row was asked for, and there is none.
    #[error("no row of {table} is like that")]
    NotFound {
        /// The table.
        table: String,
    },
    /// One row was asked for, and there are more.
    #[error("more than one row of {table} is like that")]
    MultipleRows {
        /// The table.
        table: String,
    },
    /// What was asked for makes no statement. Nothing was sent.
    #[error("{table}: {reason}")]
    Statement {
        /// The table.
        table: String,
        /// What is wrong, and what to do.
        reason: String,
    },
}

/// A value that its column does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}")]
pub struct ValidationError {
    /// The column, and the way to the part of its value that is wrong, as in `home.lines.element 2`.
    pub column: String,
    /// What is wrong with the value.
    pub reason: String,
}

impl ValidationError {
    /// For functions named by `#[chorus(validate = ..)]`.
    pub fn new(column: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { column: column.into(), reason: reason.into() }
    }

    /// The same of the part of that place in something.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        self.column =
            if self.column.is_empty() { place.to_owned() } else { format!("{place}.{}", self.column) };
        self
    }
}

//! Why a row cannot be written as text.

use chorus_protocol::{CqlType, ValueError, ValueErrorReason};

/// A value cannot be written as text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column:?} of type {typ}: {reason}")]
#[non_exhaustive]
pub struct RowTextError {
    /// The column.
    pub column: String,
    /// Its type.
    pub typ: CqlType,
    /// Why.
    pub reason: RowTextReason,
}

/// Why a value cannot be written as text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowTextReason {
    /// A value is written exactly as null is.
    #[error(
        "there is a value whose text is {null:?}, which stands for null; give another text for null, one that no value has"
    )]
    Ambiguous {
        /// The text that stands for null.
        null: String,
    },
    /// The bytes are no value of the type.
    #[error("the bytes of a value are none of its type: {0}")]
    Malformed(ValueErrorReason),
    /// A number with so many digits that no reader takes it.
    #[error(
        "there is a number of {bytes} bytes; those of more than {limit} bytes are not written out: leave the column out"
    )]
    NumberTooLong {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A duration whose parts have different signs, which servers refuse and no text has a form for.
    #[error(
        "there is a duration whose months, days and nanoseconds have different signs, and no text says that"
    )]
    MixedSigns,
    /// A type there is no text form for.
    #[error("there is no text form for this type: leave the column out")]
    NoTextForm,
}

impl From<ValueError> for RowTextReason {
    fn from(error: ValueError) -> Self {
        Self::Malformed(error.reason().clone())
    }
}

impl From<ValueErrorReason> for RowTextReason {
    fn from(reason: ValueErrorReason) -> Self {
        Self::Malformed(reason)
    }
}

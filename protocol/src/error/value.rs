//! Errors of single values and rows.

use std::fmt;

use crate::types::CqlType;

/// A Rust value does not fit a column, or a cell does not fit a Rust type.
///
/// One pointer wide, so that results stay small. Says in which column, when that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    reason: ValueErrorReason,
    column: Option<(usize, Box<str>)>,
}

/// Why a value was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueErrorReason {
    /// The Rust type and the CQL type do not go together.
    #[error("Rust type {rust} does not fit CQL type {cql}")]
    TypeMismatch {
        /// The Rust type.
        rust: &'static str,
        /// The type of the column.
        cql: CqlType,
    },
    /// Null where the Rust type has no place for it.
    #[error("null cannot become {rust}")]
    UnexpectedNull {
        /// The Rust type.
        rust: &'static str,
    },
    /// A fixed-size value has another size.
    #[error("{what} takes {expected} bytes, not {found}")]
    WrongSize {
        /// The type or part.
        what: &'static str,
        /// Size it must have.
        expected: usize,
        /// Size it has.
        found: usize,
    },
    /// The value ends too early.
    #[error("{what} ends too early")]
    Truncated {
        /// The type or part.
        what: &'static str,
    },
    /// Bytes follow the end of the value.
    #[error("{count} bytes follow the end of {what}")]
    TrailingBytes {
        /// The type.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// A count that cannot be.
    #[error("{what} announces {count} elements")]
    InvalidCount {
        /// The type.
        what: &'static str,
        /// As announced.
        count: i64,
    },
    /// Text is not UTF-8.
    #[error("text is not valid UTF-8")]
    InvalidUtf8,
    /// Text with a character above 127 for an ascii column.
    #[error("text is not ASCII")]
    NotAscii,
    /// The value is outside what the type can hold.
    #[error("value is out of the range of {what}")]
    OutOfRange {
        /// The type that cannot hold it.
        what: &'static str,
    },
    /// Text that is none of what it should be.
    #[error("the text is no {what}")]
    InvalidText {
        /// What it should be.
        what: &'static str,
    },
    /// More bytes than a length prefix can say.
    #[error("value has {length} bytes, more than can be sent")]
    TooLarge {
        /// Its size in bytes.
        length: usize,
    },
    /// A vector of another dimension.
    #[error("vector has {found} elements, {expected} are declared")]
    WrongDimension {
        /// Declared elements.
        expected: usize,
        /// Elements there are.
        found: usize,
    },
    /// More tuple or user type fields than declared.
    #[error("{found} fields given, {declared} are declared")]
    TooManyFields {
        /// Declared fields.
        declared: usize,
        /// Fields there are.
        found: usize,
    },
    /// A row has more or fewer values than there are columns.
    #[error("{found} values for {expected} columns")]
    ColumnCount {
        /// Columns of the statement or result.
        expected: usize,
        /// Values of the Rust type.
        found: usize,
    },
    /// A named column is missing.
    #[error("there is no column named {0:?}")]
    MissingColumn(Box<str>),
    /// A column nobody asked for or gave a value to.
    #[error("no value for column {0:?}")]
    UnknownColumn(Box<str>),
    /// A column appears twice in a result read by name.
    #[error("column {0:?} appears more than once")]
    DuplicateColumn(Box<str>),
    /// A named field of a user type is missing.
    #[error("the user type has no field named {0:?}")]
    MissingField(Box<str>),
    /// A field of a user type nobody asked for.
    #[error("no place for user type field {0:?}")]
    UnknownField(Box<str>),
    /// Null or unset inside a value that cannot hold it.
    #[error("null or unset cannot stand inside {what}")]
    NullElement {
        /// The enclosing type.
        what: &'static str,
    },
    /// A conversion wrote no value, or more than one.
    #[error("the conversion of a value must write exactly once")]
    NotWrittenOnce,
    /// Reported by a conversion outside this crate.
    #[error("{0}")]
    Custom(Box<str>),
}

impl ValueError {
    /// An error that knows no column yet.
    #[cold]
    pub fn new(reason: ValueErrorReason) -> Self {
        Self(Box::new(Inner { reason, column: None }))
    }

    /// For conversions written outside this crate.
    #[cold]
    pub fn custom(message: impl Into<String>) -> Self {
        Self::new(ValueErrorReason::Custom(message.into().into_boxed_str()))
    }

    /// `T` does not go with `typ`.
    #[cold]
    pub fn mismatch<T: ?Sized>(typ: &CqlType) -> Self {
        Self::new(ValueErrorReason::TypeMismatch { rust: std::any::type_name::<T>(), cql: typ.clone() })
    }

    /// `T` has no place for null.
    #[cold]
    pub fn unexpected_null<T: ?Sized>() -> Self {
        Self::new(ValueErrorReason::UnexpectedNull { rust: std::any::type_name::<T>() })
    }

    /// The same error, knowing its column. A column already known stays.
    #[cold]
    #[must_use]
    pub fn in_column(mut self, index: usize, name: &str) -> Self {
        self.0.column.get_or_insert_with(|| (index, name.into()));
        self
    }

    /// Why.
    pub fn reason(&self) -> &ValueErrorReason {
        &self.0.reason
    }

    /// Position (from 0) and name of the column, when known.
    pub fn column(&self) -> Option<(usize, &str)> {
        self.0.column.as_ref().map(|(index, name)| (*index, &**name))
    }
}

impl From<ValueErrorReason> for ValueError {
    fn from(reason: ValueErrorReason) -> Self {
        Self::new(reason)
    }
}

/// For conversions that cannot fail where others can.
impl From<std::convert::Infallible> for ValueError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.column {
            Some((index, name)) => write!(f, "column {name:?} (position {index}): {}", self.0.reason),
            None => self.0.reason.fmt(f),
        }
    }
}

impl std::error::Error for ValueError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_column_is_kept() {
        let error = ValueError::new(ValueErrorReason::InvalidUtf8).in_column(2, "city").in_column(0, "outer");
        assert_eq!(error.column(), Some((2, "city")));
        assert_eq!(error.to_string(), "column \"city\" (position 2): text is not valid UTF-8");
    }

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<ValueError>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), ValueError>>(), size_of::<usize>());
    }
}

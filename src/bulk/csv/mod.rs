//! CSV records out of blocks of bytes, with the place each record has in the source.
//!
//! [`RecordReader`] is sans-I/O: it is fed blocks, and gives records that borrow from the current block. Lines
//! without a quoted field (nearly all) are split in place; records with quotes are unescaped by csv-core. Memory
//! is bounded by one block plus the record limit, whatever the input.
//!
//! Line ends are LF, CRLF or CR, also when a block ends between CR and LF. Empty lines are skipped. A record that
//! cannot be read costs exactly its first line: reading goes on with the line after it, so one stray quote does
//! not take the rest of the file with it.

mod reader;
mod scan;
#[cfg(test)]
mod tests;

pub(crate) use reader::slice_at;
use serde::{Deserialize, Serialize};

pub use reader::{Advance, RecordReader, RetiredBlock};

/// How the text is punctuated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Between fields. Defaults to a comma.
    pub delimiter: u8,
    /// Around fields that hold delimiters or line ends; doubled inside them. Defaults to `"`.
    pub quote: u8,
    /// Bytes a single record may take. Defaults to 16 MiB, the most a server accepts as one mutation.
    pub record_limit: usize,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: b',', quote: b'"', record_limit: 16 << 20 }
    }
}

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The quote is open when the source, or the longest allowed record, ends.
    #[error("the quote opened in this line is never closed")]
    UnterminatedQuote,
    /// Something other than a delimiter or line end follows a closing quote.
    #[error("text follows a closing quote; quotes inside a quoted field must be doubled")]
    TextAfterQuote,
    /// One line is longer than a record may be.
    #[error("the line is longer than the limit of {limit} bytes for a record")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Where a record stands in the (decompressed) source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Byte offset of the record's first byte.
    pub offset: u64,
    /// Bytes of the record, without its line end.
    pub length: u32,
    /// Line the record starts on, counted from 1.
    pub line: u64,
}

/// Where a reader stands between two records: enough for another one to go on from there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Byte offset in the (decompressed) source; what precedes it was read.
    pub offset: u64,
    /// The line there, counted from 1.
    pub line: u64,
    /// The byte before was a CR: an LF that follows belongs to the same line end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_cr: bool,
    /// It is within a line that was too long, and whose rest is not wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipping: bool,
}

/// One record: its fields, unescaped, and the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    text: &'a [u8],
    fields: &'a [(u32, u32)],
    raw: &'a [u8],
    place: Place,
}

impl<'a> Record<'a> {
    /// How many fields it has; at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Never true: an empty line is not a record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The field at `index`, unescaped; `None` past the last.
    #[must_use]
    pub fn field(&self, index: usize) -> Option<&'a [u8]> {
        let &(start, end) = self.fields.get(index)?;
        self.text.get(start as usize..end as usize)
    }

    /// The bytes of the record as they stand in the source, without the line end.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }
}

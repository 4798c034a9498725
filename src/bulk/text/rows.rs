//! The lines of a file: a row taken apart, with what stands between its values.

use std::sync::Arc;

use chorus_protocol::{ColumnSpec, CqlType, RowCells};

use super::scalar::{self, Notation};
use super::{RowTextError, RowTextReason, json, literal};
use crate::bulk::cell::has_text_form;
use crate::bulk::unload::UnloadError;
use crate::{Error, QueryResult};

/// What a line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowFormat {
    /// Values with a delimiter between them, as RFC 4180 has it, and as a load reads it. The default.
    #[default]
    Csv,
    /// A JSON object a line, with values as Cassandra's `SELECT JSON` writes them.
    JsonLines,
}

/// Values of a column that were written as null although they were none, because the format has no other text for them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrittenAsNull {
    /// The column.
    pub column: String,
    /// Values without a byte, of types that have no such value: what old programs and `blobAsInt(0x)` leave.
    pub empty: u64,
    /// Floating point numbers that are not finite, for which JSON has no number.
    pub not_finite: u64,
}

/// How rows are written as text.
#[derive(Clone, Debug)]
#[must_use]
pub struct TextStyle {
    pub(crate) format: RowFormat,
    pub(crate) delimiter: u8,
    pub(crate) null: String,
    pub(crate) header: bool,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self { format: RowFormat::Csv, delimiter: b',', null: "\\N".to_owned(), header: true }
    }
}

impl TextStyle {
    /// CSV as a load reads it: commas, `\N` for null, and a header.
    pub fn csv() -> Self {
        Self::default()
    }

    /// A JSON object a line.
    pub fn json_lines() -> Self {
        Self { format: RowFormat::JsonLines, ..Self::default() }
    }

    /// Between fields, in CSV: an ASCII character that is no quote and no line end. Defaults to a comma.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// The text of null, in CSV. Defaults to `\N`. A value with that very text is an error, because nobody could tell them apart.
    pub fn null(mut self, text: impl Into<String>) -> Self {
        self.null = text.into();
        self
    }

    /// Whether CSV begins with the names of the columns. Defaults to true.
    pub fn header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }
}

/// Values of one column that became null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) empty: u64,
    pub(super) not_finite: u64,
}

/// Writes rows of the same columns as text, one after the other: those of any result, as an [`Unloader`](crate::bulk::Unloader) writes those
/// of a table.
///
/// ```no_run
/// # async fn example(session: chorus::Session) -> Result<(), Box<dyn std::error::Error>> {
/// use chorus::bulk::{RowText, TextStyle};
///
/// let result = session.query("SELECT id, total FROM shop.orders WHERE id = 7", ()).await?;
/// let mut text = RowText::new(TextStyle::csv(), result.columns())?;
/// let mut out = Vec::new();
/// text.header(&mut out);
/// text.rows(&result, &mut out)?;
/// print!("{}", String::from_utf8_lossy(&out));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RowText {
    style: TextStyle,
    columns: Arc<[ColumnSpec]>,
    /// What stands before the value of each column in a line of JSON.
    keys: Vec<Vec<u8>>,
    /// Bytes that a field of CSV must be quoted for.
    special: [bool; 256],
    /// No value of a type without parameters but text has the delimiter in it.
    plain_scalars: bool,
    /// Null as a field of CSV.
    null_field: Vec<u8>,
    lost: Vec<Lost>,
}

impl RowText {
    /// For rows of these columns.
    ///
    /// # Errors
    /// [`RowTextReason::NoTextForm`] when values of a column cannot be written at all.
    pub fn new(style: TextStyle, columns: &[ColumnSpec]) -> Result<Self, RowTextError> {
        let mut special = [false; 256];
        for byte in [style.delimiter, b'"', b'\n', b'\r'] {
            special[usize::from(byte)] = true;
        }
        let mut text = Self {
            // None of these is a letter, a digit or a sign, or between the parts of a date.
            plain_scalars: matches!(style.delimiter, b',' | b';' | b'|' | b'\t'),
            style,
            columns: Arc::default(),
            keys: Vec::new(),
            special,
            null_field: Vec::new(),
            lost: Vec::new(),
        };
        let mut null_field = text.style.null.clone().into_bytes();
        text.quote_if_needed(0, &mut null_field);
        text.null_field = null_field;
        text.describe(columns)?;
        Ok(text)
    }

    /// Rows that follow are of these columns: the same ones, but a user-defined type may have got another field.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn describe(&mut self, columns: &[ColumnSpec]) -> Result<(), RowTextError> {
        if *self.columns == *columns {
            return Ok(());
        }
        for column in columns {
            if !has_text_form(&column.typ) && column.typ != CqlType::Counter {
                return Err(failed(column, RowTextReason::NoTextForm));
            }
        }
        self.keys.clear();
        for (index, column) in columns.iter().enumerate() {
            let mut key = vec![if index == 0 { b'{' } else { b',' }];
            json::put_name(&column.name, &mut key);
            key.push(b':');
            self.keys.push(key);
        }
        self.lost.resize(columns.len(), Lost::default());
        self.columns = columns.into();
        Ok(())
    }

    /// Appends the first line of a file, if it has one.
    pub fn header(&self, out: &mut Vec<u8>) {
        if self.style.format != RowFormat::Csv || !self.style.header {
            return;
        }
        let line = out.len();
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(self.style.delimiter);
            }
            let start = out.len();
            out.extend_from_slice(column.name.as_bytes());
            self.quote_if_needed(start, out);
        }
        self.end_line(line, out);
    }

    /// Appends the rows of a result, each with the end of its line. On an error those before the one to blame were, and perhaps part of it.
    ///
    /// # Errors
    /// [`UnloadError::Text`] when a value cannot be written, [`UnloadError::Session`] when the result has no rows, or they are cut short.
    pub fn rows(&mut self, result: &QueryResult, out: &mut Vec<u8>) -> Result<(), UnloadError> {
        let mut rows = RawRows::of(result)?;
        self.describe(rows.columns)?;
        while let Some(row) = rows.next(|cells| self.row(cells, out)) {
            row??;
        }
        Ok(())
    }

    /// A row, with the end of its line. On an error part of it may have been written.
    ///
    /// # Errors
    /// When a value cannot be written.
    #[inline]
    pub(crate) fn row(&mut self, cells: &mut RowCells<'_>, out: &mut Vec<u8>) -> Result<(), RowTextError> {
        match self.style.format {
            RowFormat::Csv => self.csv(cells, out),
            RowFormat::JsonLines => self.json(cells, out),
        }
    }

    fn csv(&mut self, cells: &mut RowCells<'_>, out: &mut Vec<u8>) -> Result<(), RowTextError> {
        let line = out.len();
        for index in 0..self.columns.len() {
            if index > 0 {
                out.push(self.style.delimiter);
            }
            let cell = cells.cell().map_err(|error| failed(&self.columns[index], error.into()))?;
            self.field(index, cell, out).map_err(|reason| failed(&self.columns[index], reason))?;
        }
        self.end_line(line, out);
        Ok(())
    }

    #[inline]
    fn field(&mut self, index: usize, cell: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), RowTextReason> {
        let typ = &self.columns[index].typ;
        let start = out.len();
        let cell = match cell {
            Some(cell) if !cell.is_empty() || typ.zero_length_is_value() => cell,
            other => {
                self.lost[index].empty += u64::from(other.is_some());
                out.extend_from_slice(&self.null_field);
                return Ok(());
            }
        };
        let mut plain = false;
        match typ {
            CqlType::Native(native) => {
                scalar::write(*native, cell, Notation::Cql, out)?;
                plain = self.plain_scalars && !matches!(*typ, CqlType::Text | CqlType::Ascii);
            }
            _ => literal::write(typ, Some(cell), &mut self.lost[index], out)?,
        }
        if out[start..] == *self.style.null.as_bytes() {
            return Err(RowTextReason::Ambiguous { null: self.style.null.clone() });
        }
        if !plain {
            self.quote_if_needed(start, out);
        }
        Ok(())
    }

    fn json(&mut self, cells: &mut RowCells<'_>, out: &mut Vec<u8>) -> Result<(), RowTextError> {
        for (index, column) in self.columns.iter().enumerate() {
            out.extend_from_slice(&self.keys[index]);
            let cell = cells.cell().map_err(|error| failed(column, error.into()))?;
            json::write(&column.typ, cell, &mut self.lost[index], out)
                .map_err(|reason| failed(column, reason))?;
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }

    /// Puts what was written last into quotes if it would be read as something else without.
    fn quote_if_needed(&self, start: usize, out: &mut Vec<u8>) {
        /// At the beginning of a file it would be taken for the mark of its encoding.
        const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
        let field = &out[start..];
        if field.iter().any(|byte| self.special[usize::from(*byte)]) || field.starts_with(BYTE_ORDER_MARK) {
            quote(start, out);
        }
    }

    /// A line of one empty field would be an empty line, which is none.
    fn end_line(&self, start: usize, out: &mut Vec<u8>) {
        if out.len() == start {
            out.extend_from_slice(b"\"\"");
        }
        out.push(b'\n');
    }

    /// What was written as null until now although it was something, by column.
    #[must_use]
    pub fn written_as_null(&self) -> Vec<WrittenAsNull> {
        let columns = self.columns.iter().zip(&self.lost).filter(|(_, lost)| **lost != Lost::default());
        let told = |(column, lost): (&ColumnSpec, &Lost)| WrittenAsNull {
            column: column.name.to_string(),
            empty: lost.empty,
            not_finite: lost.not_finite,
        };
        columns.map(told).collect()
    }
}

/// The rows of a page, cell by cell.
pub(crate) struct RawRows<'f> {
    pub(crate) columns: &'f [ColumnSpec],
    rest: &'f [u8],
    left: usize,
}

impl<'f> RawRows<'f> {
    /// # Errors
    /// When the result has no rows at all.
    pub(crate) fn of(result: &'f QueryResult) -> Result<Self, Error> {
        let rows = result.required_rows()?;
        let (columns, rest) = (&*rows.columns, rows.content());
        // Each cell takes four bytes at least, so a count beyond this cannot be true.
        let possible = rest.len().checked_div(4 * columns.len()).unwrap_or(0);
        Ok(Self { columns, rest, left: rows.len().min(possible) })
    }

    pub(crate) fn has_next(&self) -> bool {
        self.left > 0
    }

    /// What is made of the cells of the next row; `None` after the last.
    #[inline]
    pub(crate) fn next<T>(&mut self, read: impl FnOnce(&mut RowCells<'f>) -> T) -> Option<Result<T, Error>> {
        self.left = self.left.checked_sub(1)?;
        let mut cells = RowCells::new(self.columns, self.rest);
        let made = read(&mut cells);
        match cells.finish() {
            Ok(rest) => {
                self.rest = rest;
                Some(Ok(made))
            }
            Err(error) => {
                // Where the next row begins is unknown.
                self.left = 0;
                Some(Err(Error::rows(error)))
            }
        }
    }
}

/// Puts quotes around what stands at the end, doubling those in it, from the back to the front in the same memory.
#[cold]
fn quote(start: usize, out: &mut Vec<u8>) {
    let quotes = memchr::memchr_iter(b'"', &out[start..]).count();
    let mut from = out.len();
    out.resize(from + quotes + 2, b'"');
    let mut to = out.len() - 1;
    while from > start {
        from -= 1;
        to -= 1;
        out[to] = out[from];
        if out[from] == b'"' {
            to -= 1;
            out[to] = b'"';
        }
    }
    out[start] = b'"';
}

#[cold]
fn failed(column: &ColumnSpec, reason: RowTextReason) -> RowTextError {
    RowTextError { column: column.name.to_string(), typ: column.typ.clone(), reason }
}

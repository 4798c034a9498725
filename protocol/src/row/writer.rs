//! Writing a row of bound values.

use crate::error::{ValueError, ValueErrorReason};
use crate::row::IntoRow;
use crate::types::ColumnSpec;
use crate::value::{BoundValue, ToCql, ValueWriter};

/// Appends the values of one row to a frame, each as the type of its column.
#[derive(Debug)]
pub struct RowWriter<'a> {
    columns: &'a [ColumnSpec],
    next: usize,
    out: &'a mut Vec<u8>,
}

impl<'a> RowWriter<'a> {
    /// Starts a row of `columns` at the end of `out`.
    #[inline]
    pub fn new(columns: &'a [ColumnSpec], out: &'a mut Vec<u8>) -> Self {
        Self { columns, next: 0, out }
    }

    /// The column whose value comes next, `None` after the last.
    #[inline]
    pub fn column(&self) -> Option<&'a ColumnSpec> {
        self.columns.get(self.next)
    }

    /// How many values were written.
    #[inline]
    pub fn written(&self) -> usize {
        self.next
    }

    /// Writes the next value. Errors name the column.
    #[inline(always)]
    pub fn value<T: ToCql + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        let Some(column) = self.columns.get(self.next) else { return Err(self.too_many()) };
        let before = self.out.len();
        if let Err(error) = value.to_cql(&column.typ, ValueWriter::new(self.out)) {
            return Err(error.in_column(self.next, &column.name));
        }
        if self.out.len() == before {
            let error = ValueError::new(ValueErrorReason::NotWrittenOnce);
            return Err(error.in_column(self.next, &column.name));
        }
        self.next += 1;
        Ok(())
    }

    /// Writes a value that is encoded already; the bytes are not checked against the column's type.
    #[inline]
    pub fn cell(&mut self, value: BoundValue<'_>) -> Result<(), ValueError> {
        self.value(&value)
    }

    /// How many bytes there are before the next value, those before the row included.
    #[inline]
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// The values written since the writer was at `position`, each with its length in front.
    ///
    /// # Panics
    /// When it never was.
    #[inline]
    pub fn written_since(&self, position: usize) -> &[u8] {
        &self.out[position..]
    }

    /// Ends the row.
    ///
    /// # Errors
    /// [`ValueErrorReason::ColumnCount`] when values are missing.
    #[inline]
    pub fn finish(self) -> Result<(), ValueError> {
        if self.next == self.columns.len() {
            return Ok(());
        }
        Err(ValueErrorReason::ColumnCount { expected: self.columns.len(), found: self.next }.into())
    }

    #[cold]
    fn too_many(&self) -> ValueError {
        ValueErrorReason::ColumnCount { expected: self.columns.len(), found: self.next + 1 }.into()
    }
}

/// Appends a whole row to `out`. On an error `out` is as long as it was.
#[inline]
pub fn encode_row<R: IntoRow + ?Sized>(
    row: &R,
    columns: &[ColumnSpec],
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let start = out.len();
    let mut writer = RowWriter::new(columns, out);
    let result = row.write_row(columns, &mut writer).and_then(|()| writer.finish());
    if result.is_err() {
        out.truncate(start);
    }
    result
}

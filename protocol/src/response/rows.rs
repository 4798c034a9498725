//! A page of rows.

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError, ValueError, ValueErrorReason};
use crate::response::RowsMetadata;
use crate::row::{FromRow, RowsIter};
use crate::types::ColumnSpec;
use crate::wire::{Reader, put_bytes, put_int, put_int_count};

/// A page of rows, still in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowsBody {
    /// Columns, and where the result goes on.
    pub metadata: RowsMetadata,
    /// How many rows; never more than `content` has room for.
    pub row_count: u32,
    /// The cells, row by row.
    pub content: Bytes,
}

impl RowsBody {
    pub(crate) fn decode(reader: &mut Reader<'_>, body: &Bytes) -> Result<Self, DecodeError> {
        let metadata = RowsMetadata::decode(reader, body)?;
        let announced = reader.int("row count")?;
        let impossible = DecodeError::InvalidLength { what: "row count", length: i64::from(announced) };
        let row_count = u32::try_from(announced).map_err(|_| impossible.clone())?;
        // Every cell takes four bytes at least. Checked here, so that nobody loops or reserves for rows that are not
        // there.
        let smallest = u64::from(row_count).saturating_mul(metadata.column_count as u64 * 4);
        let room = reader.rest().len() as u64;
        if smallest > room || (metadata.column_count == 0 && row_count > 0) {
            return Err(impossible);
        }
        Ok(Self { metadata, row_count, content: body.slice_ref(reader.rest()) })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.metadata.encode(out)?;
        put_int_count(out, self.row_count as usize, "rows")?;
        out.extend_from_slice(&self.content);
        Ok(())
    }

    /// The rows as `T`; checks once that it fits.
    ///
    /// # Errors
    /// When it does not, or when the columns were left out: then use [`rows_as`](Self::rows_as).
    pub fn rows<'f, T: FromRow<'f>>(&'f self) -> Result<RowsIter<'f, T>, ValueError> {
        let columns = self.metadata.columns.as_deref();
        self.rows_as(columns.ok_or_else(|| {
            let expected = self.metadata.column_count;
            ValueError::new(ValueErrorReason::ColumnCount { expected, found: 0 })
        })?)
    }

    /// The rows as `T`, of columns known from elsewhere.
    ///
    /// # Errors
    /// When `T` does not fit, or the number of columns is not this page's.
    pub fn rows_as<'f, T: FromRow<'f>>(
        &'f self,
        columns: &'f [ColumnSpec],
    ) -> Result<RowsIter<'f, T>, ValueError> {
        if columns.len() != self.metadata.column_count {
            let expected = self.metadata.column_count;
            return Err(ValueErrorReason::ColumnCount { expected, found: columns.len() }.into());
        }
        RowsIter::new(columns, &self.content, self.row_count as usize)
    }
}

/// Appends the body of a RESULT of rows from cells, for servers: `None` is null. Rows must have as many cells as
/// there are columns.
pub fn encode_rows<'c, R>(
    metadata: &RowsMetadata,
    rows: impl ExactSizeIterator<Item = R>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError>
where
    R: IntoIterator<Item = Option<&'c [u8]>>,
{
    put_int(out, 2);
    metadata.encode(out)?;
    put_int_count(out, rows.len(), "rows")?;
    for row in rows {
        for cell in row {
            put_bytes(out, cell, "cell")?;
        }
    }
    Ok(())
}

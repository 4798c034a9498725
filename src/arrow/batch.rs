//! From the rows of a page to a record batch.

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use chorus_protocol::RowCells;

use super::builders::{Padding, append, builder};
use super::schema_of;
use crate::error::{Error, ResultProblem};
use crate::result::{QueryResult, RowSet};

/// Pages of more bytes are refused: the offsets of a column count in 31 bits, and numbers take more room when they are written out.
const MOST_BYTES: usize = 512 << 20;

impl QueryResult {
    /// The rows of this page as an Arrow record batch; [`chorus::arrow`](crate::arrow) says which type becomes which.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Result`](crate::ErrorKind::Result) when the statement returns no rows, and when the page is too large for
    /// one batch; [`ErrorKind::Rows`](crate::ErrorKind::Rows) when a cell is no value of its type.
    pub fn record_batch(&self) -> Result<RecordBatch, Error> {
        let rows = self.required_rows()?;
        record_batch(schema_of(&rows.columns), rows)
    }
}

/// The rows as a record batch of `schema`, which is that of their columns.
pub(crate) fn record_batch(schema: SchemaRef, rows: &RowSet) -> Result<RecordBatch, Error> {
    let (columns, mut rest) = (&*rows.columns, rows.content());
    if rest.len() > MOST_BYTES {
        return Err(ResultProblem::BatchTooLarge.into());
    }
    // Each cell takes four bytes at least, so a count beyond this cannot be true.
    let possible = rest.len().checked_div(4 * columns.len()).unwrap_or(0);
    let count = rows.len().min(possible);
    let mut builders: Vec<_> = columns.iter().map(|column| builder(&column.typ, count)).collect();
    let mut padding = Padding::new();
    for _ in 0..count {
        let mut cells = RowCells::new(columns, rest);
        for (index, (column, builder)) in columns.iter().zip(&mut builders).enumerate() {
            let cell = cells.cell().map_err(Error::rows)?;
            append(&mut **builder, &column.typ, cell, &mut padding)
                .map_err(|refusal| refusal.in_column(index, &column.name))?;
        }
        rest = cells.finish().map_err(Error::rows)?;
    }
    let arrays = builders.iter_mut().map(|builder| builder.finish()).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let batch = RecordBatch::try_new_with_options(schema, arrays, &options);
    Ok(batch.expect("the schema is made of the same columns, which all have as many values"))
}

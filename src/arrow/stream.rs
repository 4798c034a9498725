//! The pages of a result as record batches.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use chorus_protocol::ColumnSpec;
use futures::Stream;

use super::{record_batch, schema_of};
use crate::error::{Error, ResultProblem};
use crate::stream::Pages;

/// The pages of a result as Arrow record batches of one schema, in order; made by
/// [`Pages::record_batches`](crate::Pages::record_batches).
///
/// A batch for each page that has rows, so that the [page size](crate::PreparedStatement::page_size) says how large they become at
/// most. While a batch is looked at, the next page is on its way. Ends after the first error; one of them is that the table
/// was altered meanwhile and later pages have other columns.
#[must_use = "a stream does nothing unless it is polled"]
#[derive(Debug)]
pub struct RecordBatches {
    pages: Pages,
    columns: Arc<[ColumnSpec]>,
    schema: SchemaRef,
}

impl Pages {
    /// The pages as Arrow record batches; [`chorus::arrow`](crate::arrow) says which type becomes which. Pages that were taken
    /// before are not among them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Result`](crate::ErrorKind::Result) when the statement returns no rows, and when the first page was taken
    /// already.
    pub fn record_batches(self) -> Result<RecordBatches, Error> {
        let columns = Arc::clone(&self.waiting().ok_or(ResultProblem::NotRows)?.required_rows()?.columns);
        let schema = schema_of(&columns);
        Ok(RecordBatches { pages: self, columns, schema })
    }
}

impl RecordBatches {
    /// The schema of every batch.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Stream for RecordBatches {
    type Item = Result<RecordBatch, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let Some(page) = ready!(this.pages.poll_next_page(cx))? else { return Poll::Ready(None) };
            let batch = page.required_rows().and_then(|rows| {
                let same = Arc::ptr_eq(&rows.columns, &this.columns) || *rows.columns == *this.columns;
                if !same {
                    return Err(ResultProblem::ColumnsChanged.into());
                }
                record_batch(Arc::clone(&this.schema), rows)
            });
            match batch {
                Ok(batch) if batch.num_rows() == 0 => {}
                Ok(batch) => return Poll::Ready(Some(Ok(batch))),
                Err(error) => {
                    this.pages.stop();
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

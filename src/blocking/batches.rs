//! The pages of a result as Arrow record batches, without a runtime.

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use futures::StreamExt as _;

use super::PageIter;
use super::park::block_on;
use crate::arrow::RecordBatches;
use crate::error::Error;

/// The pages of a result as Arrow record batches; see [`RecordBatches`]. A [`RecordBatchReader`], which is what libraries that work
/// on batches take. Errors are [`ArrowError::ExternalError`] with a [`chorus::Error`](crate::Error) inside.
#[derive(Debug)]
pub struct RecordBatchIter(RecordBatches);

impl PageIter {
    /// The pages as Arrow record batches; see [`Pages::record_batches`](crate::Pages::record_batches).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn record_batches(self) -> Result<RecordBatchIter, Error> {
        self.0.record_batches().map(RecordBatchIter)
    }
}

impl Iterator for RecordBatchIter {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = block_on(self.0.next())?;
        Some(batch.map_err(|error| ArrowError::ExternalError(Box::new(error))))
    }
}

impl RecordBatchReader for RecordBatchIter {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }
}

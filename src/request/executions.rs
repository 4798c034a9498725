//! One prepared statement, executed many times in one job.
//!
//! What a single request works out each time (the table, the options for the engine) is kept from row to row here, and
//! rows share readings of the clock.

use std::sync::Arc;

use chorus_actors::{BulkJob, Preparations, RequestOptions};
use chorus_protocol::IntoRow;
use chorus_protocol::token::Token;

use super::answer::Expected;
use super::execute::{expected_rows, put_row, table_of};
use crate::Session;
use crate::error::Error;
use crate::statement::{PreparedStatement, Route, Template, Written};
use crate::timestamp::Reserved;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Executions {
    statement: PreparedStatement,
    /// Shared by all rows; their tokens travel beside it.
    options: Arc<RequestOptions>,
    timestamps: Reserved,
}

impl Executions {
    pub(crate) fn new(statement: PreparedStatement) -> Self {
        Self { statement, options: Arc::default(), timestamps: Reserved::default() }
    }

    /// Writes one execution as the next row of `job`, and returns its token where that matters. It is sent with
    /// [`options`](Self::options).
    ///
    /// # Errors
    ///
    /// Values that do not fit, and statements that cannot be sent at all.
    #[inline]
    pub(crate) fn write(
        &mut self,
        session: &Session,
        values: &impl IntoRow,
        expected: Option<&Expected>,
        job: &mut BulkJob,
    ) -> Result<Option<Token>, Error> {
        let (prepared, template) = (&self.statement.shared, self.statement.template()?);
        if self.options.table.is_none() {
            // A table that is too new to be known is looked for again with each row.
            let table = table_of(session, prepared)?;
            let written = Written { token: None, consistency_at: template.consistency_at() };
            self.options = shared_options(&self.statement, table, written)?;
        }
        let route = if job.wants_token(&self.options) { Route::ByToken } else { Route::Anywhere };
        let timestamp = template.stamp().next_of(&mut self.timestamps);
        let metadata = expected.and_then(|expected| expected.metadata.as_deref());
        let put_values = |out: &mut Vec<u8>| put_row(prepared, values, out);
        let frame = job.row();
        let written = template.write(prepared, metadata, timestamp, route, frame, put_values)?;
        Template::name_tablet(prepared, self.options.table, written, &session.inner.engine, frame);
        if self.options.consistency_offset != Some(written.consistency_at) {
            let table = self.options.table;
            self.options = shared_options(&self.statement, table, written)?;
        }
        Ok(written.token)
    }

    #[inline]
    pub(crate) fn statement(&self) -> &PreparedStatement {
        &self.statement
    }

    /// What will be needed to read the rows of the next answer, for statements that return any.
    #[inline]
    pub(crate) fn expected(&self) -> Option<Expected> {
        expected_rows(&self.statement.shared)
    }

    /// What the engine has to know of the row written last.
    #[inline]
    pub(crate) fn options(&self) -> &Arc<RequestOptions> {
        &self.options
    }
}

#[cold]
fn shared_options(
    statement: &PreparedStatement,
    table: Option<chorus_topology::TableId>,
    written: Written,
) -> Result<Arc<RequestOptions>, Error> {
    let mut options = RequestOptions::default();
    statement.template()?.describe(table, written, &mut options);
    options.token = None;
    options.prepared = Preparations::One(Arc::clone(&statement.shared.preparation));
    Ok(Arc::new(options))
}

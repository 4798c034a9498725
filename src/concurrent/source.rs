//! Where concurrent work comes from: a lazy iterator, encoded one item at a time.

use std::fmt;
use std::sync::Arc;

use chorus_actors::{BulkJob, RequestOptions};
use chorus_protocol::IntoRow;

use self::sealed::Work;
use crate::Session;
use crate::error::Error;
use crate::observe::{Observed, SpanOf};
use crate::request::{self, AnyStatement, Executions, Expected};
use crate::statement::PreparedStatement;

/// A supply of requests. Implemented by what [`Session`]'s methods return; there is nothing to call on it.
pub trait Source: sealed::Source {}

impl<T: sealed::Source> Source for T {}

pub(crate) mod sealed {
    use std::sync::Arc;

    use chorus_actors::{BulkJob, RequestOptions};
    use chorus_protocol::token::Token;

    use super::{Error, Expected, Observed, PreparedStatement, Session};

    /// One request that was written.
    pub struct Work<'s> {
        pub(crate) token: Option<Token>,
        pub(crate) options: &'s Arc<RequestOptions>,
        pub(crate) expected: Option<Expected>,
        /// Told to those who watch when it has ended.
        pub(crate) observed: Option<Box<Observed>>,
    }

    pub trait Source {
        /// Writes the next request as a row of `job`. `None` when there are no more. An error is the outcome of one item; the
        /// next call goes on with the next one.
        fn write_next(&mut self, session: &Session, job: &mut BulkJob) -> Option<Result<Work<'_>, Error>>;

        /// How many items are left at least, to size the results.
        fn remaining(&self) -> usize;

        /// The one statement of all items, if it is one.
        fn statement(&self) -> Option<&PreparedStatement> {
            None
        }
    }
}

/// Statements of any kind.
#[derive(Debug)]
pub struct StatementSource<I> {
    statements: I,
    /// The frame of the next statement; the job has other rows in front of its own.
    frame: Vec<u8>,
    options: Arc<RequestOptions>,
}

impl<I> StatementSource<I> {
    pub(crate) fn new(statements: I) -> Self {
        Self { statements, frame: Vec::new(), options: Arc::default() }
    }
}

impl<I> sealed::Source for StatementSource<I>
where
    I: Iterator,
    I::Item: Into<AnyStatement>,
{
    fn write_next(&mut self, session: &Session, job: &mut BulkJob) -> Option<Result<Work<'_>, Error>> {
        let statement = self.statements.next()?.into();
        self.frame.clear();
        let encoded = match request::encode(session, &statement, None, &mut self.frame) {
            Ok(encoded) => encoded,
            Err(error) => return Some(Err(error)),
        };
        job.row().extend_from_slice(&self.frame);
        self.options = Arc::new(encoded.options);
        let observed = session.inner.observers.statement(session, &statement, SpanOf::Call(None));
        let token = self.options.token;
        Some(Ok(Work { token, options: &self.options, expected: encoded.expected, observed }))
    }

    fn remaining(&self) -> usize {
        self.statements.size_hint().0
    }
}

/// Rows of values for one prepared statement.
pub struct ValueSource<I> {
    executions: Executions,
    rows: I,
}

impl<I> ValueSource<I> {
    pub(crate) fn new(statement: PreparedStatement, rows: I) -> Self {
        Self { executions: Executions::new(statement), rows }
    }
}

/// Begins to watch a row that was written a moment ago.
#[cold]
fn observe(session: &Session, statement: &PreparedStatement, values: &impl IntoRow) -> Option<Box<Observed>> {
    let observers = &session.inner.observers;
    observers.execution_of(session, statement, observers.values_of(statement, values), SpanOf::Call(None))
}

impl<I> fmt::Debug for ValueSource<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueSource").field("executions", &self.executions).finish_non_exhaustive()
    }
}

impl<I> sealed::Source for ValueSource<I>
where
    I: Iterator,
    I::Item: IntoRow,
{
    #[inline]
    fn write_next(&mut self, session: &Session, job: &mut BulkJob) -> Option<Result<Work<'_>, Error>> {
        let values = self.rows.next()?;
        let expected = self.executions.expected();
        Some(match self.executions.write(session, &values, expected.as_ref(), job) {
            Ok(token) => {
                let observed = match session.inner.observers.any() {
                    false => None,
                    true => observe(session, self.executions.statement(), &values),
                };
                Ok(Work { token, options: self.executions.options(), expected, observed })
            }
            Err(error) => Err(error),
        })
    }

    fn remaining(&self) -> usize {
        self.rows.size_hint().0
    }

    fn statement(&self) -> Option<&PreparedStatement> {
        Some(self.executions.statement())
    }
}

//! Where concurrent work comes from: a lazy iterator, encoded one item at a time.

use std::sync::Arc;

use chorus_actors::{Preparations, RequestOptions};
use chorus_protocol::IntoRow;

use self::sealed::Work;
use crate::Session;
use crate::error::Error;
use crate::request::{self, AnyStatement, Expected, expected_rows, put_row, table_of};
use crate::statement::PreparedStatement;

/// A supply of requests. Implemented by what [`Session`]'s methods return; there is nothing to call on it.
pub trait Source: sealed::Source {}

impl<T: sealed::Source> Source for T {}

pub(crate) mod sealed {
    use std::sync::Arc;

    use chorus_actors::RequestOptions;
    use chorus_protocol::token::Token;

    use super::{Error, Expected, Session};

    /// One request that was written.
    pub struct Work {
        pub(crate) token: Option<Token>,
        pub(crate) options: Arc<RequestOptions>,
        pub(crate) expected: Option<Expected>,
    }

    pub trait Source {
        /// Writes the next request into the empty `frame`. `None` when there are no more. An error is the outcome of one
        /// item; the next call goes on with the next one.
        fn write_next(&mut self, session: &Session, frame: &mut Vec<u8>) -> Option<Result<Work, Error>>;

        /// How many items are left at least, to size the results.
        fn remaining(&self) -> usize;
    }
}

/// Statements of any kind.
#[derive(Debug)]
pub struct StatementSource<I>(I);

impl<I> StatementSource<I> {
    pub(crate) fn new(statements: I) -> Self {
        Self(statements)
    }
}

impl<I> sealed::Source for StatementSource<I>
where
    I: Iterator,
    I::Item: Into<AnyStatement>,
{
    fn write_next(&mut self, session: &Session, frame: &mut Vec<u8>) -> Option<Result<Work, Error>> {
        let statement = self.0.next()?.into();
        Some(request::encode(session, &statement, None, frame).map(|encoded| Work {
            token: encoded.options.token,
            options: Arc::new(encoded.options),
            expected: encoded.expected,
        }))
    }

    fn remaining(&self) -> usize {
        self.0.size_hint().0
    }
}

/// Rows of values for one prepared statement.
#[derive(Debug)]
pub struct ValueSource<I> {
    statement: PreparedStatement,
    rows: I,
    /// Shared by all rows; their tokens travel beside it.
    options: Option<Arc<RequestOptions>>,
}

impl<I> ValueSource<I> {
    pub(crate) fn new(statement: PreparedStatement, rows: I) -> Self {
        Self { statement, rows, options: None }
    }
}

impl<I> sealed::Source for ValueSource<I>
where
    I: Iterator,
    I::Item: IntoRow,
{
    fn write_next(&mut self, session: &Session, frame: &mut Vec<u8>) -> Option<Result<Work, Error>> {
        let values = self.rows.next()?;
        let timestamp = match self.statement.template() {
            Ok(template) => template.stamp().next(),
            Err(error) => return Some(Err(error)),
        };
        Some(write_row(&self.statement, &mut self.options, session, &values, timestamp, frame))
    }

    fn remaining(&self) -> usize {
        self.rows.size_hint().0
    }
}

/// Writes one execution. `shared` are the options of the row before, taken again when they still hold.
pub(crate) fn write_row(
    statement: &PreparedStatement,
    shared: &mut Option<Arc<RequestOptions>>,
    session: &Session,
    values: &impl IntoRow,
    timestamp: Option<i64>,
    frame: &mut Vec<u8>,
) -> Result<Work, Error> {
    let (prepared, template) = (&statement.shared, statement.template()?);
    let table = table_of(session, prepared)?;
    let expected = expected_rows(prepared);
    let metadata = expected.as_ref().map(|expected| &*expected.metadata);
    let written =
        template.write(prepared, metadata, timestamp, frame, |out| put_row(prepared, values, out))?;
    let options = match shared {
        Some(options)
            if options.table == table && options.consistency_offset == Some(written.consistency_at) =>
        {
            Arc::clone(options)
        }
        _ => {
            let mut options = RequestOptions::default();
            template.describe(prepared, table, written, &mut options);
            options.prepared = Preparations::One(Arc::clone(&prepared.preparation));
            Arc::clone(shared.insert(Arc::new(options)))
        }
    };
    Ok(Work { token: written.token, options, expected })
}

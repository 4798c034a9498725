//! Whatever can be sent, for work that mixes statements of several kinds.

use chorus_actors::RequestOptions;

use super::{Expected, batch, execute, query};
use crate::Session;
use crate::error::Error;
use crate::result::PagingState;
use crate::statement::{Batch, BoundStatement, Statement};

/// A text without values, a bound statement or a batch: what [`run`](crate::Session::run) and
/// [`execute_concurrent`](crate::Session::execute_concurrent) take.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyStatement {
    /// CQL text without bind markers.
    Text(Statement),
    /// A prepared statement with its values.
    Bound(BoundStatement),
    /// Several statements as one.
    Batch(Batch),
}

/// A frame that was written, and how its rows are to be read.
pub(crate) struct Encoded {
    pub(crate) options: RequestOptions,
    pub(crate) expected: Option<Expected>,
}

/// Writes the whole frame of any statement into the empty `frame`.
pub(crate) fn encode(
    session: &Session,
    statement: &AnyStatement,
    page: Option<&PagingState>,
    frame: &mut Vec<u8>,
) -> Result<Encoded, Error> {
    match statement {
        AnyStatement::Text(statement) => {
            let options = query::encode(session, statement, page, frame)?;
            Ok(Encoded { options, expected: None })
        }
        AnyStatement::Bound(bound) => execute::encode_bound(session, bound, page, frame),
        AnyStatement::Batch(batch) => {
            let options = batch::encode(session, batch, frame)?;
            Ok(Encoded { options, expected: None })
        }
    }
}

impl From<&str> for AnyStatement {
    fn from(text: &str) -> Self {
        AnyStatement::Text(text.into())
    }
}

impl From<String> for AnyStatement {
    fn from(text: String) -> Self {
        AnyStatement::Text(text.into())
    }
}

impl From<Statement> for AnyStatement {
    fn from(statement: Statement) -> Self {
        AnyStatement::Text(statement)
    }
}

impl From<&Statement> for AnyStatement {
    fn from(statement: &Statement) -> Self {
        AnyStatement::Text(statement.clone())
    }
}

impl From<&BoundStatement> for AnyStatement {
    fn from(statement: &BoundStatement) -> Self {
        AnyStatement::Bound(statement.clone())
    }
}

impl From<&Batch> for AnyStatement {
    fn from(batch: &Batch) -> Self {
        AnyStatement::Batch(batch.clone())
    }
}

impl From<BoundStatement> for AnyStatement {
    fn from(statement: BoundStatement) -> Self {
        AnyStatement::Bound(statement)
    }
}

impl From<Batch> for AnyStatement {
    fn from(batch: Batch) -> Self {
        AnyStatement::Batch(batch)
    }
}

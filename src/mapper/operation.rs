//! From an operation to a request: what every write has in common.

use std::borrow::Cow;

use super::common::Common;
use super::value::Values;
use super::written::{ExistingRow, Written};
use super::{Mapper, MapperError, TableDefinition};
use crate::statement::StatementOptions;
use crate::{BoundStatement, PreparedStatement, QueryResult, Statement, request};

/// One statement with its values, on its way to be sent alone or in a batch.
pub struct Operation<'v> {
    /// For errors.
    pub(super) table: Cow<'static, str>,
    pub(super) statement: Source,
    pub(super) values: Values<'v>,
    pub(super) options: StatementOptions,
    /// Whether it may be sent twice.
    pub(super) idempotent: bool,
    /// What is to be remembered once it has been written.
    pub(super) then: Option<Box<dyn FnOnce() + Send + 'v>>,
}

/// Where a statement's text is from.
pub(super) enum Source {
    /// Made once, of this table.
    Common(Common, &'static TableDefinition),
    Text(String),
}

impl Operation<'_> {
    /// The prepared statement.
    pub(super) async fn prepare(&mut self, mapper: &Mapper) -> Result<PreparedStatement, MapperError> {
        prepare(mapper, &self.statement, std::mem::take(&mut self.options), self.idempotent).await
    }

    /// Sends it alone.
    pub(super) async fn send(mut self, mapper: &Mapper) -> Result<Written, MapperError> {
        let statement = self.prepare(mapper).await?;
        let result = mapper.session.execute(&statement, &self.values).await?;
        let result = applied(result, &self.table)?;
        if let Some(then) = self.then {
            then();
        }
        Ok(Written::sent(result))
    }

    /// The member of a batch.
    pub(super) async fn bind(&mut self, mapper: &Mapper) -> Result<BoundStatement, MapperError> {
        Ok(self.prepare(mapper).await?.bind(&self.values)?)
    }
}

/// A statement with options that are its own.
pub(super) async fn prepare(
    mapper: &Mapper,
    source: &Source,
    mut options: StatementOptions,
    idempotent: bool,
) -> Result<PreparedStatement, MapperError> {
    options.idempotent = idempotent;
    let (common, table) = match source {
        Source::Text(text) => return prepare_text(mapper, text, options).await,
        Source::Common(common, table) => (common, table),
    };
    let known = match mapper.common.get(common) {
        Some(known) if !known.is_outdated() => known,
        _ => {
            let prepared = mapper.session.prepare(common.text(table)).await?.idempotent(true);
            mapper.common.keep(common.clone(), prepared.clone());
            prepared
        }
    };
    if idempotent && options.are_inherited() {
        return Ok(known);
    }
    Ok(PreparedStatement::new(known.shared, options)?)
}

async fn prepare_text(
    mapper: &Mapper,
    text: &str,
    options: StatementOptions,
) -> Result<PreparedStatement, MapperError> {
    let mut statement = Statement::new(text);
    statement.options = options;
    Ok(request::prepare_kept(&mapper.session, statement).await?)
}

/// # Errors
///
/// [`MapperError::NotApplied`] when the result is that of a condition that did not hold. Results that say nothing of conditions are
/// fine.
pub(super) fn applied(result: QueryResult, table: &str) -> Result<QueryResult, MapperError> {
    match result.is_rows() && matches!(result.was_applied(), Ok(false)) {
        false => Ok(result),
        true => Err(MapperError::NotApplied {
            table: table.to_owned(),
            existing: Box::new(ExistingRow::new(result)),
        }),
    }
}

impl std::fmt::Debug for Operation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operation").field("table", &self.table).finish_non_exhaustive()
    }
}

/// What writes: the operations that may be members of a [`Batch`](super::Batch).
///
/// Implemented by the writing operations of a [`Mapper`]; of no use outside.
pub trait Write<'v>: sealed::Writes<'v> {}

impl<'v, W: sealed::Writes<'v>> Write<'v> for W {}

pub(super) mod sealed {
    use super::{Mapper, MapperError, Operation};

    /// See [`Write`](super::Write).
    pub trait Writes<'v> {
        /// Who was asked for it.
        fn mapper(&self) -> &'v Mapper;

        /// The statement; `None` when there is nothing to do.
        ///
        /// # Errors
        ///
        /// When what was asked for makes no statement, or a value is not what its column wants.
        fn into_operation(self) -> Result<Option<Operation<'v>>, MapperError>;
    }
}

/// Sending by awaiting, for a type that [writes](Write).
macro_rules! sent_when_awaited {
    ([$($generics:tt)*] $operation:ty) => {
        /// Sends it.
        impl<'v, $($generics)*> IntoFuture for $operation {
            type Output = Result<$crate::mapper::Written, $crate::mapper::MapperError>;
            type IntoFuture = futures::future::BoxFuture<'v, Self::Output>;

            fn into_future(self) -> Self::IntoFuture {
                use $crate::mapper::operation::sealed::Writes;

                let mapper = self.mapper();
                Box::pin(async move {
                    match self.into_operation()? {
                        Some(operation) => operation.send(mapper).await,
                        None => Ok($crate::mapper::Written::NOTHING),
                    }
                })
            }
        }
    };
}

pub(super) use sent_when_awaited;

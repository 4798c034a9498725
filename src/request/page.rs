//! One page after the other.

use chorus_actors::PendingReply;
use chorus_protocol::IntoRow;

use super::answer::Expected;
use super::{AnyStatement, encode, query};
use crate::Session;
use crate::error::Error;
use crate::observe::{Observed, SpanOf};
use crate::result::{PagingState, QueryResult};
use crate::statement::PreparedStatement;
use crate::stream::Pages;

/// A request that was encoded, and is sent when it is first polled.
pub(crate) struct Sent {
    pub(crate) reply: PendingReply<'static>,
    pub(crate) expected: Option<Expected>,
    /// Told to those who watch when it has ended.
    pub(super) observed: Option<Box<Observed>>,
}

impl Sent {
    /// The result, and whatever has to be done before.
    pub(crate) async fn finish(self, session: &Session) -> Result<QueryResult, Error> {
        super::finish(session, self.reply, self.expected, self.observed).await
    }
}

/// Encodes a statement for the page that begins at `page`, or the first.
pub(crate) fn send(
    session: &Session,
    statement: &AnyStatement,
    page: Option<&PagingState>,
    span: SpanOf<'_>,
) -> Result<Sent, Error> {
    session.check_process()?;
    let mut request = session.inner.engine.request();
    let encoded = encode(session, statement, page, request.frame())?;
    request.options(encoded.options);
    let observed = session.inner.observers.statement(session, statement, span);
    Ok(Sent { reply: request.send(), expected: encoded.expected, observed })
}

/// One page of a prepared statement.
pub(crate) async fn execute_page(
    session: &Session,
    statement: &PreparedStatement,
    values: impl IntoRow,
    page: Option<PagingState>,
) -> Result<QueryResult, Error> {
    let statement = AnyStatement::Bound(statement.bind(values)?);
    send(session, &statement, page.as_ref(), SpanOf::Request)?.finish(session).await
}

/// All pages of a prepared statement, the first of which is here.
pub(crate) async fn execute_iter(
    session: &Session,
    statement: &PreparedStatement,
    values: impl IntoRow,
) -> Result<Pages, Error> {
    Pages::open(session.clone(), AnyStatement::Bound(statement.bind(values)?)).await
}

/// All pages of a text, the first of which is here.
pub(crate) async fn query_iter(
    session: &Session,
    statement: crate::Statement,
    values: impl IntoRow,
) -> Result<Pages, Error> {
    if query::has_no_values(&values) {
        return Pages::open(session.clone(), AnyStatement::Text(statement)).await;
    }
    let mut anew = false;
    loop {
        let bound = query::prepare_kept(session, statement.clone()).await?.bind(&values)?;
        match Pages::open(session.clone(), AnyStatement::Bound(bound)).await {
            Err(error) if !anew && error.is_of_outdated_statement() => anew = true,
            outcome => return outcome,
        }
    }
}

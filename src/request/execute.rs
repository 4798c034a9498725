//! Executing a prepared statement: the path everything else is measured by.
//!
//! The caller's thread copies the statement's template into a recycled buffer, encodes the values behind it, and hashes the
//! partition key where it stands. Nothing is allocated, looked up in a map or locked, and the only clock read is the write
//! timestamp's.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use chorus_actors::{PendingReply, Preparations, Reply, RequestOptions};
use chorus_protocol::request::Values;
use chorus_protocol::{BoundValue, IntoRow, ProtocolVersion, encode_row};
use chorus_topology::TableId;
use futures::future::BoxFuture;

use super::answer::{self, Expected};
use super::{Encoded, follow_up};
use crate::Session;
use crate::error::{Error, UsageProblem};
use crate::observe::SpanOf;
use crate::result::{PagingState, QueryResult};
use crate::statement::{BoundStatement, Prepared, PreparedStatement, Route, Template};

/// Encodes and returns the future that sends.
#[inline]
pub(crate) fn execute<'s>(
    session: &'s Session,
    statement: &PreparedStatement,
    values: &impl IntoRow,
) -> Execute<'s> {
    if session.inner.observers.any() {
        return execute_observed(session, statement, values);
    }
    begin(session, statement, values)
}

/// The same where somebody watches.
#[cold]
fn execute_observed<'s>(
    session: &'s Session,
    statement: &PreparedStatement,
    values: &impl IntoRow,
) -> Execute<'s> {
    let begun = begin(session, statement, values);
    let Execute { stage: Stage::Sent(reply, expected), .. } = begun else { return begun };
    let observers = &session.inner.observers;
    let values = observers.values_of(statement, values);
    let statement = statement.clone();
    let request = async move {
        let observed = observers.execution_of(session, &statement, values, SpanOf::Request);
        super::finish(session, reply, expected, observed).await
    };
    Execute { session, stage: Stage::FollowUp(Box::pin(request)) }
}

/// The request, encoded where its caller keeps it.
#[inline]
fn begin<'s>(session: &'s Session, statement: &PreparedStatement, values: &impl IntoRow) -> Execute<'s> {
    // One value from here to its caller: whatever else was returned, it would be copied.
    let mut execute = Execute { session, stage: Stage::Sent(session.inner.engine.blank(), None) };
    if let Err(error) = execute.fill(statement, values) {
        execute.stage = Stage::Failed(Box::new(error));
    }
    execute
}

/// What will be needed to read the rows of the answer, for statements that return any.
#[inline]
pub(super) fn expected_rows(prepared: &Arc<Prepared>) -> Option<Expected> {
    if !prepared.returns_rows {
        return None;
    }
    // Without ids there is nothing to hold on to: each answer says itself what its columns are.
    let metadata = prepared.shape.metadata_id.then(|| prepared.result.load_full());
    Some(Expected { prepared: Arc::clone(prepared), metadata })
}

/// The table of a statement in this session's terms. Fails for a statement of another session that speaks another dialect.
#[inline]
pub(crate) fn table_of(session: &Session, prepared: &Prepared) -> Result<Option<TableId>, Error> {
    match is_own(session, prepared) {
        true => Ok(prepared.table(&session.inner.engine)),
        false => foreign_table(session, prepared),
    }
}

/// Whether this session prepared the statement.
#[inline]
fn is_own(session: &Session, prepared: &Prepared) -> bool {
    prepared.defaults.session == session.inner.defaults.session
}

#[cold]
fn foreign_table(session: &Session, prepared: &Prepared) -> Result<Option<TableId>, Error> {
    let engine = &session.inner.engine;
    if prepared.shape != engine.shape() {
        return Err(UsageProblem::ForeignStatement.into());
    }
    Ok(prepared.find_table(&engine.route()))
}

/// Appends the values of all bind markers.
#[inline(always)]
pub(crate) fn put_row(prepared: &Prepared, values: &impl IntoRow, out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    encode_row(values, &prepared.bind, out)
        .map_err(|error| Error::values(error, &prepared.preparation.cql))?;
    if !prepared.shape.version.has_unset() {
        refuse_unset(prepared, &out[start..])?;
    }
    match &prepared.encrypted {
        Some(encrypted) => encrypted.encrypt_row(out, start),
        None => Ok(()),
    }
}

/// Before v4 an unset value would be taken for null, and delete what it should leave alone.
#[cold]
fn refuse_unset(prepared: &Prepared, values: &[u8]) -> Result<(), Error> {
    let bound = Values::Positional { count: prepared.bind.len() as u16, bytes: values };
    match bound.iter().any(|(_, value)| value == BoundValue::Unset) {
        false => Ok(()),
        true => Err(UsageProblem::Unsupported {
            feature: "an unset value",
            needs: ProtocolVersion::V4,
            speaks: prepared.shape.version,
        }
        .into()),
    }
}

/// Writes the whole EXECUTE of a bound statement into the empty `frame`.
pub(super) fn encode_bound(
    session: &Session,
    bound: &BoundStatement,
    page: Option<&PagingState>,
    frame: &mut Vec<u8>,
) -> Result<Encoded, Error> {
    let (prepared, template) = (&bound.prepared.shared, bound.prepared.template()?);
    let table = table_of(session, prepared)?;
    let expected = expected_rows(prepared);
    let metadata = expected.as_ref().and_then(|expected| expected.metadata.as_deref());
    let written = match page {
        Some(page) => template.write_page(prepared, metadata, page, &bound.values, frame)?,
        None => {
            template.write(prepared, metadata, template.stamp().next(), Route::ByToken, frame, |out| {
                out.extend_from_slice(&bound.values);
                Ok(())
            })?
        }
    };
    Template::name_tablet(prepared, table, written, &session.inner.engine, frame);
    let mut options = RequestOptions::default();
    template.describe(table, written, &mut options);
    options.next_page = page.is_some();
    options.prepared = Preparations::One(Arc::clone(&prepared.preparation));
    Ok(Encoded { options, expected })
}

/// A prepared statement on its way; made by [`Session::execute`].
///
/// The request is encoded. It is sent when this future is first polled. Dropping the future cancels: a request that was not
/// written yet is never sent; one that was may still take effect on the server.
#[must_use = "a request is sent when its future is polled"]
pub struct Execute<'s> {
    session: &'s Session,
    stage: Stage<'s>,
}

enum Stage<'s> {
    /// On its way, and what will be needed to read the rows of its answer.
    Sent(PendingReply<'s>, Option<Expected>),
    /// Something has to be done before the result can be handed out.
    FollowUp(BoxFuture<'s, Result<QueryResult, Error>>),
    /// It was never sent.
    Failed(Box<Error>),
    Over,
}

impl Future for Execute<'_> {
    type Output = Result<QueryResult, Error>;

    // It is polled in one place of a program, with the answer of most writes on a path that is short when it is whole.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Stage::Sent(reply, _) = &mut this.stage else { return this.poll_rest(cx) };
        match ready!(Pin::new(reply).poll(cx)) {
            Ok(reply) if reply.is_done() && !reply.was_delayed() => {
                this.end();
                Poll::Ready(Ok(QueryResult::void(reply.host()).of_request(reply.request_bytes())))
            }
            Ok(reply) => this.read(reply, cx),
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}

impl<'s> Execute<'s> {
    #[inline(always)]
    fn fill(&mut self, statement: &PreparedStatement, values: &impl IntoRow) -> Result<(), Error> {
        let session = self.session;
        let Stage::Sent(request, rows) = &mut self.stage else { unreachable!("that is how it begins") };
        // It takes a system call, which is too much for where it counts.
        if cfg!(debug_assertions) {
            session.check_process()?;
        }
        let (prepared, template) = (&statement.shared, statement.template()?);
        let engine = &session.inner.engine;
        let (table, route) = if is_own(session, prepared) {
            let table = prepared.table(engine);
            (table, template.route(prepared, table, engine))
        } else {
            (foreign_table(session, prepared)?, Route::ByToken)
        };
        let expected = expected_rows(prepared);
        let metadata = expected.as_ref().and_then(|expected| expected.metadata.as_deref());
        let (frame, options) = request.parts();
        options.name(&prepared.preparation);
        let timestamp = template.stamp().next();
        let written = template
            .write(prepared, metadata, timestamp, route, frame, |out| put_row(prepared, values, out))?;
        Template::name_tablet(prepared, table, written, engine, frame);
        template.describe(table, written, options);
        request.choose_reactor(engine);
        *rows = expected;
        Ok(())
    }
}

impl Execute<'_> {
    /// What is left of an answered request has nothing to do when it is dropped. Said so, the end of this future is one look
    /// instead of three destructors.
    #[inline(always)]
    fn end(&mut self) {
        if let Stage::Sent(reply, None) = &self.stage
            && reply.is_spent()
        {
            std::mem::forget(std::mem::replace(&mut self.stage, Stage::Over));
        }
    }

    fn read(&mut self, reply: Reply, cx: &mut Context<'_>) -> Poll<Result<QueryResult, Error>> {
        let Stage::Sent(pending, expected) = std::mem::replace(&mut self.stage, Stage::Over) else {
            unreachable!("it was answered")
        };
        if pending.is_spent() {
            std::mem::forget(pending);
        }
        let mut reply = reply;
        if let Some(expected) = &expected
            && !reply.was_delayed()
            && answer::may_be_rows(&reply, self.session)
        {
            // What most reads get.
            match expected.result_of(reply) {
                Ok(result) => return Poll::Ready(Ok(result)),
                Err(other) => reply = other,
            }
        }
        let read = answer::read(reply, self.session, expected.as_ref());
        let (result, effect) = read?;
        let Some(effect) = effect else { return Poll::Ready(Ok(result)) };
        self.stage = Stage::FollowUp(Box::pin(follow_up(self.session, result, effect)));
        self.poll_rest(cx)
    }

    #[cold]
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<QueryResult, Error>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Failed(error) => Poll::Ready(Err(*error)),
            Stage::FollowUp(mut future) => {
                let polled = future.as_mut().poll(cx);
                if polled.is_pending() {
                    self.stage = Stage::FollowUp(future);
                }
                polled
            }
            Stage::Sent(..) | Stage::Over => panic!("a request was polled after its end"),
        }
    }
}

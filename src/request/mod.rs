//! The verbs, one file each: what happens in the caller's task between a method of [`Session`](crate::Session) and the
//! engine, and back.
//!
//! | verb | file |
//! |---|---|
//! | execute a prepared statement | `execute.rs` |
//! | query with text | `query.rs` |
//! | prepare | `prepare.rs` |
//! | batch | `batch.rs` |
//! | a page after the first | `page.rs` |
//! | any of these as a piece of concurrent work | `any.rs` |
//!
//! `settings.rs` resolves what statement, profile and session say; `answer.rs` reads what comes back; `follow_up.rs` does
//! what has to be done before a result of `USE` or of a schema change may be handed out; `warned.rs` logs what servers warn of,
//! `partitions.rs` what we do.

mod answer;
mod any;
mod batch;
mod execute;
mod executions;
mod follow_up;
mod page;
mod partitions;
mod prepare;
mod query;
mod settings;
mod warned;

pub(crate) use answer::{Expected, read_parts};
pub use any::AnyStatement;
pub(crate) use any::{Encoded, encode};
pub(crate) use batch::batch;
pub use execute::Execute;
pub(crate) use execute::{execute, put_row, table_of};
pub(crate) use executions::Executions;
pub(crate) use follow_up::{
    await_agreement_among, await_schema_agreement, follow_up, refresh_schema, use_keyspace,
};
pub(crate) use page::{execute_iter, execute_page, query_iter, send};
pub(crate) use partitions::SpanningBatches;
pub(crate) use prepare::prepare;
pub(crate) use query::{bind, prepare_kept, query};
pub(crate) use settings::{Defaults, Settings, Stamp};

use chorus_actors::{PendingReply, Reply};
use tracing::Instrument;

use crate::Session;
use crate::error::Error;
use crate::observe::Observed;
use crate::result::QueryResult;

/// Waits for an answer and does what follows from it.
async fn finish(
    session: &Session,
    reply: PendingReply<'_>,
    expected: Option<Expected>,
    observed: Option<Box<Observed>>,
) -> Result<QueryResult, Error> {
    match observed {
        None => settle(session, reply.await?, expected).await,
        Some(observed) => finish_observed(session, reply, expected, observed).await,
    }
}

/// The same where somebody watches.
async fn finish_observed(
    session: &Session,
    reply: PendingReply<'_>,
    expected: Option<Expected>,
    mut observed: Box<Observed>,
) -> Result<QueryResult, Error> {
    let span = observed.span();
    let request = async {
        let reply = reply.await?;
        observed.note(reply.effort());
        settle(session, reply, expected).await
    };
    let outcome = request.instrument(span).await;
    observed.end(session, &outcome);
    outcome
}

async fn settle(session: &Session, reply: Reply, expected: Option<Expected>) -> Result<QueryResult, Error> {
    let (result, effect) = answer::read(reply, session, expected.as_ref())?;
    match effect {
        None => Ok(result),
        Some(effect) => follow_up(session, result, effect).await,
    }
}

//! What happens between an answer and its result, for the few statements that change how the session works.

use std::sync::Arc;
use std::time::Duration;

use chorus_actors::{AgreementScope, ControlError, UseKeyspaceError};
use chorus_protocol::Uuid;
use chorus_protocol::response::SchemaChange;
use chorus_topology::SchemaScope;

use super::answer::Effect;
use crate::Session;
use crate::error::{Error, UsageProblem};
use crate::result::QueryResult;

/// Carries out an effect and hands the result through.
pub(crate) async fn follow_up(
    session: &Session,
    result: QueryResult,
    effect: Effect,
) -> Result<QueryResult, Error> {
    match effect {
        Effect::Keyspace(name) => {
            use_keyspace(session, name).await?;
            Ok(result)
        }
        // The schema has changed, whatever happens now: trouble with finding out who knows is no failure of the statement.
        Effect::Schema(change) => match settle_schema(session, &change).await {
            Ok(true) => Ok(result),
            Ok(false) => Ok(result.disagreed()),
            Err(error) => {
                tracing::warn!(%error, "nobody could be asked whether all hosts know a schema change");
                Ok(result.disagreed())
            }
        },
    }
}

/// Waits until all hosts know a change and reads it. False when they do not in time; nothing is read then.
async fn settle_schema(session: &Session, change: &SchemaChange) -> Result<bool, Error> {
    if !await_schema_agreement(session).await? {
        tracing::warn!(
            "hosts still disagree about the schema; the result of a schema change is returned anyway"
        );
        return Ok(false);
    }
    // Whoever does not want the schema read finds out by himself what he changed.
    if session.inner.engine.fetches_schema() {
        session.inner.engine.refresh_schema(SchemaScope::of_change(change)).await?;
    }
    Ok(true)
}

/// Reads a part of the schema once all hosts agree on it.
pub(crate) async fn refresh_schema(session: &Session, part: SchemaScope) -> Result<(), Error> {
    session.check_process()?;
    if !await_schema_agreement(session).await? {
        return Err(ControlError::Disagreement(session.inner.schema_agreement_timeout).into());
    }
    Ok(session.inner.engine.refresh_schema(part).await?)
}

/// Whether the hosts in scope, each asked for its own, have the same schema within `limit`.
pub(crate) async fn await_agreement_among(
    session: &Session,
    scope: AgreementScope,
    limit: Duration,
) -> Result<Option<Uuid>, Error> {
    if limit.is_zero() {
        return Err(UsageProblem::ZeroLimit.into());
    }
    session.check_process()?;
    Ok(session.inner.engine.await_schema_agreement_among(scope, limit).await?)
}

/// Whether all hosts know the same schema, within the session's limit. A limit of zero counts as agreed.
///
/// Each host is asked for its own version: the one that carries the control connection may not have heard of a change that
/// another carried out a moment ago, and would tell that all agree, namely on the schema before.
pub(crate) async fn await_schema_agreement(session: &Session) -> Result<bool, Error> {
    session.check_process()?;
    let limit = session.inner.schema_agreement_timeout;
    if limit.is_zero() {
        return Ok(true);
    }
    Ok(session.inner.engine.await_schema_agreement_among(AgreementScope::Cluster, limit).await?.is_some())
}

/// Has every connection switch, and remembers the name for what is prepared from now on.
pub(crate) async fn use_keyspace(session: &Session, name: String) -> Result<(), Error> {
    session.check_process()?;
    match session.inner.engine.use_keyspace(&name).await {
        Ok(()) => {}
        // Connections that could not follow were closed and are being replaced by such that start in the new keyspace.
        Err(error @ UseKeyspaceError::Partly(_)) => {
            tracing::warn!(%error, keyspace = %name, "keyspace changed")
        }
        Err(error) => return Err(error.into()),
    }
    session.inner.keyspace.store(Arc::new(Some(name.into())));
    Ok(())
}

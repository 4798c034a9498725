//! What happens between an answer and its result, for the few statements that change how the session works.

use std::sync::Arc;

use chorus_actors::UseKeyspaceError;

use super::answer::Effect;
use crate::Session;
use crate::error::Error;
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
        Effect::Schema => match settle_schema(session).await {
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
async fn settle_schema(session: &Session) -> Result<bool, Error> {
    if !await_schema_agreement(session).await? {
        tracing::warn!(
            "hosts still disagree about the schema; the result of a schema change is returned anyway"
        );
        return Ok(false);
    }
    session.inner.engine.refresh_schema().await?;
    Ok(true)
}

/// Whether all hosts know the same schema, within the session's limit. A limit of zero counts as agreed.
pub(crate) async fn await_schema_agreement(session: &Session) -> Result<bool, Error> {
    let limit = session.inner.schema_agreement_timeout;
    if limit.is_zero() {
        return Ok(true);
    }
    Ok(session.inner.engine.await_schema_agreement(limit).await?.is_some())
}

/// Has every connection switch, and remembers the name for what is prepared from now on.
pub(crate) async fn use_keyspace(session: &Session, name: String) -> Result<(), Error> {
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

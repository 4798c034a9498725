//! Having a statement parsed by the server.

use std::sync::Arc;
use std::time::Duration;

use chorus_actors::{Preparation, Preparations, RequestKind};
use chorus_protocol::request::Prepare;
use chorus_protocol::response::{Response, ResultBody};
use chorus_protocol::{ColumnSpec, Opcode, begin_frame, finish_frame};
use tracing::Instrument;

use super::Settings;
use super::answer::open_envelope;
use crate::Session;
use crate::error::{Error, ResultProblem};
use crate::statement::{Described, Prepared, PreparedStatement, ResultMetadata, Statement, StatementKey};

/// How long other hosts may take to prepare what one has prepared. One that takes longer is told when it is asked to execute
/// the statement.
const ELSEWHERE: Duration = Duration::from_secs(1);

/// The prepared form of a text, with the text's options.
pub(crate) async fn prepare(session: &Session, statement: Statement) -> Result<PreparedStatement, Error> {
    let span = session.inner.observers.prepare_span(session, &statement);
    let shared = match &span {
        None => prepare_shared(session, &statement).await,
        Some(span) => prepare_shared(session, &statement).instrument(span.span().clone()).await,
    };
    if let (Some(span), Err(error)) = (span, &shared) {
        span.failed(error);
    }
    PreparedStatement::new(shared?, statement.options)
}

/// The prepared form of a text, asked for once however many callers want it.
pub(crate) async fn prepare_shared(session: &Session, statement: &Statement) -> Result<Arc<Prepared>, Error> {
    keep_up_with_schema(session);
    let key = StatementKey {
        text: Arc::clone(&statement.text),
        keyspace: statement.keyspace.clone().or_else(|| session.keyspace()),
    };
    let request = {
        let (session, statement, key) = (session.clone(), statement.clone(), key.clone());
        move || async move {
            let described = describe(&session, &statement, key).await?;
            let defaults = &session.inner.defaults;
            let encrypted = match defaults.encryption.is_on() {
                true => defaults.encryption.markers(&described, &session.state())?,
                false => None,
            };
            Ok(Arc::new(Prepared::new(described, Arc::clone(defaults), encrypted)))
        }
    };
    session.inner.statements.get_or_prepare(key, request).await
}

/// Forgets statements whose columns are of other types by now, once for each change of the schema: who asks for such a text
/// wants values of the new types bound.
fn keep_up_with_schema(session: &Session) {
    let inner = &session.inner;
    if inner.engine.has_schema(&inner.schema_seen.load()) {
        return;
    }
    let state = session.state();
    let is_other = |marker: &ColumnSpec| {
        let table = state.table(&marker.keyspace, &marker.table);
        table.and_then(|table| table.column(&marker.name)).is_some_and(|column| column.typ != marker.typ)
    };
    inner.statements.forget(|known| known.preparation.markers.iter().any(is_other));
    inner.described.forget(|known| known.preparation.markers.iter().any(is_other));
    inner.schema_seen.store(Arc::clone(&state.keyspaces));
}

/// What servers tell about a statement: to this session, or to another one of its cluster that asked before.
async fn describe(
    session: &Session,
    statement: &Statement,
    key: StatementKey,
) -> Result<Arc<Described>, Error> {
    let mut asked = false;
    let request = || {
        asked = true;
        let (session, statement) = (session.clone(), statement.clone());
        async move { send(&session, &statement).await.map(Arc::new) }
    };
    let told = session.inner.described.get_or_prepare(key, request).await;
    match told {
        told if asked => told,
        Ok(described) if described.shape == session.inner.engine.shape() => {
            session.inner.engine.remember(&described.preparation);
            Ok(described)
        }
        // Connections of another dialect, or a failure that may have been the other session's own.
        _ => send(session, statement).await.map(Arc::new),
    }
}

/// Sends PREPARE, reads what the server says about the statement, and has the other hosts prepare it.
async fn send(session: &Session, statement: &Statement) -> Result<Described, Error> {
    session.check_process()?;
    let engine = &session.inner.engine;
    let (shape, session_keyspace) = (engine.shape(), session.keyspace());
    let settings = Settings::resolve(&statement.options, &session.inner.defaults)?;

    let mut request = engine.request();
    let (frame, options) = request.parts();
    begin_frame(frame, shape.version, Opcode::Prepare, settings.frame_flags(shape.version)?);
    settings.put_payload(frame)?;
    Prepare { cql: &statement.text, keyspace: statement.keyspace.as_deref() }.encode(&shape, frame)?;
    finish_frame(frame, 0)?;
    // Preparing twice is preparing once. A retry may not change the consistency, as there is none.
    let limit = settings.timeout.unwrap_or(ELSEWHERE).min(ELSEWHERE);
    *options = settings.into_options(RequestKind::Other, true, None, Preparations::None);
    let reply = request.send().await?;

    let (opcode, flags, host) = (reply.opcode(), reply.flags(), reply.host());
    let envelope = open_envelope(flags, reply.into_bytes(), engine)?;
    let Response::Result(ResultBody::Prepared(body)) = Response::decode(opcode, envelope.body, &shape)?
    else {
        return Err(ResultProblem::UnexpectedAnswer(opcode).into());
    };
    let key_markers = if shape.version.has_partition_key_indexes() {
        body.bind.pk_indexes
    } else {
        // v3 leaves the key to the client: the markers named like the columns of the table's key.
        key_markers_by_name(session, &body.bind.columns).unwrap_or_default()
    };
    let preparation = Arc::new(Preparation::new(
        body.id,
        Arc::clone(&statement.text),
        statement.keyspace.clone(),
        session_keyspace,
        Arc::clone(&body.bind.columns),
    ));
    engine.remember(&preparation);
    engine.prepare_elsewhere(&preparation, host, limit).await;
    Ok(Described {
        preparation,
        bind: body.bind.columns,
        key_markers: key_markers.into(),
        result: ResultMetadata::new(
            body.result_metadata_id.unwrap_or_default(),
            body.result.columns.unwrap_or_default(),
        ),
        lwt: shape.is_lwt(body.bind.flags),
        shape,
        payload: envelope.custom_payload,
    })
}

/// The markers of the partition key of the table of the first marker, found by name.
fn key_markers_by_name(session: &Session, bind: &[ColumnSpec]) -> Option<Vec<u16>> {
    let first = bind.first()?;
    let state = session.state();
    let table = state.table(&first.keyspace, &first.table)?;
    table
        .partition_key()
        .iter()
        .map(|column| {
            let marker = bind.iter().position(|marker| *marker.name == *column.name)?;
            u16::try_from(marker).ok()
        })
        .collect()
}

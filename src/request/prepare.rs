//! Having a statement parsed by the server.

use std::sync::Arc;
use std::time::Duration;

use chorus_actors::{Preparation, Preparations, RequestKind};
use chorus_protocol::request::Prepare;
use chorus_protocol::response::{PreparedBody, Response, ResultBody};
use chorus_protocol::{ColumnSpec, CustomPayload, Opcode, begin_frame, finish_frame};

use super::Settings;
use super::answer::open_envelope;
use crate::Session;
use crate::error::{Error, ResultProblem};
use crate::statement::{Prepared, PreparedStatement, ResultMetadata, Statement, StatementKey, kind_of};

/// How long other hosts may take to prepare what one has prepared. One that takes longer is told when it is asked to execute
/// the statement.
const ELSEWHERE: Duration = Duration::from_secs(1);

/// The prepared form of a text, with the text's options.
pub(crate) async fn prepare(session: &Session, statement: Statement) -> Result<PreparedStatement, Error> {
    let shared = prepare_shared(session, &statement).await?;
    PreparedStatement::new(shared, statement.options)
}

/// The prepared form of a text, asked for once however many callers want it.
pub(crate) async fn prepare_shared(session: &Session, statement: &Statement) -> Result<Arc<Prepared>, Error> {
    let key = StatementKey {
        text: Arc::clone(&statement.text),
        keyspace: statement.keyspace.clone().or_else(|| session.keyspace()),
    };
    let request = {
        let (session, statement, keyspace) = (session.clone(), statement.clone(), session.keyspace());
        move || async move { send(&session, &statement, keyspace).await }
    };
    session.inner.statements.get_or_prepare(key, request).await
}

/// Sends PREPARE, reads what the server says about the statement, and has the other hosts prepare it.
async fn send(
    session: &Session,
    statement: &Statement,
    keyspace: Option<Arc<str>>,
) -> Result<Arc<Prepared>, Error> {
    let engine = &session.inner.engine;
    let shape = engine.shape();
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
    let prepared = describe(session, statement, keyspace, body, envelope.custom_payload);
    engine.spread(&prepared.preparation, host, limit).await;
    Ok(Arc::new(prepared))
}

fn describe(
    session: &Session,
    statement: &Statement,
    session_keyspace: Option<Arc<str>>,
    body: PreparedBody,
    payload: CustomPayload,
) -> Prepared {
    let shape = session.inner.engine.shape();
    let bind = body.bind.columns;
    let key_markers = if shape.version.has_partition_key_indexes() {
        body.bind.pk_indexes
    } else {
        // v3 leaves the key to the client: the markers named like the columns of the table's key.
        key_markers_by_name(session, &bind).unwrap_or_default()
    };
    let preparation = Preparation {
        id: body.id,
        cql: Arc::clone(&statement.text),
        keyspace: statement.keyspace.clone(),
        session_keyspace,
    };
    let result = ResultMetadata::new(
        body.result_metadata_id.unwrap_or_default(),
        body.result.columns.unwrap_or_default(),
    );
    Prepared::new(
        Arc::new(preparation),
        Arc::clone(&bind),
        key_markers,
        result,
        shape.is_lwt(body.bind.flags),
        kind_of(&statement.text),
        shape,
        payload,
        Arc::clone(&session.inner.defaults),
    )
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

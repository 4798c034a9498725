//! From the bytes of an answer to a result, and what else follows from it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chorus_actors::{Engine, Reply};
use chorus_protocol::response::{Envelope, Response, ResultBody, RowsBody};
use chorus_protocol::{DecodeError, Opcode, flags as frame_flags};
use chorus_topology::HostIndex;

use crate::error::{Error, ResultProblem};
use crate::result::{Content, QueryResult, RowSet};
use crate::statement::{Prepared, ResultMetadata};

/// The body of a RESULT that says "done" and no more.
const VOID: [u8; 4] = [0, 0, 0, 1];

/// A compressed body that claims to become larger than this is refused, as a frame of that size would be.
const MOST_BODY_BYTES: usize = 256 << 20;

/// What was known of the rows of an answer when its request was sent.
pub(crate) struct Expected {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) metadata: Arc<ResultMetadata>,
}

/// What the session has to do before a result may be handed out.
#[derive(Debug)]
pub(crate) enum Effect {
    /// The statement was `USE`: every connection has to follow.
    Keyspace(String),
    /// The schema changed: every host has to know it.
    Schema,
}

/// Decodes an answer. `expected` is there for prepared statements that return rows.
#[inline]
pub(crate) fn read(
    reply: Reply,
    engine: &Engine,
    expected: Option<&Expected>,
) -> Result<(QueryResult, Option<Effect>), Error> {
    let (opcode, flags, host) = (reply.opcode(), reply.flags(), reply.host());
    if flags == 0 && opcode == Opcode::Result as u8 && reply.body() == VOID {
        return Ok((QueryResult::void(host), None));
    }
    read_parts(opcode, flags, host, reply.into_bytes(), engine, expected)
}

/// Decodes an answer that was taken apart.
pub(crate) fn read_parts(
    opcode: u8,
    flags: u8,
    host: HostIndex,
    body: Bytes,
    engine: &Engine,
    expected: Option<&Expected>,
) -> Result<(QueryResult, Option<Effect>), Error> {
    let shape = engine.shape();
    let envelope = open_envelope(flags, body, engine)?;
    let mut content = Content {
        tracing_id: envelope.tracing_id,
        warnings: envelope.warnings,
        custom_payload: envelope.custom_payload,
        ..Content::default()
    };
    let mut effect = None;
    match Response::decode(opcode, envelope.body, &shape)? {
        Response::Result(ResultBody::Void) => {}
        Response::Result(ResultBody::Rows(rows)) => content.rows = Some(row_set(rows, expected)?),
        Response::Result(ResultBody::SetKeyspace(name)) => effect = Some(Effect::Keyspace(name)),
        Response::Result(ResultBody::SchemaChange(change)) => {
            content.schema_change = Some(change);
            effect = Some(Effect::Schema);
        }
        _ => return Err(ResultProblem::UnexpectedAnswer(opcode).into()),
    }
    Ok((QueryResult::new(host, content), effect))
}

/// Decompresses a body and takes off what stands before the message.
pub(super) fn open_envelope(flags: u8, body: Bytes, engine: &Engine) -> Result<Envelope, Error> {
    let body = if flags & frame_flags::COMPRESSED == 0 {
        body
    } else {
        match engine.agreement().compression {
            Some(compression) => {
                compression.decompress_body(&body, MOST_BODY_BYTES).map_err(DecodeError::from)?.into()
            }
            None => return Err(ResultProblem::UnexpectedCompression.into()),
        }
    };
    let envelope = Envelope::split(flags, body)?;
    for warning in &envelope.warnings {
        tracing::warn!(%warning, "the server warns");
    }
    Ok(envelope)
}

/// Rows with the columns they came with, or those known from before.
fn row_set(body: RowsBody, expected: Option<&Expected>) -> Result<RowSet, Error> {
    if let (Some(id), Some(expected)) = (&body.metadata.new_metadata_id, expected) {
        let prepared = &expected.prepared;
        match &body.metadata.columns {
            Some(columns) => {
                prepared
                    .result
                    .store(Arc::new(ResultMetadata { id: id.clone(), columns: Arc::clone(columns) }));
                prepared.warned_of_metadata.store(false, Ordering::Relaxed);
            }
            None => {
                if !prepared.warned_of_metadata.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        statement = %prepared.preparation.cql,
                        "the server sent a new result metadata id without the columns; both are ignored"
                    );
                }
            }
        }
    }
    let columns = match (&body.metadata.columns, expected) {
        (Some(columns), _) => Arc::clone(columns),
        (None, Some(expected)) if expected.metadata.columns.len() == body.metadata.column_count => {
            Arc::clone(&expected.metadata.columns)
        }
        (None, _) => return Err(ResultProblem::MissingMetadata.into()),
    };
    Ok(RowSet::new(body, columns))
}

//! From the bytes of an answer to a result, and what else follows from it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chorus_actors::{Engine, Reply};
use chorus_protocol::response::{Envelope, Response, ResultBody, RowsBody, SchemaChange};
use chorus_protocol::{ColumnSpec, DecodeError, Opcode, flags as frame_flags};
use chorus_topology::HostIndex;

use crate::error::{Error, ResultProblem};
use crate::result::{Content, QueryResult, RowSet};
use crate::statement::{Prepared, ResultMetadata};

/// A compressed body that claims to become larger than this is refused, as a frame of that size would be.
const MOST_BODY_BYTES: usize = 256 << 20;

/// What was known of the rows of an answer when its request was sent.
pub(crate) struct Expected {
    pub(crate) prepared: Arc<Prepared>,
    /// The metadata whose id went with the request, where the protocol has such ids: rows may come without description.
    pub(crate) metadata: Option<Arc<ResultMetadata>>,
}

/// What the session has to do before a result may be handed out.
#[derive(Debug)]
pub(crate) enum Effect {
    /// The statement was `USE`: every connection has to follow.
    Keyspace(String),
    /// The schema changed: every host has to know it.
    Schema(SchemaChange),
}

/// Decodes an answer. `expected` is there for prepared statements that return rows.
#[inline]
pub(crate) fn read(
    reply: Reply,
    engine: &Engine,
    expected: Option<&Expected>,
) -> Result<(QueryResult, Option<Effect>), Error> {
    let (opcode, flags, host) = (reply.opcode(), reply.flags(), reply.host());
    if reply.is_done() {
        return Ok((QueryResult::void(host), None));
    }
    if flags == 0
        && opcode == Opcode::Result as u8
        && let Some(expected) = expected
    {
        return match expected.find_rows(reply) {
            Ok(rows) => {
                Ok((QueryResult::new(host, Content { rows: Some(rows), ..Content::default() }), None))
            }
            Err(reply) => read_rows(reply, engine, expected),
        };
    }
    read_parts(opcode, flags, host, reply.into_bytes(), engine, expected)
}

/// The answer to a prepared statement that returns rows, with nothing around them.
fn read_rows(
    reply: Reply,
    engine: &Engine,
    expected: &Expected,
) -> Result<(QueryResult, Option<Effect>), Error> {
    let (opcode, flags, host) = (reply.opcode(), reply.flags(), reply.host());
    let body = reply.into_bytes();
    let known = expected.prepared.result.load();
    match RowsBody::decode_result(&body, Some(&known.known))? {
        Some(rows) => {
            let content = Content { rows: Some(row_set(rows, Some(expected))?), ..Content::default() };
            Ok((QueryResult::new(host, content), None))
        }
        None => read_parts(opcode, flags, host, body, engine, Some(expected)),
    }
}

impl Expected {
    /// The rows of an answer that is a page of the columns known, which is what most prepared reads get. The reply itself when
    /// it is anything else.
    #[inline]
    fn find_rows(&self, reply: Reply) -> Result<RowSet, Reply> {
        let current;
        let known = match &self.metadata {
            Some(sent) => &sent.known,
            None => {
                current = self.prepared.result.load();
                &current.known
            }
        };
        match known.find_rows(reply.body(), self.metadata.is_some()) {
            Some(found) => Ok(RowSet::found(found, reply, Arc::clone(known.columns()))),
            None => Err(reply),
        }
    }
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
            content.schema_change = Some(change.clone());
            effect = Some(Effect::Schema(change));
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
fn row_set(mut body: RowsBody, expected: Option<&Expected>) -> Result<RowSet, Error> {
    let columns = body.metadata.columns.take();
    if let Some(expected) = expected {
        remember(&expected.prepared, body.metadata.new_metadata_id.as_ref(), columns.as_ref());
    }
    let count = body.metadata.column_count;
    let columns = columns.or_else(|| {
        let sent = expected?.metadata.as_ref()?;
        (sent.columns().len() == count).then(|| Arc::clone(sent.columns()))
    });
    Ok(RowSet::new(body, columns.ok_or(ResultProblem::MissingMetadata)?))
}

/// Keeps what the server says of a statement's rows, for the next ones.
fn remember(prepared: &Prepared, id: Option<&Bytes>, columns: Option<&Arc<[ColumnSpec]>>) {
    match (id, columns) {
        (Some(id), Some(columns)) => {
            prepared.result.store(Arc::new(ResultMetadata::new(id.clone(), Arc::clone(columns))));
            prepared.warned_of_metadata.store(false, Ordering::Relaxed);
        }
        (Some(_), None) if !prepared.warned_of_metadata.swap(true, Ordering::Relaxed) => {
            tracing::warn!(
                statement = %prepared.preparation.cql,
                "the server sent a new result metadata id without the columns; both are ignored"
            );
        }
        // Where there are no ids each answer has its description, and the latest is the most likely to come again.
        (None, Some(columns)) if !prepared.shape.metadata_id => {
            let known = prepared.result.load();
            if !Arc::ptr_eq(known.columns(), columns) && **known.columns() != **columns {
                let id = known.id.clone();
                prepared.result.store(Arc::new(ResultMetadata::new(id, Arc::clone(columns))));
            }
        }
        _ => {}
    }
}

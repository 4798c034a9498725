//! From the bytes of an answer to a result, and what else follows from it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chorus_actors::{Engine, Reply};
use chorus_protocol::response::{Envelope, Response, ResultBody, RowsBody, SchemaChange};
use chorus_protocol::{ColumnSpec, DecodeError, Opcode, flags as frame_flags};
use chorus_topology::HostIndex;

use super::warned;
use crate::Session;
use crate::error::{Error, ResultProblem};
use crate::result::{Content, QueryResult, Rare, RowSet};
use crate::statement::{Prepared, ResultMetadata};

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
    session: &Session,
    expected: Option<&Expected>,
) -> Result<(QueryResult, Option<Effect>), Error> {
    let (opcode, flags, host) = (reply.opcode(), reply.flags(), reply.host());
    let request_bytes = reply.request_bytes();
    if reply.was_delayed() {
        return read_late(reply, session, expected);
    }
    if reply.is_done() {
        return Ok((QueryResult::void(host).of_request(request_bytes), None));
    }
    if let Some(expected) = expected.filter(|_| may_be_rows(&reply, session)) {
        return match expected.result_of(reply) {
            Ok(result) => Ok((result, None)),
            Err(reply) => {
                let (result, effect) = read_rows(reply, session, expected)?;
                Ok((result.of_request(request_bytes), effect))
            }
        };
    }
    let (result, effect) = read_parts(opcode, flags, host, reply.into_bytes(), session, expected)?;
    Ok((result.of_request(request_bytes), effect))
}

/// Whether it is a RESULT with nothing around it, whose cells are what they seem.
#[inline(always)]
pub(super) fn may_be_rows(reply: &Reply, session: &Session) -> bool {
    reply.flags() == 0 && reply.opcode() == Opcode::Result as u8 && !session.inner.defaults.encryption.is_on()
}

/// The same for an answer that came after other attempts had failed, which the result tells.
#[cold]
fn read_late(
    reply: Reply,
    session: &Session,
    expected: Option<&Expected>,
) -> Result<(QueryResult, Option<Effect>), Error> {
    let (opcode, flags, host) = (reply.opcode(), reply.flags(), reply.host());
    let (request_bytes, attempts) = (reply.request_bytes(), reply.attempts().into());
    let (result, effect) = read_parts(opcode, flags, host, reply.into_bytes(), session, expected)?;
    Ok((result.of_request(request_bytes).after(attempts), effect))
}

/// The answer to a prepared statement that returns rows, with nothing around them.
fn read_rows(
    reply: Reply,
    session: &Session,
    expected: &Expected,
) -> Result<(QueryResult, Option<Effect>), Error> {
    let (opcode, flags, host) = (reply.opcode(), reply.flags(), reply.host());
    let body = reply.into_bytes();
    let known = expected.prepared.result.load();
    match RowsBody::decode_result(&body, Some(&known.known))? {
        Some(rows) => {
            let content = Content { rows: Some(row_set(rows, session, Some(expected))?), rare: None };
            Ok((QueryResult::new(host, content), None))
        }
        None => read_parts(opcode, flags, host, body, session, Some(expected)),
    }
}

impl Expected {
    /// The result of an answer that is a page of the columns known, which is what most prepared reads get. The reply itself when
    /// it is anything else.
    #[inline(always)]
    pub(super) fn result_of(&self, reply: Reply) -> Result<QueryResult, Reply> {
        let (host, request_bytes) = (reply.host(), reply.request_bytes());
        let current;
        let known = match &self.metadata {
            Some(sent) => &sent.known,
            None => {
                current = self.prepared.result.load();
                &current.known
            }
        };
        match known.find_rows(reply.body(), self.metadata.is_some()) {
            Some(found) => {
                let rows = Some(RowSet::found(found, reply, Arc::clone(known.columns())));
                Ok(QueryResult::new(host, Content { rows, rare: None }).of_request(request_bytes))
            }
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
    session: &Session,
    expected: Option<&Expected>,
) -> Result<(QueryResult, Option<Effect>), Error> {
    let engine = &session.inner.engine;
    let shape = engine.shape();
    let envelope = open_envelope(flags, body, engine)?;
    let has_more =
        envelope.tracing_id.is_some() || !envelope.warnings.is_empty() || !envelope.custom_payload.is_empty();
    let mut content = Content::default();
    if has_more {
        content.rare = Some(Box::new(Rare {
            tracing_id: envelope.tracing_id,
            warnings: envelope.warnings,
            custom_payload: envelope.custom_payload,
            ..Rare::default()
        }));
    }
    let mut effect = None;
    match Response::decode(opcode, envelope.body, &shape)? {
        Response::Result(ResultBody::Void) => {}
        Response::Result(ResultBody::Rows(rows)) => content.rows = Some(row_set(rows, session, expected)?),
        Response::Result(ResultBody::SetKeyspace(name)) => effect = Some(Effect::Keyspace(name)),
        Response::Result(ResultBody::SchemaChange(change)) => {
            content.rare.get_or_insert_default().schema_change = Some(change.clone());
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
        let agreement = engine.agreement();
        // A body that becomes larger than a frame may be is refused as a frame of that size would be.
        let most = agreement.frame_bytes as usize;
        match agreement.compression {
            Some(compression) => compression.decompress_body(&body, most).map_err(DecodeError::from)?.into(),
            None => return Err(ResultProblem::UnexpectedCompression.into()),
        }
    };
    let envelope = Envelope::split(flags, body)?;
    if !envelope.warnings.is_empty() {
        warned::log(&envelope.warnings);
    }
    Ok(envelope)
}

/// Rows with the columns they came with, or those known from before.
fn row_set(mut body: RowsBody, session: &Session, expected: Option<&Expected>) -> Result<RowSet, Error> {
    let columns = body.metadata.columns.take();
    if let Some(expected) = expected {
        remember(&expected.prepared, body.metadata.new_metadata_id.as_ref(), columns.as_ref());
    }
    let count = body.metadata.column_count;
    let columns = columns.or_else(|| {
        let sent = expected?.metadata.as_ref()?;
        (sent.columns().len() == count).then(|| Arc::clone(sent.columns()))
    });
    let rows = RowSet::new(body, columns.ok_or(ResultProblem::MissingMetadata)?);
    session.inner.defaults.encryption.decrypt(rows)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use chorus_actors::{ExecutionPolicies, PolicyViews, Preparation};
    use chorus_protocol::{Consistency, CqlType, CustomPayload, FrameShape, ProtocolVersion};
    use chorus_topology::{DefaultRetry, LoadBalancingPolicy, TokenAware, ViewId};

    use super::*;
    use crate::ExecutionProfile;
    use crate::encryption::Encryption;
    use crate::request::Defaults;
    use crate::statement::{Described, PreparedStatement};

    fn columns(names: &[&str]) -> Arc<[ColumnSpec]> {
        names.iter().map(|name| ColumnSpec::new("ks", "t", *name, CqlType::Int)).collect()
    }

    /// A SELECT whose columns and their id the server told when it was prepared.
    fn prepared(shape: FrameShape, id: &'static [u8], names: &[&str]) -> Arc<Prepared> {
        static SESSION: AtomicU64 = AtomicU64::new(1);
        let load_balancing: Arc<dyn LoadBalancingPolicy> = Arc::new(TokenAware::default());
        let defaults = Defaults {
            session: SESSION.fetch_add(1, Ordering::Relaxed),
            profile: ExecutionProfile::new(),
            consistency: Consistency::LocalOne,
            views: PolicyViews::new(Arc::clone(&load_balancing)),
            policies: ExecutionPolicies {
                load_balancing,
                view: ViewId::SESSION,
                retry: Arc::new(DefaultRetry::default()),
                speculative: None,
            },
            timestamps: None,
            encryption: Encryption::default(),
        };
        let statement_id = Bytes::from_static(b"id");
        let preparation = Preparation::new(statement_id, "SELECT * FROM t".into(), None, None, Arc::new([]));
        let described = Described {
            preparation: Arc::new(preparation),
            bind: Arc::new([]),
            key_markers: Box::default(),
            result: ResultMetadata::new(Bytes::from_static(id), columns(names)),
            lwt: false,
            shape,
            payload: CustomPayload::new(),
        };
        Arc::new(Prepared::new(Arc::new(described), Arc::new(defaults), None))
    }

    fn known(prepared: &Prepared) -> (Bytes, Vec<String>) {
        let known = prepared.result.load();
        (known.id.clone(), known.columns().iter().map(|column| column.name.to_string()).collect())
    }

    #[test]
    fn metadata_and_its_id_are_replaced_together_and_an_id_alone_is_ignored_with_one_warning() {
        let id = |id: &'static str| Bytes::from_static(id.as_bytes());
        let prepared = prepared(FrameShape::new(ProtocolVersion::V5), b"first", &["a"]);
        let warned = || prepared.warned_of_metadata.load(Ordering::Relaxed);
        // Rows of a request under way are decoded by what was known when it was sent.
        let under_way = prepared.result.load_full();
        remember(&prepared, Some(&id("second")), Some(&columns(&["a", "b"])));
        assert_eq!(known(&prepared), (id("second"), vec!["a".into(), "b".into()]));
        assert_eq!((under_way.id.clone(), under_way.columns().len()), (id("first"), 1));

        for _ in 0..2 {
            remember(&prepared, Some(&id("third")), None);
            assert_eq!(known(&prepared).0, id("second"), "neither is taken over");
            assert!(warned());
        }
        remember(&prepared, None, None);
        assert!(warned(), "an answer that says nothing changes nothing");
        remember(&prepared, Some(&id("fourth")), Some(&columns(&["c"])));
        assert_eq!(known(&prepared), (id("fourth"), vec!["c".into()]));
        assert!(!warned(), "the next one is warned about again");
    }

    #[test]
    fn where_there_are_no_ids_the_latest_description_is_kept() {
        let prepared = prepared(FrameShape::new(ProtocolVersion::V4), b"", &["a"]);
        remember(&prepared, None, Some(&columns(&["a", "b"])));
        assert_eq!(known(&prepared), (Bytes::new(), vec!["a".into(), "b".into()]));
    }

    #[test]
    fn metadata_is_skipped_only_where_it_is_known_and_has_an_id() {
        let skips = |shape: FrameShape, id: &'static [u8], names: &[&str]| {
            let prepared = prepared(shape, id, names);
            let statement = PreparedStatement::new(Arc::clone(&prepared), Default::default()).expect("valid");
            statement.template().expect("valid").skips_metadata()
        };
        let v5 = FrameShape::new(ProtocolVersion::V5);
        let v4 = FrameShape::new(ProtocolVersion::V4);
        let mut scylla = v4;
        scylla.metadata_id = true;
        for (shape, id, names, expected) in [
            (v5, &b"id"[..], &["a"][..], true),
            (scylla, b"id", &["a"], true),
            (v4, b"id", &["a"], false),
            (v5, b"", &["a"], false),
            (scylla, b"", &["a"], false),
            (v5, b"id", &[], false),
        ] {
            assert_eq!(skips(shape, id, names), expected, "{shape:?} {id:?} {names:?}");
        }
    }
}

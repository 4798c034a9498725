//! Several statements as one request.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chorus_actors::{Preparation, Preparations, RequestKind, RequestOptions};
use chorus_protocol::request::{Batch as WireBatch, BatchStatement, begin_batch};
use chorus_protocol::{Opcode, begin_frame, finish_frame};

use super::Settings;
use super::execute::table_of;
use crate::Session;
use crate::error::{Error, UsageProblem};
use crate::observe::Outline;
use crate::result::QueryResult;
use crate::statement::{Batch, BatchMember, Route, token_of};

/// The most members the protocol can count.
const MOST_MEMBERS: usize = u16::MAX as usize;

/// Sends a batch.
pub(crate) async fn batch(session: &Session, batch: &Batch) -> Result<QueryResult, Error> {
    session.check_process()?;
    let mut request = session.inner.engine.request();
    let options = encode(session, batch, request.frame())?;
    request.options(options);
    let observed = session.inner.observers.batch(session, batch);
    super::finish(session, request.send(), None, observed).await
}

/// Writes a whole BATCH into the empty `frame`. The first member whose partition is known decides where it goes.
pub(super) fn encode(session: &Session, batch: &Batch, frame: &mut Vec<u8>) -> Result<RequestOptions, Error> {
    let shape = session.inner.engine.shape();
    let mut settings = Settings::resolve(&batch.options, &session.inner.defaults)?;
    settings.payload = payload_of(batch);
    if batch.members.len() > MOST_MEMBERS {
        return Err(UsageProblem::BatchTooLarge(batch.members.len()).into());
    }
    begin_frame(frame, shape.version, Opcode::Batch, settings.frame_flags(shape.version)?);
    settings.put_payload(frame)?;
    begin_batch(batch.kind.wire(), batch.members.len(), frame)?;

    let mut target = None;
    let mut partitions = session.inner.spanning_batches.watch(batch.kind);
    let mut lwt = false;
    let mut preparations: Vec<Arc<Preparation>> = Vec::new();
    for member in &batch.members {
        let bound = match member {
            BatchMember::Text(statement) => {
                BatchStatement::Query(&statement.text).encode(0, frame)?;
                if let Some(routing) = &statement.routing {
                    let routing = routing.as_ref().map_err(Clone::clone)?;
                    let place = routing.target(&session.inner.engine.peek_route());
                    partitions.add(place.0);
                    target.get_or_insert(place);
                }
                continue;
            }
            BatchMember::Bound(bound) => bound,
        };
        let prepared = &bound.prepared.shared;
        prepared.check_current()?;
        // Binding has counted the values against the markers, which the protocol counts in a short.
        BatchStatement::Prepared(&prepared.preparation.id).encode(prepared.bind.len() as u16, frame)?;
        frame.extend_from_slice(&bound.values);
        lwt |= prepared.lwt;
        if target.is_none() || partitions.are_watched() {
            let table = table_of(session, prepared)?;
            if let Some(token) = token_of(prepared, &bound.values, Route::ByToken)? {
                partitions.add(token);
                target.get_or_insert((token, table));
            }
        }
        if !preparations.iter().any(|known| Arc::ptr_eq(known, &prepared.preparation)) {
            preparations.push(Arc::clone(&prepared.preparation));
        }
    }
    let consistency_at = WireBatch {
        kind: batch.kind.wire(),
        entries: Vec::new(),
        consistency: settings.consistency,
        serial_consistency: settings.serial_consistency,
        timestamp: settings.stamp.next(),
        keyspace: batch.keyspace.as_deref(),
        now_in_seconds: settings.now_in_seconds,
    }
    .encode_tail(&shape, frame)?;
    finish_frame(frame, 0)?;

    if session.inner.spanning_batches.is_news(&partitions) {
        tracing::warn!(
            members = batch.members.len(),
            statement = %Outline::of(&batch.first_text().unwrap_or_default()).text,
            "a logged batch spans partitions: it takes longer than its members one by one; said once a session"
        );
    }
    let preparations = match preparations.len() {
        0 => Preparations::None,
        1 => Preparations::One(preparations.remove(0)),
        _ => Preparations::Many(preparations.into()),
    };
    let consistency_at = u32::try_from(consistency_at).ok();
    let mut options =
        settings.into_options(RequestKind::Batch, batch.options.idempotent, consistency_at, preparations);
    options.lwt = lwt;
    if let Some((token, table)) = target {
        options.token = Some(token);
        options.table = table;
    }
    Ok(options)
}

/// What its members send along, the later ones winning, and over them what the batch does.
fn payload_of(batch: &Batch) -> Option<Arc<BTreeMap<String, Bytes>>> {
    let of_members = batch.members.iter().filter_map(|member| match member {
        BatchMember::Text(statement) => statement.options.payload.as_ref(),
        BatchMember::Bound(bound) => bound.prepared.options.payload.as_ref(),
    });
    let mut all = of_members.chain(&batch.options.payload);
    let first = Arc::clone(all.next()?);
    Some(all.fold(first, |mut merged, payload| {
        let entries = payload.iter().map(|(key, value)| (key.clone(), value.clone()));
        Arc::make_mut(&mut merged).extend(entries);
        merged
    }))
}

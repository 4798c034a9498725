//! CQL text, sent as it is or, with values, prepared first.

use std::sync::LazyLock;

use chorus_actors::{Preparations, RequestOptions};
use chorus_protocol::request::{Query, QueryParameters};
use chorus_protocol::{
    ColumnSpec, CqlType, IntoRow, Opcode, ValueErrorReason, begin_frame, encode_row, finish_frame,
};

use super::page::send;
use super::prepare::prepare_shared;
use super::{AnyStatement, Settings};
use crate::Session;
use crate::error::Error;
use crate::observe::SpanOf;
use crate::result::{PagingState, QueryResult};
use crate::statement::{BoundStatement, PreparedStatement, Statement, kind_of};

/// Sends text, or the prepared form of text that has values.
pub(crate) async fn query(
    session: &Session,
    statement: Statement,
    values: impl IntoRow,
    page: Option<PagingState>,
) -> Result<QueryResult, Error> {
    if has_no_values(&values) {
        let statement = AnyStatement::Text(statement);
        return send(session, &statement, page.as_ref(), SpanOf::Request)?.finish(session).await;
    }
    let mut anew = false;
    loop {
        let bound = AnyStatement::Bound(prepare_kept(session, statement.clone()).await?.bind(&values)?);
        match send(session, &bound, page.as_ref(), SpanOf::Request)?.finish(session).await {
            // The caller never saw a prepared statement, so it is ours to prepare it anew. Nothing was written.
            Err(error) if !anew && error.is_of_outdated_statement() => anew = true,
            outcome => return outcome,
        }
    }
}

/// The prepared form of a text with its values.
pub(crate) async fn bind(
    session: &Session,
    statement: Statement,
    values: impl IntoRow,
) -> Result<BoundStatement, Error> {
    prepare_kept(session, statement).await?.bind(values)
}

/// The prepared form of a text that is likely to come again, though nobody holds it meanwhile.
pub(crate) async fn prepare_kept(
    session: &Session,
    statement: Statement,
) -> Result<PreparedStatement, Error> {
    let shared = prepare_shared(session, &statement).await?;
    session.inner.statements.keep(&shared);
    PreparedStatement::new(shared, statement.options)
}

/// Whether a row has no values at all. A row cannot be asked, but one that is offered a column says how many values it has.
pub(super) fn has_no_values(values: &impl IntoRow) -> bool {
    static PROBE: LazyLock<[ColumnSpec; 1]> = LazyLock::new(|| [ColumnSpec::new("", "", "", CqlType::Blob)]);
    match encode_row(values, &*PROBE, &mut Vec::new()) {
        Ok(()) => false,
        Err(error) => matches!(error.reason(), ValueErrorReason::ColumnCount { found: 0, .. }),
    }
}

/// Writes a whole QUERY into the empty `frame`.
pub(super) fn encode(
    session: &Session,
    statement: &Statement,
    page: Option<&PagingState>,
    frame: &mut Vec<u8>,
) -> Result<RequestOptions, Error> {
    let shape = session.inner.engine.shape();
    let kind = kind_of(&statement.text);
    let settings = Settings::resolve(&statement.options, &session.inner.defaults)?.of_kind(kind);
    begin_frame(frame, shape.version, Opcode::Query, settings.frame_flags(shape.version)?);
    settings.put_payload(frame)?;
    // The consistency stands behind the text and its length.
    let consistency_at = frame.len() + 4 + statement.text.len();
    Query {
        cql: &statement.text,
        parameters: QueryParameters {
            consistency: settings.consistency,
            page_size: settings.page_size,
            paging_state: page.map(PagingState::as_bytes),
            serial_consistency: settings.serial_consistency,
            timestamp: settings.stamp.next(),
            keyspace: statement.keyspace.as_deref(),
            now_in_seconds: settings.now_in_seconds,
            ..QueryParameters::default()
        },
    }
    .encode(&shape, frame)?;
    finish_frame(frame, 0)?;
    let mut options = settings.into_options(
        kind,
        statement.options.idempotent,
        u32::try_from(consistency_at).ok(),
        Preparations::None,
    );
    options.next_page = page.is_some();
    if let Some(routing) = &statement.routing {
        let (token, table) =
            routing.as_ref().map_err(Clone::clone)?.target(&session.inner.engine.peek_route());
        (options.token, options.table) = (Some(token), table);
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    #[test]
    fn only_rows_without_values_are_sent_as_text() {
        assert!(has_no_values(&()));
        assert!(has_no_values(&Vec::<i32>::new()));
        assert!(!has_no_values(&(1,)));
        assert!(!has_no_values(&(vec![1_u8],)), "also when the value would fit the probe");
        assert!(!has_no_values(&(1, "two")));
        assert!(!has_no_values(&[None::<i32>]));
        assert!(!has_no_values(&HashMap::from([("id", 1)])));
        assert!(!has_no_values(&BTreeMap::from([("", vec![1_u8])])));
    }
}

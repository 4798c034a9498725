//! Reading a trace until it is complete.

use std::time::{Duration, Instant};

use chorus_protocol::Uuid;

use super::{Columns, Trace, TraceEvent, TraceOptions};
use crate::Session;
use crate::error::{Error, ResultProblem};
use crate::result::QueryResult;
use crate::statement::Statement;

/// The pause before the second look; it doubles from look to look.
const FIRST_PAUSE: Duration = Duration::from_millis(3);

/// Pauses do not become longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// See [`Session::trace_with`](crate::Session::trace_with).
pub(crate) async fn fetch(session: &Session, id: Uuid, options: TraceOptions) -> Result<Trace, Error> {
    let limit = match options.limit {
        Some(limit) => limit.duration(),
        None => session.inner.trace_limit,
    };
    let began = Instant::now();
    let left = || limit.map(|limit| limit.saturating_sub(began.elapsed()));
    let unavailable = || Error::from(ResultProblem::TraceUnavailable { id, waited: began.elapsed() });
    let mut pause = FIRST_PAUSE;
    loop {
        if left().is_some_and(|left| left.is_zero()) {
            return Err(unavailable());
        }
        let header = match read(session, "sessions", id, options, left()).await {
            Ok(header) => header,
            Err(error) if error.is_timeout() => return Err(unavailable()),
            Err(error) => return Err(error),
        };
        let found = header.first_row::<Columns<'_>>()?.map(|row| Trace::from_columns(id, row));
        if let Some(mut trace) = found.filter(|trace| options.partial || trace.is_complete()) {
            let events = match read(session, "events", id, options, left()).await {
                Ok(events) => events,
                Err(error) if error.is_timeout() => return Err(unavailable()),
                Err(error) => return Err(error),
            };
            for row in events.rows::<Columns<'_>>()? {
                trace.events.extend(TraceEvent::from_columns(row?));
            }
            trace.events.sort_by_key(|event| event.at);
            return Ok(trace);
        }
        let now = pause.min(left().unwrap_or(pause));
        session.inner.engine.pause(now).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn read(
    session: &Session,
    table: &str,
    id: Uuid,
    options: TraceOptions,
    left: Option<Duration>,
) -> Result<QueryResult, Error> {
    // The whole row: servers differ in what they keep. The whole partition: it has some dozens of events.
    let statement = Statement::new(format!("SELECT * FROM system_traces.{table} WHERE session_id = {id}"))
        .consistency(options.consistency)
        .timeout(left)
        .page_size(0)
        .idempotent(true);
    session.query(statement, ()).await
}

//! What servers did for a traced request.
//!
//! A request asks to be traced ([`tracing`](crate::Statement::tracing)); its answer has an id, and servers write what they did
//! to the tables of `system_traces`, some time later. [`Session::trace`](crate::Session::trace) waits until it is all there.

mod fetch;
mod options;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use chorus_protocol::{CqlTimestamp, CqlTimeuuid, CqlValue, Uuid};

pub(crate) use fetch::fetch;
pub use options::TraceOptions;

/// What servers did for one request; see [`Session::trace`](crate::Session::trace). `Display` is a table of its events.
///
/// Of a trace that is not complete yet some parts are missing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// The id that the request's result had.
    pub id: Uuid,
    /// What was asked for, such as `Execute CQL3 query`.
    pub request: Option<String>,
    /// The time from the arrival of the request to its answer, as the host that coordinated it measured. `None` until it is
    /// over.
    pub duration: Option<Duration>,
    /// The host that coordinated the request.
    pub coordinator: Option<IpAddr>,
    /// The address of the program that asked, as the coordinator saw it.
    pub client: Option<IpAddr>,
    /// Details of the request: its text, consistency, page size and the like, as the server calls them.
    pub parameters: BTreeMap<String, String>,
    /// When the coordinator began, in milliseconds since 1970 by its clock.
    pub started_at: Option<CqlTimestamp>,
    /// What happened, on whichever host, the earliest first.
    pub events: Vec<TraceEvent>,
}

/// One step of a request on one host.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TraceEvent {
    /// What was done.
    pub description: String,
    /// When, by the clock of the host that did it.
    pub at: CqlTimeuuid,
    /// The host that did it.
    pub source: Option<IpAddr>,
    /// How long that host had been at the request.
    pub source_elapsed: Option<Duration>,
    /// The thread of the server, or the shard.
    pub thread: Option<String>,
}

impl TraceEvent {
    /// When it was done, in microseconds since 1970.
    pub fn unix_micros(&self) -> i64 {
        self.at.unix_ticks() / 10
    }
}

impl Trace {
    /// Whether the coordinator has written everything it writes at the end. Events of other hosts may still come.
    pub fn is_complete(&self) -> bool {
        self.duration.is_some() && self.started_at.is_some()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.request.as_deref().unwrap_or("trace"), self.id)?;
        match self.duration {
            Some(duration) => write!(f, ", {} µs", duration.as_micros())?,
            None => write!(f, ", not complete")?,
        }
        for event in &self.events {
            match event.source_elapsed {
                Some(elapsed) => write!(f, "\n{:>9} µs", elapsed.as_micros())?,
                None => write!(f, "\n{:>12}", "")?,
            }
            match event.source {
                Some(source) => write!(f, "  {source}  {}", event.description)?,
                None => write!(f, "  {}", event.description)?,
            }
        }
        Ok(())
    }
}

/// A row of one of the tables, by column.
type Columns<'f> = std::collections::HashMap<&'f str, Option<CqlValue>>;

/// Takes a column that may be missing, null, or of another type than expected: servers differ.
fn take<T>(row: &mut Columns<'_>, column: &str, read: impl FnOnce(CqlValue) -> Option<T>) -> Option<T> {
    read(row.remove(column)??)
}

fn text(value: CqlValue) -> Option<String> {
    match value {
        CqlValue::Text(text) | CqlValue::Ascii(text) => Some(text.to_string()),
        _ => None,
    }
}

fn address(value: CqlValue) -> Option<IpAddr> {
    match value {
        CqlValue::Inet(address) => Some(address),
        _ => None,
    }
}

fn microseconds(value: CqlValue) -> Option<Duration> {
    u64::try_from(value.as_i64()?).ok().map(Duration::from_micros)
}

impl Trace {
    /// From a row of `system_traces.sessions`.
    fn from_columns(id: Uuid, mut row: Columns<'_>) -> Self {
        Self {
            id,
            request: take(&mut row, "request", text),
            duration: take(&mut row, "duration", microseconds),
            coordinator: take(&mut row, "coordinator", address),
            client: take(&mut row, "client", address),
            parameters: take(&mut row, "parameters", parameters).unwrap_or_default(),
            started_at: take(&mut row, "started_at", |value| match value {
                CqlValue::Timestamp(at) => Some(at),
                _ => None,
            }),
            events: Vec::new(),
        }
    }
}

fn parameters(value: CqlValue) -> Option<BTreeMap<String, String>> {
    let CqlValue::Map(entries) = value else { return None };
    Some(entries.into_iter().filter_map(|(key, value)| Some((text(key)?, text(value?)?))).collect())
}

impl TraceEvent {
    /// From a row of `system_traces.events`; `None` without a time, which is the key and never missing.
    fn from_columns(mut row: Columns<'_>) -> Option<Self> {
        Some(Self {
            at: take(&mut row, "event_id", |value| match value {
                CqlValue::Timeuuid(at) => Some(at),
                _ => None,
            })?,
            description: take(&mut row, "activity", text).unwrap_or_default(),
            source: take(&mut row, "source", address),
            source_elapsed: take(&mut row, "source_elapsed", microseconds),
            thread: take(&mut row, "thread", text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_other_types_than_expected_are_left_out() {
        let row = Columns::from([
            ("request", Some(CqlValue::Int(1))),
            ("duration", Some(CqlValue::Int(-1))),
            ("started_at", None),
            ("coordinator", Some(CqlValue::Inet([10, 0, 0, 1].into()))),
            ("unheard_of", Some(CqlValue::Boolean(true))),
        ]);
        let trace = Trace::from_columns(Uuid::nil(), row);
        assert_eq!((trace.request.as_deref(), trace.duration), (None, None));
        assert_eq!(trace.coordinator, Some([10, 0, 0, 1].into()));
        assert!(!trace.is_complete() && trace.parameters.is_empty());
        assert!(TraceEvent::from_columns(Columns::from([("event_id", Some(CqlValue::Int(1)))])).is_none());
    }

    #[test]
    fn a_trace_is_shown_as_a_table_of_its_events() {
        let event = TraceEvent {
            description: "Parsing".into(),
            at: CqlTimeuuid::min_at(1_000),
            source: Some([10, 0, 0, 1].into()),
            source_elapsed: Some(Duration::from_micros(42)),
            thread: None,
        };
        assert_eq!(event.unix_micros(), 1_000_000);
        let without_source = TraceEvent { source: None, source_elapsed: None, ..event.clone() };
        let row = Columns::from([("request", Some(CqlValue::Text("Execute CQL3 query".into())))]);
        let mut trace = Trace::from_columns(Uuid::nil(), row);
        trace.events = vec![event, without_source];
        let expected = "Execute CQL3 query 00000000-0000-0000-0000-000000000000, not complete\n       \
                        42 µs  10.0.0.1  Parsing\n              Parsing";
        assert_eq!(trace.to_string(), expected);
    }
}

//! The log of slow requests: a line for a request that took longer than it should, and not more lines than anybody reads.
//!
//! What is bound is not shown unless that was asked for, nor is what a server says about a failure, which may quote it.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chorus_actors::Effort;
use chorus_protocol::request::Values as WireValues;
use chorus_protocol::{BoundValue, ColumnSpec, CqlValue, FromCql};

use super::{Subject, label};
use crate::Session;
use crate::error::{Attempts, Error};
use crate::request::AnyStatement;
use crate::result::QueryResult;
use crate::statement::{Batch, BatchMember, BoundStatement, Statement};

/// Logs requests that take long; see [`SessionBuilder::slow_requests`](crate::SessionBuilder::slow_requests).
///
/// Each line is a `tracing` event at the level WARN with the target `chorus::slow`: how long it took and where, the statement without
/// its literals, the host that answered, attempts that failed, retries, and how many slow requests got no line since the last one.
/// A request that fails is logged when it took as long, such as one that timed out.
///
/// Told are single requests, batches, pages, and the items of
/// [`execute_concurrent`](crate::Session::execute_concurrent), for which host and stages are not known. Rows of bulk inserts are
/// not: they wait on purpose.
///
/// ```no_run
/// # async fn example() -> Result<(), chorus::Error> {
/// use std::time::Duration;
///
/// use chorus::{Session, SlowRequestLog};
///
/// let slow = SlowRequestLog::over(Duration::from_millis(200)).one_in(10);
/// let session = Session::builder().contact_point("db.example").slow_requests(slow).connect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SlowRequestLog {
    over: Duration,
    one_in: u32,
    values: bool,
    text: usize,
    a_second: u32,
}

impl SlowRequestLog {
    /// A log of requests that take longer than this, from their first poll to their result.
    pub fn over(threshold: Duration) -> Self {
        Self { over: threshold, one_in: 1, values: false, text: 500, a_second: 10 }
    }

    /// Logs the first of so many slow requests, and counts the others. Zero is an error of
    /// [`connect`](crate::SessionBuilder::connect). Defaults to 1: all.
    #[must_use]
    pub fn one_in(mut self, requests: u32) -> Self {
        self.one_in = requests;
        self
    }

    /// Shows what was bound, each value as a CQL literal of at most 64 characters, and the text as the program wrote it, with
    /// its literals; also what the server says about a failure. They may be what nobody should read in a log: passwords, names,
    /// keys. Defaults to false.
    #[must_use]
    pub fn show_values(mut self, show: bool) -> Self {
        self.values = show;
        self
    }

    /// The most characters of a text that are shown. Defaults to 500.
    #[must_use]
    pub fn longest_text(mut self, characters: usize) -> Self {
        self.text = characters;
        self
    }

    /// The most lines a second; slow requests beyond are counted, and the next line tells how many there were. Zero is an error
    /// of [`connect`](crate::SessionBuilder::connect). Defaults to 10.
    #[must_use]
    pub fn lines_a_second(mut self, lines: u32) -> Self {
        self.a_second = lines;
        self
    }

    /// Whether it would never log anything.
    pub(crate) fn is_silent(&self) -> bool {
        self.one_in == 0 || self.a_second == 0
    }
}

/// The log of a session.
#[derive(Debug)]
pub(super) struct SlowLog {
    options: SlowRequestLog,
    began: Instant,
    /// Slow requests so far.
    seen: AtomicU64,
    gate: Gate,
    /// Those without a line since the last line.
    left_out: AtomicU64,
}

impl SlowLog {
    pub(super) fn new(options: SlowRequestLog) -> Self {
        let gate = Gate { a_second: options.a_second, window: AtomicU64::new(0) };
        Self { options, began: Instant::now(), seen: AtomicU64::new(0), gate, left_out: AtomicU64::new(0) }
    }

    pub(super) fn wants_values(&self) -> bool {
        self.options.values
    }

    /// Whether a slow request gets a line, and how many before it did not.
    fn admit(&self) -> Option<u64> {
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        let sampled = number.is_multiple_of(u64::from(self.options.one_in.max(1)));
        if sampled && self.gate.admit(self.began.elapsed().as_secs()) {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// So many a second and no more.
#[derive(Debug)]
struct Gate {
    a_second: u32,
    /// The second, and how many it has had.
    window: AtomicU64,
}

impl Gate {
    fn admit(&self, second: u64) -> bool {
        // Seconds from one on, so that the window a gate begins with is none.
        let second = (second + 1) & u64::from(u32::MAX);
        let taken = self.window.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |window| {
            let used = if window >> 32 == second { window & u64::from(u32::MAX) } else { 0 };
            (used < u64::from(self.a_second)).then_some(second << 32 | (used + 1))
        });
        taken.is_ok()
    }
}

/// What was bound, kept for a line about it.
#[derive(Clone, Debug)]
pub(super) enum Values {
    /// Nothing, or nobody wants to know.
    None,
    Text(Statement),
    Bound(BoundStatement),
    Batch(Batch),
}

impl Values {
    pub(super) fn of(statement: &AnyStatement) -> Self {
        match statement {
            AnyStatement::Text(statement) => Self::Text(statement.clone()),
            AnyStatement::Bound(bound) => Self::Bound(bound.clone()),
            AnyStatement::Batch(batch) => Self::Batch(batch.clone()),
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Watched {
    log: Arc<SlowLog>,
    subject: Subject,
    values: Values,
}

impl Watched {
    pub(super) fn new(log: &Arc<SlowLog>, subject: Subject, values: Values) -> Self {
        Self { log: Arc::clone(log), subject, values }
    }

    pub(super) fn end(
        &self,
        session: &Session,
        outcome: &Result<QueryResult, Error>,
        effort: Effort,
        took: Duration,
    ) {
        if took < self.log.options.over {
            return;
        }
        let Some(left_out) = self.log.admit() else { return };
        let options = &self.log.options;
        let text = match &self.values {
            Values::Text(statement) => shortened(statement.text(), options.text),
            _ => shortened(&self.subject.outline.text, options.text),
        };
        let values = bound(&self.values);
        let route = session.inner.engine.peek_route();
        let host = effort.host.and_then(|host| route.host(host)).map(|known| &known.host);
        let address = host.map(|host| host.address.to_string());
        let (error, said) = match outcome {
            Ok(_) => (None, None),
            Err(error) => (Some(label::of_error(error)), options.values.then(|| error.to_string())),
        };
        let attempts = match outcome {
            Ok(result) => attempts(result.attempts_made()),
            Err(error) => attempts(error.attempts_made()),
        };
        let server = effort.host.map(|_| took.saturating_sub(effort.until_attempt + effort.until_written));
        let answer = outcome.as_ref().ok();
        tracing::warn!(
            target: "chorus::slow",
            took_ms = millis(took),
            text,
            values,
            keyspace = self.subject.keyspace.as_deref(),
            host = address,
            datacenter = host.map(|host| &*host.datacenter),
            error,
            said,
            attempts,
            retries = effort.host.map(|_| effort.retries),
            speculative = (effort.speculative > 0).then_some(effort.speculative),
            // The stages: until the last attempt began, in the connection's queue, and from then until the answer was read.
            until_attempt_ms = effort.host.map(|_| millis(effort.until_attempt)),
            queued_ms = effort.host.map(|_| millis(effort.until_written)),
            answered_ms = server.map(millis),
            consistency = self.subject.consistency.name(),
            page_size = self.subject.page_size,
            rows = answer.filter(|result| result.is_rows()).map(|result| result.row_count() as u64),
            request_bytes = answer.and_then(QueryResult::request_bytes).map(|bytes| bytes as u64),
            left_out,
            "a request was slow"
        );
    }
}

/// Milliseconds with three digits behind the point.
fn millis(time: Duration) -> f64 {
    (time.as_micros() as f64) / 1_000.0
}

/// At most so many characters of a text.
fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The attempts that failed, in a line; `None` when there are none.
fn attempts(attempts: Attempts<'_>) -> Option<String> {
    let mut line = String::new();
    for (failure, after) in attempts.filter_map(|attempt| attempt.of_request()).take(16) {
        let separator = if line.is_empty() { "" } else { "; " };
        let what = label::of_attempt(failure);
        let _ = write!(line, "{separator}{} after {} ms: {what}", failure.host, millis(after));
    }
    (!line.is_empty()).then_some(line)
}

/// The most characters of a value that are shown.
const LONGEST_VALUE: usize = 64;
/// The most values that are shown.
const MOST_VALUES: usize = 32;

/// What was bound, in a line; `None` when nothing was kept.
fn bound(values: &Values) -> Option<String> {
    let mut shown = Vec::new();
    match values {
        Values::None | Values::Text(_) => return None,
        Values::Bound(bound) => show(bound, &mut shown),
        Values::Batch(batch) => {
            let bound = batch.members().iter().filter_map(|member| match member {
                BatchMember::Bound(bound) => Some(bound),
                BatchMember::Text(_) => None,
            });
            bound.take(MOST_VALUES).for_each(|bound| show(bound, &mut shown));
        }
    }
    let more = if shown.len() > MOST_VALUES { ", …" } else { "" };
    shown.truncate(MOST_VALUES);
    (!shown.is_empty()).then(|| shown.join(", ") + more)
}

fn show(bound: &BoundStatement, shown: &mut Vec<String>) {
    let columns = &bound.prepared.shared.bind;
    let values = WireValues::Positional { count: columns.len() as u16, bytes: &bound.values };
    for (column, (_, value)) in columns.iter().zip(values.iter()).take(MOST_VALUES + 1) {
        shown.push(format!("{} = {}", column.name, shortened(&literal(column, value), LONGEST_VALUE)));
    }
}

fn literal(column: &ColumnSpec, value: BoundValue<'_>) -> String {
    let bytes = match value {
        BoundValue::Null => return "NULL".to_owned(),
        BoundValue::Unset => return "UNSET".to_owned(),
        BoundValue::Bytes(bytes) => bytes,
    };
    match CqlValue::from_cql(&column.typ, Some(bytes)) {
        Ok(value) => value.to_string(),
        Err(_) => format!("{} bytes", bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_a_second_are_admitted_and_the_rest_is_counted() {
        let gate = Gate { a_second: 2, window: AtomicU64::new(0) };
        assert_eq!([gate.admit(0), gate.admit(0), gate.admit(0)], [true, true, false]);
        assert_eq!([gate.admit(1), gate.admit(1), gate.admit(1)], [true, true, false]);
        assert!(gate.admit(500));

        let log = SlowLog::new(SlowRequestLog::over(Duration::ZERO).one_in(3).lines_a_second(u32::MAX));
        let admitted: Vec<_> = (0..7).map(|_| log.admit()).collect();
        assert_eq!(admitted, [Some(0), None, None, Some(2), None, None, Some(2)]);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöü", 2), "äö…");
        assert_eq!(shortened("äöü", 0), "…");
        assert_eq!(shortened("", 0), "");
    }
}

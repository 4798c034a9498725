//! What goes into an execution and what comes out of it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use chorus_protocol::{ColumnSpec, Consistency, SchemaChange};

use crate::cql::CqlError;

/// Everything about one execution that is neither the statement nor its values.
#[derive(Debug, Clone, Copy)]
pub struct ExecContext<'a> {
    /// The connection's keyspace, for statements that name none.
    pub keyspace: Option<&'a str>,
    /// What the client asked for. The store has one copy of everything; it is checked where CQL restricts it, such as
    /// `ANY` for reads.
    pub consistency: Consistency,
    /// Microseconds since the epoch that writes get when their text does not say; the node's own clock if `None`.
    pub timestamp: Option<i64>,
    /// Microseconds since the epoch: the time at which values expire and `now()` is evaluated.
    pub now: i64,
    /// Most rows in one answer; `None` or a number below 1 for all of them.
    pub page_size: Option<i32>,
    /// Where the previous page ended.
    pub paging_state: Option<&'a [u8]>,
    /// The number of the node that answers: what system tables say depends on it.
    pub coordinator: usize,
}

impl<'a> ExecContext<'a> {
    /// Consistency ONE, now, everything in one page.
    pub fn new(keyspace: Option<&'a str>) -> Self {
        Self {
            keyspace,
            consistency: Consistency::One,
            timestamp: None,
            now: now_micros(),
            page_size: None,
            paging_state: None,
            coordinator: 0,
        }
    }
}

/// Microseconds since the epoch by the machine's clock.
pub(crate) fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// What a statement led to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Done, and there is nothing to tell.
    Void,
    /// Rows: of a SELECT, or the `[applied]` of a conditional write.
    Rows(RowSet),
    /// The connection's keyspace from now on.
    SetKeyspace(String),
    /// The schema is another one now.
    SchemaChange(SchemaChange),
}

/// Rows in the layout of the wire, ready to be copied into an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct RowSet {
    /// What each cell of a row is.
    pub columns: Arc<[ColumnSpec]>,
    /// How many rows `content` holds.
    pub row_count: u32,
    /// Row after row, cell after cell: an `[int]` length (-1 for null) and that many bytes.
    pub content: Bytes,
    /// Where the next page begins; `None` when this is the last.
    pub paging_state: Option<Bytes>,
}

impl RowSet {
    /// The cells one by one, for those who inspect rather than forward.
    pub fn rows(&self) -> Vec<Vec<Option<Bytes>>> {
        let mut content = self.content.clone();
        let mut cell = || {
            let length = content.split_to(4.min(content.len()));
            let length = i32::from_be_bytes(<[u8; 4]>::try_from(&*length).ok()?);
            let length = usize::try_from(length).ok()?;
            (length <= content.len()).then(|| content.split_to(length))
        };
        (0..self.row_count).map(|_| self.columns.iter().map(|_| cell()).collect()).collect()
    }
}

/// The answer to a statement.
pub type ExecResult = Result<Outcome, CqlError>;

//! Writing one answer.

use bytes::Bytes;
use chorus_protocol::response::{DbError, ErrorBody, Response, ResultBody, RowsBody};
use chorus_protocol::{FrameShape, Opcode, flags};
use uuid::Uuid;

use super::outbound::Outbound;
use super::statement::metadata;
use crate::cql::{CqlError, CqlErrorKind};
use crate::execute::RowSet;

/// The kind of a RESULT that says nothing.
const VOID: [u8; 4] = [0, 0, 0, 1];

/// An answer about to be written to a client.
pub(crate) struct Reply<'a> {
    out: &'a mut Outbound,
    shape: &'a FrameShape,
    stream: i16,
    tracing: Option<Uuid>,
    /// A `[bytes map]`.
    payload: Option<&'a [u8]>,
}

/// How much a client wants to know about the columns of its rows.
#[derive(Debug, Clone)]
pub(crate) enum Columns {
    /// All.
    Full,
    /// All, and that they are others than the client knows, with their new name.
    Changed(Bytes),
    /// Nothing: the client knows.
    Skipped,
}

impl<'a> Reply<'a> {
    pub(crate) fn new(out: &'a mut Outbound, shape: &'a FrameShape, stream: i16) -> Self {
        Self { out, shape, stream, tracing: None, payload: None }
    }

    /// Tells the client where to find the trace of its request.
    pub(crate) fn traced(mut self, session: Option<Uuid>) -> Self {
        self.tracing = session;
        self
    }

    /// Puts a custom payload, encoded as a `[bytes map]`, before the answer.
    pub(crate) fn with_payload(mut self, payload: Option<&'a [u8]>) -> Self {
        self.payload = payload;
        self
    }

    /// Nothing to tell.
    #[inline]
    pub(crate) fn void(mut self) {
        let start = self.begin(Opcode::Result);
        self.out.envelopes().extend_from_slice(&VOID);
        self.out.finish(start);
    }

    pub(crate) fn rows(self, rows: &RowSet, columns: Columns) {
        let mut metadata = metadata(&rows.columns);
        metadata.paging_state = rows.paging_state.clone();
        match columns {
            Columns::Full => {}
            Columns::Changed(id) => metadata.new_metadata_id = Some(id),
            Columns::Skipped => metadata.columns = None,
        }
        let body = RowsBody { metadata, row_count: rows.row_count, content: rows.content.clone() };
        self.response(&Response::Result(ResultBody::Rows(body)));
    }

    pub(crate) fn error(self, error: DbError, message: String) {
        let code = error.code().unwrap_or_default();
        self.response(&Response::Error(ErrorBody { code, message, error }));
    }

    /// What the database refused a statement with.
    pub(crate) fn refusal(self, refusal: CqlError) {
        let error = match refusal.kind {
            CqlErrorKind::Server => DbError::ServerError,
            CqlErrorKind::Protocol => DbError::ProtocolError,
            CqlErrorKind::Overloaded => DbError::Overloaded,
            CqlErrorKind::Syntax => DbError::SyntaxError,
            CqlErrorKind::Unauthorized => DbError::Unauthorized,
            CqlErrorKind::Invalid => DbError::Invalid,
            CqlErrorKind::Config => DbError::ConfigError,
            CqlErrorKind::AlreadyExists { keyspace, table } => {
                DbError::AlreadyExists { keyspace, table: Some(table).filter(|table| !table.is_empty()) }
            }
            // Whoever prepared the statement is told so by its id; for others it is the server's own affair.
            CqlErrorKind::Stale => DbError::ServerError,
            CqlErrorKind::Function { keyspace, function, arguments } => {
                DbError::FunctionFailure { keyspace, function, argument_types: arguments }
            }
        };
        self.error(error, refusal.message);
    }

    pub(crate) fn response(mut self, response: &Response) {
        let start = self.begin(response.opcode());
        let shape = self.shape;
        match response.encode(shape, self.out.envelopes()) {
            Ok(_) => self.out.finish(start),
            Err(error) => {
                self.out.discard(start);
                let body = ErrorBody { code: 0, message: error.to_string(), error: DbError::ServerError };
                let start = self.begin(Opcode::Error);
                // A sentence fits into any envelope.
                if Response::Error(body).encode(shape, self.out.envelopes()).is_ok() {
                    self.out.finish(start);
                } else {
                    self.out.discard(start);
                }
            }
        }
    }

    #[inline]
    fn begin(&mut self, opcode: Opcode) -> usize {
        let tracing = if self.tracing.is_some() { flags::TRACING } else { 0 };
        let payload = if self.payload.is_some() { flags::CUSTOM_PAYLOAD } else { 0 };
        let envelopes = self.out.envelopes();
        let start = envelopes.len();
        let [high, low] = self.stream.to_be_bytes();
        envelopes.extend_from_slice(&[
            self.shape.version.as_u8() | 0x80,
            tracing | payload,
            high,
            low,
            opcode.as_u8(),
            0,
            0,
            0,
            0,
        ]);
        if let Some(session) = self.tracing {
            envelopes.extend_from_slice(session.as_bytes());
        }
        envelopes.extend_from_slice(self.payload.unwrap_or_default());
        start
    }
}

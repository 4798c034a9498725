//! Requests the engine makes for itself: their frames, and their answers taken apart.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chorus_protocol::request::{EventKind, Query, QueryParameters, Register};
use chorus_protocol::response::{DbError, Envelope, Response, ResultBody, RowsBody};
use chorus_protocol::{
    Consistency, EncodeError, FrameShape, FromRow, Opcode, ValueError, begin_frame, finish_frame, flags,
};
use thiserror::Error;

use crate::connection::ConnectionHandle;
use crate::connection::handshake::{ConnectError, Phase};
use crate::request::{Reply, RequestError, RequestErrorKind};

/// Answers with more bytes of rows are taken apart on another thread: a quarter of a megabyte takes half a millisecond.
const MOST_BYTES_HERE: usize = 256 * 1024;

/// Why an internal request did not bring what it was made for.
#[derive(Debug, Clone, Error)]
pub(crate) enum InternalError {
    /// It was not answered, or with an error.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The answer could not be understood.
    #[error("{0}")]
    Answer(String),
    /// The same, with the query it was an answer to.
    #[error("{query}: {cause}")]
    Query {
        /// The query.
        query: String,
        /// What happened to it.
        cause: Box<InternalError>,
    },
}

impl InternalError {
    /// The server answered with an error: it lives, but does not know what it was asked for.
    pub(crate) fn is_database(&self) -> bool {
        match self {
            Self::Request(error) => matches!(error.kind(), RequestErrorKind::Database(_)),
            Self::Answer(_) => false,
            Self::Query { cause, .. } => cause.is_database(),
        }
    }

    /// The server answered that there is no such thing, which asking again would not change.
    pub(crate) fn is_refused(&self) -> bool {
        match self {
            Self::Request(error) => match error.kind() {
                RequestErrorKind::Database(body) => {
                    matches!(body.error, DbError::Invalid | DbError::SyntaxError | DbError::Unauthorized)
                }
                _ => false,
            },
            Self::Answer(_) => false,
            Self::Query { cause, .. } => cause.is_refused(),
        }
    }

    /// What it means for a connection that is being set up.
    pub(crate) fn into_connect(self, during: Phase) -> ConnectError {
        let mut cause = &self;
        while let Self::Query { cause: inner, .. } = cause {
            cause = inner;
        }
        match cause {
            Self::Request(error) => match error.kind() {
                RequestErrorKind::ConnectionLost { .. } => ConnectError::Closed { during },
                RequestErrorKind::Database(body) if during == Phase::Probe => {
                    ConnectError::Server(Arc::new(body.clone()))
                }
                RequestErrorKind::Timeout { after, .. } => ConnectError::Timeout { during, limit: *after },
                _ if during == Phase::Metadata => ConnectError::Metadata { reason: self.to_string().into() },
                _ => ConnectError::protocol(during, self.to_string()),
            },
            _ if during == Phase::Metadata => ConnectError::Metadata { reason: self.to_string().into() },
            _ => ConnectError::protocol(during, self.to_string()),
        }
    }

    /// The same, told with the query it happened to.
    pub(crate) fn during(self, query: &str) -> Self {
        Self::Query { query: query.to_owned(), cause: Box::new(self) }
    }
}

/// An OPTIONS frame: is anybody there?
pub(crate) fn options_frame(shape: &FrameShape) -> Vec<u8> {
    frame(shape, Opcode::Options, |_| Ok(())).expect("an empty body always fits")
}

/// A QUERY without values, at consistency ONE.
pub(crate) fn query_frame(shape: &FrameShape, text: &str) -> Result<Vec<u8>, EncodeError> {
    paged_query_frame(shape, text, None, None)
}

fn paged_query_frame(
    shape: &FrameShape,
    text: &str,
    page_size: Option<i32>,
    paging_state: Option<&[u8]>,
) -> Result<Vec<u8>, EncodeError> {
    let parameters = QueryParameters {
        consistency: Consistency::One,
        page_size,
        paging_state,
        ..QueryParameters::default()
    };
    frame(shape, Opcode::Query, |body| Query { cql: text, parameters }.encode(shape, body))
}

/// A REGISTER frame for the events the engine acts upon. Servers that have no routes do not know their event.
pub(crate) fn register_frame(shape: &FrameShape, with_routes: bool) -> Result<Vec<u8>, EncodeError> {
    let mut events = vec![EventKind::TopologyChange, EventKind::StatusChange, EventKind::SchemaChange];
    events.extend(with_routes.then_some(EventKind::ClientRoutesChange));
    frame(shape, Opcode::Register, |body| Register { events }.encode(body))
}

/// A whole frame without flags.
pub(crate) fn frame(
    shape: &FrameShape,
    opcode: Opcode,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(256);
    let start = begin_frame(&mut out, shape.version, opcode, 0);
    body(&mut out)?;
    finish_frame(&mut out, start)?;
    Ok(out)
}

/// Sends a frame and decodes what comes back.
pub(crate) async fn ask(
    connection: &ConnectionHandle,
    frame: Result<Vec<u8>, EncodeError>,
    timeout: Duration,
) -> Result<Response, InternalError> {
    let frame = frame.map_err(|error| InternalError::Answer(error.to_string()))?;
    let reply = connection.request(frame, timeout).await?;
    decode(connection, reply).map_err(|error| InternalError::Answer(error.to_string()))
}

/// Runs a query and reads all its pages.
pub(crate) async fn pages(
    connection: &ConnectionHandle,
    text: &str,
    page_size: Option<i32>,
    timeout: Duration,
) -> Result<Vec<RowsBody>, InternalError> {
    let (mut pages, mut state) = (Vec::new(), None::<Bytes>);
    loop {
        let frame = paged_query_frame(&connection.shape, text, page_size, state.as_deref());
        let rows = match ask(connection, frame, timeout).await? {
            Response::Result(ResultBody::Rows(rows)) => rows,
            other => return Err(InternalError::Answer(format!("rows were expected, not {other:?}"))),
        };
        let next = rows.metadata.paging_state.clone().filter(|state| !state.is_empty());
        pages.push(rows);
        match next {
            // A server that repeats itself would be read for ever.
            Some(next) if state.as_ref() == Some(&next) => {
                return Err(InternalError::Answer("the paging state does not advance".into()));
            }
            Some(next) => state = Some(next),
            None => return Ok(pages),
        }
    }
}

/// Runs a query and reads all its rows.
pub(crate) async fn rows<T>(
    connection: &ConnectionHandle,
    text: &str,
    page_size: Option<i32>,
    timeout: Duration,
) -> Result<Vec<T>, InternalError>
where
    T: for<'f> FromRow<'f> + Send + 'static,
{
    take_apart(pages(connection, text, page_size, timeout).await?).await
}

/// The rows of pages.
async fn take_apart<T>(pages: Vec<RowsBody>) -> Result<Vec<T>, InternalError>
where
    T: for<'f> FromRow<'f> + Send + 'static,
{
    let bytes = pages.iter().map(|page| page.content.len()).sum();
    let decode = move || -> Result<Vec<T>, ValueError> {
        let mut all = Vec::new();
        for page in &pages {
            for row in page.rows::<T>()? {
                all.push(row?);
            }
        }
        Ok(all)
    };
    read_where_it_harms_nobody(bytes, decode).await?.map_err(|error| InternalError::Answer(error.to_string()))
}

/// Reads rows of so many bytes; large ones on another thread, because a reactor has requests to serve meanwhile.
pub(crate) async fn read_where_it_harms_nobody<R: Send + 'static>(
    bytes: usize,
    read: impl FnOnce() -> R + Send + 'static,
) -> Result<R, InternalError> {
    if bytes <= MOST_BYTES_HERE {
        return Ok(read());
    }
    let elsewhere = tokio::task::spawn_blocking(read).await;
    elsewhere.map_err(|error| InternalError::Answer(format!("its rows were not read: {error}")))
}

fn decode(connection: &ConnectionHandle, reply: Reply) -> Result<Response, Box<dyn std::error::Error>> {
    let (opcode, header_flags) = (reply.opcode(), reply.flags());
    let mut body = reply.into_bytes();
    if header_flags & flags::COMPRESSED != 0
        && let Some(compression) = connection.compression
    {
        let limit = chorus_protocol::DEFAULT_MAX_FRAME_LENGTH as usize;
        body = compression.decompress_body(&body, limit)?.into();
    }
    let envelope = Envelope::split(header_flags, body)?;
    Ok(Response::decode(opcode, envelope.body, &connection.shape)?)
}

#[cfg(test)]
mod tests {
    use std::thread::ThreadId;

    use chorus_protocol::{ColumnSpec, RowCells, RowsMetadata};

    use super::*;

    /// Where a row was read.
    struct ReadAt(ThreadId);

    impl<'f> FromRow<'f> for ReadAt {
        fn check(_: &[ColumnSpec]) -> Result<(), ValueError> {
            Ok(())
        }

        fn from_row(_: &'f [ColumnSpec], _: &mut RowCells<'f>) -> Result<Self, ValueError> {
            Ok(Self(std::thread::current().id()))
        }
    }

    /// A page of one row, whose only cell has so many bytes.
    fn page(bytes: usize) -> RowsBody {
        let column = ColumnSpec::new("ks", "t", "v", chorus_protocol::CqlType::Blob);
        let mut content = i32::try_from(bytes).unwrap().to_be_bytes().to_vec();
        content.resize(bytes + 4, 0);
        RowsBody { metadata: RowsMetadata::new(vec![column]), row_count: 1, content: content.into() }
    }

    #[tokio::test]
    async fn only_large_answers_are_taken_apart_on_another_thread() {
        let here = std::thread::current().id();
        let few = take_apart::<ReadAt>(vec![page(100), page(200)]).await.unwrap();
        assert!(few.len() == 2 && few.iter().all(|row| row.0 == here));
        let many = take_apart::<ReadAt>(vec![page(MOST_BYTES_HERE / 2), page(MOST_BYTES_HERE / 2)]).await;
        assert!(many.unwrap().iter().all(|row| row.0 != here));
    }
}

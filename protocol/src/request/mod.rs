//! Requests, one message per file.
//!
//! `encode` appends a message's body; the caller frames it with [`begin_frame`](crate::begin_frame) and
//! [`finish_frame`](crate::finish_frame). `decode` reads it back, borrowing from the body, for servers.

mod auth_response;
mod batch;
mod execute;
mod parameters;
mod prepare;
mod query;
mod register;
mod startup;

use bytes::Bytes;

pub use auth_response::AuthResponse;
pub use batch::{Batch, BatchEntry, BatchKind, BatchStatement, begin_batch};
pub use execute::{Execute, execute_prefix, execute_suffix};
pub use parameters::{QueryParameters, Values, ValuesIter, query_flags};
pub use prepare::Prepare;
pub use query::Query;
pub use register::{EventKind, Register};
pub use startup::Startup;

use crate::error::{DecodeError, EncodeError};
use crate::frame::{CustomPayload, FrameHeader, FrameShape, Opcode, flags};
use crate::wire::Reader;

/// A request of any kind, borrowing from its body.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the names are the protocol's own
pub enum Request<'a> {
    Startup(Startup),
    Options,
    Query(Query<'a>),
    Prepare(Prepare<'a>),
    Execute(Execute<'a>),
    Batch(Batch<'a>),
    Register(Register),
    AuthResponse(AuthResponse<'a>),
}

/// A request and what surrounds it.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestEnvelope<'a> {
    /// The client wants it traced.
    pub tracing: bool,
    /// Named bytes for whoever understands them.
    pub custom_payload: CustomPayload,
    /// The request.
    pub request: Request<'a>,
}

impl<'a> Request<'a> {
    /// Reads the body that belongs to `header`, already decompressed.
    ///
    /// # Errors
    /// When the opcode is no request's or the body is malformed. Bytes after the end are ignored.
    pub fn decode(
        header: &FrameHeader,
        body: &'a Bytes,
        shape: &FrameShape,
    ) -> Result<RequestEnvelope<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let custom_payload = if header.flags & flags::CUSTOM_PAYLOAD != 0 {
            CustomPayload::decode(&mut reader, body)?
        } else {
            CustomPayload::new()
        };
        let request = match Opcode::try_from(header.opcode)? {
            Opcode::Startup => Self::Startup(Startup::decode(&mut reader)?),
            Opcode::Options => Self::Options,
            Opcode::Query => Self::Query(Query::decode(&mut reader, shape)?),
            Opcode::Prepare => Self::Prepare(Prepare::decode(&mut reader, shape)?),
            Opcode::Execute => Self::Execute(Execute::decode(&mut reader, shape)?),
            Opcode::Batch => Self::Batch(Batch::decode(&mut reader, shape)?),
            Opcode::Register => Self::Register(Register::decode(&mut reader)?),
            Opcode::AuthResponse => Self::AuthResponse(AuthResponse::decode(&mut reader)?),
            other => {
                return Err(DecodeError::UnknownCode {
                    what: "request opcode",
                    code: i64::from(other.as_u8()),
                });
            }
        };
        Ok(RequestEnvelope { tracing: header.flags & flags::TRACING != 0, custom_payload, request })
    }

    /// Its opcode.
    pub fn opcode(&self) -> Opcode {
        match self {
            Self::Startup(_) => Opcode::Startup,
            Self::Options => Opcode::Options,
            Self::Query(_) => Opcode::Query,
            Self::Prepare(_) => Opcode::Prepare,
            Self::Execute(_) => Opcode::Execute,
            Self::Batch(_) => Opcode::Batch,
            Self::Register(_) => Opcode::Register,
            Self::AuthResponse(_) => Opcode::AuthResponse,
        }
    }

    /// Appends the body.
    ///
    /// # Errors
    /// When it cannot be represented in the shape's protocol version.
    pub fn encode(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Startup(startup) => startup.encode(out),
            Self::Options => Ok(()),
            Self::Query(query) => query.encode(shape, out),
            Self::Prepare(prepare) => prepare.encode(shape, out),
            Self::Execute(execute) => execute.encode(shape, out),
            Self::Batch(batch) => batch.encode(shape, out),
            Self::Register(register) => register.encode(out),
            Self::AuthResponse(response) => response.encode(out),
        }
    }
}

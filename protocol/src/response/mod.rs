//! Responses, one message per file.
//!
//! Decoding slices one [`Bytes`]; rows stay bytes until they are asked for. Encoding is for servers.

mod db_error;
mod envelope;
mod error;
mod event;
mod failure;
mod metadata;
mod prepared;
mod result;
mod rows;
mod schema_change;
mod supported;

use bytes::Bytes;

pub use db_error::{DbError, OperationKind};
pub use envelope::Envelope;
pub use error::ErrorBody;
pub use event::{ClientRoutesChange, Event, StatusChangeKind, TopologyChangeKind};
pub use failure::{FailureReason, ReplicaFailures, WriteType};
pub use metadata::{BindMetadata, KnownColumns, KnownRows, RowsMetadata, metadata_flags};
pub use prepared::PreparedBody;
pub use result::ResultBody;
pub use rows::{RowsBody, encode_rows};
pub use schema_change::{FunctionSignature, SchemaChange, SchemaChangeKind, SchemaTarget};
pub use supported::{ShardInfo, Supported};

use crate::error::{DecodeError, EncodeError};
use crate::frame::{FrameShape, Opcode};
use crate::wire::{Reader, put_bytes, put_string};

/// A response of any kind.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the names are the protocol's own
pub enum Response {
    Error(ErrorBody),
    Ready,
    /// The class name of the authenticator the server wants answered.
    Authenticate(String),
    Supported(Supported),
    Result(ResultBody),
    Event(Event),
    AuthChallenge(Option<Bytes>),
    AuthSuccess(Option<Bytes>),
}

impl Response {
    /// Reads a body, decompressed and without what [`Envelope::split`] takes off.
    ///
    /// # Errors
    /// When the opcode is no response's or the body is malformed. Bytes after the end are ignored.
    pub fn decode(opcode: u8, body: Bytes, shape: &FrameShape) -> Result<Response, DecodeError> {
        let mut reader = Reader::new(&body);
        Ok(match Opcode::try_from(opcode)? {
            Opcode::Error => Self::Error(ErrorBody::decode(&mut reader, &body, shape)?),
            Opcode::Ready => Self::Ready,
            Opcode::Authenticate => Self::Authenticate(reader.string("authenticator")?.to_owned()),
            Opcode::Supported => Self::Supported(Supported::decode(&mut reader)?),
            Opcode::Result => Self::Result(ResultBody::decode(&mut reader, &body, shape)?),
            Opcode::Event => Self::Event(Event::decode(&mut reader)?),
            Opcode::AuthChallenge => Self::AuthChallenge(take_token(&mut reader, &body)?),
            Opcode::AuthSuccess => Self::AuthSuccess(take_token(&mut reader, &body)?),
            other => {
                return Err(DecodeError::UnknownCode {
                    what: "response opcode",
                    code: i64::from(other.as_u8()),
                });
            }
        })
    }

    /// Its opcode.
    pub fn opcode(&self) -> Opcode {
        match self {
            Self::Error(_) => Opcode::Error,
            Self::Ready => Opcode::Ready,
            Self::Authenticate(_) => Opcode::Authenticate,
            Self::Supported(_) => Opcode::Supported,
            Self::Result(_) => Opcode::Result,
            Self::Event(_) => Opcode::Event,
            Self::AuthChallenge(_) => Opcode::AuthChallenge,
            Self::AuthSuccess(_) => Opcode::AuthSuccess,
        }
    }

    /// Appends the body and returns its opcode.
    ///
    /// # Errors
    /// When it cannot be represented.
    pub fn encode(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<Opcode, EncodeError> {
        match self {
            Self::Error(error) => error.encode(shape, out)?,
            Self::Ready => {}
            Self::Authenticate(class) => put_string(out, class, "authenticator")?,
            Self::Supported(supported) => supported.encode(out)?,
            Self::Result(result) => result.encode(shape, out)?,
            Self::Event(event) => event.encode(out)?,
            Self::AuthChallenge(token) | Self::AuthSuccess(token) => {
                put_bytes(out, token.as_deref(), "authentication token")?;
            }
        }
        Ok(self.opcode())
    }
}

fn take_token(reader: &mut Reader<'_>, body: &Bytes) -> Result<Option<Bytes>, DecodeError> {
    Ok(reader.bytes("authentication token")?.map(|token| body.slice_ref(token)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{V4, check_cuts, check_response};

    #[test]
    fn the_handshakes_answers_come_back() {
        check_response(&V4, &Response::Ready, "");
        let authenticate = Response::Authenticate("a.B".into());
        check_response(&V4, &authenticate, "0003612e42");
        check_cuts(&V4, &authenticate);
        for wrap in [Response::AuthChallenge, Response::AuthSuccess] {
            check_response(&V4, &wrap(None), "ffffffff");
            check_response(&V4, &wrap(Some(Bytes::new())), "00000000");
            check_response(&V4, &wrap(Some(Bytes::from_static(b"t"))), "00000001 74");
            check_cuts(&V4, &wrap(Some(Bytes::from_static(b"t"))));
        }
    }

    #[test]
    fn requests_and_unknown_opcodes_are_no_responses() {
        for opcode in [0x01, 0x04, 0x07, 0x11, 0xff] {
            let error = Response::decode(opcode, Bytes::new(), &V4).unwrap_err();
            assert!(matches!(error, DecodeError::UnknownCode { .. }));
        }
    }
}

//! The CQL native protocol in bytes, versions 3, 4 and 5.
//!
//! Knows no socket, no runtime and no clock: bytes go in, messages come out, and the other way round. Everything that
//! arrives is checked against what has arrived; no input makes this crate panic, recurse without bound or reserve
//! memory for bytes that only were announced.
//!
//! * [`frame`]: headers, what a connection negotiated ([`FrameShape`]), compression. [`segment`]: v5's outer framing.
//! * [`request`] and [`response`]: the messages, both ways.
//! * [`types`], [`value`] and [`row`]: CQL types, values and rows to and from Rust.
//! * [`token`]: partitioners, routing keys and shards.
//! * [`identifier`] and [`literal`]: names and values as CQL text.
//!
//! ```
//! use chorus_protocol::{FrameShape, Opcode, ProtocolVersion, begin_frame, finish_frame, request::*};
//!
//! let shape = FrameShape::new(ProtocolVersion::V4);
//! let mut out = Vec::new();
//! let start = begin_frame(&mut out, shape.version, Opcode::Query, 0);
//! Query { cql: "SELECT release_version FROM system.local", parameters: QueryParameters::default() }
//!     .encode(&shape, &mut out)?;
//! finish_frame(&mut out, start)?;
//! # Ok::<(), chorus_protocol::EncodeError>(())
//! ```

#![forbid(unsafe_code)]

pub mod consistency;
pub mod error;
pub mod frame;
pub mod identifier;
pub mod literal;
pub mod request;
pub mod response;
pub mod row;
pub mod segment;
pub mod token;
pub mod types;
pub mod value;
#[cfg(test)]
mod vectors;
pub mod version;
pub mod wire;

pub use bytes::Bytes;
pub use consistency::{Consistency, SerialConsistency, UnknownConsistency};
pub use error::{CompressionError, DecodeError, EncodeError, FrameError, ValueError, ValueErrorReason};
pub use frame::{
    Compression, CustomPayload, DEFAULT_MAX_FRAME_LENGTH, FrameHeader, FrameShape, HEADER_LEN, LENGTH_OFFSET,
    Opcode, RequestExtensions, STREAM_OFFSET, begin_frame, finish_frame, flags,
};
pub use request::{Request, RequestEnvelope};
pub use response::{
    BindMetadata, DbError, Envelope, ErrorBody, Event, PreparedBody, Response, ResultBody, RowsBody,
    RowsMetadata, SchemaChange, ShardInfo, Supported, WriteType,
};
pub use row::{FromRow, IntoRow, Row, RowCells, RowView, RowWriter, RowsIter, Scalar, encode_row};
pub use token::{AnyToken, Partitioner, Token};
pub use types::{ColumnSpec, CqlType, NativeType, UdtType};
pub use uuid::Uuid;
pub use value::{
    BoundValue, CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlValue, CqlVarint,
    FromCql, MaybeEmpty, MaybeUnset, ToCql, Unset, ValueWriter,
};
pub use version::{ProtocolVersion, UnsupportedVersion};

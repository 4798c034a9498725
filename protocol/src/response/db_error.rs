//! The detail of a server's error.

use bytes::Bytes;

use crate::consistency::Consistency;
use crate::error::{DecodeError, EncodeError};
use crate::frame::FrameShape;
use crate::response::{ReplicaFailures, WriteType};
use crate::wire::{Reader, put_int, put_short, put_short_bytes, put_string, put_string_list};

/// What a rate limit counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum OperationKind {
    Read,
    Write,
    /// A code nobody knows.
    Other(u8),
}

/// The detail of a server's error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are the protocol's own
pub enum DbError {
    /// 0x0000: something unexpected; a bug, usually.
    ServerError,
    /// 0x000A: the client broke the protocol.
    ProtocolError,
    /// 0x0100: credentials were refused.
    BadCredentials,
    /// 0x1000: fewer replicas are alive than the consistency needs; nothing was done.
    Unavailable { consistency: Consistency, required: i32, alive: i32 },
    /// 0x1001: the target host has too much to do; nothing was done.
    Overloaded,
    /// 0x1002: the target host is still joining.
    IsBootstrapping,
    /// 0x1003: a truncation failed.
    TruncateError,
    /// 0x1100: too few replicas acknowledged a write in time; it may still take effect.
    WriteTimeout {
        consistency: Consistency,
        received: i32,
        required: i32,
        write_type: WriteType,
        /// How often a conditional write met another; v5 only.
        contentions: Option<u16>,
    },
    /// 0x1200: too few replicas answered a read in time.
    ReadTimeout { consistency: Consistency, received: i32, required: i32, data_present: bool },
    /// 0x1300: replicas failed to read.
    ReadFailure {
        consistency: Consistency,
        received: i32,
        required: i32,
        failures: ReplicaFailures,
        data_present: bool,
    },
    /// 0x1400: a user function failed.
    FunctionFailure { keyspace: String, function: String, argument_types: Vec<String> },
    /// 0x1500: replicas failed to write.
    WriteFailure {
        consistency: Consistency,
        received: i32,
        required: i32,
        failures: ReplicaFailures,
        write_type: WriteType,
    },
    /// 0x1600: change data capture has no room.
    CdcWriteFailure,
    /// 0x1700: whether a conditional write took effect is not known.
    CasWriteUnknown { consistency: Consistency, received: i32, required: i32 },
    /// 0x2000: the statement is no CQL.
    SyntaxError,
    /// 0x2100: the user may not do this.
    Unauthorized,
    /// 0x2200: the statement makes no sense.
    Invalid,
    /// 0x2300: a configuration in the statement makes no sense.
    ConfigError,
    /// 0x2400: the keyspace exists, or the table if there is one.
    AlreadyExists { keyspace: String, table: Option<String> },
    /// 0x2500: the target host does not know the prepared statement.
    Unprepared { id: Bytes },
    /// 0x8000: a client write failed (DSE).
    ClientWriteFailure,
    /// The code the connection learnt for it: too many requests for one partition.
    RateLimitReached { operation: OperationKind, rejected_by_coordinator: bool },
    /// Any other code.
    Other { code: i32 },
}

impl DbError {
    /// The code on the wire; `None` for the rate limit, whose code is negotiated.
    pub fn code(&self) -> Option<i32> {
        Some(match self {
            Self::ServerError => 0x0000,
            Self::ProtocolError => 0x000A,
            Self::BadCredentials => 0x0100,
            Self::Unavailable { .. } => 0x1000,
            Self::Overloaded => 0x1001,
            Self::IsBootstrapping => 0x1002,
            Self::TruncateError => 0x1003,
            Self::WriteTimeout { .. } => 0x1100,
            Self::ReadTimeout { .. } => 0x1200,
            Self::ReadFailure { .. } => 0x1300,
            Self::FunctionFailure { .. } => 0x1400,
            Self::WriteFailure { .. } => 0x1500,
            Self::CdcWriteFailure => 0x1600,
            Self::CasWriteUnknown { .. } => 0x1700,
            Self::SyntaxError => 0x2000,
            Self::Unauthorized => 0x2100,
            Self::Invalid => 0x2200,
            Self::ConfigError => 0x2300,
            Self::AlreadyExists { .. } => 0x2400,
            Self::Unprepared { .. } => 0x2500,
            Self::ClientWriteFailure => 0x8000,
            Self::RateLimitReached { .. } => return None,
            Self::Other { code } => *code,
        })
    }

    pub(super) fn decode_rate_limit(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let operation = match reader.byte("rate limited operation")? {
            0 => OperationKind::Read,
            1 => OperationKind::Write,
            other => OperationKind::Other(other),
        };
        let rejected_by_coordinator = reader.byte("rejected by coordinator")? != 0;
        Ok(Self::RateLimitReached { operation, rejected_by_coordinator })
    }

    pub(super) fn decode(
        code: i32,
        reader: &mut Reader<'_>,
        body: &Bytes,
        shape: &FrameShape,
    ) -> Result<Self, DecodeError> {
        Ok(match code {
            0x0000 => Self::ServerError,
            0x000A => Self::ProtocolError,
            0x0100 => Self::BadCredentials,
            0x1000 => Self::Unavailable {
                consistency: reader.consistency()?,
                required: reader.int("required replicas")?,
                alive: reader.int("alive replicas")?,
            },
            0x1001 => Self::Overloaded,
            0x1002 => Self::IsBootstrapping,
            0x1003 => Self::TruncateError,
            0x1100 => {
                let (consistency, received, required) = take_counts(reader)?;
                let write_type = take_write_type(reader)?;
                // The count came with v5 but not in its first releases: read it when it is there.
                let counted = shape.version.has_reason_map()
                    && write_type == WriteType::Cas
                    && reader.rest().len() >= 2;
                let contentions = if counted { Some(reader.short("contentions")?) } else { None };
                Self::WriteTimeout { consistency, received, required, write_type, contentions }
            }
            0x1200 => {
                let (consistency, received, required) = take_counts(reader)?;
                let data_present = reader.byte("data present")? != 0;
                Self::ReadTimeout { consistency, received, required, data_present }
            }
            0x1300 => {
                let (consistency, received, required) = take_counts(reader)?;
                let failures = ReplicaFailures::decode(reader, shape.reason_map)?;
                let data_present = reader.byte("data present")? != 0;
                Self::ReadFailure { consistency, received, required, failures, data_present }
            }
            0x1400 => Self::FunctionFailure {
                keyspace: reader.string("keyspace")?.to_owned(),
                function: reader.string("function")?.to_owned(),
                argument_types: reader.string_list("argument types")?,
            },
            0x1500 => {
                let (consistency, received, required) = take_counts(reader)?;
                let failures = ReplicaFailures::decode(reader, shape.reason_map)?;
                let write_type = take_write_type(reader)?;
                Self::WriteFailure { consistency, received, required, failures, write_type }
            }
            0x1600 => Self::CdcWriteFailure,
            0x1700 => {
                let (consistency, received, required) = take_counts(reader)?;
                Self::CasWriteUnknown { consistency, received, required }
            }
            0x2000 => Self::SyntaxError,
            0x2100 => Self::Unauthorized,
            0x2200 => Self::Invalid,
            0x2300 => Self::ConfigError,
            0x2400 => {
                let keyspace = reader.string("keyspace")?.to_owned();
                let table = Some(reader.string("table")?.to_owned()).filter(|table| !table.is_empty());
                Self::AlreadyExists { keyspace, table }
            }
            0x2500 => Self::Unprepared { id: body.slice_ref(reader.short_bytes("statement id")?) },
            0x8000 => Self::ClientWriteFailure,
            code => Self::Other { code },
        })
    }

    pub(super) fn encode_detail(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Unavailable { consistency, required, alive } => {
                put_counts(out, *consistency, *required, *alive);
            }
            Self::WriteTimeout { consistency, received, required, write_type, contentions } => {
                put_counts(out, *consistency, *received, *required);
                put_string(out, write_type.name(), "write type")?;
                if shape.version.has_reason_map() && *write_type == WriteType::Cas {
                    put_short(out, contentions.unwrap_or(0));
                }
            }
            Self::ReadTimeout { consistency, received, required, data_present } => {
                put_counts(out, *consistency, *received, *required);
                out.push(u8::from(*data_present));
            }
            Self::ReadFailure { consistency, received, required, failures, data_present } => {
                put_counts(out, *consistency, *received, *required);
                failures.encode(out, shape.reason_map)?;
                out.push(u8::from(*data_present));
            }
            Self::FunctionFailure { keyspace, function, argument_types } => {
                put_string(out, keyspace, "keyspace")?;
                put_string(out, function, "function")?;
                put_string_list(out, argument_types, "argument types")?;
            }
            Self::WriteFailure { consistency, received, required, failures, write_type } => {
                put_counts(out, *consistency, *received, *required);
                failures.encode(out, shape.reason_map)?;
                put_string(out, write_type.name(), "write type")?;
            }
            Self::CasWriteUnknown { consistency, received, required } => {
                put_counts(out, *consistency, *received, *required);
            }
            Self::AlreadyExists { keyspace, table } => {
                put_string(out, keyspace, "keyspace")?;
                put_string(out, table.as_deref().unwrap_or_default(), "table")?;
            }
            Self::Unprepared { id } => put_short_bytes(out, id, "statement id")?,
            Self::RateLimitReached { operation, rejected_by_coordinator } => {
                out.push(match operation {
                    OperationKind::Read => 0,
                    OperationKind::Write => 1,
                    OperationKind::Other(code) => *code,
                });
                out.push(u8::from(*rejected_by_coordinator));
            }
            Self::ServerError
            | Self::ProtocolError
            | Self::BadCredentials
            | Self::Overloaded
            | Self::IsBootstrapping
            | Self::TruncateError
            | Self::CdcWriteFailure
            | Self::SyntaxError
            | Self::Unauthorized
            | Self::Invalid
            | Self::ConfigError
            | Self::ClientWriteFailure
            | Self::Other { .. } => {}
        }
        Ok(())
    }
}

fn take_counts(reader: &mut Reader<'_>) -> Result<(Consistency, i32, i32), DecodeError> {
    Ok((reader.consistency()?, reader.int("received")?, reader.int("required")?))
}

fn put_counts(out: &mut Vec<u8>, consistency: Consistency, first: i32, second: i32) {
    put_short(out, consistency.code());
    put_int(out, first);
    put_int(out, second);
}

fn take_write_type(reader: &mut Reader<'_>) -> Result<WriteType, DecodeError> {
    let Ok(write_type) = reader.string("write type")?.parse();
    Ok(write_type)
}

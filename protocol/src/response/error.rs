//! ERROR: what went wrong on the server.

use bytes::Bytes;

use crate::consistency::Consistency;
use crate::error::{DecodeError, EncodeError};
use crate::frame::FrameShape;
use crate::response::{ReplicaFailures, WriteType};
use crate::wire::{Reader, put_int, put_short, put_short_bytes, put_string, put_string_list};

/// A server's error: code, text and what the code carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    /// As on the wire.
    pub code: i32,
    /// For people.
    pub message: String,
    /// For programs.
    pub error: DbError,
}

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

impl ErrorBody {
    /// An error with a message; the code is that of `error`, and 0x0000 for a rate limit, whose code a connection
    /// negotiates: [`encode`](Self::encode) fills that in.
    pub fn new(error: DbError, message: impl Into<String>) -> Self {
        Self { code: error.code().unwrap_or(0), message: message.into(), error }
    }

    /// Reads the body.
    ///
    /// # Errors
    /// When a known code's detail is malformed. An unknown code is [`DbError::Other`], whatever follows it.
    pub fn decode(reader: &mut Reader<'_>, body: &Bytes, shape: &FrameShape) -> Result<Self, DecodeError> {
        let code = reader.int("error code")?;
        let message = reader.string("error message")?.to_owned();
        let error = if shape.rate_limit_code == Some(code) {
            decode_rate_limit(reader)?
        } else {
            DbError::decode(code, reader, body, shape)?
        };
        Ok(Self { code, message, error })
    }

    /// Appends the body.
    pub fn encode(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let code = match self.error {
            DbError::RateLimitReached { .. } => shape.rate_limit_code.unwrap_or(self.code),
            _ => self.code,
        };
        put_int(out, code);
        put_string(out, &self.message, "error message")?;
        self.error.encode_detail(shape, out)
    }
}

fn decode_rate_limit(reader: &mut Reader<'_>) -> Result<DbError, DecodeError> {
    let operation = match reader.byte("rate limited operation")? {
        0 => OperationKind::Read,
        1 => OperationKind::Write,
        other => OperationKind::Other(other),
    };
    let rejected_by_coordinator = reader.byte("rejected by coordinator")? != 0;
    Ok(DbError::RateLimitReached { operation, rejected_by_coordinator })
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

    fn decode(
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

    fn encode_detail(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::{FailureReason, Response};
    use crate::vectors::{V3, V4, V5, check_cuts, check_response};

    fn error(error: DbError) -> Response {
        Response::Error(ErrorBody::new(error, "m"))
    }

    fn counted() -> ReplicaFailures {
        ReplicaFailures { count: 3, reasons: None }
    }

    fn explained() -> ReplicaFailures {
        let reasons = vec![
            ("1.2.3.4".parse().unwrap(), FailureReason(2)),
            ("::1".parse().unwrap(), FailureReason(0xf001)),
        ];
        ReplicaFailures { count: 2, reasons: Some(reasons) }
    }

    const QUORUM: Consistency = Consistency::Quorum;

    #[test]
    fn errors_without_detail_are_code_and_message() {
        for (code, detail) in [
            (0x0000, DbError::ServerError),
            (0x000A, DbError::ProtocolError),
            (0x0100, DbError::BadCredentials),
            (0x1001, DbError::Overloaded),
            (0x1002, DbError::IsBootstrapping),
            (0x1003, DbError::TruncateError),
            (0x1600, DbError::CdcWriteFailure),
            (0x2000, DbError::SyntaxError),
            (0x2100, DbError::Unauthorized),
            (0x2200, DbError::Invalid),
            (0x2300, DbError::ConfigError),
            (0x8000, DbError::ClientWriteFailure),
            (0x1234, DbError::Other { code: 0x1234 }),
        ] {
            assert_eq!(detail.code(), Some(code));
            check_response(&V4, &error(detail.clone()), &format!("{code:08x} 0001 6d"));
            check_cuts(&V4, &error(detail));
        }
    }

    #[test]
    fn details_follow_the_message() {
        let (consistency, received, required) = (QUORUM, 1, 2);
        let data_present = true;
        let cas = |contentions| DbError::WriteTimeout {
            consistency,
            received,
            required,
            write_type: WriteType::Cas,
            contentions,
        };
        let cases: [(FrameShape, DbError, &str); 17] = [
            (
                V3,
                DbError::Unavailable { consistency, required: 3, alive: 1 },
                "00001000 00016d 0004 00000003 00000001",
            ),
            (V4, cas(None), "00001100 00016d 0004 00000001 00000002 0003434153"),
            (V5, cas(Some(7)), "00001100 00016d 0004 00000001 00000002 0003434153 0007"),
            (
                V5,
                DbError::WriteTimeout {
                    consistency,
                    received,
                    required,
                    write_type: WriteType::Other("X".into()),
                    contentions: None,
                },
                "00001100 00016d 0004 00000001 00000002 000158",
            ),
            (
                V4,
                DbError::ReadTimeout { consistency, received, required, data_present },
                "00001200 00016d 0004 00000001 00000002 01",
            ),
            (
                V4,
                DbError::ReadFailure { consistency, received, required, failures: counted(), data_present },
                "00001300 00016d 0004 00000001 00000002 00000003 01",
            ),
            (
                V5,
                DbError::ReadFailure { consistency, received, required, failures: explained(), data_present },
                "00001300 00016d 0004 00000001 00000002 00000002 0401020304 0002
                 1000000000000000000000000000000001 f001 01",
            ),
            (
                V4,
                DbError::FunctionFailure {
                    keyspace: "k".into(),
                    function: "f".into(),
                    argument_types: vec!["int".into()],
                },
                "00001400 00016d 00016b 000166 0001 0003696e74",
            ),
            (
                V4,
                DbError::WriteFailure {
                    consistency,
                    received,
                    required,
                    failures: counted(),
                    write_type: WriteType::BatchLog,
                },
                "00001500 00016d 0004 00000001 00000002 00000003 000942415443485f4c4f47",
            ),
            (
                V5,
                DbError::WriteFailure {
                    consistency,
                    received,
                    required,
                    failures: explained(),
                    write_type: WriteType::Cdc,
                },
                "00001500 00016d 0004 00000001 00000002 00000002 0401020304 0002
                 1000000000000000000000000000000001 f001 0003434443",
            ),
            (
                V5,
                DbError::CasWriteUnknown { consistency, received, required },
                "00001700 00016d 0004 00000001 00000002",
            ),
            (
                V4,
                DbError::AlreadyExists { keyspace: "k".into(), table: Some("t".into()) },
                "00002400 00016d 00016b 000174",
            ),
            (V4, DbError::AlreadyExists { keyspace: "k".into(), table: None }, "00002400 00016d 00016b 0000"),
            (V4, DbError::Unprepared { id: Bytes::from_static(b"id") }, "00002500 00016d 00026964"),
            (
                V3,
                DbError::WriteTimeout {
                    consistency,
                    received,
                    required,
                    write_type: WriteType::UnloggedBatch,
                    contentions: None,
                },
                "00001100 00016d 0004 00000001 00000002 000e554e4c4f474745445f4241544348",
            ),
            (V4, DbError::Other { code: -1 }, "ffffffff 00016d"),
            (V4, DbError::Other { code: 0x00f0_0000 }, "00f00000 00016d"),
        ];
        for (shape, detail, bytes) in cases {
            check_response(&shape, &error(detail.clone()), bytes);
            // Contentions are read only when they are there.
            if !matches!(detail, DbError::WriteTimeout { contentions: Some(_), .. }) {
                check_cuts(&shape, &error(detail));
            }
        }
    }

    #[test]
    fn the_rate_limit_is_known_by_the_code_of_the_connection() {
        let mut shape = V4;
        shape.rate_limit_code = Some(0x00f0_0000);
        let limit =
            DbError::RateLimitReached { operation: OperationKind::Write, rejected_by_coordinator: true };
        let body = ErrorBody { code: 0x00f0_0000, message: "m".into(), error: limit.clone() };
        check_response(&shape, &Response::Error(body.clone()), "00f00000 00016d 01 01");
        check_cuts(&shape, &Response::Error(body));
        let mut out = Vec::new();
        ErrorBody::new(limit, "m").encode(&shape, &mut out).unwrap();
        assert_eq!(out[..4], [0, 0xf0, 0, 0]);
    }

    #[test]
    fn reasons_on_v4_need_the_extension() {
        let mut shape = V4;
        shape.reason_map = true;
        let failure = DbError::ReadFailure {
            consistency: QUORUM,
            received: 0,
            required: 1,
            failures: explained(),
            data_present: false,
        };
        check_cuts(&shape, &error(failure));
        assert_eq!(FailureReason(0x2a).to_string(), "0x002a");
        assert_eq!(FailureReason(503).to_string(), "index build in progress (0x01f7)");
    }

    #[test]
    fn an_announced_number_of_reasons_reserves_nothing() {
        for count in ["7fffffff", "ffffffff"] {
            let body = crate::vectors::hex(&format!("00001300 0000 0004 00000001 00000002 {count}"));
            assert!(Response::decode(0, body.into(), &V5).is_err());
        }
    }
}

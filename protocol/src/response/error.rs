//! ERROR: what went wrong on the server.

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError};
use crate::frame::FrameShape;
use crate::response::DbError;
use crate::wire::{Reader, put_int, put_string};

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
        let (code, message) = take_head(reader)?;
        let error = if shape.rate_limit_code == Some(code) {
            DbError::decode_rate_limit(reader)?
        } else {
            DbError::decode(code, reader, body, shape)?
        };
        Ok(Self { code, message, error })
    }

    /// Reads code and message of a body whose detail [cannot be read](Self::decode), as [`DbError::Other`]: what the server
    /// meant to say is not lost for a word in it that nobody knows.
    ///
    /// # Errors
    /// When the body ends before its detail begins.
    pub fn decode_head(body: &[u8]) -> Result<Self, DecodeError> {
        let (code, message) = take_head(&mut Reader::new(body))?;
        Ok(Self { code, message, error: DbError::Other { code } })
    }

    /// Whether the server says that it serves nobody any more: it shuts down. It has not begun to execute what it was asked,
    /// and every other request on any connection to it is answered likewise.
    ///
    /// Apache Cassandra 5.0 answers so from the moment it is told to stop until the last request that was before that is done;
    /// only then it closes its connections. There is no code of its own for it: clients of the time would
    /// have taken any other for a broken server.
    pub fn is_out_of_service(&self) -> bool {
        self.error == DbError::Overloaded && self.message.to_ascii_lowercase().contains("shutting down")
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

fn take_head(reader: &mut Reader<'_>) -> Result<(i32, String), DecodeError> {
    Ok((reader.int("error code")?, reader.lossy_string("error message")?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_leaves_says_so_and_one_that_is_busy_or_joins_does_not() {
        let says = |error, message| ErrorBody::new(error, message).is_out_of_service();
        assert!(says(DbError::Overloaded, "Server is shutting down"));
        assert!(!says(DbError::IsBootstrapping, "Cannot read from a bootstrapping node"));
        assert!(!says(DbError::Overloaded, "Query timed out before it could start"));
        assert!(!says(DbError::Invalid, "unconfigured table shutting down"));
    }
    use crate::consistency::Consistency;
    use crate::response::{FailureReason, OperationKind, ReplicaFailures, Response, WriteType};
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
    fn every_reason_that_is_known_has_a_name_and_the_others_keep_their_code() {
        let named: Vec<u16> =
            (0..=u16::MAX).filter(|code| FailureReason(*code).description().is_some()).collect();
        assert_eq!(named, (0..=11).chain([503]).collect::<Vec<_>>());
        let bytes = "00001300 00016d 0004 00000001 00000002 00000001 04 01020304 7777 00";
        let decoded = Response::decode(0, crate::vectors::hex(bytes).into(), &V5).unwrap();
        let Response::Error(ErrorBody { error: DbError::ReadFailure { failures, .. }, .. }) = decoded else {
            panic!("{decoded:?}")
        };
        let reasons = failures.reasons.expect("version 5 has them");
        assert_eq!(reasons, [("1.2.3.4".parse().unwrap(), FailureReason(0x7777))]);
        assert_eq!(reasons[0].1.to_string(), "0x7777");
    }

    #[test]
    fn what_follows_an_unknown_code_is_left_unread() {
        let bytes = crate::vectors::hex("00007777 00016d 0102030405060708");
        for shape in [V3, V4, V5] {
            let decoded = Response::decode(0, bytes.clone().into(), &shape).unwrap();
            assert_eq!(decoded, error(DbError::Other { code: 0x7777 }));
        }
    }

    #[test]
    fn an_announced_number_of_reasons_reserves_nothing() {
        for count in ["7fffffff", "ffffffff"] {
            let body = crate::vectors::hex(&format!("00001300 0000 0004 00000001 00000002 {count}"));
            assert!(Response::decode(0, body.into(), &V5).is_err());
        }
    }
}

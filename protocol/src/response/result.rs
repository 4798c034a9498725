//! RESULT, of five kinds.

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError};
use crate::frame::FrameShape;
use crate::response::{PreparedBody, RowsBody, SchemaChange};
use crate::wire::{Reader, put_int, put_string};

const VOID: i32 = 1;
const ROWS: i32 = 2;
const SET_KEYSPACE: i32 = 3;
const PREPARED: i32 = 4;
const SCHEMA_CHANGE: i32 = 5;

/// What a statement gave.
#[derive(Debug, Clone, PartialEq)]
pub enum ResultBody {
    /// Nothing.
    Void,
    /// A page of rows.
    Rows(RowsBody),
    /// The connection's keyspace is now this one.
    SetKeyspace(String),
    /// A prepared statement.
    Prepared(PreparedBody),
    /// The schema changed.
    SchemaChange(SchemaChange),
}

impl ResultBody {
    pub(crate) fn decode(
        reader: &mut Reader<'_>,
        body: &Bytes,
        shape: &FrameShape,
    ) -> Result<Self, DecodeError> {
        match reader.int("result kind")? {
            VOID => Ok(Self::Void),
            ROWS => RowsBody::decode(reader, body, None).map(Self::Rows),
            SET_KEYSPACE => Ok(Self::SetKeyspace(reader.string("keyspace")?.to_owned())),
            PREPARED => PreparedBody::decode(reader, body, shape).map(Self::Prepared),
            SCHEMA_CHANGE => SchemaChange::decode(reader).map(Self::SchemaChange),
            code => Err(DecodeError::UnknownCode { what: "result kind", code: i64::from(code) }),
        }
    }

    pub(crate) fn encode(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Void => {
                put_int(out, VOID);
                Ok(())
            }
            Self::Rows(rows) => {
                put_int(out, ROWS);
                rows.encode(out)
            }
            Self::SetKeyspace(keyspace) => {
                put_int(out, SET_KEYSPACE);
                put_string(out, keyspace, "keyspace")
            }
            Self::Prepared(prepared) => {
                put_int(out, PREPARED);
                prepared.encode(shape, out)
            }
            Self::SchemaChange(change) => {
                put_int(out, SCHEMA_CHANGE);
                change.encode(out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::{Response, SchemaChangeKind, SchemaTarget};
    use crate::vectors::{V4, check_cuts, check_response, hex};

    #[test]
    fn results_start_with_their_kind() {
        let change = SchemaChange {
            kind: SchemaChangeKind::Created,
            keyspace: "k".into(),
            target: SchemaTarget::Table("t".into()),
        };
        for (result, bytes) in [
            (ResultBody::Void, "00000001"),
            (ResultBody::SetKeyspace("ks".into()), "00000003 00026b73"),
            (ResultBody::SchemaChange(change), "00000005 000743524541544544 00055441424c45 00016b 000174"),
        ] {
            let response = Response::Result(result);
            check_response(&V4, &response, bytes);
            check_cuts(&V4, &response);
        }
        let error = Response::decode(8, hex("00000006").into(), &V4).unwrap_err();
        assert_eq!(error, DecodeError::UnknownCode { what: "result kind", code: 6 });
    }
}

//! PREPARED: the answer to PREPARE.

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError};
use crate::frame::FrameShape;
use crate::response::{BindMetadata, RowsMetadata};
use crate::wire::{Reader, put_short_bytes};

/// A statement the server now knows by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PreparedBody {
    /// To be sent with EXECUTE.
    pub id: Bytes,
    /// To be sent with EXECUTE where the connection carries it.
    pub result_metadata_id: Option<Bytes>,
    /// The markers.
    pub bind: BindMetadata,
    /// The columns results will have; none for statements without results.
    pub result: RowsMetadata,
}

impl PreparedBody {
    pub(crate) fn decode(
        reader: &mut Reader<'_>,
        body: &Bytes,
        shape: &FrameShape,
    ) -> Result<Self, DecodeError> {
        let id = body.slice_ref(reader.short_bytes("statement id")?);
        let result_metadata_id = if shape.metadata_id {
            Some(body.slice_ref(reader.short_bytes("result metadata id")?))
        } else {
            None
        };
        let bind = BindMetadata::decode(reader, shape.version)?;
        let result = RowsMetadata::decode(reader, body, None)?;
        Ok(Self { id, result_metadata_id, bind, result })
    }

    pub(crate) fn encode(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_short_bytes(out, &self.id, "statement id")?;
        if shape.metadata_id {
            let id = self.result_metadata_id.as_deref().unwrap_or_default();
            put_short_bytes(out, id, "result metadata id")?;
        }
        self.bind.encode(shape.version, out)?;
        self.result.encode(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::{Response, ResultBody};
    use crate::types::{ColumnSpec, CqlType};
    use crate::vectors::{V3, V4, V5, check_cuts, check_response, hex};

    fn prepared() -> PreparedBody {
        let column = |name: &str, typ| ColumnSpec::new("k", "t", name, typ);
        PreparedBody {
            id: Bytes::from_static(b"id"),
            result_metadata_id: None,
            bind: BindMetadata {
                flags: 0x8000_0001,
                columns: [column("a", CqlType::Int), column("b", CqlType::Text)].into(),
                pk_indexes: vec![1, 0],
            },
            result: RowsMetadata {
                flags: 1,
                ..RowsMetadata::new([column("c", CqlType::list(CqlType::Int))])
            },
        }
    }

    const BIND: &str = "00016b 000174 000161 0009 000162 000d";
    const RESULT: &str = "00000001 00000001 00016b 000174 000163 0020 0009";

    #[test]
    fn each_version_has_its_parts() {
        let response = |prepared| Response::Result(ResultBody::Prepared(prepared));
        let bytes = format!("00000004 00026964 80000001 00000002 00000002 0001 0000 {BIND} {RESULT}");
        check_response(&V4, &response(prepared()), &bytes);
        check_cuts(&V4, &response(prepared()));

        let with_id = PreparedBody { result_metadata_id: Some(Bytes::from_static(b"m")), ..prepared() };
        let bytes = format!("00000004 00026964 00016d 80000001 00000002 00000002 0001 0000 {BIND} {RESULT}");
        check_response(&V5, &response(with_id.clone()), &bytes);
        check_cuts(&V5, &response(with_id.clone()));
        let mut extended = V4;
        extended.metadata_id = true;
        check_response(&extended, &response(with_id), &bytes);

        let mut without_indexes = prepared();
        without_indexes.bind.pk_indexes = vec![];
        let bytes = format!("00000004 00026964 80000001 00000002 {BIND} {RESULT}");
        check_response(&V3, &response(without_indexes), &bytes);
    }

    #[test]
    fn a_statement_without_markers_and_rows_has_neither_columns_nor_indexes() {
        let body = hex("00000004 00026964 00000000 00000000 00000000 00000004 00000000");
        let Response::Result(ResultBody::Prepared(prepared)) = Response::decode(8, body.into(), &V4).unwrap()
        else {
            panic!("not prepared")
        };
        assert_eq!((prepared.bind.columns.len(), prepared.bind.pk_indexes.len()), (0, 0));
        assert_eq!((prepared.result.columns, prepared.result.column_count), (None, 0));
    }

    #[test]
    fn counts_and_indexes_that_cannot_be_are_errors() {
        for body in [
            "00000004 0000 00000000 7fffffff 00000000",
            "00000004 0000 00000000 ffffffff 00000000",
            "00000004 0000 00000000 00000000 7fffffff",
            "00000004 0000 00000001 00000001 00000001 0001 00016b 000174 000161 0009 00000004 00000000",
        ] {
            assert!(Response::decode(8, hex(body).into(), &V4).is_err(), "{body}");
        }
    }
}

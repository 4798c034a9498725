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
        let result = RowsMetadata::decode(reader, body)?;
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

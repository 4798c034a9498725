//! EXECUTE: a prepared statement with values.

use crate::consistency::Consistency;
use crate::error::{DecodeError, EncodeError};
use crate::frame::FrameShape;
use crate::request::QueryParameters;
use crate::request::parameters::{put_flags, query_flags};
use crate::wire::{Reader, put_short, put_short_bytes};

/// Runs a prepared statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Execute<'a> {
    /// The statement's id.
    pub id: &'a [u8],
    /// The id of the result metadata the client has, if any. Sent only where the connection carries it; empty when
    /// unknown.
    pub result_metadata_id: Option<&'a [u8]>,
    /// Values and options.
    pub parameters: QueryParameters<'a>,
    /// Part of the version of the tablet the client believes in; sent only with tablets v2.
    pub tablet_version_block: u8,
}

impl<'a> Execute<'a> {
    /// Appends the body. There is always a value count, even a zero one.
    pub fn encode(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.parameters.check(shape.version)?;
        put_ids(shape, self.id, self.result_metadata_id, out)?;
        put_short(out, self.parameters.consistency.code());
        put_flags(out, shape.version, self.parameters.flags() | query_flags::VALUES);
        let bytes = match self.parameters.values {
            crate::request::Values::None => &[],
            crate::request::Values::Positional { bytes, .. }
            | crate::request::Values::Named { bytes, .. } => bytes,
        };
        put_short(out, self.parameters.values.len() as u16);
        out.extend_from_slice(bytes);
        execute_suffix(shape, &self.parameters, self.tablet_version_block, out)
    }

    /// Reads the body.
    pub fn decode(reader: &mut Reader<'a>, shape: &FrameShape) -> Result<Self, DecodeError> {
        let id = reader.short_bytes("statement id")?;
        let result_metadata_id = if shape.metadata_id {
            Some(reader.short_bytes("result metadata id")?).filter(|id| !id.is_empty())
        } else {
            None
        };
        let parameters = QueryParameters::decode(reader, shape)?;
        let tablet_version_block = if shape.tablets_v2 { reader.byte("tablet version block")? } else { 0 };
        Ok(Self { id, result_metadata_id, parameters, tablet_version_block })
    }
}

fn put_ids(
    shape: &FrameShape,
    id: &[u8],
    result_metadata_id: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    put_short_bytes(out, id, "statement id")?;
    if shape.metadata_id {
        put_short_bytes(out, result_metadata_id.unwrap_or_default(), "result metadata id")?;
    }
    Ok(())
}

/// The fast way to EXECUTE: appends everything before the values and returns where the two bytes of the consistency
/// are, so that a retry can change them in place.
///
/// The caller appends exactly `value_count` values and then calls [`execute_suffix`] with the options that `flags`
/// announce ([`QueryParameters::flags`]; the values flag is always added).
#[inline]
pub fn execute_prefix(
    shape: &FrameShape,
    id: &[u8],
    result_metadata_id: Option<&[u8]>,
    consistency: Consistency,
    flags: u32,
    value_count: u16,
    out: &mut Vec<u8>,
) -> Result<usize, EncodeError> {
    put_ids(shape, id, result_metadata_id, out)?;
    let consistency_offset = out.len();
    put_short(out, consistency.code());
    put_flags(out, shape.version, flags | query_flags::VALUES);
    put_short(out, value_count);
    Ok(consistency_offset)
}

/// Appends what follows the values of an EXECUTE: the options of `parameters` (its consistency and values are not
/// looked at) and the tablet byte where the connection has one.
#[inline]
pub fn execute_suffix(
    shape: &FrameShape,
    parameters: &QueryParameters<'_>,
    tablet_version_block: u8,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    parameters.check(shape.version)?;
    parameters.put_after_values(out)?;
    if shape.tablets_v2 {
        out.push(tablet_version_block);
    }
    Ok(())
}

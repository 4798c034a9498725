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
/// The caller appends exactly `value_count` values, none of them unset before v4
/// ([`Values::check_unset`](crate::request::Values::check_unset)), and then calls [`execute_suffix`] with the options that `flags`
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Request, Values};
    use crate::vectors::{V4, V5, check_plain_request};

    const ROW: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 1, 255, 255, 255, 255];

    fn execute(timestamp: Option<i64>) -> Execute<'static> {
        let parameters = QueryParameters {
            consistency: Consistency::LocalQuorum,
            values: Values::Positional { count: 2, bytes: ROW },
            timestamp,
            ..Default::default()
        };
        Execute { id: b"ab", result_metadata_id: None, parameters, tablet_version_block: 0 }
    }

    #[test]
    fn an_execute_has_the_reference_bytes() {
        check_plain_request(
            &V4,
            1,
            Request::Execute(execute(Some(1))),
            "040000010a0000001d 00026162 0006 21 0002 0000000400000001 ffffffff 0000000000000001",
        );
        check_plain_request(
            &V5,
            1,
            Request::Execute(Execute { result_metadata_id: Some(b"xyz"), ..execute(None) }),
            "050000010a0000001d 00026162 000378797a 0006 00000001 0002 0000000400000001 ffffffff",
        );
    }

    #[test]
    fn extensions_add_the_metadata_id_and_the_tablet_byte() {
        let mut shape = V4;
        shape.metadata_id = true;
        shape.tablets_v2 = true;
        let parameters = QueryParameters {
            consistency: Consistency::One,
            values: Values::Positional { count: 0, bytes: &[] },
            skip_metadata: true,
            ..Default::default()
        };
        let execute =
            Execute { id: b"ab", result_metadata_id: Some(b"xyz"), parameters, tablet_version_block: 0x7a };
        check_plain_request(
            &shape,
            1,
            Request::Execute(execute),
            "040000010a0000000f 00026162 000378797a 0001 03 0000 7a",
        );
    }

    #[test]
    fn an_unknown_metadata_id_is_sent_empty_and_values_are_always_counted() {
        let mut out = Vec::new();
        let mut execute = execute(None);
        execute.parameters.values = Values::None;
        execute.encode(&V5, &mut out).unwrap();
        assert_eq!(out, [0, 2, b'a', b'b', 0, 0, 0, 6, 0, 0, 0, 1, 0, 0]);
        assert_eq!(Execute::decode(&mut Reader::new(&out), &V5).unwrap().result_metadata_id, None);
    }

    #[test]
    fn the_fast_way_writes_the_same_bytes() {
        for shape in [V4, V5] {
            let execute = execute(Some(1));
            let (mut slow, mut fast) = (Vec::new(), Vec::new());
            execute.encode(&shape, &mut slow).unwrap();
            let flags = execute.parameters.flags();
            let offset =
                execute_prefix(&shape, b"ab", None, Consistency::LocalQuorum, flags, 2, &mut fast).unwrap();
            assert_eq!(fast[offset..offset + 2], [0, 6]);
            fast.extend_from_slice(ROW);
            execute_suffix(&shape, &execute.parameters, 0, &mut fast).unwrap();
            assert_eq!(fast, slow);
        }
    }
}

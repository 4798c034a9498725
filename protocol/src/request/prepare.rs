//! PREPARE: a statement to be executed many times.

use crate::error::{DecodeError, EncodeError};
use crate::frame::FrameShape;
use crate::wire::{Reader, put_int, put_long_string, put_string};

const WITH_KEYSPACE: i32 = 0x01;

/// Asks for the id and metadata of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prepare<'a> {
    /// CQL.
    pub cql: &'a str,
    /// Keyspace for unqualified names; v5 only.
    pub keyspace: Option<&'a str>,
}

impl<'a> Prepare<'a> {
    /// Appends the body.
    pub fn encode(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let version = shape.version;
        if self.keyspace.is_some() && !version.has_keyspace_field() {
            return Err(EncodeError::Unsupported { feature: "a keyspace on a statement", version });
        }
        put_long_string(out, self.cql, "statement")?;
        if version.has_prepare_flags() {
            put_int(out, if self.keyspace.is_some() { WITH_KEYSPACE } else { 0 });
            if let Some(keyspace) = self.keyspace {
                put_string(out, keyspace, "keyspace")?;
            }
        }
        Ok(())
    }

    /// Reads the body.
    pub fn decode(reader: &mut Reader<'a>, shape: &FrameShape) -> Result<Self, DecodeError> {
        let cql = reader.long_string("statement")?;
        let flags = if shape.version.has_prepare_flags() { reader.int("prepare flags")? } else { 0 };
        let keyspace = if flags & WITH_KEYSPACE != 0 { Some(reader.string("keyspace")?) } else { None };
        Ok(Self { cql, keyspace })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;
    use crate::vectors::{V4, V5, check_plain_request};

    #[test]
    fn only_version_five_has_flags_and_keyspace() {
        let plain = Request::Prepare(Prepare { cql: "a", keyspace: None });
        let with_keyspace = Request::Prepare(Prepare { cql: "a", keyspace: Some("ks") });
        check_plain_request(&V4, 1, plain.clone(), "040000010900000005 0000000161");
        check_plain_request(&V5, 1, plain, "050000010900000009 000000016100000000");
        check_plain_request(&V5, 1, with_keyspace.clone(), "05000001090000000d 00000001610000000100026b73");
        assert!(with_keyspace.encode(&V4, &mut Vec::new()).is_err());
    }
}

//! QUERY: a statement as text.

use crate::error::{DecodeError, EncodeError};
use crate::frame::FrameShape;
use crate::request::QueryParameters;
use crate::wire::{Reader, put_long_string};

/// Runs a statement once.
#[derive(Debug, Clone, PartialEq)]
pub struct Query<'a> {
    /// CQL.
    pub cql: &'a str,
    /// Values and options.
    pub parameters: QueryParameters<'a>,
}

impl<'a> Query<'a> {
    /// Appends the body.
    pub fn encode(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_long_string(out, self.cql, "statement")?;
        self.parameters.encode(shape, out)
    }

    /// Reads the body.
    pub fn decode(reader: &mut Reader<'a>, shape: &FrameShape) -> Result<Self, DecodeError> {
        Ok(Self {
            cql: reader.long_string("statement")?,
            parameters: QueryParameters::decode(reader, shape)?,
        })
    }
}

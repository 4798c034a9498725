//! STARTUP: what a connection wants.

use crate::error::{DecodeError, EncodeError};
use crate::wire::{Reader, put_short_count, put_string};

/// The first request of a connection that is to be used. Never compressed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Startup {
    /// Keys and values in the order they are sent.
    pub options: Vec<(String, String)>,
}

impl Startup {
    /// The version of CQL; every server wants it.
    pub const CQL_VERSION: &'static str = "CQL_VERSION";
    /// The chosen compression.
    pub const COMPRESSION: &'static str = "COMPRESSION";

    /// With `CQL_VERSION` only.
    pub fn new(cql_version: impl Into<String>) -> Self {
        Self { options: vec![(Self::CQL_VERSION.to_owned(), cql_version.into())] }
    }

    /// Adds a key, or replaces its value.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let (key, value) = (key.into(), value.into());
        match self.options.iter_mut().find(|(existing, _)| *existing == key) {
            Some(option) => option.1 = value,
            None => self.options.push((key, value)),
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.options.iter().find(|(existing, _)| existing == key).map(|(_, value)| value.as_str())
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_short_count(out, self.options.len(), "startup options")?;
        for (key, value) in &self.options {
            put_string(out, key, "startup key")?;
            put_string(out, value, "startup value")?;
        }
        Ok(())
    }

    /// Reads the body.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { options: reader.string_map("startup options")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;
    use crate::vectors::{V4, check_plain_request};

    #[test]
    fn startup_and_options_have_the_reference_bytes() {
        check_plain_request(
            &V4,
            0,
            Request::Startup(Startup::new("3.0.0")),
            "0400000001000000160001000b43514c5f56455253494f4e0005332e302e30",
        );
        check_plain_request(&V4, 0, Request::Options, "040000000500000000");
    }

    #[test]
    fn a_key_is_sent_once() {
        let mut startup = Startup::new("3.0.0");
        startup.set(Startup::COMPRESSION, "snappy");
        startup.set(Startup::COMPRESSION, "lz4");
        assert_eq!(startup.get(Startup::COMPRESSION), Some("lz4"));
        assert_eq!(startup.options.len(), 2);
    }
}

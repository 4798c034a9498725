//! What may precede a response's body.

use bytes::Bytes;
use uuid::Uuid;

use crate::error::{DecodeError, EncodeError};
use crate::frame::{CustomPayload, flags};
use crate::wire::{Reader, put_string_list};

/// A response's body and what came before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Of a traced request.
    pub tracing_id: Option<Uuid>,
    /// For people.
    pub warnings: Vec<String>,
    /// Named bytes, such as where a tablet lives.
    pub custom_payload: CustomPayload,
    /// The message itself.
    pub body: Bytes,
}

impl Envelope {
    /// Takes off what `flags` announce: tracing id, warnings and custom payload, in this order.
    pub fn split(flags: u8, body: Bytes) -> Result<Envelope, DecodeError> {
        const ANY: u8 = flags::TRACING | flags::WARNING | flags::CUSTOM_PAYLOAD;
        if flags & ANY == 0 {
            return Ok(Self { body, ..Self::default() });
        }
        let mut reader = Reader::new(&body);
        let tracing_id = if flags & flags::TRACING != 0 { Some(reader.uuid("tracing id")?) } else { None };
        let warnings =
            if flags & flags::WARNING != 0 { reader.lossy_string_list("warnings")? } else { Vec::new() };
        let custom_payload = if flags & flags::CUSTOM_PAYLOAD != 0 {
            CustomPayload::decode(&mut reader, &body)?
        } else {
            CustomPayload::new()
        };
        let rest = body.slice_ref(reader.rest());
        Ok(Self { tracing_id, warnings, custom_payload, body: rest })
    }

    /// Appends what precedes the body, if anything, and returns the flags that announce it. The body follows.
    pub fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<u8, EncodeError> {
        let mut flags = 0;
        if let Some(tracing_id) = self.tracing_id {
            flags |= flags::TRACING;
            out.extend_from_slice(tracing_id.as_bytes());
        }
        if !self.warnings.is_empty() {
            flags |= flags::WARNING;
            put_string_list(out, &self.warnings, "warnings")?;
        }
        if !self.custom_payload.is_empty() {
            flags |= flags::CUSTOM_PAYLOAD;
            self.custom_payload.encode(out)?;
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_before_the_body_comes_off_in_order() {
        let envelope = Envelope {
            tracing_id: Some(Uuid::from_u128(7)),
            warnings: vec!["a".into(), "b".into()],
            custom_payload: CustomPayload::from_iter([("k", "v")]),
            body: Bytes::from_static(b"rest"),
        };
        let mut out = Vec::new();
        let flags = envelope.encode_prefix(&mut out).unwrap();
        assert_eq!(flags, 0x0e);
        assert_eq!(out[..18], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 2]);
        let prefix = out.len();
        out.extend_from_slice(b"rest");
        assert_eq!(Envelope::split(flags, out.clone().into()), Ok(envelope));
        for length in 0..prefix {
            assert!(Envelope::split(flags, Bytes::copy_from_slice(&out[..length])).is_err());
        }
    }

    #[test]
    fn without_flags_the_body_is_untouched() {
        let body = Bytes::from_static(b"body");
        assert_eq!(Envelope::split(flags::COMPRESSED, body.clone()).unwrap().body, body);
    }
}

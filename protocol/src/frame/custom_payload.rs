//! The custom payload that may precede a body.

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError};
use crate::frame::flags;
use crate::wire::{Reader, put_bytes, put_short_count, put_string};

/// Named bytes beside a request or response, v4 and later. At most 65535 entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomPayload {
    entries: Vec<(String, Option<Bytes>)>,
}

impl CustomPayload {
    /// Without entries; allocates nothing.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Reads a `[bytes map]` whose values are slices of `body`. `reader` must read from `body`.
    pub fn decode(reader: &mut Reader<'_>, body: &Bytes) -> Result<Self, DecodeError> {
        let count = usize::from(reader.short("custom payload")?);
        let mut entries = Vec::with_capacity(reader.capacity(count, 6));
        for _ in 0..count {
            let key = reader.string("custom payload key")?.to_owned();
            let value = reader.bytes("custom payload value")?.map(|value| body.slice_ref(value));
            entries.push((key, value));
        }
        Ok(Self { entries })
    }

    /// The value of `key` in the payload before a response's uncompressed body, borrowed from it; nothing else is read or
    /// copied. `None` when it is absent or null, or `frame_flags` announce no payload.
    pub fn find<'b>(frame_flags: u8, body: &'b [u8], key: &str) -> Result<Option<&'b [u8]>, DecodeError> {
        if frame_flags & flags::CUSTOM_PAYLOAD == 0 {
            return Ok(None);
        }
        let mut reader = Reader::new(body);
        if frame_flags & flags::TRACING != 0 {
            reader.uuid("tracing id")?;
        }
        if frame_flags & flags::WARNING != 0 {
            for _ in 0..reader.short("warnings")? {
                let length = reader.short("warnings")?;
                reader.take(usize::from(length), "warnings")?;
            }
        }
        for _ in 0..reader.short("custom payload")? {
            let is_it = reader.string("custom payload key")? == key;
            let value = reader.bytes("custom payload value")?;
            if is_it {
                return Ok(value);
            }
        }
        Ok(None)
    }

    /// Appends a `[bytes map]`; goes before the body of a request whose header has the flag.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_short_count(out, self.entries.len(), "custom payload entries")?;
        for (key, value) in &self.entries {
            put_string(out, key, "custom payload key")?;
            put_bytes(out, value.as_deref(), "custom payload value")?;
        }
        Ok(())
    }

    /// Appends a `[bytes map]` of entries that are kept elsewhere, with keys that are known to differ.
    pub fn encode_entries<'a>(
        entries: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        put_short_count(out, entries.len(), "custom payload entries")?;
        for (key, value) in entries {
            put_string(out, key, "custom payload key")?;
            put_bytes(out, Some(value), "custom payload value")?;
        }
        Ok(())
    }

    /// Adds an entry, replacing one of the same key.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Bytes>) {
        let (key, value) = (key.into(), Some(value.into()));
        match self.entries.iter_mut().find(|(existing, _)| *existing == key) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((key, value)),
        }
    }

    /// The value of `key`; `None` when absent or null.
    pub fn get(&self, key: &str) -> Option<&Bytes> {
        self.entries.iter().find(|(existing, _)| existing == key).and_then(|(_, value)| value.as_ref())
    }

    /// All entries, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&Bytes>)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_ref()))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<K: Into<String>, V: Into<Bytes>> FromIterator<(K, V)> for CustomPayload {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut payload = Self::new();
        entries.into_iter().for_each(|(key, value)| payload.insert(key, value));
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_is_found_without_reading_the_rest() {
        let payload = CustomPayload::from_iter([("a", "x"), ("b", "yz")]);
        let envelope = crate::Envelope {
            tracing_id: Some(uuid::Uuid::from_u128(7)),
            warnings: vec!["look out".into()],
            custom_payload: payload,
            ..crate::Envelope::default()
        };
        let mut body = Vec::new();
        let flags = envelope.encode_prefix(&mut body).unwrap();
        let prefix = body.len();
        body.extend_from_slice(b"the answer");
        assert_eq!(CustomPayload::find(flags, &body, "b"), Ok(Some(&b"yz"[..])));
        assert_eq!(CustomPayload::find(flags, &body, "c"), Ok(None));
        assert_eq!(CustomPayload::find(0, &body, "b"), Ok(None));
        for cut in 0..prefix {
            assert!(CustomPayload::find(flags, &body[..cut], "c").is_err(), "{cut} bytes");
        }
    }

    #[test]
    fn entries_come_back_with_null_apart_from_empty() {
        let body = Bytes::from_static(&[
            0, 3, 0, 1, b'k', 0, 0, 0, 1, b'v', 0, 1, b'n', 255, 255, 255, 255, 0, 1, b'e', 0, 0, 0, 0,
        ]);
        let payload = CustomPayload::decode(&mut Reader::new(&body), &body).unwrap();
        assert_eq!(payload.get("k"), Some(&Bytes::from_static(b"v")));
        assert_eq!(payload.get("n"), None);
        assert_eq!(payload.get("e"), Some(&Bytes::new()));
        assert_eq!(payload.len(), 3);
        let mut out = Vec::new();
        payload.encode(&mut out).unwrap();
        assert_eq!(out, body);
        let (mut one, mut same) = (Vec::new(), Vec::new());
        CustomPayload::from_iter([("k", "v")]).encode(&mut one).unwrap();
        CustomPayload::encode_entries([("k", &b"v"[..])].into_iter(), &mut same).unwrap();
        assert_eq!(one, same);
    }

    #[test]
    fn a_payload_cut_anywhere_is_an_error() {
        let mut out = Vec::new();
        CustomPayload::from_iter([("key", "value"), ("other", "")]).encode(&mut out).unwrap();
        for length in 0..out.len() {
            let body = Bytes::copy_from_slice(&out[..length]);
            assert!(CustomPayload::decode(&mut Reader::new(&body), &body).is_err());
        }
    }

    #[test]
    fn more_than_65535_entries_cannot_be_sent() {
        let entries = (0..65536).map(|i| (i.to_string(), Some(Bytes::new()))).collect();
        assert!(CustomPayload { entries }.encode(&mut Vec::new()).is_err());
    }
}

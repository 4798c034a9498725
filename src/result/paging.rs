//! Where a result continues.

use std::fmt;

use bytes::Bytes;

/// The place where the next page of a result begins.
///
/// Opaque, and valid only for the same statement with the same values on the same protocol version. It may contain parts of
/// the last row's key: whoever hands it to a client that must not see them, or takes it back from one, encrypts or signs it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PagingState(Bytes);

impl PagingState {
    /// A paging state from bytes kept elsewhere.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, to be kept elsewhere.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be kept elsewhere.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl fmt::Debug for PagingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PagingState({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_keeps_key_data_out_of_logs() {
        assert_eq!(format!("{:?}", PagingState::new(&b"secret"[..])), "PagingState(6 bytes)");
    }
}

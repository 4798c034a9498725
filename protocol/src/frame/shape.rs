//! What one connection negotiated.

use crate::version::ProtocolVersion;

/// What one connection negotiated, and therefore how bytes for it look.
///
/// The same request may have to be encoded for connections of different shapes while a cluster is upgraded, so
/// nothing of this is global.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct FrameShape {
    /// The protocol version.
    pub version: ProtocolVersion,
    /// PREPARED and EXECUTE carry a result metadata id: always in v5, on v4 by ScyllaDB's extension.
    pub metadata_id: bool,
    /// Bits that mark a prepared statement as conditional in its bind metadata flags.
    pub lwt_mask: Option<u32>,
    /// The error code that means "too many requests for this partition".
    pub rate_limit_code: Option<i32>,
    /// Results may carry where a partition's tablet lives.
    pub tablets_v1: bool,
    /// As `tablets_v1` with versions; EXECUTE then ends with one byte more. Never together with `tablets_v1`.
    pub tablets_v2: bool,
    /// Read and write failures map addresses to reasons, as in v5.
    pub reason_map: bool,
}

/// The extensions that change what requests look like. Requests are written before it is known who gets them, so a session has
/// each of these on every connection whose server offers it, or on none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RequestExtensions {
    /// See [`FrameShape::metadata_id`].
    pub metadata_id: bool,
    /// See [`FrameShape::tablets_v2`].
    pub tablets_v2: bool,
}

impl RequestExtensions {
    /// Those of `self` that `other` has not.
    pub const fn without(self, other: Self) -> Self {
        Self {
            metadata_id: self.metadata_id && !other.metadata_id,
            tablets_v2: self.tablets_v2 && !other.tablets_v2,
        }
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        !self.metadata_id && !self.tablets_v2
    }
}

impl FrameShape {
    /// A connection of `version` with no extension.
    pub const fn new(version: ProtocolVersion) -> Self {
        Self {
            version,
            metadata_id: version.has_result_metadata_id(),
            lwt_mask: None,
            rate_limit_code: None,
            tablets_v1: false,
            tablets_v2: false,
            reason_map: version.has_reason_map(),
        }
    }

    /// What requests look like on such a connection.
    pub const fn request_extensions(&self) -> RequestExtensions {
        RequestExtensions { metadata_id: self.metadata_id, tablets_v2: self.tablets_v2 }
    }

    /// The same with requests of that look.
    pub const fn with_request_extensions(mut self, extensions: RequestExtensions) -> Self {
        self.metadata_id = extensions.metadata_id;
        self.tablets_v2 = extensions.tablets_v2;
        self
    }

    /// Whether bind metadata flags mark a conditional statement (a lightweight transaction).
    pub const fn is_lwt(&self, bind_flags: u32) -> bool {
        match self.lwt_mask {
            Some(mask) => bind_flags & mask == mask,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_a_conditional_statement_may_be_the_top_bit() {
        let mut shape = FrameShape::new(ProtocolVersion::V4);
        assert!(!shape.is_lwt(u32::MAX));
        shape.lwt_mask = Some(2_147_483_648);
        assert!(shape.is_lwt(0x8000_0001));
        assert!(!shape.is_lwt(0x7fff_ffff));
    }

    #[test]
    fn version_five_always_has_metadata_ids_and_reasons() {
        let shape = FrameShape::new(ProtocolVersion::V5);
        assert!(shape.metadata_id && shape.reason_map);
        let shape = FrameShape::new(ProtocolVersion::V4);
        assert!(!shape.metadata_id && !shape.reason_map);
    }
}

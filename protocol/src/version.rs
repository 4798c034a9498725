//! Versions of the native protocol and what differs between them.

use std::fmt;

/// A version of the CQL native protocol this crate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum ProtocolVersion {
    /// Version 3, Cassandra 2.1.
    V3 = 3,
    /// Version 4, Cassandra 2.2 and later, and ScyllaDB.
    #[default]
    V4 = 4,
    /// Version 5, Cassandra 4.0 and later.
    V5 = 5,
    /// Version 6, in beta: Cassandra 4.0 and later speak it with those who say in every frame that they agree to that. Up to
    /// Cassandra 5.0 it is version 5 by another number.
    V6 = 6,
}

/// A version number outside 3 to 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("protocol version {0}{name} is not supported, only 3, 4, 5 and the beta of 6 are", name = self.suffix())]
pub struct UnsupportedVersion(pub u8);

impl UnsupportedVersion {
    /// The first version of DataStax Enterprise's own.
    pub const DSE_V1: UnsupportedVersion = UnsupportedVersion(0x41);
    /// The second version of DataStax Enterprise's own.
    pub const DSE_V2: UnsupportedVersion = UnsupportedVersion(0x42);

    /// What the version is called, when it is known by name.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::DSE_V1 => Some("DSE v1"),
            Self::DSE_V2 => Some("DSE v2"),
            _ => None,
        }
    }

    fn suffix(self) -> String {
        self.name().map_or_else(String::new, |name| format!(" ({name})"))
    }
}

impl ProtocolVersion {
    /// Those that are released, highest first: the order in which a client tries them.
    pub const ALL: [ProtocolVersion; 3] = [Self::V5, Self::V4, Self::V3];

    /// The number in the frame header.
    #[inline]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// The version to try after the server refused this one, `None` below the minimum.
    pub const fn next_lower(self) -> Option<Self> {
        match self {
            Self::V6 => Some(Self::V5),
            Self::V5 => Some(Self::V4),
            Self::V4 => Some(Self::V3),
            Self::V3 => None,
        }
    }

    /// Whether it may still change, so that every frame has to say that its sender knows
    /// ([`flags::USE_BETA`](crate::flags::USE_BETA)).
    #[inline]
    pub const fn is_beta(self) -> bool {
        matches!(self, Self::V6)
    }

    /// Query and batch flags take four bytes instead of one.
    #[inline]
    pub const fn int_query_flags(self) -> bool {
        self.as_u8() >= Self::V5.as_u8()
    }

    /// PREPARE carries a flags field.
    #[inline]
    pub const fn has_prepare_flags(self) -> bool {
        self.as_u8() >= Self::V5.as_u8()
    }

    /// QUERY, EXECUTE, BATCH and PREPARE may name a keyspace.
    #[inline]
    pub const fn has_keyspace_field(self) -> bool {
        self.as_u8() >= Self::V5.as_u8()
    }

    /// QUERY, EXECUTE and BATCH may carry the clock to use for expiry, in seconds.
    #[inline]
    pub const fn has_now_in_seconds(self) -> bool {
        self.as_u8() >= Self::V5.as_u8()
    }

    /// PREPARED and EXECUTE carry the id of the result metadata.
    #[inline]
    pub const fn has_result_metadata_id(self) -> bool {
        self.as_u8() >= Self::V5.as_u8()
    }

    /// Read and write failures map addresses to reasons instead of counting them.
    #[inline]
    pub const fn has_reason_map(self) -> bool {
        self.as_u8() >= Self::V5.as_u8()
    }

    /// After the handshake, envelopes travel inside checksummed segments.
    #[inline]
    pub const fn uses_segments(self) -> bool {
        self.as_u8() >= Self::V5.as_u8()
    }

    /// Requests and responses may carry a custom payload, and responses warnings.
    #[inline]
    pub const fn has_custom_payload(self) -> bool {
        !matches!(self, Self::V3)
    }

    /// A bound value may be left unset.
    #[inline]
    pub const fn has_unset(self) -> bool {
        !matches!(self, Self::V3)
    }

    /// PREPARED names the bind markers that make up the partition key.
    #[inline]
    pub const fn has_partition_key_indexes(self) -> bool {
        !matches!(self, Self::V3)
    }
}

impl TryFrom<u8> for ProtocolVersion {
    type Error = UnsupportedVersion;

    fn try_from(version: u8) -> Result<Self, UnsupportedVersion> {
        match version {
            3 => Ok(Self::V3),
            4 => Ok(Self::V4),
            5 => Ok(Self::V5),
            6 => Ok(Self::V6),
            other => Err(UnsupportedVersion(other)),
        }
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.as_u8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stepping_down_ends_below_version_three() {
        let mut tried = vec![ProtocolVersion::V5];
        while let Some(next) = tried.last().unwrap().next_lower() {
            tried.push(next);
        }
        assert_eq!(tried, ProtocolVersion::ALL);
    }

    #[test]
    fn only_three_to_six_are_versions_and_the_last_is_a_beta() {
        for number in 0..=255u8 {
            let version = ProtocolVersion::try_from(number);
            assert_eq!(version.is_ok(), (3..=6).contains(&number));
            assert_eq!(version.is_ok_and(ProtocolVersion::is_beta), number == 6);
        }
        assert_eq!(ProtocolVersion::V6.next_lower(), Some(ProtocolVersion::V5));
        assert_eq!(ProtocolVersion::try_from(0x42), Err(UnsupportedVersion::DSE_V2));
    }

    #[test]
    fn versions_that_are_known_and_not_spoken_are_called_by_their_names() {
        let said = |number: u8| ProtocolVersion::try_from(number).unwrap_err().to_string();
        assert_eq!(
            said(0x41),
            "protocol version 65 (DSE v1) is not supported, only 3, 4, 5 and the beta of 6 are"
        );
        assert_eq!(said(2), "protocol version 2 is not supported, only 3, 4, 5 and the beta of 6 are");
    }

    #[test]
    fn each_version_has_what_its_specification_gives_it() {
        use ProtocolVersion::{V3, V4, V5};
        for (predicate, since) in [
            (ProtocolVersion::int_query_flags as fn(ProtocolVersion) -> bool, V5),
            (ProtocolVersion::has_prepare_flags, V5),
            (ProtocolVersion::has_keyspace_field, V5),
            (ProtocolVersion::has_now_in_seconds, V5),
            (ProtocolVersion::has_result_metadata_id, V5),
            (ProtocolVersion::has_reason_map, V5),
            (ProtocolVersion::uses_segments, V5),
            (ProtocolVersion::has_custom_payload, V4),
            (ProtocolVersion::has_unset, V4),
            (ProtocolVersion::has_partition_key_indexes, V4),
        ] {
            assert_eq!([V3, V4, V5].map(predicate), [V3, V4, V5].map(|version| version >= since));
        }
    }
}

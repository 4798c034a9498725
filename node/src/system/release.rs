//! Which server nodes pose as.

use chorus_protocol::ProtocolVersion;

/// The version a node says it has by default: a Cassandra whose features clients may expect, and what it really is.
pub const RELEASE_VERSION: &str = "5.0.0-embedded";

/// Which server the nodes of a cluster pose as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Release {
    /// Apache Cassandra 5.0.
    #[default]
    Cassandra50,
    /// Apache Cassandra 2.2, for clients that have to do with old servers. The protocol is spoken up to version 4; the schema
    /// stands in `system.schema_keyspaces`, `schema_columnfamilies`, `schema_columns` and `schema_usertypes`, types by the names of
    /// Java classes; there is no `system.peers_v2`, no `system_schema` and nothing virtual. CQL is that of 5.0 all the same.
    Cassandra22,
}

impl Release {
    /// What `release_version` says.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Cassandra50 => RELEASE_VERSION,
            Self::Cassandra22 => "2.2.19-embedded",
        }
    }

    /// The version of CQL, in `system.local` and SUPPORTED.
    pub(crate) fn cql_version(self) -> &'static str {
        match self {
            Self::Cassandra50 => "3.4.7",
            Self::Cassandra22 => "3.3.1",
        }
    }

    /// The newest version of the protocol it speaks.
    pub(crate) fn newest_protocol(self) -> ProtocolVersion {
        match self {
            Self::Cassandra50 => ProtocolVersion::V5,
            Self::Cassandra22 => ProtocolVersion::V4,
        }
    }
}

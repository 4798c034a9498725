//! What in the cluster's own tables could not be used.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use chorus_protocol::ValueError;
use chorus_protocol::types::TypeTextError;
use uuid::Uuid;

use crate::routing::ReplicationFactorError;
use crate::server_version::ServerVersion;

/// Something in a system table that could not be used. The rest of the rows were.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A peer without a usable address.
    PeerWithoutAddress {
        /// Its identity, if told.
        host_id: Option<Uuid>,
    },
    /// A host without an identity.
    HostWithoutId {
        /// Where it is.
        address: SocketAddr,
    },
    /// A peer without a datacenter.
    PeerWithoutDatacenter {
        /// Where it is.
        address: SocketAddr,
    },
    /// A peer without a rack.
    PeerWithoutRack {
        /// Where it is.
        address: SocketAddr,
    },
    /// A peer that owns no tokens: it serves no data, so it is not used.
    PeerWithoutTokens {
        /// Where it is.
        address: SocketAddr,
    },
    /// A second row for an address; the first was used.
    DuplicateAddress {
        /// The address.
        address: SocketAddr,
        /// The identity in the row that was left out.
        host_id: Uuid,
    },
    /// A second row for an identity; the first was used.
    DuplicateHostId {
        /// The identity.
        host_id: Uuid,
        /// The address in the row that was left out.
        address: SocketAddr,
    },
    /// A version that cannot be read, or only in part.
    OddVersion {
        /// The host that told it.
        address: SocketAddr,
        /// The beginning of its text.
        text: String,
        /// What it is taken for; `None` for a new one, whichever that is.
        assumed: Option<ServerVersion>,
    },
    /// A partitioner whose tokens cannot be computed: requests are not routed by token.
    UnknownPartitioner {
        /// Its class name.
        class: String,
    },
    /// A token that is none of the cluster's partitioner.
    InvalidToken {
        /// The host that owns it.
        address: SocketAddr,
        /// The beginning of its text.
        token: String,
    },
    /// A keyspace whose replication options make no sense; requests to it are not routed by token.
    InvalidReplication {
        /// The keyspace.
        keyspace: Arc<str>,
        /// What is wrong.
        error: ReplicationFactorError,
    },
    /// A type that cannot be read; its values are opaque bytes.
    UnreadableType {
        /// The keyspace.
        keyspace: Arc<str>,
        /// The table, type, function or aggregate it occurs in.
        object: String,
        /// What is wrong.
        error: TypeTextError,
    },
    /// A column whose kind is not known; it was left out.
    UnknownColumnKind {
        /// The keyspace.
        keyspace: Arc<str>,
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The kind as told.
        kind: String,
    },
    /// A row of a schema table, or a whole table of a form unheard of; it was left out.
    UnreadableRow {
        /// The schema table.
        table: &'static str,
        /// What is wrong.
        error: ValueError,
    },
    /// A view without its base table; it was left out.
    ViewWithoutTable {
        /// The keyspace.
        keyspace: Arc<str>,
        /// The view.
        view: String,
    },
}

/// How much a [`Warning`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Expected in healthy clusters.
    Debug,
    /// An operator should know.
    Warn,
}

impl Warning {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::PeerWithoutTokens { .. } => Severity::Debug,
            _ => Severity::Warn,
        }
    }

    /// Whether it is about a peer whose row lacks what makes it a member. A node that has just joined has such a row until the
    /// server has heard the rest.
    pub fn is_unfinished_peer(&self) -> bool {
        matches!(
            self,
            Self::PeerWithoutAddress { .. }
                | Self::HostWithoutId { .. }
                | Self::PeerWithoutDatacenter { .. }
                | Self::PeerWithoutRack { .. }
                | Self::PeerWithoutTokens { .. }
        )
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerWithoutAddress { host_id: Some(id) } => {
                write!(f, "peer {id} has no address and is not used")
            }
            Self::PeerWithoutAddress { host_id: None } => write!(f, "a peer has no address and is not used"),
            Self::HostWithoutId { address } => write!(f, "host {address} has no host id and is not used"),
            Self::PeerWithoutDatacenter { address } => {
                write!(f, "peer {address} has no datacenter and is not used")
            }
            Self::PeerWithoutRack { address } => write!(f, "peer {address} has no rack and is not used"),
            Self::PeerWithoutTokens { address } => write!(f, "peer {address} owns no tokens and is not used"),
            Self::DuplicateAddress { address, host_id } => {
                write!(f, "host {host_id} is not used: another host has its address {address}")
            }
            Self::DuplicateHostId { host_id, address } => {
                write!(f, "host {address} is not used: another host has its id {host_id}")
            }
            Self::OddVersion { address, text, assumed } => {
                write!(f, "the version {text:?} of host {address} is odd: ")?;
                match assumed {
                    Some(version) => write!(f, "it is taken for {version}"),
                    None => f.write_str("it is taken for a new one"),
                }
            }
            Self::UnknownPartitioner { class } => {
                write!(f, "partitioner {class:?} is not known: requests are not routed by token")
            }
            Self::InvalidToken { address, token } => {
                write!(f, "host {address} has an invalid token {token:?}")
            }
            Self::InvalidReplication { keyspace, error } => {
                write!(f, "requests to keyspace {keyspace} are not routed by token: {error}")
            }
            Self::UnreadableType { keyspace, object, error } => write!(f, "in {keyspace}.{object}: {error}"),
            Self::UnknownColumnKind { keyspace, table, column, kind } => {
                write!(f, "column {column} of {keyspace}.{table} is left out: kind {kind:?} is not known")
            }
            Self::UnreadableRow { table, error } => write!(f, "a row of {table} is left out: {error}"),
            Self::ViewWithoutTable { keyspace, view } => {
                write!(f, "view {keyspace}.{view} is left out: its table is not known")
            }
        }
    }
}

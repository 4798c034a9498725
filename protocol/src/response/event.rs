//! EVENT: what a server tells without being asked.

use std::net::SocketAddr;

use crate::error::{DecodeError, EncodeError};
use crate::request::EventKind;
use crate::response::SchemaChange;
use crate::wire::{Reader, put_inet, put_string, put_string_list};

/// What happened to a host's membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum TopologyChangeKind {
    NewNode,
    RemovedNode,
    MovedNode,
}

/// What happened to a host's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum StatusChangeKind {
    Up,
    Down,
}

/// New private-link routes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientRoutesChange {
    /// The only kind today is `UPDATE_NODES`.
    pub change: String,
    /// Of which connections.
    pub connection_ids: Vec<String>,
    /// To which hosts.
    pub host_ids: Vec<String>,
}

/// What a server tells without being asked. Addresses are those clients are meant to use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Event {
    TopologyChange { kind: TopologyChangeKind, address: SocketAddr },
    StatusChange { kind: StatusChangeKind, address: SocketAddr },
    SchemaChange(SchemaChange),
    ClientRoutesChange(ClientRoutesChange),
}

impl Event {
    /// Its kind.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::TopologyChange { .. } => EventKind::TopologyChange,
            Self::StatusChange { .. } => EventKind::StatusChange,
            Self::SchemaChange(_) => EventKind::SchemaChange,
            Self::ClientRoutesChange(_) => EventKind::ClientRoutesChange,
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match EventKind::from_name(reader.string("event")?)? {
            EventKind::TopologyChange => {
                let kind = match reader.string("topology change")? {
                    "NEW_NODE" => TopologyChangeKind::NewNode,
                    "REMOVED_NODE" => TopologyChangeKind::RemovedNode,
                    "MOVED_NODE" => TopologyChangeKind::MovedNode,
                    other => return Err(unknown("topology change", other)),
                };
                Self::TopologyChange { kind, address: reader.inet("host")? }
            }
            EventKind::StatusChange => {
                let kind = match reader.string("status change")? {
                    "UP" => StatusChangeKind::Up,
                    "DOWN" => StatusChangeKind::Down,
                    other => return Err(unknown("status change", other)),
                };
                Self::StatusChange { kind, address: reader.inet("host")? }
            }
            EventKind::SchemaChange => Self::SchemaChange(SchemaChange::decode(reader)?),
            EventKind::ClientRoutesChange => Self::ClientRoutesChange(ClientRoutesChange {
                change: reader.string("client routes change")?.to_owned(),
                connection_ids: reader.string_list("connection ids")?,
                host_ids: reader.string_list("host ids")?,
            }),
        })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_string(out, self.kind().name(), "event")?;
        match self {
            Self::TopologyChange { kind, address } => {
                let kind = match kind {
                    TopologyChangeKind::NewNode => "NEW_NODE",
                    TopologyChangeKind::RemovedNode => "REMOVED_NODE",
                    TopologyChangeKind::MovedNode => "MOVED_NODE",
                };
                put_string(out, kind, "topology change")?;
                put_inet(out, *address);
                Ok(())
            }
            Self::StatusChange { kind, address } => {
                let kind = match kind {
                    StatusChangeKind::Up => "UP",
                    StatusChangeKind::Down => "DOWN",
                };
                put_string(out, kind, "status change")?;
                put_inet(out, *address);
                Ok(())
            }
            Self::SchemaChange(change) => change.encode(out),
            Self::ClientRoutesChange(change) => {
                put_string(out, &change.change, "client routes change")?;
                put_string_list(out, &change.connection_ids, "connection ids")?;
                put_string_list(out, &change.host_ids, "host ids")
            }
        }
    }
}

fn unknown(what: &'static str, name: &str) -> DecodeError {
    DecodeError::UnknownName { what, name: name.to_owned() }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::{FunctionSignature, Response, SchemaChangeKind, SchemaTarget};
    use crate::vectors::{V4, check_cuts, check_response};

    fn address() -> SocketAddr {
        "127.0.0.1:9042".parse().unwrap()
    }

    #[test]
    fn topology_and_status_carry_an_address() {
        for (kind, name) in [
            (TopologyChangeKind::NewNode, "00084e45575f4e4f4445"),
            (TopologyChangeKind::RemovedNode, "000c52454d4f5645445f4e4f4445"),
            (TopologyChangeKind::MovedNode, "000a4d4f5645445f4e4f4445"),
        ] {
            let event = Response::Event(Event::TopologyChange { kind, address: address() });
            let bytes = format!("000f544f504f4c4f47595f4348414e4745 {name} 047f000001 00002352");
            check_response(&V4, &event, &bytes);
            check_cuts(&V4, &event);
        }
        for (kind, name) in [(StatusChangeKind::Up, "00025550"), (StatusChangeKind::Down, "0004444f574e")] {
            let event = Response::Event(Event::StatusChange { kind, address: address() });
            let bytes = format!("000d5354415455535f4348414e4745 {name} 047f000001 00002352");
            check_response(&V4, &event, &bytes);
            check_cuts(&V4, &event);
        }
    }

    #[test]
    fn schema_changes_name_what_changed() {
        let signature = FunctionSignature { name: "f".into(), argument_types: vec!["int".into()] };
        assert_eq!(signature.to_string(), "f(int)");
        for (target, bytes) in [
            (SchemaTarget::Keyspace, "00084b45595350414345 00016b"),
            (SchemaTarget::Table("t".into()), "00055441424c45 00016b 000174"),
            (SchemaTarget::Type("t".into()), "000454595045 00016b 000174"),
            (SchemaTarget::Function(signature.clone()), "000846554e4354494f4e 00016b 000166 0001 0003696e74"),
            (
                SchemaTarget::Aggregate(signature.clone()),
                "0009414747524547415445 00016b 000166 0001 0003696e74",
            ),
        ] {
            for (kind, name) in [
                (SchemaChangeKind::Created, "000743524541544544"),
                (SchemaChangeKind::Updated, "000755504441544544"),
                (SchemaChangeKind::Dropped, "000744524f50504544"),
            ] {
                let change = SchemaChange { kind, keyspace: "k".into(), target: target.clone() };
                let event = Response::Event(Event::SchemaChange(change));
                check_response(&V4, &event, &format!("000d534348454d415f4348414e4745 {name} {bytes}"));
                check_cuts(&V4, &event);
            }
        }
    }

    #[test]
    fn client_routes_carry_two_lists() {
        let event = Response::Event(Event::ClientRoutesChange(ClientRoutesChange {
            change: "UPDATE_NODES".into(),
            connection_ids: vec!["c".into()],
            host_ids: vec![],
        }));
        check_response(
            &V4,
            &event,
            "0014434c49454e545f524f555445535f4348414e4745 000c5550444154455f4e4f444553 0001 000163 0000",
        );
        check_cuts(&V4, &event);
    }

    #[test]
    fn unknown_words_are_errors() {
        let mut out = Vec::new();
        Event::StatusChange { kind: StatusChangeKind::Up, address: address() }.encode(&mut out).unwrap();
        let decode = |bytes: &[u8]| Event::decode(&mut Reader::new(bytes));
        let lower: Vec<u8> = [&[0, 13], &b"status_change"[..], &out[15..]].concat();
        assert!(decode(&lower).is_ok(), "event names are matched in any case");
        out[17] = b'X';
        assert!(matches!(decode(&out), Err(DecodeError::UnknownName { what: "status change", .. })));
    }
}

//! REGISTER: which events a connection wants.

use crate::error::{DecodeError, EncodeError};
use crate::wire::{Reader, put_short_count, put_string};

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Hosts join and leave.
    TopologyChange,
    /// Hosts come up and go down.
    StatusChange,
    /// Keyspaces, tables, types, functions and aggregates change.
    SchemaChange,
    /// Private-link routes change. ScyllaDB only.
    ClientRoutesChange,
}

impl EventKind {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TopologyChange => "TOPOLOGY_CHANGE",
            Self::StatusChange => "STATUS_CHANGE",
            Self::SchemaChange => "SCHEMA_CHANGE",
            Self::ClientRoutesChange => "CLIENT_ROUTES_CHANGE",
        }
    }

    /// By name, in any case.
    pub fn from_name(name: &str) -> Result<Self, DecodeError> {
        [Self::TopologyChange, Self::StatusChange, Self::SchemaChange, Self::ClientRoutesChange]
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| DecodeError::UnknownName { what: "event", name: name.to_owned() })
    }
}

/// Asks for events on this connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The kinds of events.
    pub events: Vec<EventKind>,
}

impl Register {
    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_short_count(out, self.events.len(), "events")?;
        self.events.iter().try_for_each(|event| put_string(out, event.name(), "event"))
    }

    /// Reads the body.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = usize::from(reader.short("events")?);
        let mut events = Vec::with_capacity(reader.capacity(count, 2));
        for _ in 0..count {
            events.push(EventKind::from_name(reader.string("event")?)?);
        }
        Ok(Self { events })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;
    use crate::vectors::{V4, check_plain_request};

    #[test]
    fn events_are_sent_by_name() {
        use EventKind::*;
        check_plain_request(
            &V4,
            1,
            Request::Register(Register { events: vec![TopologyChange, StatusChange, SchemaChange] }),
            "040000010b00000031 0003 000f544f504f4c4f47595f4348414e4745 000d5354415455535f4348414e4745
             000d534348454d415f4348414e4745",
        );
    }

    #[test]
    fn event_names_are_matched_in_any_case() {
        assert_eq!(EventKind::from_name("Schema_Change"), Ok(EventKind::SchemaChange));
        assert!(EventKind::from_name("SCHEMA").is_err());
        assert!(Register::decode(&mut Reader::new(&[0xff, 0xff, 0, 0])).is_err());
    }
}

//! What a server tells beside an answer: where a partition's tablet is.
//!
//! Only answers whose header announces a payload come here, which are those of requests that arrived in the wrong place.

use chorus_protocol::{CustomPayload, FrameHeader};
use chorus_topology::{TABLETS_V1_PAYLOAD_KEY, TABLETS_V2_PAYLOAD_KEY, TabletHint};

use super::{ConnectionActor, in_flight::Occupant};

impl ConnectionActor {
    /// Takes note of a tablet in the payload of an answer. A payload that makes no sense is counted, and the answer is
    /// delivered all the same.
    #[cold]
    pub(super) fn note_payload(&self, header: &FrameHeader, body: &[u8], occupant: &Occupant) {
        let shape = &self.port.shape;
        let key = match (shape.tablets_v1, shape.tablets_v2) {
            (_, true) => TABLETS_V2_PAYLOAD_KEY,
            (true, false) => TABLETS_V1_PAYLOAD_KEY,
            (false, false) => return,
        };
        let table = match occupant {
            Occupant::Request(request) => request.options.table,
            Occupant::Row { chunk, row } => self.coordinator.table_of_row(*chunk, *row),
            Occupant::Free | Occupant::Heartbeat | Occupant::Orphan { .. } => None,
        };
        let Some(table) = table else { return };
        match self.tablet(header, body, key) {
            Ok(Some(hint)) => self.coordinator.tablets().tell(table, hint),
            Ok(None) => {}
            Err(error) => {
                self.coordinator.tablets().refuse();
                tracing::debug!(address = %self.port.address, %error, "ignored what a server said about a tablet");
            }
        }
    }

    fn tablet(&self, header: &FrameHeader, body: &[u8], key: &str) -> Result<Option<TabletHint>, String> {
        let expanded;
        let body = if self.port.compresses(header.flags) {
            expanded = self.plain(header.flags, body)?;
            &*expanded
        } else {
            body
        };
        let value = CustomPayload::find(header.flags, body, key).map_err(|error| error.to_string())?;
        let parse = match key == TABLETS_V2_PAYLOAD_KEY {
            true => TabletHint::parse_versioned,
            false => TabletHint::parse,
        };
        value.map(parse).transpose().map_err(|error| error.to_string())
    }
}

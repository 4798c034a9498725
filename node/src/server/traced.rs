//! Requests that asked to be traced.

use std::time::Instant;

use chorus_protocol::Opcode;
use chorus_protocol::request::{Prepare, Query};
use chorus_protocol::wire::Reader;
use uuid::Uuid;

use super::session::Session;
use crate::system::Trace;

/// What the node part of trace ids is.
const TRACE_NODE: [u8; 6] = *b"chorus";
/// How much of a statement a trace shows, in characters.
const TRACE_TEXT: usize = 1000;

/// Names a trace; a version 1 uuid, which `system_traces.events` orders by.
pub(super) fn new_trace_id() -> Uuid {
    Uuid::now_v1(&TRACE_NODE)
}

impl Session {
    /// Keeps what a client will look for under the id it was answered with.
    pub(super) fn record_trace(
        &self,
        session_id: Uuid,
        started: Instant,
        opcode: Opcode,
        mut reader: Reader<'_>,
    ) {
        let (request, query) = match opcode {
            Opcode::Query => {
                ("Execute CQL3 query", Query::decode(&mut reader, &self.shape).map(|query| query.cql))
            }
            Opcode::Prepare => {
                ("Preparing CQL3 query", Prepare::decode(&mut reader, &self.shape).map(|prepare| prepare.cql))
            }
            Opcode::Execute => ("Execute CQL3 prepared query", Ok("")),
            _ => ("Execute batch of CQL3 queries", Ok("")),
        };
        let query = query.unwrap_or_default().chars().take(TRACE_TEXT).collect();
        let elapsed = started.elapsed();
        self.node.shared.traces.record(Trace {
            session_id,
            client: self.peer.ip(),
            coordinator: self.member.address,
            request,
            query,
            started_at: chrono::Utc::now().timestamp_millis() - elapsed.as_millis() as i64,
            duration: i32::try_from(elapsed.as_micros()).unwrap_or(i32::MAX),
        });
    }
}

//! Requests that asked to be traced.

use std::time::Instant;

use chorus_protocol::Opcode;
use chorus_protocol::request::{Batch, Execute, Prepare, Query};
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
        let shape = &self.shape;
        let (request, query, consistency) = match opcode {
            Opcode::Query => {
                let query = Query::decode(&mut reader, shape).ok();
                let consistency = query.as_ref().map(|query| query.parameters.consistency);
                ("Execute CQL3 query", query.map(|query| query.cql), consistency)
            }
            Opcode::Prepare => {
                let prepare = Prepare::decode(&mut reader, shape).ok();
                ("Preparing CQL3 query", prepare.map(|prepare| prepare.cql), None)
            }
            Opcode::Execute => {
                let execute = Execute::decode(&mut reader, shape).ok();
                let consistency = execute.map(|execute| execute.parameters.consistency);
                ("Execute CQL3 prepared query", None, consistency)
            }
            _ => {
                let consistency = Batch::decode(&mut reader, shape).ok().map(|batch| batch.consistency);
                ("Execute batch of CQL3 queries", None, consistency)
            }
        };
        let query = query.unwrap_or_default().chars().take(TRACE_TEXT).collect();
        let elapsed = started.elapsed();
        self.node.shared.traces.record(Trace {
            session_id,
            client: self.peer.ip(),
            coordinator: self.member.address,
            request,
            query,
            consistency,
            started_at: chrono::Utc::now().timestamp_millis() - elapsed.as_millis() as i64,
            duration: i32::try_from(elapsed.as_micros()).unwrap_or(i32::MAX),
        });
    }
}

//! Letting requests go wrong as fault rules say.

use std::time::Instant;

use bytes::Bytes;
use chorus_protocol::request::{Batch, BatchStatement, Execute, Prepare, Query};
use chorus_protocol::response::{DbError, Envelope};
use chorus_protocol::wire::Reader;
use chorus_protocol::{CustomPayload, FrameHeader, Opcode, flags};

use super::fault::{Fault, RuleId, Seen};
use super::outbound::Outbound;
use super::session::{Flow, Session};
use crate::cluster::Place;

impl Session {
    /// What shall go wrong with a request, and the rule that says so.
    pub(super) fn fault(
        &mut self,
        header: &FrameHeader,
        opcode: Opcode,
        body: &[u8],
    ) -> Option<(RuleId, Fault)> {
        let (payload, body) = split_payload(header, body);
        let texts = self.texts(opcode, &body);
        let statements: Vec<&str> = texts.iter().map(String::as_str).collect();
        let seen = Seen {
            node: self.node.index,
            shard: self.place.as_ref().map(Place::shard),
            connection: self.number,
            number: self.requests,
            opcode: opcode.as_u8(),
            statements: &statements,
            payload: &payload,
        };
        self.node.shared.faults.decide(&seen)
    }

    /// The statements in a request; none if it cannot be read, which its answer will say.
    fn texts(&mut self, opcode: Opcode, body: &[u8]) -> Vec<String> {
        let mut reader = Reader::new(body);
        match opcode {
            Opcode::Query => Query::decode(&mut reader, &self.shape)
                .map(|query| query.cql.to_owned())
                .into_iter()
                .collect(),
            Opcode::Prepare => Prepare::decode(&mut reader, &self.shape)
                .map(|prepare| prepare.cql.to_owned())
                .into_iter()
                .collect(),
            Opcode::Execute => {
                let execute = Execute::decode(&mut reader, &self.shape).ok();
                execute.and_then(|execute| self.text_of(execute.id)).into_iter().collect()
            }
            Opcode::Batch => {
                let Ok(batch) = Batch::decode(&mut reader, &self.shape) else { return Vec::new() };
                let mut text = |statement: &BatchStatement<'_>| match statement {
                    BatchStatement::Query(cql) => Some((*cql).to_owned()),
                    BatchStatement::Prepared(id) => self.text_of(id),
                };
                batch.entries.iter().filter_map(|entry| text(&entry.statement)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn text_of(&mut self, id: &[u8]) -> Option<String> {
        let statement = self.prepared.find(&self.node.prepared, id)?;
        Some(String::from(&*statement.query))
    }

    /// Answers a request wrongly, as a rule has it.
    pub(super) fn fail(
        &mut self,
        (rule, fault): (RuleId, Fault),
        header: &FrameHeader,
        opcode: Opcode,
        body: &[u8],
        out: &mut Outbound,
    ) -> Flow {
        let start = out.envelopes().len();
        match fault {
            Fault::Delay(_) | Fault::Hold if out.delayed() >= self.node.shared.limits.max_delayed => {
                let message = "Too many answers are held back on this connection".to_owned();
                self.reply(header, out).error(DbError::Overloaded, message);
                Flow::Continue
            }
            Fault::Delay(delay) => {
                let flow = self.dispatch(header, opcode, body, out);
                out.delay(start, Instant::now() + delay);
                flow
            }
            Fault::Hold => {
                let flow = self.dispatch(header, opcode, body, out);
                out.hold(start, rule);
                flow
            }
            Fault::DropAnswer => {
                let flow = self.dispatch(header, opcode, body, out);
                out.discard(start);
                flow
            }
            Fault::DropRequest => Flow::Continue,
            Fault::Close => Flow::Close,
            Fault::CloseAfter => {
                self.dispatch(header, opcode, body, out);
                out.discard(start);
                Flow::Close
            }
            Fault::CloseMidAnswer(bytes) => {
                self.dispatch(header, opcode, body, out);
                out.cut(start, bytes);
                Flow::Close
            }
            Fault::Reset => Flow::Reset,
            Fault::Truncate(bytes) => {
                let flow = self.dispatch(header, opcode, body, out);
                out.truncate_body(start, bytes);
                flow
            }
            Fault::WrongStream(distance) => {
                let flow = self.dispatch(header, opcode, body, out);
                out.redirect(start, distance);
                flow
            }
            Fault::AnswerTwice => {
                let flow = self.dispatch(header, opcode, body, out);
                out.repeat(start);
                flow
            }
            Fault::Payload(key, value) => {
                let flow = self.dispatch(header, opcode, body, out);
                out.put_payload(start, &key, &value);
                flow
            }
            Fault::Trickle(pause) => {
                let flow = self.dispatch(header, opcode, body, out);
                let trickling = self.node.shared.faults.begin_trickling();
                out.trickle(start, pause, Instant::now(), trickling);
                flow
            }
            Fault::Error(error, message) => {
                self.reply(header, out).error(error, message);
                Flow::Continue
            }
            Fault::Beside(warnings, payload) => {
                let flow = self.dispatch(header, opcode, body, out);
                let beside = Envelope { warnings, custom_payload: payload, ..Envelope::default() };
                if self.shape.version.has_custom_payload() {
                    out.put_beside(start, &beside);
                }
                flow
            }
            Fault::Garbage(bytes) => {
                out.garbage(&bytes);
                Flow::Continue
            }
        }
    }
}

/// The custom payload of a request, and what follows it. One that cannot be read is left where it is, which the answer says.
fn split_payload(header: &FrameHeader, body: &[u8]) -> (CustomPayload, Bytes) {
    let body = Bytes::copy_from_slice(body);
    if header.flags & flags::CUSTOM_PAYLOAD == 0 {
        return (CustomPayload::new(), body);
    }
    let mut reader = Reader::new(&body);
    match CustomPayload::decode(&mut reader, &body) {
        Ok(payload) => {
            let rest = body.slice_ref(reader.rest());
            (payload, rest)
        }
        Err(_) => (CustomPayload::new(), body),
    }
}

//! What becomes of an answer: its stream id is freed, and whoever waited gets it.
//!
//! Acknowledgements, which are all that a writer gets, are settled in a run; everything else envelope by envelope. A successful
//! answer goes to its caller without a detour, an error to the coordinator, which decides what follows. An answer that
//! breaks the protocol ends the connection.

use bytes::Bytes;
use chorus_protocol::{FrameHeader, Opcode, flags};

use super::{
    ConnectionActor,
    in_flight::{Occupant, Taken},
    inbound::{Body, Inbound},
    older::put_metadata_id,
};
use crate::{
    coordinator::Cause,
    metrics::METERED,
    request::{CloseReason, Outcome, Request},
};

/// Bodies up to this size are copied into the request's own buffer; larger ones get an allocation of their own.
const INLINE_BODY: usize = 2 * 1024;
/// `[int]` kind 1 of a RESULT: void.
const VOID: [u8; 4] = [0, 0, 0, 1];

impl ConnectionActor {
    /// Settles the rows and requests at the front of what was read that were simply done, which is all that a writer gets.
    pub(super) fn acknowledge(&mut self, inbound: &mut Inbound) {
        let now = self.coordinator.clock().now_us();
        let version = self.port.shape.version.as_u8();
        let (in_flight, coordinator, host) =
            (&mut self.in_flight, &self.coordinator, self.port.answers_for.get());
        let mut stats = self.port.stats.borrow_mut();
        // Rows of one chunk follow one another.
        let (mut chunk, mut rows, mut answers) = (0, 0, 0);
        inbound.acknowledgements(version, |stream| {
            let Some(Taken { occupant, written_us }) = in_flight.acknowledge(stream) else { return false };
            // Both are of the reactor's clock, which does not go back.
            stats.service.record(now.wrapping_sub(written_us));
            let key = match occupant {
                Occupant::Row { chunk, .. } => chunk,
                Occupant::Request(mut request) => {
                    answers += 1;
                    request.outcome = Outcome::Done { host };
                    coordinator.answered(request);
                    return true;
                }
                _ => unreachable!("nothing else is acknowledged"),
            };
            if key != chunk && rows > 0 {
                answers += u64::from(rows);
                coordinator.rows_applied(chunk, rows);
                rows = 0;
            }
            chunk = key;
            rows += 1;
            true
        });
        if rows > 0 {
            answers += u64::from(rows);
            coordinator.rows_applied(chunk, rows);
        }
        if METERED {
            stats.answers += answers;
        }
    }

    pub(super) fn answer(&mut self, header: FrameHeader, body: Body<'_>) -> Result<(), CloseReason> {
        let acceptable = header.response
            && header.version == self.port.shape.version.as_u8()
            && is_response(header.opcode)
            && (header.opcode != Opcode::Event as u8 || header.stream < 0)
            && (header.flags & flags::COMPRESSED == 0 || self.may_be_compressed());
        if !acceptable {
            return Err(self.refusal(&header));
        }
        if header.stream < 0 {
            self.event(&header, body);
            return Ok(());
        }
        let Some(Taken { occupant, written_us }) = self.in_flight.answer(header.stream) else {
            self.port.stats.borrow_mut().unknown_streams += 1;
            tracing::debug!(stream = header.stream, address = %self.port.address, "an answer nobody asked for");
            return Ok(());
        };
        let failed = header.opcode == Opcode::Error as u8;
        let now = self.coordinator.clock().now_us();
        {
            let mut stats = self.port.stats.borrow_mut();
            if METERED {
                stats.answers += 1;
            }
            stats.server_errors += u64::from(failed);
            stats.service.record(now.saturating_sub(written_us));
        }
        if header.flags & flags::CUSTOM_PAYLOAD != 0 {
            self.note_payload(&header, body.as_slice(), &occupant);
        }
        match occupant {
            Occupant::Free => {}
            Occupant::Orphan { .. } => {
                let mut stats = self.port.stats.borrow_mut();
                stats.late_answers += 1;
                stats.server_errors -= u64::from(failed);
            }
            Occupant::Heartbeat => {
                self.port.stats.borrow_mut().heartbeats_answered += 1;
                self.heartbeat.answered();
                if failed {
                    self.error(&header, body.as_slice());
                }
            }
            Occupant::Row { chunk, row } => {
                if failed {
                    let error = self.error(&header, body.as_slice());
                    self.coordinator.row_failed(chunk, row, Cause::Database(error), &self.port);
                } else if header.flags == 0 && body.as_slice() == VOID {
                    self.coordinator.rows_applied(chunk, 1);
                } else {
                    self.coordinator.row_answered(
                        chunk,
                        row,
                        &header,
                        body.as_slice(),
                        self.port.answers_for.get(),
                    );
                }
            }
            Occupant::Request(mut request) => {
                if failed {
                    // Whatever it says, a protocol error included: a server that cannot go on closes the connection itself,
                    // and one that dislikes a paging state goes on with the neighbours.
                    let error = self.error(&header, body.as_slice());
                    self.coordinator.failed(request, Cause::Database(error), &self.port);
                    return Ok(());
                }
                if self.outbound.lacks_metadata_ids()
                    && !request.progress.direct
                    && !request.progress.reprepare
                {
                    self.answer_older(request, &header, body.as_slice());
                    return Ok(());
                }
                match body {
                    Body::Borrowed(bytes) if bytes.len() <= INLINE_BODY => {
                        request.body.clear();
                        request.body.extend_from_slice(bytes);
                    }
                    Body::Borrowed(bytes) => request.large_body = Some(Bytes::copy_from_slice(bytes)),
                    Body::Owned(bytes) => request.large_body = Some(bytes),
                }
                request.outcome = Outcome::Answered {
                    opcode: header.opcode,
                    flags: header.flags,
                    host: self.port.answers_for.get(),
                };
                self.coordinator.answered(request);
            }
        }
        Ok(())
    }

    /// The answer of a server that lacks what the session's frames have; see [`older`](super::older).
    #[cold]
    fn answer_older(&self, mut request: Box<Request>, header: &FrameHeader, body: &[u8]) {
        let plain = self.plain(header.flags, body);
        let rewritten = plain.ok().and_then(|body| put_metadata_id(header.flags, body));
        let (frame_flags, body) = rewritten.unwrap_or_else(|| (header.flags, body.to_vec()));
        request.large_body = Some(body.into());
        request.outcome = Outcome::Answered {
            opcode: header.opcode,
            flags: frame_flags,
            host: self.port.answers_for.get(),
        };
        self.coordinator.answered(request);
    }

    fn may_be_compressed(&self) -> bool {
        self.port.compression.is_some() || self.port.shape.version.uses_segments()
    }

    /// Why an answer with this header breaks the protocol.
    #[cold]
    fn refusal(&self, header: &FrameHeader) -> CloseReason {
        let ours = self.port.shape.version.as_u8();
        CloseReason::Protocol(if !header.response {
            "a request came where an answer should".into()
        } else if header.version != ours {
            format!("an answer of protocol version {} on a connection of version {ours}", header.version)
        } else if !is_response(header.opcode) {
            format!("unknown opcode {:#04x} in an answer", header.opcode)
        } else if header.opcode == Opcode::Event as u8 && header.stream >= 0 {
            "an event came where an answer should".into()
        } else {
            "a compressed answer, although no compression was agreed".into()
        })
    }
}

#[inline]
fn is_response(opcode: u8) -> bool {
    const RESPONSES: u32 = 1 << Opcode::Error as u8
        | 1 << Opcode::Ready as u8
        | 1 << Opcode::Authenticate as u8
        | 1 << Opcode::Supported as u8
        | 1 << Opcode::Result as u8
        | 1 << Opcode::Event as u8
        | 1 << Opcode::AuthChallenge as u8
        | 1 << Opcode::AuthSuccess as u8;
    opcode < 32 && RESPONSES >> opcode & 1 == 1
}

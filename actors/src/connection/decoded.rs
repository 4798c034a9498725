//! What is decoded on the reactor, because the driver itself acts on it: errors and events. Everything else is decoded by who asked.

use bytes::Bytes;
use chorus_protocol::{
    FrameHeader, Opcode, flags,
    response::{DbError, Envelope, ErrorBody, Response},
};

use super::{ConnectionActor, ConnectionFact, inbound::Body};
use crate::metrics::FailureReason;

impl ConnectionActor {
    /// Decodes an ERROR, and leaves the server alone if that is what it wants.
    pub(super) fn error(&mut self, header: &FrameHeader, body: &[u8]) -> ErrorBody {
        let error = self.decode_error(header, body);
        if error.is_out_of_service() && !std::mem::replace(&mut self.out_of_service, true) {
            tracing::debug!(address = %self.port.address, message = error.message, "the server serves nobody");
            self.port.drain();
            // What was not written yet would be refused as well.
            self.coordinator.reclaim(&self.port);
            (self.owner.fact)(ConnectionFact::OutOfService { id: self.port.id });
        }
        error
    }

    /// One that cannot be understood is an error all the same, with as much of its words as can be read.
    fn decode_error(&self, header: &FrameHeader, body: &[u8]) -> ErrorBody {
        let open = || -> Result<Bytes, String> {
            let body = self.plain(header.flags, body)?;
            Ok(Envelope::split(header.flags, body).map_err(|error| error.to_string())?.body)
        };
        let decode = |body: &Bytes| match Response::decode(header.opcode, body.clone(), &self.port.shape) {
            Ok(Response::Error(error)) => Ok(error),
            Ok(_) => Err("not an error".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let unreadable =
            |what: String| format!("the server answered with an error that cannot be read: {what}");
        let error = match open() {
            Ok(body) => decode(&body).unwrap_or_else(|what| match ErrorBody::decode_head(&body) {
                Ok(head) => ErrorBody { message: format!("{} ({})", head.message, unreadable(what)), ..head },
                Err(_) => ErrorBody::new(DbError::ServerError, unreadable(what)),
            }),
            Err(what) => ErrorBody::new(DbError::ServerError, unreadable(what)),
        };
        self.port.stats.borrow_mut().errors[FailureReason::of(&error.error) as usize] += 1;
        error
    }

    pub(super) fn plain(&self, frame_flags: u8, body: &[u8]) -> Result<Bytes, String> {
        match self.port.compression {
            Some(compression) if frame_flags & flags::COMPRESSED != 0 => compression
                .decompress_body(body, self.settings.max_frame as usize)
                .map(Bytes::from)
                .map_err(|error| error.to_string()),
            _ => Ok(Bytes::copy_from_slice(body)),
        }
    }

    pub(super) fn event(&self, header: &FrameHeader, body: Body<'_>) {
        if header.opcode != Opcode::Event as u8 {
            self.port.stats.borrow_mut().unknown_streams += 1;
            return;
        }
        let Some(sink) = &self.owner.event else { return };
        let decoded = self.plain(header.flags, body.as_slice()).and_then(|body| {
            let envelope = Envelope::split(header.flags, body).map_err(|error| error.to_string())?;
            Response::decode(header.opcode, envelope.body, &self.port.shape)
                .map_err(|error| error.to_string())
        });
        match decoded {
            Ok(Response::Event(event)) => sink(event),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(address = %self.port.address, %error, "ignored an event that cannot be read");
            }
        }
    }
}

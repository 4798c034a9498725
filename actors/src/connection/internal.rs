//! The driver's own requests on one particular connection: control queries, USE, probes.

use std::time::Duration;

use super::{Port, Work};
use crate::metrics::Stamps;
use crate::request::{
    CloseReason, PendingReply, RequestBuilder, RequestErrorKind, RequestKind, RequestOptions,
};

impl Port {
    /// Sends one whole envelope on this connection, outside admission. A failure is not retried, and dropping the
    /// future cancels.
    pub(crate) fn request(&self, frame: Vec<u8>, timeout: Duration) -> PendingReply<'static> {
        let mut builder = RequestBuilder::detached();
        let (buffer, options) = builder.parts();
        *buffer = frame;
        *options =
            RequestOptions { kind: RequestKind::Other, timeout: Some(timeout), ..RequestOptions::default() };
        let (mut request, pending) = builder.send_detached();
        request.progress.connection = self.id;
        request.progress.direct = true;
        match self.coordinator.upgrade() {
            Some(coordinator) if self.is_open() => {
                let clock = coordinator.clock();
                request.progress.stamps = Stamps::at(clock.refresh());
                request.progress.deadline_us = clock.deadline(Some(timeout));
                self.push(Work::One(request), 1);
                // Lets the coordinator start its tick, so that the deadline is kept on an otherwise idle reactor.
                coordinator.keep_time();
            }
            _ => {
                let reason = self.close_reason().unwrap_or(CloseReason::Shutdown);
                let _ = request.fail(RequestErrorKind::ConnectionLost { reason, written: false });
            }
        }
        pending
    }
}

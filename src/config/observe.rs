//! Who is told what a session does.

use std::sync::Arc;

use super::SessionBuilder;
use crate::listener::RequestListener;
use crate::statement::Timeout;

/// Who is told what the session does.
impl SessionBuilder {
    /// Tells this listener of every request; see [`RequestListener`]. May be called several times; more can be added to the
    /// [session](crate::Session::add_request_listener). Defaults to none.
    pub fn request_listener(mut self, listener: Arc<dyn RequestListener>) -> Self {
        self.listeners.push(listener);
        self
    }

    /// How long [`Session::trace`](crate::Session::trace) waits for a trace; `None` waits for ever. Defaults to 2 seconds.
    pub fn trace_timeout(mut self, limit: impl Into<Timeout>) -> Self {
        self.trace_limit = limit.into().duration();
        self
    }

    /// Whether the server is told the settings that matter to it (timeouts, pool sizes, not addresses, names or passwords), on
    /// the control connection, where it shows them among its clients. Defaults to true.
    pub fn report_config(mut self, report: bool) -> Self {
        self.engine.report_config = report;
        self
    }
}

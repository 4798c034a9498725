//! Who is told what a session does.

use std::sync::Arc;

use super::SessionBuilder;
use crate::error::ConfigProblem;
use crate::observe::{RequestListener, RequestSpans, SlowRequestLog};
use crate::statement::Timeout;

/// Who is told what the session does.
impl SessionBuilder {
    /// Tells this listener of every request; see [`RequestListener`]. May be called several times; more can be added to the
    /// [session](crate::Session::add_request_listener). Defaults to none.
    pub fn request_listener(mut self, listener: Arc<dyn RequestListener>) -> Self {
        self.observation.listeners.push(listener);
        self
    }

    /// Makes a `tracing` span for each call of the session, with the attributes that OpenTelemetry names for databases: single
    /// requests, batches, all pages of a result, jobs of many requests. See `docs/tracing.md`. Defaults to none, which costs
    /// nothing.
    pub fn request_spans(mut self, spans: RequestSpans) -> Self {
        self.observation.spans = Some(spans);
        self
    }

    /// Logs requests that take long; see [`SlowRequestLog`]. Defaults to none, which costs nothing.
    pub fn slow_requests(mut self, log: SlowRequestLog) -> Self {
        if log.is_silent() {
            self.report(ConfigProblem::SilentLog);
        }
        self.observation.slow = Some(log);
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

//! How a trace is waited for.

use std::time::Duration;

use chorus_protocol::Consistency;

use crate::statement::Timeout;

/// How [`Session::trace_with`](crate::Session::trace_with) waits for a trace, and reads it.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct TraceOptions {
    pub(super) limit: Option<Timeout>,
    pub(super) partial: bool,
    pub(super) consistency: Consistency,
}

impl TraceOptions {
    /// How long a trace is waited for unless something else is said.
    pub const DEFAULT_LIMIT: Duration = Duration::from_secs(2);

    /// Everything by default.
    pub fn new() -> Self {
        Self { limit: None, partial: false, consistency: Consistency::LocalOne }
    }

    /// The longest time to wait; `None` waits for ever. Defaults to the session's
    /// [`trace_timeout`](crate::SessionBuilder::trace_timeout), which defaults to 2 seconds.
    pub fn limit(mut self, limit: impl Into<Timeout>) -> Self {
        self.limit = Some(limit.into());
        self
    }

    /// Takes what is there of the trace, if there is anything, instead of waiting for the rest. Defaults to false.
    pub fn allow_partial(mut self, allow: bool) -> Self {
        self.partial = allow;
        self
    }

    /// The consistency level of reading. Traces are usually kept on two hosts of the cluster. Defaults to `LOCAL_ONE`.
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = consistency;
        self
    }
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self::new()
    }
}

//! What of the cluster's knowledge is read without being asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::EngineConfig;

/// Two switches that may be flipped at any time; looked at whenever something is about to be read or taken over.
#[derive(Debug)]
pub(crate) struct Fetch {
    schema: AtomicBool,
    tokens: AtomicBool,
}

impl Fetch {
    /// As the configuration has them.
    pub(crate) fn new(config: &EngineConfig) -> Self {
        Self { schema: config.fetch_schema.into(), tokens: config.fetch_tokens.into() }
    }

    /// Whether the schema is read when it changes and when a control connection is made.
    pub(crate) fn schema(&self) -> bool {
        self.schema.load(Ordering::Relaxed)
    }

    /// Whether the tokens of hosts are taken over.
    pub(crate) fn tokens(&self) -> bool {
        self.tokens.load(Ordering::Relaxed)
    }

    /// Returns what was set before.
    pub(crate) fn set_schema(&self, on: bool) -> bool {
        self.schema.swap(on, Ordering::Relaxed)
    }

    /// Returns what was set before.
    pub(crate) fn set_tokens(&self, on: bool) -> bool {
        self.tokens.swap(on, Ordering::Relaxed)
    }
}

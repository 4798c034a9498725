//! Metrics for a recorder, gathered by waiting.

use super::Session;
use super::park::block_on;
use crate::error::Error;
use crate::metrics;

/// Hands a session's counters to a `metrics` recorder; see [`metrics::Publisher`](crate::metrics::Publisher).
#[derive(Debug)]
pub struct Publisher(metrics::Publisher);

impl Publisher {
    /// See [`Publisher::new`](crate::metrics::Publisher::new).
    pub fn new(session: Session) -> Self {
        Self(metrics::Publisher::new(session.inner))
    }

    /// See [`Publisher::with_limits`](crate::metrics::Publisher::with_limits).
    pub fn with_limits(session: Session, limits: metrics::SeriesLimits) -> Self {
        Self(metrics::Publisher::with_limits(session.inner, limits))
    }

    /// See [`Publisher::names`](crate::metrics::Publisher::names).
    #[must_use]
    pub fn names(self, names: metrics::Names) -> Self {
        Self(self.0.names(names))
    }

    /// See [`Publisher::publish`](crate::metrics::Publisher::publish).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn publish(&mut self) -> Result<(), Error> {
        block_on(self.0.publish())
    }

    /// See [`Publisher::publish_to`](crate::metrics::Publisher::publish_to).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn publish_to(&mut self, recorder: &(dyn ::metrics::Recorder + Sync)) -> Result<(), Error> {
        block_on(self.0.publish_to(recorder))
    }
}

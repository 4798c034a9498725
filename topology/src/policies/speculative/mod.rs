//! One more attempt elsewhere before the first has answered.
//!
//! Most slow answers are slow for a reason of one host: a pause, a compaction, a lost packet. Asking another one shortens
//! the tail at the price of requests whose answers nobody needs. So the coordinator speculates for idempotent statements
//! only, pays each attempt from the [`RetryBudget`](super::retry::RetryBudget), and sends none that no host has room for. The
//! first good answer is the result; answers that come later are dropped.

mod constant;
mod percentile;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

pub use constant::ConstantSpeculation;
pub use percentile::{InvalidPercentile, PercentileSpeculation};

/// Decides when a request that has not been answered is sent to one more host.
///
/// Without a policy there is no speculation and it costs nothing.
pub trait SpeculativePolicy: Send + Sync + Debug {
    /// How long to wait for an answer after `sent` attempts (1 at least) before the next one is sent; `None` for no more.
    ///
    /// Asked when an attempt leaves; the answer may be kept for as long as `conditions` stay the same, about a second. Asked
    /// again when the time is up: `None` then means not to send after all.
    fn delay(&self, sent: u32, conditions: &Conditions<'_>) -> Option<Duration>;
}

/// A policy shared with others is a policy.
impl<P: SpeculativePolicy + ?Sized> SpeculativePolicy for Arc<P> {
    fn delay(&self, sent: u32, conditions: &Conditions<'_>) -> Option<Duration> {
        (**self).delay(sent, conditions)
    }
}

/// How requests fare at the moment.
#[derive(Clone, Copy)]
pub struct Conditions<'c> {
    /// How long they took lately.
    pub latencies: &'c dyn Latencies,
    /// Whether more of them would make matters worse: requests wait for room on connections, servers say they have too much
    /// to do, or the retry budget is half spent.
    pub overloaded: bool,
}

/// The times that requests took lately.
pub trait Latencies {
    /// How many there were.
    fn count(&self) -> u64;

    /// The time that `percent` of them did not exceed; zero when there were none.
    fn percentile(&self, percent: f64) -> Duration;
}

#[cfg(test)]
pub(crate) mod testing {
    //! Requests that took 1 ms, 2 ms and so on.

    use super::*;

    pub(crate) struct Milliseconds(pub(crate) u64);

    impl Latencies for Milliseconds {
        fn count(&self) -> u64 {
            self.0
        }

        fn percentile(&self, percent: f64) -> Duration {
            Duration::from_secs_f64(self.0 as f64 * percent / 100_000.0)
        }
    }

    pub(crate) fn calm(latencies: &Milliseconds) -> Conditions<'_> {
        Conditions { latencies, overloaded: false }
    }

    pub(crate) fn overloaded(latencies: &Milliseconds) -> Conditions<'_> {
        Conditions { latencies, overloaded: true }
    }
}

//! How long to wait before the next connect to a host that could not be reached.
//!
//! The host actor asks. It keeps one schedule from the first failed connect to the first that succeeds, pauses at least 50
//! milliseconds whatever a policy says, and begins a new schedule when a server reports the host up.

mod constant;
mod exponential;

use std::fmt::Debug;
use std::time::Duration;

pub use constant::ConstantReconnection;
pub use exponential::{ExponentialReconnection, InvalidReconnection};

use crate::rng::Rng;

/// Makes one schedule for each time a host is lost.
pub trait ReconnectionPolicy: Send + Sync + Debug {
    /// A fresh schedule.
    fn schedule(&self) -> Box<dyn ReconnectionSchedule + Send>;
}

/// The waits of one reconnection. The first applies before the first attempt.
pub trait ReconnectionSchedule {
    /// The wait before the next attempt; `None` to give up, until a server reports that the host is up.
    fn next_delay(&mut self, rng: &mut Rng) -> Option<Duration>;
}

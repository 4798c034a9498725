//! What is benched.
//!
//! A subject is made once, with everything it needs, and then does its one thing as often as it is told. Criterion times
//! them, a file a question; `instructions` counts what they take. None of them opens a socket.

#[cfg(feature = "bulk")]
pub(crate) mod csv;
pub(crate) mod encode;
pub(crate) mod engine;
pub(crate) mod in_memory;
pub(crate) mod large;
pub(crate) mod mapped;
pub(crate) mod page;
mod peer;
pub(crate) mod requests;
pub(crate) mod route;
pub(crate) mod server_side;
#[cfg(feature = "bulk")]
pub(crate) mod text;

use std::time::{Duration, Instant};

/// Does something so many times.
pub(crate) type Subject = Box<dyn FnMut(u64)>;

/// For criterion, which says how often.
pub(crate) fn timed(subject: &mut Subject, times: u64) -> Duration {
    let begun = Instant::now();
    subject(times);
    begun.elapsed()
}

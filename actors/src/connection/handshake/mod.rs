//! From an endpoint to a connection that is ready for requests.
//!
//! ```text
//! TCP ─> OPTIONS ─> SUPPORTED ─> STARTUP ─┬─> READY ────────────────────────────┬─> USE "ks" ─> ready
//!  ^        │ refused version             └─> AUTHENTICATE ─> AUTH_RESPONSE ─┐  │
//!  └────────┘ next lower, new socket              ^──── AUTH_CHALLENGE ───────┼──┘ AUTH_SUCCESS
//! ```
//!
//! The order of messages is pure state ([`states`]: one struct a state, named for what it waits for), bytes are
//! [`wire`], and [`connect`] drives both within one deadline. A connection belongs to nobody until it is established;
//! dropping the future closes its socket.

mod banner;
mod connect;
mod conversation;
mod dial;
mod error;
mod options;
mod states;
#[cfg(test)]
pub(crate) mod test_peer;
mod tls_problem;
mod wire;

pub use banner::Banner;
pub(crate) use connect::{Established, connect};
pub(crate) use dial::LocalPorts;
pub use error::{ConnectAttempt, ConnectError, Phase};
pub use options::CompressionChoice;
pub(crate) use options::{ConnectOptions, Versions};
pub(crate) use states::use_statement;
pub use tls_problem::TlsProblem;

//! What a client may use up.

use std::time::Duration;

/// Bounds on what clients can make a node hold, each with the answer a client gets at the bound.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest request body in bytes. A larger one is skipped as it arrives and answered with "invalid" (0x2200).
    pub max_request: usize,
    /// Connections a node serves at once. Further ones are closed when accepted.
    pub max_connections: usize,
    /// Connections a node keeps that have not finished STARTUP and authentication.
    pub max_unready_connections: usize,
    /// Time a client has from connecting to the end of STARTUP and authentication.
    pub handshake_timeout: Duration,
    /// Statements a node remembers. The least recently used is forgotten; executing it is answered with
    /// "unprepared" (0x2500).
    pub max_prepared: usize,
    /// Bytes of answers a connection holds for a client that reads slowly; above it nothing more is read from the
    /// client until the answers are gone.
    pub pause_reading_at: usize,
    /// Bytes of answers, delayed answers and events at which a client that does not read is disconnected.
    pub disconnect_at: usize,
    /// Time a client may leave its answers unread before it is disconnected.
    pub write_timeout: Duration,
    /// Answers that fault rules hold back on one connection; a request beyond it is answered as overloaded (0x1001).
    pub max_delayed: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_request: 64 << 20,
            max_connections: 4096,
            max_unready_connections: 512,
            handshake_timeout: Duration::from_secs(10),
            max_prepared: 10_000,
            pause_reading_at: 4 << 20,
            disconnect_at: 512 << 20,
            write_timeout: Duration::from_secs(60),
            max_delayed: 32_768,
        }
    }
}

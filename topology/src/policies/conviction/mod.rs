//! A connection to a host failed: is the host still to be believed in?
//!
//! A host without a usable connection is down whatever anybody thinks: nothing can be sent there. A policy decides about a
//! host that lost a connection, or refused a further one, while others to it still work. The host actor asks, once for each
//! failure; failures of requests never convict a host.
//!
//! A host that is convicted gets no further requests. Its connections finish what is on them and end, it is tried again when
//! the reconnection policy says so, and it is up again with its first new connection.

mod any_failure;
mod last_connection;

use std::fmt::Debug;
use std::time::Duration;

pub use any_failure::SimpleConviction;
pub use last_connection::LastConnection;

use crate::host::Host;

/// Makes one record for each host.
pub trait ConvictionPolicy: Send + Sync + Debug {
    /// The record of a host of which nothing bad is known yet.
    fn record(&self, host: &Host) -> Box<dyn ConvictionRecord + Send>;
}

/// What is held against one host.
pub trait ConvictionRecord {
    /// A connection failed. True convicts the host.
    fn add_failure(&mut self, failure: &ConnectionFailure) -> bool;

    /// The host is up: what was before is forgotten.
    fn reset(&mut self);
}

/// A connection to a host that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionFailure {
    /// What went wrong.
    pub kind: ConnectionFailureKind,
    /// How long it had served; zero for one that could not be made.
    pub lived: Duration,
    /// Other connections to the host that still serve, those of all reactors together.
    pub usable: usize,
}

/// What went wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionFailureKind {
    /// It could not be made: nobody listens, the network has no way, or the handshake broke.
    Unreachable,
    /// The server did not want us: credentials, versions, or no CQL server at all.
    Refused,
    /// It was lost: the server closed it, the network did, or the server broke the protocol on it.
    Lost,
    /// Nothing was heard in time: a handshake or a heartbeat was not answered.
    TimedOut,
}

#[cfg(test)]
pub(crate) mod testing {
    //! One failure of each kind.

    use super::*;

    pub(crate) const KINDS: [ConnectionFailureKind; 4] = [
        ConnectionFailureKind::Unreachable,
        ConnectionFailureKind::Refused,
        ConnectionFailureKind::Lost,
        ConnectionFailureKind::TimedOut,
    ];

    pub(crate) fn failure(kind: ConnectionFailureKind, usable: usize) -> ConnectionFailure {
        ConnectionFailure { kind, lived: Duration::ZERO, usable }
    }

    pub(crate) fn record(policy: &dyn ConvictionPolicy) -> Box<dyn ConvictionRecord + Send> {
        policy.record(&Host::new(uuid::Uuid::nil(), ([10, 0, 0, 1], 9042).into()))
    }
}

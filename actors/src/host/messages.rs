//! Everything one may say to a [`HostActor`](super::HostActor).

use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use chorus_topology::{ConnectionFailureKind, Sharding};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use uuid::Uuid;

use crate::connection::handshake::ConnectError;
use crate::mail::Mail;
use crate::pool::PoolActor;
use crate::request::Preparation;

/// From a pool, once: it is on stage. Until then the host cannot be stopped, because the pool would stay behind.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct PoolOpened {
    pub(crate) reactor: usize,
    pub(crate) pool: Mail<PoolActor>,
}

/// From a pool, whenever it changes: the whole of its state, so that a repeated message is harmless.
#[derive(Message, Debug, Clone, Copy, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct PoolState {
    pub(crate) reactor: usize,
    /// Connections that requests may use.
    pub(crate) usable: usize,
    /// Connections it lacks and has no permit to dial yet.
    pub(crate) missing: u32,
    /// The shards of the host, as its last connection told.
    pub(crate) sharding: Option<Sharding>,
}

/// From a pool: so many dials ended, or were not needed after all.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct PermitsBack {
    pub(crate) reactor: usize,
    pub(crate) count: u32,
}

/// From a pool: a connection became ready. Comes before the [`PoolState`] that counts it.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Connected {
    pub(crate) reactor: usize,
}

/// From a pool: a dial failed.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct DialFailed {
    pub(crate) reactor: usize,
    pub(crate) error: ConnectError,
}

/// From a pool: a connection that was ready for `lived` was lost. Comes after the [`PoolState`] without it.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct ConnectionLost {
    pub(crate) lived: Duration,
    pub(crate) kind: ConnectionFailureKind,
}

/// From a pool: the server says that it serves nobody, see
/// [`is_out_of_service`](chorus_protocol::ErrorBody::is_out_of_service). Sent for each connection that was told so.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct OutOfService;

/// From the cluster: somebody said something about the host.
#[derive(Message, Debug, Clone, Copy, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) enum Hint {
    /// A server says it is up: dial at once.
    Up,
    /// A server says it is down. Not believed: every connection is probed instead.
    Down,
    /// No host is left: dial unless it refused us.
    LastResort,
}

/// From the cluster: use this keyspace on every connection. Each pool answers once on `reply`; the channel closes when
/// all have.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct UseKeyspace {
    pub(crate) keyspace: Arc<str>,
    pub(crate) timeout: Duration,
    pub(crate) reply: UnboundedSender<Result<(), KeyspaceRefused>>,
}

/// From the cluster: which schema has the host? Answered once on `reply`, with none when it cannot be asked.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct AskSchemaVersion {
    pub(crate) timeout: Duration,
    pub(crate) reply: UnboundedSender<Option<Uuid>>,
}

/// From the cluster: another host has prepared this statement, do so too. `done` is dropped when that is over.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct PrepareThere {
    pub(crate) statement: Arc<Preparation>,
    pub(crate) limit: Duration,
    pub(crate) done: UnboundedSender<()>,
}

/// A connection that could not change its keyspace.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{address} did not use the keyspace: {reason}")]
pub struct KeyspaceRefused {
    /// The host.
    pub address: std::net::SocketAddr,
    /// What it said.
    pub reason: Arc<str>,
}

/// From the cluster: drain every connection and end. Each pool answers once on `closed`, with the number of connections
/// it had; the channel closes when all have.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Stop {
    pub(crate) deadline: Instant,
    pub(crate) closed: UnboundedSender<u64>,
}

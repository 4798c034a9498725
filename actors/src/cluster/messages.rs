//! Everything one may say to a [`ClusterActor`](super::ClusterActor).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use chorus_protocol::FrameShape;
use chorus_topology::{Endpoint, HostIndex, Sharding, TableId, TabletHint};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::connection::handshake::{ConnectAttempt, ConnectError};
use crate::control::{Answer, ClusterRows, Scope};
use crate::host::KeyspaceRefused;
use crate::shutdown::ShutdownReport;

// ---- from the session's handle

/// Read members or schema again. Answered when the new state is published.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Refresh {
    pub(crate) scope: Scope,
    pub(crate) answer: Answer<()>,
}

/// Wait until all hosts that are up have the same schema, for at most `limit`. Answered with the version, or none.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AgreeOnSchema {
    pub(crate) limit: Duration,
    pub(crate) answer: Answer<Option<Uuid>>,
}

/// Use a keyspace on every connection, present and future.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ChangeKeyspace {
    /// As it is spelled in the schema.
    pub(crate) keyspace: Arc<str>,
    pub(crate) answer: oneshot::Sender<Result<(), UseKeyspaceError>>,
}

/// Why the keyspace of a session could not be changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum UseKeyspaceError {
    /// The server refused it; nothing was changed.
    #[error("the keyspace cannot be used: {reason}")]
    Refused {
        /// What the server said.
        reason: Arc<str>,
    },
    /// There is no control connection to find out with; nothing was changed.
    #[error("there is no control connection to the cluster at the moment")]
    NotConnected,
    /// The keyspace is in use, but these connections could not change and were closed; they are replaced.
    #[error("{} connections could not change their keyspace and are replaced", .0.len())]
    Partly(Vec<KeyspaceRefused>),
    /// The session was shut down.
    #[error("the session was shut down")]
    ShutDown,
}

/// Policies joined the session: look at the cluster through them too, and connect to the hosts they want. `tried` is told, or
/// dropped, when each of those has been tried.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct AdmitPolicies {
    pub(crate) tried: Option<oneshot::Sender<()>>,
}

/// Tablets that responses told about. May be lost.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct LearnTablets(pub(crate) Vec<(TableId, TabletHint)>);

/// The coordinators are drained: close every connection and end.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Shutdown {
    pub(crate) within: Duration,
    pub(crate) reply: oneshot::Sender<ShutdownReport>,
}

// ---- from the control actor

/// The cluster was read.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ClusterRead {
    pub(crate) rows: Box<ClusterRows>,
    /// The way to the host that told.
    pub(crate) from: Endpoint,
    /// What the control connection negotiated.
    pub(crate) shape: FrameShape,
    /// Whoever waits for the new state.
    pub(crate) answers: Vec<Answer<()>>,
}

/// The control actor has panicked too often and is gone: nothing is learned of the cluster any more.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ControlDied;

/// No control connection could be made anywhere; it is tried again later.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct ControlLost {
    pub(crate) attempts: Arc<[ConnectAttempt]>,
}

/// The control connection is to the host known by this address now, or to none.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct ControlMoved(pub(crate) Option<SocketAddr>);

/// The routes to these hosts are others than before.
#[derive(Message, Debug, Clone)]
#[rtype(result = "()")]
pub(crate) struct RoutesChanged {
    pub(crate) hosts: Vec<Uuid>,
}

/// A server said that a host is up or down.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct HostReported {
    pub(crate) address: SocketAddr,
    pub(crate) up: bool,
}

/// The control connection can use this keyspace, so all others can.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct KeyspaceExists {
    pub(crate) keyspace: Arc<str>,
    pub(crate) answer: oneshot::Sender<Result<(), UseKeyspaceError>>,
}

// ---- from host actors

/// The host has a usable connection.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct HostUp {
    pub(crate) host: HostIndex,
    pub(crate) sharding: Option<Sharding>,
}

/// Every reactor has tried to connect to the host, and knows whether it can.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct HostTried {
    pub(crate) host: HostIndex,
}

/// The host has no usable connection, or the first attempt to get one failed.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct HostDown {
    pub(crate) host: HostIndex,
    pub(crate) error: Option<ConnectError>,
}

/// A connection told the host's shards, and they are not what was known.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct HostSharding {
    pub(crate) host: HostIndex,
    pub(crate) sharding: Option<Sharding>,
}

//! Everything one may say to a [`ControlActor`](super::ControlActor).

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use tokio::sync::{mpsc::UnboundedSender, oneshot};
use uuid::Uuid;

use super::scope::Scope;
use crate::connection::ConnectionFact;

/// Why something could not be learned from the cluster.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no control connection now; one is being looked for.
    #[error("there is no control connection to the cluster at the moment")]
    NotConnected,
    /// The control connection was lost meanwhile, or the server answered with an error.
    #[error("the cluster could not be read: {0}")]
    Failed(Arc<str>),
    /// The hosts have different schemas, so what one of them says about it need not hold.
    #[error("the hosts did not agree on a schema within {0:?}")]
    Disagreement(Duration),
    /// Hosts that a load balancing policy wants were not all tried.
    #[error("not all hosts that the policy wants could be tried within {0:?}")]
    NotTried(Duration),
    /// The session was shut down.
    #[error("the session was shut down")]
    ShutDown,
}

/// From whoever called the cluster: the answer to wait for.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, ControlError>>;

/// From the cluster: read this now. Requests that come while one is being read share the next read.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Read {
    pub(crate) scope: Scope,
    pub(crate) answer: Option<Answer<()>>,
}

/// From the cluster: wait until all hosts but those known to be down have the same schema.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AwaitAgreement {
    pub(crate) limit: Duration,
    pub(crate) down: HashSet<Uuid>,
    /// The version agreed on, or none within the limit.
    pub(crate) answer: Answer<Option<Uuid>>,
}

/// From the cluster: find out whether a keyspace can be used, by using it on the control connection.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct TryKeyspace {
    pub(crate) keyspace: Arc<str>,
    pub(crate) answer: oneshot::Sender<Result<(), crate::cluster::UseKeyspaceError>>,
}

/// From the cluster, whenever it changes: where to connect, best first.
#[derive(Message, Debug, Clone)]
#[rtype(result = "()")]
pub(crate) struct Plan {
    pub(crate) hosts: Vec<SocketAddr>,
    /// A host came up, or it is time to try everything: do not wait for the schedule.
    pub(crate) now: bool,
}

/// From the cluster: this host left; do not stay on it.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Leave(pub(crate) SocketAddr);

/// From the cluster: close the control connection and end. Answered on `closed` with the number of connections closed.
#[derive(Message, Debug, Clone)]
#[rtype(result = "()")]
pub(crate) struct StopControl {
    pub(crate) closed: UnboundedSender<u64>,
}

/// From the control connection: it has noted events. Sent once however many there are.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(super) struct EventsArrived;

/// From a control connection, the present one or an earlier one.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(super) struct LinkFact(pub(super) ConnectionFact);

//! Everything one may say to a [`ControlActor`](super::ControlActor).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use chorus_topology::Endpoint;
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

/// From the cluster, on behalf of the metrics: add what you did, and answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Survey {
    pub(crate) findings: crate::cluster::Findings,
    pub(crate) answer: oneshot::Sender<crate::cluster::Findings>,
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
    pub(crate) hosts: Vec<Endpoint>,
    /// Whether to wait for the schedule.
    pub(crate) urgency: Urgency,
}

/// Why a control connection that is being missed should be looked for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// It should not: the schedule says when.
    None,
    /// No host is left, so everything is tried; unless we were refused.
    LastResort,
    /// A host came up, so it lets us in.
    HostUp,
}

/// From the cluster: a host left, or is reached otherwise now; do not stay on it.
#[derive(Message, Debug, Clone)]
#[rtype(result = "()")]
pub(crate) struct Leave {
    /// The way it was reached.
    pub(crate) endpoint: Endpoint,
    /// Its identity, when it is no member any more.
    pub(crate) gone: Option<Uuid>,
}

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

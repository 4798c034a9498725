//! Everything one may say to a coordinator through its mailbox. Requests do not come this way.

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::Message;
use chorus_topology::Route;
use tokio::sync::oneshot;

use super::{CoordinatorPort, DrainReport, Neighbours};
use crate::{cluster::ClusterActor, mail::Mail, metrics::Collected, reactor::Stage, request::RowHome};

/// From the cluster actor, whenever membership, replicas or a host's state changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SetRoute(pub(crate) Arc<Route>);

/// From the cluster actor, once: this is where news about the cluster goes.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct MeetCluster(pub(crate) Mail<ClusterActor>);

/// From the engine, once all reactors are there.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct MeetNeighbours(pub(crate) Neighbours);

/// From the metrics actor: copy the counters of this reactor.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Collect(pub(crate) oneshot::Sender<Collected>);

/// From the cluster actor, at shutdown: accept nothing new, finish what is there within this time, then fail the rest.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Drain {
    /// How long.
    pub(crate) within: Duration,
    /// Told when nothing is left.
    pub(crate) done: oneshot::Sender<DrainReport>,
}

/// From the reactor, after something on it panicked: rows that are destroyed, and work that may have been interrupted.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Mend(pub(crate) Vec<RowHome>);

/// From the engine, at its start and end: do this on the reactor. Every reactor has exactly one coordinator, which makes it
/// the door to the stage.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct OnStage(pub(crate) StageWork);

/// See [`OnStage`].
pub(crate) type StageWork = Box<dyn FnOnce(&Stage, &Rc<CoordinatorPort>) + Send>;

//! Metrics: every actor counts in plain integers of its own; the [`MetricsActor`] gathers them on demand.
//!
//! It runs on the first reactor and is asked by [`Engine::metrics`](crate::Engine::metrics) and by scrapers. It sends
//! one message to each coordinator, which copies the counters of its reactor between two ticks. A reactor that does
//! not answer within a second is counted as stale and left out, so a scrape never hangs.

pub mod catalog;
mod recorder;
mod snapshot;
mod window;

use std::{sync::Arc, time::Duration};

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use tokio::sync::oneshot;

pub(crate) use recorder::LatencyRecorder;
pub use recorder::{LatencySnapshot, SMALL_BOUNDS, SmallHistogram};
pub(crate) use snapshot::ReactorSnapshot;
pub use snapshot::{ActorSnapshot, ConnectionSnapshot, HostSnapshot, MetricsSnapshot, TrafficSnapshot};
pub(crate) use window::{LatencyWindow, RecentLatencies};

use crate::{
    coordinator::{Collect, CoordinatorActor},
    mail::Census,
};

/// How long a reactor may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module documentation.
pub(crate) struct MetricsActor {
    pub(crate) coordinators: Vec<Addr<CoordinatorActor>>,
    pub(crate) census: Arc<Census>,
}

impl Actor for MetricsActor {
    type Context = Context<Self>;
}

/// From anybody: gather everything now.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Gather(pub(crate) oneshot::Sender<MetricsSnapshot>);

impl Handler<Gather> for MetricsActor {
    type Result = ();

    fn handle(&mut self, Gather(reply): Gather, context: &mut Context<Self>) {
        let answers: Vec<_> = self
            .coordinators
            .iter()
            .map(|coordinator| {
                let (send, receive) = oneshot::channel();
                coordinator.do_send(Collect(send));
                tokio::time::timeout(PATIENCE, receive)
            })
            .collect();
        let census = Arc::clone(&self.census);
        let gather = async move {
            let mut snapshot = MetricsSnapshot::default();
            for answer in answers {
                match answer.await {
                    Ok(Ok(reactor)) => snapshot.add(reactor),
                    _ => snapshot.stale_reactors += 1,
                }
            }
            for (kind, count) in census.counts() {
                snapshot.actor(kind, |actor| {
                    actor.alive += count.alive;
                    actor.queue_depth += count.waiting;
                    actor.queue_depth_max = actor.queue_depth_max.max(count.waiting_most);
                    actor.messages += count.handled;
                });
            }
            let _ = reply.send(snapshot);
        };
        context.spawn(gather.into_actor(self));
    }
}

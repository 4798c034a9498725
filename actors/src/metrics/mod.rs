//! Metrics: every actor counts in plain integers of its own; the [`MetricsActor`] gathers them on demand.
//!
//! It runs on the first reactor and is asked by [`Engine::metrics`](crate::Engine::metrics) and by scrapers. It sends
//! one message to each coordinator, which copies the counters of its reactor between two ticks, and one to the cluster actor. A
//! reactor that does not answer within a second is counted as stale and left out, so a scrape never hangs.
//!
//! What is on the way of a request counts in integers that its reactor owns: no lock, no allocation, no atomic operation. Times
//! are those that requests carry anyway, read once a tick.

pub mod catalog;
#[cfg(feature = "json")]
mod json;
mod pulse;
mod rates;
mod reason;
mod recorder;
mod snapshot;
mod stages;
mod traffic;
mod window;

use std::{sync::Arc, time::Duration};

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use tokio::sync::oneshot;

pub use pulse::{BucketHistogram, LATENCY_BOUNDS_US};
pub(crate) use pulse::{Pulse, STALL_US};
pub use rates::Rates;
pub use reason::FailureReason;
pub(crate) use recorder::LatencyRecorder;
pub use recorder::{LatencySnapshot, SMALL_BOUNDS, SmallHistogram};
pub use snapshot::{
    ActorSnapshot, ByReason, ConnectionSnapshot, ControlSnapshot, HOSTS_IN_FULL, HostSnapshot,
    MetricsSnapshot, ReactorSnapshot,
};
pub(crate) use snapshot::{Collected, count_named};
pub use stages::StageTimes;
pub(crate) use stages::{Earlier, StageSums, Stamps};
pub use traffic::TrafficSnapshot;
pub(crate) use window::{LatencyWindow, RecentLatencies};

use crate::{
    cluster::{ClusterActor, Survey},
    coordinator::{Collect, CoordinatorActor},
    mail::{Census, Mail},
    statements::Statements,
};

/// Whether anything is recorded. False in one build only, with which benches ask what that costs (feature `unmetered`): there
/// everything is left out that serves metrics and nothing else. What decisions are made from is recorded all the same: how
/// long hosts take, how requests ended.
pub(crate) const METERED: bool = !cfg!(feature = "unmetered");

/// How long a reactor may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module documentation.
pub(crate) struct MetricsActor {
    pub(crate) coordinators: Vec<Addr<CoordinatorActor>>,
    pub(crate) cluster: Mail<ClusterActor>,
    pub(crate) census: Arc<Census>,
    pub(crate) statements: Arc<Statements>,
    /// How often it was asked.
    pub(crate) asked: u64,
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
        self.asked += 1;
        let asked = self.asked;
        let answers: Vec<_> = self
            .coordinators
            .iter()
            .map(|coordinator| {
                let (send, receive) = oneshot::channel();
                coordinator.do_send(Collect(send));
                tokio::time::timeout(PATIENCE, receive)
            })
            .collect();
        let (send, survey) = oneshot::channel();
        self.cluster.do_send(Survey(send));
        let survey = tokio::time::timeout(PATIENCE, survey);
        let (census, statements) = (Arc::clone(&self.census), Arc::clone(&self.statements));
        let gather = async move {
            let mut snapshot = MetricsSnapshot::default();
            for answer in answers {
                match answer.await {
                    Ok(Ok(collected)) => snapshot.add(collected),
                    _ => snapshot.stale_reactors += 1,
                }
            }
            // Where nobody answers, the session is ending; what the reactors said is worth telling all the same.
            if let Ok(Ok(survey)) = survey.await {
                snapshot.control = survey.control;
                for (host, address, ups, downs) in survey.changes {
                    let place =
                        snapshot.hosts.iter().position(|known| known.host == host).unwrap_or_else(|| {
                            snapshot.hosts.push(HostSnapshot::new(host, address));
                            snapshot.hosts.len() - 1
                        });
                    snapshot.hosts[place].ups += ups;
                    snapshot.hosts[place].downs += downs;
                }
            }
            snapshot.sort_hosts();
            snapshot.prepared_statements = statements.alive().len() as u64;
            for (kind, count) in census.counts() {
                snapshot.actor(kind, |actor| {
                    actor.alive += count.alive;
                    actor.queue_depth += count.waiting;
                    actor.queue_depth_max = actor.queue_depth_max.max(count.waiting_most);
                    actor.messages += count.handled;
                    actor.stalls += count.stalls;
                    actor.queue_wait.merge(&count.wait);
                });
            }
            // Its address is no counted mailbox: it is the one who counts.
            snapshot.actor("metrics", |actor| {
                actor.alive += 1;
                actor.messages += asked;
            });
            snapshot.taken = Some(snapshot::now());
            let _ = reply.send(snapshot);
        };
        context.spawn(gather.into_actor(self));
    }
}

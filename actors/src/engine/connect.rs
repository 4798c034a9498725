//! From a configuration to a running engine, and back to nothing.

use std::{
    sync::{Arc, Mutex, atomic::AtomicUsize},
    time::Duration,
};

use chorus_topology::{Rng, ViewId};
use tokio::sync::oneshot;

use super::{Engine, Published, Shared};
use crate::{
    cluster::{self, ClusterSetup, Shutdown},
    config::EngineConfig,
    connection::handshake::ConnectError,
    coordinator::{self, CoordinatorPort, Drain, MeetNeighbours, Neighbours, OnStage},
    mail::Census,
    metrics::MetricsActor,
    reactor::{Inbox, Relay, SpinGate, launch, relay_for},
    request::ExecutionPolicies,
    shutdown::ShutdownReport,
};

/// How long closing the connections of a session may take at least, however little its limit leaves.
const LEAST_TO_CLOSE: Duration = Duration::from_millis(100);

impl Engine {
    /// Starts the reactors, connects to the cluster, and returns when requests can be sent: at least one host is up, or
    /// all of them when the configuration says so.
    ///
    /// Dropping the future stops everything that was started.
    ///
    /// # Errors
    ///
    /// When the configuration contradicts itself, no contact point can be resolved, reached or authenticated to, or
    /// the placement does not fit the runtime around the call.
    pub async fn connect(config: EngineConfig) -> Result<Self, ConnectError> {
        config.validate()?;
        let placement = config.placement.resolve();
        let policies = Arc::new(ExecutionPolicies {
            load_balancing: Arc::clone(&config.load_balancing),
            view: ViewId::SESSION,
            retry: Arc::clone(&config.retry),
            speculative: config.speculative.clone(),
        });
        let relay = relay_for(placement);
        let (mut inboxes, mut reactors, mut coordinators) = (Vec::new(), Vec::new(), Vec::new());
        let mut halt = HaltOnDrop { coordinators: Vec::new(), relay: relay.clone() };
        for index in 0..placement.reactors() {
            let gate = config.spin.map(SpinGate::new);
            let inbox = Arc::new(Inbox::new(config.limits.queued_per_reactor as usize, gate.clone()));
            let (send, receive) = oneshot::channel();
            let (policies, relay, door) = (Arc::clone(&policies), relay.clone(), Arc::clone(&inbox));
            let budget = config.retry_budget.clone();
            let running = launch(placement, index, gate, move |stage| {
                let port = CoordinatorPort::new(stage, relay);
                let coordinator =
                    coordinator::start(stage, index, door, &port, policies, budget, Rng::from_entropy());
                if send.send(coordinator).is_err() {
                    // The caller gave up meanwhile: nobody else could end the reactor.
                    stage.halt();
                }
            })
            .map_err(ConnectError::reactor)?;
            reactors.push(running);
            inboxes.push(inbox);
            let coordinator = receive.await.map_err(|_| ConnectError::ShutDown)?;
            halt.coordinators.push(coordinator.clone());
            coordinators.push(coordinator);
        }
        let neighbours: Arc<[Arc<Inbox>]> = inboxes.clone().into();
        for (own, coordinator) in coordinators.iter().enumerate() {
            let (inboxes, fallback) = (Arc::clone(&neighbours), config.control_connection_fallback);
            coordinator.do_send(MeetNeighbours(Neighbours { inboxes, own, fallback }));
        }
        let published = Arc::new(Published::empty(&config));
        let (ready, is_ready) = oneshot::channel();
        let (addresses, receive) = oneshot::channel();
        let census = Arc::new(Census::default());
        let (gatherers, counts, setup) = (
            coordinators.clone(),
            Arc::clone(&census),
            ClusterSetup {
                config: Arc::new(config),
                published: Arc::clone(&published),
                coordinators: coordinators.clone(),
                census,
                ready,
            },
        );
        coordinators[0].do_send(OnStage(Box::new(move |stage, port| {
            let statements = Arc::clone(&setup.published.statements);
            let cluster = cluster::start(stage, port, setup);
            let metrics = stage.start_with(|_| MetricsActor {
                coordinators: gatherers,
                cluster: cluster.clone(),
                census: counts,
                statements,
                asked: 0,
            });
            let _ = addresses.send((metrics, cluster));
        })));
        let (metrics, cluster) = receive.await.map_err(|_| ConnectError::ShutDown)?;
        published.views.report_to(cluster.clone());
        is_ready.await.map_err(|_| ConnectError::ShutDown)??;
        halt.disarm();
        Ok(Self {
            shared: Arc::new(Shared {
                inboxes,
                published,
                policies,
                metrics,
                cluster,
                coordinators,
                relay,
                reactors: Mutex::new(reactors),
                next_reactor: AtomicUsize::new(0),
                process: std::process::id(),
            }),
        })
    }

    /// Takes nothing new, lets what is in flight finish within `within`, closes every connection (for which at least 100 ms
    /// are left) and ends the reactors.
    /// After it no task, thread or socket of this engine is left. A second call finds nothing to do.
    pub async fn shutdown(&self, within: Duration) -> ShutdownReport {
        let mut report = ShutdownReport::empty();
        if self.shared.process != std::process::id() {
            // Everything is the parent's.
            return report;
        }
        let began = std::time::Instant::now();
        let drains: Vec<_> = self
            .shared
            .coordinators
            .iter()
            .map(|coordinator| {
                let (done, drained) = oneshot::channel();
                coordinator.do_send(Drain { within, done });
                drained
            })
            .collect();
        for drained in drains {
            if let Ok(drained) = drained.await {
                report.completed += drained.completed;
                report.failed += drained.failed;
                report.abandoned += drained.abandoned;
            }
        }
        let (reply, closed) = oneshot::channel();
        let left = within.saturating_sub(began.elapsed()).max(LEAST_TO_CLOSE);
        self.shared.cluster.do_send(Shutdown { within: left, reply });
        // The cluster actor keeps to the limit, or dies with its reactor; the caller may have no timer.
        if let Ok(closed) = closed.await {
            report.connections = closed.connections;
            report.in_time = closed.in_time;
        }
        self.shared.halt();
        let reactors = std::mem::take(
            &mut *self.shared.reactors.lock().unwrap_or_else(|poisoned| poisoned.into_inner()),
        );
        for reactor in reactors {
            reactor.ended().await;
        }
        report.in_time &= report.abandoned == 0;
        report.took = began.elapsed();
        report
    }
}

impl Shared {
    /// Ends every reactor at once. Requests in flight fail.
    pub(super) fn halt(&self) {
        for coordinator in &self.coordinators {
            coordinator.do_send(OnStage(Box::new(|stage, _| stage.halt())));
        }
        if let Some(relay) = &self.relay {
            relay.close();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // In a process that was forked off there is nothing to halt, and what would be woken is the parent's.
        if self.process == std::process::id() {
            self.halt();
        }
    }
}

/// Ends the reactors that were started, and the task that wakes for them, when connecting fails or is given up.
struct HaltOnDrop {
    coordinators: Vec<actix::Addr<coordinator::CoordinatorActor>>,
    relay: Option<Relay>,
}

impl HaltOnDrop {
    /// Somebody else ends them from now on.
    fn disarm(&mut self) {
        self.coordinators.clear();
        self.relay = None;
    }
}

impl Drop for HaltOnDrop {
    fn drop(&mut self) {
        for coordinator in &self.coordinators {
            coordinator.do_send(OnStage(Box::new(|stage, _| stage.halt())));
        }
        if let Some(relay) = &self.relay {
            relay.close();
        }
    }
}

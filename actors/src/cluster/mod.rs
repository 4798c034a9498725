//! One actor a session: what the cluster is, and who is in charge of each part of it.
//!
//! Owns membership, schema, ring and tablets, and publishes them as immutable snapshots: to callers through
//! [`Published`], to the coordinators as [`SetRoute`]. Starts the control actor and one actor a host, all on reactor 0.
//! Commands of the session's handle come here and go down from here; facts come up. When it dies, requests go on with
//! the last snapshot, and nothing new is learned.

mod adopt;
mod agreement;
mod digest;
mod feed;
mod members;
mod messages;
mod pause;
mod policies;
mod readiness;
mod spread;
mod survey;
mod unfinished;
mod version;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, SpawnHandle, WrapFuture,
};
use chorus_topology::{ClusterState, Host, HostIndex, Rng, RouteBuilder};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::config::{ControlConnectionFallback, Directory, EngineConfig};
use crate::connection::ConnectionSettings;
use crate::connection::handshake::ConnectError;
use crate::control::{
    AwaitAgreement, ControlActor, ControlError, ControlSetup, Plan, Read, Scope, StopControl, TryKeyspace,
    Urgency,
};
use crate::coordinator::{CoordinatorActor, CoordinatorPort, MeetCluster, SetRoute};
use crate::engine::Published;
use crate::host::{Hint, LEAST_PAUSE, Stop, UseKeyspace};
use crate::mail::{Census, Mail, Presence, takes_mail};
use crate::reactor::Stage;
use crate::shutdown::ShutdownReport;

pub(crate) use agreement::AgreeAmong;
pub use agreement::AgreementScope;
pub(crate) use feed::Feed;
pub use feed::{ClusterEvent, ClusterEvents};
pub use messages::UseKeyspaceError;
pub(crate) use messages::{
    AdmitPolicies, AgreeOnSchema, ChangeKeyspace, ClusterRead, ControlLost, ControlMoved, HostDown,
    HostReported, HostSharding, HostTried, HostUp, KeyspaceExists, LearnTablets, Refresh, RoutesChanged,
    Shutdown,
};
pub(crate) use pause::Pause;
pub(crate) use spread::PrepareElsewhere;
pub(crate) use survey::{Findings, Survey};
pub(crate) use version::highest_common;

use digest::Meanwhile;
use members::Members;
use policies::Awaiting;
use readiness::{Readiness, readiness};
use survey::StatusChanges;
use unfinished::Unfinished;

/// How long `connect` waits for further hosts once the first one serves.
const GRACE: Duration = Duration::from_millis(250);

/// How long tablets are gathered before one new route has them all.
const TABLET_WINDOW: Duration = Duration::from_millis(20);

/// How often members are read again because a tablet is on a host that is none.
const STRANGER_PAUSE: Duration = Duration::from_secs(10);

/// Tablets waiting for the next route; more are dropped, servers tell them again.
const MOST_TABLETS: usize = 4096;

/// What a cluster actor is started with.
pub(crate) struct ClusterSetup {
    pub(crate) config: Arc<EngineConfig>,
    pub(crate) published: Arc<Published>,
    /// Of every reactor, in order.
    pub(crate) coordinators: Vec<Addr<CoordinatorActor>>,
    pub(crate) census: Arc<Census>,
    /// Told once, when the session can be handed out or cannot be had.
    pub(crate) ready: oneshot::Sender<Result<(), ConnectError>>,
}

/// See the module documentation.
pub(crate) struct ClusterActor {
    config: Arc<EngineConfig>,
    published: Arc<Published>,
    coordinators: Arc<[Addr<CoordinatorActor>]>,
    control: Mail<ControlActor>,
    members: Members,
    ready: Option<oneshot::Sender<Result<(), ConnectError>>>,
    /// A first host serves, and others are given a moment.
    grace: bool,
    keyspace: Option<Arc<str>>,
    tablets: Vec<(chorus_topology::TableId, chorus_topology::TabletHint)>,
    /// The host that was reached first, by which policies may choose their datacenter.
    contact: Option<Arc<Host>>,
    /// Addresses by what the cluster tells, where translating takes a while.
    translated: Arc<HashMap<SocketAddr, SocketAddr>>,
    awaiting: Vec<Awaiting>,
    /// Tablets were learned a moment ago: the next ones wait.
    gathering_tablets: bool,
    /// Rows are being digested on another thread: the state stays as it is until they are.
    digesting: bool,
    /// What came meanwhile.
    meanwhile: Meanwhile,
    /// When members were last read because of a tablet.
    stranger_sought: Option<Instant>,
    /// Peers whose rows lack something, and the alarm that has them read again.
    unfinished: Unfinished,
    second_look: Option<SpawnHandle>,
    /// There was a control connection, and there is none.
    control_lost: bool,
    /// Trying every host because none is left.
    last_resort: bool,
    rng: Rng,
    /// How often hosts came up and went down.
    changes: StatusChanges,
    stopping: bool,
    mail: Mail<Self>,
    _presence: Presence,
}

takes_mail!(ClusterActor);

/// Puts the control plane of a session on stage; its first reactor's.
pub(crate) fn start(
    stage: &Stage,
    coordinator: &Rc<CoordinatorPort>,
    setup: ClusterSetup,
) -> Mail<ClusterActor> {
    let connection = settings(&setup.config);
    let directory: Arc<Directory> = Arc::default();
    let mut way = None;
    stage.start_with(|ctx| {
        let (mail, presence) = setup.census.admit("cluster", ctx.address());
        way = Some(mail.clone());
        let control = ControlSetup {
            config: Arc::clone(&setup.config),
            fetch: Arc::clone(&setup.published.fetch),
            cluster: mail.clone(),
            stage: stage.clone(),
            coordinator: Rc::clone(coordinator),
            connection: connection.clone(),
            directory: Arc::clone(&directory),
        };
        let coordinators: Arc<[_]> = setup.coordinators.into();
        let control = ControlActor::start(control, &setup.census);
        ClusterActor {
            members: Members::new(
                &setup.config,
                connection,
                Arc::clone(&coordinators),
                stage.clone(),
                setup.census,
                directory,
                Arc::clone(&setup.published.statements),
            ),
            keyspace: setup.config.keyspace.as_deref().map(Arc::from),
            config: setup.config,
            published: setup.published,
            coordinators,
            control,
            ready: Some(setup.ready),
            grace: false,
            tablets: Vec::new(),
            contact: None,
            translated: Arc::default(),
            awaiting: Vec::new(),
            gathering_tablets: false,
            digesting: false,
            meanwhile: Meanwhile::default(),
            stranger_sought: None,
            unfinished: Unfinished::default(),
            second_look: None,
            control_lost: false,
            last_resort: false,
            rng: Rng::from_entropy(),
            changes: StatusChanges::default(),
            stopping: false,
            mail,
            _presence: presence,
        }
    });
    way.expect("the actor was made a moment ago")
}

/// How the connections of a session behave.
fn settings(config: &EngineConfig) -> ConnectionSettings {
    ConnectionSettings {
        window: config.limits.in_flight_per_connection,
        max_frame: config.limits.frame_bytes,
        heartbeat_interval: Some(config.heartbeat.interval).filter(|interval| !interval.is_zero()),
        heartbeat_timeout: config.heartbeat.timeout,
        max_orphans: config.limits.orphans_per_connection,
        ..ConnectionSettings::default()
    }
}

impl ClusterActor {
    /// Changes the published route, now or when rows that are being digested are there.
    fn change_route(&mut self, change: impl FnOnce(&mut RouteBuilder) + 'static) {
        if self.digesting {
            self.meanwhile.changes.push(Box::new(change));
            return;
        }
        let state = self.published.state.load();
        let mut builder = RouteBuilder::from_route(&state.route);
        change(&mut builder);
        let route = Arc::new(builder.finish(&*self.config.load_balancing));
        let state = state.with_route(route);
        self.publish(state);
    }

    /// Snapshots are published before the messages that refer to them.
    fn publish(&mut self, mut state: ClusterState) {
        state.route = self.with_all_views(state.route);
        let route = Arc::clone(&state.route);
        self.published.state.store(Arc::new(state));
        self.published.set_route(Arc::clone(&route));
        for coordinator in self.coordinators.iter() {
            coordinator.do_send(SetRoute(Arc::clone(&route)));
        }
    }

    /// Starts and ends host actors so that they are those of the route just published.
    fn meet_hosts(&mut self) {
        let route = self.published.route().load_full();
        let shape = self.published.agreement.load().shape;
        let changes = self.members.update(&route, shape, self.keyspace.clone(), self.mail.clone());
        if !changes.started.is_empty() {
            // Up is what has a connection.
            self.change_route(move |builder| {
                for host in changes.started {
                    builder.up(host, false);
                }
            });
        }
        for (endpoint, gone) in changes.left {
            self.control.do_send(crate::control::Leave { endpoint, gone });
        }
    }

    /// Tells what happened to a host.
    fn tell_host(&self, host: HostIndex, event: impl FnOnce(Arc<Host>) -> ClusterEvent) {
        let route = self.published.route().load();
        if let Some(entry) = route.host(host) {
            self.published.feed.tell(&event(Arc::clone(&entry.host)));
        }
    }

    /// Tells the control actor where it may connect: hosts that are up first, near ones before far ones.
    fn publish_plan(&self, urgency: Urgency) {
        let hosts = match self.config.control_connection_fallback {
            ControlConnectionFallback::SkipPoolCreation => {
                let route = self.published.route().load();
                route
                    .hosts()
                    .iter()
                    .filter(|entry| entry.member)
                    .map(|entry| entry.host.endpoint.clone())
                    .collect()
            }
            _ => self.members.plan(),
        };
        self.control.do_send(Plan { hosts, urgency });
    }

    /// Hands out the session when that can be decided.
    fn decide(&mut self, ctx: &mut Context<Self>) {
        if self.ready.is_none() {
            return;
        }
        let fallback = self.config.control_connection_fallback;
        if fallback == ControlConnectionFallback::SkipPoolCreation {
            self.answer_ready(Ok(()));
            return;
        }
        match readiness(self.members.first_attempts(), self.config.wait_for_all_hosts) {
            Readiness::NotYet => {}
            Readiness::Almost if self.grace => {}
            Readiness::Almost => {
                self.grace = true;
                ctx.run_later(GRACE, |actor, _| actor.answer_ready(Ok(())));
            }
            Readiness::Ready => self.answer_ready(Ok(())),
            Readiness::Failed if self.members.is_empty() => {
                let state = self.published.state.load();
                let datacenters: Vec<&str> = state.route.datacenters().iter().map(|name| &**name).collect();
                let reason = format!(
                    "the load balancing policy ignores all {} hosts, which are in: {}",
                    state.hosts.len(),
                    datacenters.join(", ")
                );
                self.answer_ready(Err(ConnectError::Metadata { reason: reason.into() }));
            }
            Readiness::Failed if fallback == ControlConnectionFallback::Fallback => self.answer_ready(Ok(())),
            Readiness::Failed => {
                let attempts = self.members.failures();
                self.answer_ready(Err(ConnectError::NoHostAvailable { attempts }));
            }
        }
    }

    fn answer_ready(&mut self, outcome: Result<(), ConnectError>) {
        if let Some(ready) = self.ready.take() {
            // Whoever called `connect` may have given up; the handle it never got ends the session.
            let _ = ready.send(outcome);
        }
    }

    /// While no host is left, tries each of them (and the contact points) every base delay of the reconnection policy,
    /// whatever their schedules say: a cluster that was away for an hour is found again at once.
    fn resort(&mut self, ctx: &mut Context<Self>) {
        if self.last_resort || self.stopping || self.members.any_up() || self.members.is_empty() {
            return;
        }
        let Some(delay) = self.config.reconnection.schedule().next_delay(&mut self.rng) else { return };
        self.last_resort = true;
        ctx.run_later(delay.max(LEAST_PAUSE), |actor, ctx| {
            actor.last_resort = false;
            if !actor.stopping && !actor.members.any_up() {
                debug!("no host is up: trying all of them");
                actor.members.tell_some(Hint::LastResort, &mut actor.rng);
                actor.publish_plan(Urgency::LastResort);
                actor.resort(ctx);
            }
        });
    }

    /// Learns the tablets gathered so far, and gathers the next ones for a while.
    fn learn_tablets(&mut self, ctx: &mut Context<Self>) {
        if self.digesting {
            ctx.run_later(TABLET_WINDOW, |actor, ctx| actor.learn_tablets(ctx));
            self.gathering_tablets = true;
            return;
        }
        let tablets = std::mem::take(&mut self.tablets);
        if tablets.is_empty() {
            self.gathering_tablets = false;
            return;
        }
        let state = self.published.state.load_full();
        let (state, unknown) = state.learning(tablets.iter().map(|(table, hint)| (*table, hint)));
        self.publish(state);
        if let Some(stranger) = unknown.first()
            && self.stranger_sought.is_none_or(|when| when.elapsed() >= STRANGER_PAUSE)
        {
            debug!(%stranger, tablets = unknown.len(), "tablets are on hosts that are no members: reading them again");
            self.stranger_sought = Some(Instant::now());
            self.control.do_send(Read { scope: Scope::topology(), answer: None });
        }
        self.gathering_tablets = true;
        ctx.run_later(TABLET_WINDOW, |actor, ctx| actor.learn_tablets(ctx));
    }
}

/// Whoever listens learns that nothing will happen any more.
impl Drop for ClusterActor {
    fn drop(&mut self) {
        self.published.feed.end();
    }
}

impl Actor for ClusterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Hosts of a large cluster report together.
        ctx.set_mailbox_capacity(256);
        for coordinator in self.coordinators.iter() {
            coordinator.do_send(MeetCluster(self.mail.clone()));
        }
    }
}

impl Handler<ControlLost> for ClusterActor {
    type Result = ();

    fn handle(&mut self, ControlLost { attempts }: ControlLost, _: &mut Self::Context) {
        if self.members.is_empty() && self.contact.is_none() {
            // It was the first attempt: there is no cluster to go on with.
            self.answer_ready(Err(ConnectError::NoHostAvailable { attempts }));
            return;
        }
        let error = ConnectError::NoHostAvailable { attempts };
        warn!(%error, "no control connection; the cluster is taken to be as last seen");
    }
}

impl Handler<HostReported> for ClusterActor {
    type Result = ();

    fn handle(&mut self, HostReported { address, up }: HostReported, _: &mut Self::Context) {
        let address = self.config.translate(address, &self.translated);
        let known = self.members.tell(address, if up { Hint::Up } else { Hint::Down });
        if !known && up {
            // A stranger may be a new member whose own event was lost.
            self.control.do_send(Read { scope: Scope::topology(), answer: None });
        }
    }
}

impl Handler<RoutesChanged> for ClusterActor {
    type Result = ();

    /// A host that could not be reached may be reached now.
    fn handle(&mut self, RoutesChanged { hosts }: RoutesChanged, _: &mut Self::Context) {
        for host in hosts {
            self.members.tell_host(host, Hint::Up);
        }
    }
}

impl Handler<HostUp> for ClusterActor {
    type Result = ();

    fn handle(&mut self, HostUp { host, sharding }: HostUp, _: &mut Self::Context) {
        if self.members.on_up(host) {
            self.changes.note(host, true);
            self.change_route(move |builder| {
                builder.up(host, true).sharding(host, sharding);
            });
            self.tell_host(host, ClusterEvent::HostUp);
            // A control connection that is being missed need not wait for its schedule any more.
            self.publish_plan(Urgency::HostUp);
        }
    }
}

impl Handler<HostTried> for ClusterActor {
    type Result = ();

    fn handle(&mut self, HostTried { host }: HostTried, ctx: &mut Self::Context) {
        self.members.on_tried(host);
        self.tell_awaiting(host);
        self.decide(ctx);
    }
}

impl Handler<HostDown> for ClusterActor {
    type Result = ();

    fn handle(&mut self, HostDown { host, error }: HostDown, ctx: &mut Self::Context) {
        if self.members.on_down(host, error) {
            self.changes.note(host, false);
            self.change_route(move |builder| {
                builder.up(host, false);
            });
            self.tell_host(host, ClusterEvent::HostDown);
            self.publish_plan(Urgency::None);
        }
        self.resort(ctx);
    }
}

impl Handler<HostSharding> for ClusterActor {
    type Result = ();

    fn handle(&mut self, HostSharding { host, sharding }: HostSharding, _: &mut Self::Context) {
        self.change_route(move |builder| {
            builder.sharding(host, sharding);
        });
    }
}

impl Handler<LearnTablets> for ClusterActor {
    type Result = ();

    /// The first ones are learned at once, those that come soon after together.
    fn handle(&mut self, LearnTablets(tablets): LearnTablets, ctx: &mut Self::Context) {
        let room = MOST_TABLETS.saturating_sub(self.tablets.len());
        self.tablets.extend(tablets.into_iter().take(room));
        if !self.gathering_tablets && !self.stopping {
            self.learn_tablets(ctx);
        }
    }
}

impl Handler<Refresh> for ClusterActor {
    type Result = ();

    fn handle(&mut self, Refresh { scope, answer }: Refresh, _: &mut Self::Context) {
        if self.stopping {
            let _ = answer.send(Err(ControlError::ShutDown));
            return;
        }
        self.control.do_send(Read { scope, answer: Some(answer) });
    }
}

impl Handler<AgreeOnSchema> for ClusterActor {
    type Result = ();

    fn handle(&mut self, AgreeOnSchema { limit, answer }: AgreeOnSchema, _: &mut Self::Context) {
        if self.stopping {
            let _ = answer.send(Err(ControlError::ShutDown));
            return;
        }
        self.control.do_send(AwaitAgreement { limit, down: self.members.down_hosts(), answer });
    }
}

impl Handler<ChangeKeyspace> for ClusterActor {
    type Result = ();

    /// Asks the control connection first: a keyspace that does not exist must not cost a single connection.
    fn handle(&mut self, ChangeKeyspace { keyspace, answer }: ChangeKeyspace, _: &mut Self::Context) {
        if self.stopping {
            let _ = answer.send(Err(UseKeyspaceError::ShutDown));
            return;
        }
        self.control.do_send(TryKeyspace { keyspace, answer });
    }
}

impl Handler<KeyspaceExists> for ClusterActor {
    type Result = ();

    fn handle(&mut self, KeyspaceExists { keyspace, answer }: KeyspaceExists, ctx: &mut Self::Context) {
        self.keyspace = Some(Arc::clone(&keyspace));
        let (reply, mut outcomes) = mpsc::unbounded_channel();
        let timeout = self.config.connect_timeout;
        self.members.tell_all(UseKeyspace { keyspace, timeout, reply });
        let collect = async move {
            let mut refused = Vec::new();
            while let Some(outcome) = outcomes.recv().await {
                refused.extend(outcome.err());
            }
            let outcome = if refused.is_empty() { Ok(()) } else { Err(UseKeyspaceError::Partly(refused)) };
            let _ = answer.send(outcome);
        };
        ctx.spawn(collect.into_actor(self));
    }
}

impl Handler<Shutdown> for ClusterActor {
    type Result = ();

    /// The coordinators have drained their requests before: what is left is to close every connection.
    fn handle(&mut self, Shutdown { within, reply }: Shutdown, ctx: &mut Self::Context) {
        if std::mem::replace(&mut self.stopping, true) {
            // Somebody else is shutting the session down; there is nothing left to report.
            let _ = reply.send(ShutdownReport::empty());
            return;
        }
        let begun = Instant::now();
        self.answer_ready(Err(ConnectError::ShutDown));
        let (closed, mut parts) = mpsc::unbounded_channel::<u64>();
        self.control.do_send(StopControl { closed: closed.clone() });
        let deadline = begun + within;
        self.members.stop_all(Stop { deadline, closed });
        let collect = async move {
            let mut report = ShutdownReport::empty();
            let every_part = async {
                while let Some(connections) = parts.recv().await {
                    report.connections += connections;
                }
            };
            // Pools keep to the deadline; a reactor that died takes its pools with it, and they never answer.
            if tokio::time::timeout_at(deadline + GRACE, every_part).await.is_err() {
                report.in_time = false;
            }
            report.took = begun.elapsed();
            debug!(?report, "every connection is closed");
            let _ = reply.send(report);
        };
        ctx.spawn(collect.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

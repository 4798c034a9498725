//! One actor a session: what the cluster is, and who is in charge of each part of it.
//!
//! Owns membership, schema, ring and tablets, and publishes them as immutable snapshots: to callers through
//! [`Published`], to the coordinators as [`SetRoute`]. Starts the control actor and one actor a host, all on reactor 0.
//! Commands of the session's handle come here and go down from here; facts come up. When it dies, requests go on with
//! the last snapshot, and nothing new is learned.

mod adopt;
mod agreement;
mod digest;
mod ending;
mod feed;
mod hand_out;
mod keyspace;
mod members;
mod messages;
mod pause;
mod policies;
mod readiness;
mod spread;
mod start;
mod survey;
mod tablets;
mod unfinished;
mod version;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Context, Handler, SpawnHandle};
use chorus_topology::{ClusterState, Host, HostIndex, Rng, RouteBuilder};
use tokio::sync::oneshot;
use tracing::{debug, error, warn};

use crate::config::{ControlConnectionFallback, EngineConfig};
use crate::connection::handshake::ConnectError;
use crate::control::{AwaitAgreement, ControlActor, ControlError, Plan, Read, Scope, Urgency};
use crate::coordinator::{CoordinatorActor, MeetCluster, SetRoute};
use crate::engine::Published;
use crate::host::{Hint, LEAST_PAUSE};
use crate::mail::{Mail, Presence, takes_mail};

pub(crate) use agreement::AgreeAmong;
pub use agreement::AgreementScope;
pub(crate) use feed::Feed;
pub use feed::{ClusterEvent, ClusterEvents};
pub use messages::UseKeyspaceError;
pub(crate) use messages::{
    AdmitPolicies, AgreeOnSchema, ChangeKeyspace, ClusterRead, ControlDied, ControlLost, ControlMoved,
    HostDown, HostReported, HostSharding, HostTried, HostUp, KeyspaceExists, LearnTablets, Refresh,
    RoutesChanged, Shutdown,
};
pub(crate) use pause::Pause;
pub(crate) use spread::PrepareElsewhere;
pub(crate) use start::{ClusterSetup, start};
pub(crate) use survey::{Findings, Survey};
pub(crate) use version::highest_common;

use digest::Meanwhile;
use members::Members;
use policies::Awaiting;
use survey::StatusChanges;
use tablets::Tablets;
use unfinished::Unfinished;

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
    tablets: Tablets,
    /// The host that was reached first, by which policies may choose their datacenter.
    contact: Option<Arc<Host>>,
    /// Addresses by what the cluster tells, where translating takes a while.
    translated: Arc<HashMap<SocketAddr, SocketAddr>>,
    awaiting: Vec<Awaiting>,
    /// Rows are being digested on another thread: the state stays as it is until they are.
    digesting: bool,
    /// What came meanwhile.
    meanwhile: Meanwhile,
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

impl Handler<ControlDied> for ClusterActor {
    type Result = ();

    fn handle(&mut self, _: ControlDied, ctx: &mut Self::Context) {
        if self.stopping {
            return;
        }
        if self.published.control.load().is_some() {
            self.handle(ControlMoved(None), ctx);
        }
        error!("the actor that watches the cluster is gone; the cluster is taken to be as last seen");
        let reason = "the actor that asks the cluster about itself panicked, which is logged with its reason; \
                      on a runtime without timers or sockets it cannot but do so (see `enable_all` of its builder)";
        self.answer_ready(Err(ConnectError::Metadata { reason: reason.into() }));
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

//! One actor a host: whether it is up, when it is tried again, how many dials it gets at once.
//!
//! Owns the reconnection schedule, the record of the conviction policy and the connect budget of one host, alone, for the pools of all reactors together, so
//! that many reactors cannot storm one server. Started by the cluster when the host is first seen (and again when its
//! address changes) on reactor 0; it has a pool opened on every reactor. Pools tell it facts, it tells the cluster
//! [`HostUp`] and [`HostDown`]. It owns no requests: when it dies, pools keep their connections but get no permits, and
//! the cluster, whose messages to it are then lost, sees no host come back.

mod messages;
mod permits;
mod state;

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, SpawnHandle};
use chorus_topology::{
    ConnectionFailure, ConnectionFailureKind, ConvictionPolicy, ConvictionRecord, Host, ReconnectionPolicy,
    Rng, Sharding,
};
use tracing::{debug, info, warn};

use crate::cluster::{ClusterActor, HostDown, HostSharding, HostTried, HostUp};
use crate::connection::handshake::{Banner, ConnectError};
use crate::coordinator::{CoordinatorActor, OnStage};
use crate::mail::{Census, Mail, Presence, takes_mail};
use crate::pool::{AdoptKeyspace, Dismiss, MayConnect, PoolActor, PoolSettings, PoolSetup, Probe, Schooling};
use crate::reactor::Stage;

pub use messages::KeyspaceRefused;
pub(crate) use messages::{
    AskSchemaVersion, Connected, ConnectionLost, DialFailed, Hint, OutOfService, PermitsBack, PoolOpened,
    PoolState, PrepareThere, Stop, UseKeyspace,
};
use permits::Permits;
use state::{Announcement, Effects, Failure, Machine};
pub(crate) use state::{LEAST_PAUSE, REFUSED_PAUSE};

/// What a host actor is started with.
pub(crate) struct HostSetup {
    pub(crate) host: Arc<Host>,
    pub(crate) cluster: Mail<ClusterActor>,
    /// The way to each reactor's stage.
    pub(crate) coordinators: Arc<[Addr<CoordinatorActor>]>,
    pub(crate) reconnection: Arc<dyn ReconnectionPolicy>,
    pub(crate) conviction: Arc<dyn ConvictionPolicy>,
    /// Dials under way to this host at the same time.
    pub(crate) connecting: u32,
    /// What the pools get; host, reactor and owner are filled in.
    pub(crate) pool: Arc<PoolSettings>,
    pub(crate) keyspace: Option<Arc<str>>,
}

/// See the module documentation.
pub(crate) struct HostActor {
    setup: HostSetup,
    machine: Machine,
    /// What the conviction policy holds against the host.
    record: Box<dyn ConvictionRecord + Send>,
    permits: Permits,
    pools: Vec<PoolEntry>,
    timer: Option<SpawnHandle>,
    last_error: Option<ConnectError>,
    sharding: Option<Sharding>,
    schooling: Arc<Schooling>,
    stop: Option<Stop>,
    mail: Mail<Self>,
    _presence: Presence,
}

takes_mail!(HostActor);

#[derive(Default)]
struct PoolEntry {
    address: Option<Mail<PoolActor>>,
    usable: usize,
    /// Its first dial has ended, one way or the other.
    tried: bool,
}

impl HostActor {
    /// Puts a host's actor on stage.
    pub(crate) fn start(setup: HostSetup, stage: &Stage, census: &Census) -> Mail<Self> {
        let mut way = None;
        stage.start_with(|ctx| {
            let (mail, presence) = census.admit("host", ctx.address());
            way = Some(mail.clone());
            Self::new(setup, mail, presence)
        });
        way.expect("the actor was made a moment ago")
    }

    fn new(setup: HostSetup, mail: Mail<Self>, presence: Presence) -> Self {
        let reactors = setup.coordinators.len();
        Self {
            machine: Machine::new(Arc::clone(&setup.reconnection), Rng::from_entropy()),
            record: setup.conviction.record(&setup.host),
            permits: Permits::new(setup.connecting, reactors),
            pools: (0..reactors).map(|_| PoolEntry::default()).collect(),
            timer: None,
            last_error: None,
            sharding: setup.host.sharding,
            schooling: Arc::default(),
            stop: None,
            mail,
            _presence: presence,
            setup,
        }
    }

    /// Tells the cluster once every reactor knows whether it can reach the host: until then a session that was handed out
    /// could find no connection on one of its reactors.
    fn note_tried(&mut self, reactor: usize) {
        let Some(entry) = self.pools.get_mut(reactor) else { return };
        let news = !std::mem::replace(&mut entry.tried, true);
        if news && self.pools.iter().all(|pool| pool.tried) {
            self.setup.cluster.do_send(HostTried { host: self.setup.host.index });
        }
    }

    fn usable(&self) -> usize {
        self.pools.iter().map(|pool| pool.usable).sum()
    }

    fn pool_with_connection(&self) -> Option<&Mail<PoolActor>> {
        self.pools.iter().find(|pool| pool.usable > 0)?.address.as_ref()
    }

    fn perform(&mut self, effects: Effects, ctx: &mut Context<Self>) {
        if let Some(delay) = effects.timer {
            debug!(host = %self.setup.host.address, ?delay, "the next dial waits");
            self.cancel_timer(ctx);
            self.timer = Some(ctx.run_later(delay, |actor, ctx| {
                actor.timer = None;
                let effects = actor.machine.on_timer();
                actor.perform(effects, ctx);
            }));
        } else if self.machine.exhausted() && self.timer.is_none() && !self.machine.gate_open() {
            warn!(host = %self.setup.host.address, "the reconnection schedule has ended: waiting for a server to report the host up");
        }
        let host = self.setup.host.index;
        match effects.announce {
            Some(Announcement::Up) => {
                info!(host = %self.setup.host.address, "host is up");
                self.last_error = None;
                self.record.reset();
                self.setup.cluster.do_send(HostUp { host, sharding: self.sharding });
            }
            Some(Announcement::Down) => {
                self.schooling.forget();
                match &self.last_error {
                    Some(error) => warn!(host = %self.setup.host.address, %error, "host is down"),
                    None => {
                        warn!(host = %self.setup.host.address, "host is down: its last connection was lost")
                    }
                }
                self.setup.cluster.do_send(HostDown { host, error: self.last_error.clone() });
            }
            None => {}
        }
        if effects.dismiss {
            self.tell_pools(Dismiss);
        }
        if effects.dial {
            self.cancel_timer(ctx);
            self.deal();
        }
    }

    /// Whether a failed connection is held against the host although others are left.
    fn convicts(&mut self, kind: ConnectionFailureKind, lived: Duration) -> bool {
        let usable = self.usable();
        self.record.add_failure(&ConnectionFailure { kind, lived, usable }) && usable > 0
    }

    fn cancel_timer(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
    }

    /// Hands out the permits that are free, if dialling is allowed now.
    fn deal(&mut self) {
        if !self.machine.gate_open() || self.stop.is_some() {
            return;
        }
        for (reactor, count) in self.permits.deal() {
            if let Some(pool) = &self.pools[reactor].address {
                pool.do_send(MayConnect { count });
            }
        }
    }

    /// Ends once every pool was told to.
    fn try_stop(&mut self, ctx: &mut Context<Self>) {
        if self.stop.is_some() && self.pools.iter().all(|pool| pool.address.is_some()) {
            ctx.stop();
        }
    }

    fn tell_pools<M>(&self, message: M)
    where
        M: Message<Result = ()> + Clone + Send + 'static,
        PoolActor: Handler<M, Result = ()>,
    {
        for pool in self.pools.iter().filter_map(|pool| pool.address.as_ref()) {
            pool.do_send(message.clone());
        }
    }
}

impl Actor for HostActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for (reactor, coordinator) in self.setup.coordinators.iter().enumerate() {
            let setup = PoolSetup {
                host: Arc::clone(&self.setup.host),
                reactor,
                owner: self.mail.clone(),
                settings: Arc::clone(&self.setup.pool),
                keyspace: self.setup.keyspace.clone(),
                schooling: Arc::clone(&self.schooling),
            };
            coordinator.do_send(OnStage(Box::new(move |stage, port| PoolActor::start(setup, stage, port))));
        }
        let effects = self.machine.on_start();
        self.perform(effects, ctx);
    }
}

impl Handler<PoolOpened> for HostActor {
    type Result = ();

    fn handle(&mut self, opened: PoolOpened, ctx: &mut Self::Context) {
        if let Some(stop) = &self.stop {
            opened.pool.do_send(stop.clone());
        } else if let Some(keyspace) = &self.setup.keyspace {
            // It may have changed since the pool was asked for.
            opened.pool.do_send(AdoptKeyspace(Arc::clone(keyspace)));
        }
        if let Some(entry) = self.pools.get_mut(opened.reactor) {
            entry.address = Some(opened.pool);
        }
        self.try_stop(ctx);
    }
}

impl Handler<PoolState> for HostActor {
    type Result = ();

    fn handle(&mut self, state: PoolState, _: &mut Self::Context) {
        let Some(entry) = self.pools.get_mut(state.reactor) else { return };
        entry.usable = state.usable;
        self.permits.wish(state.reactor, state.missing);
        if state.sharding.is_some() && state.sharding != self.sharding {
            self.sharding = state.sharding;
            self.setup
                .cluster
                .do_send(HostSharding { host: self.setup.host.index, sharding: state.sharding });
        }
        self.deal();
    }
}

impl Handler<PermitsBack> for HostActor {
    type Result = ();

    fn handle(&mut self, back: PermitsBack, _: &mut Self::Context) {
        self.permits.give_back(back.reactor, back.count);
        self.deal();
    }
}

impl Handler<Connected> for HostActor {
    type Result = ();

    fn handle(&mut self, connected: Connected, ctx: &mut Self::Context) {
        if let Some(entry) = self.pools.get_mut(connected.reactor) {
            entry.usable += 1;
        }
        let effects = self.machine.on_ready();
        self.perform(effects, ctx);
        self.note_tried(connected.reactor);
    }
}

impl Handler<DialFailed> for HostActor {
    type Result = ();

    fn handle(&mut self, DialFailed { reactor, error }: DialFailed, ctx: &mut Self::Context) {
        let (failure, kind) = match &error {
            // Bytes that are nobody's protocol come from a server in trouble, not from another one.
            ConnectError::NotCql(Banner::Unknown(_)) => {
                (Failure::Unreachable, ConnectionFailureKind::Unreachable)
            }
            error if error.is_authentication() || error.is_mismatch() => {
                (Failure::Refused, ConnectionFailureKind::Refused)
            }
            ConnectError::Timeout { .. } => (Failure::Unreachable, ConnectionFailureKind::TimedOut),
            _ => (Failure::Unreachable, ConnectionFailureKind::Unreachable),
        };
        debug!(host = %self.setup.host.address, %error, "a dial failed");
        self.last_error = Some(error);
        let effects = match self.convicts(kind, Duration::ZERO) {
            true => self.machine.on_convicted(failure),
            false => self.machine.on_failure(failure, self.usable()),
        };
        self.perform(effects, ctx);
        self.note_tried(reactor);
    }
}

impl Handler<ConnectionLost> for HostActor {
    type Result = ();

    fn handle(&mut self, ConnectionLost { lived, kind }: ConnectionLost, ctx: &mut Self::Context) {
        let effects = match self.convicts(kind, lived) {
            true => self.machine.on_convicted(Failure::Unreachable),
            false => self.machine.on_lost(lived, self.usable()),
        };
        self.perform(effects, ctx);
    }
}

impl Handler<OutOfService> for HostActor {
    type Result = ();

    /// As if it were down already, on every reactor. When it is dialled again it is asked whether it serves before it counts as
    /// up.
    fn handle(&mut self, _: OutOfService, ctx: &mut Self::Context) {
        info!(host = %self.setup.host.address, "host says that it serves nobody");
        let effects = self.machine.on_convicted(Failure::Unreachable);
        self.perform(effects, ctx);
    }
}

impl Handler<Hint> for HostActor {
    type Result = ();

    fn handle(&mut self, hint: Hint, ctx: &mut Self::Context) {
        let effects = match hint {
            Hint::Up => self.machine.on_hint(true),
            Hint::LastResort => self.machine.on_hint(false),
            Hint::Down => {
                self.tell_pools(Probe);
                Effects::default()
            }
        };
        self.perform(effects, ctx);
    }
}

impl Handler<UseKeyspace> for HostActor {
    type Result = ();

    fn handle(&mut self, command: UseKeyspace, _: &mut Self::Context) {
        self.setup.keyspace = Some(Arc::clone(&command.keyspace));
        self.tell_pools(command);
    }
}

impl Handler<AskSchemaVersion> for HostActor {
    type Result = ();

    fn handle(&mut self, ask: AskSchemaVersion, _: &mut Self::Context) {
        match self.pool_with_connection() {
            Some(pool) => pool.do_send(ask),
            None => _ = ask.reply.send(None),
        }
    }
}

impl Handler<PrepareThere> for HostActor {
    type Result = ();

    fn handle(&mut self, there: PrepareThere, _: &mut Self::Context) {
        if let Some(pool) = self.pool_with_connection() {
            pool.do_send(there);
        }
    }
}

impl Handler<Stop> for HostActor {
    type Result = ();

    fn handle(&mut self, stop: Stop, ctx: &mut Self::Context) {
        self.machine.on_removed();
        self.tell_pools(stop.clone());
        self.stop = Some(stop);
        self.try_stop(ctx);
    }
}

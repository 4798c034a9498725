//! One actor for each host and reactor: this reactor's connections to that host.
//!
//! Owns which connections exist ([`Slots`]), and nothing about requests: the coordinator of the same reactor is told of
//! every connection that may be used and of every one that may not any more. Started by the coordinator on behalf of
//! the host's actor, which alone decides when the pool may dial. When a pool dies its connections go on until they
//! break, and are not replaced; it holds no requests whose callers could wait for ever.

mod dial;
mod fill;
mod messages;
mod schema_version;
mod shard_port;
mod slots;
mod source_port;
mod teach;
mod wanted;

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, WrapFuture};
use chorus_topology::{ConnectionFailureKind, Rng};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::debug;

use crate::config::{PoolSize, ShardAwareness};
use crate::connection::handshake::{ConnectOptions, use_statement};
use crate::connection::{ConnectionFact, ConnectionHandle, ConnectionSettings};
use crate::coordinator::CoordinatorPort;
use crate::host::{
    ConnectionLost, KeyspaceRefused, OutOfService, PermitsBack, PoolOpened, PoolState, Stop, UseKeyspace,
};
use crate::internal::{ask, options_frame, query_frame};
use crate::mail::{Census, Mail, Presence, takes_mail};
use crate::reactor::Stage;
use crate::request::CloseReason;
use crate::statements::Statements;

pub(crate) use messages::{AdoptKeyspace, Dismiss, MayConnect, PoolSetup, Probe, Schooling};

use fill::close_all;
use messages::{Fact, GiveLesson, PROBE_TIMEOUT};
use shard_port::ShardPort;
use slots::{ConnectionId, Slots};
use wanted::Wanted;
pub(crate) use wanted::owner;

/// What the pools of a session have in common.
#[derive(Debug)]
pub(crate) struct PoolSettings {
    /// How connections are opened; the version is the negotiated one, the keyspace is the pool's own matter.
    pub(crate) connect: ConnectOptions,
    /// How they behave afterwards.
    pub(crate) connection: ConnectionSettings,
    pub(crate) size: PoolSize,
    pub(crate) shards: ShardAwareness,
    pub(crate) reactors: usize,
    /// Dials under way in the whole session.
    pub(crate) budget: Arc<Semaphore>,
    pub(crate) census: Arc<Census>,
    /// What a host is told before its first connection is used; `None` for nothing.
    pub(crate) statements: Option<Arc<Statements>>,
}

/// See the module documentation.
pub(crate) struct PoolActor {
    setup: PoolSetup,
    stage: Stage,
    coordinator: Rc<CoordinatorPort>,
    slots: Slots<ConnectionHandle>,
    /// When each connection became ready.
    since: HashMap<ConnectionId, Instant>,
    shard_port: ShardPort,
    /// The host was convicted: its next connection is tried before requests are let onto it.
    on_probation: bool,
    rng: Rng,
    reported: Option<PoolState>,
    stopping: Option<Stopping>,
    mail: Mail<Self>,
    _presence: Presence,
}

takes_mail!(PoolActor);

/// A pool on its way out.
struct Stopping {
    stop: Stop,
    connections: u64,
}

impl PoolActor {
    /// Puts a pool on the stage of the reactor it is for. It tells the host that it is there.
    pub(crate) fn start(setup: PoolSetup, stage: &Stage, coordinator: &Rc<CoordinatorPort>) {
        stage.start_with(|ctx| {
            let (mail, presence) = setup.settings.census.admit("pool", ctx.address());
            Self::new(setup, stage.clone(), Rc::clone(coordinator), mail, presence)
        });
    }

    fn new(
        setup: PoolSetup,
        stage: Stage,
        coordinator: Rc<CoordinatorPort>,
        mail: Mail<Self>,
        presence: Presence,
    ) -> Self {
        let size = match (setup.settings.size, setup.settings.shards) {
            (PoolSize::PerShard(_), ShardAwareness::Off) => PoolSize::PerHost(NonZeroU16::MIN),
            (size, _) => size,
        };
        let wanted = Wanted {
            size,
            host: setup.host.index.0,
            reactor: setup.reactor,
            reactors: setup.settings.reactors,
        };
        Self {
            slots: Slots::new(wanted),
            since: HashMap::new(),
            shard_port: ShardPort::default(),
            on_probation: false,
            rng: Rng::from_entropy(),
            reported: None,
            stopping: None,
            mail,
            _presence: presence,
            setup,
            stage,
            coordinator,
        }
    }

    fn on_closed(&mut self, id: ConnectionId, reason: CloseReason, ctx: &mut Context<Self>) {
        let Some(handle) = self.slots.remove(id) else { return };
        self.coordinator.remove_connection(&handle);
        let lived = self.since.remove(&id).map(|since| since.elapsed()).unwrap_or_default();
        if self.stopping.is_some() {
            self.try_stop(ctx);
            return;
        }
        debug!(host = %self.setup.host.address, %reason, ?lived, "a connection ended");
        self.report();
        // One that was drained ends as we wanted: its replacement is there.
        if reason != CloseReason::Shutdown {
            let kind = match reason {
                CloseReason::Heartbeat => ConnectionFailureKind::TimedOut,
                _ => ConnectionFailureKind::Lost,
            };
            self.setup.owner.do_send(ConnectionLost { lived, kind });
        }
    }

    /// Ends when every connection has, or when it is time.
    fn try_stop(&mut self, ctx: &mut Context<Self>) {
        let Some(stopping) = &self.stopping else { return };
        if self.slots.open() > 0 && Instant::now() < stopping.stop.deadline {
            return;
        }
        for handle in self.slots.clear() {
            self.coordinator.remove_connection(&handle);
            handle.close();
        }
        // Nobody reads it when a host left the cluster.
        let _ = stopping.stop.closed.send(stopping.connections);
        ctx.stop();
    }
}

impl Actor for PoolActor {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        let mail = self.mail.clone();
        let teacher = Box::new(move |lesson| mail.do_send(GiveLesson(lesson)));
        self.coordinator.set_teacher(self.setup.host.index, Some(teacher));
        self.setup.owner.do_send(PoolOpened { reactor: self.setup.reactor, pool: self.mail.clone() });
        self.report();
    }
}

impl Handler<MayConnect> for PoolActor {
    type Result = ();

    fn handle(&mut self, MayConnect { count }: MayConnect, ctx: &mut Self::Context) {
        let missing = if self.stopping.is_some() { Vec::new() } else { self.slots.missing() };
        let unused = (count as usize).saturating_sub(missing.len()) as u32;
        for shard in missing.into_iter().take(count as usize) {
            self.dial(shard, ctx);
        }
        if unused > 0 {
            self.setup.owner.do_send(PermitsBack { reactor: self.setup.reactor, count: unused });
        }
        self.report();
    }
}

impl Handler<Fact> for PoolActor {
    type Result = ();

    fn handle(&mut self, Fact(fact): Fact, ctx: &mut Self::Context) {
        match fact {
            ConnectionFact::Closed { id, reason, .. } => self.on_closed(ConnectionId(id), reason, ctx),
            ConnectionFact::Saturated { id } => {
                debug!(host = %self.setup.host.address, id, "too many answers are outstanding: the connection is replaced");
                self.slots.replace(ConnectionId(id));
                self.report();
            }
            // One that leaves was told of before.
            ConnectionFact::OutOfService { id } if self.slots.serves(ConnectionId(id)) => {
                self.setup.owner.do_send(OutOfService);
            }
            ConnectionFact::OutOfService { .. } => {}
        }
    }
}

impl Handler<Probe> for PoolActor {
    type Result = ();

    fn handle(&mut self, _: Probe, ctx: &mut Self::Context) {
        for handle in self.slots.iter().cloned() {
            let timeout = PROBE_TIMEOUT.min(self.setup.settings.connection.heartbeat_timeout);
            let probe = async move {
                let answer = ask(&handle, Ok(options_frame(&handle.shape)), timeout);
                // One that leaves says so in an error, and lets what it is at be answered.
                if let Err(error) = answer.await
                    && !error.is_database()
                {
                    debug!(address = %handle.address, %error, "a probed connection did not answer");
                    handle.close();
                }
            };
            ctx.spawn(probe.into_actor(self));
        }
    }
}

impl Handler<Dismiss> for PoolActor {
    type Result = ();

    fn handle(&mut self, _: Dismiss, _: &mut Self::Context) {
        self.on_probation = true;
        for id in self.slots.dismiss() {
            if let Some(handle) = self.slots.handle(id) {
                self.coordinator.remove_connection(handle);
                handle.drain();
            }
        }
        self.report();
    }
}

impl Handler<AdoptKeyspace> for PoolActor {
    type Result = ();

    fn handle(&mut self, AdoptKeyspace(keyspace): AdoptKeyspace, _: &mut Self::Context) {
        // Nothing was dialled before the host knew of us, so there is no connection to change.
        self.setup.keyspace = Some(keyspace);
    }
}

impl Handler<UseKeyspace> for PoolActor {
    type Result = ();

    /// Every connection changes; one that does not is closed, because it would answer from another keyspace.
    fn handle(&mut self, command: UseKeyspace, ctx: &mut Self::Context) {
        self.setup.keyspace = Some(Arc::clone(&command.keyspace));
        let text = use_statement(&command.keyspace);
        for handle in self.slots.iter().cloned() {
            let (frame, reply, timeout) =
                (query_frame(&handle.shape, &text), command.reply.clone(), command.timeout);
            let change = async move {
                let result = ask(&handle, frame, timeout).await.map(drop).map_err(|error| {
                    handle.close();
                    KeyspaceRefused { address: handle.address, reason: error.to_string().into() }
                });
                // Whoever asked may have stopped waiting.
                let _ = reply.send(result);
            };
            ctx.spawn(change.into_actor(self));
        }
    }
}

impl Handler<Stop> for PoolActor {
    type Result = ();

    fn handle(&mut self, stop: Stop, ctx: &mut Self::Context) {
        if self.stopping.is_some() {
            return;
        }
        self.coordinator.set_teacher(self.setup.host.index, None);
        close_all(self.slots.wind_up());
        for handle in self.slots.iter() {
            handle.drain();
        }
        self.coordinator.set_target(self.setup.host.index, 0);
        let deadline = stop.deadline;
        self.stopping = Some(Stopping { stop, connections: self.slots.open() as u64 });
        ctx.run_later(deadline.saturating_duration_since(Instant::now()), |actor, ctx| actor.try_stop(ctx));
        self.try_stop(ctx);
    }
}

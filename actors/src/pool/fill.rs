//! How a pool gets its connections: dials, judges what comes of them, tells the coordinator and the host.

use std::rc::Rc;
use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use chorus_topology::{Rng, Sharding};
use tokio::time::Instant;
use tracing::warn;

use super::PoolActor;
use super::dial::{Dial, Dialled, shards_of};
use super::messages::{Fact, PROBE_TIMEOUT};
use super::slots::{ConnectionId, Shard, Verdict};
use super::teach::Lessons;
use crate::config::ShardAwareness;
use crate::connection::handshake::{ConnectError, Established, Phase};
use crate::connection::{self, ConnectionHandle, Owner, Wire};
use crate::host::{Connected, DialFailed, PermitsBack, PoolState};
use crate::internal::{ask, options_frame};

impl PoolActor {
    /// Tells the host the whole state, if it changed.
    pub(super) fn report(&mut self) {
        let state = PoolState {
            reactor: self.setup.reactor,
            usable: self.slots.usable(),
            missing: self.slots.missing().len() as u32,
            sharding: self.slots.sharding(),
        };
        self.coordinator.set_target(self.setup.host.index, self.target());
        if self.reported != Some(state) && self.stopping.is_none() {
            self.reported = Some(state);
            self.setup.owner.do_send(state);
        }
    }

    /// How many connections there should be: none once the host left.
    fn target(&self) -> u32 {
        if self.stopping.is_some() { 0 } else { self.slots.target() }
    }

    pub(super) fn dial(&mut self, shard: Shard, ctx: &mut Context<Self>) {
        self.slots.on_dial(shard);
        let through = match (shard, self.slots.sharding(), self.setup.settings.shards) {
            (Some(shard), Some(sharding), ShardAwareness::Full) => {
                let port = self.shard_port.usable(Instant::now());
                let way = port.and_then(|port| self.setup.host.endpoint.with_shard_port(port));
                way.map(|way| (way, shard, sharding.nr_shards))
            }
            _ => None,
        };
        let mut options = self.setup.settings.connect.clone();
        options.keyspace = self.setup.keyspace.clone();
        let keyspace = options.keyspace.clone();
        let wanted = through.as_ref().map(|(_, shard, _)| *shard);
        let dial = Dial {
            endpoint: self.setup.host.endpoint.clone(),
            through,
            options,
            budget: Arc::clone(&self.setup.settings.budget),
            rng: Rng::seeded(self.rng.next_u64()),
        };
        let dialled = dial.run().into_actor(self);
        let introduced = dialled.then({
            let keyspace = keyspace.clone();
            move |dialled, actor, _| actor.introduce(dialled, keyspace).into_actor(actor)
        });
        let done = introduced.map(move |(newcomer, port_failed), actor, _| {
            actor.slots.on_dialled(shard);
            if port_failed {
                actor.avoid_shard_port("cannot be reached");
            }
            actor.on_introduced(newcomer, wanted, keyspace.as_deref());
            actor.setup.owner.do_send(PermitsBack { reactor: actor.setup.reactor, count: 1 });
        });
        ctx.spawn(done);
    }

    /// Sets a connection going, and tells the host what the session has prepared when it is the only one: no request is let
    /// onto it before.
    fn introduce(
        &self,
        Dialled { outcome, port_failed }: Dialled,
        keyspace: Option<Arc<str>>,
    ) -> impl Future<Output = (Result<Newcomer, ConnectError>, bool)> + use<> {
        let newcomer = outcome.map(|established| self.set_going(established));
        let is_first = self.slots.usable() == 0 && self.stopping.is_none();
        let known = self.setup.settings.statements.as_ref().filter(|_| is_first && newcomer.is_ok());
        let statements = known.map(|known| known.alive()).unwrap_or_default();
        let schooling = Arc::clone(&self.setup.schooling);
        let term = schooling.term();
        let on_probation = self.on_probation;
        async move {
            if let Ok(newcomer) = &newcomer
                && on_probation
                && let Err(error) = newcomer.probe().await
            {
                newcomer.handle.close();
                return (Err(error), port_failed);
            }
            if let Ok(newcomer) = &newcomer
                && !statements.is_empty()
            {
                let mut told = schooling.told.lock().await;
                // Connections to several shards, and of several reactors, come at the same time; what one of them was told the
                // host knows.
                if *told < term {
                    Lessons { statements, keyspace }.teach(&newcomer.handle).await;
                    // Where the connection was lost on the way, the next one tells it.
                    if newcomer.is_alive() {
                        *told = term;
                    }
                }
                drop(told);
                if !newcomer.is_alive() {
                    return (Err(ConnectError::Closed { during: Phase::Statements }), port_failed);
                }
            }
            (newcomer, port_failed)
        }
    }

    fn on_introduced(
        &mut self,
        newcomer: Result<Newcomer, ConnectError>,
        wanted: Shard,
        keyspace: Option<&str>,
    ) {
        self.coordinator.dialled(newcomer.as_ref().err().map_or("ok", ConnectError::label));
        match newcomer {
            Ok(newcomer) if self.stopping.is_some() => newcomer.handle.close(),
            Err(_) if self.stopping.is_some() => {}
            Ok(newcomer) if keyspace == self.setup.keyspace.as_deref() => self.take_in(newcomer, wanted),
            // The keyspace changed under way: the connection would use the old one. Dialling again is simplest.
            Ok(newcomer) => {
                newcomer.handle.close();
                self.report();
            }
            Err(error) => self.on_failed(error),
        }
    }

    fn set_going(&self, established: Established) -> Newcomer {
        let shards = match self.setup.settings.shards {
            ShardAwareness::Off => None,
            _ => shards_of(&established.supported, established.stream.is_encrypted()),
        };
        let (sharding, shard, port) = match shards {
            Some((sharding, shard, port)) => (Some(sharding), Some(shard), port),
            None => (None, None, None),
        };
        Newcomer { handle: self.adopt(established, shard), sharding, shard, port }
    }

    fn take_in(&mut self, newcomer: Newcomer, wanted: Shard) {
        let Newcomer { handle, sharding, shard, port } = newcomer;
        self.on_probation = false;
        self.shard_port.learn(port);
        if wanted.is_some() && shard != wanted {
            // Believe SCYLLA_SHARD, not the port.
            self.avoid_shard_port("leads to other shards, is there address translation in between?");
        }
        match self.slots.judge(shard, sharding) {
            Verdict::Close => handle.close(),
            Verdict::Park => close_all(self.slots.park(handle)),
            Verdict::Keep => {
                let id = ConnectionId(handle.id);
                self.since.insert(id, Instant::now());
                let replaced = self.slots.insert(id, shard, Rc::clone(&handle));
                self.coordinator.add_connection(handle);
                for old in replaced.into_iter().filter_map(|id| self.slots.handle(id)) {
                    self.coordinator.remove_connection(old);
                    old.drain();
                    // Its window may be full of answers that never come: what waits for room there would wait in vain.
                    self.coordinator.reclaim(old);
                }
                close_all(self.slots.surplus());
                self.setup.owner.do_send(Connected { reactor: self.setup.reactor });
            }
        }
        self.report();
    }

    pub(super) fn adopt(&self, established: Established, shard: Shard) -> ConnectionHandle {
        let wire = Wire {
            socket: established.stream,
            // The host's, whichever way led there.
            address: self.setup.host.address,
            leftover: established.leftover.into(),
            shape: established.shape,
            compression: established.compression,
            shard,
        };
        let pool = self.mail.clone();
        let owner = Owner { fact: Box::new(move |fact| pool.do_send(Fact(fact))), event: None };
        let settings = self.setup.settings.connection.clone();
        connection::start(&self.stage, wire, self.setup.host.index, settings, &self.coordinator, owner)
    }

    pub(super) fn on_failed(&mut self, error: ConnectError) {
        self.setup.owner.do_send(DialFailed { reactor: self.setup.reactor, error });
        self.report();
    }

    pub(super) fn avoid_shard_port(&mut self, why: &str) {
        if self.shard_port.avoid(Instant::now()) {
            warn!(host = %self.setup.host.address, "the shard-aware port {why}; it is avoided for ten minutes");
        }
    }
}

/// A connection that was set going and that requests do not know of yet.
struct Newcomer {
    handle: ConnectionHandle,
    sharding: Option<Sharding>,
    shard: Shard,
    port: Option<u16>,
}

impl Newcomer {
    /// Whether requests can be sent on it, as far as this side knows.
    fn is_alive(&self) -> bool {
        self.handle.is_open() && !self.handle.is_closed()
    }

    /// Whether the server serves. One that leaves lets connections in, and refuses what is asked on them.
    async fn probe(&self) -> Result<(), ConnectError> {
        match ask(&self.handle, Ok(options_frame(&self.handle.shape)), PROBE_TIMEOUT).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.into_connect(Phase::Probe)),
        }
    }
}

/// Closes connections that no request was ever sent on.
pub(super) fn close_all(handles: Vec<ConnectionHandle>) {
    for handle in handles {
        handle.close();
    }
}

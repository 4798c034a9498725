//! The hosts we talk to, and the actors in charge of them.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use chorus_protocol::FrameShape;
use chorus_topology::{Distance, Endpoint, Host, HostIndex, Rng, Route};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tracing::info;
use uuid::Uuid;

use super::ClusterActor;
use super::readiness::FirstAttempt;
use crate::config::{ControlConnectionFallback, Directory, EngineConfig};
use crate::connection::ConnectionSettings;
use crate::connection::handshake::{ConnectAttempt, ConnectError, ConnectOptions, Versions};
use crate::coordinator::CoordinatorActor;
use crate::host::{AskSchemaVersion, Hint, HostActor, HostSetup, PrepareThere, Stop, UseKeyspace};
use crate::mail::{Census, Mail};
use crate::pool::PoolSettings;
use crate::reactor::Stage;
use crate::statements::Statements;

/// Connections to a host that left get this long for what is in flight on them.
const LEAVE: Duration = Duration::from_secs(10);

/// Hosts tried at once when none is left.
const LAST_RESORT: usize = 16;

/// The hosts that have an actor, by number. Hosts that the policy ignores have none.
pub(super) struct Members {
    hosts: BTreeMap<HostIndex, Member>,
    stage: Stage,
    coordinators: Arc<[Addr<CoordinatorActor>]>,
    config: Arc<EngineConfig>,
    connection: ConnectionSettings,
    /// The session's budget of dials under way.
    budget: Arc<Semaphore>,
    census: Arc<Census>,
    /// The ways to hosts, as far as they were learned.
    directory: Arc<Directory>,
    /// What hosts are told when they come up.
    statements: Arc<Statements>,
}

struct Member {
    host: Arc<Host>,
    distance: Distance,
    actor: Mail<HostActor>,
    up: bool,
    first: FirstAttempt,
    last_error: Option<ConnectError>,
}

/// What an update changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Ways that lead to no member any more, with the member that left for good.
    pub(super) left: Vec<(Endpoint, Option<Uuid>)>,
    /// Hosts that are being connected to for the first time, or at a new address.
    pub(super) started: Vec<HostIndex>,
}

impl Members {
    pub(super) fn new(
        config: &Arc<EngineConfig>,
        connection: ConnectionSettings,
        coordinators: Arc<[Addr<CoordinatorActor>]>,
        stage: Stage,
        census: Arc<Census>,
        directory: Arc<Directory>,
        statements: Arc<Statements>,
    ) -> Self {
        Self {
            hosts: BTreeMap::new(),
            stage,
            coordinators,
            budget: Arc::new(Semaphore::new(config.limits.connecting_per_session as usize)),
            config: Arc::clone(config),
            census,
            connection,
            directory,
            statements,
        }
    }

    /// Starts and ends host actors so that they are those of `route`.
    ///
    /// A host whose address changed gets a new actor; the old one lets its connections finish what they are at.
    pub(super) fn update(
        &mut self,
        route: &Route,
        shape: FrameShape,
        keyspace: Option<Arc<str>>,
        cluster: Mail<ClusterActor>,
    ) -> Changes {
        let mut changes = Changes::default();
        let wanted: BTreeMap<HostIndex, (&Arc<Host>, Distance)> = (route.hosts().iter())
            .filter(|entry| entry.member && self.connects_to(entry.distance))
            .map(|entry| (entry.host.index, (&entry.host, entry.distance)))
            .collect();
        let gone: Vec<HostIndex> = (self.hosts.iter())
            .filter(|(index, member)| {
                wanted.get(index).is_none_or(|(host, _)| {
                    (host.address, &host.endpoint) != (member.host.address, &member.host.endpoint)
                })
            })
            .map(|(index, _)| *index)
            .collect();
        for index in gone {
            if let Some(member) = self.hosts.remove(&index) {
                info!(host = %member.host.address, "host left, moved or is ignored now");
                let gone = (!wanted.contains_key(&index)).then_some(member.host.id);
                changes.left.push((member.host.endpoint.clone(), gone));
                stop(&member);
            }
        }
        for (index, (host, distance)) in wanted {
            match self.hosts.get_mut(&index) {
                Some(member) => {
                    member.host = Arc::clone(host);
                    member.distance = distance;
                }
                None => {
                    let member = self.start(host, distance, shape, keyspace.clone(), cluster.clone());
                    self.hosts.insert(index, member);
                    changes.started.push(index);
                }
            }
        }
        changes
    }

    fn connects_to(&self, distance: Distance) -> bool {
        if self.config.control_connection_fallback == ControlConnectionFallback::SkipPoolCreation {
            return false;
        }
        match distance {
            Distance::LocalRack | Distance::Local => true,
            Distance::Remote => self.config.connect_to_remote_hosts,
            Distance::Ignored => false,
        }
    }

    fn start(
        &self,
        host: &Arc<Host>,
        distance: Distance,
        shape: FrameShape,
        keyspace: Option<Arc<str>>,
        cluster: Mail<ClusterActor>,
    ) -> Member {
        info!(host = %host.address, endpoint = %host.endpoint, datacenter = %host.datacenter, rack = %host.rack, "new host");
        let mut connect = ConnectOptions::from_config(&self.config);
        connect.versions = Versions::Only(shape.version);
        connect.request_extensions = shape.request_extensions();
        connect.directory = Arc::clone(&self.directory);
        let pool = PoolSettings {
            connect,
            connection: ConnectionSettings {
                request_extensions: shape.request_extensions(),
                ..self.connection.clone()
            },
            size: self.config.pool_size,
            shards: self.config.shard_awareness,
            reactors: self.coordinators.len(),
            budget: Arc::clone(&self.budget),
            census: Arc::clone(&self.census),
            statements: self.config.reprepare_on_up.then(|| Arc::clone(&self.statements)),
        };
        let setup = HostSetup {
            host: Arc::clone(host),
            cluster,
            coordinators: Arc::clone(&self.coordinators),
            reconnection: Arc::clone(&self.config.reconnection),
            conviction: Arc::clone(&self.config.conviction),
            connecting: self.config.limits.connecting_per_host,
            pool: Arc::new(pool),
            keyspace,
        };
        let actor = HostActor::start(setup, &self.stage, &self.census);
        Member {
            host: Arc::clone(host),
            distance,
            actor,
            up: false,
            first: FirstAttempt::Running,
            last_error: None,
        }
    }

    /// A host came up. True when that is news.
    pub(super) fn on_up(&mut self, host: HostIndex) -> bool {
        let Some(member) = self.hosts.get_mut(&host) else { return false };
        member.last_error = None;
        !std::mem::replace(&mut member.up, true)
    }

    /// Every reactor has tried the host.
    pub(super) fn on_tried(&mut self, host: HostIndex) {
        if let Some(member) = self.hosts.get_mut(&host) {
            member.first = if member.up { FirstAttempt::Succeeded } else { FirstAttempt::Failed };
        }
    }

    /// A host went down, or its first attempt failed. True when it was up.
    pub(super) fn on_down(&mut self, host: HostIndex, error: Option<ConnectError>) -> bool {
        let Some(member) = self.hosts.get_mut(&host) else { return false };
        member.last_error = error;
        std::mem::replace(&mut member.up, false)
    }

    /// Passes a hint to the host at `address`. False when there is none.
    pub(super) fn tell(&self, address: SocketAddr, hint: Hint) -> bool {
        let member = self.hosts.values().find(|member| member.host.address == address);
        if let Some(member) = member {
            member.actor.do_send(hint);
        }
        member.is_some()
    }

    /// Passes a hint to a host. Nothing happens when there is none.
    pub(super) fn tell_host(&self, host: Uuid, hint: Hint) {
        if let Some(member) = self.hosts.values().find(|member| member.host.id == host) {
            member.actor.do_send(hint);
        }
    }

    /// Passes a hint to every host that is down.
    pub(super) fn tell_down(&self, hint: Hint) {
        for member in self.hosts.values().filter(|member| !member.up && member.first != FirstAttempt::Running)
        {
            member.actor.do_send(hint);
        }
    }

    /// Passes a hint to a few hosts, chosen by chance.
    pub(super) fn tell_some(&self, hint: Hint, rng: &mut Rng) {
        let count = self.hosts.len();
        let from = rng.below(count as u32) as usize;
        for member in self.hosts.values().cycle().skip(from).take(count.min(LAST_RESORT)) {
            member.actor.do_send(hint);
        }
    }

    /// Passes a change of keyspace to every host.
    pub(super) fn tell_all(&self, command: UseKeyspace) {
        for member in self.hosts.values() {
            member.actor.do_send(command.clone());
        }
    }

    /// Asks each host that is up, and not farther away, which schema it has. Each answers once; the channel closes when all
    /// have.
    pub(super) fn ask_schema_versions(
        &self,
        farthest: Distance,
        timeout: Duration,
        reply: mpsc::UnboundedSender<Option<Uuid>>,
    ) {
        for member in self.hosts.values().filter(|member| member.up && member.distance <= farthest) {
            member.actor.do_send(AskSchemaVersion { timeout, reply: reply.clone() });
        }
    }

    /// Has each host that is up, but `host`, prepare a statement. False when there is no other.
    pub(super) fn prepare_except(&self, host: HostIndex, there: &PrepareThere) -> bool {
        let mut others = self.hosts.iter().filter(|(index, member)| **index != host && member.up).peekable();
        let any = others.peek().is_some();
        others.for_each(|(_, member)| member.actor.do_send(there.clone()));
        any
    }

    /// Ends every host actor.
    pub(super) fn stop_all(&mut self, stop: Stop) {
        for member in std::mem::take(&mut self.hosts).into_values() {
            member.actor.do_send(stop.clone());
        }
    }

    /// Where a control connection may go: hosts that are up first, near ones before far ones.
    pub(super) fn plan(&self) -> Vec<Endpoint> {
        let mut members: Vec<&Member> = self.hosts.values().collect();
        members.sort_by_key(|member| (!member.up, member.distance));
        members.into_iter().map(|member| member.host.endpoint.clone()).collect()
    }

    /// Hosts that some reactor has not tried yet.
    pub(super) fn being_tried(&self) -> impl Iterator<Item = HostIndex> {
        let running = self.hosts.iter().filter(|(_, member)| member.first == FirstAttempt::Running);
        running.map(|(index, _)| *index)
    }

    /// How the first attempt on each host went.
    pub(super) fn first_attempts(&self) -> impl Iterator<Item = FirstAttempt> {
        self.hosts.values().map(|member| member.first)
    }

    /// The last error of each host that is down.
    pub(super) fn failures(&self) -> Arc<[ConnectAttempt]> {
        (self.hosts.values())
            .filter_map(|member| {
                let error = member.last_error.clone()?;
                Some(ConnectAttempt { endpoint: Some(member.host.endpoint.clone()), error })
            })
            .collect()
    }

    /// Identities of hosts that are known to be down.
    pub(super) fn down_hosts(&self) -> HashSet<Uuid> {
        (self.hosts.values())
            .filter(|member| !member.up && member.first != FirstAttempt::Running)
            .map(|member| member.host.id)
            .collect()
    }

    /// Whether any host serves.
    pub(super) fn any_up(&self) -> bool {
        self.hosts.values().any(|member| member.up)
    }

    /// Whether there is no host at all.
    pub(super) fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }
}

/// Ends a host actor whose report nobody reads.
fn stop(member: &Member) {
    let (closed, _) = mpsc::unbounded_channel();
    member.actor.do_send(Stop { deadline: Instant::now() + LEAVE, closed });
}

//! The control connection itself: an ordinary connection whose events are gathered and whose end is told.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use chorus_protocol::{FrameShape, response::Event};
use chorus_topology::rows::{SchemaLayout, SchemaSource, SchemaTable, ServerFamily};
use chorus_topology::{Endpoint, HostIndex};
use tokio::time::Instant;
use uuid::Uuid;

use super::ControlActor;
use super::messages::{EventsArrived, LinkFact};
use super::pending::Pending;
use crate::connection::handshake::Established;
use crate::connection::{self, ConnectionHandle, ConnectionSettings, Owner, Wire};
use crate::coordinator::CoordinatorPort;
use crate::mail::Mail;
use crate::reactor::Stage;

/// The number of the host that the control connection leads to, as far as pools are concerned: none of them.
const NO_HOST: HostIndex = HostIndex(u32::MAX);

/// What Astra says in SUPPORTED that it is.
const ASTRA: &str = "DATASTAX_APOLLO";

/// Events noted by the connection and not yet acted upon by the actor; both run on the same reactor.
#[derive(Clone)]
pub(super) struct Inbox {
    pub(super) pending: Rc<RefCell<Pending>>,
    /// The actor was told that there is something, and has not looked yet.
    told: Rc<Cell<bool>>,
    /// Events that came, in the order of [`ControlSnapshot::EVENTS`](crate::metrics::ControlSnapshot::EVENTS).
    pub(super) came: Rc<Cell<[u64; 4]>>,
    epoch: Instant,
}

impl Inbox {
    pub(super) fn new(pending: Pending) -> Self {
        Self {
            pending: Rc::new(RefCell::new(pending)),
            told: Rc::default(),
            came: Rc::default(),
            epoch: Instant::now(),
        }
    }

    fn count(&self, event: &Event) {
        let kind = match event {
            Event::TopologyChange { .. } => 0,
            Event::StatusChange { .. } => 1,
            Event::SchemaChange(_) => 2,
            Event::ClientRoutesChange(_) => 3,
        };
        let mut came = self.came.get();
        came[kind] += 1;
        self.came.set(came);
    }

    /// Milliseconds on the clock of the gathered events.
    pub(super) fn now(&self) -> u64 {
        self.epoch.elapsed().as_millis() as u64
    }

    /// The actor looks: the next event tells it again.
    pub(super) fn looked(&self) {
        self.told.set(false);
    }
}

/// Makes control connections out of established ones.
pub(super) struct LinkMaker {
    pub(super) stage: Stage,
    pub(super) coordinator: Rc<CoordinatorPort>,
    pub(super) settings: ConnectionSettings,
    pub(super) actor: Mail<ControlActor>,
    pub(super) inbox: Inbox,
}

impl LinkMaker {
    pub(super) fn start(&self, established: Established, endpoint: Endpoint) -> Link {
        let sharded = established.supported.shard_info().is_some();
        let is_astra = established.supported.product_type() == Some(ASTRA);
        let wire = Wire {
            socket: established.stream,
            address: established.address,
            leftover: established.leftover.into(),
            shape: established.shape,
            compression: established.compression,
            shard: None,
        };
        let (on_fact, on_event, inbox) = (self.actor.clone(), self.actor.clone(), self.inbox.clone());
        let owner = Owner {
            fact: Box::new(move |fact| on_fact.do_send(LinkFact(fact))),
            event: Some(Box::new(move |event| {
                inbox.count(&event);
                inbox.pending.borrow_mut().on_event(&event, inbox.now());
                if !inbox.told.replace(true) {
                    on_event.do_send(EventsArrived);
                }
            })),
        };
        let handle =
            connection::start(&self.stage, wire, NO_HOST, self.settings.clone(), &self.coordinator, owner);
        let family = if sharded { ServerFamily::Scylla } else { ServerFamily::Cassandra };
        Link {
            handle,
            endpoint,
            host: Cell::default(),
            source: RefCell::new(SchemaSource::new(family)),
            is_astra,
            old_peers: Cell::new(sharded),
            lacking: RefCell::default(),
        }
    }
}

/// A control connection. Dropping it closes the socket.
pub(super) struct Link {
    handle: ConnectionHandle,
    /// The way it was opened.
    endpoint: Endpoint,
    /// The host it leads to, once that told.
    host: Cell<Option<Uuid>>,
    /// What the server is, as far as it told.
    source: RefCell<SchemaSource>,
    is_astra: bool,
    /// The server has no `peers_v2`.
    old_peers: Cell<bool>,
    /// The schema tables that the server turned out not to have.
    lacking: RefCell<BTreeSet<SchemaTable>>,
}

impl Link {
    pub(super) fn handle(&self) -> &ConnectionHandle {
        &self.handle
    }

    pub(super) fn id(&self) -> u64 {
        self.handle.id
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it leads to this host.
    pub(super) fn is_to(&self, host: Uuid) -> bool {
        self.host.get() == Some(host)
    }

    /// The host told who it is.
    pub(super) fn note_host(&self, host: Option<Uuid>) {
        self.host.set(host);
    }

    pub(super) fn shape(&self) -> FrameShape {
        self.handle.shape
    }

    /// Whether queries take ScyllaDB's extensions.
    pub(super) fn is_scylla(&self) -> bool {
        self.source.borrow().family() == ServerFamily::Scylla
    }

    /// Whether the server told that it is DataStax Astra, which refuses writes at the usual consistency.
    pub(super) fn is_astra(&self) -> bool {
        self.is_astra
    }

    /// The server told its version, and that of DataStax Enterprise if it is one.
    pub(super) fn note_versions(&self, release: Option<&str>, dse: Option<&str>) {
        let family = self.source.borrow().family();
        self.source.replace(SchemaSource::new(family).of_versions(release, dse));
    }

    /// Where the server keeps its schema.
    pub(super) fn layout(&self) -> SchemaLayout {
        self.source.borrow().layout()
    }

    /// Whether a schema table is worth asking for.
    pub(super) fn may_have(&self, table: SchemaTable) -> bool {
        self.source.borrow().may_have(table) && !self.lacking.borrow().contains(&table)
    }

    /// The server does not have this table; it is not asked for again on this connection.
    pub(super) fn remember_lack_of(&self, table: SchemaTable) {
        self.lacking.borrow_mut().insert(table);
    }

    /// Whether `system.peers` is to be read instead of `system.peers_v2`.
    pub(super) fn has_old_peers(&self) -> bool {
        self.old_peers.get()
    }

    /// `peers_v2` was refused; it is not asked for again on this connection.
    pub(super) fn remember_old_peers(&self) {
        self.old_peers.set(true);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.handle.close();
    }
}

//! One member of a cluster as its connections see it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::time::{Duration, Instant};

use chorus_protocol::Event;
use tokio::sync::{broadcast, watch};

use super::auth::Credentials;
use super::fault::FaultRules;
use super::limits::Limits;
use super::prepared::PreparedStore;
use super::statement::Prepared;
use crate::Database;
use crate::cluster::{Member, Roster};
use crate::system::Traces;

/// Events a client may leave unread before it is disconnected.
const EVENT_BACKLOG: usize = 4096;

/// What the nodes of a cluster share.
pub(crate) struct Shared {
    pub(crate) roster: Arc<Roster>,
    pub(crate) database: Arc<Database>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) faults: FaultRules,
    pub(crate) limits: Limits,
    /// Who may connect; anybody if `None`.
    pub(crate) credentials: Option<Credentials>,
    /// What registered clients are told.
    pub(crate) events: broadcast::Sender<Arc<Event>>,
    /// The numbers of the nodes that are down, and how many they are.
    down: RwLock<Vec<usize>>,
    down_count: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(
        roster: Arc<Roster>,
        database: Arc<Database>,
        traces: Arc<Traces>,
        faults: FaultRules,
        limits: Limits,
        credentials: Option<Credentials>,
    ) -> Self {
        let (events, _) = broadcast::channel(EVENT_BACKLOG);
        let (down, down_count) = (RwLock::default(), AtomicUsize::new(0));
        Self { roster, database, traces, faults, limits, credentials, events, down, down_count }
    }

    /// Notes that a node is up or down.
    pub(crate) fn mark(&self, node: usize, up: bool) {
        let mut down = self.down.write().expect("no code panics with the lock held");
        down.retain(|other| *other != node);
        if !up {
            down.push(node);
        }
        self.down_count.store(down.len(), Ordering::Release);
    }

    /// The nodes that are down; `None`, found out without a lock, when there are none.
    pub(crate) fn down(&self) -> Option<Vec<usize>> {
        if self.down_count.load(Ordering::Acquire) == 0 {
            return None;
        }
        Some(self.down.read().expect("no code panics with the lock held").clone())
    }

    /// Tells every registered client of every node.
    pub(crate) fn broadcast(&self, event: Event) {
        // Nobody listening is not an error.
        let _ = self.events.send(Arc::new(event));
    }
}

/// A node: what it remembers, who is connected, and whether it is to stop.
pub(crate) struct Node {
    pub(crate) index: usize,
    pub(crate) member: Arc<Member>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) prepared: PreparedStore<Prepared>,
    pub(crate) counters: Counters,
    /// True while nobody may be connected.
    pub(crate) stopped: watch::Sender<bool>,
    presence: Presence,
}

/// What a node has done since its cluster was started.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
}

/// How many listeners and connections there are, for whoever waits for the last one.
#[derive(Default)]
struct Presence {
    tasks: Mutex<usize>,
    gone: Condvar,
    connections: AtomicUsize,
    unready: AtomicUsize,
}

impl Node {
    pub(crate) fn new(member: Arc<Member>, shared: Arc<Shared>) -> Self {
        let prepared = PreparedStore::new(shared.limits.max_prepared);
        let (stopped, _) = watch::channel(true);
        Self {
            index: member.index,
            member,
            shared,
            prepared,
            counters: Counters::default(),
            stopped,
            presence: Presence::default(),
        }
    }

    /// Connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.presence.connections.load(Ordering::Relaxed)
    }

    /// Waits until listener and connections are gone; false if they are not in time.
    pub(crate) fn wait_until_gone(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut tasks = self.presence.tasks.lock().expect("no code panics with the lock held");
        while *tasks > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (tasks, _) =
                self.presence.gone.wait_timeout(tasks, left).expect("no code panics with the lock held");
        }
        true
    }
}

/// Held by a task that serves for a node.
pub(crate) struct TaskGuard {
    node: Arc<Node>,
}

impl TaskGuard {
    pub(crate) fn new(node: &Arc<Node>) -> Self {
        *node.presence.tasks.lock().expect("no code panics with the lock held") += 1;
        Self { node: Arc::clone(node) }
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        *self.node.presence.tasks.lock().expect("no code panics with the lock held") -= 1;
        self.node.presence.gone.notify_all();
    }
}

/// Held by a connection: its place among the connections a node allows.
pub(crate) struct Admission {
    task: TaskGuard,
    unready: bool,
}

impl Admission {
    /// A place for one more client that has not said who it is, if there is one.
    pub(crate) fn request(node: &Arc<Node>) -> Option<Self> {
        let limits = &node.shared.limits;
        let presence = &node.presence;
        if presence.connections.load(Ordering::Relaxed) >= limits.max_connections
            || presence.unready.load(Ordering::Relaxed) >= limits.max_unready_connections
        {
            return None;
        }
        presence.connections.fetch_add(1, Ordering::Relaxed);
        presence.unready.fetch_add(1, Ordering::Relaxed);
        node.counters.connections.fetch_add(1, Ordering::Relaxed);
        Some(Self { task: TaskGuard::new(node), unready: true })
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.task.node
    }

    /// The client has finished its handshake.
    pub(crate) fn ready(&mut self) {
        if std::mem::take(&mut self.unready) {
            self.task.node.presence.unready.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.ready();
        self.task.node.presence.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
